from __future__ import annotations

import gzip
from math import isnan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data import tables
from lensong.gis_data.tables import parse_number, parse_table, read_table
from lensong.propagation.errors import DataError


def _write(tmp_path: Path, content: str | bytes, name: str = "cells.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_vietnamese_names_survive_every_unicode_encoding(tmp_path: Path, encoding: str) -> None:
    text = "site_id,tên bản\n1, Nà Đông\u00a0\n2,Sì Lở Lầu\n"
    table = read_table(_write(tmp_path, text.encode(encoding)))
    assert table.columns == ("site_id", "tên bản")
    assert [row["tên bản"] for row in table.rows] == ["Nà Đông", "Sì Lở Lầu"]
    assert table.encoding.replace("-sig", "") in encoding
    assert (table.delimiter, table.decimal_comma, table.has_header) == (",", False, True)


def test_decomposed_letters_become_composed(tmp_path: Path) -> None:
    table = read_table(_write(tmp_path, "name\nBi\u0300nh Lu\u031b\n"))
    assert table.rows == [{"name": "Bình Lư"}]


@pytest.mark.parametrize(
    ("text", "word", "encoding"),
    [
        ("Transmitter\tAzimuth (°)\n東京タワー\t120\n", "東京タワー", "cp932"),
        ("site;lieu\n1;Saint-Christol-lès-Alès\n2;Forêt\n", "Forêt", "cp1252"),
        ("site;ten\n1;Bi\u0300nh Lư\n2;Sa\u0300ng Ma Sáo\n", "Bình Lư", "cp1258"),
    ],
)
def test_old_encodings_are_told_by_their_letters(
    tmp_path: Path, text: str, word: str, encoding: str
) -> None:
    table = read_table(_write(tmp_path, text.encode(encoding)))
    assert table.encoding == encoding
    assert any(word in row.values() for row in table.rows)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas_are_recognised_and_stay_text(tmp_path: Path, delimiter: str) -> None:
    lines = ["name;P0,PUSCH (dBm);lon", "A;-80,5;103,67", "B;-81,0;103,7"]
    table = read_table(_write(tmp_path, "\n".join(lines).replace(";", delimiter)))
    assert table.delimiter == delimiter
    assert table.decimal_comma
    assert table.rows[0]["lon"] == "103,67"
    assert parse_number(table.rows[0]["lon"], table.decimal_comma) == 103.67


def test_decimal_commas_between_commas_name_the_line_and_the_cure(tmp_path: Path) -> None:
    path = _write(tmp_path, "name,lat,lon\nA,22.5,103.5\nB,22,35,103,6\n")
    with pytest.raises(DataError, match=r"line 3 has 5 fields, wanted 3.*decimal commas"):
        read_table(path)


def test_short_row_names_its_line(tmp_path: Path) -> None:
    path = _write(tmp_path, 'name,lat,lon\n"two\nlines",1,2\nB,1\n')
    with pytest.raises(DataError, match="line 4 has 2 fields, wanted 3"):
        read_table(path)


def test_spreadsheet_leftovers_are_dropped(tmp_path: Path) -> None:
    path = _write(tmp_path, "sep=;\r\na;b;;\r\n1;2;;\r\n\r\n;;;\r\n3;4;;\r\n")
    table = read_table(path)
    assert table.columns == ("a", "b")
    assert table.rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert table.line_numbers == (2, 5)


def test_opencellid_file_of_a_country_has_no_header(tmp_path: Path) -> None:
    line = b"LTE,452,4,9,25600,0,103.6,22.3,1000,5,1,1600000000,1600000001,0\n"
    table = read_table(_write(tmp_path, gzip.compress(line * 2), "452.csv.gz"))
    assert not table.has_header
    assert len(table.rows) == 2
    assert table.rows[0]["radio"] == "LTE"
    assert table.rows[0]["averageSignal"] == "0"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "is empty"),
        (b"sep=;\n\n", "a.csv", "is empty"),
        (b'{"status": "error"}', "a.csv", "JSON or a web page"),
        (b'{"status": "error"}', "a.csv.gz", "no gzip file"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "a.csv.gz", "damaged gzip"),
        (b"PK\x03\x04rest", "a.csv", "save the sheet as 'CSV UTF-8'"),
        (b"a,a\n1,2\n", "a.csv", "two columns named 'a'"),
        (b'a,b\n1,"2\n', "a.csv", "line 2.*quotation mark"),
        (b"a,b\n1,\x00\n", "a.csv", "binary"),
        (b"a,b\n1,\x81\xff\n", "a.csv", "save it as UTF-8"),
    ],
)
def test_bad_file_says_what_to_do(tmp_path: Path, content: bytes, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(_write(tmp_path, content, name))


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*cells\.csv"):
        read_table(tmp_path / "cells.csv")
    with pytest.raises(DataError, match="cannot read"):
        read_table(tmp_path)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_written_with_either_sign_reads_back(value: float) -> None:
    assert parse_number(repr(value)) == value
    if "." in repr(value) and "e" not in repr(value):
        assert parse_number(repr(value).replace(".", ","), decimal_comma=True) == value


@pytest.mark.parametrize(
    ("text", "decimal_comma", "value"),
    [
        ("42 410", False, 42410.0),
        ("1\u202f234\u00a0567,5", True, 1234567.5),
        ("1.234,5", True, 1234.5),
        ("22.35355", True, 22.35355),
        ("\u221212", False, -12.0),
    ],
)
def test_number_forms(text: str, decimal_comma: bool, value: float) -> None:
    assert parse_number(text, decimal_comma) == value


@pytest.mark.parametrize("text", ["", " ", "-", "N/A", "null", "NaN"])
def test_missing_number_is_nan(text: str) -> None:
    assert isnan(parse_number(text))


@pytest.mark.parametrize(
    ("text", "decimal_comma"),
    [
        ("1,234", False),
        ("1.234", True),
        ("inf", False),
        ("30m", False),
        ("1_0", False),
        ("1,2,3", True),
    ],
)
def test_doubtful_number_is_refused(text: str, decimal_comma: bool) -> None:
    with pytest.raises(DataError, match=r"write|save|correct"):
        parse_number(text, decimal_comma)


def test_a_comma_among_points_is_not_sent_to_semicolons_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("site;lat;lon\nA;22.4;103.6\nB;22,5;103.7\n", encoding="utf-8")
    table = read_table(path)
    assert (table.delimiter, table.decimal_comma) == (";", False)
    with pytest.raises(DataError, match="write all numbers of the table with the same sign, the"):
        parse_number(table.rows[1]["lat"], table.decimal_comma)


def test_real_village_list_reads_whole(shared_dir: Path) -> None:
    table = read_table(shared_dir / "data" / "ballia-villages-and-bts" / "villages.csv")
    assert len(table.rows) == 2355
    assert all(row["village_name"] == row["village_name"].strip() for row in table.rows)


def test_title_lines_above_the_header_are_passed_over_and_named(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(
        "Danh sách trạm;;;\r\n# 29/11/2026\r\n\r\nsite;lat;lon;band\r\nA;22,4;103,6;B3\r\n",
        encoding="utf-8",
    )
    table = read_table(path)
    assert table.columns == ("site", "lat", "lon", "band")
    assert table.line_numbers == (5,)
    assert "taken as a title: Danh sách trạm; # 29/11/2026" in table.notes[0]


def test_a_table_without_a_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("A,22.4,103.6,46\nB,22.5,103.7,46\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1 holds numbers \(22\.4, 103\.6, 46\), wanted the"):
        read_table(path)


def test_a_header_of_names_without_end_is_refused_and_not_compared_name_by_name(
    tmp_path: Path,
) -> None:
    path = tmp_path / "cells.csv"
    names = ",".join(f"n{i}" for i in range(210_000))
    path.write_text(f"{names}\n{'1,' * 209_999}1\n")
    with pytest.raises(DataError, match="line 1 has 210,000 fields, wanted at most 1,000 columns"):
        read_table(path)


def test_a_header_with_blank_columns_to_the_end_of_the_sheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(f"name,lat{',' * 16_000}\nA,1{',' * 16_000}\n")
    assert read_table(path).rows == [{"name": "A", "lat": "1"}]


def test_a_gzip_is_unpacked_no_further_than_a_table_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "villages.csv.gz"
    path.write_bytes(gzip.compress(b"name,lat\n" + b"a,1\n" * 2_000_000))
    taken: list[int] = []

    class Counting(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            part = super().read(size)
            taken.append(len(part))
            return part

    monkeypatch.setattr(tables, "_MOST_BYTES", 1_000_000)
    monkeypatch.setattr(gzip, "GzipFile", Counting)
    with pytest.raises(DataError, match=r"more than \d+ MiB of text"):
        read_table(path)
    assert sum(taken) <= 1_000_000 + tables._UNPACKED_AT_ONCE


def test_a_table_of_too_many_fields_is_refused_before_they_become_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 600)
    monkeypatch.setattr(tables, "_MOST_FIELDS", 1_000)
    with pytest.raises(DataError, match=r"more than 1,000 fields up to line 501"):
        read_table(path)


@pytest.mark.parametrize("data", [b'""', b",,,\n", b'""\n""\n'])
def test_a_table_of_delimiters_alone_is_empty(data: bytes) -> None:
    with pytest.raises(DataError, match="has no value"):
        parse_table(data, "empty.csv")
