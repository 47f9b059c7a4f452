"""A mosaic shows each raster within its outline, whatever its zone, and copies none of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely

from lensong.gis_data.cog import LegendClass, write_cog
from lensong.gis_data.raster_mosaic import MosaicPart, common_grid, lies_on, write_mosaic
from lensong.propagation.types import Grid

EAST = Grid(
    crs="EPSG:32648", west_m=200_010.0, north_m=2_480_020.0, cell_m=60.0, rows=900, cols=700
)


def beside(grid: Grid, *, cells: int, crs: str = "", cell_m: float = 0.0) -> Grid:
    """Return a grid as large, moved west, in another system or of other cells."""
    west, north = grid.west_m - cells * grid.cell_m, grid.north_m
    if crs:
        change = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True)
        west, north = (round(v, -1) for v in change.transform(west, north))
    return Grid(
        crs=crs or grid.crs, west_m=west, north_m=north, cell_m=cell_m or grid.cell_m,
        rows=grid.rows, cols=500 if crs else grid.cols,
    )  # fmt: skip


def part_of(folder: Path, name: str, grid: Grid, *, border: bool = True) -> MosaicPart:
    """Write a raster whose values are its eastings, and return it as seen but for its edge."""
    path = folder / name / "4g_rsrp_dbm.tif"
    path.parent.mkdir(parents=True)
    west = grid.west_m + (np.arange(grid.cols) + 0.5) * grid.cell_m
    write_cog(
        path, np.broadcast_to(west, grid.shape).astype(np.float32), grid, nodata=float("nan"),
        name="rsrp_dbm", unit="dBm", description="Level, 4G; SYNTHETIC DATA", dtype="float32",
        legend=[LegendClass(value=-100.0, label="some", rgba=(1, 2, 3, 255))],
    )  # fmt: skip
    edge = 40 * grid.cell_m
    inner = shapely.box(*grid.bounds_m).buffer(-edge, join_style="mitre")
    return MosaicPart(name=name, path=path, grid=grid, outline=inner if border else None)


def read_at(path: Path, crs: str, easting_m: float, northing_m: float) -> float:
    with rasterio.open(path) as raster:
        change = pyproj.Transformer.from_crs(crs, raster.crs, always_xy=True)
        return float(next(raster.sample([change.transform(easting_m, northing_m)]))[0])


def mosaic(folder: Path, parts: list[MosaicPart]) -> tuple[Path, Grid]:
    whole = common_grid([part.grid for part in parts])
    path = folder / "maps" / "4g_rsrp_dbm.vrt"
    path.parent.mkdir()
    write_mosaic(path, parts, whole, note=", 2 areas")
    return path, whole


def test_rasters_of_one_grid_are_seen_cell_by_cell_each_within_its_outline(tmp_path: Path) -> None:
    west = beside(EAST, cells=600)
    parts = [part_of(tmp_path, "tây", west), part_of(tmp_path, "đông", EAST)]
    path, whole = mosaic(tmp_path, parts)
    assert all(lies_on(grid, whole) for grid in (west, EAST))
    with rasterio.open(path) as raster:
        found = raster.read(1)
        assert raster.overviews(1)[0] == 4
        assert max(raster.shape) / raster.overviews(1)[-1] <= 1024
        small = raster.read(1, out_shape=(raster.height // 4, raster.width // 4))
        assert (raster.units, raster.descriptions) == (("dBm",), ("rsrp_dbm",))
        assert raster.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "Level, 4G, 2 areas"
        assert '"some"' in raster.tags()["LENSONG_LEGEND"]
    assert found.shape == (900, 1300)
    shown = np.zeros(found.shape, dtype=bool)
    shown[40:-40, 40:-40] = True  # the outlines meet: 660 to 640
    edge = np.zeros(found.shape, dtype=bool)  # an outline is widened by half a cell
    edge[39:-39, 39:-39] = True
    assert np.isfinite(found[shown]).all()
    assert np.isnan(found[~edge]).all()
    eastings = whole.west_m + (np.arange(whole.cols) + 0.5) * whole.cell_m
    np.testing.assert_array_equal(found[450, 40:-40], eastings[40:-40].astype(np.float32))
    # a smaller copy has its cells, not means of them
    assert set(np.unique(small[100][np.isfinite(small[100])])) <= set(eastings.astype(np.float32))
    assert np.isfinite(small).mean() == pytest.approx(np.isfinite(found).mean(), abs=0.01)


def test_a_raster_of_another_zone_lies_where_it_belongs(tmp_path: Path) -> None:
    west = beside(EAST, cells=500, crs="EPSG:32647", cell_m=90.0)
    parts = [part_of(tmp_path, "tây", west), part_of(tmp_path, "đông", EAST, border=False)]
    path, whole = mosaic(tmp_path, parts)
    assert (whole.crs, whole.cell_m) == (EAST.crs, EAST.cell_m)
    assert (lies_on(west, whole), lies_on(EAST, whole)) == (False, True)
    easting, northing = west.west_m + 300 * 90.0, west.north_m - 500 * 90.0
    assert read_at(path, west.crs, easting, northing) == pytest.approx(easting, abs=90.0)
    # the later one is seen where both are
    within = EAST.west_m + 7_000.0, EAST.north_m - 20_000.0
    assert read_at(path, EAST.crs, *within) == pytest.approx(within[0], abs=30.0)
    with rasterio.open(path) as raster:
        coarse = raster.read(1, out_shape=(raster.height // 16, raster.width // 16))
        fine = raster.read(1)[8::16, 8::16][: coarse.shape[0], : coarse.shape[1]]
    both = np.isfinite(coarse) & np.isfinite(fine)
    assert both.mean() > 0.5
    # the zones' eastings are far apart: a cell of the wrong raster would show
    assert np.median(np.abs(coarse[both] - fine[both])) < 16 * 60.0


def test_the_folder_may_move_as_a_whole_and_the_bytes_are_the_same_again(tmp_path: Path) -> None:
    for name in ("one", "two"):
        parts = [part_of(tmp_path / name, "x y", EAST)]
        mosaic(tmp_path / name, parts)
    for file in (p for p in sorted((tmp_path / "one" / "maps").rglob("*")) if p.is_file()):
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes(), file.name
        assert str(tmp_path) not in file.read_bytes().decode("latin-1")
    shutil.move(tmp_path / "one", tmp_path / "elsewhere")
    with rasterio.open(tmp_path / "elsewhere" / "maps" / "4g_rsrp_dbm.vrt") as raster:
        assert np.isfinite(raster.read(1)).mean() > 0.7
