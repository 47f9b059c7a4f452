"""A look into the columns that nobody knows: does one hold what decides a result.

A list whose technologies stand in a column of an unknown name would be read as all 4G. Such a
column ends the run, with the key of ``[network.columns]`` that maps it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lensong.coverage.cellplan.aliases import ColumnMap, squeezed
from lensong.coverage.network import operator_key
from lensong.propagation.errors import DataError

__all__ = ["check_unknown_columns", "is_operator", "telling_columns"]

_MOST = 0.8  # share of a column's values that must look alike
_FEW_ROWS = 3

_TECHNOLOGY = re.compile(
    r"(?:[2345]G(?:[ /+,;&-]*(?:[2345]G|NSA|SA))*|GSM\w*|UMTS|WCDMA|HSPA\+?|E?-?GPRS|EDGE|"
    r"(?:4G[ -])?LTE(?:-?A(?:dvanced)?)?(?:[ -]?[FT]DD)?|5G[ -]?NR|NR|E-?UTRAN?|NR-[FT]DD|CDMA\w*|"
    r"(?:GSM|UMTS|LTE|NR|[2345]G)(?:[ /+,;&_-]+(?:GSM|UMTS|LTE|NR|[2345]G))+|"
    r"(?:GSM|DCS|UMTS|WCDMA|LTE|5G ?NR|NR|[2345]G)[ _-]*\d{3,4}(?:[ ]?MHz)?|"
    r"[GULN](?:7|8|9|18|21|23|26|35)00?)",
    re.IGNORECASE,
)
_BAND = re.compile(
    r"(?:(?:E-?UTRA[ ]*)?(?:LTE|NR|4G|5G)?[ -]*Band[ -]*\d{1,2}.*|"
    r"[Bn]\d{1,2}(?:[ ,/+;-]+[Bn]?\d{1,2})*|"
    r"(?:B\d{1,2}[ ]*)?\(?(?:7|8|9|18|21|23|26|35)00?\d?[ ]*MHz\)?)",
    re.IGNORECASE,
)
_NOMINAL = {
    "450", "600", "700", "800", "850", "900", "1400", "1500", "1700", "1800", "1900", "2100",
    "2300", "2500", "2600", "3500", "3600", "3700",
}  # fmt: skip
_POWER_TEXT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*(?:dBm|dBW|W|Watts?)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_EIRP_NAME = re.compile(r"eirp|pire|(?<![a-z])erp|isotrop")
_POWER_NAME = re.compile(
    r"power|pwr|puissance|potencia|leistung|congsuat|(?<![a-z])(?:p?tx|ptx|pmax|pout|watts?)(?![a-z])"
)
_OPERATOR_NAME = re.compile(
    r"operat|operad|betreiber|nhamang|exploitant|licen[sc]ee|provider|netzbetr|proveedor|anbieter"
)
_FREQUENCY_NAME = re.compile(r"freq|frec|tanso|mhz|ghz")
_TELLING_NAMES = (  # what a name speaks of, the key that maps it, the fields that make it needless
    (re.compile(r"azimu|acimut"), "an azimuth", "azimuth_deg", set[str]()),
    (re.compile(r"tilt"), "a tilt", "mechanical_downtilt_deg", set[str]()),
    (re.compile(r"height|hauteur|altura|hohe|hoehe|docao|chieucao"), "a height", "height_agl_m",
     set[str]()),
    (_FREQUENCY_NAME, "a frequency", "freq_mhz",
     {"earfcn", "nr_arfcn", "arfcn", "freq_mhz", "carrier", "ssb_arfcn"}),
)  # fmt: skip
_OPERATORS = {
    operator_key(name)
    for name in (
        "Viettel", "Viettel Mobile", "VNPT", "VinaPhone", "MobiFone", "Vietnamobile", "Gmobile",
        "Orange", "SFR", "Bouygues", "Bouygues Telecom", "Free", "Free Mobile", "Movistar",
        "Telefonica", "Vodafone", "Yoigo", "MasMovil", "MasOrange", "Telekom", "Deutsche Telekom",
        "T-Mobile", "O2", "1&1", "Airtel", "Jio", "Reliance Jio", "Vi", "Vodafone Idea", "BSNL",
        "EE", "Three", "3", "Verizon", "AT&T", "Claro", "Entel", "Tigo", "Telcel", "Personal",
        "TIM", "WindTre", "Iliad", "Swisscom", "Sunrise", "Salt", "A1", "Magenta", "MTN", "Airtel",
        "Safaricom", "Unitel", "Lao Telecom", "LTC", "ETL", "AIS", "True", "dtac", "China Mobile",
        "China Unicom", "China Telecom", "Smart", "Cellcard", "Metfone", "Globe", "DITO",
    )
}  # fmt: skip
_POWERS = {"total_power_dbm", "rs_power_dbm", "power_dbm", "eirp_dbm", "erp_dbm"}
_SPECTRUM = {"band", "earfcn", "nr_arfcn", "arfcn", "freq_mhz", "carrier", "ssb_arfcn"}


def check_unknown_columns(columns: ColumnMap, rows: Sequence[Mapping[str, str]]) -> None:
    """Refuse columns that are not used and hold what decides a result.

    Raises
    ------
    DataError
        A column without a field holds technologies, bands, frequencies, powers, EIRP or operators
        while no other column of the list does; every such column is named with its key.
    """
    known = columns.columns.keys() | columns.denied
    faults = []
    for column in columns.ignored:
        values = [text for row in rows if (text := row.get(column, "").strip())]
        found = _kind(column, values) if values else None
        if found is None:
            continue
        what, key, others = found
        if known & others:
            continue
        shown = ", ".join(dict.fromkeys(values))[:80]
        faults.append(f'{column!r} seems to hold {what} ({shown}): {key} = "{column}"')
    if faults:
        raise DataError(
            f"{len(faults)} unknown column{'s' * (len(faults) > 1)} would decide the result and "
            f"not be used: {'; '.join(faults)}: set that in [network.columns], or the "
            f'key to "" if the column holds no such thing'
        )


def is_operator(name: str) -> bool:
    """Return whether a text is the name of a mobile network known here."""
    return operator_key(name) in _OPERATORS


def telling_columns(columns: ColumnMap) -> list[tuple[str, str, str]]:
    """Return columns that are not used, what their names speak of, and the key that maps each.

    Heights, azimuths and tilts; frequencies where no column tells the channel.
    """
    known = columns.columns.keys() | columns.denied
    found = []
    for column in columns.ignored:
        name = squeezed(_bare(column))[0]
        for pattern, what, key, others in _TELLING_NAMES:
            if pattern.search(name) and not known & others and key not in columns.denied:
                found.append((column, what, key))
                break
    return found


def _kind(column: str, values: Sequence[str]) -> tuple[str, str, set[str]] | None:
    """Return what a column holds, the key that maps it, and the fields that make it needless."""
    name, unit = squeezed(_bare(column))
    if _share(values, _TECHNOLOGY) >= _MOST:
        return "technologies", "technology", {"technology", "has_4g", "has_5g"}
    if _share(values, _BAND) >= _MOST or (
        len(values) >= _FEW_ROWS and all(value in _NOMINAL for value in values)
    ):
        return "bands", "band", _SPECTRUM
    numbers = _share(values, _NUMBER) >= _MOST
    if numbers and _FREQUENCY_NAME.search(f"{name} {unit}") and "bandw" not in name:
        return "frequencies", "freq_mhz", _SPECTRUM | {"bandwidth_mhz"}
    with_unit = _share(values, _POWER_TEXT) >= _MOST
    if numbers or with_unit:
        watts = "_w" if unit in ("w", "watt", "watts") else "_dbm"
        if _EIRP_NAME.search(name):
            return "EIRP", f"eirp{watts}", _POWERS
        if with_unit or unit in ("dbm", "dbw", "w", "watt", "watts") or _POWER_NAME.search(name):
            return "powers", f"total_power{watts}", _POWERS
    named = sum(is_operator(value) for value in values) / len(values)
    words = not numbers and len(set(values)) <= max(12, len(values) // 2)
    if (named >= _MOST and not numbers) or (words and _OPERATOR_NAME.search(name)):
        return "operators", "operator", {"operator"}
    return None


def _share(values: Sequence[str], pattern: re.Pattern[str]) -> float:
    return sum(pattern.fullmatch(value) is not None for value in values) / len(values)


def _bare(column: str) -> str:
    """Return a column's name without Atoll's table before it."""
    return column.split(": ", 1)[-1]
