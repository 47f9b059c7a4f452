"""A calibration in words."""

from __future__ import annotations

from collections.abc import Iterator

from lensong.coverage.calibration.calibration import Calibration, HeldOutRow, Term
from lensong.coverage.calibration.spread import COVERAGES, PATH_CLASSES
from lensong.coverage.calibration.where_next import WhereNext

__all__ = ["calibration_text", "next_text", "told"]

_DOES = {
    "none": "nothing: levels are as predicted",
    "bias": "shifts the levels of cells",
    "terms": "shifts levels by cell, distance, diffraction, sight and land cover",
    "field": "shifts levels by cell, distance, diffraction, sight and land cover, and by place",
}
_UNITS = {"bias": "dB", "slope": "dB per decade", "terrain": "", "clutter": "", "clear": "dB"}
_MEANS = {
    "bias": "added to all levels",
    "slope": "added per decade of distance, 0 at 1 km",
    "terrain": "share of the diffraction by ground that is given back",
    "clutter": "share of the diffraction by trees and houses that is given back",
    "clear": "added in line of sight",
}


def told(found: Calibration) -> str:
    """Return one sentence on a calibration, for the assumptions of a plan."""
    if not found.changes_levels:
        return (
            "The calibration that the scenario names changes nothing: no level got better on "
            "ground that it had not seen."
        )
    falls = ", ".join(
        f"from {row.rmse_db['none']:.1f} to {row.rmse_db[found.stage]:.1f} dB {_where(row)}"
        for row in found.held_out
        if row.block_m > 0.0
    )
    cells = sum(row.fate == "calibrated" for row in found.cells)
    others = (
        "other antenna places get what all share"
        if found.unseen
        else "other antenna places are left as they were"
    )
    return (
        f"Levels are calibrated by {found.spots.east_m.size} measured spots of {cells} cells: the "
        f"root mean square error fell {falls}; {others}."
    )


def _where(row: HeldOutRow) -> str:
    if row.block_m == 0.0:
        return "on sites held out"
    return f"on squares of {row.block_m:g} m held out"


def calibration_text(found: Calibration) -> str:
    """Return what a calibration found, for a terminal."""
    return "\n".join(_lines(found))


def next_text(found: WhereNext) -> str:
    """Return where to drive next, for a terminal."""
    lines = [
        f"  where to drive next: people's levels are known to {found.sd_db:.1f} dB; these villages "
        f"take off at least {found.of_best:.0%} of what the best choice would",
        f"  {'':>4}  {'village':<28}{'people':>9}{'uncertainty left':>18}",
    ]
    for number, one in enumerate(found.villages, start=1):
        lines.append(
            f"  {number:>4}  {(one.name or one.village_id):<28}{one.people:>9,.0f}"
            f"{one.left_share:>18.0%}"
        )
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])


def _lines(found: Calibration) -> Iterator[str]:
    cells = sum(row.fate == "calibrated" for row in found.cells)
    yield (
        f"{found.spots.east_m.size} spots of {len(found.cells)} cells, {cells} calibrated; "
        f"it does: {_DOES[found.stage]}"
    )
    yield ""
    yield (
        f"{'error on ground held out, RMSE / MAE [dB]':<46}{'none':>12}{'bias':>12}{'terms':>12}"
        + (f"{'field':>12}")
    )
    for row in found.held_out:
        pairs = "".join(
            f"{row.rmse_db[stage]:>6.2f}/{row.mae_db[stage]:<5.2f}" for stage in row.rmse_db
        )
        what = (
            f"{row.blocks} sites"
            if row.block_m == 0.0
            else (f"{row.blocks} squares of {row.block_m:g} m")
        )
        yield f"  {what + f', {row.spots} spots':<44}{pairs}"
    if not found.changes_levels:
        yield ""
        yield from (f"  {note}" for note in found.notes)
        return
    for row in found.held_out:
        if row.block_m > 0.0:
            fall = 1.0 - row.rmse_db[found.stage] / row.rmse_db["none"]
            yield f"  fell by {fall:.0%} {_where(row)}"
    yield ""
    for name, term in found.shared.items():
        if term.sd > 0.0:
            yield f"  {name:<10}{_plus_minus(term, _UNITS[name])}  {_MEANS[name]}"
    for kind, terms in (("class", found.classes), ("phone", found.phones)):
        for name, term in terms.items():
            yield f"  {kind} {name}: {_plus_minus(term, 'dB')}"
    if found.stage == "field":
        yield (
            f"  field     {found.field.sd_db:.1f} dB over {found.field.length_m:.0f} m, "
            f"{found.field.noise_db:.1f} dB from spot to spot"
        )
    yield ""
    for cell in found.cells:
        end = f": {cell.why}" if cell.why else ""
        bias = _plus_minus(cell.bias, "dB") if cell.fate == "calibrated" else cell.fate
        yield f"  cell {cell.cell_id}, {cell.spots} spots: {bias}{end}"
    if found.spread is not None:
        yield ""
        shares = "".join(f"{share:>8.0%}" for share in COVERAGES)
        yield f"  {'intervals, in stated deviations':<44}{'RMSE':>8}{shares}"
        for (sight, low, high), of in zip(PATH_CLASSES, found.spread.rows, strict=True):
            name = f"{sight}, {low:g} to {high:g} m from a spot, {of.spots} spots"
            widths = "".join(f"{width:>8.2f}" for width in of.half_width)
            yield f"  {name:<44}{of.rmse_db:>8.1f}{widths}"
    yield ""
    yield from (f"  {note}" for note in found.notes)


def _plus_minus(term: Term, unit: str) -> str:
    return f"{term.value:+.2f} ± {2.0 * term.sd:.2f}{' ' if unit else ''}{unit}"
