"""What an import did: which column became what, what was assumed, what was left out."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ImportReport", "describe_import"]

_FORMATS = {
    "plain": "plain cell plan",
    "atoll": "Atoll tables",
    "planet": "Planet sheet",
    "opencellid": "crowd-sourced cells such as OpenCelliD's (estimated positions)",
    "sites": "list of sites with positions only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """How tables became a network.

    Parameters
    ----------
    format : str
        ``plain``, ``atoll``, ``planet``, ``opencellid`` or ``sites``.
    mapped : dict
        Our field to the file's column (with its table for Atoll).
    ignored : tuple of str
        Columns that were not used.
    assumed : dict
        Field to the number of cells in which it was filled from the assumptions.
    skipped : dict
        Reason to number of rows.
    merged : int
        Rows that say what another row says.
    notes : tuple of str
        English sentences on what was decided or looks odd.
    """

    format: str
    mapped: dict[str, str]
    ignored: tuple[str, ...] = ()
    assumed: dict[str, int]
    skipped: dict[str, int]
    merged: int = 0
    notes: tuple[str, ...] = ()


def describe_import(report: ImportReport) -> str:
    """Return the report as lines of text for a terminal."""
    width = max((len(field) for field in report.mapped), default=0)
    lines = [f"read as: {_FORMATS.get(report.format, report.format)}", "columns:"]
    lines += [f"  {field:<{width}}  <- {column}" for field, column in report.mapped.items()]
    if report.ignored:
        lines.append(f"  not used: {', '.join(report.ignored)}")
    for title, counts, unit in (
        ("assumed (from network.assume):", report.assumed, "cell"),
        ("left out:", report.skipped, "row"),
    ):
        if counts:
            lines.append(title)
            lines += [f"  {name}: {n} {unit}{'s' * (n != 1)}" for name, n in counts.items()]
    if report.merged:
        lines.append(f"merged with a row that says the same: {report.merged}")
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines)
