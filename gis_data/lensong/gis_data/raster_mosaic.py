"""Many rasters as one, without a copy: each seen within its own outline, through a VRT of GDAL.

The cells stay where they are. What is written is XML that names them, by paths relative to its own
folder, and the smaller copies for far zooms, made strip by strip.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, fromstring, indent, tostring

import numpy as np
import pyproj
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.io import DatasetReader
from rasterio.shutil import copy as gdal_copy
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from shapely.affinity import affine_transform
from shapely.geometry.base import BaseGeometry

from lensong.gis_data.atomic import atomic_path
from lensong.propagation.types import Float32Array, Grid

__all__ = ["MosaicPart", "common_grid", "lies_on", "write_mosaic"]

_NEAR = 4  # times as coarse is the first smaller copy
_STRIP = 512
_SCREEN = 1024  # smaller copies are made until one is no larger [cells]


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicPart:
    """One of the rasters.

    Parameters
    ----------
    name : str
        Of its own, a part of a file's name.
    path : Path
        A single band of floating numbers, NaN where there is nothing.
    grid : Grid
        Where it lies.
    outline : geometry or None
        In the system of ``grid``: it is seen within it. None: all of it.
    """

    name: str
    path: Path
    grid: Grid
    outline: BaseGeometry | None


def common_grid(grids: Sequence[Grid]) -> Grid:
    """Return a grid over some: in the system of most of their cells, with its smallest cells.

    It is laid through the first of those, so that what lies on one raster with it stays as it is.
    """
    cells: dict[str, int] = {}
    for grid in grids:
        cells[grid.crs] = cells.get(grid.crs, 0) + grid.rows * grid.cols
    crs = max(sorted(cells), key=lambda name: cells[name])
    own = [grid for grid in grids if grid.crs == crs]
    first = min(own, key=lambda grid: grid.cell_m)
    bounds = [_bounds(grid, crs) for grid in grids]
    west = first.west_m + first.cell_m * floor(
        (min(b[0] for b in bounds) - first.west_m) / first.cell_m + 1e-6
    )
    north = first.north_m + first.cell_m * ceil(
        (max(b[3] for b in bounds) - first.north_m) / first.cell_m - 1e-6
    )
    return Grid(
        crs=crs,
        west_m=west,
        north_m=north,
        cell_m=first.cell_m,
        rows=ceil((north - min(b[1] for b in bounds)) / first.cell_m - 1e-6),
        cols=ceil((max(b[2] for b in bounds) - west) / first.cell_m - 1e-6),
    )


def lies_on(grid: Grid, whole: Grid) -> bool:
    """Return whether the cells of a grid are cells of another."""
    if grid.crs != whole.crs or grid.cell_m != whole.cell_m:
        return False
    off = (
        (grid.west_m - whole.west_m) / whole.cell_m,
        (grid.north_m - whole.north_m) / whole.cell_m,
    )
    return all(abs(k - round(k)) < 1e-6 for k in off)


def write_mosaic(path: Path, parts: Sequence[MosaicPart], whole: Grid, *, note: str) -> None:
    """Write a mosaic, the parts it is made of (into ``parts`` beside it) and its smaller copies.

    Cells of parts that do not lie on the grid (`lies_on`) are those whose middle is nearest. Where
    outlines overlap, the later part is seen.

    Parameters
    ----------
    path : Path
        Ends in ``.vrt``. The folder may be moved together with the rasters, not alone.
    parts : sequence of MosaicPart
    whole : Grid
        As `common_grid` returns it.
    note : str
        Added to the description of the first part; legend, name and unit are the first's.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    folder = path.parent / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    seen = []
    for part in parts:
        row0, col0, row1, col1 = _window(part, whole)
        if row0 < row1 and col0 < col1:
            clipped = folder / f"{part.name}_{path.stem}.vrt"
            _write_part(clipped, part, whole, (row0, col0, row1, col1))
            seen.append((part, clipped, (row0, col0, row1, col1)))
    _write_smaller(path.with_name(f"{path.name}.ovr"), parts, whole)
    root = _whole(whole, note, parts[0].path)
    band = root.find("VRTRasterBand")
    assert band is not None  # `_whole` has put it there
    for _, clipped, (row0, col0, row1, col1) in seen:
        source = SubElement(band, "ComplexSource")
        name = SubElement(source, "SourceFilename", relativeToVRT="1")
        name.text = f"{folder.name}/{clipped.name}"
        SubElement(source, "SourceBand").text = "1"
        wide, high = str(col1 - col0), str(row1 - row0)
        SubElement(
            source, "SourceProperties",
            RasterXSize=wide, RasterYSize=high,
            DataType="Float32", BlockXSize="512", BlockYSize="128",
        )  # fmt: skip
        SubElement(source, "SrcRect", xOff="0", yOff="0", xSize=wide, ySize=high)
        SubElement(source, "DstRect", xOff=str(col0), yOff=str(row0), xSize=wide, ySize=high)
        SubElement(source, "NODATA").text = "nan"
    _write_xml(path, root)


