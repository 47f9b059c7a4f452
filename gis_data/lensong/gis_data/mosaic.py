"""Several raster files as one source: listed, checked, cut to the area, joined without seams.

Files on one pixel lattice (same system, same pixel, whole pixels apart) are joined *before*
resampling into one virtual raster, so an interpolation across the border of two tiles sees the
pixels of both. Files on different lattices make several virtual rasters; where two overlap the
first one listed wins, and later ones fill what it left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

import numpy as np
import pyproj
import rasterio
from rasterio.coords import BoundingBox
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.transform import Affine, array_bounds
from rasterio.warp import transform_bounds, transform_geom
from rasterio.windows import Window
from rasterio.windows import from_bounds as window_from_bounds
from shapely import box, segmentize
from shapely.geometry import shape

from lensong.gis_data.gridding import bounds_deg, centre_deg, polygon_mask
from lensong.gis_data.hgt import HgtTile, hgt_tiles, is_hgt
from lensong.gis_data.raster_checks import (
    check_raster,
    horizontal_crs,
    overlaps_when_swapped,
    reading_of,
)
from lensong.gis_data.raster_formats import FOLDER_SUFFIXES, open_raster
from lensong.gis_data.raster_kinds import Doubt, doubt_of_heights
from lensong.gis_data.raster_voids import clean_copy, find_oddities
from lensong.gis_data.vectors import first_few
from lensong.propagation.errors import CrsMismatchError, DataError
from lensong.propagation.types import BoolArray, Grid

__all__ = [
    "JoinedRaster",
    "RasterFile",
    "check_overlap",
    "covered_mask",
    "files_over",
    "join_rasters",
    "list_rasters",
    "readable_path",
    "scratch_folder",
    "void_warnings",
    "without_voids",
]

# layers that a Copernicus tile carries beside its heights: water mask, editing, filling, error
_AUXILIARY = ("_wbm", "_edm", "_flm", "_hem", "_acm", "_src")
_OFF_LATTICE_PIXELS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterFile:
    """One raster as it lies on disk; only its header has been read.

    Parameters
    ----------
    path : Path
        File given by the user; an archive where ``hgt`` has a member.
    hgt : HgtTile, or None
        Set for an SRTM tile, which is unpacked only when it is needed.
    crs : CRS
        Coordinate system.
    transform : Affine
        Pixel to coordinates, north-up.
    rows, cols, bands : int
        Size.
    nodata : float, or None
        Value that marks voids, in the file's own unit. NaN counts as declared.
    declared_unit : str
        Unit tag of band 1, may be empty.
    scale, offset : float
        Stored value to physical value.
    masked : bool
        A mask band of the file says where there are values.
    from_folder : bool
        Found in a folder, not named by the user.
    doubt : Doubt, or None
        Why band 1 is no height of the ground; None where nothing says so.
    stand_in : Path, or None
        Clean copy of the part that is needed, which is read in place of the file.
    notes : tuple of str
        What was found among the values, for the report.
    """

    path: Path
    hgt: HgtTile | None = None
    crs: CRS
    transform: Affine
    rows: int
    cols: int
    bands: int = 1
    nodata: float | None
    declared_unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    masked: bool = False
    from_folder: bool = False
    doubt: Doubt | None = None
    stand_in: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name for messages."""
        return self.hgt.member if self.hgt is not None and self.hgt.member else self.path.name

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Return left, bottom, right, top in the file's own system."""
        left, bottom, right, top = array_bounds(self.rows, self.cols, self.transform)
        return left, bottom, right, top

    @property
    def bounds_deg(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north [degrees, WGS 84]."""
        return self.bounds_in("EPSG:4326")

    def bounds_in(self, crs: str) -> tuple[float, float, float, float]:
        """Return west, south, east, north in another system."""
        west, south, east, north = transform_bounds(self.crs, crs, *self.bounds)
        return west, south, east, north

    def pixel_sides_m(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Return width and height of a pixel on the ground [m] near a place."""
        to_raster = pyproj.Transformer.from_crs("EPSG:4326", self.crs, always_xy=True)
        x, y = to_raster.transform(lon_deg, lat_deg)
        lons, lats = to_raster.transform(
            [x, x + self.transform.a, x],
            [y, y, y + self.transform.e],
            direction="INVERSE",
        )
        geod = pyproj.Geod(ellps="WGS84")
        _, _, sides_m = geod.inv([lons[0]] * 2, [lats[0]] * 2, lons[1:], lats[1:])
        return float(sides_m[0]), float(sides_m[1])

    def pixel_m(self, lat_deg: float, lon_deg: float) -> float:
        """Return the longer side of a pixel on the ground [m] near a place."""
        return max(self.pixel_sides_m(lat_deg, lon_deg))


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedRaster:
    """Files of one pixel lattice as one virtual raster with float32 values and NaN voids.

    Parameters
    ----------
    path : Path
        The virtual raster, in the scratch folder.
    files : tuple of RasterFile
        What it is made of.
    """

    path: Path
    files: tuple[RasterFile, ...]

    @property
    def names(self) -> list[str]:
        """Return the names of the files for messages."""
        return [file.name for file in self.files]


def list_rasters(paths: Sequence[Path], *, role: str) -> list[RasterFile]:
    """Return the raster files that the user's paths name, headers read and checked.

    Parameters
    ----------
    paths : sequence of Path
        Files or folders. A folder is searched with its sub-folders for rasters, those with finer
        pixels first, else in the order of their names; a VRT in it is taken when there is
        nothing else.
    role : str
        For messages: ``"elevation"``, ``"land cover"``, ``"population"``.

    Raises
    ------
    DataError
        When a path does not exist, holds no raster, or a raster cannot be used.
    CrsMismatchError
        When a raster has no coordinate system or an impossible one.
    """
    files: list[RasterFile] = []
    for path in paths:
        if not path.exists():
            raise DataError(
                f"{role} source {path} does not exist: wanted a raster file or a folder of them, "
                "check the path in the scenario (it counts from the scenario file)"
            )
        found = _rasters_in(path) if path.is_dir() else [path]
        if not found:
            raise DataError(
                f"{role} folder {path} holds no raster: wanted files ending in "
                ".tif, .tiff, .vrt, .hgt, .hgt.gz or .hgt.zip"
            )
        headers = [header for file in found for header in _read_headers(file, role)]
        if path.is_dir():
            headers = [replace(header, from_folder=True) for header in headers]
            headers.sort(key=_fineness)
        files.extend(headers)
    return files


def files_over(files: Sequence[RasterFile], grid: Grid, *, role: str) -> list[RasterFile]:
    """Return the files that reach onto the grid.

    Raises
    ------
    DataError
        When none does, as `check_overlap`.
    """
    check_overlap(files, grid, role=role)
    return [file for file in files if _window_on(file, grid) is not None]


def without_voids(
    files: Sequence[RasterFile], grid: Grid, scratch: Path, *, role: str
) -> list[RasterFile]:
    """Return the files with every undeclared void declared, or taken out in a copy.

    Parameters
    ----------
    files : sequence of RasterFile
        Those that reach onto the grid.
    grid : Grid
    scratch : Path
        Existing folder for copies; must outlive the use of the result.
    role : str
        ``"elevation"``: zeros amid mountains are voids; ``"population"``: negative values are.
    """
    return [_without_voids(file, grid, scratch, role) for file in files]


def check_overlap(files: Sequence[RasterFile], grid: Grid, *, role: str) -> None:
    """Raise a DataError when no file reaches onto the grid.

    The message gives both extents, and says whether exchanging latitude and longitude would help.
    """
    if all(_window_on(file, grid) is None for file in files):
        _raise_no_overlap(files, grid, role)


def join_rasters(
    files: Sequence[RasterFile], scratch: Path, *, name: str, factor: float = 1.0
) -> list[JoinedRaster]:
    """Return one virtual raster per pixel lattice, written to a scratch folder.

    Parameters
    ----------
    files : sequence of RasterFile
        Earlier ones win where files overlap.
    scratch : Path
        Existing folder; must outlive the use of the result.
    name : str
        Stem of the file names to write.
    factor : float
        Every value is multiplied by it, e.g. 0.3048 for feet.
    """
    lattices: list[list[RasterFile]] = []
    for file in files:
        for lattice in lattices:
            if _on_one_lattice(lattice[0], file):
                lattice.append(file)
                break
        else:
            lattices.append([file])
    joined = []
    for number, lattice in enumerate(lattices):
        path = scratch / f"{name}-{number}.vrt"
        path.write_text(_vrt_text(lattice, scratch, factor), encoding="utf-8")
        joined.append(JoinedRaster(path=path, files=tuple(lattice)))
    return joined


def covered_mask(files: Sequence[RasterFile], grid: Grid) -> BoolArray:
    """Return the cells whose centre lies on some file, whether or not it has a value there."""
    footprints = []
    for file in files:
        west, south, east, north = file.bounds
        outline = segmentize(box(west, south, east, north), max(east - west, north - south) / 200.0)
        footprints.append(shape(transform_geom(file.crs, grid.crs, outline.__geo_interface__)))
    covered: BoolArray = polygon_mask(footprints, grid).astype(np.bool_)
    return covered


def void_warnings(files: Sequence[RasterFile], *, role: str) -> tuple[str, ...]:
    """Return a sentence for the report about void values that no tag declares."""
    named: dict[str, list[str]] = {}
    for file in files:
        for note in file.notes:
            named.setdefault(note, []).append(file.name)
    return tuple(
        f"The {role} data hold {note}, taken as no data though not declared so "
        f"({first_few(names)})."
        for note, names in named.items()
    )


def scratch_folder() -> TemporaryDirectory[str]:
    """Return a context manager for a folder that disappears after use."""
    return TemporaryDirectory(prefix="lensong-rasters-")


def _rasters_in(folder: Path) -> list[Path]:
    entries = sorted(path for path in folder.rglob("*") if path.is_file())
    rasters = [
        path
        for path in entries
        if path.name.lower().endswith(FOLDER_SUFFIXES)
        and not path.stem.lower().endswith(_AUXILIARY)
    ]
    return rasters or [path for path in entries if path.suffix.lower() == ".vrt"]


def _fineness(file: RasterFile) -> float:
    """Return the pixel size [m] to two digits, so that tiles of one set keep their order."""
    west, south, east, north = file.bounds_deg
    pixel_m = file.pixel_m((south + north) / 2.0, (west + east) / 2.0)
    return float(f"{pixel_m:.2g}") if np.isfinite(pixel_m) else np.inf


def _read_headers(path: Path, role: str) -> list[RasterFile]:
    if is_hgt(path) or (path.suffix.lower() == ".zip"):
        return [
            RasterFile(
                path=path,
                hgt=tile,
                crs=CRS.from_epsg(4326),
                transform=tile.transform,
                rows=tile.posts,
                cols=tile.posts,
                nodata=-32768.0,
            )
            for tile in hgt_tiles(path)
        ]
    with open_raster(str(path), path.name) as raster:
        check_raster(raster, path.name, role=role)
        return [
            RasterFile(
                path=path,
                crs=raster.crs,
                transform=raster.transform,
                rows=raster.height,
                cols=raster.width,
                bands=raster.count,
                nodata=raster.nodata,
                declared_unit=raster.units[0] or raster.tags().get("UNITS", ""),
                scale=raster.scales[0],
                offset=raster.offsets[0],
                masked=MaskFlags.per_dataset in raster.mask_flag_enums[0],
                doubt=doubt_of_heights(raster, path.name) if role == "elevation" else None,
            )
        ]


def _window_on(file: RasterFile, grid: Grid) -> Window | None:
    """Return the pixels of a file that lie under the grid with two pixels around, or None."""
    try:
        wanted = transform_bounds(grid.crs, file.crs, *grid.bounds_m, densify_pts=41)
    except rasterio.errors.CRSError as error:
        raise CrsMismatchError(
            f"{file.name}: its coordinate system {file.crs.to_string()[:60]} cannot be related to "
            f"{grid.crs} ({error}): write the right one into the file"
        ) from error
    box = BoundingBox(*wanted)
    if box.left > box.right:
        raise CrsMismatchError(
            f"the area with its margin crosses the 180th meridian, where {file.name} in degrees "
            "breaks off: plan each side alone, or give the data in the projected system of the "
            f"area ({grid.crs})"
        )
    if not np.isfinite(wanted).all():
        return None
    window = window_from_bounds(*box, transform=file.transform)
    first_row, first_col = int(np.floor(window.row_off)) - 2, int(np.floor(window.col_off)) - 2
    last_row = int(np.ceil(window.row_off + window.height)) + 2
    last_col = int(np.ceil(window.col_off + window.width)) + 2
    if not (box.left < file.bounds[2] and box.right > file.bounds[0]):
        return None
    if not (box.bottom < file.bounds[3] and box.top > file.bounds[1]):
        return None
    first_row, first_col = max(0, first_row), max(0, first_col)
    last_row, last_col = min(file.rows, last_row), min(file.cols, last_col)
    return Window(first_col, first_row, last_col - first_col, last_row - first_row)


def _without_voids(file: RasterFile, grid: Grid, scratch: Path, role: str) -> RasterFile:
    window = _window_on(file, grid)
    path = readable_path(file, scratch)
    counts = role == "population"
    with open_raster(str(path), file.name) as raster, reading_of([file.name]):
        found = find_oddities(raster, window, never_negative=counts)
    height_m = file.scale if role == "elevation" and file.offset == 0.0 else None
    looks_at_zeros = height_m is not None and found.zeros > 0
    undeclared = file.nodata is None and not file.masked
    if found.only_void is not None and undeclared and not looks_at_zeros:
        return replace(file, nodata=found.only_void, notes=(f"the value {found.only_void:g}",))
    if not (found.voids or found.broken or found.negative or looks_at_zeros):
        return file
    target = scratch / f"clean-{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.tif"
    with reading_of([file.name]):
        zeros, written = clean_copy(
            path,
            target,
            window,
            found,
            never_negative=counts,
            height_m=height_m,
            pixel_m=file.pixel_m(*centre_deg(grid)),
        )
    notes = [f"the value {void:g}" for void in found.voids]
    if found.broken:
        notes.append(f"infinite or impossible numbers in {found.broken:,} pixels")
    if found.negative:
        notes.append(f"negative numbers in {found.negative:,} pixels")
    if zeros:
        notes.append(f"0 in {zeros:,} pixels amid high ground")
    if not notes:
        return file
    shift = Affine.translation(written.col_off, written.row_off)
    return replace(
        file,
        stand_in=target,
        transform=file.transform @ shift,
        rows=int(written.height),
        cols=int(written.width),
        nodata=None,
        masked=False,
        notes=tuple(notes),
    )


def _raise_no_overlap(files: Sequence[RasterFile], grid: Grid, role: str) -> None:
    area = bounds_deg(grid)
    extents = [file.bounds_deg for file in files]
    west, south = (min(extent[i] for extent in extents) for i in (0, 1))
    east, north = (max(extent[i] for extent in extents) for i in (2, 3))
    what = files[0].name if len(files) == 1 else f"{len(files)} files from {files[0].name} on"
    swapped = overlaps_when_swapped((west, south, east, north), area)
    hint = (
        "they meet when latitude and longitude are exchanged: one of the two is swapped"
        if swapped
        else f"give {role} data of this area, or correct the area"
    )
    raise DataError(
        f"the {role} data ({what}) span {_extent(west, south, east, north)}, the area with its "
        f"margin spans {_extent(*area)}: {hint}"
    )


def _extent(west: float, south: float, east: float, north: float) -> str:
    return f"{west:.3f} to {east:.3f} E and {south:.3f} to {north:.3f} N"


def _on_one_lattice(first: RasterFile, other: RasterFile) -> bool:
    a, b = first.transform, other.transform
    if not (np.isclose(a.a, b.a, rtol=1e-7) and np.isclose(a.e, b.e, rtol=1e-7)):
        return False
    if horizontal_crs(first.crs) != horizontal_crs(other.crs):
        return False
    apart = ((b.c - a.c) / a.a, (b.f - a.f) / a.e)
    return all(abs(pixels - round(pixels)) < _OFF_LATTICE_PIXELS for pixels in apart)


def _vrt_text(files: Sequence[RasterFile], scratch: Path, factor: float) -> str:
    """Return a GDAL virtual raster; drawn last is on top, so the first file comes last."""
    first = files[0].transform
    left = min(file.transform.c for file in files)
    top = max(file.transform.f for file in files)
    places = [
        (round((file.transform.c - left) / first.a), round((file.transform.f - top) / first.e))
        for file in files
    ]
    cols = max(col + file.cols for (col, _), file in zip(places, files, strict=True))
    rows = max(row + file.rows for (_, row), file in zip(places, files, strict=True))
    sources = [
        _vrt_source(file, scratch, place, factor)
        for place, file in zip(reversed(places), reversed(files), strict=True)
    ]
    geotransform = ", ".join(repr(value) for value in (left, first.a, 0.0, top, 0.0, first.e))
    return "\n".join(
        [
            f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}">',
            f"<SRS>{escape(files[0].crs.to_wkt())}</SRS>",
            f"<GeoTransform>{geotransform}</GeoTransform>",
            '<VRTRasterBand dataType="Float32" band="1"><NoDataValue>nan</NoDataValue>',
            *sources,
            "</VRTRasterBand></VRTDataset>",
        ]
    )


