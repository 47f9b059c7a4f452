"""Calibrating a network by measured levels, and taking it back where it does not prove itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import log, nan

import numpy as np

from lensong.coverage.calibration.calibration import (
    Basis,
    Calibration,
    CellRow,
    Fate,
    HeldOutRow,
    PlaceRow,
    SpotTable,
    Term,
)
from lensong.coverage.calibration.evidence import Evidence, merged, of_matched, place_numbers
from lensong.coverage.calibration.hold_out import (
    BLOCKS_M,
    STAGES,
    HeldOut,
    hold_out,
    hold_out_sites,
    rms,
)
from lensong.coverage.calibration.misfits import misfits
from lensong.coverage.calibration.posterior import Posterior, learn
from lensong.coverage.calibration.spread import Spread, path_classes, spread_of
from lensong.coverage.calibration.terms import PLACE_TERMS, TERMS, Priors
from lensong.coverage.cellplan.write import untilted
from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.network import Network
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

__all__ = ["UsableSpots", "best_stage", "calibrate", "usable_spots"]

_WORTH = 0.99
"""A stage that does more is taken where its error falls below this share of the simpler one's."""

_LEAST_ALL = 20

_LEAST_SPOTS = 8
"""An antenna place with fewer held-out spots is not judged by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsableSpots:
    """What measurements can teach.

    Parameters
    ----------
    whole, spots : Evidence
        All of it; and without cells that are set aside, merged where there are too many.
    merged_m : float
        Side of the squares in which spots were merged, 0 where none was [m].
    aside : dict
        Index into ``network.cells`` to why the cell is set aside.
    """

    whole: Evidence
    spots: Evidence
    merged_m: float
    aside: dict[int, str]


def usable_spots(
    matched: MatchedMeasurements,
    network: Network,
    grid: Grid,
    priors: Priors,
    suspects: Mapping[int, str],
) -> UsableSpots:
    """Return the spots that can be learnt from; arguments as in `calibrate`."""
    whole = of_matched(matched, network, grid)
    aside = {**misfits(whole, priors), **suspects}
    spots, merged_m = merged(whole.take(~np.isin(whole.cell, list(aside))))
    return UsableSpots(whole=whole, spots=spots, merged_m=merged_m, aside=aside)


def calibrate(
    matched: MatchedMeasurements,
    land: Land,
    network: Network,
    *,
    priors: Priors | None = None,
    suspects: Mapping[int, str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Return what measurements teach of a network.

    Parameters
    ----------
    matched : MatchedMeasurements
        Held against the plan as it is without a calibration.
    land, network : Land, Network
        Of the plan.
    priors : Priors or None
        None: the defaults.
    suspects : mapping or None
        Index into ``network.cells`` to why the cell is set aside: a wrong azimuth is to be
        corrected in the list, not to be learnt.
    progress : callable, optional
        Called with steps done and steps in all.

    Raises
    ------
    DataError
        The measurements lie in fewer than three squares of 500 m: nothing could be proved.
    """
    priors = priors or Priors()
    usable = usable_spots(matched, network, land.grid, priors, suspects or {})
    whole, spots, aside = usable.whole, usable.spots, usable.aside
    if len(spots) < _LEAST_ALL:
        raise DataError(
            f"there are {len(spots)} spots to learn from{_aside(aside)}, fewer than the "
            f"{_LEAST_ALL} that a calibration takes: measure at more places"
        )
    steps = _Steps(progress)
    tried = [
        hold_out(spots, priors, side_m, done=steps.next_of(i)) for i, side_m in enumerate(BLOCKS_M)
    ]
    squares = [found for found in tried if found is not None]
    if not squares:
        raise DataError(_too_narrow(spots, aside))
    by_site = hold_out_sites(spots, priors, done=steps.next_of(2))
    stage = best_stage(squares)
    learnt = learn(spots, priors if stage in ("terms", "field") else priors.bias_alone())
    unseen = stage != "none" and by_site is not None and _better(by_site, stage)
    places = _places(learnt, network, squares[0], stage)
    steps.end()
    return Calibration(
        crs=land.grid.crs,
        stage=stage,
        unseen=unseen,
        shared={name: _term(learnt.term(name)) for name in TERMS},
        classes=_classes(learnt, land.clutter_names),
        phones=_phones(learnt, matched.phones),
        cells=_cells(learnt, network, whole, places, aside),
        places=places,
        held_out=tuple(_row(found) for found in (*squares, *([by_site] if by_site else []))),
        priors=learnt.priors,
        field=learnt.field,
        basis=Basis.of(learnt.field),
        spots=_spot_table(learnt, network, matched.phones, land.clutter_names, stage),
        spread=_spread(squares, spots, stage),
        merged_m=usable.merged_m,
        synthetic=land.synthetic,
        notes=_notes(matched, spots, squares, by_site, stage, unseen, aside, network),
    )


