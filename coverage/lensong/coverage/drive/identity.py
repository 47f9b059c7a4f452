"""Which cells of a plan a row of a log may mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from lensong.coverage.cellplan.rows import network_name
from lensong.coverage.network import Cell, Network, operator_key
from lensong.coverage.threegpp import earfcn_frequencies_mhz, nr_arfcn_mhz
from lensong.propagation.errors import InvalidInputError

__all__ = ["Candidates", "CellIndex", "Identity"]

_CELL_BITS = {"4G": 8, "5G": 12}  # of a cell's number within its base station's, see opencellid
_LTE_NUMBERS = 1 << 28
_CODE = re.compile(r"(\d{3})\D?(\d{2,3})")
_OFF_MHZ = 0.5  # an SSB or a rounded frequency lies anywhere in the carrier


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a row says of its cell; empty text and NaN are "not said"."""

    technology: str
    cell_id: str
    station: float
    pci: float
    earfcn: float
    nr_arfcn: float
    freq_mhz: float
    operator: str
    serving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The cells that a row may mean, the strongest of which is taken.

    Parameters
    ----------
    cells : tuple of int
        Indices into ``network.cells``; empty where none fits.
    how : int
        Index into `lensong.coverage.drive.matched.HOW`.
    why_not : str
        Reason where there is none.
    """

    cells: tuple[int, ...] = ()
    how: int = 3
    why_not: str = ""


_Key = tuple[str, int, int] | str


class CellIndex:
    """Finds cells by what logs call them.

    Parameters
    ----------
    network : Network
    by_id : bool
        Whether the ids in the log are those of the network. Where none of a log's ids occurs in
        it, they are of another numbering and say nothing.
    by_operator : bool
        The same of operators' names.

    Attributes
    ----------
    by_numbers : dict
        Ids of rows that were found by the numbers in them alone, to those of the plan: one has
        letters that the other has not.
    """

    def __init__(self, network: Network, *, by_id: bool = True, by_operator: bool = True) -> None:
        self._cells = network.cells
        self._by_id, self._by_operator = by_id, by_operator
        self.by_numbers: dict[str, str] = {}
        self._exact: dict[_Key, list[int]] = {}
        self._station: dict[_Key, list[int]] = {}
        for i, cell in enumerate(network.cells):
            for key in _cell_keys(cell):
                self._exact.setdefault(key, []).append(i)
            for key in _station_keys(cell):
                self._station.setdefault(key, []).append(i)
        self._operators = [operator_key(cell.operator) for cell in network.cells]
        self._coded = any(_CODE.fullmatch(cell.operator.strip()) for cell in network.cells)

    def knows(self, identity: Identity) -> bool:
        """Return whether the network has the row's cell id, or its base station."""
        return any(
            self._of_one_name(self._exact.get(key, ()), key, identity.cell_id)
            or key in self._station
            for key in _row_keys(identity)
        )

    def has_operator(self, name: str) -> bool:
        """Return whether some cell is of an operator."""
        return bool(_names_of(name) & set(self._operators))

    def tells_operator(self, name: str) -> bool:
        """Return whether an operator's name can be held against the plan's.

        A network's number such as 452-04 cannot where the plan has names that it stands for none
        of.
        """
        return self._coded or _CODE.fullmatch(name.strip()) is None or self.has_operator(name)

    def find(self, identity: Identity) -> Candidates:
        """Return the cells that a row may mean."""
        fits = [i for i, cell in enumerate(self._cells) if self._may_be(cell, i, identity)]
        if not fits:
            return Candidates(why_not=self._why_none_fits(identity))
        allowed = set(fits)
        if identity.cell_id and self._by_id:
            for how, table in ((0, self._exact), (1, self._station)):
                for key in _row_keys(identity):
                    named = self._of_one_name(table.get(key, ()), key, identity.cell_id)
                    here = tuple(i for i in named if i in allowed)
                    if here:
                        return Candidates(cells=here, how=how)
                    if named:
                        return Candidates(
                            why_not="the cell of that id has another technology, carrier or "
                            "operator in the plan"
                        )
            return Candidates(why_not="of a cell that is not in the plan")
        if isfinite(identity.pci):
            same = tuple(i for i in fits if self._cells[i].physical_cell_id == identity.pci)
            if same:
                return Candidates(cells=same, how=2)
            if any(self._cells[i].physical_cell_id is not None for i in fits):
                return Candidates(why_not="of a PCI that no cell of the plan has")
        if not identity.serving:
            return Candidates(why_not="of a neighbour that the row does not name")
        return Candidates(cells=tuple(fits), how=3)

    def _of_one_name(self, cells: Sequence[int], key: _Key, text: str) -> Sequence[int]:
        """Return the cells of a key that have no other letters than a row's id: A12-3 is not B12-3.

        Where one of the two has none, the numbers decide, and it is noted.
        """
        if not isinstance(key, tuple) or key[0] != "pair":
            return cells
        letters = _letters(text)
        found = []
        for i in cells:
            theirs = _letters(self._cells[i].cell_id)
            if letters and theirs and letters != theirs:
                continue
            if letters != theirs:
                self.by_numbers.setdefault(text, self._cells[i].cell_id)
            found.append(i)
        return found

    def _may_be(self, cell: Cell, i: int, identity: Identity) -> bool:
        if identity.technology and cell.carrier.technology != identity.technology:
            return False
        if not _on_carrier(cell, identity):
            return False
        if self._by_operator and identity.operator and self.tells_operator(identity.operator):
            return self._operators[i] == "" or self._operators[i] in _names_of(identity.operator)
        return True

    def _why_none_fits(self, identity: Identity) -> str:
        of_technology = [
            cell
            for cell in self._cells
            if not identity.technology or cell.carrier.technology == identity.technology
        ]
        if not of_technology:
            return f"{identity.technology}, of which the plan has no cell"
        if not any(_on_carrier(cell, identity) for cell in of_technology):
            return f"on {_told_freq(identity)}, where the plan has no cell"
        return "of an operator without such a cell in the plan"


