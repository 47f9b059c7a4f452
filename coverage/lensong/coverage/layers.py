"""From path-loss sweeps to what each technology offers at every pixel.

Cells of one operator on one carrier form a *group*: they serve the same phones and disturb each
other. Cells of the operator's other carriers of that technology disturb a group by what they share
of its spectrum (`lensong.coverage.spectrum`). Cells of different operators do neither; "any
operator" is the best of all.
Per technology and pixel one cell serves: of the strongest cells of all groups the one with the
highest uplink rate, ties by RSRP. Every level and rate of a `TechnologyLayers` comes from that one
cell; its second server is the next strongest of the same group. A *service* holds where any of
those strongest cells carries it: its probability, limiting direction and reason are those of the
group that carries it best, which where a carrier is disturbed may be another one.

Sweeps are read one at a time and forgotten. A group is folded into its technology as soon as its
last sweep has come, so memory holds the layers of the result and those of the groups in work
(about 24 bytes a pixel each).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.decibel import db_to_ratio, dbm_to_mw
from lensong.coverage.layer_kernels import add_sweep, fold_group, judge_service
from lensong.coverage.link_budget import CellBudget, cell_budget
from lensong.coverage.network import Network, Technology
from lensong.coverage.probability import fade_margin_db
from lensong.coverage.rates import ShannonCurve
from lensong.coverage.result import REASONS, ServiceLayers, TechnologyLayers
from lensong.coverage.service import Handset, Service
from lensong.coverage.spectrum import disturbance_weight
from lensong.coverage.sweeps import PackedSweep, UInt16Array
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Float32Array, FloatArray, Grid, IntArray

__all__ = [
    "CellArrays",
    "Group",
    "GroupKey",
    "Need",
    "add_cells",
    "codes_by_group",
    "fold",
    "group_key",
    "meridian_convergence_deg",
    "no_layers",
    "technology_layers",
    "victims",
]

GroupKey: TypeAlias = tuple[Technology, str, float, float, float]
"""Technology, operator, downlink centre [MHz], bandwidth [MHz], subcarrier spacing [kHz]."""

Victims: TypeAlias = dict[GroupKey, tuple[tuple[GroupKey, float], ...]]
"""The other groups that a group's cells disturb, and by what part of their power."""

_MOST_CELLS = 32_767  # codes of best_server are int16


def technology_layers(
    grid: Grid,
    network: Network,
    handset: Handset,
    services: Sequence[Service],
    *,
    rides: Iterable[tuple[tuple[int, ...], PackedSweep]],
    planned: Sequence[tuple[int, ...]],
    total_sigma_db: float,
) -> dict[Technology, TechnologyLayers]:
    """Return the layers of every technology that has a cell.

    Parameters
    ----------
    grid : Grid
        Of the layers; sweeps are windows of it.
    network, handset, services
        What transmits, what receives, what must work.
    rides : iterable of (cell indices, PackedSweep)
        Each sweep with the cells that ride it, in the order of ``planned``.
    planned : sequence of cell index tuples
        The cells of all sweeps to come; tells when a group is complete. Order them by frequency
        to keep few groups in work.
    total_sigma_db : float
        Standard deviation of the level around its median [dB].

    Returns
    -------
    dict
        ``"4G"`` before ``"5G"``. Services appear under the technologies that may carry them.

    Raises
    ------
    InvalidInputError
        When there are too many cells, or a sweep reaches outside the grid.
    """
    cells = CellArrays.build(network, handset)
    needs = [Need.build(service, cells, total_sigma_db) for service in services]
    convergence_deg = meridian_convergence_deg(grid.crs, network)
    disturbed = victims(network)
    waiting = _sweeps_per_group(network, planned, disturbed)
    groups: dict[GroupKey, Group] = {}
    technologies: dict[Technology, TechnologyLayers] = {}
    for indices, sweep in rides:
        _check_window(grid, sweep)
        for key, codes in codes_by_group(network, indices):
            mast_id = network.cells[int(codes[0]) - 1].mast_id
            for victim, weight in ((key, 1.0), *disturbed.get(key, ())):
                if victim not in groups:
                    groups[victim] = Group.empty(grid)
                add_cells(
                    groups[victim], sweep, codes, cells, convergence_deg[mast_id],
                    weight=weight, serves=victim == key,
                )  # fmt: skip
                waiting[victim] -= 1
                if waiting[victim] == 0:
                    technology = victim[0]
                    if technology not in technologies:
                        technologies[technology] = no_layers(grid, technology, services)
                    fold(groups.pop(victim), technologies[technology], cells, needs)
    order: tuple[Technology, ...] = ("4G", "5G")
    return {name: technologies[name] for name in order if name in technologies}