def _whole(whole: Grid, note: str, first: Path) -> Element:
    """Return a mosaic of nothing yet."""
    root = Element("VRTDataset", rasterXSize=str(whole.cols), rasterYSize=str(whole.rows))
    SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = CRS.from_user_input(
        whole.crs
    ).to_wkt()
    SubElement(root, "GeoTransform").text = ", ".join(
        f"{v:.10g}" for v in (whole.west_m, whole.cell_m, 0.0, whole.north_m, 0.0, -whole.cell_m)
    )
    told = SubElement(root, "Metadata")
    band = SubElement(root, "VRTRasterBand", dataType="Float32", band="1")
    with rasterio.open(first) as raster:
        tags = raster.tags()
        what = tags.get("TIFFTAG_IMAGEDESCRIPTION", "").partition(";")[0]
        SubElement(told, "MDI", key="TIFFTAG_IMAGEDESCRIPTION").text = f"{what}{note}"
        if "LENSONG_LEGEND" in tags:
            SubElement(told, "MDI", key="LENSONG_LEGEND").text = tags["LENSONG_LEGEND"]
        SubElement(band, "Description").text = raster.descriptions[0] or ""
        SubElement(band, "UnitType").text = raster.units[0] or ""
    SubElement(band, "NoDataValue").text = "nan"
    return root


def _write_part(
    path: Path, part: MosaicPart, whole: Grid, window: tuple[int, int, int, int]
) -> None:
    """Write a raster as it is seen in the mosaic, within its outline."""
    row0, col0, row1, col1 = window
    more = {}
    if part.outline is not None:
        # half a cell wider, so that nothing is lost between neighbours
        outline = part.outline.buffer(part.grid.cell_m / 2.0, join_style="mitre")
        across = 1.0 / part.grid.cell_m
        cells = affine_transform(
            outline,
            [across, 0.0, 0.0, -across, -part.grid.west_m * across, part.grid.north_m * across],
        )
        more["CUTLINE"] = shapely.to_wkt(cells, rounding_precision=3)
    with (
        rasterio.open(part.path) as raster,
        WarpedVRT(
            raster,
            crs=whole.crs,
            transform=_transform(whole, row0, col0),
            width=col1 - col0,
            height=row1 - row0,
            resampling=Resampling.nearest,
            nodata=np.nan,
            **more,
        ) as warped,
        atomic_path(path) as made,
    ):
        gdal_copy(warped, made, driver="VRT")
        root = fromstring(made.read_text("utf-8"))
        for source in root.iter("SourceDataset"):  # GDAL writes where it was, not where it is
            source.text = Path(os.path.relpath(part.path, path.parent)).as_posix()
            source.set("relativeToVRT", "1")
        made.write_text(_text(root), encoding="utf-8")


