"""From the land sections of a scenario to one aligned `Land`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from lensong.gis_data.boundaries import assign_communes, read_area, read_communes
from lensong.gis_data.census import read_census, rescale_to_census
from lensong.gis_data.clutter_heights import ClutterHeights, over_classes, read_clutter_heights
from lensong.gis_data.elevation import Elevation, ElevationSource, open_elevation, read_elevation
from lensong.gis_data.gridding import check_scale, grid_over, metric_crs, polygon_mask, utm_crs
from lensong.gis_data.land import Land, Source
from lensong.gis_data.land_request import LandRequest
from lensong.gis_data.landcover import LandCover, read_land_cover
from lensong.gis_data.map_lines import read_lines
from lensong.gis_data.mosaic import check_overlap, scratch_folder
from lensong.gis_data.population import read_population
from lensong.gis_data.provenance import as_written, content_sha256
from lensong.gis_data.villages import read_villages
from lensong.gis_data.zonal import footprint_weights
from lensong.propagation.errors import ConfigError, DataError, OutOfRangeError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = ["LandRequest", "grid_of", "read_land"]

_Bounds = tuple[float, float, float, float]
_Progress = Callable[[str, float], None]

_AROUND_VILLAGES_M = 2_000.0
_DENSITY_RATIO = 10.0
_DOUBTFUL_RATIO = 3.0
_PARTS = 4  # elevation, land cover, clutter heights, people
_LEAST_COMMUNE_SHARE = 0.01  # a commune that only touches the area is none of its communes
_WORLD_METRIC_CRS = "EPSG:6933"  # for a first look at villages, before their zone is known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Area:
    """The area of interest in the system of the grid."""

    crs: str
    polygon: BaseGeometry
    sentence: str
    from_villages: bool = False


def read_land(
    request: LandRequest,
    *,
    margin_m: float,
    extra_points_deg: Sequence[tuple[float, float]] = (),
    progress: _Progress | None = None,
) -> Land:
    """Return everything the scenario says of the land, checked and on one grid.

    Parameters
    ----------
    request : LandRequest
        What to read.
    margin_m : float
        Added around the area of interest [m]: the largest cell radius.
    extra_points_deg : sequence of (lat_deg, lon_deg)
        Masts. The grid does not grow for those beyond the margin; those on it that stand where
        elevation is missing are counted in a warning.
    progress : callable, optional
        Called with the name of the stage and its fraction 0 to 1.

    Raises
    ------
    LensongError
        Whatever is wrong with the input, with what to do about it.
    """
    tell: _Progress = progress if progress is not None else _silent
    if not (isfinite(margin_m) and margin_m >= 0.0):
        raise OutOfRangeError("margin_m", margin_m, 0.0, 200_000.0)
    tell("area and villages", 0.0)
    source = open_elevation(
        request.elevation_path, kind=request.elevation_kind, unit=request.elevation_unit
    )
    _refuse_double_count(request, source)
    area = _find_area(request)
    grid = _make_grid(request, source, area, margin_m)
    check_overlap(source.files, grid, role="elevation")
    communes = _read_communes(request, grid)
    lines = read_lines(request.map_lines, grid)
    villages = _villages_in(request, area, communes)
    aoi = _mask_of_area(area, grid, source, villages)
    tell("area and villages", 1.0)

    shares = _Shares(tell, request)
    with scratch_folder() as folder, ThreadPoolExecutor(_PARTS) as threads:
        of_ground = threads.submit(
            read_elevation,
            source,
            grid,
            aoi=aoi,
            scratch=_folder_in(folder, "elevation"),
            fill_voids=request.elevation_fill_voids,
            max_void_share=request.elevation_max_void_share,
            sea_where_missing=request.elevation_sea_where_missing,
            progress=shares.of("elevation"),
        )
        of_cover = threads.submit(_land_cover, request, grid, folder, shares)
        of_heights = threads.submit(_clutter_heights, request, grid, source, folder, shares)
        of_people = threads.submit(_people, request, grid, aoi, communes, folder, shares)
        # what is wrong is told in this order, whichever ends first
        elevation, cover = of_ground.result(), of_cover.result()
        heights, people = of_heights.result(), of_people.result()
    told, doubts = _compared(people.people, grid, villages, request.population_unit)
    clutter_m = None if cover is None else cover.clutter_m
    of_clutter = [_NO_LAND_COVER] if cover is None else list(cover.assumptions)
    if heights is not None:
        clutter_m, said = over_classes(heights, clutter_m)
        of_clutter = [said] if cover is None else [*of_clutter, said]
    sources = _sources(request, elevation, cover, heights, people, tell)
    inner_communes = None if communes is None else _communes_of_area(communes, area.polygon)
    return Land(
        grid=grid,
        ground_m=elevation.ground_m,
        clutter_m=clutter_m,
        clutter_class=None if cover is None else cover.class_code,
        clutter_names={} if cover is None else cover.names,
        water=None if cover is None else cover.water,
        population=people.people,
        aoi=aoi,
        villages=villages,
        communes=inner_communes,
        map_lines=lines,
        sources=sources,
        assumptions=_sentences(
            [area.sentence, _grid_sentence(grid, margin_m)],
            elevation.assumptions,
            of_clutter,
            people.assumptions,
            told,
            villages.attrs.get("assumptions", ()),
            () if communes is None else communes.attrs.get("assumptions", ()),
            () if lines is None else lines.attrs["assumptions"],
        ),
        warnings=_sentences(
            elevation.warnings,
            _masts_without_ground(extra_points_deg, grid, elevation.ground_m),
            _double_count_warning(source, cover),
            () if cover is None else cover.warnings,
            () if heights is None else heights.warnings,
            people.warnings,
            doubts,
            villages.attrs.get("warnings", ()),
            () if communes is None else communes.attrs.get("warnings", ()),
            () if lines is None else lines.attrs["warnings"],
        ),
        void_share=elevation.void_share,
        surface_model=source.surface_model,
        synthetic=request.synthetic,
    )


def grid_of(request: LandRequest, *, margin_m: float) -> Grid:
    """Return the grid on which `read_land` would put the land, before anything is read onto it."""
    source = open_elevation(
        request.elevation_path, kind=request.elevation_kind, unit=request.elevation_unit
    )
    return _make_grid(request, source, _find_area(request), margin_m)


_NO_LAND_COVER = (
    "No land cover was given: trees and buildings are not in the prediction, which is too "
    "favourable in forest and towns"
)
_NO_POPULATION = "No population raster was given: no people are counted between the villages"


@dataclass(frozen=True, slots=True, kw_only=True)
class _People:
    people: Float32Array | None
    files: tuple[Path, ...] = ()
    note: str = ""
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _refuse_double_count(request: LandRequest, source: ElevationSource) -> None:
    doubled = source.surface_model and request.land_cover_path is not None
    if doubled and not request.land_cover_with_surface_model:
        raise ConfigError(
            f"{source.files[0].name} is a surface model, with trees and roofs in its heights, and "
            "land cover would add them again: leave out [land_cover], use a terrain model, set "
            'elevation.kind = "terrain" if it is one, or accept the double count with '
            "land_cover.with_surface_model = true"
        )


def _double_count_warning(source: ElevationSource, cover: LandCover | None) -> list[str]:
    if cover is None or not source.surface_model:
        return []
    return [
        "Land cover was added to a surface model as the scenario asks: trees and roofs count twice"
    ]


def _find_area(request: LandRequest) -> _Area:
    """Return the area of interest, in the system asked for or the UTM zone of its centre."""
    if request.area_boundary is not None:
        outline = read_area(request.area_boundary, crs="EPSG:4326")
        sentence = f"The area of interest is the polygon of {request.area_boundary.name}"
    elif request.area_bbox_deg is not None:
        outline = shapely.segmentize(shapely.box(*request.area_bbox_deg), 0.05)
        sentence = "The area of interest is the box given in degrees"
    else:
        return _area_of_villages(request)
    crs = _chosen_crs(request, shapely.get_coordinates(outline))
    polygon = gpd.GeoSeries([outline], crs="EPSG:4326").to_crs(crs).iloc[0]
    if not np.isfinite(shapely.get_coordinates(polygon)).all():
        west, south, east, north = outline.bounds
        raise DataError(
            f"the area of interest, {east - west:.0f} by {north - south:.0f} degrees, cannot be "
            f"expressed in {crs}: plan a smaller area, or correct its boundary or area.crs"
        )
    return _Area(crs=crs, polygon=shapely.make_valid(polygon), sentence=sentence)


def _area_of_villages(request: LandRequest) -> _Area:
    places = _read_villages(request, _WORLD_METRIC_CRS)
    crs = _chosen_crs(request, places[["lon_deg", "lat_deg"]].to_numpy())
    west, south, east, north = _read_villages(request, crs).total_bounds
    polygon = shapely.box(
        west - _AROUND_VILLAGES_M,
        south - _AROUND_VILLAGES_M,
        east + _AROUND_VILLAGES_M,
        north + _AROUND_VILLAGES_M,
    )
    sentence = (
        "No boundary was given: the area of interest is the extent of the villages and "
        f"{_AROUND_VILLAGES_M / 1000.0:g} km around it, as far as there is elevation"
    )
    return _Area(crs=crs, polygon=polygon, sentence=sentence, from_villages=True)


def _mask_of_area(
    area: _Area, grid: Grid, source: ElevationSource, villages: gpd.GeoDataFrame
) -> UInt8Array:
    """Return the area of interest on the grid.

    An area drawn around the villages by default gives way where no elevation file reaches, but
    for the villages themselves; an area that the user has drawn does not.
    """
    aoi = polygon_mask([area.polygon], grid)
    if area.from_villages:
        villages_mask = polygon_mask(list(villages.geometry), grid)
        aoi &= source.reach(grid).astype(np.uint8) | villages_mask
    return aoi


def _chosen_crs(request: LandRequest, lon_lat_deg: np.ndarray[Any, Any]) -> str:
    if np.ptp(lon_lat_deg[:, 0]) > 180.0:  # on both sides of the 180th meridian
        lon_lat_deg = lon_lat_deg + np.where(lon_lat_deg < 0.0, [[360.0, 0.0]], 0.0)
    lon_deg, lat_deg = ((lon_lat_deg.min(axis=0) + lon_lat_deg.max(axis=0)) / 2.0).tolist()
    lon_deg = (lon_deg + 180.0) % 360.0 - 180.0
    if request.area_crs == "auto":
        return utm_crs(lat_deg, lon_deg)
    return metric_crs(request.area_crs, lat_deg=lat_deg, lon_deg=lon_deg)


def _make_grid(request: LandRequest, source: ElevationSource, area: _Area, margin_m: float) -> Grid:
    cell_m = request.area_resolution_m
    bounds = tuple(float(edge) for edge in area.polygon.bounds)
    if len(bounds) != 4 or not all(isfinite(edge) for edge in bounds):
        raise DataError(
            f"the area of interest cannot be expressed in {area.crs} (extent {bounds}): "
            "correct area.crs, or the coordinates of the boundary"
        )
    to_degrees = pyproj.Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True)
    west, south, east, north = bounds
    places = [(west, south), (west, north), (east, south), (east, north)]
    places.append(((west + east) / 2.0, (south + north) / 2.0))
    degrees = [to_degrees.transform(*place) for place in places]
    check_scale(area.crs, [(lat_deg, lon_deg) for lon_deg, lat_deg in degrees])
    corner = source.lattice_corner(area.crs, cell_m)
    return grid_over(
        (bounds[0], bounds[1], bounds[2], bounds[3]),
        crs=area.crs,
        cell_m=cell_m,
        margin_m=margin_m,
        corner_m=(0.0, 0.0) if corner is None else corner,
    )


def _read_villages(
    request: LandRequest, crs: str, expected_bounds_deg: _Bounds | None = None
) -> gpd.GeoDataFrame:
    return read_villages(
        request.villages_path,
        crs=crs,
        layer=request.villages_layer,
        columns=request.villages_columns or None,
        radius_m=request.villages_radius_m,
        expected_bounds_deg=expected_bounds_deg,
    )


def _villages_in(
    request: LandRequest, area: _Area, communes: gpd.GeoDataFrame | None
) -> gpd.GeoDataFrame:
    """Return the villages whose centre lies in the area, with their communes."""
    to_degrees = pyproj.Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True)
    villages = _read_villages(request, area.crs, to_degrees.transform_bounds(*area.polygon.bounds))
    centres = shapely.points(
        villages["centre_easting_m"].to_numpy(), villages["centre_northing_m"].to_numpy()
    )
    shapely.prepare(area.polygon)
    inside = shapely.intersects(area.polygon, centres)
    if not inside.any():
        raise DataError(
            f"none of the {len(villages)} villages of {request.villages_path.name} lies in the "
            "area of interest: correct area.boundary or the villages"
        )
    kept = villages.loc[inside].reset_index(drop=True)
    kept.attrs = {key: list(value) for key, value in villages.attrs.items()}
    if communes is not None:
        kept = assign_communes(kept, communes)
    if not inside.all():
        kept.attrs.setdefault("warnings", []).append(
            f"{int((~inside).sum())} of {len(villages)} villages lie outside the area of interest "
            "and were left out"
        )
    return kept


def _read_communes(request: LandRequest, grid: Grid) -> gpd.GeoDataFrame | None:
    if request.communes_path is None:
        return None
    communes = read_communes(
        request.communes_path,
        crs=grid.crs,
        layer=request.communes_layer,
        columns=request.communes_columns or None,
    )
    touching = communes.geometry.intersects(shapely.box(*grid.bounds_m)).to_numpy()
    if not touching.any():
        raise DataError(
            f"none of the {len(communes)} communes of {request.communes_path.name} lies on the "
            "grid of the plan: correct communes.path or the area"
        )
    return communes


def _communes_of_area(communes: gpd.GeoDataFrame, polygon: BaseGeometry) -> gpd.GeoDataFrame:
    shapely.prepare(polygon)
    outlines = shapely.make_valid(communes.geometry.to_numpy())
    shares = shapely.area(shapely.intersection(outlines, polygon)) / shapely.area(outlines)
    return communes.loc[shares >= _LEAST_COMMUNE_SHARE].reset_index(drop=True)


def _land_cover(request: LandRequest, grid: Grid, folder: str, shares: _Shares) -> LandCover | None:
    if request.land_cover_path is None:
        return None
    return read_land_cover(
        [request.land_cover_path],
        grid,
        scratch=_folder_in(folder, "land-cover"),
        table=request.land_cover_table,
        progress=shares.of("land cover"),
    )


def _clutter_heights(
    request: LandRequest, grid: Grid, source: ElevationSource, folder: str, shares: _Shares
) -> ClutterHeights | None:
    if not request.clutter_heights_path:
        return None
    return read_clutter_heights(
        request.clutter_heights_path,
        grid,
        kind=request.clutter_heights_kind,
        terrain=source,
        scratch=_folder_in(folder, "clutter-heights"),
        progress=shares.of("clutter heights"),
    )


def _people(
    request: LandRequest,
    grid: Grid,
    aoi: UInt8Array,
    communes: gpd.GeoDataFrame | None,
    folder: str,
    shares: _Shares,
) -> _People:
    if request.population_path is None:
        return _People(people=None, assumptions=(_NO_POPULATION,))
    population = read_population(
        request.population_path,
        grid,
        aoi=aoi,
        scratch=_folder_in(folder, "population"),
        unit=request.population_unit,
        progress=shares.of("population"),
    )
    files = tuple(file.path for file in population.files)
    if request.population_census is None or communes is None:
        return _People(
            people=population.people,
            files=files,
            note=population.note,
            assumptions=("People are as in the population raster, not scaled to a census",),
            warnings=population.warnings,
        )
    rescaled = rescale_to_census(
        population.people,
        grid,
        communes=communes,
        census=read_census(request.population_census),
        raster_path=population.raster_path,
    )
    return _People(
        people=rescaled.people,
        files=files,
        note=f"{population.note} before scaling to the census",
        assumptions=rescaled.assumptions,
        warnings=(*population.warnings, *rescaled.warnings),
    )


def _compared(
    people: Float32Array | None, grid: Grid, villages: gpd.GeoDataFrame, unit: str
) -> tuple[list[str], list[str]]:
    """Return what the raster counts in the villages beside their own numbers, and doubts of it.

    Raises
    ------
    DataError
        The raster has more than ten times the people, which a density has, and the scenario does
        not say what its values are.
    """
    listed = villages["population"].to_numpy(dtype=np.float64)
    known = np.isfinite(listed) & (listed > 0.0)
    if people is None or not known.any():
        return [], []
    flat = people.ravel()
    footprints = footprint_weights(villages.geometry[known], grid)
    each = np.array([float((flat[cells] * share).sum()) for cells, share in footprints])
    cells, share = footprint_weights(
        [shapely.union_all(villages.geometry[known].to_numpy())], grid
    )[0]
    counted, own = float((flat[cells] * share).sum()), float(listed[known].sum())
    sentence = (
        f"In the outlines of the {int(known.sum())} villages with a number of people the raster "
        f"counts {counted:,.0f}, their own numbers say {own:,.0f}"
    )
    ratio = counted / own
    typical = float(np.median(each / listed[known]))
    if min(ratio, typical) > _DENSITY_RATIO and unit == "auto":
        raise DataError(
            f"{sentence}: is the raster people per km² or per ha? set population.unit = "
            '"per_km2" or "per_ha", or "people" if it is right'
        )
    doubtful = not 1.0 / _DENSITY_RATIO <= ratio <= _DOUBTFUL_RATIO
    return [sentence], [f"{sentence}: check both"] if doubtful else []


def _masts_without_ground(
    points_deg: Sequence[tuple[float, float]], grid: Grid, ground_m: Float32Array
) -> list[str]:
    if not points_deg:
        return []
    to_grid = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    bare = 0
    for lat_deg, lon_deg in points_deg:
        easting_m, northing_m = to_grid.transform(lon_deg, lat_deg)
        if grid.contains(easting_m, northing_m):
            row, col = (round(place) for place in grid.row_col(easting_m, northing_m))
            bare += bool(np.isnan(ground_m[min(row, grid.rows - 1), min(col, grid.cols - 1)]))
    if not bare:
        return []
    return [f"{bare} of {len(points_deg)} masts stand where elevation is missing"]


def _sources(
    request: LandRequest,
    elevation: Elevation,
    cover: LandCover | None,
    heights: ClutterHeights | None,
    people: _People,
    tell: _Progress,
) -> tuple[Source, ...]:
    entries: list[tuple[str, tuple[Path, ...], Iterable[Path], str]] = [
        (
            "elevation",
            request.elevation_path,
            [file.path for file in elevation.files],
            elevation.note,
        )
    ]
    if cover is not None and request.land_cover_path is not None:
        used = [file.path for file in cover.files]
        entries.append(("land_cover", (request.land_cover_path,), used, cover.note))
    if heights is not None:
        used = [file.path for file in heights.files]
        entries.append(("clutter_heights", request.clutter_heights_path, used, heights.note))
    if request.population_path is not None:
        entries.append(("population", (request.population_path,), people.files, people.note))
    for role, path in (
        ("land_cover_table", request.land_cover_table),
        ("census", request.population_census),
        ("villages", request.villages_path),
        ("communes", request.communes_path),
        ("boundary", request.area_boundary),
        *(("map_lines", lines.path) for lines in request.map_lines),
    ):
        if path is not None:
            entries.append((role, (path,), [path], ""))
    found = []
    for done, (role, given, used_paths, note) in enumerate(entries, start=1):
        shown = ", ".join(as_written(path, request.folder) for path in given)
        found.append(Source(role=role, path=shown, sha256=content_sha256(used_paths), note=note))
        tell("hashes", done / len(entries))
    return tuple(found)


def _grid_sentence(grid: Grid, margin_m: float) -> str:
    name = pyproj.CRS.from_user_input(grid.crs).name
    return (
        f"The grid has {grid.rows} x {grid.cols} cells of {grid.cell_m:g} m in {name} "
        f"({grid.crs}), with a margin of {margin_m / 1000.0:g} km around the area"
    )


def _sentences(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return all sentences once, each with its full stop."""
    found = dict.fromkeys(text.rstrip(".") + "." for group in groups for text in group)
    return tuple(found)


class _Shares:
    """Tells of parts that are read at once as of one stage: the mean of their shares."""

    def __init__(self, tell: _Progress, request: LandRequest) -> None:
        asked = {
            "elevation": True,
            "land cover": request.land_cover_path is not None,
            "clutter heights": bool(request.clutter_heights_path),
            "population": request.population_path is not None,
        }
        self._done = {part: 0.0 for part, wanted in asked.items() if wanted}
        self._tell, self._lock = tell, Lock()

    def of(self, part: str) -> Callable[[float], None]:
        """Return what takes the share done of a part."""

        def take(share: float) -> None:
            with self._lock:
                self._done[part] = share
                self._tell("land", sum(self._done.values()) / len(self._done))

        return take


def _folder_in(folder: str, name: str) -> Path:
    """Return a new folder: parts that are read at once may clean the same file."""
    made = Path(folder) / name
    made.mkdir()
    return made


def _silent(stage: str, fraction: float) -> None:
    """Take progress reports that nobody wants."""
