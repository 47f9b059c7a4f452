"""What can be changed at cells that stand: tilt, azimuth, power, and a further carrier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Literal, TypeAlias

import numpy as np

from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.carriers import parse_carrier
from lensong.coverage.network import Carrier, Cell, Network, Technology
from lensong.coverage.variant.edits import AddCell, Edit, SetCell, edited
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["CHANGES", "Change", "ChangeKind", "ChangeSettings", "Knob", "changed", "knobs_of"]

ChangeKind: TypeAlias = Literal["tilt", "azimuth", "power", "carrier"]
CHANGES: tuple[ChangeKind, ...] = ("tilt", "azimuth", "power", "carrier")

_FIELD = {
    "tilt": "mechanical_downtilt_deg",
    "azimuth": "azimuth_deg",
    "power": "total_power_dbm",
    "carrier": "carrier",
}
_SAME_BAND = 0.2  # an antenna file holds for frequencies so near to its own, as a share


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings:
    """The ``[siting.changes]`` section of a scenario: what a change at what stands costs.

    Parameters
    ----------
    tilt_cost, azimuth_cost, power_cost, carrier_cost : float or None
        Of one change of that kind at one antenna (tilt, azimuth) or cell (power, a further
        carrier), 0 or more; None: that kind is not tried.
    tilts_deg : tuple of float
        Mechanical downtilts that are tried, positive down [deg].
    azimuth_turns_deg : tuple of float
        By how much antennas are turned from where they point, clockwise [deg].
    power_steps_db : tuple of float
        By how much power is changed from what it is [dB].
    most_power_dbm : float or None
        No carrier is raised above this [dBm]; None: power is only lowered.
    carriers : tuple of str
        That a mast may get besides, as `carriers.parse_carrier` reads them; empty: those that its
        operator has elsewhere in the network.
    assumed : bool
        Whether a value that no list gave, but ``[network.assume]``, is changed too.
    most_cost_per_person : float or None
        A change that costs more for each person who gains is not made.
    """

    tilt_cost: float | None = None
    azimuth_cost: float | None = None
    power_cost: float | None = None
    carrier_cost: float | None = None
    tilts_deg: tuple[float, ...] = (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    azimuth_turns_deg: tuple[float, ...] = (-40.0, -20.0, 20.0, 40.0)
    power_steps_db: tuple[float, ...] = (-6.0, -3.0, 3.0)
    most_power_dbm: float | None = None
    carriers: tuple[str, ...] = ()
    assumed: bool = False
    most_cost_per_person: float | None = None

    def __post_init__(self) -> None:
        for name in (*(f"{kind}_cost" for kind in CHANGES), "most_cost_per_person"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value < 1e15:
                raise OutOfRangeError(f"siting.changes.{name}", value, 0.0, 1e15)
        for name, low, high in (
            ("tilts_deg", -30.0, 90.0),
            ("azimuth_turns_deg", -180.0, 180.0),
            ("power_steps_db", -60.0, 60.0),
        ):
            for value in getattr(self, name):
                if not low <= value <= high:
                    raise OutOfRangeError(f"siting.changes.{name}", value, low, high)
        if self.most_power_dbm is not None and not -30.0 <= self.most_power_dbm <= 80.0:
            raise OutOfRangeError("siting.changes.most_power_dbm", self.most_power_dbm, -30.0, 80.0)
        for text in self.carriers:
            parse_carrier(text, 0.25)

    def cost(self, kind: ChangeKind) -> float | None:
        """Return what a change of a kind costs; None: it is not tried."""
        value: float | None = getattr(self, f"{kind}_cost")
        return value

    @property
    def tried(self) -> tuple[ChangeKind, ...]:
        """Return the kinds that are tried."""
        return tuple(kind for kind in CHANGES if self.cost(kind) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One thing that can be changed, and to what.

    Parameters
    ----------
    kind : {"tilt", "azimuth", "power", "carrier"}
    cells : tuple of str
        Cells of one antenna, which turn together; for power and a carrier one cell.
    standing : float or str
        As it is; empty for a carrier that is not there.
    values : tuple
        Others [deg, dBm], or the one carrier.
    cost : float
    carrier : Carrier or None
    added : str
        Id of the cell on that carrier; empty where none is added.
    """

    kind: ChangeKind
    cells: tuple[str, ...]
    standing: float | str
    values: tuple[float | str, ...]
    cost: float
    carrier: Carrier | None = field(default=None, compare=False)
    added: str = ""

    @property
    def touched(self) -> tuple[str, ...]:
        """Return the cells that are changed, or the one that is added."""
        return (self.added,) if self.added else self.cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A knob at another value than the one that stands."""

    knob: Knob
    value: float | str


def knobs_of(
    network: Network,
    settings: ChangeSettings,
    assume: Assumptions,
    technologies: Sequence[Technology],
) -> tuple[list[Knob], list[str]]:
    """Return what can be changed at a network, and English sentences about what is left out.

    Parameters
    ----------
    network : Network
    settings : ChangeSettings
    assume : Assumptions
        Of the scenario.
    technologies : sequence
        That carry the service; cells of others are left as they are.

    Notes
    -----
    Cells of one operator at one mast with one height, azimuth and mechanical tilt are taken as
    fed by one antenna, which turns as a whole.
    """
    antennas: dict[tuple[object, ...], list[Cell]] = {}
    for cell in network.cells:
        if cell.carrier.technology in technologies:
            place = (cell.mast_id, cell.operator, cell.height_agl_m)
            aim = (cell.azimuth_deg, cell.mechanical_downtilt_deg)
            antennas.setdefault((*place, *aim), []).append(cell)
    found: list[Knob] = []
    left_out = dict.fromkeys(settings.tried, 0)
    for cells in antennas.values():
        for kind in settings.tried:
            made = _KNOBS[kind](network, cells, settings, assume)
            if not settings.assumed and kind != "carrier":
                known = [
                    knob for knob in made if not _is_assumed(network, knob.cells, _FIELD[kind])
                ]
                left_out[kind] += len(made) - len(known)
                made = known
            found += made
    notes = [
        f"{kind} of {count} cells or antennas is not given by any list but assumed, and not "
        "changed: give it in the cell list, or set siting.changes.assumed"
        for kind, count in left_out.items()
        if count
    ]
    return found, notes


def changed(network: Network, changes: Sequence[Change], assume: Assumptions) -> Network:
    """Return a network after some changes; carriers come last, on antennas as they are then."""
    edits: list[Edit] = [
        SetCell(cell_id=cell_id, changes={_FIELD[one.knob.kind]: one.value})
        for one in changes
        if one.knob.kind != "carrier"
        for cell_id in one.knob.cells
    ]
    turned = edited(network, edits)
    by_id: Mapping[str, Cell] = {cell.cell_id: cell for cell in turned.cells}
    more: list[Edit] = [
        AddCell(cell=_on_carrier(by_id[one.knob.cells[0]], one.knob, assume))
        for one in changes
        if one.knob.kind == "carrier"
    ]
    return edited(turned, more)


def _tilts(
    network: Network,  # noqa: ARG001 - as all of _KNOBS
    cells: Sequence[Cell],
    settings: ChangeSettings,
    assume: Assumptions,  # noqa: ARG001
) -> list[Knob]:
    standing = cells[0].mechanical_downtilt_deg
    return _knob(
        "tilt", cells, standing, [v for v in settings.tilts_deg if v != standing], settings
    )


def _azimuths(
    network: Network,  # noqa: ARG001
    cells: Sequence[Cell],
    settings: ChangeSettings,
    assume: Assumptions,  # noqa: ARG001
) -> list[Knob]:
    if all(np.ptp(cell.antenna.horizontal_loss_db) == 0.0 for cell in cells):
        return []  # radiates alike all around
    standing = cells[0].azimuth_deg
    values = [(standing + turn) % 360.0 for turn in settings.azimuth_turns_deg if turn]
    return _knob("azimuth", cells, standing, values, settings)


def _powers(
    network: Network,  # noqa: ARG001
    cells: Sequence[Cell],
    settings: ChangeSettings,
    assume: Assumptions,  # noqa: ARG001
) -> list[Knob]:
    found = []
    for cell in cells:
        standing = cell.total_power_dbm
        most = standing if settings.most_power_dbm is None else settings.most_power_dbm
        values = [standing + step for step in settings.power_steps_db if step]
        found += _knob(
            "power",
            [cell],
            standing,
            [v for v in values if (v < standing or v <= most) and v >= -30.0],
            settings,
        )
    return found


def _carriers(
    network: Network, cells: Sequence[Cell], settings: ChangeSettings, assume: Assumptions
) -> list[Knob]:
    """Return carriers that an antenna's mast has not in that direction."""
    first = cells[0]
    if settings.carriers:
        offered = [parse_carrier(text, assume.tdd_uplink_share) for text in settings.carriers]
    else:
        own = [c.carrier for c in network.cells if c.operator == first.operator]
        offered = list(dict.fromkeys(own))
    taken = {c.cell_id for c in network.cells}
    there = {
        (c.carrier.technology, c.carrier.downlink_freq_mhz)
        for c in network.cells
        if c.mast_id == first.mast_id and c.operator == first.operator
        and c.azimuth_deg == first.azimuth_deg
    }  # fmt: skip
    return [
        Knob(
            kind="carrier",
            cells=(first.cell_id,),
            standing="",
            values=(f"{carrier.technology} {carrier.name}",),
            cost=float(settings.carrier_cost or 0.0),
            carrier=carrier,
            added=_free_id(first, carrier, taken),
        )
        for carrier in offered
        if (carrier.technology, carrier.downlink_freq_mhz) not in there
    ]


