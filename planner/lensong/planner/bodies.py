"""Bodies of requests, as the API has them, and what they mean for a network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.variant.catalogue import Catalogue
from lensong.coverage.variant.edits import (
    AddCell,
    AddMast,
    CopyMast,
    Edit,
    MoveMast,
    RemoveCell,
    RemoveMast,
    SetCell,
    SetMast,
)
from lensong.propagation.errors import InvalidInputError

__all__ = [
    "EDIT_BODIES",
    "AnyEdit",
    "CausesBody",
    "DragBody",
    "EditsBody",
    "JobBody",
    "NewVariantBody",
    "PathBody",
    "PlaceBody",
    "RenameBody",
    "RevisionBody",
    "SaveBody",
    "StepBody",
    "meaning",
]

MOST_EDITS = 500

_Name = Annotated[str, Field(min_length=1, max_length=120)]
_Comment = Annotated[str, Field(max_length=2000)]
_Lat = Annotated[float, Field(ge=-90.0, le=90.0)]
_Lon = Annotated[float, Field(ge=-180.0, le=180.0)]
_Height = Annotated[float, Field(ge=1.0, le=3000.0)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class CellFields(_Body):
    """What may be set of a cell; what is not named stays."""

    operator: Annotated[str, Field(max_length=120)] | None = None
    carrier: _Name | None = None
    antenna: _Name | None = None
    azimuth_deg: Annotated[float, Field(ge=0.0, le=360.0)] | None = None
    mechanical_downtilt_deg: Annotated[float, Field(ge=-30.0, le=90.0)] | None = None
    electrical_downtilt_deg: Annotated[float, Field(ge=-30.0, le=90.0)] | None = None
    height_agl_m: _Height | None = None
    total_power_dbm: Annotated[float, Field(ge=-30.0, le=80.0)] | None = None
    feeder_loss_db: Annotated[float, Field(ge=0.0, le=30.0)] | None = None
    downlink_load: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    uplink_noise_rise_db: Annotated[float, Field(ge=0.0, le=40.0)] | None = None


class NewCellBody(CellFields):
    """A new cell; what is not named is assumed as the scenario does."""

    cell_id: _Name


class MoveMastBody(_Body):
    """A mast stands elsewhere."""

    kind: Literal["move_mast"]
    mast_id: _Name
    lat_deg: _Lat
    lon_deg: _Lon


class AddMastBody(_Body):
    """A new mast with its cells."""

    kind: Literal["add_mast"]
    mast_id: _Name
    name: Annotated[str, Field(max_length=120)] = ""
    lat_deg: _Lat
    lon_deg: _Lon
    height_agl_m: _Height
    cells: Annotated[list[NewCellBody], Field(min_length=1, max_length=60)]


class CopyMastBody(_Body):
    """A mast once more, elsewhere."""

    kind: Literal["copy_mast"]
    mast_id: _Name
    new_mast_id: _Name
    name: Annotated[str, Field(max_length=120)] | None = None
    lat_deg: _Lat
    lon_deg: _Lon


class RemoveMastBody(_Body):
    """A mast and its cells go."""

    kind: Literal["remove_mast"]
    mast_id: _Name


class SetMastBody(_Body):
    """Name or height of a mast."""

    kind: Literal["set_mast"]
    mast_id: _Name
    name: Annotated[str, Field(max_length=120)] | None = None
    height_agl_m: _Height | None = None


class SetCellBody(CellFields):
    """Fields of a cell."""

    kind: Literal["set_cell"]
    cell_id: _Name


class AddCellBody(_Body):
    """Another cell on a mast."""

    kind: Literal["add_cell"]
    mast_id: _Name
    cell: NewCellBody


class RemoveCellBody(_Body):
    """A cell goes."""

    kind: Literal["remove_cell"]
    cell_id: _Name


AnyEdit = Annotated[
    MoveMastBody
    | AddMastBody
    | CopyMastBody
    | RemoveMastBody
    | SetMastBody
    | SetCellBody
    | AddCellBody
    | RemoveCellBody,
    Field(discriminator="kind"),
]

EDIT_BODIES: dict[str, type[BaseModel]] = {
    get_args(body.model_fields["kind"].annotation)[0]: body
    for body in get_args(get_args(AnyEdit)[0])
}
"""The bodies of edits by their kind."""


class EditsBody(_Body):
    """A set of edits."""

    revision: Annotated[int, Field(ge=0)]
    comment: _Comment = ""
    edits: Annotated[list[AnyEdit], Field(min_length=1, max_length=MOST_EDITS)]


class DragBody(_Body):
    """A set of edits that is not kept, and the layer that is looked at."""

    edits: Annotated[list[AnyEdit], Field(min_length=1, max_length=MOST_EDITS)]
    layer_id: _Name


class NewVariantBody(_Body):
    """A new variant."""

    name: _Name
    comment: _Comment = ""
    copy_of: _Name = "base"


class RenameBody(_Body):
    """Another name or comment."""

    name: _Name | None = None
    comment: _Comment | None = None


class RevisionBody(_Body):
    """The revision that a change was made on."""

    revision: Annotated[int, Field(ge=0)]


class StepBody(RevisionBody):
    """What is undone or redone: the last step, also where somebody else did it or not."""

    of_others: bool = False


class SaveBody(_Body):
    """Where a variant is saved."""

    folder: str
    revision: Annotated[int, Field(ge=0)] | None = None

    @field_validator("folder")
    @classmethod
    def _plain(cls, folder: str) -> str:
        if not re.fullmatch(r"\w[\w .+-]{0,79}", folder):
            raise ValueError(
                f"{folder!r} is no name for a folder here: wanted 1 to 80 letters, digits, spaces "
                "and . + - _, the first of them a letter, digit or _"
            )
        return folder


class PlaceBody(_Body):
    """An end of a path: one of its forms."""

    cell_id: _Name | None = None
    mast_id: _Name | None = None
    village_id: _Name | None = None
    lat_deg: _Lat | None = None
    lon_deg: _Lon | None = None
    height_agl_m: _Height | None = None


class PathBody(_Body):
    """A path between two ends; without a first one, from the strongest cell."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)
    from_: Annotated[PlaceBody | None, Field(alias="from")] = None
    to: PlaceBody
    freq_mhz: Annotated[float, Field(gt=0.0, le=1e6)] | None = None


