"""Cells whose measurements contradict the list of cells: wrong azimuth, swapped, another cell.

Each cell's levels are compared with those that it would bring if it looked elsewhere, if its
antenna were that of another sector of its mast, or if it hung on another mast. An explanation is
named only where it fits far better than the list: the list is believed first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.drive.places import PlanAtPlaces
from lensong.coverage.network import Cell
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["Suspect", "find_suspects"]

_BY_NAME = (0, 2)  # only what the log itself called by id or PCI is evidence
_FEWEST_BLOCKS = 6
_BLOCK_M = 500.0
_ENOUGH = 28.0
"""How much better an explanation must fit, in units of -2 log likelihood.

Errors are taken for independent between blocks of 500 m. Of one free parameter chance would give
28 in one of ten million cells; behind one hill they hang together farther, hence the margin.
"""
_ENOUGH_LEVEL = 10.0
"""The same for a cell's offset, whose usual scatter is known: 3.2 standard deviations."""
_ORDINARY = 1.5
"""Up to this many times the network's usual error a cell needs no explanation."""
_OFFSET_SIGMA_DB = 5.0  # cells of one network differ by this in what no list says
_LEAST_SCALE_DB = 3.0
_MOST_DB = 30.0  # a single error counts no more than this
_LEAST_TURN_DEG = 20.0
_LEAST_PATTERN_DB = 3.0
_NEAREST_MASTS = 8
_STEP_DEG = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """What the measurements say against the list of cells.

    Parameters
    ----------
    kind : {"swapped", "azimuth", "other cell", "level"}
    cells : tuple of str
        Ids of the cells.
    mast_id : str
    text : str
        What, and the evidence: an English sentence.
    pixels : int
        With measurements of these cells.
    spread_db, better_db : float
        Mean size of the error about the cell's own offset, as listed and as explained [dB].
    evidence : float
        By how much the explanation fits better, in -2 log likelihood.
    azimuth_deg, azimuth_low_deg, azimuth_high_deg : float
        What fits best, and from where to where it fits nearly as well; NaN for other kinds [deg].
    """

    kind: str
    cells: tuple[str, ...]
    mast_id: str
    text: str
    pixels: int
    spread_db: float
    better_db: float
    evidence: float
    azimuth_deg: float = float("nan")
    azimuth_low_deg: float = float("nan")
    azimuth_high_deg: float = float("nan")


@dataclass(slots=True)
class _Heard:
    """Where one cell was heard, and how well its listed entry and others explain it.

    ``blocks`` is the number of independent errors. ``common_db`` and ``scale_db`` are the usual
    offset and size of errors in the network; ``fits`` has what each cell's levels would explain.
    """

    cell: int
    place: IntArray
    measured: FloatArray
    floor: BoolArray
    blocks: int
    common_db: float = 0.0
    scale_db: float = 6.0
    fits: dict[int, _Fit] = field(default_factory=dict)

    def fit(self, level: FloatArray) -> _Fit:
        """Return how well explanations, the rows of ``level``, fit.

        Errors are Laplace, of the network's scale, about the cell's own offset, which is normal
        about the network's. A place that is not reached counts as an error of `_MOST_DB`.
        """
        error = self.measured - np.atleast_2d(level)
        error = np.where(self.floor & (error > 0.0), 0.0, error)  # the truth is that or weaker
        reached = np.isfinite(error)
        far = ~reached.any(axis=1)
        error[far] = 0.0
        raw = np.nanmedian(error, axis=1)
        # the median of few blocks is drawn toward the network's
        drawn = self.blocks / (self.blocks + (self.scale_db / _OFFSET_SIGMA_DB) ** 2)
        offset = self.common_db + drawn * (raw - self.common_db)
        size = np.minimum(np.abs(error - offset[:, None]), _MOST_DB)
        spread = np.where(reached, size, _MOST_DB).mean(axis=1)
        spread[far] = _MOST_DB
        deviance = 2.0 * self.blocks * spread / self.scale_db
        deviance += ((offset - self.common_db) / _OFFSET_SIGMA_DB) ** 2
        return _Fit(deviance, spread, raw, reached.mean(axis=1) * ~far)

    @property
    def own(self) -> _Fit:
        """Return the fit of the cell as it is listed."""
        return self.fits[self.cell]

    @property
    def ordinary(self) -> bool:
        """Return whether the cell as listed fits as the others do, and needs no explanation."""
        return float(self.own.deviance[0]) <= 2.0 * self.blocks * _ORDINARY


