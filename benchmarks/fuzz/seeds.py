"""Small files that are right, of synthetic content: what is fuzzed is made of them."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import openpyxl
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

__all__ = ["seeds"]

_SITES = (
    "site_id,name,commune_code,lat,lon,operators,technologies\n"
    "binh-lu,Chợ Bình Lư,03390,22.353,103.678,Viettel,4G\n"
    'sin-ho,"Chợ ""Sìn Hồ""",03433,22.352,103.250,VNPT;Viettel,4G;5G\n'
)
_SESSIONS = (
    "site,title,profile,starts_at,ends_at\n"
    "binh-lu,Phiên chợ,tiktok-720p30,2026-12-01 08:00,2026-12-01 10:00\n"
    "binh-lu,Chè,tiktok-720p30,01/12/2026 13:00,01/12/2026 15:00\n"
)
_CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//synthetic//EN\r\nBEGIN:VEVENT\r\n"
    "UID:1@example.org\r\nDTSTART;TZID=Asia/Ho_Chi_Minh:20261201T080000\r\n"
    "DTEND;TZID=Asia/Ho_Chi_Minh:20261201T100000\r\nSUMMARY:Phiên chợ\r\n"
    "LOCATION:binh-lu\r\nCATEGORIES:tiktok-720p30\r\nRRULE:FREQ=WEEKLY;BYDAY=TU,SA;COUNT=9\r\n"
    "EXDATE;TZID=Asia/Ho_Chi_Minh:20261208T080000\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_CELLS = (
    "cell_id,site,lat,lon,azimuth_deg,height_m,technology,band,earfcn,power_dbm,operator\n"
    "c1,s1,22.353,103.678,0,30,4G,3,1300,46,Viettel\n"
    "c2,s1,22.353,103.678,120,30,5G,n78,636666,49,Viettel\n"
)
_MEASUREMENTS = (
    "lat,lon,rsrp_dbm,tx_lat,tx_lon,tx_height_m,frequency_mhz,rx_height_m\n"
    "22.35,103.67,-101,22.36,103.68,30,1800,1.5\n22.34,103.66,-,22.36,103.68,30,1800,1.5\n"
)
_VILLAGES = (
    "name,commune,lat,lon,population\nBản Một,Bình Lư,22.353,103.678,420\n"
    'Bản Hai,Sìn Hồ,22.352,103.250,"1200"\n'
)
_SCENARIO = (
    'title = "Synthetic"\nsynthetic = true\n[area]\nbbox_deg = [103.6, 22.3, 103.7, 22.4]\n'
    'resolution_m = 30\n[elevation]\npath = "dem.tif"\n[villages]\n'
    'path = "villages.csv"\n[network]\ncells = "cells.csv"\n'
    'technologies = ["4G"]\nradius_m = 5000\n[network.assume]\nheight_agl_m = 25\n'
)
_MSI = (
    "NAME synthetic\nFREQUENCY 1800\nGAIN 17.1 dBi\nTILT MECHANICAL\nHORIZONTAL 360\n"
    + "".join(f"{angle}.0 {min(angle, 360 - angle) / 6:.1f}\n" for angle in range(360))
    + "VERTICAL 360\n"
    + "".join(f"{angle}.0 {min(angle, 360 - angle) / 4:.1f}\n" for angle in range(360))
)
_AREA = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"ma_xa":"03390",'
    '"ten_xa":"Bình Lư","ten_tinh":"Lai Châu"},"geometry":{"type":"Polygon","coordinates":'
    "[[[103.6,22.3],[103.7,22.3],[103.7,22.4],[103.6,22.4],[103.6,22.3]]]}}]}"
)


def seeds() -> dict[str, bytes]:
    """Return the files by name; the name's ending tells the format."""
    return {
        "sites.csv": _SITES.encode(),
        "sessions.csv": _SESSIONS.encode("utf-8-sig"),
        "sessions.ics": _CALENDAR.encode(),
        "cells.csv": _CELLS.encode(),
        "cells.xlsx": _workbook(_CELLS),
        "measurements.csv": _MEASUREMENTS.encode(),
        "villages.csv": _VILLAGES.encode(),
        "villages.csv.gz": gzip.compress(_VILLAGES.encode(), mtime=0),
        "area.geojson": _AREA.encode(),
        "antenna.msi": _MSI.encode(),
        "scenario.toml": _SCENARIO.encode(),
        "dem.tif": _raster(np.linspace(200.0, 900.0, 1_600, dtype=np.float32).reshape(40, 40)),
        "people.tif": _raster(np.full((40, 40), 0.4, np.float32)),
        "N22E103.hgt.zip": _zipped("N22E103.hgt", bytes(2 * 1_201 * 1_201)),
    }


def _workbook(text: str) -> bytes:
    book, held = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for line in text.splitlines():
        sheet.append(line.split(","))
    book.save(held)
    return held.getvalue()


def _raster(values: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            width=values.shape[1],
            height=values.shape[0],
            count=1,
            dtype="float32",
            crs="EPSG:32648",
            transform=from_origin(360_000.0, 2_475_000.0, 30.0, 30.0),
            nodata=-9999.0,
            compress="deflate",
        ) as opened:
            opened.write(values, 1)
        return bytes(memory.read())


def _zipped(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo(name), data)
    return held.getvalue()
