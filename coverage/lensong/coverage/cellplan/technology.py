"""Which technologies a row of a cell plan speaks of, and whether it is on air."""

from __future__ import annotations

import re

from lensong.coverage.cellplan.aliases import squeezed
from lensong.coverage.cellplan.rows import CellRow
from lensong.coverage.network import Technology
from lensong.coverage.threegpp import band_from_text
from lensong.propagation.errors import InvalidInputError

__all__ = ["band_in_technology", "is_off", "is_on", "technologies_of", "why_not_used"]

_5G = re.compile(r"5G|\bNR\b|NR[-_ ]?(TDD|FDD)|\bGNB")
_4G = re.compile(r"4G|LTE|E-?UTRA|\bENB|\bL\d{3,4}\b")
_OLDER = re.compile(r"[23]G|GSM|DCS|UMTS|WCDMA|CDMA|HSPA|EDGE|GPRS|NB-?IOT")
_NO_CELL = re.compile(
    r"^(?:FH|FAISCEAU.*|MICROWAVE|VI ?BA|TETRA\w*|DMR|PMR.*|FM|DAB.*|DVB.*|TNT|TV|RDF.*|RADAR|"
    r"WI-?FI|BLR.*|LORA\w*|RICHTFUNK)$"
)
_OFF = {
    "0", "false", "no", "off", "inactive", "deactivated", "disabled", "notactive", "offair",
    "down", "decommissioned", "removed", "dismantled", "ngunghoatdong", "khonghoatdong", "thaodo",
    "dathaodo", "huy", "dung", "horsservice", "inactif", "desactive", "arrete", "demonte", "non",
    "inactivo", "desactivado", "apagado", "baja", "inaktiv", "ausserbetrieb", "abgeschaltet", "aus",
    "nein", "faux", "falsch", "outofservice", "dead", "shutdown", "barred",
}  # fmt: skip
_ON = {
    "", "1", "true", "yes", "on", "active", "activated", "enabled", "onair", "up", "inservice",
    "operational", "live", "working", "oui", "vrai", "enservice", "actif", "si", "activo",
    "activa", "enservicio", "ja", "wahr", "aktiv", "inbetrieb", "hoatdong", "danghoatdong",
    "phatsong", "dangphatsong", "co", "techniquementoperationnel", "ok", "x", "normal", "unlocked",
}  # fmt: skip


def technologies_of(row: CellRow) -> tuple[Technology, ...] | None:
    """Return the technologies that a row names or implies.

    Returns
    -------
    tuple
        Empty when the row is 2G or 3G only, or no cell of a mobile network.
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
        if not found and not _OLDER.search(text) and not _NO_CELL.match(text.strip()):
            raise InvalidInputError(
                f"{row.where}: technology is {row.technology!r}, wanted 4G or LTE, 5G or NR (2G "
                "and 3G are left out): correct the row, or name another column as technology in "
                '[network.columns] ("" if no column says it)'
            )
        return tuple(found)
    if (row.nr_arfcn is not None or row.ssb_arfcn is not None) and row.earfcn is None:
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


def why_not_used(row: CellRow) -> str:
    """Return why a row without 4G and 5G is left out."""
    other = _NO_CELL.match(row.technology.upper().strip())
    return f"{row.technology}, no mobile cell" if other else "2G or 3G only"


def band_in_technology(row: CellRow) -> str:
    """Return the band that the technology's text names (``LTE 1800``), empty for none."""
    match = re.search(r"(?:LTE|NR|4G|5G)\D{0,3}(\d{3,4})(?!\d)", row.technology.upper())
    return match[1] if match else ""


def is_off(row: CellRow) -> bool:
    """Return whether the row's status says that the cell does not transmit."""
    return squeezed(row.status)[0] in _OFF


def is_on(row: CellRow) -> bool:
    """Return whether the row's status is unsaid or a word for on air."""
    return squeezed(row.status)[0] in _ON
