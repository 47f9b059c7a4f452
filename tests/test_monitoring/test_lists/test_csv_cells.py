"""Names and cells: no spreadsheet runs them, and nothing is lost on the way."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data.csv_cells import csv_text, guarded, unguarded
from lensong.monitoring.names import bare, bare_place, identifier_of

# what a spreadsheet begins a formula with, in half and full width, and what it skips before it
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
RISKY = st.text(st.sampled_from("'=+-@\t\r\n＝ab,;\"Đ"), max_size=8) | st.text(max_size=8)


@given(RISKY)
def test_a_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    assert not guarded(text).startswith(FORMULA)
    assert unguarded(guarded(text)) == text


def test_ordinary_text_is_left_alone() -> None:
    for text in ("Chợ Bình Lư", "'quoted'", "a=b", "", "4G; 5G"):
        assert guarded(text) == text


@given(st.lists(st.tuples(RISKY, RISKY), max_size=5))
def test_a_table_is_read_back_as_it_was(rows: list[tuple[str, str]]) -> None:
    text = csv_text(["a", "b"], rows)
    assert text.startswith("\ufeff")
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert [tuple(unguarded(cell) for cell in row) for row in read[1:]] == rows


def test_numbers_are_no_text() -> None:
    assert csv_text(["lat"], [[-12.5], [None]]) == "\ufefflat\r\n-12.5\r\n\r\n".replace(
        "\r\n\r\n", '\r\n""\r\n'
    )


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Chợ Bình Lư", "cho-binh-lu"),
        ("ĐỒNG VĂN – bản 2", "dong-van-ban-2"),
        ("  --x--  ", "x"),
        ("市场", ""),
        ("a" * 80, "a" * 64),
        (f"{'a' * 63}-b", "a" * 63),
    ],
)
def test_a_name_makes_an_identifier(name: str, identifier: str) -> None:
    assert identifier_of(name) == identifier


def test_names_are_the_same_without_marks_and_titles() -> None:
    assert bare("Giờ  bắt_đầu") == bare("GIO BAT DAU")
    assert bare_place("Thị trấn Tam Đường") == bare_place("tam duong")
    assert bare_place("Xã Bình Lư") != bare_place("Xã Bản Hon")