class _Steps:
    """Three rounds of folds, told as one count."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress

    def next_of(self, part: int) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if self._progress is not None:
                self._progress(100 * part + round(100 * done / total), 310)

        return tell

    def end(self) -> None:
        if self._progress is not None:
            self._progress(310, 310)


def _too_narrow(spots: Evidence, aside: Mapping[int, str]) -> str:
    return (
        f"the {len(spots)} spots that can be learnt from{_aside(aside)} lie in fewer than 3 "
        f"squares of {BLOCKS_M[0]:g} m: a calibration proves itself on ground that it has not "
        "seen, and there is none; drive over a wider area"
    )


def _aside(aside: Mapping[int, str]) -> str:
    return f" ({len(aside)} cells were set aside)" if aside else ""


def _better(found: HeldOut, stage: str) -> bool:
    return found.rmse_db(stage) < _WORTH * found.rmse_db("none")


def best_stage(squares: list[HeldOut]) -> str:
    """Return the simplest stage that no other beats by more than 1 %, or none at all.

    A stage counts where it makes levels better at every size of square.
    """
    best, least = "none", 0.0
    for stage in STAGES[1:]:
        if all(_better(found, stage) for found in squares):
            fall = float(
                np.mean([log(found.rmse_db(stage) / found.rmse_db("none")) for found in squares])
            )
            if fall < least + log(_WORTH):
                best, least = stage, fall
    return best


def _places(
    learnt: Posterior, network: Network, found: HeldOut, stage: str
) -> tuple[PlaceRow, ...]:
    """Return the antenna places that were measured, and whether their levels are changed."""
    numbers = place_numbers(network)
    rows = []
    for place in np.unique(learnt.spots.place):
        here = learnt.spots.place == place
        cell = network.cells[int(np.flatnonzero(numbers == place)[0])]
        mast = network.mast(cell.mast_id)
        before, after = found.error_db["none"][here], found.error_db[stage][here]
        known = int(np.isfinite(after).sum())
        worse = known >= _LEAST_SPOTS and rms(after) >= rms(before)
        rows.append(
            PlaceRow(
                mast_id=cell.mast_id,
                lat_deg=mast.lat_deg,
                lon_deg=mast.lon_deg,
                height_agl_m=cell.height_agl_m,
                freq_mhz=cell.carrier.downlink_freq_mhz,
                spots=int(here.sum()),
                calibrated=stage != "none" and not worse,
                terms={name: _term(learnt.term(name, int(place))) for name in PLACE_TERMS},
                rmse_before_db=rms(before) if known else nan,
                rmse_after_db=rms(after) if known else nan,
            )
        )
    return tuple(rows)


def _cells(
    learnt: Posterior,
    network: Network,
    whole: Evidence,
    places: tuple[PlaceRow, ...],
    aside: Mapping[int, str],
) -> tuple[CellRow, ...]:
    good = {(p.mast_id, p.height_agl_m, p.freq_mhz) for p in places if p.calibrated}
    rows = []
    for index in np.unique(np.concatenate([whole.cell, np.array(list(aside), dtype=np.int64)])):
        cell = network.cells[int(index)]
        fate: Fate = "set aside" if int(index) in aside else "left as it was"
        bias = (0.0, 0.0)
        place = (cell.mast_id, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
        if place in good and fate != "set aside":
            fate, bias = "calibrated", learnt.cell_bias(int(index))
        rows.append(
            CellRow(
                cell_id=cell.cell_id,
                mast_id=cell.mast_id,
                height_agl_m=cell.height_agl_m,
                freq_mhz=cell.carrier.downlink_freq_mhz,
                antenna=untilted(cell.antenna.name),
                spots=int((whole.cell == index).sum()),
                fate=fate,
                why=aside.get(int(index), ""),
                bias=_term(bias),
            )
        )
    return tuple(rows)


def _term(found: tuple[float, float]) -> Term:
    return Term(value=round(found[0], 6), sd=round(found[1], 6))


def _classes(learnt: Posterior, names: Mapping[int, str]) -> dict[str, Term]:
    codes = [int(code) for code in np.unique(learnt.spots.clutter_class) if code > 0]
    if learnt.priors.class_db == 0.0:
        return {}
    return {_class_name(names, code): _term(learnt.class_offset(code)) for code in codes}


def _class_name(names: Mapping[int, str], code: int) -> str:
    return names.get(code, str(code)) if code > 0 else ""


def _phones(learnt: Posterior, names: tuple[str, ...]) -> dict[str, Term]:
    numbers = np.unique(learnt.spots.phone)
    if numbers.size < 2:
        return {}
    return {names[int(k)]: _term(learnt.phone_offset(int(k))) for k in numbers}


def _spot_table(
    learnt: Posterior,
    network: Network,
    phones: tuple[str, ...],
    class_names: Mapping[int, str],
    stage: str,
) -> SpotTable:
    spots = learnt.spots
    cells = [network.cells[int(cell)] for cell in spots.cell]
    added, _ = learnt.correction(spots, with_field=stage == "field")
    offsets = {int(k): learnt.phone_offset(int(k))[0] for k in np.unique(spots.phone)}
    if len(offsets) < 2:
        offsets = dict.fromkeys(offsets, 0.0)
    left = spots.residual_db - np.array([offsets[int(k)] for k in spots.phone])
    return SpotTable(
        east_m=spots.east_m,
        north_m=spots.north_m,
        cell_id=tuple(cell.cell_id for cell in cells),
        mast_id=tuple(cell.mast_id for cell in cells),
        phone=tuple(phones[int(k)] for k in spots.phone),
        height_agl_m=np.array([cell.height_agl_m for cell in cells]),
        freq_mhz=np.array([cell.carrier.downlink_freq_mhz for cell in cells]),
        measured_dbm=spots.measured_dbm,
        residual_db=spots.residual_db,
        left_db=left - (added if stage != "none" else 0.0),
        at_floor=spots.at_floor,
        distance_m=spots.distance_m,
        terrain_db=spots.terrain_db,
        clutter_db=spots.clutter_db,
        clear=spots.clear,
        land_cover=tuple(_class_name(class_names, int(code)) for code in spots.clutter_class),
        weight=learnt.weight,
        pull_per_db=learnt.alpha,
    )


def _spread(squares: list[HeldOut], spots: Evidence, stage: str) -> Spread | None:
    if stage == "none" or len(spots) < 2 * _LEAST_SPOTS:
        return None
    return spread_of(
        [found.error_db[stage] for found in squares],
        [found.spread_db for found in squares],
        [path_classes(spots.clear, found.nearest_m) for found in squares],
    )


def _row(found: HeldOut) -> HeldOutRow:
    return HeldOutRow(
        block_m=found.block_m,
        blocks=found.blocks,
        spots=int(np.isfinite(found.error_db["none"]).sum()),
        rmse_db={stage: found.rmse_db(stage) for stage in STAGES},
        mae_db={stage: found.mae_db(stage) for stage in STAGES},
    )


def _notes(
    matched: MatchedMeasurements,
    spots: Evidence,
    squares: list[HeldOut],
    by_site: HeldOut | None,
    stage: str,
    unseen: bool,
    aside: Mapping[int, str],
    network: Network,
) -> tuple[str, ...]:
    notes = [*matched.assumptions, *matched.warnings]
    if matched.left_out:
        told = "; ".join(f"{reason}: {count}" for reason, count in matched.left_out.items())
        notes.append(
            f"Of {matched.log_rows} rows {sum(matched.left_out.values())} teach nothing ({told})."
        )
    missing = set(BLOCKS_M) - {found.block_m for found in squares}
    notes += [
        f"Squares of {side:g} m could not be held out: the spots lie in fewer than 3 of them."
        for side in sorted(missing)
    ]
    floor = int(spots.at_floor.sum())
    if floor:
        notes.append(
            f"{floor} of {len(spots)} spots read the weakest level that their phone writes: they "
            "count as that or less."
        )
    if np.unique(spots.phone).size < 2:
        notes.append(
            "There is one phone: by how much it reads too high or low cannot be told from the "
            "cells' bias, and is in it."
        )
    else:
        notes.append(
            "Phones are held against each other; by how much all of them together read too high "
            "or low cannot be told from the cells' bias, and is in it."
        )
    notes += [
        f"Cell {network.cells[index].cell_id} is set aside: {why}." for index, why in aside.items()
    ]
    if stage == "none":
        notes.append(
            "No stage made levels better on ground that it had not seen: nothing is changed."
        )
    elif by_site is None:
        notes.append(
            "Fewer than 3 sites were measured: whether what they share holds for others cannot be "
            "tried, so antenna places without one are left as they were."
        )
    elif not unseen:
        notes.append(
            "What the cells share did not make whole sites better that were held out: "
            "antenna places without a measurement are left as they were."
        )
    return tuple(notes)
