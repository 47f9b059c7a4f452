"""Edits of a network, as sets: all of a set is done, or none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, TypeAlias

from lensong.coverage.network import Cell, Mast, Network
from lensong.propagation.errors import InvalidInputError, LensongError

__all__ = [
    "CELL_CHANGES",
    "AddCell",
    "AddMast",
    "CopyMast",
    "Edit",
    "EditError",
    "MoveMast",
    "RemoveCell",
    "RemoveMast",
    "SetCell",
    "SetMast",
    "edited",
    "with_cells",
]

CELL_CHANGES = (
    "operator", "carrier", "antenna", "azimuth_deg", "mechanical_downtilt_deg",
    "electrical_downtilt_deg", "height_agl_m", "total_power_dbm", "feeder_loss_db",
    "downlink_load", "uplink_noise_rise_db", "granted_uplink_resource_blocks",
)  # fmt: skip
"""Fields of a cell that an edit may set."""


class EditError(InvalidInputError):
    """An edit of a set that cannot be done.

    Parameters
    ----------
    index : int
        Of the edit in its set.
    message : str
    """

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveMast:
    """A mast stands elsewhere; its cells go with it."""

    mast_id: str
    lat_deg: float
    lon_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMast:
    """A new mast with its cells, one at least."""

    mast: Mast
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMast:
    """A mast with all its cells once more; cell ids are made from the new mast's.

    ``name`` None: as the mast is called.
    """

    mast_id: str
    new_mast_id: str
    lat_deg: float
    lon_deg: float
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMast:
    """A mast and its cells are taken away."""

    mast_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMast:
    """A mast gets another name, or all its antennas another height [m]; None: as it is."""

    mast_id: str
    name: str | None = None
    height_agl_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCell:
    """Fields of a cell, `CELL_CHANGES`, get other values."""

    cell_id: str
    changes: Mapping[str, Any] = field(default_factory=dict)  # Any: of the field


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCell:
    """A mast gets another cell."""

    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveCell:
    """A cell is taken away, and with the last one its mast."""

    cell_id: str


Edit: TypeAlias = (
    MoveMast | AddMast | CopyMast | RemoveMast | SetMast | SetCell | AddCell | RemoveCell
)


def edited(network: Network, edits: Sequence[Edit]) -> Network:
    """Return a network after a set of edits, done in their order.

    Masts stand in the order of their first cells, as a cell plan that is read has them; one that
    has no cell left is taken away.

    Raises
    ------
    EditError
        An edit names what is not there or is there already, or gives a value that cannot be.
    """
    for index, edit in enumerate(edits):
        try:
            network = _DOING[type(edit)](network, edit)
        except EditError:
            raise
        except LensongError as error:
            raise EditError(index, str(error)) from error
    return network


def with_cells(network: Network, masts: Iterable[Mast], cells: Iterable[Cell]) -> Network:
    """Return a network of these masts and cells; a mast's height is that of its highest antenna."""
    cells = tuple(cells)
    known = {mast.mast_id: mast for mast in masts}
    height: dict[str, float] = {}
    operators: dict[str, dict[str, None]] = {}
    for cell in cells:
        height[cell.mast_id] = max(height.get(cell.mast_id, 0.0), cell.height_agl_m)
        operators.setdefault(cell.mast_id, {})[cell.operator] = None
    return replace(
        network,
        masts=tuple(
            replace(
                known[mast_id],
                height_agl_m=highest,
                operator=", ".join(name for name in operators[mast_id] if name),
            )
            for mast_id, highest in height.items()
        ),
        cells=cells,
    )


def _move(network: Network, edit: MoveMast) -> Network:
    mast = _mast(network, edit.mast_id)
    _check_number("lat_deg", edit.lat_deg)
    _check_number("lon_deg", edit.lon_deg)
    moved = replace(mast, lat_deg=edit.lat_deg, lon_deg=edit.lon_deg)
    return _with_mast(network, moved, network.cells)


def _add(network: Network, edit: AddMast) -> Network:
    _check_free(network, edit.mast.mast_id, [cell.cell_id for cell in edit.cells])
    if not edit.cells:
        raise InvalidInputError(f"mast {edit.mast.mast_id!r} has no cell, wanted one at least")
    stray = [c.cell_id for c in edit.cells if c.mast_id != edit.mast.mast_id]
    if stray:
        raise InvalidInputError(f"cell {stray[0]!r} does not stand on {edit.mast.mast_id!r}")
    return with_cells(network, (*network.masts, edit.mast), (*network.cells, *edit.cells))