def _write_smaller(path: Path, parts: Sequence[MosaicPart], whole: Grid) -> None:
    """Write the smaller copies of a mosaic, as GDAL looks for them beside it."""
    rows, cols = -(-whole.rows // _NEAR), -(-whole.cols // _NEAR)
    transform = _transform(whole, 0, 0) @ Affine.scale(whole.cols / cols, whole.rows / rows)
    with atomic_path(path) as made:
        with rasterio.open(
            made, "w", driver="GTiff", height=rows, width=cols, count=1, dtype="float32",
            nodata=np.nan, crs=whole.crs, transform=transform, tiled=True, blockxsize=_STRIP,
            blockysize=_STRIP, compress="DEFLATE", zlevel=3, predictor=3, bigtiff="IF_SAFER",
            sparse_ok=True,
        ) as raster:  # fmt: skip
            for row0, strip in _strips(parts, whole, transform, rows, cols):
                place = rasterio.windows.Window(0, row0, cols, strip.shape[0])
                raster.write(strip, 1, window=place)
        times = [2**k for k in range(1, 16) if max(rows, cols) > _SCREEN * 2 ** (k - 1)]
        if times:
            with rasterio.open(made, "r+") as raster:
                raster.build_overviews(times, Resampling.nearest)


def _strips(
    parts: Sequence[MosaicPart], whole: Grid, transform: Affine, rows: int, cols: int
) -> Iterator[tuple[int, Float32Array]]:
    """Yield first row and cells of each strip of the first smaller copy that has any."""
    placed = [(part, _window(part, whole)) for part in parts]
    outlines = [_moved(part, whole.crs) for part in parts]
    for row0 in range(0, rows, _STRIP):
        high = min(_STRIP, rows - row0)
        strip = np.full((high, cols), np.nan, np.float32)
        empty = True
        for (part, (r0, c0, r1, c1)), outline in zip(placed, outlines, strict=True):
            left, right = c0 * cols // whole.cols, min(cols, -(-c1 * cols // whole.cols))
            top = max(row0, r0 * rows // whole.rows)
            bottom = min(row0 + high, -(-r1 * rows // whole.rows))
            if top >= bottom or left >= right:
                continue
            here = transform @ Affine.translation(left, top)
            shape = (bottom - top, right - left)
            with rasterio.open(part.path) as raster:
                found = _coarse(raster, whole.crs, here, shape)
            shown = np.isfinite(found)
            if outline is not None:
                shown &= rasterize([outline], shape, transform=here, dtype=np.uint8) == 1
            strip[top - row0 : bottom - row0, left:right][shown] = found[shown]
            empty = empty and not shown.any()
        if not empty:
            yield row0, strip


def _coarse(
    raster: DatasetReader, crs: str, transform: Affine, shape: tuple[int, int]
) -> Float32Array:
    with WarpedVRT(
        raster,
        crs=crs,
        transform=transform,
        width=shape[1],
        height=shape[0],
        resampling=Resampling.nearest,
        nodata=np.nan,
    ) as warped:
        found: Float32Array = warped.read(1)
        return found


def _moved(part: MosaicPart, crs: str) -> BaseGeometry | None:
    """Return the outline of a part in the system of the mosaic."""
    if part.outline is None:
        return None
    wider = part.outline.buffer(part.grid.cell_m / 2.0, join_style="mitre")
    if part.grid.crs == crs:
        return wider
    change = pyproj.Transformer.from_crs(part.grid.crs, crs, always_xy=True)
    return shapely.transform(
        wider, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1]))
    )


def _window(part: MosaicPart, whole: Grid) -> tuple[int, int, int, int]:
    """Return rows and columns of the mosaic that a part may fill."""
    west, south, east, north = _bounds(part.grid, whole.crs)
    return (
        max(0, floor((whole.north_m - north) / whole.cell_m + 1e-6)),
        max(0, floor((west - whole.west_m) / whole.cell_m + 1e-6)),
        min(whole.rows, ceil((whole.north_m - south) / whole.cell_m - 1e-6)),
        min(whole.cols, ceil((east - whole.west_m) / whole.cell_m - 1e-6)),
    )


def _bounds(grid: Grid, crs: str) -> tuple[float, float, float, float]:
    if grid.crs == crs:
        return grid.bounds_m
    west, south, east, north = transform_bounds(grid.crs, crs, *grid.bounds_m, densify_pts=21)
    return west, south, east, north


def _transform(whole: Grid, row0: int, col0: int) -> Affine:
    return Affine(
        whole.cell_m, 0.0, whole.west_m + col0 * whole.cell_m,
        0.0, -whole.cell_m, whole.north_m - row0 * whole.cell_m,
    )  # fmt: skip


def _write_xml(path: Path, root: Element) -> None:
    with atomic_path(path) as part:
        part.write_text(_text(root), encoding="utf-8")


def _text(root: Element) -> str:
    indent(root)
    return tostring(root, encoding="unicode") + "\n"
