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
