from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lensong.gis_data.census import Rescaled, read_census, rescale_to_census
from lensong.gis_data.gridding import polygon_mask
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

WriteRaster = Callable[..., Path]
GRID = Grid(crs="EPSG:32648", west_m=300_000, north_m=2_450_010, cell_m=30.0, rows=600, cols=100)


def communes(*, west_m: float = 300_000.0) -> gpd.GeoDataFrame:
    """Return three strips of 6, 6 and 5 km from north to south."""
    edges = [2_450_010.0, 2_444_010.0, 2_438_010.0, 2_433_010.0]
    return gpd.GeoDataFrame(
        {
            "commune_code": ["03390", "03391", "03392"],
            "commune": ["Bình Lư", "Tả Lèng", "Khun Há"],
            "province": ["Lai Châu"] * 3,
        },
        geometry=[shapely.box(west_m, south, 303_000.0, north) for north, south in pairwise(edges)],
        crs=GRID.crs,
    )


def people() -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(2).gamma(0.3, 2.0, GRID.shape).astype(np.float32)


def rescale(
    census: dict[str, float],
    layer: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    write_raster: WriteRaster,
    frame: gpd.GeoDataFrame | None = None,
) -> Rescaled:
    raster = write_raster("pop.tif", layer, west=300_000, north=2_450_010, pixel=30.0)
    return rescale_to_census(
        layer.copy(),
        GRID,
        communes=communes() if frame is None else frame,
        census=census,
        raster_path=raster,
    )


def test_every_commune_sums_to_its_census(write_raster: WriteRaster) -> None:
    census = {"03390": 12_345.0, "03391": 777.0, "03392": 0.0}
    rescaled = rescale(census, people(), write_raster)
    for code, polygon in zip(census, communes().geometry, strict=True):
        mask = polygon_mask([polygon], GRID) > 0
        total = rescaled.people.sum(where=mask, dtype=np.float64)
        assert total == pytest.approx(census[code], rel=1e-6, abs=1e-6)  # float32 cells
    assert "3 communes" in rescaled.assumptions[0]
    assert rescaled.warnings == ()


def test_the_pattern_inside_a_commune_and_people_outside_stay(write_raster: WriteRaster) -> None:
    layer = people()
    rescaled = rescale({"03390": 5000.0, "03391": 5000.0, "03392": 5000.0}, layer, write_raster)
    ratio = rescaled.people[:200] / np.maximum(layer[:200], 1e-30)
    busy = layer[:200] > 1e-3
    np.testing.assert_allclose(ratio[busy], ratio[busy][0], rtol=1e-5)  # float32
    np.testing.assert_array_equal(rescaled.people[570:], layer[570:])


def test_a_commune_cut_by_the_grid_gets_its_part_only(write_raster: WriteRaster) -> None:
    wide = np.ones((600, 200), dtype=np.float32)
    raster = write_raster("pop.tif", wide, west=297_000, north=2_450_010, pixel=30.0)
    layer = np.ones(GRID.shape, dtype=np.float32)
    rescaled = rescale_to_census(
        layer,
        GRID,
        communes=communes(west_m=297_000.0),
        census={"03390": 80_000.0, "03391": 40_000.0, "03392": 1.0},
        raster_path=raster,
    )
    # half of each commune, and half of its evenly spread people, lie on the grid
    assert rescaled.people[:200].sum() == pytest.approx(40_000.0, rel=1e-6)
    assert rescaled.people[200:400].sum() == pytest.approx(20_000.0, rel=1e-6)


def test_a_commune_without_people_in_the_raster_gets_them_evenly(
    write_raster: WriteRaster,
) -> None:
    layer = people()
    layer[:200] = 0.0
    rescaled = rescale({"03390": 400.0}, layer, write_raster)
    np.testing.assert_allclose(rescaled.people[:200], 400.0 / 20_000, rtol=1e-6)
    assert any("nobody in 1 communes" in text and "Bình Lư" in text for text in rescaled.warnings)


def test_codes_without_partner_are_named_on_both_sides(write_raster: WriteRaster) -> None:
    layer = people()
    rescaled = rescale({"03390": 100.0, "99999": 5.0}, layer, write_raster)
    assert rescaled.warnings == (
        "2 communes are not in the census and keep the raster's people: "
        "Tả Lèng (03391), Khun Há (03392).",
        "1 census codes are no commune of the boundary file: 99999.",
    )
    np.testing.assert_array_equal(rescaled.people[200:], layer[200:])


def test_communes_beyond_the_grid_are_passed_over(write_raster: WriteRaster) -> None:
    frame = communes()
    frame.loc[2, "geometry"] = shapely.box(0.0, 0.0, 1000.0, 1000.0)
    layer = people()
    census = {"03390": 100.0, "03391": 100.0, "03392": 9e9}
    rescaled = rescale(census, layer, write_raster, frame)
    assert rescaled.warnings == ()
    assert rescaled.people[:400].sum() == pytest.approx(200.0, rel=1e-5)


def test_lost_leading_zeros_are_recognised(write_raster: WriteRaster) -> None:
    with pytest.raises(DataError, match=r"3390 is commune 03390 .*Excel drops the zeros"):
        rescale({"3390": 100.0, "3391": 5.0}, people(), write_raster)


def test_a_census_of_other_communes_is_refused(write_raster: WriteRaster) -> None:
    with pytest.raises(DataError, match="no code of the census"):
        rescale({"77777": 100.0}, people(), write_raster)


def test_codes_keep_their_zeros_and_numbers_their_groups(tmp_path: Path) -> None:
    path = tmp_path / "census.csv"
    path.write_text(
        "\ufeffcommune_code;commune;population\n03390;Bình Lư;17 421\n00001;Hà Nội;5\n",
        encoding="utf-8",
    )
    assert read_census(path) == {"03390": 17_421.0, "00001": 5.0}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("code,people\n1,2\n", "no column commune_code and population"),
        ("commune_code,population\n03390,1\n03390,2\n", "line 3: commune_code 03390 .* twice"),
        ("commune_code,population\n03390,-1\n", "wanted 0 or more people"),
        ("commune_code,population\n03390,\n", "wanted 0 or more people"),
        ("commune_code,population\n03390,many\n", "line 2: population is 'many'"),
        ("commune_code,population\n,12\n", "line 2 has no commune_code"),
    ],
)
def test_a_wrong_census_is_refused_with_its_line(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "census.csv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_census(path)
