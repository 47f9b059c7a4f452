"""From the rows of a log to a table of measured and predicted levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from lensong.coverage.drive.identity import Candidates, CellIndex, Identity, told_count
from lensong.coverage.drive.log import DriveLog
from lensong.coverage.drive.matched import HOW, MatchedMeasurements, OutOfReach
from lensong.coverage.drive.places import PlanAtPlaces
from lensong.coverage.drive.readings import floors_dbm, phone_offsets_db, wrong_quantity
from lensong.coverage.network import Network, resource_element_share_db
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import PropagationSettings, SweepCache
from lensong.gis_data.land import Land
from lensong.propagation.errors import DataError
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["match_measurements"]

_NONE = -1
_ONE_SPOT_M = 200.0
_FEW_PIXELS = 10
_OUTSIDE = "outside the plan's area"
_TOO_EARLY = "from before its cell was on the air (on_air_since)"
_NO_PATH = "beyond the reach of its cell in the plan"


def match_measurements(
    log: DriveLog,
    land: Land,
    network: Network,
    *,
    handset: Handset | None = None,
    propagation: PropagationSettings | None = None,
    cache: SweepCache | None = None,
    workers: int = 1,
    on_done: Callable[[int, int], None] | None = None,
) -> tuple[MatchedMeasurements, PlanAtPlaces]:
    """Return what was measured beside what the plan predicts, and the plan at those places.

    A row's cell is the one that it names by id; else the strongest of its base station, or of its
    PCI on its carrier; else, where it names none, the strongest of its technology, carrier and
    operator as far as it says them.

    Parameters
    ----------
    log : DriveLog
    land, network, handset, propagation
        Of the scenario.
    cache, workers
        As in `lensong.coverage.plan.plan`.
    on_done : callable, optional
        Called with sweeps done and sweeps in all.

    Raises
    ------
    DataError
        No row can be held against the plan; says why, and how far off the log lies.
    """
    handset, propagation = handset or Handset(), propagation or PropagationSettings()
    plan = PlanAtPlaces(
        land,
        network,
        handset,
        propagation,
        log.lat_deg,
        log.lon_deg,
        cache=cache,
        workers=workers,
        on_done=on_done,
    )
    left_out = dict(log.left_out)
    _refuse_elsewhere(log, land, plan)
    warnings: list[str] = []
    cell, how = _cells(log, network, plan, left_out, warnings)
    keep = cell >= 0
    beyond = cell < _NONE
    wanted = np.where(beyond, _NONE - 1 - cell, cell)
    if not keep.any():
        raise DataError(
            f"none of {log.rows} rows can be held against the plan ({_told(left_out)}): "
            "check that the log and the scenario are of one network and place"
        )
    level = _levels(log, network, wanted)
    floor = floors_dbm(log)[log.phone]
    first, back, count = _bins(plan.place[keep], cell[keep], log.phone[keep])
    rows = np.flatnonzero(keep)
    measured = _medians(level[keep], back)
    raw = _medians(log.level_dbm[keep], back)
    at = rows[first]
    one, place = cell[at], plan.place[at]
    found = _Predicted(plan, one, place)
    matched = MatchedMeasurements(
        lat_deg=_means(log.lat_deg[keep], back),
        lon_deg=_means(log.lon_deg[keep], back),
        grid_row=plan.row[place],
        grid_col=plan.col[place],
        measured_dbm=measured,
        predicted_dbm=found.level,
        rows=count,
        first_row=log.row[at],
        at_floor=np.asarray(raw <= floor[at]),
        cell=one,
        how=how[at],
        phone=log.phone[at],
        phones=log.phones,
        distance_m=found.distance,
        azimuth_deg=found.azimuth,
        departure_deg=found.departure,
        path_loss_db=found.loss,
        gain_dbi=found.gain,
        terrain_db=found.terrain,
        clutter_db=found.clutter,
        diffraction_angle_deg=found.bend,
        clutter_class=(
            np.zeros(one.size, dtype=np.int64)
            if land.clutter_class is None
            else land.clutter_class[plan.row[place], plan.col[place]].astype(np.int64)
        ),
        phone_offset_db=phone_offsets_db(place, one, log.phone[at], measured, len(log.phones)),
        out_of_reach=_out_of_reach(plan, plan.place[beyond], wanted[beyond], level[beyond]),
        log_rows=log.rows,
        left_out=left_out,
        assumptions=_assumptions(log, how[keep], handset, plan.land.grid.cell_m),
    )
    shares = np.array([resource_element_share_db(c.carrier) for c in network.cells])[one]
    warnings += wrong_quantity(matched.error_db, shares, log)
    warnings += _one_spot(matched, plan)
    return _with_warnings(matched, warnings), plan


class _Predicted:
    """What the plan says of each entry's cell at its place."""

    def __init__(self, plan: PlanAtPlaces, cell: IntArray, place: IntArray) -> None:
        n = cell.size
        self.level, self.loss, self.gain = np.empty(n), np.empty(n), np.empty(n)
        self.distance, self.azimuth, self.departure = np.empty(n), np.empty(n), np.empty(n)
        self.terrain, self.clutter, self.bend = np.empty(n), np.empty(n), np.empty(n)
        for one in np.unique(cell):
            here = np.flatnonzero(cell == one)
            paths = plan.paths(int(one))
            if paths is None:  # a matched cell has a level, and so a path
                raise AssertionError(one)
            at = np.searchsorted(paths.place, place[here])
            self.level[here] = plan.level_dbm(int(one))[at]
            self.gain[here] = plan.gain_dbi(int(one), paths)[at]
            self.loss[here] = paths.path_loss_db[at]
            self.distance[here] = paths.distance_m[at]
            self.azimuth[here] = paths.azimuth_deg[at]
            self.departure[here] = paths.departure_deg[at]
            self.terrain[here] = paths.terrain_db[at]
            self.clutter[here] = np.maximum(paths.diffraction_db[at] - paths.terrain_db[at], 0.0)
            self.bend[here] = plan.bend_deg(int(one), place[here])


