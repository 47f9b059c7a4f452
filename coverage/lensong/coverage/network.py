"""Masts, carriers and cells: the radio network as two tables, place and service."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from math import log10
from typing import Literal, TypeAlias

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.proposals import Proposals
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = [
    "AsRead",
    "Carrier",
    "Cell",
    "Mast",
    "Network",
    "Technology",
    "operator_key",
    "reference_signal_power_dbm",
    "resource_element_share_db",
]

Technology: TypeAlias = Literal["4G", "5G"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mast:
    """A place that carries antennas.

    Parameters
    ----------
    mast_id : str
        Unique in the network.
    name, operator : str
        For people; may be empty.
    lat_deg, lon_deg : float
        WGS 84 [deg].
    height_agl_m : float
        Height of the structure's antennas above ground unless a cell says otherwise [m], 1..3000.
    backhaul, power_supply : str
        Free text (``"microwave"``, ``"grid"``); may be empty.
    uncertain : bool
        True when the position is an estimate (an average of phones), not a surveyed mast.
    listed_ground_m : float or None
        What its list says of the ground's height [m]; only held against the elevation.
    """

    mast_id: str
    name: str = ""
    operator: str = ""
    lat_deg: float
    lon_deg: float
    height_agl_m: float
    backhaul: str = ""
    power_supply: str = ""
    uncertain: bool = False
    listed_ground_m: float | None = None

    def __post_init__(self) -> None:
        if not self.mast_id:
            raise InvalidInputError("mast_id is empty, wanted a name unique in the network")
        _in_range("lat_deg", self.lat_deg, -90.0, 90.0, self.mast_id)
        _in_range("lon_deg", self.lon_deg, -180.0, 180.0, self.mast_id)
        _in_range("height_agl_m", self.height_agl_m, 1.0, 3000.0, self.mast_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A block of spectrum as one technology uses it.

    Parameters
    ----------
    name : str
        For people and keys: ``"B3 1800"``.
    technology : {"4G", "5G"}
    downlink_freq_mhz, uplink_freq_mhz : float
        Centre frequencies [MHz]; equal for TDD.
    bandwidth_mhz : float
        Channel bandwidth [MHz].
    subcarrier_spacing_khz : float
        15 for LTE; 15, 30, 60 or 120 for NR.
    resource_blocks : int
        N_RB of the channel (3GPP TS 36.101 table 5.6-1, TS 38.101-1 table 5.3.2-1).
    duplex : {"FDD", "TDD"}
    uplink_share, downlink_share : float
        Share of time in that direction, 0..1; both 1 for FDD.
    """

    name: str
    technology: Technology
    downlink_freq_mhz: float
    uplink_freq_mhz: float
    bandwidth_mhz: float
    subcarrier_spacing_khz: float
    resource_blocks: int
    duplex: Literal["FDD", "TDD"]
    uplink_share: float = 1.0
    downlink_share: float = 1.0

    def __post_init__(self) -> None:
        _in_range("downlink_freq_mhz", self.downlink_freq_mhz, 30.0, 100_000.0, self.name)
        _in_range("uplink_freq_mhz", self.uplink_freq_mhz, 30.0, 100_000.0, self.name)
        _in_range("bandwidth_mhz", self.bandwidth_mhz, 0.1, 400.0, self.name)
        _in_range("subcarrier_spacing_khz", self.subcarrier_spacing_khz, 15.0, 120.0, self.name)
        _in_range("resource_blocks", self.resource_blocks, 1, 275, self.name)
        _in_range("uplink_share", self.uplink_share, 0.0, 1.0, self.name)
        _in_range("downlink_share", self.downlink_share, 0.0, 1.0, self.name)

    @property
    def resource_block_hz(self) -> float:
        """Return the width of a resource block, 12 subcarriers [Hz]."""
        return 12e3 * self.subcarrier_spacing_khz


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: an antenna on a mast that serves one carrier.

    Parameters
    ----------
    cell_id : str
        Unique in the network.
    mast_id : str
        The mast that carries it.
    operator : str
        Cells of different operators on one carrier do not serve each other's phones; empty: any.
    carrier : Carrier
    antenna : AntennaPattern
    azimuth_deg : float
        Clockwise from true north, 0..360.
    mechanical_downtilt_deg, electrical_downtilt_deg : float
        Positive down [deg]. The electrical tilt turns a parametric pattern; in a pattern file it
        is part of the file and this value is only kept for the record.
    height_agl_m : float
        Of this antenna above ground [m], 1..3000.
    total_power_dbm : float
        Power of the whole carrier at the transmitter output, all resource elements [dBm].
    reference_signal_boost_db : float
        Boost of the reference signal above the other resource elements [dB].
    feeder_loss_db : float
        Between transmitter and antenna, both directions [dB].
    level_correction_db : float
        What a calibration adds to the cell's levels at every place; both directions gain it [dB].
    downlink_load, uplink_noise_rise_db : float
        Share of resource elements in use 0..1; rise of the uplink noise by other cells [dB].
    noise_figure_db : float
        Of the base station receiver [dB].
    downlink_layers, uplink_layers : int
        Spatial streams that the planner allows in the rate cap.
    granted_uplink_resource_blocks : int
        The most resource blocks that the scheduler gives one phone.
    radius_m : float
        How far the cell is computed [m].
    on_air_since : date or None
        First day on the air; a plan does not look at it, what was measured before is not its.
    uncertain : bool
        As for the mast.
    assumed : tuple of str
        Names of the fields that were filled from the scenario's assumptions.
    """

    cell_id: str
    mast_id: str
    operator: str = ""
    carrier: Carrier
    antenna: AntennaPattern
    azimuth_deg: float
    mechanical_downtilt_deg: float = 0.0
    electrical_downtilt_deg: float = 0.0
    height_agl_m: float
    total_power_dbm: float
    reference_signal_boost_db: float = 0.0
    feeder_loss_db: float = 0.0
    level_correction_db: float = 0.0
    downlink_load: float = 0.5
    uplink_noise_rise_db: float = 2.0
    noise_figure_db: float = 3.0
    downlink_layers: int = 2
    uplink_layers: int = 1
    granted_uplink_resource_blocks: int
    radius_m: float
    physical_cell_id: int | None = None
    on_air_since: date | None = None
    uncertain: bool = False
    assumed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.cell_id:
            raise InvalidInputError("cell_id is empty, wanted a name unique in the network")
        who = self.cell_id
        _in_range("azimuth_deg", self.azimuth_deg, 0.0, 360.0, who)
        _in_range("mechanical_downtilt_deg", self.mechanical_downtilt_deg, -30.0, 90.0, who)
        _in_range("electrical_downtilt_deg", self.electrical_downtilt_deg, -30.0, 90.0, who)
        _in_range("height_agl_m", self.height_agl_m, 1.0, 3000.0, who)
        _in_range("total_power_dbm", self.total_power_dbm, -30.0, 80.0, who)
        _in_range("reference_signal_boost_db", self.reference_signal_boost_db, -12.0, 12.0, who)
        _in_range("feeder_loss_db", self.feeder_loss_db, 0.0, 30.0, who)
        _in_range("level_correction_db", self.level_correction_db, -100.0, 100.0, who)
        _in_range("downlink_load", self.downlink_load, 0.0, 1.0, who)
        _in_range("uplink_noise_rise_db", self.uplink_noise_rise_db, 0.0, 40.0, who)
        _in_range("noise_figure_db", self.noise_figure_db, 0.0, 30.0, who)
        _in_range("downlink_layers", self.downlink_layers, 1, 16, who)
        _in_range("uplink_layers", self.uplink_layers, 1, 8, who)
        _in_range(
            "granted_uplink_resource_blocks",
            self.granted_uplink_resource_blocks,
            1,
            self.carrier.resource_blocks,
            who,
        )
        if self.physical_cell_id is not None:
            highest = 503 if self.carrier.technology == "4G" else 1007
            _in_range("physical_cell_id", self.physical_cell_id, 0, highest, who)
        _in_range("radius_m", self.radius_m, 250.0, 100_000.0, who)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRead:
    """What became of one value of a cell plan, or of one of its rows.

    Parameters
    ----------
    where : str
        ``"line 12"``, with Atoll's table; of several rows the first and the last.
    column, text : str
        Of the file; empty where no column has the field or the entry is on the whole row.
    field, value : str
        Our name and what the plan computes with; empty where the column is not used.
    fate : {"given", "assumed", "merged", "left out", "not used"}
    why : str
        Reason where it is not ``given``; may be empty.
    cells : tuple of str
        Ids of the cells made of the row.
    rows : int
        For how many rows on end it stands.
    """

    where: str
    column: str = ""
    text: str = ""
    field: str = ""
    value: str = ""
    fate: Literal["given", "assumed", "merged", "left out", "not used"]
    why: str = ""
    cells: tuple[str, ...] = ()
    rows: int = 1

    def __reduce__(self) -> tuple[Callable[..., AsRead], tuple[object, ...]]:
        """Pickle as what makes it: there are thousands, and a worker reads them anew and anew."""
        fields = (self.column, self.text, self.field, self.value, self.fate, self.why)
        return _as_read, (self.where, *fields, self.cells, self.rows)


def _as_read(
    where: str,
    column: str,
    text: str,
    field: str,
    value: str,
    fate: Literal["given", "assumed", "merged", "left out", "not used"],
    why: str,
    cells: tuple[str, ...],
    rows: int,
) -> AsRead:
    return AsRead(
        where=where, column=column, text=text, field=field, value=value, fate=fate, why=why,
        cells=cells, rows=rows,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """All masts and cells of a plan.

    Parameters
    ----------
    masts, cells : tuple
        Identifiers are unique; every cell's mast exists.
    assumptions, warnings : tuple of str
        English sentences for the report.
    as_read : tuple of AsRead
        What became of each row of the cell plan; empty for a network that was not read.
    proposals : Proposals or None
        What a siting study chose for it, where the scenario names one; some may be built.
    """

    masts: tuple[Mast, ...]
    cells: tuple[Cell, ...]
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    as_read: tuple[AsRead, ...] = field(default=(), compare=False, repr=False)
    proposals: Proposals | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        masts = _unique("mast_id", [m.mast_id for m in self.masts])
        _unique("cell_id", [c.cell_id for c in self.cells])
        for cell in self.cells:
            if cell.mast_id not in masts:
                raise InvalidInputError(
                    f"cell {cell.cell_id!r} stands on mast {cell.mast_id!r}, which is not in "
                    "the list of masts: add the mast or correct the cell"
                )

    def mast(self, mast_id: str) -> Mast:
        """Return the mast of that id."""
        return next(m for m in self.masts if m.mast_id == mast_id)


@lru_cache(4_096)
def operator_key(name: str) -> str:
    """Return an operator's name as it is compared: without case, diacritics, blanks and signs.

    Examples
    --------
    >>> operator_key("ORANGE") == operator_key(" Orange "), operator_key("Bouygues Télécom")
    (True, 'bouyguestelecom')
    """
    letters = unicodedata.normalize("NFKD", name.replace("đ", "d").replace("Đ", "D").casefold())
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[\W_]", "", bare)


def resource_element_share_db(carrier: Carrier) -> float:
    """Return how far one of a carrier's resource elements lies below the whole carrier [dB].

    ``10 log10(12 N_RB)``: each resource block has 12 subcarriers.
    """
    return 10.0 * log10(12.0 * carrier.resource_blocks)


def reference_signal_power_dbm(cell: Cell) -> float:
    """Return the power of one reference-signal resource element at the transmitter output [dBm].

    ``total_power_dbm - 10 log10(12 N_RB) + reference_signal_boost_db``: RSRP is a level *per
    resource element*. Without the division a map is 27.8 dB (10 MHz) to 30.8 dB (20 MHz) too good.
    Feeder loss and antenna gain come after.
    """
    return (
        cell.total_power_dbm
        - resource_element_share_db(cell.carrier)
        + cell.reference_signal_boost_db
    )


def _in_range(name: str, value: float, low: float, high: float, who: str) -> None:
    if not low <= value <= high:
        raise OutOfRangeError(f"{name} of {who!r}", value, low, high)


def _unique(name: str, values: list[str]) -> set[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise InvalidInputError(
                f"{name} {value!r} occurs more than once: identifiers must be unique"
            )
        seen.add(value)
    return seen
