"""Tables as people mail them: delimiter, encoding and decimal sign are found, values stay text."""

from __future__ import annotations

import csv
import gzip
import io
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

from lensong.gis_data.csv_cells import unguarded
from lensong.gis_data.header_rows import with_one_header
from lensong.propagation.errors import DataError

__all__ = [
    "GEOMETRY_LAT",
    "GEOMETRY_LON",
    "UNICODE_ENCODINGS",
    "Table",
    "parse_number",
    "parse_table",
    "read_bytes",
    "read_table",
    "table_of",
]

#: Encodings that a file states or proves; the others are only guessed.
UNICODE_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")

GEOMETRY_LAT, GEOMETRY_LON = "latitude (geometry)", "longitude (geometry)"
"""Columns that hold the place of a vector file's feature [deg, WGS 84]."""

_RADIOS = ("GSM", "UMTS", "LTE", "NR", "CDMA")
_OPENCELLID = (
    "radio", "mcc", "net", "area", "cell", "unit", "lon", "lat", "range", "samples",
    "changeable", "created", "updated", "averageSignal",
)  # fmt: skip
_DELIMITERS = ("\t", ";", ",")  # in this order where two explain a file equally well
_SAMPLE_ROWS = 50
# what is read before it is known to be sensible: a country's list of cells has some 100 MB
_MOST_BYTES = 256 * 2**20
_MOST_COLUMNS = 1_000
_MOST_FIELDS = 20_000_000
_UNPACKED_AT_ONCE = 2**20
_MISSING = {"", "-", "–", "n/a", "na", "nan", "null", "none", "#n/a"}
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
_POINT_NUMBER = re.compile(r"[+-]?\d+\.\d+")
_NUMBER_LIKE = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_BLANK_GROUPS = re.compile(r"([+-]?\d{1,3})((?:[ \u00a0\u202f]\d{3})+)(?![\d])")
_POINT_GROUPS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
_VIETNAMESE_MARKS = "\u0300\u0309\u0303\u0301\u0323"  # cp1258 writes tones as marks of their own
_VIETNAMESE_VOWELS = set("aăâeêioôơuưyAĂÂEÊIOÔƠUƯY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text and how its file was written.

    Parameters
    ----------
    columns : tuple of str
        Names as in the file, without surrounding blanks. A file without a header gets
        ``column_1`` …, or OpenCelliD's names where it is such a file.
    rows : list of dict
        Column to text, without surrounding blanks, in Unicode NFC.
    line_numbers : tuple of int
        Line of the file in which each row ends, for messages.
    encoding : str
        As Python names it. One outside ``UNICODE_ENCODINGS`` was guessed from the letters.
    delimiter : str
        ``","``, ``";"`` or a tab.
    decimal_comma : bool
        True when numbers are written ``22,35``. Never True where the comma separates columns.
    has_header : bool
        False for OpenCelliD's files per country.
    notes : tuple of str
        English sentences on what was done with the file, e.g. title lines that were passed over.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    line_numbers: tuple[int, ...]
    encoding: str
    delimiter: str
    decimal_comma: bool
    has_header: bool
    notes: tuple[str, ...] = ()


def read_table(path: str | Path) -> Table:
    """Return the table in a CSV or tab-separated file, plain or gzipped.

    Parameters
    ----------
    path : str or Path
        UTF-8 (with or without BOM) or UTF-16; cp932, cp1258 and cp1252 are recognised by their
        letters. Excel's ``sep=;`` line is understood. Blank lines and rows without any value
        are left out, and so is a last column that has neither name nor value.

    Raises
    ------
    DataError
        The file is missing, empty, no text, has two columns of one name, or a row whose number
        of fields differs from the header's; it unpacks to more than 256 MiB, has more than 1,000
        columns or more than 20 million fields.
    """
    return parse_table(read_bytes(path), str(path))


def parse_table(data: bytes, name: str) -> Table:
    """Return the table that some bytes hold, as `read_table` does of a file.

    Parameters
    ----------
    data : bytes
        Text of any encoding that `read_table` knows, not gzipped.
    name : str
        What messages call it.

    Raises
    ------
    DataError
        As `read_table`.
    """
    path = Path(name)
    text, encoding = _decode(data, path)
    text, delimiter = _take_sep_line(text)
    if not text.strip():
        raise DataError(f"{path} is empty, wanted a table with one row per line")
    delimiter = delimiter or _sniff_delimiter(text)
    records = _bounded(_records(text, delimiter, path), path)
    if not records:
        raise DataError(f"{path} has no value in any field, wanted a table with one row per line")
    return table_of(
        records,
        path,
        encoding=encoding,
        delimiter=delimiter,
    )


def table_of(
    records: Sequence[tuple[int, list[str]]],
    path: Path,
    *,
    encoding: str = "utf-8",
    delimiter: str = "",
) -> Table:
    """Return a table of rows of text, the first of which may be titles.

    Parameters
    ----------
    records : sequence of (line number, fields)
        At least one; every record has a value. What guards a text against being run as a formula
        (`lensong.gis_data.csv_cells`) is taken off.
    path : Path
        For messages.
    encoding, delimiter : str
        Of the file; no delimiter: of a workbook, whose rows may be ragged.

    Raises
    ------
    DataError
        Two columns have one name, the header is missing, or a row of a text is too long or short.
    """
    records = [(line, [unguarded(field) for field in fields]) for line, fields in records]
    titles = _title_rows(records)
    records, titles, joined = with_one_header(records, titles)
    records = [*records[:titles], *_without_empty_columns(records[titles:])]
    first = records[titles][1]
    has_header = first[0].upper() not in _RADIOS
    if has_header:
        _check_header(first, records[titles][0], path)
    columns = _header(first, path) if has_header else _positional_names(len(first))
    body = records[titles + has_header :]
    rows = [_row(columns, fields, line, delimiter, path) for line, fields in body]
    notes = (f"{path.name}: {joined}",) if joined else ()
    if titles:
        shown = "; ".join(" ".join(filter(None, fields)) for _, fields in records[:titles])
        notes = (
            *notes,
            f"{path.name}: the header is line {records[titles][0]}, what stands above it was "
            f"taken as a title: {shown[:200]}",
        )
    return Table(
        columns=columns,
        rows=rows,
        line_numbers=tuple(line for line, _ in body),
        encoding=encoding,
        delimiter=delimiter,
        decimal_comma=delimiter != "," and _has_decimal_commas(rows),
        has_header=has_header,
        notes=notes,
    )


def parse_number(text: str, decimal_comma: bool = False) -> float:
    """Return the number that a table's text stands for, NaN where it says that there is none.

    Parameters
    ----------
    text : str
        Digits with an optional sign, exponent and groups of three parted by blanks (``42 410``).
        Empty text, ``-``, ``n/a`` and ``null`` are NaN.
    decimal_comma : bool
        Of the table. A single reading is insisted on: ``1,234`` without it and ``1.234`` with it
        are refused.

    Raises
    ------
    DataError
        The text is no number, or could be two.

    Examples
    --------
    >>> parse_number("22,35", decimal_comma=True)
    22.35
    """
    stripped = text.strip().replace("\u2212", "-")
    if stripped.lower() in _MISSING:
        return nan
    plain = _BLANK_GROUPS.sub(lambda m: m[1] + re.sub(r"\D", "", m[2]), stripped)
    if "," in plain:
        if not decimal_comma:
            raise DataError(
                f"{text!r} has a comma, wanted a number with a decimal point: write all numbers of "
                "the table with the same sign, the point or, where ';' or tabs part the columns, "
                "the comma"
            )
        plain = plain.replace(".", "") if _grouped(plain) else plain
        plain = plain.replace(",", ".")
    elif decimal_comma and _POINT_GROUPS.fullmatch(plain):
        raise DataError(
            f"{text!r} can mean a decimal or thousands in a table with decimal commas: "
            "write all its numbers with the same decimal sign"
        )
    try:
        number = float(plain) if "_" not in plain else nan
    except ValueError:
        number = nan
    if number != number or number in (float("inf"), float("-inf")):
        raise DataError(f"{text!r} is no number: correct it or leave the field empty")
    return number


def read_bytes(path: str | Path) -> bytes:
    """Return the content of a file, unpacked if it is gzipped (told by its first bytes).

    Raises
    ------
    DataError
        The file is missing, cannot be read, is a damaged gzip file, or holds more than 256 MiB.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise _too_large(path)
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no file {path}: check the path in the scenario") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}: wanted a readable file") from error
    if data[:2] == b"\x1f\x8b":
        try:
            return _unpacked(data, path)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path} is a damaged gzip file ({error}): fetch it again") from error
    if path.suffix.lower() == ".gz":
        start = data[:60].decode("utf-8", "replace").strip()
        raise DataError(
            f"{path} is no gzip file, it begins with {start!r}: "
            "a download server answers so when the key is wrong or the limit is reached"
        )
    return data


def _unpacked(data: bytes, path: Path) -> bytes:
    """Return the content of a gzip file; stop as soon as it is more than a table may hold."""
    parts: list[bytes] = []
    size = 0
    with gzip.open(io.BytesIO(data)) as stream:
        while part := stream.read(_UNPACKED_AT_ONCE):
            size += len(part)
            if size > _MOST_BYTES:
                raise _too_large(path)
            parts.append(part)
    return b"".join(parts)


def _too_large(path: Path) -> DataError:
    return DataError(
        f"{path} holds more than {_MOST_BYTES >> 20} MiB of text, more than a table is read of: "
        "cut it to the area of the plan"
    )


def _bounded(records: Iterator[tuple[int, list[str]]], path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows; refuse a table that is none before its rows become dictionaries."""
    found: list[tuple[int, list[str]]] = []
    fields_in_all = 0
    for line, fields in records:
        if len(fields) > _MOST_COLUMNS and any(fields[_MOST_COLUMNS:]):
            raise DataError(
                f"{path} line {line} has {len(fields):,} fields, wanted at most {_MOST_COLUMNS:,} "
                "columns: is this a table with one row per line?"
            )
        del fields[_MOST_COLUMNS:]
        fields_in_all += len(fields)
        if fields_in_all > _MOST_FIELDS:
            raise DataError(
                f"{path} has more than {_MOST_FIELDS:,} fields up to line {line:,}: "
                "cut it to the area of the plan, or delete columns that are not needed"
            )
        found.append((line, fields))
    return found


def _decode(data: bytes, path: Path) -> tuple[str, str]:
    """Return the text and the encoding; refuse what is no text."""
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise DataError(
            f"{path} is a workbook or archive, wanted text: save the sheet as 'CSV UTF-8', or give "
            "the file its ending .xlsx"
        )
    encoding = _encoding(data)
    if encoding == "":
        raise DataError(
            f"{path} is in no encoding known here: save it as UTF-8 (Excel: 'CSV UTF-8')"
        )
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is damaged at byte {error.start} ({encoding}): save it again as UTF-8"
        ) from error
    if "\0" in text:
        raise DataError(f"{path} holds binary data, wanted a table as text")
    if text.lstrip()[:1] in ("{", "<", "["):
        raise DataError(
            f"{path} begins with {text.lstrip()[:40]!r}, wanted a table: "
            "this is JSON or a web page, perhaps a download server's error message"
        )
    return unicodedata.normalize("NFC", text), encoding