class CausesBody(_Body):
    """The village or the place whose gap is asked about."""

    village_id: _Name | None = None
    lat_deg: _Lat | None = None
    lon_deg: _Lon | None = None


class JobBody(_Body):
    """A job that takes a while."""

    kind: Literal["plan", "best_place"]
    variant_id: _Name
    polygon_deg: Annotated[list[tuple[_Lon, _Lat]], Field(min_length=3, max_length=500)] | None = (
        None
    )
    like_mast_id: _Name | None = None
    tries: Annotated[int, Field(ge=1, le=200)] = 30
    seconds: Annotated[float, Field(gt=0.0, le=600.0)] = 60.0


def meaning(body: Any, network: Network, catalogue: Catalogue, radius_m: float) -> Edit:
    """Return the edit that a body of `AnyEdit` asks for.

    Parameters
    ----------
    body : AnyEdit
    network : Network
        That it is done on.
    catalogue : Catalogue
        Of carriers and antennas.
    radius_m : float
        How far new cells are computed [m].

    Raises
    ------
    InvalidInputError
        It names a carrier, an antenna or a cell that is not known, or nothing that is to change.
    """
    match body:
        case MoveMastBody():
            return MoveMast(mast_id=body.mast_id, lat_deg=body.lat_deg, lon_deg=body.lon_deg)
        case CopyMastBody():
            return CopyMast(
                mast_id=body.mast_id,
                new_mast_id=body.new_mast_id,
                lat_deg=body.lat_deg,
                lon_deg=body.lon_deg,
                name=body.name,
            )
        case RemoveMastBody():
            return RemoveMast(mast_id=body.mast_id)
        case SetMastBody():
            if body.name is None and body.height_agl_m is None:
                raise InvalidInputError("nothing is to change: give name or height_agl_m")
            return SetMast(mast_id=body.mast_id, name=body.name, height_agl_m=body.height_agl_m)
        case RemoveCellBody():
            return RemoveCell(cell_id=body.cell_id)
        case SetCellBody():
            cell = next((c for c in network.cells if c.cell_id == body.cell_id), None)
            antenna = None if cell is None else cell.antenna
            changes = _changes(body, antenna, catalogue)
            if not changes:
                fields = ", ".join(CellFields.model_fields)
                raise InvalidInputError(f"nothing is to change: give one of {fields}")
            return SetCell(cell_id=body.cell_id, changes=changes)
        case AddCellBody():
            mast = next((m for m in network.masts if m.mast_id == body.mast_id), None)
            height = 30.0 if mast is None else mast.height_agl_m
            own = [c.operator for c in network.cells if c.mast_id == body.mast_id]
            cell = _new_cell(body.cell, body.mast_id, height, own, catalogue, radius_m)
            return AddCell(cell=cell)
        case AddMastBody():
            mast = Mast(
                mast_id=body.mast_id,
                name=body.name,
                lat_deg=body.lat_deg,
                lon_deg=body.lon_deg,
                height_agl_m=body.height_agl_m,
            )
            known = [c.operator for c in network.cells]
            cells = tuple(
                _new_cell(cell, body.mast_id, body.height_agl_m, known, catalogue, radius_m)
                for cell in body.cells
            )
            return AddMast(mast=mast, cells=cells)
    raise InvalidInputError(f"an edit of the kind {type(body).__name__} is not known")


def _changes(
    body: CellFields, antenna: AntennaPattern | None, catalogue: Catalogue
) -> dict[str, Any]:
    """Return the fields that are named, with carriers and antennas looked up."""
    changes = body.model_dump(exclude_none=True, exclude={"kind", "cell_id"})
    if "carrier" in changes:
        changes["carrier"] = carrier = catalogue.carrier(changes["carrier"])
        changes["granted_uplink_resource_blocks"] = catalogue.granted(carrier)
    if "antenna" in changes:
        changes["antenna"] = antenna = catalogue.antenna(changes["antenna"])
    if "electrical_downtilt_deg" in changes and antenna is not None:
        changes["antenna"] = catalogue.tilted(antenna, changes["electrical_downtilt_deg"])
    return changes


def _new_cell(
    body: NewCellBody,
    mast_id: str,
    height_agl_m: float,
    operators: Sequence[str],
    catalogue: Catalogue,
    radius_m: float,
) -> Cell:
    """Return a new cell; its operator is named, or the only one that there is."""
    assumed = catalogue.assumed_cell()
    fields: dict[str, Any] = assumed | {"height_agl_m": height_agl_m}
    fields |= _changes(body, assumed["antenna"], catalogue)
    fields.setdefault("granted_uplink_resource_blocks", catalogue.granted(fields["carrier"]))
    if body.operator is None:
        known = sorted(set(operators))
        if len(known) != 1:
            raise InvalidInputError(
                f"cell {body.cell_id!r} has no operator, wanted one of {', '.join(known)}"
            )
        fields["operator"] = known[0]
    return Cell(cell_id=body.cell_id, mast_id=mast_id, radius_m=radius_m, **fields)
