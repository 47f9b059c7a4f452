"""Which technologies a row of a cell plan speaks of, and whether it is on air."""

from __future__ import annotations

import re

from lensong.coverage.cellplan.aliases import squeezed
from lensong.coverage.cellplan.rows import CellRow
from lensong.coverage.network import Technology
from lensong.coverage.threegpp import band_from_text
from lensong.propagation.errors import InvalidInputError

__all__ = ["is_off", "technologies_of"]

_5G = re.compile(r"5G|\bNR\b|NR[-_ ]?(TDD|FDD)|\bGNB")
_4G = re.compile(r"4G|LTE|E-?UTRA|\bENB|\bL\d{3,4}\b")
_OLDER = re.compile(r"[23]G|GSM|UMTS|WCDMA|CDMA|HSPA|EDGE|GPRS|NB-?IOT")
_OFF = {
    "0", "false", "no", "off", "inactive", "deactivated", "disabled", "notactive", "offair",
    "down", "decommissioned", "removed", "dismantled", "ngunghoatdong", "khonghoatdong", "thaodo",
    "dathaodo", "huy", "dung",
}  # fmt: skip


def technologies_of(row: CellRow) -> tuple[Technology, ...] | None:
    """Return the technologies that a row names or implies.

    Returns
    -------
    tuple
        Empty when the row is 2G or 3G only.
    None
        The row says nothing.

    Raises
    ------
    InvalidInputError
        The technology is a word not known here.
    """
    text = row.technology.upper()
    if text:
        found: list[Technology] = []
        if _4G.search(text):
            found.append("4G")
        if _5G.search(text):
            found.append("5G")
        if not found and not _OLDER.search(text):
            raise InvalidInputError(
                f"{row.where}: technology is {row.technology!r}, wanted 4G or LTE, 5G or NR (2G "
                "and 3G are left out): correct the row"
            )
        return tuple(found)
    if row.nr_arfcn is not None and row.earfcn is None:
        return ("5G",)
    if row.earfcn is not None:
        return ("4G",)
    if row.band:
        if not _4G.search(row.band.upper()) and _OLDER.search(row.band.upper()):
            return ()
        if _5G.search(row.band.upper()):
            return ("5G",)
        try:
            return (band_from_text(row.band).technology,)
        except InvalidInputError as error:
            raise InvalidInputError(f"{row.where}: cell {row.cell_id!r}: {error}") from error
    return None


def is_off(row: CellRow) -> bool:
    """Return whether the row's status says that the cell does not transmit."""
    return squeezed(row.status)[0] in _OFF
