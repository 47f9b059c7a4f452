from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data.angles import Axis, parse_angle, parse_lat_lon
from lensong.propagation.errors import DataError


@pytest.mark.parametrize(
    ("text", "axis", "degrees"),
    [
        ("22.41", "latitude", 22.41),
        ("-22.41", "latitude", -22.41),
        ("22,41", "latitude", 22.41),
        ("22.41N", "latitude", 22.41),
        ("22.41 S", "latitude", -22.41),
        ("N 22.41", "latitude", 22.41),
        ("22.41° Bắc", "latitude", 22.41),
        ("103.65Đ", "longitude", 103.65),
        ("E103.65", "longitude", 103.65),
        ("103.65E", "longitude", 103.65),
        ("3.5W", "longitude", -3.5),
        ("3,5 Ouest", "longitude", -3.5),
        ("22°24'36\"N", "latitude", 22.41),
        ("22°24′36″", "latitude", 22.41),
        ("22º24’36.0”", "latitude", 22.41),
        ("22°24'36''S", "latitude", -22.41),
        ("22 24 36", "latitude", 22.41),
        ("22:24:36 N", "latitude", 22.41),
        ("22d24m36s N", "latitude", 22.41),
        ("22d24m36s", "latitude", 22.41),  # the s is seconds, not south
        ("22° 24.6' N", "latitude", 22.41),
        ("103°39′1,5″", "longitude", 103.650417),
        ("-0°30'", "latitude", -0.5),
    ],
)
def test_spellings_of_an_angle(text: str, axis: Axis, degrees: float) -> None:
    assert parse_angle(text, axis, decimal_comma="," in text) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "axis", "message"),
    [
        ("22.4 O", "longitude", "west in French and east in German"),
        ("22.4E", "latitude", "is a longitude, wanted a latitude"),
        ("22°75'N", "latitude", "60 or more"),
        ("-22°24'N", "latitude", "a sign and a hemisphere"),
        ("22.5°24'", "latitude", "a fraction before its last part"),
        ("about 22", "latitude", "hemisphere 'about'"),
        ("22 km", "latitude", "hemisphere 'km'"),
        ("abc", "latitude", "no number"),
    ],
)
def test_what_is_no_angle(text: str, axis: Axis, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_angle(text, axis)


def test_no_angle_is_nan() -> None:
    assert isnan(parse_angle("", "latitude"))
    assert isnan(parse_angle(" - ", "latitude"))


@given(st.floats(0.0, 89.999))
def test_degrees_minutes_seconds_are_the_decimal_degrees(degrees: float) -> None:
    whole = int(degrees)
    minutes = int((degrees - whole) * 60.0)
    seconds = min(((degrees - whole) * 60.0 - minutes) * 60.0, 59.999999)
    text = f"{whole}°{minutes}'{max(seconds, 0.0):.6f}\"S"
    assert parse_angle(text, "latitude") == pytest.approx(-degrees, abs=1e-8)


@pytest.mark.parametrize(
    "text",
    ["22.4, 103.65", "22,4; 103,65", "22.4 103.65", "(22.4,103.65)", "POINT (103.65 22.4)",
     "22°24'N 103°39'E", "22.4N, 103.65E", "48Q UK 61036 77726", "48quk6103677726"],
)  # fmt: skip
def test_both_in_one_text(text: str) -> None:
    assert parse_lat_lon(text) == pytest.approx((22.4, 103.65))


def test_a_square_of_a_kilometre_is_no_position() -> None:
    with pytest.raises(DataError, match="a square of 1000 m, wanted one of 100 m or less"):
        parse_lat_lon("48Q UK 61 77")


def test_one_number_is_no_position() -> None:
    with pytest.raises(DataError, match="is no position"):
        parse_lat_lon("22.4")
