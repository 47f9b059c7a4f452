"""The result of a plan, as every output reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensong.coverage.network import Network, Technology
from lensong.coverage.service import Handset, Service
from lensong.coverage.sweeps import PropagationSettings
from lensong.gis_data.array_room import ArrayRoom, MemoryRoom
from lensong.gis_data.land import Land
from lensong.propagation.types import Float32Array, Int16Array, UInt8Array

__all__ = [
    "NO_LEVEL_CDBM",
    "REASONS",
    "KnownLayers",
    "OperatorLayers",
    "PlanResult",
    "ServiceLayers",
    "TechnologyLayers",
    "as_dbm",
]

REASONS = (
    "served",
    "terrain",
    "clutter",
    "interference",
    "uplink",
    "distance",
    "no_cell",
    "capacity",
    "beyond_radius",
    "void",
)
"""Names of the codes of ``ServiceLayers.reason``.

``terrain``: would be served without the terrain in the way; ``clutter``: likewise without trees
and houses; ``interference``: enough signal, too much of other cells; ``uplink``: the downlink
works and no obstacle explains it, the phone is too weak; ``distance``: too far; ``no_cell``: no
cell reaches the pixel at all; ``capacity``: the cell's bandwidth, load or grant cannot carry the
rates at any level; ``beyond_radius``: the pixel lies beyond the radius of every mast, so nothing is
known of it; ``void``: within the radius, but a void or the edge of the elevation hides it from
every mast there, or the distance is out of the model's range, so nothing is known of it either.
"""


NO_LEVEL_CDBM = -32768
"""What a level in hundredths of a decibel holds where no cell is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLayers:
    """One service, per pixel, by the operator that serves it best there.

    Parameters
    ----------
    probability : shape (rows, cols), float32 (float16 for one operator among others)
        That both directions hold, 0..1; 0 where no cell reaches.
    limiting : shape (rows, cols), uint8
        Direction with the smaller margin at the median, on the carrier that comes nearest: 0 no
        cell, 1 downlink, 2 uplink. Empty, shape (0, 0), for one operator among others.
    reason : shape (rows, cols), uint8
        Index into ``REASONS``.
    """

    probability: NDArray[np.floating[Any]]
    limiting: UInt8Array
    reason: UInt8Array

    @classmethod
    def empty(
        cls,
        shape: tuple[int, int],
        *,
        of_one_operator: bool = False,
        room: ArrayRoom | None = None,
    ) -> ServiceLayers:
        """Return the layers where no cell reaches."""
        full = (room or MemoryRoom()).full
        return cls(
            probability=full(shape, 0.0, np.float16 if of_one_operator else np.float32),
            limiting=full((0, 0) if of_one_operator else shape, 0, np.uint8),
            reason=full(shape, REASONS.index("no_cell"), np.uint8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnologyLayers:
    """What one technology offers at every pixel; NaN where no cell reaches.

    Of any operator: at each pixel that whose serving cell has the fastest uplink.

    Parameters
    ----------
    technology : {"4G", "5G"}
    rsrp_dbm, rsrq_db, sinr_db : shape (rows, cols), float32
        Of the serving cell, at the median.
    downlink_mbps, uplink_mbps : shape (rows, cols), float32
        Rate of one phone alone in its share of the cell [Mbit/s], at the median.
    best_server, second_server : shape (rows, cols), int16
        Index into ``network.cells``; -1 none. The second is the next strongest on the same carrier.
    second_rsrp_dbm : shape (rows, cols), float32
    overlap : shape (rows, cols), uint8
        Sites on the serving carrier within 6 dB of the serving cell, itself included; 0 none.
    band_cdbm : dict of shape (rows, cols), int16
        By band, the strongest level of any cell [0.01 dBm]; ``NO_LEVEL_CDBM`` none.
    services : dict
        Service name to its layers on this technology alone.
    """

    technology: Technology
    rsrp_dbm: Float32Array
    rsrq_db: Float32Array
    sinr_db: Float32Array
    downlink_mbps: Float32Array
    uplink_mbps: Float32Array
    best_server: Int16Array
    second_server: Int16Array
    second_rsrp_dbm: Float32Array
    services: dict[str, ServiceLayers]
    overlap: UInt8Array = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    band_cdbm: dict[str, Int16Array] = field(default_factory=dict)

    @classmethod
    def empty(
        cls,
        shape: tuple[int, int],
        technology: Technology,
        *,
        bands: Sequence[str],
        services: dict[str, ServiceLayers],
        room: ArrayRoom | None = None,
    ) -> TechnologyLayers:
        """Return the layers where no cell reaches."""
        full = (room or MemoryRoom()).full

        def unknown() -> Float32Array:
            return full(shape, np.nan, np.float32)

        return cls(
            technology=technology,
            rsrp_dbm=unknown(),
            rsrq_db=unknown(),
            sinr_db=unknown(),
            downlink_mbps=unknown(),
            uplink_mbps=unknown(),
            best_server=full(shape, -1, np.int16),
            second_server=full(shape, -1, np.int16),
            second_rsrp_dbm=unknown(),
            services=services,
            overlap=full(shape, 0, np.uint8),
            band_cdbm={band: full(shape, NO_LEVEL_CDBM, np.int16) for band in bands},
        )

    @property
    def level_dbm(self) -> Float32Array:
        """Return the strongest level over all bands of the technology, NaN where there is none."""
        if not self.band_cdbm:
            return self.rsrp_dbm
        return as_dbm(np.maximum.reduce(list(self.band_cdbm.values())))

    def level_at(self, cells: NDArray[np.int32]) -> Float32Array:
        """Return `level_dbm` at flat indices into the grid, of any shape."""
        if not self.band_cdbm:
            return np.asarray(self.rsrp_dbm.ravel()[cells], dtype=np.float32)
        bands = [level.ravel()[cells] for level in self.band_cdbm.values()]
        return as_dbm(np.maximum.reduce(bands))


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLayers:
    """What one operator's SIM gets at every pixel, over all technologies.

    Parameters
    ----------
    name : str
        As the network has it; may be empty.
    level_cdbm : shape (rows, cols), int16
        Strongest level of any of its cells [0.01 dBm]; ``NO_LEVEL_CDBM`` none.
    services : dict
        Service name to its layers; those of the plan itself where it has one operator only.
    """

    name: str
    level_cdbm: Int16Array
    services: dict[str, ServiceLayers]

    @classmethod
    def empty(
        cls,
        shape: tuple[int, int],
        name: str,
        shared: dict[str, ServiceLayers] | None,
        services: Sequence[str],
        room: ArrayRoom | None = None,
    ) -> OperatorLayers:
        """Return the layers where no cell reaches; ``shared`` are those of a lone operator."""
        return cls(
            name=name,
            level_cdbm=(room or MemoryRoom()).full(shape, NO_LEVEL_CDBM, np.int16),
            services=shared
            if shared is not None
            else {s: ServiceLayers.empty(shape, of_one_operator=True, room=room) for s in services},
        )

    @property
    def level_dbm(self) -> Float32Array:
        """Return the strongest level, NaN where there is none."""
        return as_dbm(self.level_cdbm)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLayers:
    """How well a calibrated level of the serving cell is known at every pixel of a technology.

    Parameters
    ----------
    field_db : shape (rows, cols), float32
        What the residual field of the calibration adds; NaN where no cell serves [dB].
    half_db : shape (rows, cols), float32
        Half of the interval that holds 90 % of levels, NaN likewise [dB].
    basis : shape (rows, cols), uint8
        Index into `lensong.coverage.calibration.known.BASES` plus 1; 0 where no cell serves.
    """

    field_db: Float32Array
    half_db: Float32Array
    basis: UInt8Array

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> KnownLayers:
        """Return layers in which no cell serves."""
        return cls(
            field_db=np.full(shape, np.nan, np.float32),
            half_db=np.full(shape, np.nan, np.float32),
            basis=np.zeros(shape, np.uint8),
        )


def as_dbm(level_cdbm: Int16Array) -> Float32Array:
    """Return levels in dBm, NaN where there is none."""
    level = level_cdbm.astype(np.float32)
    level *= np.float32(0.01)
    level[level_cdbm == NO_LEVEL_CDBM] = np.nan
    return level


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """Everything that a plan found.

    Column suffixes: ``_4g``, ``_5g`` for technologies; service names with ``-`` turned to ``_``.

    Parameters
    ----------
    title : str
        Of the scenario.
    land, network : Land, Network
    handset : Handset
    propagation : PropagationSettings
        How path loss was computed.
    services : tuple of Service
    class_service : str
        The service by which villages are classed (default ``"voice-data"``).
    layers : dict
        Technology to its layers, of any operator: the best at each pixel.
    service_layers : dict
        Service to its layers over all technologies that may carry it, of any operator likewise.
    operators : dict
        Operator to its own layers.
    cell_footprints : DataFrame or None
        By ``cell_id``: ``footprint_km2`` and ``footprint_people``, where the cell is the strongest
        of its operator's carrier, on the whole grid.
    level_shares : DataFrame or None
        Who and what area has which level: see `lensong.coverage.level_shares`.
    level_sigma_db : float
        Standard deviation with which services were judged: locations, model and, indoors, the
        building [dB].
    villages : GeoDataFrame in the grid's CRS, one row per village
        Columns of ``land.villages`` and: ``people`` (float; of the village, for weighting and
        sums), ``weighting`` (``"population"``, ``"area"``), ``elevation_share`` (0..1, of its
        area; what lies outside the elevation is not judged), ``class`` (``no_signal``, ``patchy``,
        ``covered``, ``beyond_radius``, ``unknown``), ``reason`` (of its gap; empty when covered),
        per service
        ``served_share_<service>`` (0..1, any technology), ``reason_<service>`` (of most people
        not served; empty where all are), ``chance_p50_<service>`` (of the service, reached for
        half of the people), per service and technology
        ``served_share_<service>_<tech>``, ``limiting_<service>_<tech>`` (``downlink``,
        ``uplink``, ``none``), per technology ``level_p50_dbm_<tech>``, ``level_p10_dbm_<tech>``
        (the strongest level of any cell), ``rsrp_p50_dbm_<tech>``, ``rsrp_p10_dbm_<tech>``,
        ``downlink_p50_mbps_<tech>``, ``downlink_p10_mbps_<tech>``, ``uplink_p50_mbps_<tech>``,
        ``uplink_p10_mbps_<tech>``, ``best_server_<tech>`` (cell id), ``distance_m_<tech>`` (from
        the village centre to that cell's mast), ``best_server_uncertain_<tech>`` (bool: that
        mast's position is an estimate). p10 is reached or exceeded for 90 % of the people.
        ``people`` is NaN where nothing tells it. Everything up to here is of *any operator*.
        ``operators_serving`` (how many serve the class service to a covered share of the people)
        and ``operators`` (their names), and per operator, ``<op>`` as `operator_suffix` writes
        it, ``served_share_<service>_op_<op>``, ``class_op_<op>``, ``reason_op_<op>`` (of the
        class service) and ``level_p50_dbm_op_<op>``; not where no operator has a name.
        Where causes were asked for: ``shortfall_db``, ``main_cause``, ``cause_<term>_db``,
        ``cause_cell``, ``cause_note`` (NaN and empty where the village is covered).
    communes : GeoDataFrame in the grid's CRS, or None
        ``commune_code``, ``commune``, ``province``, ``villages``, ``villages_beyond_radius``,
        ``villages_no_signal``, ``villages_patchy``, ``villages_covered``, ``people``,
        ``people_served_<service>``, ``people_served_<service>_op_<op>``.
    provinces : GeoDataFrame in the grid's CRS, or None
        ``province`` and the same sums.
    gaps : GeoDataFrame in the grid's CRS
        Polygons where people live and the class service fails: ``gap_id``, ``reason``,
        ``people``, ``area_km2``, ``villages`` (names, comma-separated), ``service``.
    summary : dict
        Headline numbers, JSON-ready: ``villages``, ``people``,
        ``villages_without_people_known``, ``villages_by_class``,
        ``people_by_class``, ``villages_by_reason``, ``people_served`` (service → people),
        ``people_served_by_technology`` (service → tech → people), all of any operator, and
        ``people_served_by_operator`` (service → operator → people),
        ``villages_by_operators_serving`` (number of operators, as text → villages); both empty
        where no operator has a name.
    settings : dict
        The whole scenario as read, JSON-ready, defaults included.
    assumptions, warnings : tuple of str
        English sentences; those of land and network included.
    synthetic : bool
        True when any input is generated.
    timings_s : dict
        Stage to seconds. Not part of what must be reproducible.
    sweeps_total, sweeps_reused : int
        Path-loss sweeps in the plan, and how many came from the cache.
    known : dict
        Technology to what a calibration knows of its levels; empty without one.
    causes, counterfactuals : DataFrame or None
        One row per village below the class service, and per change that was tried for the largest
        gaps: see docs/reference/outputs.md. None where they were not asked for.
    room : ArrayRoom
        Where the layers are; who has read some of them may let them go.
    """

    title: str
    land: Land
    network: Network
    handset: Handset
    services: tuple[Service, ...]
    class_service: str
    layers: dict[Technology, TechnologyLayers]
    level_sigma_db: float
    villages: gpd.GeoDataFrame
    communes: gpd.GeoDataFrame | None
    gaps: gpd.GeoDataFrame
    summary: dict[str, Any]
    settings: dict[str, Any]
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    synthetic: bool = False
    timings_s: dict[str, float] = field(default_factory=dict)
    sweeps_total: int = 0
    sweeps_reused: int = 0
    provinces: gpd.GeoDataFrame | None = None
    service_layers: dict[str, ServiceLayers] = field(default_factory=dict)
    operators: dict[str, OperatorLayers] = field(default_factory=dict)
    cell_footprints: pd.DataFrame | None = None
    level_shares: pd.DataFrame | None = None
    propagation: PropagationSettings = field(default_factory=PropagationSettings)
    streams: pd.DataFrame | None = None
    known: dict[Technology, KnownLayers] = field(default_factory=dict)
    causes: pd.DataFrame | None = None
    counterfactuals: pd.DataFrame | None = None
    room: ArrayRoom = field(default_factory=MemoryRoom, repr=False)