def _on_carrier(cell: Cell, identity: Identity) -> bool:
    freq = _freq_mhz(identity, cell.carrier.technology)
    if freq is None:
        # a row that says no technology but a channel of 4G is of no 5G cell
        return bool(identity.technology) or _freq_mhz(identity, "4G") is None
    near = cell.carrier.bandwidth_mhz / 2.0 + _OFF_MHZ
    return abs(freq - cell.carrier.downlink_freq_mhz) <= near


def _freq_mhz(identity: Identity, technology: str) -> float | None:
    """Return the frequency that a row names for a cell of a technology, None where it does not."""
    try:
        if isfinite(identity.nr_arfcn) and technology == "5G":
            return nr_arfcn_mhz(int(identity.nr_arfcn))
        if isfinite(identity.earfcn) and technology == "4G":
            return earfcn_frequencies_mhz(int(identity.earfcn))[0]
    except InvalidInputError:
        return None
    return identity.freq_mhz if isfinite(identity.freq_mhz) else None


def _told_freq(identity: Identity) -> str:
    for technology in ("4G", "5G"):
        freq = _freq_mhz(identity, technology)
        if freq is not None:
            return f"{freq:g} MHz"
    return "a channel"


def _names_of(operator: str) -> set[str]:
    """Return the keys of an operator's name, and of the name behind a network's number."""
    keys = {operator_key(operator)}
    if (code := _CODE.fullmatch(operator.strip())) is not None:
        keys.add(operator_key(network_name(int(code[1]), int(code[2]))))
    return keys


_COMMON_WORDS = re.compile(r"enodeb|gnodeb|enb|gnb|ecgi|ncgi|eci|nci|cell|sector|lte|nr")
"""That say what kind of thing a number is, and not which."""


def _letters(text: str) -> str:
    """Return the letters of an id that tell it from another of the same numbers."""
    return re.sub(r"[\W\d_]", "", _COMMON_WORDS.sub("", text.casefold()))


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())


def _cell_keys(cell: Cell) -> Iterator[_Key]:
    yield _plain(cell.cell_id)
    numbers = [int(group) for group in re.findall(r"\d+", cell.cell_id)]
    if cell.cell_id.isdigit():
        yield ("number", int(cell.cell_id), 0)
        if cell.carrier.technology == "4G":
            yield ("pair", *divmod(int(cell.cell_id), 1 << _CELL_BITS["4G"]))
    elif len(numbers) >= 2:
        yield ("pair", numbers[-2], numbers[-1])


def _station_keys(cell: Cell) -> Iterator[_Key]:
    yield _plain(cell.mast_id)
    if "-" in cell.cell_id:  # one row of a plan with several carriers: "X-B3", "X-B7"
        yield _plain(cell.cell_id.rpartition("-")[0])
    named = re.search(r"(?:enb|gnb|enodeb|gnodeb)\D?(\d+)", cell.mast_id, re.IGNORECASE)
    if named is not None:
        yield ("station", int(named[1]), 0)
    elif cell.mast_id.isdigit():
        yield ("station", int(cell.mast_id), 0)


def _row_keys(identity: Identity) -> Iterator[_Key]:
    """Yield what a row may be found by, the surest first."""
    text = identity.cell_id
    yield _plain(text)
    if not text.isdigit():
        groups = [int(group) for group in re.findall(r"\d+", text)]
        if len(groups) >= 2:
            yield ("pair", groups[-2], groups[-1])
        return
    number = int(text)
    yield ("number", number, 0)
    if isfinite(identity.station):
        yield ("pair", int(identity.station), number)
        yield ("station", int(identity.station), 0)
    bits = _CELL_BITS[identity.technology or ("4G" if number < _LTE_NUMBERS else "5G")]
    station, cell = divmod(number, 1 << bits)
    if station > 0:
        yield ("pair", station, cell)
        yield ("station", station, 0)


def told_count(counts: Mapping[str, int], most: int = 6) -> str:
    """Return what occurs how often, the most frequent first, for a sentence."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} ({count})" for name, count in ranked[:most])
    return shown + (f" and {len(ranked) - most} more" if len(ranked) > most else "")
