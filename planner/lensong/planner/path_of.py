"""The path that a body asks for, studied on a variant's network."""

from __future__ import annotations

from dataclasses import replace

from lensong.coverage.network import Network
from lensong.coverage.path.levels import CellLevel, Levels, terrain_of
from lensong.coverage.path.line import End, draw_line, end_at
from lensong.coverage.path.study import PathStudy, find_cell, study_cell, study_line
from lensong.planner.bodies import PathBody, PlaceBody
from lensong.planner.errors import NotThereError
from lensong.planner.ready import Ready
from lensong.propagation.errors import InvalidInputError

__all__ = ["studied"]


def studied(
    ready: Ready, network: Network, body: PathBody
) -> tuple[PathStudy, list[CellLevel], list[str]]:
    """Return a path, the cells in reach of its far end if they were looked for, and who has none.

    Raises
    ------
    LensongError
        An end is not known, lies off the grid, or the path crosses a void.
    """
    handset = ready.engine.handset
    if body.to.height_agl_m is not None:
        handset = replace(handset, height_agl_m=body.to.height_agl_m)
    levels = Levels(ready.land, network, handset, ready.propagation)
    lat_deg, lon_deg, name = _place(ready, network, body.to)
    first = body.from_
    if first is None or first.cell_id is not None or first.mast_id is not None:
        place = levels.place(lat_deg, lon_deg, name=name)
        cell = None
        if first is not None and first.cell_id is not None:
            cell = find_cell(network, first.cell_id)
        elif first is not None and first.mast_id is not None:
            own = [c for c in network.cells if c.mast_id == first.mast_id]
            if not own:
                raise NotThereError(f"no mast {first.mast_id!r} in this variant")
            cell = max(levels.at(place, own), key=lambda level: level.rsrp_dbm).cell
        study, reached, without = study_cell(
            levels, ready.land, ready.engine.services, place, cell=cell
        )
        return study, reached if first is None else [], without
    if body.freq_mhz is None:
        raise InvalidInputError(
            "freq_mhz is missing: a path between two places needs a frequency, in MHz"
        )
    near_lat, near_lon, near_name = _place(ready, network, first)
    line = draw_line(
        terrain_of(ready.land),
        ready.land.grid,
        _end(ready, near_lat, near_lon, first.height_agl_m or 30.0, near_name),
        _end(ready, lat_deg, lon_deg, handset.height_agl_m, name),
        terminal_clearing_m=ready.propagation.terminal_clearing_m,
    )
    return study_line(line, freq_mhz=body.freq_mhz, settings=ready.propagation), [], []


def _end(ready: Ready, lat_deg: float, lon_deg: float, height_agl_m: float, name: str) -> End:
    return end_at(ready.land.grid, lat_deg, lon_deg, height_agl_m, name=name)


def _place(ready: Ready, network: Network, place: PlaceBody) -> tuple[float, float, str]:
    if place.village_id is not None:
        villages = ready.land.villages
        found = villages[villages["village_id"].astype(str) == place.village_id]
        if found.empty:
            raise NotThereError(f"no village {place.village_id!r} in this plan")
        row = found.iloc[0]
        return float(row["lat_deg"]), float(row["lon_deg"]), str(row["name"] or place.village_id)
    if place.mast_id is not None:
        mast = next((m for m in network.masts if m.mast_id == place.mast_id), None)
        if mast is None:
            raise NotThereError(f"no mast {place.mast_id!r} in this variant")
        return mast.lat_deg, mast.lon_deg, mast.name or mast.mast_id
    if place.lat_deg is None or place.lon_deg is None:
        raise InvalidInputError("a place is missing: give lat_deg and lon_deg, or a village")
    return place.lat_deg, place.lon_deg, ""