def _encoding(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    head = data[:4096]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    if _decodes(data, "utf-8"):
        return "utf-8"
    if _looks_japanese(data):
        return "cp932"
    if _looks_vietnamese(data):
        return "cp1258"
    return "cp1252" if _decodes(data, "cp1252") else ""


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _looks_japanese(data: bytes) -> bool:
    """Return whether most double bytes begin with 81–9F, controls and quotes in cp1252."""
    if not _decodes(data, "cp932"):
        return False
    pairs = re.findall(rb"[\x81-\x9f\xe0-\xfc][\x40-\xfc]|[\xa0-\xdf]", data)
    low = sum(1 for pair in pairs if pair[0] <= 0x9F)
    return 2 * low > len(pairs)


def _looks_vietnamese(data: bytes) -> bool:
    """Return whether cp1258's tone marks occur and stand behind vowels only."""
    if not _decodes(data, "cp1258"):
        return False
    text = data.decode("cp1258")
    before = [text[i - 1] for i in range(1, len(text)) if text[i] in _VIETNAMESE_MARKS]
    return bool(before) and all(letter in _VIETNAMESE_VOWELS for letter in before)


def _take_sep_line(text: str) -> tuple[str, str]:
    """Return the text without Excel's ``sep=`` line, and the delimiter that the line names."""
    line, _, rest = text.partition("\n")
    match = re.fullmatch(r'"?sep=([,;\t])"?\s*', line, flags=re.IGNORECASE)
    return (rest, match[1]) if match else (text, "")


def _sniff_delimiter(text: str) -> str:
    """Return the delimiter with which most of the first rows are as wide as the first."""
    sample = "\n".join(text.splitlines()[: 4 * _SAMPLE_ROWS])
    best, best_share = ",", 0.0
    for delimiter in _DELIMITERS:
        widths = []
        try:
            for fields in csv.reader(io.StringIO(sample), delimiter=delimiter):
                if any(field.strip() for field in fields):
                    widths.append(len(fields))
                if len(widths) == _SAMPLE_ROWS:
                    break
        except csv.Error:
            continue
        # a title above the header is narrower than the table
        usual = max(Counter(widths).items(), key=lambda item: item[1])[0] if widths else 0
        if usual < 2:
            continue
        share = sum(width == usual for width in widths) / len(widths)
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _records(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and fields of every row that has a value."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for fields in reader:
            stripped = [field.strip() for field in fields]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise DataError(
            f"{path} line {reader.line_num}: {error}: look for a quotation mark that is not closed"
        ) from error


def _title_rows(records: Sequence[tuple[int, list[str]]]) -> int:
    """Return how many rows stand above the header: fewer values than half the table's width."""
    filled = [sum(1 for field in fields if field) for _, fields in records[:_SAMPLE_ROWS]]
    widest = max(filled)
    if widest < 3 or filled[0] * 2 > widest:
        return 0
    return next(i for i, count in enumerate(filled) if count * 2 > widest)


def _without_empty_columns(
    records: Sequence[tuple[int, list[str]]],
) -> list[tuple[int, list[str]]]:
    """Return rows without the columns to the left that have neither name nor value."""
    left = min(next(i for i, field in enumerate(fields) if field) for _, fields in records)
    return [(line, fields[left:]) for line, fields in records]


def _check_header(fields: list[str], line: int, path: Path) -> None:
    """Refuse a first line that is a row of data."""
    named = [field for field in fields if field]
    numbers = [field for field in named if _NUMBER_LIKE.fullmatch(field)]
    if len(numbers) * 2 > len(named) and len(named) > 2:
        raise DataError(
            f"{path} line {line} holds numbers ({', '.join(numbers[:4])}), wanted the names of the "
            "columns: write a first line that says what each column is"
        )


def _header(fields: list[str], path: Path) -> tuple[str, ...]:
    names = [re.sub(r"\s+", " ", field) for field in fields]
    while len(names) > 1 and not names[-1]:
        names.pop()
    names = [name or f"column_{i}" for i, name in enumerate(names, start=1)]
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise DataError(
            f"{path} has two columns named {', '.join(map(repr, twice))}: rename or delete one"
        )
    return tuple(names)


def _positional_names(width: int) -> tuple[str, ...]:
    if width == len(_OPENCELLID):
        return _OPENCELLID
    return tuple(f"column_{i}" for i in range(1, width + 1))


def _row(
    columns: tuple[str, ...], fields: list[str], line: int, delimiter: str, path: Path
) -> dict[str, str]:
    width = len(columns)
    if not delimiter:  # a workbook
        fields = [*fields, *[""] * (width - len(fields))]
    if len(fields) < width or any(fields[width:]):
        hint = "; numbers with decimal commas need ';' or tabs between the columns"
        raise DataError(
            f"{path} line {line} has {len(fields)} fields, wanted {width} as in the first line: "
            f"correct that line{hint if delimiter == ',' and len(fields) > width else ''}"
        )
    return dict(zip(columns, fields[:width], strict=True))


def _has_decimal_commas(rows: list[dict[str, str]]) -> bool:
    commas = points = 0
    for row in rows:
        for value in row.values():
            commas += _COMMA_NUMBER.fullmatch(value) is not None
            points += _POINT_NUMBER.fullmatch(value) is not None
    return commas > points


def _grouped(number: str) -> bool:
    """Return whether points part groups of three before a decimal comma (``1.234,5``)."""
    return re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+", number) is not None
