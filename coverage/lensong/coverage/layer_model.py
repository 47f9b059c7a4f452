"""Constants from which layers are made: cells, carriers by operator, and what services need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pyproj import CRS, Transformer

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.chance_sites import alike_codes, factors_by_code
from lensong.coverage.decibel import db_to_ratio, dbm_to_mw
from lensong.coverage.link_budget import CellBudget, cell_budget
from lensong.coverage.network import Carrier, Network, Technology, operator_key
from lensong.coverage.rates import ShannonCurve
from lensong.coverage.service import Handset, Service
from lensong.coverage.shadowing import Shadowing, site_numbers
from lensong.coverage.spectrum import disturbance_weight
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import BoolArray, Float32Array, FloatArray, IntArray

__all__ = [
    "CellArrays",
    "LayerModel",
    "OperatorCarriers",
    "band_name",
    "meridian_convergence_deg",
    "operator_names",
]

TECHNOLOGIES: tuple[Technology, ...] = ("4G", "5G")
_MOST_CELLS = 32_767  # codes of best_server are int16


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


def band_name(carrier: Carrier) -> str:
    """Return the band of a carrier, the first word of its name (``"B20 10 MHz at …"``)."""
    return carrier.name.split()[0] if carrier.name.strip() else carrier.technology


@dataclass(frozen=True, slots=True, kw_only=True)
class CellArrays:
    """Constants of all cells, indexed by code (cell index + 1); entry 0 is unused."""

    budgets: tuple[CellBudget, ...]
    level_offset_db: FloatArray
    load_weight: FloatArray
    boost: FloatArray
    load: FloatArray
    noise_mw: FloatArray
    downlink_hz: FloatArray
    downlink_layers: IntArray
    resource_blocks: IntArray
    uplink_snr_offset: FloatArray
    uplink_block_hz: FloatArray
    uplink_blocks: IntArray
    azimuth_deg: FloatArray
    sin_azimuth: FloatArray
    cos_azimuth: FloatArray
    sin_tilt: FloatArray
    cos_tilt: FloatArray
    radius_m: FloatArray
    site: IntArray
    pattern: IntArray
    cuts_db: Float32Array
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
        offset_db = _floats(b.uplink_snr_offset_db for b in budgets)
        azimuth_deg = _floats(c.azimuth_deg for c in network.cells)
        tilt_rad = np.deg2rad(_floats(c.mechanical_downtilt_deg for c in network.cells))
        return cls(
            budgets=budgets,
            level_offset_db=_floats(b.level_offset_db for b in budgets),
            load_weight=load / db_to_ratio(boost_db),
            boost=db_to_ratio(boost_db),
            load=load,
            noise_mw=dbm_to_mw(_floats(b.noise_dbm for b in budgets)),
            downlink_hz=_floats(b.downlink_hz for b in budgets),
            downlink_layers=_ints(b.downlink_layers for b in budgets),
            resource_blocks=_ints(c.carrier.resource_blocks for c in network.cells),
            uplink_snr_offset=db_to_ratio(offset_db),
            uplink_block_hz=_floats(b.uplink_block_hz for b in budgets),
            uplink_blocks=_ints(b.uplink_blocks for b in budgets),
            azimuth_deg=azimuth_deg,
            sin_azimuth=np.sin(np.deg2rad(azimuth_deg)),
            cos_azimuth=np.cos(np.deg2rad(azimuth_deg)),
            sin_tilt=np.sin(tilt_rad),
            cos_tilt=np.cos(tilt_rad),
            radius_m=_floats(c.radius_m for c in network.cells),
            site=site_numbers(network),
            pattern=_ints(pattern),
            cuts_db=_cuts(patterns),
            gain_dbi=np.array([p.gain_dbi for p in patterns], dtype=np.float64),
            max_loss_db=np.array([p.max_loss_db for p in patterns], dtype=np.float64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCarriers:
    """The carriers of one operator; cells of one carrier serve the same phones.

    Parameters
    ----------
    name : str
    keys : tuple
        What tells the carriers apart: technology, frequency, bandwidth, subcarrier spacing.
    carrier_of : dict
        Cell code to carrier number.
    technology, band : shape (carriers,)
        Rows of the layers that a carrier belongs to.
    overlap_share : shape (carriers, carriers)
        `disturbance_weight` between different carriers of one technology; 0 on the diagonal.
        Carriers of another technology are left out: 4G and 5G in one block of spectrum share it by
        agreement (dynamic spectrum sharing).
    carries : shape (services, carriers)
        Whether the service may use the carrier.
    in_scope : shape (scopes, carriers)
        All carriers, then those of each technology where the operator has more than one.
    scope_row, also_row : shape (scopes,)
        Rows of the service layers that a scope belongs to; -1 for none.
    """

    name: str
    keys: tuple[tuple[object, ...], ...]
    carrier_of: dict[int, int]
    technology: IntArray
    band: IntArray
    overlap_share: FloatArray
    carries: BoolArray
    in_scope: BoolArray
    scope_row: IntArray
    also_row: IntArray

    @property
    def carriers(self) -> int:
        """Return how many carriers there are."""
        return int(self.technology.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerModel:
    """Everything that stays the same while sweeps come in.

    Parameters
    ----------
    operator_of : tuple of str
        Of each cell.
    technologies : tuple
        Of the network's cells, ``"4G"`` before ``"5G"``.
    bands : tuple of (technology, band)
        Sorted.
    service_rows : int
        Rows of the service layers: one for all technologies together, and one for each if there
        are more than one.
    required_sinr, required_level_mw : shape (services, codes)
        Ratio, and RSRP at which the uplink works [mW]; ``inf`` where nothing is enough.
    attach_mw, wanted, need_uplink_mbps : shape (services,)
    factors : shape (codes, services, kinds)
        Of `lensong.coverage.chance_sites`.
    alike : shape (codes,)
        The same number for cells of the same factors.
    """

    network: Network
    services: tuple[Service, ...]
    cells: CellArrays
    operator_of: tuple[str, ...]
    operators: dict[str, OperatorCarriers]
    technologies: tuple[Technology, ...]
    bands: tuple[tuple[Technology, str], ...]
    service_rows: int
    required_sinr: FloatArray
    required_level_mw: FloatArray
    attach_mw: FloatArray
    wanted: FloatArray
    need_uplink_mbps: FloatArray
    factors: Float32Array
    alike: IntArray
    aggregate: bool
    turn_deg: dict[str, float]
    shadowing: Shadowing
    draws: Float32Array
    downlink_curve: tuple[float, float, float]
    uplink_curve: tuple[float, float, float]

    @classmethod
    def build(
        cls,
        crs: str,
        network: Network,
        handset: Handset,
        services: Sequence[Service],
        shadowing: Shadowing,
    ) -> LayerModel:
        """Return the constants for a network, a phone and what it must be able to do."""
        cells = CellArrays.build(network, handset)
        used = {cell.carrier.technology for cell in network.cells}
        technologies = tuple(t for t in TECHNOLOGIES if t in used)
        bands = tuple(sorted({(c.carrier.technology, band_name(c.carrier)) for c in network.cells}))
        levels_dbm = [
            _floats(b.required_uplink_rsrp_dbm(service) for b in cells.budgets)
            for service in services
        ]
        sinr_db = [
            _floats(b.required_sinr_db(service) for b in cells.budgets) for service in services
        ]
        codes = len(cells.budgets) + 1
        names = operator_names(network)
        required_sinr = db_to_ratio(sinr_db).reshape(len(services), codes)
        required_level_mw = dbm_to_mw(levels_dbm).reshape(len(services), codes)
        attach_mw = dbm_to_mw(np.array([s.min_rsrp_dbm for s in services], dtype=np.float64))
        factors = factors_by_code(
            cells.load_weight, cells.boost, cells.noise_mw, required_sinr, required_level_mw,
            attach_mw, handset.uplink_carrier_aggregation,
        )  # fmt: skip
        return cls(
            network=network,
            services=tuple(services),
            cells=cells,
            operator_of=names,
            operators=_operators(network, names, services, technologies, bands),
            technologies=technologies,
            bands=bands,
            service_rows=1 + len(technologies) if len(technologies) > 1 else 1,
            required_sinr=required_sinr,
            required_level_mw=required_level_mw,
            attach_mw=attach_mw,
            wanted=np.array([s.probability for s in services], dtype=np.float64),
            need_uplink_mbps=np.array([s.uplink_mbps for s in services], dtype=np.float64),
            factors=factors,
            alike=alike_codes(factors),
            aggregate=handset.uplink_carrier_aggregation,
            turn_deg=meridian_convergence_deg(crs, network),
            shadowing=shadowing,
            draws=shadowing.draws,
            # The phone's modulation is the same for all cells, and so are the curves.
            downlink_curve=_curve(cells.budgets[0].downlink_curve),
            uplink_curve=_curve(cells.budgets[0].uplink_curve),
        )

    def service_row(self, technology: Technology) -> int:
        """Return the row of the service layers of one technology."""
        return 1 + self.technologies.index(technology) if self.service_rows > 1 else 0


def operator_names(network: Network) -> tuple[str, ...]:
    """Return the operator of each cell, as it was first written; spellings are compared folded."""
    first: dict[str, str] = {}
    for cell in network.cells:
        first.setdefault(operator_key(cell.operator), cell.operator)
    return tuple(first[operator_key(cell.operator)] for cell in network.cells)


def _operators(
    network: Network,
    names: Sequence[str],
    services: Sequence[Service],
    technologies: tuple[Technology, ...],
    bands: tuple[tuple[Technology, str], ...],
) -> dict[str, OperatorCarriers]:
    found: dict[str, dict[tuple[object, ...], list[int]]] = {}
    for index, cell in enumerate(network.cells):
        found.setdefault(names[index], {}).setdefault(_carrier_key(cell.carrier), []).append(index)
    operators = {}
    for name in sorted(found):
        groups = [found[name][key] for key in sorted(found[name])]
        carriers = [network.cells[group[0]].carrier for group in groups]
        own = [t for t in technologies if any(c.technology == t for c in carriers)]
        rows = [1 + technologies.index(t) for t in own] if len(technologies) > 1 else []
        scopes = [[True] * len(carriers)]
        scope_row, also_row = [0], [-1]
        if len(own) == 1 and rows:
            also_row = rows
        elif len(own) > 1:
            scopes += [[c.technology == t for c in carriers] for t in own]
            scope_row, also_row = [0, *rows], [-1] * (1 + len(rows))
        operators[name] = OperatorCarriers(
            name=name,
            keys=tuple(sorted(found[name])),
            carrier_of={i + 1: k for k, group in enumerate(groups) for i in group},
            technology=np.array([technologies.index(c.technology) for c in carriers], np.int64),
            band=np.array([bands.index((c.technology, band_name(c))) for c in carriers], np.int64),
            overlap_share=np.array(
                [
                    [
                        disturbance_weight(a, b) if j != k and a.technology == b.technology else 0.0
                        for k, b in enumerate(carriers)
                    ]
                    for j, a in enumerate(carriers)
                ]
            ),
            carries=np.array(
                [[c.technology in s.technologies for c in carriers] for s in services], np.bool_
            ).reshape(len(services), len(carriers)),
            in_scope=np.array(scopes, np.bool_),
            scope_row=np.array(scope_row, np.int64),
            also_row=np.array(also_row, np.int64),
        )
    return operators


def _carrier_key(carrier: Carrier) -> tuple[object, ...]:
    """Return what the cells of one carrier have in common: phones choose the strongest of them."""
    return (
        carrier.technology,
        round(carrier.downlink_freq_mhz, 3),
        round(carrier.bandwidth_mhz, 3),
        carrier.subcarrier_spacing_khz,
    )


def _distinct_patterns(
    antennas: Sequence[AntennaPattern],
) -> tuple[list[AntennaPattern], list[int]]:
    """Return the patterns, each once, and which of them every cell has."""
    patterns: list[AntennaPattern] = []
    place: dict[int, int] = {}
    numbers = []
    for antenna in antennas:
        if id(antenna) not in place:
            place[id(antenna)] = len(patterns)
            patterns.append(antenna)
        numbers.append(place[id(antenna)])
    return patterns, numbers


def _cuts(patterns: Sequence[AntennaPattern]) -> Float32Array:
    """Return both cuts of each pattern with degrees 360 and 361 repeating 0 and 1."""
    cuts = np.empty((len(patterns), 2, 362), dtype=np.float32)
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