_KNOBS = {"tilt": _tilts, "azimuth": _azimuths, "power": _powers, "carrier": _carriers}


def _knob(
    kind: ChangeKind,
    cells: Sequence[Cell],
    standing: float,
    values: Sequence[float],
    settings: ChangeSettings,
) -> list[Knob]:
    others = tuple(dict.fromkeys(v for v in values if v != standing))
    if not others:
        return []
    return [
        Knob(
            kind=kind,
            cells=tuple(cell.cell_id for cell in cells),
            standing=standing,
            values=others,
            cost=float(settings.cost(kind) or 0.0),
        )
    ]


def _is_assumed(network: Network, cell_ids: Sequence[str], name: str) -> bool:
    chosen = set(cell_ids)
    return any(name in cell.assumed for cell in network.cells if cell.cell_id in chosen)


def _free_id(beside: Cell, carrier: Carrier, taken: set[str]) -> str:
    band = carrier.name.split()[0]
    name = f"{beside.cell_id}+{carrier.technology}-{band}-{carrier.downlink_freq_mhz:g}"
    while name in taken:
        name += "+"
    return name


def _on_carrier(beside: Cell, knob: Knob, assume: Assumptions) -> Cell:
    """Return a cell on a further carrier beside one, with its power, and its antenna if it fits."""
    carrier = knob.carrier
    if carrier is None:
        raise InvalidInputError(f"the change of {knob.cells[0]!r} has no carrier, wanted one")
    antenna, freq_mhz = beside.antenna, carrier.downlink_freq_mhz
    held = antenna.freq_mhz
    if not isnan(held) and abs(freq_mhz / held - 1.0) > _SAME_BAND:
        antenna = assume.parametric_antenna(
            "omni" if np.ptp(antenna.horizontal_loss_db) == 0.0 else "3gpp",
            float(antenna.electrical_downtilt_deg),
        )
    return replace(
        beside,
        cell_id=knob.added,
        carrier=carrier,
        antenna=antenna,
        physical_cell_id=None,
        granted_uplink_resource_blocks=assume.granted_of(carrier),
    )
