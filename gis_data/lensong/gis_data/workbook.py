"""Sheets of a workbook (.xlsx, .xlsm, .xlsb, .xls, .ods) as rows of text."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lensong.propagation.errors import ConfigError, DataError

__all__ = ["WORKBOOK_SUFFIXES", "read_sheet"]

WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

_MOST_BYTES = 512 * 2**20
_MOST_CELLS = 20_000_000
_SHEET_PART = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_CELL = re.compile(  # one that holds something
    rb"""<(?:\w+:)?c\b[^>]*?\sr\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["'][^>/]*>\s*<(?!/)"""
)
_BLOCK = 1 << 20
_LONGEST_TAG = 1 << 10
_COMMA_NUMBER = re.compile(r"[+-]?\d+,(\d+)")


def read_sheet(
    path: Path, sheet: str = "", like: str = ""
) -> tuple[str, list[tuple[int, list[str]]]]:
    """Return the name of a sheet and its rows that hold a value, with their numbers.

    Parameters
    ----------
    path : Path
    sheet : str
        Needed where several sheets have rows.
    like : str
        How the name of the wanted one of several begins, in any case.

    Returns
    -------
    str, list of (row number from 1, texts)
        Numbers as Python writes them (46, 22.4), dates in ISO form. Text such as ``46,5`` becomes
        ``46.5``, for a workbook has no decimal sign of its own; only where every such text of a
        column has three digits behind the comma, it stays: it could mean thousands.

    Raises
    ------
    ConfigError
        There are several sheets and none is chosen, or no such sheet.
    DataError
        The file is damaged, locked by a password, or empty.
    """
    _check_size(path)
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_path(path)
        rows = {name: _rows(workbook.get_sheet_by_name(name)) for name in workbook.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as a workbook ({error}): open it and save it again as .xlsx "
            "without a password, or as 'CSV UTF-8'"
        ) from error
    filled = [name for name, found in rows.items() if found]
    if sheet and sheet not in rows:
        raise ConfigError(f"{path} has no sheet {sheet!r}, it has {', '.join(rows)}")
    if not filled or (sheet and not rows[sheet]):
        raise DataError(f"{path} is empty, wanted a table with one row per line")
    alike = [name for name in filled if like and name.casefold().startswith(like.casefold())]
    if not sheet and len(alike) == 1:
        sheet = alike[0]
    if not sheet and len(filled) > 1:
        raise ConfigError(
            f'{path} has the sheets {", ".join(filled)}: say which one with layer = "{filled[0]}"'
        )
    chosen = sheet or filled[0]
    return chosen, _with_points(rows[chosen])


def _check_size(path: Path) -> None:
    """Refuse a workbook that unfolds to more than a list can be."""
    try:
        with zipfile.ZipFile(path) as archive:
            unfolded = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, NotImplementedError):
        return  # no archive, or damaged: told where the workbook is read
    if unfolded > _MOST_BYTES:
        raise DataError(
            f"{path} unfolds to {unfolded / 2**20:.0f} MiB, wanted at most "
            f"{_MOST_BYTES / 2**20:.0f}: save the sheet as 'CSV UTF-8'"
        )
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            try:
                if _SHEET_PART.fullmatch(part.filename):
                    _check_extent(path, archive, part)
                else:
                    _read_through(archive, part)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                # it may unfold to more than it says
                raise DataError(
                    f"{path} is a damaged workbook ({error}): open it and save it again"
                ) from error
            except (OSError, NotImplementedError, RuntimeError):
                return  # locked, or packed in an odd way: told where the workbook is read


def _read_through(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Find out whether a part is as long as it says."""
    with archive.open(part) as stream:
        while stream.read(_BLOCK):
            pass


def _check_extent(path: Path, archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Refuse a sheet whose cells lie so far apart that the table between them fills the memory."""
    rows: list[int] = []
    columns: list[int] = []
    far, rest = "", b""
    with archive.open(part) as stream:
        while block := stream.read(_BLOCK):
            text = rest + block
            for letters, digits in _CELL.findall(text):
                row, column = int(digits), _column_number(letters.upper())
                if not rows or row >= rows[1] or column >= columns[1]:
                    far = f"{letters.decode().upper()}{row}"
                rows = [min([row, *rows]), max([row, *rows])]
                columns = [min([column, *columns]), max([column, *columns])]
            rest = text[-_LONGEST_TAG:]
    if rows and (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1) > _MOST_CELLS:
        raise DataError(
            f"{path} has a cell at {far} ({part.filename}), far from the others: the table up to "
            f"there would have more than {_MOST_CELLS:,} cells; clear that cell, or save the sheet "
            "as 'CSV UTF-8'"
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number


def _rows(sheet: Any) -> list[tuple[int, list[str]]]:  # Any: calamine's sheet has no types
    found = []
    for number, cells in enumerate(sheet.to_python(skip_empty_area=False), start=1):
        texts = [_text(cell) for cell in cells]
        if any(texts):
            found.append((number, texts))
    return found


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat()
    return unicodedata.normalize("NFC", str(cell)).strip()


def _with_points(rows: Sequence[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    width = max(len(texts) for _, texts in rows)
    commas = [
        [m[1] for _, texts in rows if i < len(texts) and (m := _COMMA_NUMBER.fullmatch(texts[i]))]
        for i in range(width)
    ]
    decimal = {i for i, found in enumerate(commas) if any(len(digits) != 3 for digits in found)}
    return [
        (
            number,
            [
                text.replace(",", ".") if i in decimal and _COMMA_NUMBER.fullmatch(text) else text
                for i, text in enumerate(texts)
            ],
        )
        for number, texts in rows
    ]
