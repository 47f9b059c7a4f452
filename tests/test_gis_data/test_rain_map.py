"""The rain rate of a place out of a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from lensong.gis_data.rain_map import rain_rate_at
from lensong.propagation.errors import DataError

TABLE = """lat,lon,rain_rate_mm_h
22.0,103.0,60
22.0,103.5,70
22.5,103.0,80
22.5,103.5,90
"""


def written(tmp_path: Path, text: str = TABLE) -> Path:
    path = tmp_path / "r001.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_rate_is_bilinear_whatever_the_order_of_rows(tmp_path: Path) -> None:
    assert rain_rate_at(written(tmp_path), 22.0, 103.0) == 60.0
    assert rain_rate_at(written(tmp_path), 22.25, 103.25) == pytest.approx(75.0)
    head, *rows = TABLE.splitlines()
    turned = "\n".join([head, *reversed(rows)])
    assert rain_rate_at(written(tmp_path, turned), 22.5, 103.5) == 90.0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TABLE.replace("22.5,103.5,90\n", ""), "full grid"),
        (TABLE.replace("90", "much"), "no number"),
        (TABLE.replace("lat,", "x,"), "wanted lat, lon and one"),
        (TABLE.replace("60\n", "60000\n"), "it is another map"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        rain_rate_at(written(tmp_path, text), 22.1, 103.1)


def test_a_place_outside_is_refused_with_the_extent(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"latitude 22 to 22\.5"):
        rain_rate_at(written(tmp_path), 21.0, 103.1)


def archive(folder: Path, first_lon: float = 0.0) -> Path:
    """Write a coarse map in the form of the Recommendation's archive: north first."""
    lat = [90.0 - 45.0 * k for k in range(5)]
    lon = [first_lon + 90.0 * k for k in range(5)]
    for name, value in (
        ("lat_r001.txt", lambda row, _: lat[row]),
        ("LON_R001.TXT", lambda _, col: lon[col]),
        ("R001.TXT", lambda row, col: 10.0 * row + col),
    ):
        lines = (" ".join(f"{value(row, col):.4f}" for col in range(5)) for row in range(5))
        (folder / name).write_text("\n".join(lines), encoding="ascii")
    return folder


@pytest.mark.parametrize("first_lon", [0.0, -180.0])
def test_the_archive_of_the_itu_is_read_in_either_count_of_longitude(
    tmp_path: Path, first_lon: float
) -> None:
    folder = archive(tmp_path, first_lon)
    at_90_e = 1.0 if first_lon == 0.0 else 3.0
    assert rain_rate_at(folder, 45.0, 90.0) == pytest.approx(10.0 + at_90_e)
    assert rain_rate_at(folder, 22.5, 90.0) == pytest.approx(15.0 + at_90_e)
    assert rain_rate_at(folder, 45.0, -90.0) == pytest.approx(13.0 if first_lon == 0.0 else 11.0)


def test_a_folder_that_lacks_a_part_of_the_map_is_refused(tmp_path: Path) -> None:
    (archive(tmp_path) / "LON_R001.TXT").unlink()
    with pytest.raises(DataError, match="has no LON_R001"):
        rain_rate_at(tmp_path, 45.0, 90.0)