def _cells(
    log: DriveLog,
    network: Network,
    plan: PlanAtPlaces,
    left_out: dict[str, int],
    warnings: list[str],
) -> tuple[IntArray, IntArray]:
    """Return each row's cell and how it was found.

    `_NONE` where there is none, and ``_NONE - 1 - cell`` where the cell was named and does not
    reach the place in the plan.
    """
    size = log.level_dbm.size
    cell, how = np.full(size, _NONE, dtype=np.int64), np.zeros(size, dtype=np.int64)
    outside = plan.place < 0
    _count(left_out, _OUTSIDE, int(outside.sum()))
    groups: dict[Identity, list[int]] = {}
    for i in np.flatnonzero(~outside):
        groups.setdefault(_identity(log, int(i)), []).append(int(i))
    index = _index(network, list(groups), warnings)
    unknown: Counter[str] = Counter()
    by_cells: dict[Candidates, list[int]] = {}
    for identity, rows in groups.items():
        candidates = index.find(identity)
        if candidates.cells:
            by_cells.setdefault(candidates, []).extend(rows)
            continue
        _count(left_out, candidates.why_not, len(rows))
        if candidates.why_not.startswith("of a "):
            unknown[identity.cell_id or f"PCI {identity.pci:g}"] += len(rows)
    if index.by_numbers:
        row_id, plan_id = next(iter(sorted(index.by_numbers.items())))
        warnings.append(
            f"{len(index.by_numbers)} ids of the log were found by their numbers alone, such as "
            f"{row_id} as the plan's {plan_id}: write them alike if that is right, else give the "
            "plan the ids of the log"
        )
    if unknown:
        warnings.append(
            f"{unknown.total()} rows name cells that are not in the plan, most often "
            f"{told_count(unknown)}: is the list of cells complete, and of that day?"
        )
    since = [cell.on_air_since for cell in network.cells]
    for candidates, listed in by_cells.items():
        these = np.array(listed, dtype=np.int64)
        best, level = _strongest(plan, candidates.cells)
        at = plan.place[these]
        reached = np.isfinite(level[at])
        cell[these[reached]] = best[at[reached]]
        how[these[reached]] = candidates.how
        early = reached & _before(log.moment[these], best[at], since)
        cell[these[early]] = _NONE
        _count(left_out, _TOO_EARLY, int(early.sum()))
        if len(candidates.cells) == 1:
            cell[these[~reached]] = _NONE - 1 - candidates.cells[0]
        _count(left_out, _NO_PATH, int((~reached).sum()))
    return cell, how