def meridian_convergence_deg(crs: str, network: Network) -> dict[str, float]:
    """Return the angle from true north to grid north, clockwise, at every mast [deg].

    A direction's true azimuth is its azimuth on the grid plus this angle.
    """
    if not network.masts:
        return {}
    lat = np.array([mast.lat_deg for mast in network.masts])
    lon = np.array([mast.lon_deg for mast in network.masts])
    step_deg = np.where(lat < 89.0, 1e-4, -1e-4)
    to_grid = Transformer.from_crs("EPSG:4326", CRS.from_user_input(crs), always_xy=True)
    east0, north0 = to_grid.transform(lon, lat)
    east1, north1 = to_grid.transform(lon, lat + step_deg)
    turn = np.degrees(
        np.arctan2((east1 - east0) * np.sign(step_deg), (north1 - north0) * np.sign(step_deg))
    )
    return {mast.mast_id: -float(t) for mast, t in zip(network.masts, turn, strict=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellArrays:
    """Constants of all cells, indexed by code (cell index + 1); entry 0 is unused."""

    budgets: tuple[CellBudget, ...]
    level_offset_db: FloatArray
    load_weight: FloatArray
    boost_db: FloatArray
    load: FloatArray
    noise_dbm: FloatArray
    downlink_hz: FloatArray
    downlink_layers: IntArray
    uplink_snr_offset_db: FloatArray
    uplink_block_hz: FloatArray
    uplink_blocks: IntArray
    azimuth_deg: FloatArray
    tilt_deg: FloatArray
    radius_m: FloatArray
    pattern: IntArray
    cuts_db: FloatArray
    gain_dbi: FloatArray
    max_loss_db: FloatArray

    @classmethod
    def build(cls, network: Network, handset: Handset) -> CellArrays:
        """Return the constants of a network's cells for one kind of phone."""
        if len(network.cells) > _MOST_CELLS:
            raise InvalidInputError(
                f"the network has {len(network.cells)} cells, wanted up to {_MOST_CELLS}: "
                "plan operators or provinces one at a time"
            )
        budgets = tuple(cell_budget(cell, handset) for cell in network.cells)
        patterns, pattern = _distinct_patterns([cell.antenna for cell in network.cells])
        boost_db = _floats(b.boost_db for b in budgets)
        load = _floats(b.load for b in budgets)
        return cls(
            budgets=budgets,
            level_offset_db=_floats(b.level_offset_db for b in budgets),
            load_weight=load / db_to_ratio(boost_db),
            boost_db=boost_db,
            load=load,
            noise_dbm=_floats(b.noise_dbm for b in budgets),
            downlink_hz=_floats(b.downlink_hz for b in budgets),
            downlink_layers=_ints(b.downlink_layers for b in budgets),
            uplink_snr_offset_db=_floats(b.uplink_snr_offset_db for b in budgets),
            uplink_block_hz=_floats(b.uplink_block_hz for b in budgets),
            uplink_blocks=_ints(b.uplink_blocks for b in budgets),
            azimuth_deg=_floats(c.azimuth_deg for c in network.cells),
            tilt_deg=_floats(c.mechanical_downtilt_deg for c in network.cells),
            radius_m=_floats(c.radius_m for c in network.cells),
            pattern=_ints(pattern),
            cuts_db=_cuts(patterns),
            gain_dbi=np.array([p.gain_dbi for p in patterns], dtype=np.float64),
            max_loss_db=np.array([p.max_loss_db for p in patterns], dtype=np.float64),
        )


@dataclass(slots=True, kw_only=True)
class Group:
    """What is kept of one operator's carrier while its sweeps come in."""

    best: UInt16Array
    second: UInt16Array
    best_dbm: Float32Array
    second_dbm: Float32Array
    others_mw: Float32Array
    diffraction_cdb: UInt16Array
    terrain_cdb: UInt16Array

    @classmethod
    def empty(cls, grid: Grid) -> Group:
        """Return a group that no cell serves yet."""
        return cls(
            best=np.zeros(grid.shape, np.uint16),
            second=np.zeros(grid.shape, np.uint16),
            best_dbm=np.zeros(grid.shape, np.float32),
            second_dbm=np.zeros(grid.shape, np.float32),
            others_mw=np.zeros(grid.shape, np.float32),
            diffraction_cdb=np.zeros(grid.shape, np.uint16),
            terrain_cdb=np.zeros(grid.shape, np.uint16),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a service asks of every cell, indexed by code."""

    service: Service
    required_sinr_db: FloatArray
    required_uplink_rsrp_dbm: FloatArray
    sigma_db: float
    fade_db: float

    @classmethod
    def build(cls, service: Service, cells: CellArrays, total_sigma_db: float) -> Need:
        """Return what a service asks of each of these cells."""
        return cls(
            service=service,
            required_sinr_db=_floats(b.required_sinr_db(service) for b in cells.budgets),
            required_uplink_rsrp_dbm=_floats(
                b.required_uplink_rsrp_dbm(service) for b in cells.budgets
            ),
            sigma_db=total_sigma_db,
            fade_db=fade_margin_db(service.probability, sigma_db=total_sigma_db),
        )


def no_layers(grid: Grid, technology: Technology, services: Sequence[Service]) -> TechnologyLayers:
    """Return the layers of a technology before any group is in."""

    def unknown() -> Float32Array:
        return np.full(grid.shape, np.nan, np.float32)

    return TechnologyLayers(
        technology=technology,
        rsrp_dbm=unknown(),
        rsrq_db=unknown(),
        sinr_db=unknown(),
        downlink_mbps=unknown(),
        uplink_mbps=unknown(),
        best_server=np.full(grid.shape, -1, np.int16),
        second_server=np.full(grid.shape, -1, np.int16),
        second_rsrp_dbm=unknown(),
        services={
            service.name: ServiceLayers(
                probability=np.zeros(grid.shape, np.float32),
                limiting=np.zeros(grid.shape, np.uint8),
                reason=np.full(grid.shape, REASONS.index("no_cell"), np.uint8),
            )
            for service in services
            if technology in service.technologies
        },
    )


def add_cells(
    group: Group,
    sweep: PackedSweep,
    codes: NDArray[np.uint16],
    cells: CellArrays,
    convergence_deg: float,
    *,
    weight: float = 1.0,
    serves: bool = True,
) -> None:
    """Add the cells of these codes, which ride one sweep, to a group.

    Parameters
    ----------
    weight : float
        What part of their power falls on a resource element of the group.
    serves : bool
        False for cells of another carrier, which only disturb.
    """
    add_sweep(
        sweep.loss_cdb, sweep.departure_cdeg, sweep.diffraction_cdb, sweep.terrain_cdb,
        sweep.row0, sweep.col0, float(sweep.mast_row), float(sweep.mast_col),
        float(sweep.cell_m), convergence_deg,
        codes, cells.level_offset_db, weight * cells.load_weight, cells.azimuth_deg,
        cells.tilt_deg, cells.radius_m, cells.pattern, cells.cuts_db, cells.gain_dbi,
        cells.max_loss_db, serves,
        group.best, group.second, group.best_dbm, group.second_dbm, group.others_mw,
        group.diffraction_cdb, group.terrain_cdb,
    )  # fmt: skip


def fold(group: Group, into: TechnologyLayers, cells: CellArrays, needs: Sequence[Need]) -> None:
    """Let a finished group serve where it is best, and judge every service by it."""
    noise_mw = dbm_to_mw(cells.noise_dbm)
    # The phone's modulation is the same for all cells, and so are the curves.
    fold_group(
        group.best, group.second, group.best_dbm, group.second_dbm, group.others_mw,
        noise_mw, cells.boost_db, cells.load, cells.downlink_hz, cells.downlink_layers,
        cells.uplink_snr_offset_db, cells.uplink_block_hz, cells.uplink_blocks,
        _curve(cells.budgets[0].downlink_curve), _curve(cells.budgets[0].uplink_curve),
        into.best_server, into.second_server, into.rsrp_dbm, into.second_rsrp_dbm,
        into.rsrq_db, into.sinr_db, into.downlink_mbps, into.uplink_mbps,
    )  # fmt: skip
    for need in needs:
        judged = into.services.get(need.service.name)
        if judged is not None:
            judge_service(
                group.best, group.best_dbm, group.others_mw,
                group.diffraction_cdb, group.terrain_cdb,
                noise_mw, cells.noise_dbm, cells.boost_db,
                need.required_sinr_db, need.required_uplink_rsrp_dbm,
                need.service.min_rsrp_dbm, need.sigma_db, need.fade_db,
                judged.probability, judged.limiting, judged.reason,
            )  # fmt: skip


def group_key(network: Network, index: int) -> GroupKey:
    """Return the group of a cell."""
    cell = network.cells[index]
    carrier = cell.carrier
    return (
        carrier.technology,
        cell.operator,
        round(carrier.downlink_freq_mhz, 3),
        round(carrier.bandwidth_mhz, 3),
        round(carrier.subcarrier_spacing_khz, 3),
    )


def victims(network: Network) -> Victims:
    """Return for each group the operator's other groups whose spectrum it shares.

    Groups of another technology are left out: 4G and 5G in one block of spectrum share it by
    agreement (dynamic spectrum sharing).
    """
    carriers = {group_key(network, i): cell.carrier for i, cell in enumerate(network.cells)}
    found: Victims = {}
    for key, carrier in carriers.items():
        weights = (
            (other, disturbance_weight(victim, carrier))
            for other, victim in carriers.items()
            if other != key and other[:2] == key[:2]
        )
        found[key] = tuple((other, weight) for other, weight in weights if weight > 0.0)
    return found


def codes_by_group(
    network: Network, indices: tuple[int, ...]
) -> Iterator[tuple[GroupKey, NDArray[np.uint16]]]:
    """Yield the groups of some cells and the cells' codes."""
    members: dict[GroupKey, list[int]] = {}
    for index in indices:
        members.setdefault(group_key(network, index), []).append(index + 1)
    for key, codes in members.items():
        yield key, np.array(codes, dtype=np.uint16)


def _sweeps_per_group(
    network: Network, planned: Sequence[tuple[int, ...]], disturbed: Victims
) -> dict[GroupKey, int]:
    waiting: dict[GroupKey, int] = {}
    for indices in planned:
        for key in {group_key(network, index): None for index in indices}:
            for victim in (key, *(other for other, _ in disturbed[key])):
                waiting[victim] = waiting.get(victim, 0) + 1
    return waiting


def _check_window(grid: Grid, sweep: PackedSweep) -> None:
    height, width = sweep.loss_cdb.shape
    inside = (
        sweep.row0 >= 0
        and sweep.col0 >= 0
        and sweep.row0 + height <= grid.rows
        and sweep.col0 + width <= grid.cols
    )
    if not inside:
        raise InvalidInputError(
            f"a sweep covers rows {sweep.row0}..{sweep.row0 + height} and columns "
            f"{sweep.col0}..{sweep.col0 + width}, wanted a window of the "
            f"{grid.rows} x {grid.cols} grid"
        )


def _distinct_patterns(
    antennas: Sequence[AntennaPattern],
) -> tuple[list[AntennaPattern], list[int]]:
    """Return the patterns without repetition, and which of them each cell has."""
    seen: dict[int, int] = {}
    patterns: list[AntennaPattern] = []
    which = []
    for antenna in antennas:
        if id(antenna) not in seen:
            seen[id(antenna)] = len(patterns)
            patterns.append(antenna)
        which.append(seen[id(antenna)])
    return patterns, which


def _cuts(patterns: Sequence[AntennaPattern]) -> FloatArray:
    """Return both cuts of each pattern with degrees 360 and 361 repeating 0 and 1."""
    cuts = np.empty((len(patterns), 2, 362))
    for k, pattern in enumerate(patterns):
        for cut, loss_db in enumerate((pattern.horizontal_loss_db, pattern.vertical_loss_db)):
            cuts[k, cut] = np.concatenate([loss_db, loss_db[:2]])
    return cuts


def _floats(values: Iterable[float]) -> FloatArray:
    return np.array([np.nan, *values], dtype=np.float64)


def _ints(values: Iterable[int]) -> IntArray:
    return np.array([0, *values], dtype=np.int64)


def _curve(curve: ShannonCurve) -> tuple[float, float, float]:
    return (
        curve.alpha,
        float(db_to_ratio(curve.min_snr_db)),
        float(db_to_ratio(curve.max_snr_db)),
    )
