"""A server on loopback that plays the archives of public data, and misbehaves where it is told."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import numpy as np
from rasterio.io import MemoryFile
from rasterio.transform import Affine

__all__ = ["Archives", "land_around", "playing", "raster_bytes"]

DEM_30 = "/copernicus-dem-30m.s3.amazonaws.com"
DEM_90 = "/copernicus-dem-90m.s3.amazonaws.com"
COVER = "/esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map"
POPULATION = (
    "/data.worldpop.org/GIS/Population/Global_2015_2030/R2025A/2025/VNM/v1/100m/constrained/"
    "vnm_pop_2025_CN_100m_R2025A_v1.tif"
)
BOUNDARIES = (
    "/github.com/wmgeolab/geoBoundaries/raw/main/releaseData/gbOpen/LAO/ADM2/"
    "geoBoundaries-LAO-ADM2.geojson"
)
COMMUNES = (
    "/raw.githubusercontent.com/thanglequoc/vietnamese-provinces-database/master/json/"
    "vn_provinces_wards_geojson.zip"
)
PLACES = (
    "/s3.dualstack.us-east-1.amazonaws.com/production-raw-data-api/ISO3/VNM/populated_places/"
    "points/hotosm_vnm_populated_places_points_geojson.zip"
)


@dataclass
class Archives:
    """Files by path, what was asked, and faults by path, each used up by one answer.

    A fault is ``cut`` (half of what is left, then the end), ``flipped`` (a byte is another),
    ``page`` (a web page in its place), ``moved`` (a redirect to the same file elsewhere), ``busy``
    (503), ``gone`` (404), ``changed`` (other content from now on), ``denied`` (401), ``whole``
    (knows no ranges), ``unnamed`` (no size is told), ``packed`` (says gzip), ``stalled`` (half,
    then nothing).
    """

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""
    over: Event = field(default_factory=Event)

    def gets(self, path: str) -> list[str]:
        """Return the ranges under which a path was asked for, "" for all of it."""
        return [part for method, where, part in self.asked if (method, where) == ("GET", path)]


def _handler(archives: Archives) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            archives.asked.append(("HEAD", self.path, ""))
            content = archives.files.get(self.path)
            if content is None:
                self._short(404, b"no such key")
            else:
                self._head(200, content, len(content))

        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            archives.asked.append(("GET", self.path, asked))
            waiting = archives.faults.get(self.path, [])
            fault = waiting.pop(0) if waiting else ""
            path = self.path.removeprefix("/elsewhere")
            content = archives.files.get(path)
            if content is None or fault == "gone":
                self._short(404, b"no such key")
                return
            if fault in ("busy", "denied"):
                self._short(503 if fault == "busy" else 401, b"not now")
                return
            if fault == "moved":
                self.send_response(302)
                self.send_header("Location", f"/elsewhere{self.path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if fault == "page":
                content = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
            if fault == "changed":
                content = archives.files[path] = content[::-1]
            if fault == "flipped":
                middle = len(content) // 2
                content = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
            begin = 0
            same = self.headers.get("If-Range", "") in ("", _etag(content))
            if asked and same and fault != "whole":
                begin = int(asked.removeprefix("bytes=").rstrip("-"))
            body = content[begin:]
            if fault in ("unnamed", "packed"):
                self.send_response(200)
                if fault == "packed":
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = True
                return
            self._head(206 if begin else 200, content, len(body), begin)
            if fault in ("cut", "stalled"):
                self.wfile.write(body[: len(body) // 2])
                self.wfile.flush()
                if fault == "stalled":
                    archives.over.wait()
                self.close_connection = True
                return
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

        def _head(self, status: int, content: bytes, length: int, begin: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.send_header("ETag", _etag(content))
            if status == 206:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {begin}-{last}/{len(content)}")
            self.end_headers()

        def _short(self, status: int, text: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(text)

    return Handler


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """Say nothing: clients that are killed break their connections."""


@contextmanager
def playing(archives: Archives) -> Iterator[Archives]:
    """Serve the archives until the block ends."""
    server = _Server(("127.0.0.1", 0), _handler(archives))
    archives.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield archives
    finally:
        archives.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def raster_bytes(
    layer: np.ndarray[Any, Any], *, west: float, north: float, step: float, nodata: float | None
) -> bytes:
    """Return a deflated GeoTIFF in degrees."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            height=layer.shape[0],
            width=layer.shape[1],
            count=1,
            dtype=layer.dtype,
            crs="EPSG:4326",
            transform=Affine(step, 0.0, west, 0.0, -step, north),
            nodata=nodata,
            compress="deflate",
            tiled=True,
            blockxsize=64,
            blockysize=64,
        ) as raster:
            raster.write(layer, 1)
        content: bytes = memory.read()
    return content