def _before(moment: NDArray[np.datetime64], cell: IntArray, since: list[date | None]) -> BoolArray:
    """Return which rows were written before the day from which their cell is on the air."""
    days = np.array(since, dtype="datetime64[D]")[cell]
    return np.asarray(moment < days)  # what is not known (NaT) is not before


def _out_of_reach(
    plan: PlanAtPlaces, place: IntArray, cell: IntArray, level: FloatArray
) -> OutOfReach:
    if not place.size:
        return OutOfReach()
    first, back, _ = _bins(place, cell, np.zeros_like(cell))
    return OutOfReach(
        grid_row=plan.row[place[first]],
        grid_col=plan.col[place[first]],
        cell=cell[first],
        measured_dbm=_medians(level, back),
    )


def _index(network: Network, identities: list[Identity], warnings: list[str]) -> CellIndex:
    """Return what finds cells, and say where ids or operators are those of another list."""
    index = CellIndex(network)
    with_id = [identity for identity in identities if identity.cell_id]
    by_id = not with_id or any(index.knows(identity) for identity in with_id)
    if not by_id:
        warnings.append(
            f"none of the log's cell ids (such as {with_id[0].cell_id}) is one of the plan's (such "
            f"as {network.cells[0].cell_id}): they are of another numbering, and cells were found "
            "by PCI or as the strongest; give the plan the same ids for a sharper comparison"
        )
    named = sorted({identity.operator for identity in identities if identity.operator})
    by_operator = not named or any(index.has_operator(name) for name in named)
    aside = [name for name in named if not (by_operator and index.tells_operator(name))]
    if aside and any(cell.operator for cell in network.cells):
        warnings.append(
            f"the log's operators {', '.join(aside[:6])} are none of the plan's by name or number: "
            "they were not looked at"
        )
    return CellIndex(network, by_id=by_id, by_operator=by_operator)


def _strongest(plan: PlanAtPlaces, cells: tuple[int, ...]) -> tuple[IntArray, FloatArray]:
    """Return the strongest of some cells at every place, and its level."""
    best = np.full(plan.places, cells[0], dtype=np.int64)
    level = plan.everywhere(cells[0])
    for one in cells[1:]:
        other = plan.everywhere(one)
        stronger = np.isfinite(other) & ~(level >= other)
        best[stronger], level[stronger] = one, other[stronger]
    return best, level


def _identity(log: DriveLog, i: int) -> Identity:
    return Identity(
        technology=log.technology[i],
        cell_id=log.cell_id[i],
        station=_hashable(log.station[i]),
        pci=_hashable(log.pci[i]),
        earfcn=_hashable(log.earfcn[i]),
        nr_arfcn=_hashable(log.nr_arfcn[i]),
        freq_mhz=_hashable(log.freq_mhz[i]),
        operator=log.operator[i],
        serving=bool(log.serving[i]),
    )


_NAN = float("nan")


def _hashable(value: float) -> float:
    """Return one and the same NaN for all: equal keys of a dictionary must be one object."""
    return _NAN if np.isnan(value) else float(value)


def _levels(log: DriveLog, network: Network, cell: IntArray) -> FloatArray:
    """Return levels per resource element; those of whole carriers less their share."""
    if log.quantity == "rsrp":
        return log.level_dbm
    share = np.array([resource_element_share_db(c.carrier) for c in network.cells])
    return np.where(cell >= 0, log.level_dbm - share[cell], np.nan)


