"""What an import did: which column became what, what was assumed, what was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lensong.coverage.network import AsRead

__all__ = ["ImportReport", "describe_import", "describe_rows"]

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


def describe_rows(entries: Sequence[AsRead]) -> list[str]:
    """Return what became of the rows: an example of one that is used, then those that are not."""
    fates: dict[tuple[str, str], dict[str, int]] = {}
    used: dict[str, list[AsRead]] = {}
    for entry in entries:
        if entry.fate in ("left out", "merged"):
            fates.setdefault((entry.fate, entry.why), {}).setdefault(entry.where, entry.rows)
        else:
            used.setdefault(entry.where, []).append(entry)
    lines = [f"used: {_rows(len(used))}"]
    if used:
        where, values = next(iter(used.items()))
        lines.append(f"for example {where} ({_few(values[0].cells)}):")
        lines += [f"  {_value(entry)}" for entry in values]
    merged: dict[str, list[str]] = {}
    for (fate, why), places in fates.items():
        if fate == "merged":
            merged.setdefault("merged", []).extend(f"{place} {why}" for place in places)
        else:
            count = sum(places.values())
            lines.append(f"left out, {why}: {_rows(count)}: {_few(tuple(places))}")
    for places_of in merged.values():
        lines.append(f"merged: {_rows(len(places_of))}: {_few(tuple(places_of))}")
    return lines


def _value(entry: AsRead) -> str:
    what = f"{entry.column} = {entry.text}" if entry.column else "(no column)"
    becomes = f" -> {entry.field} = {entry.value}" if entry.field else ""
    why = f" ({entry.why})" if entry.why else ""
    return f"{what}{becomes}: {entry.fate}{why}"


def _rows(count: int) -> str:
    return f"{count} row{'s' * (count != 1)}"


def _few(items: Sequence[str], limit: int = 8) -> str:
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more