def _vrt_source(file: RasterFile, scratch: Path, place: tuple[int, int], factor: float) -> str:
    size = f'xSize="{file.cols}" ySize="{file.rows}"'
    path = escape(str(readable_path(file, scratch)))
    lines = [
        "<ComplexSource>",
        f'<SourceFilename relativeToVRT="0">{path}</SourceFilename>',
        "<SourceBand>1</SourceBand>",
        f'<SrcRect xOff="0" yOff="0" {size}/>',
        f'<DstRect xOff="{place[0]}" yOff="{place[1]}" {size}/>',
    ]
    scale, offset = file.scale * factor, file.offset * factor
    if scale != 1.0 or offset != 0.0:
        lines.append(f"<ScaleOffset>{offset!r}</ScaleOffset><ScaleRatio>{scale!r}</ScaleRatio>")
    if file.nodata is not None:
        lines.append(f"<NODATA>{float(file.nodata)!r}</NODATA>")
    elif file.masked:
        lines.append("<UseMaskBand>true</UseMaskBand>")
    lines.append("</ComplexSource>")
    return "\n".join(lines)


def readable_path(file: RasterFile, scratch: Path) -> Path:
    """Return where the values of a file are read: itself, its unpacked tile or its clean copy."""
    if file.stand_in is not None:
        return file.stand_in
    if file.hgt is None:
        return file.path.resolve()
    identity = f"{file.path.resolve()}\n{file.hgt.member}".encode()
    target = scratch / f"{hashlib.sha256(identity).hexdigest()[:16]}.tif"
    if not target.exists():
        file.hgt.write_geotiff(target)
    return target
