"""Elevation and population as they lie on disks: what each raster is, and what is no value in it.

Every surface here is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from lensong.gis_data.elevation import Elevation, open_elevation, read_elevation
from lensong.gis_data.population import Population, read_population
from lensong.gis_data.raster_formats import open_raster
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

WriteRaster = Callable[..., Path]
Values = NDArray[Any]

WEST, NORTH, PIXEL = 300_000.0, 2_450_010.0, 30.0
ROWS, COLS = 80, 90
GRID = Grid(crs="EPSG:32648", west_m=WEST, north_m=NORTH, cell_m=PIXEL, rows=ROWS, cols=COLS)


def mountains() -> NDArray[np.float32]:
    """Return ridges between 400 and about 2,000 m."""
    row, col = np.mgrid[0:ROWS, 0:COLS]
    waves = np.sin(row / 9.0) * np.cos(col / 11.0) + 0.5 * np.sin(row / 4.0 + col / 6.0)
    ground_m: NDArray[np.float32] = (1_200.0 + 500.0 * waves).astype(np.float32)
    return ground_m


def slope_and_aspect() -> tuple[Values, Values]:
    north, east = np.gradient(mountains(), PIXEL)
    slope = np.degrees(np.arctan(np.hypot(north, east)))
    aspect = np.degrees(np.arctan2(-east, north)) % 360.0
    return slope.astype(np.float32), aspect.astype(np.float32)


@pytest.fixture
def write(write_raster: WriteRaster) -> WriteRaster:
    def at_grid(name: str, values: Values, **changes: Any) -> Path:
        place = {"west": WEST, "north": NORTH, "pixel": PIXEL}
        return write_raster(name, values, **(place | changes))

    return at_grid


def heights(paths: list[Path], tmp_path: Path, **changes: Any) -> Elevation:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    opening = {key: changes.pop(key) for key in ("unit", "kind") if key in changes}
    return read_elevation(
        open_elevation(paths, **opening),
        GRID,
        aoi=np.ones(GRID.shape, np.uint8),
        scratch=scratch,
        **changes,
    )


def people(path: Path, tmp_path: Path, **changes: Any) -> Population:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return read_population(
        path, GRID, aoi=np.ones(GRID.shape, np.uint8), scratch=scratch, **changes
    )


def test_a_folder_with_what_was_made_from_the_heights_gives_the_heights(
    write: WriteRaster, tmp_path: Path
) -> None:
    slope, aspect = slope_and_aspect()
    write("dem/aspect.tif", aspect)
    write("dem/a_slope.tif", slope)
    write("dem/hillshade.tif", np.clip(255 * np.cos(np.radians(slope)), 0, 255).astype(np.uint8))
    write("dem/heights.tif", mountains())
    found = heights([tmp_path / "dem"], tmp_path)
    np.testing.assert_array_equal(found.ground_m, mountains())
    told = next(text for text in found.warnings if text.startswith("Left out"))
    assert all(name in told for name in ("aspect.tif", "a_slope.tif", "hillshade.tif"))


def test_aspect_under_another_name_is_known_by_its_values(
    write: WriteRaster, tmp_path: Path
) -> None:
    write("dem/a.tif", slope_and_aspect()[1])
    write("dem/b.tif", mountains())
    np.testing.assert_array_equal(heights([tmp_path / "dem"], tmp_path).ground_m, mountains())
    with pytest.raises(DataError, match=r"a\.tif is no elevation: its values run from 0 to 360"):
        heights([tmp_path / "dem/a.tif"], tmp_path)
    said = heights([tmp_path / "dem/a.tif"], tmp_path, kind="terrain")
    assert any("a.tif may be no elevation" in text for text in said.warnings)


def test_classes_with_a_colour_table_and_units_of_angles_are_no_heights(
    write: WriteRaster, tmp_path: Path
) -> None:
    classes = write("dem/a.tif", (mountains() // 300).astype(np.uint8))
    with rasterio.open(classes, "r+") as raster:
        raster.write_colormap(1, {3: (0, 90, 0, 255)})
    write("dem/b.tif", mountains(), unit="degree")
    write("dem/c.tif", mountains())
    found = heights([tmp_path / "dem"], tmp_path)
    np.testing.assert_array_equal(found.ground_m, mountains())
    assert "a.tif (it has a colour table" in " ".join(found.warnings)
    assert "b.tif (its unit is 'degree')" in " ".join(found.warnings)


def test_the_name_of_a_derivative_does_not_outweigh_heights(
    write: WriteRaster, tmp_path: Path
) -> None:
    path = write("slope.tif", mountains())
    np.testing.assert_array_equal(heights([path], tmp_path).ground_m, mountains())


def test_a_folder_without_any_heights_is_refused_with_the_reasons(
    write: WriteRaster, tmp_path: Path
) -> None:
    write("dem/aspect.tif", slope_and_aspect()[1])
    with pytest.raises(DataError, match=r"no elevation: aspect\.tif \(its values run from"):
        heights([tmp_path / "dem"], tmp_path)


def test_two_grounds_on_one_place_are_refused(write: WriteRaster, tmp_path: Path) -> None:
    write("dem/a.tif", mountains()[::-1].copy())
    write("dem/b.tif", mountains())
    with pytest.raises(DataError, match=r"a\.tif and b\.tif are not the same ground"):
        heights([tmp_path / "dem"], tmp_path)
    listed = heights([tmp_path / "dem/b.tif", tmp_path / "dem/a.tif"], tmp_path)
    np.testing.assert_array_equal(listed.ground_m, mountains())
    assert any("the one listed first is used" in text for text in listed.warnings)


def test_feet_beside_metres_are_refused(write: WriteRaster, tmp_path: Path) -> None:
    write("dem/a.tif", mountains() / np.float32(0.3048))
    write("dem/b.tif", mountains())
    with pytest.raises(DataError, match=r"3\.28 times the heights of the other, as feet"):
        heights([tmp_path / "dem"], tmp_path)


def test_the_finer_of_two_resolutions_wins_whatever_its_name(
    write: WriteRaster, tmp_path: Path
) -> None:
    coarse = mountains().reshape(ROWS // 2, 2, COLS // 2, 2).mean(axis=(1, 3))
    write("dem/a_coarse.tif", coarse.astype(np.float32), pixel=2.0 * PIXEL)
    write("dem/z_fine.tif", mountains())
    found = heights([tmp_path / "dem"], tmp_path)
    np.testing.assert_array_equal(found.ground_m, mountains())
    assert any("z_fine.tif (30 m), then a_coarse.tif (60 m)" in t for t in found.assumptions)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, 1e30, -3.4e38, 1.70141e38])
def test_what_is_not_finite_is_void_and_spreads_to_no_neighbour(
    write: WriteRaster, tmp_path: Path, odd: float
) -> None:
    values = mountains()
    values[30:33, 40:43] = odd
    path = write("dem.tif", values, west=WEST + 10.0, north=NORTH - 10.0)
    with pytest.raises(DataError, match="has no height in"):
        heights([path], tmp_path, max_void_share=0.0001)
    found = heights([path], tmp_path, max_void_share=0.2)
    known = found.ground_m[np.isfinite(found.ground_m)]
    assert known.min() >= mountains().min()
    assert known.max() <= mountains().max()
    assert 9 <= np.isnan(found.ground_m[28:36, 38:46]).sum() <= 16
    assert any("infinite or impossible numbers in 9 pixels" in text for text in found.warnings)


def test_several_void_values_in_one_file_are_all_voids(write: WriteRaster, tmp_path: Path) -> None:
    values = mountains()
    values[3, 4], values[10, 20], values[50, 60] = -9999.0, -32768.0, np.inf
    path = write("dem.tif", values, nodata=-99999.0)
    found = heights([path], tmp_path)
    assert np.argwhere(np.isnan(found.ground_m)).tolist() == [[3, 4], [10, 20], [50, 60]]


def test_zeros_amid_mountains_are_voids(write: WriteRaster, tmp_path: Path) -> None:
    values = mountains()
    values[20:24, 30:33] = 0.0
    found = heights([write("dem.tif", values)], tmp_path, max_void_share=0.01)
    assert np.isnan(found.ground_m).sum() == 12
    assert any("0 in 12 pixels amid high ground" in text for text in found.warnings)


def test_the_sea_is_no_void(write: WriteRaster, tmp_path: Path) -> None:
    values = np.maximum(mountains() - 900.0, 0.0).astype(np.float32)
    assert (values == 0.0).sum() > 500
    found = heights([write("dem.tif", values)], tmp_path)
    np.testing.assert_array_equal(found.ground_m, values)


def test_corners_of_a_rotated_map_are_not_filled_in_but_holes_are(
    write: WriteRaster, tmp_path: Path
) -> None:
    values = mountains()
    row, col = np.mgrid[0:ROWS, 0:COLS]
    wedge = row + col < 30
    values[wedge] = np.nan
    values[50:53, 50:53] = np.nan
    found = heights([write("dem.tif", values)], tmp_path, fill_voids=True, max_void_share=0.1)
    assert np.isnan(found.ground_m[wedge]).all()
    assert not np.isnan(found.ground_m[~wedge]).any()
    assert any("empty up to their outer edge" in text for text in found.warnings)


def test_feet_are_converted_when_the_band_or_the_vertical_system_says_so(
    write: WriteRaster, tmp_path: Path
) -> None:
    in_feet = (mountains() / 0.3048).astype(np.float32)
    tagged = heights([write("tag.tif", in_feet, unit="ft")], tmp_path)
    np.testing.assert_allclose(tagged.ground_m, mountains(), atol=0.01)
    vertical = write("crs.tif", in_feet, crs="EPSG:32648+8228")  # NAVD88 height (ft)
    found = heights([vertical], tmp_path)
    np.testing.assert_allclose(found.ground_m, mountains(), atol=0.01)
    assert any("was converted to metres" in text for text in found.assumptions)
    with pytest.raises(DataError, match="declares its heights in 'foot', the scenario expects"):
        open_elevation([vertical], unit="m")


def test_positions_in_feet_leave_the_heights_to_the_scenario(write: WriteRaster) -> None:
    path = write("dem.tif", mountains(), crs="EPSG:2229", west=6.5e6, north=1.9e6, pixel=100.0)
    with pytest.raises(DataError, match=r'set elevation\.unit = "ft" or "m"'):
        open_elevation([path])
    assert open_elevation([path], unit="ft").files[0].scale == 0.3048
    assert open_elevation([path], unit="m").files[0].scale == 1.0


def test_the_open_sea_beyond_the_last_tile_is_zero_when_the_scenario_says_so(
    write: WriteRaster, tmp_path: Path
) -> None:
    path = write("dem.tif", mountains()[:, :60].copy())
    with pytest.raises(DataError, match="sea_where_missing = true"):
        heights([path], tmp_path)
    found = heights([path], tmp_path, sea_where_missing=True)
    assert (found.ground_m[:, 60:] == 0.0).all()
    assert any("open sea of height 0" in text for text in found.assumptions)


def density() -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    return rng.uniform(5.0, 60.0, (24, 27)).astype(np.float32)


@pytest.mark.parametrize(("unit", "area_m2"), [("people/km2", 1e6), ("inhabitants per ha", 1e4)])
def test_a_density_that_says_so_becomes_people(
    write: WriteRaster, tmp_path: Path, unit: str, area_m2: float
) -> None:
    path = write("pop.tif", density(), pixel=100.0, unit=unit)
    found = people(path, tmp_path)
    wanted = float(density().sum()) * 100.0**2 / area_m2
    assert found.people.sum() == pytest.approx(wanted, rel=0.01)
    assert "as the raster says" in found.note


def test_a_density_in_degrees_is_weighed_by_the_true_area_of_its_pixels(
    write: WriteRaster, tmp_path: Path
) -> None:
    path = write(
        "pop.tif", np.full((60, 60), 40.0, np.float32), crs="EPSG:4326", west=103.03, north=22.17,
        pixel=0.001,
    )  # fmt: skip
    found = people(path, tmp_path, unit="per_km2")
    inside = found.people > 0.0
    assert inside.sum() > 1_000
    # 40 people per km², of cells of 30 m
    assert found.people[inside].max() == pytest.approx(40.0 * 900.0 / 1e6, rel=0.002)


def test_a_name_that_says_density_must_be_answered(write: WriteRaster, tmp_path: Path) -> None:
    path = write("vnm_pd_2020_1km.tif", density(), pixel=100.0)
    with pytest.raises(DataError, match=r"set population\.unit to what its values are"):
        people(path, tmp_path)
    assert people(path, tmp_path, unit="people").people.sum() == pytest.approx(
        density().sum(), rel=1e-4
    )


def test_more_people_on_a_place_than_any_city_has_are_a_density(
    write: WriteRaster, tmp_path: Path
) -> None:
    values = density()
    values[5:8, 5:8] = 4_000.0
    path = write("pop.tif", values, pixel=100.0)
    with pytest.raises(DataError, match="in no quarter of any city"):
        people(path, tmp_path)


@pytest.mark.parametrize("odd", [np.inf, 1e30, -5.0, -99999.0])
def test_people_that_cannot_be_are_voids_and_named(
    write: WriteRaster, tmp_path: Path, odd: float
) -> None:
    values = density()
    values[3, 4] = odd
    found = people(write("pop.tif", values, pixel=100.0), tmp_path, unit="people")
    assert found.people.sum() == pytest.approx(density().sum() - density()[3, 4], rel=1e-4)
    assert any("taken as no data" in text for text in found.warnings)


def test_two_years_of_people_in_one_folder_are_refused(write: WriteRaster, tmp_path: Path) -> None:
    for year in (2000, 2020):
        write(f"pop/ppp_{year}.tif", density(), pixel=100.0)
    with pytest.raises(DataError, match=r"ppp_2000\.tif and ppp_2020\.tif lie on the same place"):
        people(tmp_path / "pop", tmp_path)


def _virtual(path: Path, source: str, relative: str = "1") -> Path:
    path.write_text(
        f'<VRTDataset rasterXSize="{COLS}" rasterYSize="{ROWS}"><SRS>EPSG:32648</SRS>'
        f"<GeoTransform>{WEST},{PIXEL},0,{NORTH},0,-{PIXEL}</GeoTransform>"
        '<VRTRasterBand dataType="Float32" band="1"><SimpleSource>'
        f'<SourceFilename relativeToVRT="{relative}">{source}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


def test_a_virtual_raster_over_tiles_beside_it_is_read(write: WriteRaster, tmp_path: Path) -> None:
    write("dem/tiles/a.tif", mountains())
    path = _virtual(tmp_path / "dem/all.vrt", "tiles/a.tif")
    np.testing.assert_array_equal(heights([path], tmp_path).ground_m, mountains())
    absolute = _virtual(tmp_path / "dem/abs.vrt", str(tmp_path / "dem/tiles/a.tif"), "0")
    np.testing.assert_array_equal(heights([absolute], tmp_path).ground_m, mountains())


@pytest.mark.parametrize(
    "source",
    [
        "/vsicurl/http://127.0.0.1:9/dem.tif",
        "http://127.0.0.1:9/dem.tif",
        "../secret.tif",
        "/etc/passwd",
        "WMS:http://127.0.0.1:9/",
        "&lt;GDAL_WMS>&lt;/GDAL_WMS>",
    ],
)
def test_a_virtual_raster_names_nothing_that_is_not_beside_it(
    write: WriteRaster, tmp_path: Path, source: str
) -> None:
    write("secret.tif", mountains())
    (tmp_path / "dem").mkdir()
    path = _virtual(tmp_path / "dem/all.vrt", source)
    with pytest.raises(DataError, match="wanted files in its own folder or below"):
        open_raster(str(path), path.name)


@pytest.mark.parametrize(
    "content",
    [
        '<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>',
        '<VRTDataset subClass="VRTPansharpenedDataset" rasterXSize="1" rasterYSize="1"/>',
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand subClass="VRTRawRasterBand">'
        "<SourceFilename>x</SourceFilename></VRTRasterBand></VRTDataset>",
        "<VRTDataset",
        '<!DOCTYPE a [<!ENTITY b "c">]><VRTDataset/>',
        '{"type": "gdal_streamed_alg"}',
    ],
)
@pytest.mark.parametrize("name", ["dem.vrt", "dem.tif"])
def test_files_that_are_only_references_are_not_opened(
    tmp_path: Path, content: str, name: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError):
        open_raster(str(path), name)


def test_a_source_of_a_virtual_raster_is_no_reference_either(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text('<GDAL_WMS><Service name="TMS"/></GDAL_WMS>')
    path = _virtual(tmp_path / "all.vrt", "a.tif")
    with pytest.raises(DataError, match=r"a\.tif in all\.vrt is no raster"):
        open_raster(str(path), path.name)


def test_a_rotated_raster_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "turned.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=9, height=9, count=1, dtype="float32", crs="EPSG:32648",
        transform=Affine.translation(WEST, NORTH) @ Affine.rotation(20.0) @ Affine.scale(30, -30),
    ) as raster:  # fmt: skip
        raster.write(np.ones((1, 9, 9), np.float32))
    with pytest.raises(DataError, match="rotated or not north-up"):
        open_elevation([path])