class _Fit(NamedTuple):
    """For each explanation: -2 log likelihood, mean error, offset, share of places reached."""

    deviance: FloatArray
    spread: FloatArray
    offset: FloatArray
    reached: FloatArray


def find_suspects(matched: MatchedMeasurements, plan: PlanAtPlaces) -> tuple[Suspect, ...]:
    """Return what the measurements say against the list of cells, the surest first.

    Parameters
    ----------
    matched : MatchedMeasurements
    plan : PlanAtPlaces
        Of the same measurements.

    Notes
    -----
    Only entries whose cell the log names by id or PCI are looked at: the strongest cell of the
    plan would confirm itself. A cell needs measurements in six blocks of 500 m.
    """
    heard = _heard(matched, plan)
    if not heard:
        return ()
    _fit_all(plan, heard)
    found: list[Suspect] = []
    told: set[int] = set()
    for suspect, cells in (
        *_swapped(plan, heard),
        *_turned_or_elsewhere(plan, heard),
        *_off_level(plan, heard),
    ):
        if not told & set(cells):
            told |= set(cells)
            found.append(suspect)
    return tuple(sorted(found, key=lambda suspect: -suspect.evidence))


def _heard(matched: MatchedMeasurements, plan: PlanAtPlaces) -> dict[int, _Heard]:
    beyond = matched.out_of_reach
    named = np.isin(matched.how, _BY_NAME)
    offset = np.nan_to_num(matched.phone_offset_db)[matched.phone]
    cell = np.concatenate([matched.cell[named], beyond.cell])
    row = np.concatenate([matched.grid_row[named], beyond.grid_row])
    col = np.concatenate([matched.grid_col[named], beyond.grid_col])
    level = np.concatenate([(matched.measured_dbm - offset)[named], beyond.measured_dbm])
    floor = np.concatenate([matched.at_floor[named], np.zeros(beyond.cell.size, dtype=np.bool_)])
    side = max(1, round(_BLOCK_M / plan.land.grid.cell_m))
    found = {}
    for one in np.unique(cell):
        here = cell == one
        blocks = len(np.unique(np.stack([row[here] // side, col[here] // side]), axis=1).T)
        if blocks >= _FEWEST_BLOCKS:
            found[int(one)] = _Heard(
                cell=int(one),
                place=plan.at(row[here], col[here]),
                measured=level[here],
                floor=floor[here],
                blocks=blocks,
            )
    return found


def _fit_all(plan: PlanAtPlaces, heard: dict[int, _Heard]) -> None:
    """Fit each cell as listed, then as each sector beside it and each cell of the masts near it."""
    for one in heard.values():
        one.fits[one.cell] = one.fit(plan.everywhere(one.cell)[one.place])
    usual = [one for one in heard.values() if float(one.own.reached[0]) > 0.5]
    if usual:
        common = float(np.median([one.own.offset[0] for one in usual]))
        scale = float(np.median([one.own.spread[0] for one in usual]))
        for one in heard.values():
            one.common_db, one.scale_db = common, max(scale, _LEAST_SCALE_DB)
    wanted: dict[int, list[_Heard]] = {}
    for one in heard.values():
        for k in (one.cell, *_beside(plan, one), *_of_nearest_masts(plan, one)):
            wanted.setdefault(k, []).append(one)
    for k, hearers in wanted.items():
        level = plan.everywhere(k)
        for one in hearers:
            one.fits[k] = one.fit(level[one.place])


def _beside(plan: PlanAtPlaces, heard: _Heard) -> list[int]:
    """Return the other sectors of a cell's mast and carrier."""
    cells = plan.network.cells
    own = cells[heard.cell]
    return [
        i
        for i, other in enumerate(cells)
        if other.mast_id == own.mast_id and i != heard.cell and _alike(own, other)
    ]


def _of_nearest_masts(plan: PlanAtPlaces, heard: _Heard) -> list[int]:
    """Return the cells like one on the masts nearest to where it was heard."""
    own = plan.network.cells[heard.cell]
    ranked: list[tuple[float, str, int]] = []
    for i, other in enumerate(plan.network.cells):
        paths = plan.paths(i)
        if paths is None or other.mast_id == own.mast_id or not _alike(own, other):
            continue
        rows, cols = plan.row[heard.place], plan.col[heard.place]
        away = float(np.median(np.hypot(rows - paths.job.row, cols - paths.job.col)))
        ranked.append((away, other.mast_id, i))
    near = list(dict.fromkeys(mast_id for _, mast_id, _ in sorted(ranked)))[:_NEAREST_MASTS]
    return [i for _, mast_id, i in ranked if mast_id in near]


def _alike(one: Cell, other: Cell) -> bool:
    return (
        one.operator == other.operator
        and one.carrier.technology == other.carrier.technology
        and one.carrier.downlink_freq_mhz == other.carrier.downlink_freq_mhz
    )


# Sectors of one mast ----------------------------------------------------------------------------


def _swapped(
    plan: PlanAtPlaces, heard: dict[int, _Heard]
) -> Iterator[tuple[Suspect, tuple[int, ...]]]:
    """Yield sectors of one mast and carrier whose measurements fit each other's antennas."""
    cells = plan.network.cells
    groups: dict[tuple[str, str, str], list[int]] = {}
    for i in heard:
        one = cells[i]
        groups.setdefault((one.mast_id, one.operator, one.carrier.name), []).append(i)
    for (mast_id, _, _), members in groups.items():
        if len(members) < 2:
            continue
        fits = [[heard[i].fits[k] for k in members] for i in members]
        deviance = np.array([[float(f.deviance[0]) for f in row] for row in fits])
        spread = np.array([[float(f.spread[0]) for f in row] for row in fits])
        order = linear_sum_assignment(deviance)[1]
        moved = [a for a in range(len(members)) if order[a] != a]
        gains = np.array([deviance[a, a] - deviance[a, order[a]] for a in moved])
        if not moved or gains.sum() < _ENOUGH or gains.min() < _ENOUGH / 4.0:
            continue
        if all(heard[members[a]].ordinary for a in moved):
            continue
        moves = ", ".join(
            f"{cells[members[a]].cell_id} fits the antenna of {cells[members[order[a]]].cell_id} "
            f"({cells[members[order[a]]].azimuth_deg:.0f}°; mean error {spread[a, order[a]]:.1f} "
            f"dB) better than its own ({cells[members[a]].azimuth_deg:.0f}°; {spread[a, a]:.1f} dB)"
            for a in moved
        )
        pixels = sum(heard[members[a]].place.size for a in moved)
        yield (
            Suspect(
                kind="swapped",
                cells=tuple(cells[members[a]].cell_id for a in moved),
                mast_id=mast_id,
                text=f"sectors of {mast_id} look swapped: {moves}, over {pixels} pixels",
                pixels=pixels,
                spread_db=float(np.mean([spread[a, a] for a in moved])),
                better_db=float(np.mean([spread[a, order[a]] for a in moved])),
                evidence=float(gains.sum()),
            ),
            tuple(members[a] for a in moved),
        )


# One cell ---------------------------------------------------------------------------------------


def _turned_or_elsewhere(
    plan: PlanAtPlaces, heard: dict[int, _Heard]
) -> Iterator[tuple[Suspect, tuple[int, ...]]]:
    for one in heard.values():
        if one.ordinary:
            continue
        named = [s for s in (_azimuth(plan, one), _other_cell(plan, one)) if s is not None]
        if named:
            yield max(named, key=lambda suspect: suspect.evidence), (one.cell,)


def _turned(plan: PlanAtPlaces, heard: _Heard, azimuths_deg: FloatArray) -> FloatArray:
    """Return the levels of a cell if it looked into each of some directions."""
    out = np.full((azimuths_deg.size, heard.place.size), np.nan)
    paths = plan.paths(heard.cell)
    if paths is not None:
        at = np.minimum(np.searchsorted(paths.place, heard.place), paths.place.size - 1)
        reached = paths.place[at] == heard.place
        some = paths.only(at[reached])
        for i, azimuth in enumerate(azimuths_deg):
            out[i, reached] = plan.level_dbm(heard.cell, some, azimuth_deg=float(azimuth))
    return out


def _azimuth(plan: PlanAtPlaces, heard: _Heard) -> Suspect | None:
    """Return the direction that a cell's measurements fit far better than the listed one."""
    cell = plan.network.cells[heard.cell]
    if float(np.ptp(cell.antenna.horizontal_loss_db)) < _LEAST_PATTERN_DB:
        return None  # alike in all directions
    azimuths = np.arange(0.0, 360.0, _STEP_DEG)
    fit = heard.fit(_turned(plan, heard, azimuths))
    best = int(np.argmin(fit.deviance))
    evidence = float(heard.own.deviance[0] - fit.deviance[best])
    off = (azimuths[best] - cell.azimuth_deg + 180.0) % 360.0 - 180.0
    if evidence < _ENOUGH or abs(off) < _LEAST_TURN_DEG:
        return None
    below, above = _interval(np.asarray(fit.deviance <= fit.deviance[best] + 4.0), best)
    low, high = float(azimuths[best] - below) % 360.0, float(azimuths[best] + above) % 360.0
    return Suspect(
        kind="azimuth",
        cells=(cell.cell_id,),
        mast_id=cell.mast_id,
        text=(
            f"{cell.cell_id} of {cell.mast_id} fits {azimuths[best]:.0f}° better than its "
            f"{cell.azimuth_deg:.0f}°: the mean error falls from {heard.own.spread[0]:.1f} to "
            f"{fit.spread[best]:.1f} dB over {heard.place.size} pixels; {low:.0f}° to {high:.0f}° "
            "fit nearly as well"
        ),
        pixels=heard.place.size,
        spread_db=float(heard.own.spread[0]),
        better_db=float(fit.spread[best]),
        evidence=evidence,
        azimuth_deg=float(azimuths[best]),
        azimuth_low_deg=low,
        azimuth_high_deg=high,
    )


def _interval(good: BoolArray, best: int) -> tuple[float, float]:
    """Return how far below and above the best direction all directions fit [deg]."""
    reach = []
    for step in (-1, 1):
        count = 0
        while count < good.size // 2 and good[(best + step * (count + 1)) % good.size]:
            count += 1
        reach.append(float(count * _STEP_DEG))
    return reach[0], reach[1]


def _other_cell(plan: PlanAtPlaces, heard: _Heard) -> Suspect | None:
    """Return the cell of another mast that a cell's measurements fit far better."""
    cells = plan.network.cells
    cell, own = cells[heard.cell], heard.own
    others = [k for k in heard.fits if cells[k].mast_id != cell.mast_id]
    if not others:
        return None
    best = min(others, key=lambda k: float(heard.fits[k].deviance[0]))
    fit, other = heard.fits[best], cells[best]
    evidence = float(own.deviance[0] - fit.deviance[0])
    if evidence < _ENOUGH:
        return None
    beyond = 1.0 - float(own.reached[0])
    lost = f" ({beyond:.0%} of them beyond its reach)" if beyond >= 0.05 else ""
    return Suspect(
        kind="other cell",
        cells=(cell.cell_id,),
        mast_id=cell.mast_id,
        text=(
            f"what the log calls {cell.cell_id} (of {cell.mast_id}) fits {other.cell_id} of "
            f"{other.mast_id}: the mean error falls from {own.spread[0]:.1f} to "
            f"{fit.spread[0]:.1f} dB over {heard.place.size} pixels{lost}; the id stands at the "
            "wrong cell, or the mast at the wrong place"
        ),
        pixels=heard.place.size,
        spread_db=float(own.spread[0]),
        better_db=float(fit.spread[0]),
        evidence=evidence,
    )


def _off_level(
    plan: PlanAtPlaces, heard: dict[int, _Heard]
) -> Iterator[tuple[Suspect, tuple[int, ...]]]:
    """Yield cells that are far stronger or weaker than the plan, all else fitting."""
    for one in heard.values():
        offset = float(one.own.offset[0]) - one.common_db
        # a median of that many independent errors has this variance, beside the cell's own
        variance = _OFFSET_SIGMA_DB**2 + one.scale_db**2 / one.blocks
        evidence = offset**2 / variance
        if float(one.own.reached[0]) < 0.8 or evidence < _ENOUGH_LEVEL:
            continue
        cell = plan.network.cells[one.cell]
        way = "stronger" if offset > 0.0 else "weaker"
        yield (
            Suspect(
                kind="level",
                cells=(cell.cell_id,),
                mast_id=cell.mast_id,
                text=(
                    f"{cell.cell_id} of {cell.mast_id} is {abs(offset):.0f} dB {way} than the "
                    f"plan, beside the other cells, over {one.place.size} pixels: check its power, "
                    "feeder, tilt and height"
                ),
                pixels=one.place.size,
                spread_db=float(one.own.spread[0]),
                better_db=one.scale_db,
                evidence=float(evidence),
            ),
            (one.cell,),
        )