def land_around() -> Archives:
    """Return archives with invented land at 22 to 23 N, 103 to 104 E, and sea east of it."""
    rows, cols = np.mgrid[0:240, 0:240]
    ground = (600.0 + 300.0 * np.sin(cols / 19.0) + 2.0 * rows).astype(np.float32)
    people = np.zeros((120, 120), np.float32)
    people[50:70, 45:60] = 3.0
    tile = "N22_00_E103_00"
    fine = f"Copernicus_DSM_COG_10_{tile}_DEM"
    districts = {
        "type": "FeatureCollection",
        "features": [
            _feature({"shapeName": name, "shapeID": code}, _box(west, 22.0, west + 0.5, 23.0))
            for name, code, west in (("Tam Đường", "A1", 103.0), ("Sa Pa", "A2", 103.5))
        ],
    }
    places = [
        ("Bản Mẫu", "village", 103.40, 22.55, "120"),
        ("", "hamlet", 103.42, 22.57, None),
        ("Chợ", "square", 103.41, 22.56, None),
        ("Xa", "village", 105.00, 21.00, "9"),
    ]
    points = {
        "type": "FeatureCollection",
        "features": [
            _feature(
                {"osm_id": 100 + i, "osm_type": "nodes", "name": name or None, "place": place,
                 "population": people_there},
                {"type": "Point", "coordinates": [lon, lat]},
            )
            for i, (name, place, lon, lat, people_there) in enumerate(places)
        ],
    }  # fmt: skip
    clip = {"type": "FeatureCollection", "features": [_feature({}, _box(102, 8, 110, 24))]}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as pack:
        pack.writestr("hotosm_vnm_populated_places_points_geojson.geojson", json.dumps(points))
        pack.writestr("clipping_boundary.geojson", json.dumps(clip))
        pack.writestr("Readme.txt", "Exported by HOT")
    return Archives(
        files={
            f"{DEM_30}/tileList.txt": f"{fine}\n{fine.replace('N22', 'N21')}\n".encode(),
            f"{DEM_90}/tileList.txt": f"Copernicus_DSM_COG_30_{tile}_DEM\n".encode(),
            f"{DEM_30}/{fine}/{fine}.tif": raster_bytes(
                ground, west=103.0, north=23.0, step=1 / 240, nodata=None
            ),
            f"{COVER}/ESA_WorldCover_10m_2021_v200_N21E102_Map.tif": raster_bytes(
                np.full((300, 300), 30, np.uint8), west=102.0, north=24.0, step=0.01, nodata=0
            ),
            POPULATION: raster_bytes(people, west=103.0, north=23.0, step=1 / 120, nodata=-99999.0),
            COMMUNES: _communes(),
            BOUNDARIES: json.dumps(districts, ensure_ascii=False).encode(),
            PLACES: archive.getvalue(),
        }
    )


def _communes() -> bytes:
    """Return the archive of Vietnam: one province with two communes, one with none here."""
    archive = io.BytesIO()
    units = [
        ("12_lai_chau/12_lai_chau", "12", "Lai Châu", _box(103.0, 22.0, 103.5, 23.0)),
        ("12_lai_chau/wards/03390_bình_lư", "03390", "Bình Lư", _box(103.2, 22.2, 103.45, 22.7)),
        ("12_lai_chau/wards/03405_ta_leng", "03405", "Tả Lèng", _box(103.45, 22.2, 103.5, 22.7)),
        ("12_lai_chau/wards/03442_pa_u", "03442", "Pa Ủ", _box(103.0, 22.8, 103.1, 22.9)),
        ("15_lao_cai/15_lao_cai", "15", "Lào Cai", _box(103.5, 22.0, 104.0, 23.0)),
        ("15_lao_cai/wards/03091_sa_pa", "03091", "Sa Pa", _box(103.5, 22.0, 104.0, 23.0)),
    ]
    with zipfile.ZipFile(archive, "w") as pack:
        for name, code, title, outline in units:
            kind = "Xã" if "wards" in name else "Tỉnh"
            properties = {"code": code, "name": title, "fullName": f"{kind} {title}"}
            content = {"type": "FeatureCollection", "features": [_feature(properties, outline)]}
            pack.writestr(f"geojson/{name}.geojson", json.dumps(content))
    return archive.getvalue()


def _feature(properties: dict[str, Any], geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
