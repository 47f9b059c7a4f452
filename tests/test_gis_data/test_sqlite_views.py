"""A GeoPackage may hold queries; one that never ends is refused before anything opens it."""

from __future__ import annotations

import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from lensong.gis_data.sqlite_views import check_views
from lensong.gis_data.vectors import layers_of, read_layer
from lensong.propagation.errors import DataError

_ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS fid FROM n"


def _package(path: Path, *views: tuple[str, str]) -> Path:
    frame = gpd.GeoDataFrame(
        {"ten": ["Nà Đông", "Sì Lở Lầu"]}, geometry=shapely.points([[103.6, 22.3], [103.7, 22.4]])
    )
    frame.set_crs("EPSG:4326").to_file(path, layer="xa", engine="pyogrio")
    with closing(sqlite3.connect(path)) as database, database:
        for name, query in views:
            database.execute(f'CREATE VIEW "{name}" AS {query}')
            if name.startswith("gpkg_"):
                continue
            database.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id)"
                " VALUES (?, 'features', ?, 4326)",
                (name, name),
            )
            database.execute(
                "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', 'POINT', 4326, 0, 0)", (name,)
            )
    return path


def test_a_view_that_ends_is_a_layer(tmp_path: Path) -> None:
    path = _package(
        tmp_path / "a.gpkg", ("phía bắc", "SELECT fid, geom, ten FROM xa WHERE fid = 2")
    )
    assert set(layers_of(path)) == {"xa", "phía bắc"}
    assert list(read_layer(path, crs="EPSG:32648", layer="phía bắc")["ten"]) == ["Sì Lở Lầu"]


@pytest.mark.parametrize(
    "name", ["xa", "gpkg_metadata"], ids=["of a layer", "that is read to list the layers"]
)
def test_a_view_that_never_ends_is_refused(tmp_path: Path, name: str) -> None:
    view = (("khac" if name == "xa" else name), _ENDLESS)
    path = _package(tmp_path / "a.gpkg", view)
    with pytest.raises(DataError, match="does not end"):
        check_views(path, "a.gpkg", most_steps=2_000_000)


def test_a_view_without_end_is_refused_wherever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lensong.gis_data.sqlite_views.check_views.__defaults__", (2_000_000,))
    path = _package(tmp_path / "a.gpkg", ("khac", _ENDLESS))
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "a.gpkg")
    for file in (path, packed):
        for read in (layers_of, lambda file: read_layer(file, crs="EPSG:32648", layer="xa")):
            with pytest.raises(DataError, match=r"a\.gpkg.*'khac' that does not end"):
                read(file)


def test_a_view_that_cannot_be_tried_is_refused_and_one_of_nothing_is_not(tmp_path: Path) -> None:
    path = _package(tmp_path / "a.gpkg", ("khac", "SELECT ST_MinX(geom) AS fid FROM xa"))
    with pytest.raises(DataError, match="cannot be run alone"):
        layers_of(path)
    other = _package(tmp_path / "b.gpkg")
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("CREATE VIEW stale AS SELECT * FROM gone")
        database.execute("CREATE VIEW huge AS SELECT zeroblob(70000000) AS x")
    with pytest.raises(DataError, match="64 MiB"):
        layers_of(other)
    with closing(sqlite3.connect(other)) as database, database:
        database.execute("DROP VIEW huge")
    assert layers_of(other) == ["xa"]
