"""Communes out of files of boundaries as offices have them, with their outlines."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from lensong.monitoring.lists.boundaries import is_boundaries
from lensong.monitoring.lists.communes import parse_communes
from lensong.monitoring.lists.csv_lists import KnownPlaces
from lensong.monitoring.records import Province
from lensong.propagation.errors import DataError
from tests.running_service import Running

PLACES = KnownPlaces(provinces={"12": Province(code="12", name="Lai Châu")}, communes={}, sites={})
KINDS = {
    ".gpkg": "application/geopackage+sqlite3",
    ".zip": "application/zip",
    ".geojson": "application/geo+json",
    ".fgb": "application/flatgeobuf",
}


def communes(crs: str = "EPSG:4326") -> gpd.GeoDataFrame:
    """Return two communes that share a border, one of them with an exclave."""
    left, right = shapely.box(103.5, 22.3, 103.6, 22.4), shapely.box(103.6, 22.3, 103.7, 22.4)
    exclave = shapely.MultiPolygon([right, shapely.box(103.72, 22.3, 103.75, 22.32)])
    frame = gpd.GeoDataFrame(
        {"ma_xa": ["03390", "03391"], "ten_xa": ["Bình Lư", "Sân bay\nmới"], "dien_tich": [1.5, 2]},
        geometry=[left, exclave],
        crs="EPSG:4326",
    )
    return frame.to_crs(crs)


def written(folder: Path, suffix: str, crs: str = "EPSG:4326") -> bytes:
    frame = communes(crs)
    if suffix != ".zip":
        path = folder / f"xa{suffix}"
        frame.to_file(path, engine="pyogrio")
        return path.read_bytes()
    frame.to_file(folder / "xa.shp", engine="pyogrio", encoding="UTF-8")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in sorted(folder.glob("xa.*")):
            archive.write(part, part.name)
    return packed.getvalue()


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3405"])  # VN-2000 too
@pytest.mark.parametrize("suffix", [".gpkg", ".zip", ".geojson", ".fgb"])
def test_every_kind_of_file_gives_codes_names_and_outlines(
    tmp_path: Path, suffix: str, crs: str
) -> None:
    read = parse_communes(written(tmp_path, suffix, crs), PLACES)
    # FlatGeobuf has its own order
    assert sorted((item.code, item.name) for _, item in read.communes) == [
        ("03390", "Bình Lư"), ("03391", "Sân bay mới"),
    ]  # fmt: skip
    assert read.ignored_columns == ("dien_tich",)
    rings = {item.commune_code: item.rings_deg for item in read.outlines}
    assert [len(rings[code]) for code in ("03390", "03391")] == [1, 2]
    whole = communes().geometry
    for code, area in zip(("03390", "03391"), whole, strict=True):
        drawn = shapely.union_all([shapely.Polygon(ring) for ring in rings[code]])
        assert shapely.area(shapely.symmetric_difference(drawn, area)) < 0.02 * area.area
    assert not any(item.synthetic for item in read.outlines)


def test_a_row_that_is_refused_takes_its_outline_with_it(tmp_path: Path) -> None:
    frame = communes()
    frame["ma_xa"] = ["03390", ""]
    frame.to_file(tmp_path / "xa.gpkg", engine="pyogrio")
    read = parse_communes((tmp_path / "xa.gpkg").read_bytes(), PLACES, skip=True)
    assert len(read.refused) == 1
    assert [item.commune_code for item in read.outlines] == ["03390"]


def test_features_without_area_and_invented_ones() -> None:
    box: dict[str, Any] = json.loads(shapely.to_geojson(shapely.box(103.5, 22.3, 103.6, 22.4)))
    features = [
        {"type": "Feature", "id": "1", "properties": {"name": "A"}, "geometry": box},
        {"type": "Feature", "id": "2", "properties": {"name": "B"}, "geometry": None},
        {"type": "Feature", "id": "3", "properties": {"name": "C (giả lập)"}, "geometry": box},
    ]
    data = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    read = parse_communes(data, PLACES)
    assert [item.code for _, item in read.communes] == ["1", "2", "3"]
    told = {item.commune_code: item.synthetic for item in read.outlines}
    assert told == {"1": False, "3": True}


def _metres(folder: Path) -> bytes:
    document = json.loads(written(folder, ".geojson", "EPSG:3405"))
    del document["crs"]
    return json.dumps(document).encode()


def _layers(folder: Path) -> bytes:
    for name in ("xa_cu", "xa_moi"):
        communes().to_file(folder / "xa.gpkg", layer=name, engine="pyogrio")
    return (folder / "xa.gpkg").read_bytes()


def _points(folder: Path) -> bytes:
    frame = communes()
    frame.set_geometry(frame.geometry.centroid).to_file(folder / "xa.gpkg", engine="pyogrio")
    return (folder / "xa.gpkg").read_bytes()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_metres, "no degrees"),
        (_layers, "xa_cu, xa_moi: say which one"),
        (lambda _folder: b"SQLite format 3\0" + bytes(200), "the file"),
        (lambda _folder: b'{"type": "Topology"}', "no GeoJSON collection"),
    ],
)
@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS", "ignore:GPKG")
def test_what_cannot_be_read_says_why(
    tmp_path: Path, make: Callable[[Path], bytes], told: str
) -> None:
    with pytest.raises(DataError, match=told) as refused:
        parse_communes(make(tmp_path), PLACES)
    assert str(tmp_path) not in str(refused.value)
    assert "lensong-boundaries" not in str(refused.value)


@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
def test_points_give_communes_without_outlines_and_a_layer_can_be_named(tmp_path: Path) -> None:
    read = parse_communes(_points(tmp_path), PLACES)
    assert (len(read.communes), read.outlines) == (2, ())
    (tmp_path / "xa.gpkg").unlink()
    assert len(parse_communes(_layers(tmp_path), PLACES, layer="xa_moi").outlines) == 2


def test_tables_are_no_boundaries() -> None:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert not is_boundaries(book.getvalue())
    assert not is_boundaries("mã xã,tên xã\n03390,Bình Lư\n".encode())


# Through the service ------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.slow
async def test_boundaries_are_previewed_taken_in_and_the_same_again(
    light: Running, tmp_path: Path
) -> None:
    suffix = ".gpkg"
    admin = await light.signed_in("admin")
    data, headers = written(tmp_path, suffix, "EPSG:3405"), {"Content-Type": KINDS[suffix]}
    at = "/api/v1/import/communes"
    # of two provinces none is named: refused with the reason, row by row
    refused = await admin.post(at, content=data, headers=headers)
    assert (refused.status_code, len(refused.json()["errors"])) == (422, 1)  # 03390 is there
    manager = await light.signed_in("province", "12")
    preview = (await manager.post(f"{at}?dry_run=true", content=data, headers=headers)).json()
    assert preview["counts"] == {"updated": 1, "created": 1}
    assert preview["outlines"] == 2
    assert light.service.map_bases.outlines == {}
    taken = await manager.post(at, content=data, headers=headers)
    assert taken.json() == preview | {"dry_run": False}
    assert set(light.service.map_bases.outlines) == {"03390", "03391"}
    again = (await manager.post(at, content=data, headers=headers)).json()
    assert again["counts"] == {"unchanged": 2}
    # a list without outlines leaves them
    text = "code,name\n03390,Bình Lư\n".encode()
    kept = await manager.post(at, content=text, headers={"Content-Type": "text/csv"})
    assert kept.json()["counts"] == {"unchanged": 1}
    light.clock.turn(seconds=10)
    assert 'class="outlines"' in (await admin.get("/wall?province=12")).text


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_hostile_package_ends_with_a_refusal(light: Running, tmp_path: Path) -> None:
    written(tmp_path, ".gpkg")
    with closing(sqlite3.connect(tmp_path / "xa.gpkg")) as database, database:
        database.execute("DROP TABLE IF EXISTS gpkg_metadata")
        database.execute(
            "CREATE VIEW gpkg_metadata AS "
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
        )
    manager = await light.signed_in("province", "12")
    answer = await manager.post(
        "/api/v1/import/communes",
        content=(tmp_path / "xa.gpkg").read_bytes(),
        headers={"Content-Type": KINDS[".gpkg"]},
    )
    assert answer.status_code == 422
    assert "does not end" in answer.text
    assert light.service.map_bases.outlines == {}


@pytest.mark.anyio
@pytest.mark.slow
async def test_boundaries_may_be_larger_than_other_bodies_and_not_without_end(
    light: Running,
) -> None:
    manager = await light.signed_in("province", "12")
    headers = {"Content-Type": KINDS[".geojson"]}
    limits = light.service.config.limits
    padding = " " * (2 * limits.body_bytes)
    feature = {"type": "Feature", "id": "03390", "properties": {"name": "Bình Lư"}}
    text = json.dumps({"type": "FeatureCollection", "features": [feature]}) + padding
    taken = await manager.post("/api/v1/import/communes", content=text.encode(), headers=headers)
    assert taken.json()["counts"] == {"unchanged": 1}
    other = await manager.post("/api/v1/import/sites", content=text.encode(), headers=headers)
    assert other.status_code == 413
    large = bytes(limits.boundary_bytes + 1)
    refused = await manager.post("/api/v1/import/communes", content=large, headers=headers)
    assert (refused.status_code, str(limits.boundary_bytes) in refused.text) == (413, True)