def _bins(place: IntArray, cell: IntArray, phone: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the first row of each bin, each row's bin, and rows per bin."""
    keys = np.stack([place, cell, phone], axis=1)
    _, first, back, count = np.unique(
        keys, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    return first, back.ravel(), count


def _medians(values: FloatArray, bins: IntArray) -> FloatArray:
    order = np.lexsort((values, bins))
    values, counts = values[order], np.bincount(bins)
    start = np.cumsum(counts) - counts
    return np.asarray(0.5 * (values[start + (counts - 1) // 2] + values[start + counts // 2]))


def _means(values: FloatArray, bins: IntArray) -> FloatArray:
    return np.asarray(np.bincount(bins, values) / np.bincount(bins))


def _count(left_out: dict[str, int], reason: str, count: int) -> None:
    if count:
        left_out[reason] = left_out.get(reason, 0) + count


def _told(left_out: dict[str, int]) -> str:
    return "; ".join(f"{reason}: {count}" for reason, count in left_out.items())


def _refuse_elsewhere(log: DriveLog, land: Land, plan: PlanAtPlaces) -> None:
    if (plan.place >= 0).any():
        return
    away_km, lat, lon = _how_far_km(log, land)
    raise DataError(
        f"all {log.level_dbm.size} places of the log lie outside the plan's area, around "
        f"{lat:.4f}, {lon:.4f}, {away_km:,.0f} km from its middle: is it the log of another drive, "
        "are latitude and longitude swapped, or is the area too small?"
    )


def _how_far_km(log: DriveLog, land: Land) -> tuple[float, float, float]:
    grid = land.grid
    middle = grid.easting_northing((grid.rows - 1) / 2.0, (grid.cols - 1) / 2.0)
    lon0, lat0 = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True).transform(*middle)
    lat, lon = float(np.median(log.lat_deg)), float(np.median(log.lon_deg))
    return Geod(ellps="WGS84").inv(lon0, lat0, lon, lat)[2] / 1000.0, lat, lon


def _one_spot(matched: MatchedMeasurements, plan: PlanAtPlaces) -> list[str]:
    pixels = np.unique(np.stack([matched.grid_row, matched.grid_col], axis=1), axis=0)
    span_m = float(np.ptp(pixels, axis=0).max()) * plan.land.grid.cell_m
    if span_m <= _ONE_SPOT_M:
        return [
            f"all measurements are from one spot ({_told_pixels(len(pixels))} within "
            f"{span_m:.0f} m): they tell the error there, and nothing of the plan elsewhere"
        ]
    if len(pixels) < _FEW_PIXELS:
        return [f"there are only {_told_pixels(len(pixels))} with measurements: figures are rough"]
    return []


def _told_pixels(count: int) -> str:
    return "one pixel" if count == 1 else f"{count} pixels"


def _assumptions(log: DriveLog, how: IntArray, handset: Handset, cell_m: float) -> tuple[str, ...]:
    counts = np.bincount(how, minlength=len(HOW))
    found = ", ".join(f"{name} {count}" for name, count in zip(HOW, counts, strict=True) if count)
    sentences = [
        f"Rows of one phone in one pixel of {cell_m:g} m that heard one cell are one entry, their "
        "median. Where that is the floor of what its phone writes and the plan predicts less, "
        "there is no error; such entries are left out of fits.",
        f"The cell of a row was found by: {found} (rows). The strongest cell is that of the plan; "
        "the phone may have been on another.",
        f"Predicted is the median level of the plan for its phone: {handset.height_agl_m:g} m "
        f"above ground, {handset.gain_dbi:g} dBi, {handset.body_loss_db:g} dB in the body, "
        f"{handset.penetration_loss_db:g} dB in walls. What the measuring phones differ by is in "
        "the error.",
    ]
    if log.quantity == "total":
        sentences.append(
            "Levels of whole carriers were taken as those of all resource elements in use, "
            "10 log10(12 N) dB above one of them."
        )
    return tuple(sentences)


def _with_warnings(matched: MatchedMeasurements, warnings: list[str]) -> MatchedMeasurements:
    return replace(matched, warnings=(*matched.warnings, *warnings))
