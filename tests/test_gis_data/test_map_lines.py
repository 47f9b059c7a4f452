from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import LineString, Point, Polygon

from lensong.gis_data.map_lines import LineRequest, read_lines
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError
from lensong.propagation.types import Grid

GRID = Grid(
    crs="EPSG:32648", west_m=355_000.0, north_m=2_476_000.0, cell_m=60.0, rows=200, cols=200
)
ACROSS = LineString([(350_000, 2_470_000), (372_000, 2_470_000)])
FAR = LineString([(455_000, 2_470_000), (460_000, 2_470_000)])
AREA = Polygon(
    [(356_000, 2_475_000), (357_000, 2_475_000), (357_000, 2_474_000), (356_000, 2_474_000)]
)


def written(path: Path, geometry: list[object], **columns: list[object]) -> Path:
    gpd.GeoDataFrame(columns, geometry=geometry, crs=GRID.crs).to_crs(4326).to_file(path)
    return path


def test_lines_are_cut_at_the_grid_and_named_by_their_column(tmp_path: Path) -> None:
    path = written(
        tmp_path / "osm.gpkg", [ACROSS, AREA, FAR],
        highway=["trunk", None, "trunk"], waterway=[None, "riverbank", None],
        name=["QL.4D", "Nậm Mu", "far"],
    )  # fmt: skip
    lines = read_lines([LineRequest(path=path)], GRID)
    assert lines is not None
    assert list(lines["kind"]) == ["road", "river"]
    assert list(lines["name"]) == ["QL.4D", "Nậm Mu"]
    assert lines.crs == GRID.crs
    assert set(lines.geom_type) == {"MultiLineString"}
    assert lines.length.to_list() == pytest.approx([12_000.0, 4_000.0], rel=1e-3)
    assert lines.total_bounds[[0, 2]] == pytest.approx([GRID.bounds_m[0], GRID.bounds_m[2]])
    assert "highway and waterway" in lines.attrs["assumptions"][0]


@pytest.mark.parametrize(
    ("name", "kind"), [("Sông suối.geojson", "river"), ("DUONG_giao_thong.geojson", "road")]
)
def test_a_name_that_tells_the_kind_is_taken_and_said(tmp_path: Path, name: str, kind: str) -> None:
    lines = read_lines([LineRequest(path=written(tmp_path / name, [ACROSS]))], GRID)
    assert lines is not None
    assert list(lines["kind"]) == [kind]
    assert "by the name" in lines.attrs["assumptions"][0]


def test_a_file_that_does_not_tell_its_kind_is_refused_until_it_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "lines.gpkg", [ACROSS])
    with pytest.raises(ConfigError, match='set kind = "road", "river" or'):
        read_lines([LineRequest(path=path)], GRID)
    lines = read_lines([LineRequest(path=path, kind="other", name="110 kV")], GRID)
    assert lines is not None
    assert list(lines["label"]) == ["110 kV"]
    assert lines.attrs["assumptions"] == []


def test_a_file_without_a_line_in_the_area_is_refused(tmp_path: Path) -> None:
    far = written(tmp_path / "roads.gpkg", [FAR])
    with pytest.raises(DataError, match="no feature in the area of the plan"):
        read_lines([LineRequest(path=far)], GRID)
    points = written(tmp_path / "road.gpkg", [Point(360_000, 2_470_000)])
    with pytest.raises(DataError, match="only points in the area"):
        read_lines([LineRequest(path=points)], GRID)


def test_what_is_not_drawn_is_counted(tmp_path: Path) -> None:
    path = written(
        tmp_path / "osm.gpkg", [ACROSS, ACROSS, Point(360_000, 2_470_000)],
        highway=["trunk", None, "stop"], power=[None, "line", None],
    )  # fmt: skip
    lines = read_lines([LineRequest(path=path)], GRID)
    assert lines is not None
    assert len(lines) == 1
    assert any("1 of 3 features are points" in text for text in lines.attrs["warnings"])
    assert any("1 of 2 features are neither" in text for text in lines.attrs["warnings"])


def test_a_file_without_a_crs_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "road.shp", [ACROSS])
    path.with_suffix(".prj").unlink()
    with pytest.raises(CrsMismatchError):
        read_lines([LineRequest(path=path)], GRID)


def test_no_request_is_no_layer() -> None:
    assert read_lines([], GRID) is None