def _copy(network: Network, edit: CopyMast) -> Network:
    mast = _mast(network, edit.mast_id)
    own = [cell for cell in network.cells if cell.mast_id == mast.mast_id]
    taken = {cell.cell_id for cell in network.cells}
    cells = []
    for number, cell in enumerate(own, start=1):
        name = (
            edit.new_mast_id + cell.cell_id.removeprefix(mast.mast_id)
            if cell.cell_id.startswith(mast.mast_id)
            else f"{edit.new_mast_id}-{number}"
        )
        if name in taken:
            name = f"{edit.new_mast_id}-{number}"
        taken.add(name)
        cells.append(replace(cell, cell_id=name, mast_id=edit.new_mast_id, physical_cell_id=None))
    copied = replace(
        mast,
        mast_id=edit.new_mast_id,
        name=mast.name if edit.name is None else edit.name,
        lat_deg=edit.lat_deg,
        lon_deg=edit.lon_deg,
        listed_ground_m=None,
    )
    return _add(network, AddMast(mast=copied, cells=tuple(cells)))


def _remove(network: Network, edit: RemoveMast) -> Network:
    _mast(network, edit.mast_id)
    left = [cell for cell in network.cells if cell.mast_id != edit.mast_id]
    return _with_some(network, left)


def _set_mast(network: Network, edit: SetMast) -> Network:
    mast = _mast(network, edit.mast_id)
    cells: Iterable[Cell] = network.cells
    if edit.name is not None:
        mast = replace(mast, name=edit.name)
    if edit.height_agl_m is not None:
        height = edit.height_agl_m
        cells = [replace(c, height_agl_m=height) if c.mast_id == mast.mast_id else c for c in cells]
    return _with_mast(network, mast, cells)


def _set_cell(network: Network, edit: SetCell) -> Network:
    cell = _cell(network, edit.cell_id)
    unknown = [name for name in edit.changes if name not in CELL_CHANGES]
    if unknown:
        raise InvalidInputError(
            f"cell {cell.cell_id!r}: {unknown[0]!r} cannot be set, wanted one of "
            f"{', '.join(CELL_CHANGES)}"
        )
    changed = replace(cell, **edit.changes)
    cells = [changed if c.cell_id == cell.cell_id else c for c in network.cells]
    return with_cells(network, network.masts, cells)


def _add_cell(network: Network, edit: AddCell) -> Network:
    _mast(network, edit.cell.mast_id)
    _check_free(network, None, [edit.cell.cell_id])
    return with_cells(network, network.masts, (*network.cells, edit.cell))


def _remove_cell(network: Network, edit: RemoveCell) -> Network:
    _cell(network, edit.cell_id)
    return _with_some(network, [cell for cell in network.cells if cell.cell_id != edit.cell_id])


_DOING: dict[type, Callable[[Network, Any], Network]] = {
    MoveMast: _move,
    AddMast: _add,
    CopyMast: _copy,
    RemoveMast: _remove,
    SetMast: _set_mast,
    SetCell: _set_cell,
    AddCell: _add_cell,
    RemoveCell: _remove_cell,
}


def _with_some(network: Network, cells: Sequence[Cell]) -> Network:
    if not cells:
        raise InvalidInputError("that was the last cell of the network, wanted one at least")
    return with_cells(network, network.masts, cells)


def _with_mast(network: Network, mast: Mast, cells: Iterable[Cell]) -> Network:
    masts = [mast if m.mast_id == mast.mast_id else m for m in network.masts]
    return with_cells(network, masts, cells)


def _mast(network: Network, mast_id: str) -> Mast:
    for mast in network.masts:
        if mast.mast_id == mast_id:
            return mast
    raise InvalidInputError(f"no mast {mast_id!r} in this variant: it may have been removed")


def _cell(network: Network, cell_id: str) -> Cell:
    for cell in network.cells:
        if cell.cell_id == cell_id:
            return cell
    raise InvalidInputError(f"no cell {cell_id!r} in this variant: it may have been removed")


def _check_free(network: Network, mast_id: str | None, cell_ids: Sequence[str]) -> None:
    if mast_id is not None and any(mast.mast_id == mast_id for mast in network.masts):
        raise InvalidInputError(f"there is a mast {mast_id!r} already: give it another id")
    taken = {cell.cell_id for cell in network.cells}
    for cell_id in cell_ids:
        if cell_id in taken:
            raise InvalidInputError(f"there is a cell {cell_id!r} already: give it another id")
        taken.add(cell_id)


def _check_number(name: str, value: float) -> None:
    if not isfinite(value):
        raise InvalidInputError(f"{name} is {value}, wanted a number of degrees")
