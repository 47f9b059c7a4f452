"""``lensong diff``: villages and people gained and lost between two results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lensong.cli.console import grouped
from lensong.cli.errors import EXIT_NO, explains_errors
from lensong.cli.options import json_option

if TYPE_CHECKING:
    from lensong.coverage.diff import PlanDiff

__all__ = ["diff"]

_WORDS = {
    "beyond_radius": "beyond the radius",
    "unknown": "unknown, no elevation",
    "no_signal": "no signal",
    "patchy": "patchy",
    "covered": "covered",
}

_MOST_ROWS = 20
"""Of each table of what villages lack and could have; a province has a thousand."""


@click.command(short_help="Villages and people gained and lost between two results.")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for a page with maps of the difference, rasters and tables; made if missing.",
)
@json_option
@explains_errors
def diff(before: Path, after: Path, out: Path | None, as_json: bool) -> None:
    """Tell which villages and people gain and lose from the result BEFORE to the result AFTER.

    Both are folders that `lensong plan` wrote. Settings and inputs that differ are named first, and
    grids that do; last, where that differs, what villages lack and why, how many streams hold at
    once, and what would mend a gap. Ends with 1 when a village falls into a lower class, else with
    0.
    """
    from importlib.metadata import version

    from lensong.coverage.results.difference import DIFF_PAGE, read_pair, write_difference

    pair = read_pair(before, after)
    found = pair.found
    if out is not None:
        write_difference(pair, out, lensong_version=version("lensong"))
    if as_json:
        click.echo(json.dumps(found.to_json(), ensure_ascii=False, indent=2))
    else:
        click.echo(_text(found))
        if out is not None:
            click.echo(f"\n  page       {out / DIFF_PAGE}")
    if found.summary["villages_lost"]:
        raise SystemExit(EXIT_NO)


def _text(found: PlanDiff) -> str:
    total = found.summary
    lines = [*_made_otherwise(found), *(f"note: {note}" for note in found.notes)]
    lines += [""] if lines else []
    lines += [
        f"{total['villages_gained']} villages gained, {total['villages_lost']} lost "
        f"of {total['villages_compared']} compared"
    ]
    lines += [f"  {count:>4}  {_arrow(change)}" for change, count in total["class_changes"].items()]
    lines += ["", "people served"]
    for service in found.services:
        before, after = (total[f"people_served_{when}"][service] for when in ("before", "after"))
        gained, lost = (total[f"people_{what}"][service] for what in ("gained", "lost"))
        lines.append(
            f"  {service:<20} {grouped(before):>9} -> {grouped(after):>9}   "
            f"+{grouped(gained)} -{grouped(lost)}"
        )
    lines += _village_lines(found)
    lines += _why_lines(found)
    for which, ids in (("first", found.only_before), ("second", found.only_after)):
        if ids:
            lines += ["", f"only in the {which} result: {', '.join(ids)}"]
    return "\n".join(lines)


def _made_otherwise(found: PlanDiff) -> list[str]:
    if found.settings is None:
        return []
    if not found.settings:
        return ["both were made by the same settings from the same inputs"]
    width = max(len(change.name) for change in found.settings)
    return [
        "settings and inputs that differ",
        *(
            f"  {change.name:<{width}}  {change.before or '-'} -> {change.after or '-'}"
            for change in found.settings
        ),
    ]


def _village_lines(found: PlanDiff) -> list[str]:
    changed = found.changed
    if changed.empty:
        return ["", "no village changed"]
    places = zip(changed["name"], changed["commune"], strict=True)
    names = [f"{name} ({commune})" if commune else str(name) for name, commune in places]
    width = max(len(name) for name in names)
    lines = ["", f"{'village':<{width}}  {'class':<24}" + "".join(f"  {s}" for s in found.services)]
    for name, (_, row) in zip(names, changed.iterrows(), strict=True):
        before, after = _WORDS[row["class_before"]], _WORDS[row["class_after"]]
        change = before if before == after else f"{before} -> {after}"
        people = "".join(
            f"{round(row[f'people_gained_{s}']):>+{len(s) + 2},}" for s in found.services
        )
        lines.append(f"{name:<{width}}  {change:<24}{people}")
    return lines


def _why_lines(found: PlanDiff) -> list[str]:
    """Return what villages lack, how many streams hold and what would mend it, if otherwise."""
    from lensong.coverage.diff_text import (
        PROPOSAL_HEADS,
        lack_rows,
        mend_rows,
        proposal_rows,
        stream_rows,
    )

    tables = (
        (
            ("what it lacks", "lacks", "main cause", "link from", "parts that changed, dB"),
            lack_rows,
        ),
        (("streams at once", *found.why.streams), stream_rows),
        (("what would mend it", "change", "", "before", "after"), mend_rows),
        (PROPOSAL_HEADS, proposal_rows),
    )
    lines = []
    for heads, rows_of in tables:
        rows = list(rows_of(found, " -> "))
        if rows:
            lines += ["", *_aligned([heads, *rows[:_MOST_ROWS]])]
        if len(rows) > _MOST_ROWS:
            lines.append(f"and {len(rows) - _MOST_ROWS} more: --json and --out have all")
    return lines


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _arrow(change: str) -> str:
    before, _, after = change.partition(" -> ")
    return f"{_WORDS[before]} -> {_WORDS[after]}"
