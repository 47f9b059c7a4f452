"""Vector files that hold their features are read; those that name other things are not."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from lensong.gis_data.vectors import read_layer
from lensong.propagation.errors import DataError

PLACES = gpd.GeoDataFrame(
    {"name": ["Nà Đông", "Thèn Sin"]},
    geometry=[shapely.Point(103.67, 22.35), shapely.Point(103.69, 22.36)],
    crs="EPSG:4326",
)


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("a.gpkg", "GPKG"), ("a.geojson", "GeoJSON"), ("a.fgb", "FlatGeobuf"), ("a.shp", None),
        ("a.kml", "KML"), ("a.gml", "GML"),
    ],
)  # fmt: skip
def test_files_with_features_are_read(tmp_path: Path, name: str, driver: str | None) -> None:
    frame = PLACES if driver else PLACES.assign(name=["a", "b"])
    frame.to_file(tmp_path / name, driver=driver or "ESRI Shapefile")
    assert len(read_layer(tmp_path / name, crs="EPSG:32648")) == 2


def test_a_shapefile_in_an_archive_is_read(tmp_path: Path) -> None:
    PLACES.to_file(tmp_path / "a.shp", encoding="UTF-8")
    with zipfile.ZipFile(tmp_path / "places.zip", "w") as archive:
        for part in sorted(tmp_path.glob("a.*")):
            archive.write(part, part.name)
    assert len(read_layer(tmp_path / "places.zip", crs="EPSG:32648")) == 2


REFERENCES = {
    "ogr vrt": '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd'
    "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
    "wfs": "<OGRWFSDataSource><URL>http://127.0.0.1:9/</URL></OGRWFSDataSource>",
    "wms": '<GDAL_WMS><Service name="TMS"/></GDAL_WMS>',
    "algorithm": '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read x"}',
    "json": '{"links": [{"href": "http://127.0.0.1:9/"}]}',
    "comment first": '<?xml version="1.0"?><!-- <kml> --><OGRVRTDataSource/>',
}


@pytest.mark.parametrize("content", REFERENCES.values(), ids=REFERENCES)
@pytest.mark.parametrize("name", ["a.vrt", "a.geojson", "a.gpkg", "a.kml"])
def test_files_that_name_other_things_are_refused(tmp_path: Path, content: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match="wanted GeoPackage, GeoJSON"):
        read_layer(path, crs="EPSG:32648")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, name)
    with pytest.raises(DataError, match="wanted GeoPackage, GeoJSON"):
        read_layer(tmp_path / "a.zip", crs="EPSG:32648")
