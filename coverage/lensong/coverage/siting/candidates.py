"""Places where cells might go up, and the rows of a cell plan that they are read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Literal, TypeAlias

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.cellplan import CellTables, build_network
from lensong.coverage.cellplan.aliases import UNIT_KEYS, squeezed
from lensong.coverage.cellplan.assume import Assumptions
from lensong.coverage.cellplan.positions import metres_between
from lensong.coverage.network import Cell, Mast, Network, Technology, operator_key
from lensong.gis_data.tables import Table, parse_number
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = [
    "KINDS",
    "Candidate",
    "CandidateKind",
    "CellRules",
    "candidates_at",
    "candidates_of_list",
    "check_operator",
    "standing_masts",
]

CandidateKind: TypeAlias = Literal["listed", "standing", "summit"]
KINDS: tuple[CandidateKind, ...] = ("listed", "standing", "summit")

SAME_MAST_M = 50.0
"""A mast of the network this near is the same structure [m]."""

_COST = {"cost", "chiphi", "kinhphi", "price", "cout", "coste", "kosten", "capex"}
_OF_A_MAST = {
    "site_id", "site_name", "operator", "status", "lat_deg", "lon_deg", "x_m", "y_m", "position",
    "height_agl_m", "listed_ground_m", "backhaul", "power_supply", "uncertain",
}  # fmt: skip
_OF_CELLS = (
    "technology", "has_2g", "has_3g", "has_4g", "has_5g", "band", "carrier", "earfcn", "nr_arfcn",
    "arfcn", "freq_mhz", "ssb_arfcn", "bandwidth_mhz", "subcarrier_spacing_khz",
    "physical_cell_id", "cell_id", "azimuth_deg", "mechanical_downtilt_deg",
    "electrical_downtilt_deg", "additional_electrical_downtilt_deg", "total_downtilt_deg",
    "antenna", "antenna_gain_dbi", "horizontal_beamwidth_deg", "vertical_beamwidth_deg",
    "total_power_dbm", "rs_power_dbm", "power_dbm", "eirp_dbm", "erp_dbm",
    "reference_signal_boost_db", "feeder_loss_db", "noise_figure_db", "downlink_load",
    "uplink_noise_rise_db", "radius_m",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A mast with the cells that it would have.

    Parameters
    ----------
    kind : {"listed", "standing", "summit"}
        Of a given list, a structure that stands without the technology, or found on the land.
    mast : Mast
        Its id is free in the network.
    cells : tuple of Cell
        At least one.
    cost : float or None
        In the scenario's money; None: not given.
    """

    kind: CandidateKind
    mast: Mast
    cells: tuple[Cell, ...]
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRules:
    """What cells a candidate gets where its row leaves that open.

    Parameters
    ----------
    assume : Assumptions
        ``[network.assume]`` of the scenario.
    radius_m : float
        How far they are computed [m].
    crs : str or None
        Of projected positions in a list.
    columns : dict
        ``[network.columns]``, for the network's own list alone.
    operator : str
        Whose they are; empty: as the row says.
    antennas : dict
        Pattern files by name.
    """

    assume: Assumptions
    radius_m: float
    antennas: Mapping[str, AntennaPattern] = field(default_factory=dict)
    crs: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    operator: str = ""


def candidates_of_list(table: Table, network: Network, rules: CellRules) -> list[Candidate]:
    """Return the candidates of a list: a cell plan of masts that do not stand yet.

    Parameters
    ----------
    table : Table
        Columns as those of a cell list; ``cost`` (``chi phí``, ...) besides.
    network : Network
        As it stands.
    rules : CellRules

    Raises
    ------
    InvalidInputError, DataError
        A row cannot be read, or rows of one mast give two costs; says which.
    """
    named = [c for c in table.columns if squeezed(c)[0] in _COST]
    if len(named) > 1:
        raise DataError(f"the columns {' and '.join(named)} both hold costs: leave one out")
    column = named[0] if named else None
    read = _network_of(table, rules, {})
    for entry in read.as_read:
        if entry.fate in ("left out", "merged"):
            raise DataError(
                f"{entry.where}: the row is {entry.fate} ({entry.why}), wanted a candidate in each "
                "row: correct it or take it out"
            )
    cost = {} if column is None else _costs(table, column, read)
    return [
        replace(one, cost=cost.get(mast_id))
        for one, mast_id in _named(read, network, rules, "listed")
    ]


def candidates_at(
    places: Sequence[tuple[str, float, float]], network: Network, rules: CellRules
) -> list[Candidate]:
    """Return candidates at places, each an id, a latitude and a longitude [deg]."""
    if not places:
        return []
    table = Table(
        columns=("site_id", "lat", "lon"),
        rows=[{"site_id": n, "lat": repr(lat), "lon": repr(lon)} for n, lat, lon in places],
        line_numbers=tuple(range(1, len(places) + 1)),
        encoding="utf-8",
        delimiter=",",
        decimal_comma=False,
        has_header=True,
    )
    read = _network_of(table, rules, {})
    return [one for one, _ in _named(read, network, rules, "summit")]


def standing_masts(
    table: Table, network: Network, rules: CellRules, technologies: Sequence[Technology]
) -> list[Candidate]:
    """Return the masts of a network's own list on which an operator lacks all technologies.

    Parameters
    ----------
    table : Table
        The cell list of the scenario: also its rows of 2G and 3G alone, which a plan leaves out.
    network : Network
        As planned.
    rules : CellRules
    technologies : sequence
        That carry the service.

    Notes
    -----
    With ``rules.operator`` every structure counts on which that operator lacks them, whoever has
    cells there; without, each operator is offered its own structures.
    """
    chosen = {
        key: column
        for key, column in rules.columns.items()
        if UNIT_KEYS.get(key, (key, ""))[0] in _OF_A_MAST
    }
    read = _network_of(table, rules, chosen | dict.fromkeys(_OF_CELLS, ""))
    masts = {mast.mast_id: mast for mast in network.masts}
    have = [
        (operator_key(cell.operator), masts[cell.mast_id])
        for cell in network.cells
        if cell.carrier.technology in technologies
    ]
    found = []
    for one, _ in _named(read, network, rules, "standing"):
        operator = operator_key(one.cells[0].operator)
        served = any(
            key == operator
            and metres_between(mast.lat_deg, mast.lon_deg, one.mast.lat_deg, one.mast.lon_deg)
            <= SAME_MAST_M
            for key, mast in have
        )
        if not served:
            found.append(one)
    return found


def _network_of(table: Table, rules: CellRules, columns: Mapping[str, str]) -> Network:
    network, _ = build_network(
        CellTables(main=table),
        crs=rules.crs,
        antennas=rules.antennas,
        assume=rules.assume,
        radius_m=rules.radius_m,
        columns=columns,
    )
    return network


def _named(
    read: Network, network: Network, rules: CellRules, kind: CandidateKind
) -> list[tuple[Candidate, str]]:
    """Return each mast and operator of a list as a candidate, with the mast's id in the list."""
    masts = {mast.mast_id: mast for mast in read.masts}
    chosen = _known_operator(network, rules.operator, "--operator") if rules.operator else ""
    taken = {mast.mast_id for mast in network.masts}
    cells: dict[tuple[str, str], list[Cell]] = {}
    for cell in read.cells:
        operator = chosen or cell.operator or _only_operator(network, cell.mast_id)
        if kind != "standing":  # whose list the network's own is
            operator = _known_operator(network, operator, f"candidate {cell.mast_id!r}")
        cells.setdefault((cell.mast_id, operator), []).append(replace(cell, operator=operator))
    found = []
    seen: set[str] = set()
    for (mast_id, operator), own in cells.items():
        if rules.operator:
            if mast_id in seen:
                continue
            first = operator_key(next(c.operator for c in read.cells if c.mast_id == mast_id))
            at = [c for c in read.cells if c.mast_id == mast_id]
            own = [c for c, was in zip(own, at, strict=True) if operator_key(was.operator) == first]
        seen.add(mast_id)
        name = _free(mast_id, taken)
        taken.add(name)
        mast = replace(
            masts[mast_id],
            mast_id=name,
            operator=operator,
            height_agl_m=max(c.height_agl_m for c in own),
        )
        placed = tuple(
            replace(c, mast_id=name, cell_id=f"{name}/{k}", physical_cell_id=None)
            for k, c in enumerate(own, start=1)
        )
        found.append((Candidate(kind=kind, mast=mast, cells=placed), mast_id))
    return found


def check_operator(network: Network, operator: str, *, needed: bool) -> None:
    """Refuse an operator that the network has not, or that none is named where one is needed.

    Parameters
    ----------
    network : Network
    operator : str
        As asked for; empty: none.
    needed : bool
        Whether places are asked for that nobody's structure stands on.

    Raises
    ------
    InvalidInputError
    """
    if operator:
        _known_operator(network, operator, "--operator")
    elif needed:
        _only_operator(network, "on a summit")


def _known_operator(network: Network, operator: str, who: str) -> str:
    """Return an operator as the network spells it: another spelling would be another operator."""
    known = {operator_key(cell.operator): cell.operator for cell in network.cells}
    if operator_key(operator) not in known:
        names = ", ".join(filter(None, known.values())) or "none is named there"
        raise InvalidInputError(
            f"{who} has the operator {operator!r}, wanted one of the network's ({names}): correct "
            "it or leave it out"
        )
    return known[operator_key(operator)]


def _only_operator(network: Network, mast_id: str) -> str:
    operators = dict.fromkeys(cell.operator for cell in network.cells)
    if len(operators) != 1:
        raise InvalidInputError(
            f"candidate {mast_id!r} has no operator and the network has {len(operators)}: say with "
            f"--operator whose the new cells are ({', '.join(filter(None, operators))})"
        )
    return next(iter(operators))


def _free(mast_id: str, taken: set[str]) -> str:
    name, number = mast_id, 1
    while name in taken:
        number += 1
        name = f"{mast_id}+{number}"
    return name


def _costs(table: Table, column: str, read: Network) -> dict[str, float]:
    """Return the cost of every mast of a list that has one."""
    mast_of_cell = {cell.cell_id: cell.mast_id for cell in read.cells}
    mast_at = {e.where: mast_of_cell.get(e.cells[0], "") for e in read.as_read if e.cells}
    cost: dict[str, float] = {}
    for row, line in zip(table.rows, table.line_numbers, strict=True):
        where, text = f"line {line}", row[column]
        mast_id = mast_at.get(where, "")
        if not text or not mast_id:
            continue
        try:
            value = parse_number(text, table.decimal_comma)
        except DataError as error:
            raise DataError(f"{where}, column {column!r}: {error}") from error
        if not isfinite(value) or value < 0.0:
            raise DataError(f"{where}: {column} is {text!r}, wanted a cost of 0 or more")
        if cost.setdefault(mast_id, value) != value:
            raise DataError(
                f"{where}: {column} of mast {mast_id!r} is {value:g}, an earlier row says "
                f"{cost[mast_id]:g}: give a mast one cost"
            )
    return cost
