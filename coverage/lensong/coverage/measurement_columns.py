"""What the columns of a drive test are called, and which of them hold what."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches

from lensong.gis_data.tables import Table
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["PLAUSIBLE", "ROLES", "column_factor", "find_columns", "measured_quantity"]

_KM, _GHZ, _FT = 1000.0, 1000.0, 0.3048
_Aliases = dict[str, float]

#: What a column can be, and the names (lower case, letters and digits only) by which it is
#: found, each with the factor to our unit. The first that a file has is taken.
_ALIASES: dict[str, _Aliases] = {
    "rx_lat_deg": dict.fromkeys(
        ("rxlatdeg", "rxlat", "rxlatitude", "latdeg", "lat", "latitude", "gpslat", "vido"), 1.0
    ),
    "rx_lon_deg": dict.fromkeys(
        (
            *("rxlondeg", "rxlon", "rxlong", "rxlongitude", "londeg", "lon", "lng", "long"),
            *("longitude", "longtitu", "gpslon", "kinhdo"),
        ),
        1.0,
    ),
    "tx_lat_deg": dict.fromkeys(
        ("txlatdeg", "txlat", "txlatitude", "sitelat", "sitelatitude", "bslat"), 1.0
    ),
    "tx_lon_deg": dict.fromkeys(
        ("txlondeg", "txlon", "txlong", "txlongitude", "sitelon", "sitelongitude", "bslon"), 1.0
    ),
    "distance_m": {
        "distancem": 1.0,
        "distm": 1.0,
        "dm": 1.0,
        "dmeter": 1.0,
        "distancekm": _KM,
        "distkm": _KM,
        "dkm": _KM,
        "pathkm": _KM,
    },
    "slant_distance_m": {"slantdistancem": 1.0, "d3dm": 1.0, "d3dkm": _KM, "slantkm": _KM},
    "freq_mhz": {
        "freqmhz": 1.0,
        "frequencymhz": 1.0,
        "fmhz": 1.0,
        "downlinkfreqmhz": 1.0,
        "freqghz": _GHZ,
        "fghz": _GHZ,
    },
    "tx_height_agl_m": {
        "txheightaglm": 1.0,
        "txantennaheightaglm": 1.0,
        "txheightm": 1.0,
        "txheight": 1.0,
        "htxmeter": 1.0,
        "htxm": 1.0,
        "htx": 1.0,
        "htxft": _FT,
    },
    "rx_height_agl_m": {
        "rxheightaglm": 1.0,
        "rxantennaheightaglm": 1.0,
        "rxheightm": 1.0,
        "rxheight": 1.0,
        "hrxmeter": 1.0,
        "hrxm": 1.0,
        "hrx": 1.0,
        "hrxft": _FT,
    },
    "tx_ground_amsl_m": dict.fromkeys(("txgroundamslm", "txgroundelevm", "txgroundm"), 1.0),
    "rx_ground_amsl_m": dict.fromkeys(("rxgroundamslm", "rxgroundelevm", "rxgroundm"), 1.0),
    "eirp_dbm": dict.fromkeys(("eirpdbm", "eirp"), 1.0),
    "path_loss_db": dict.fromkeys(
        (
            *("pathlossdb", "pathloss", "lossdb", "basictransmissionlossdb", "lmeasdb"),
            *("lbtlmediandb", "lbtldb", "btldb", "pldb", "lbdb"),
        ),
        1.0,
    ),
    "field_strength_dbuv_m": dict.fromkeys(
        ("fieldstrengthdbuvm", "fielddbuvm", "edbuvm", "fieldstrength"), 1.0
    ),
    "rsrp_dbm": dict.fromkeys(("rsrpdbm", "rsrp", "ltersrp", "nrrsrp", "ssrsrp"), 1.0),
    "level_dbm": dict.fromkeys(
        ("leveldbm", "rxleveldbm", "rxpowerdbm", "powerdbm", "level", "rxlev"), 1.0
    ),
    "rssi_dbm": dict.fromkeys(("rssidbm", "rssi"), 1.0),
}

ROLES = tuple(_ALIASES)
"""What a column can be named for, with ``columns``."""

_MEASURED = ("path_loss_db", "field_strength_dbuv_m", "rsrp_dbm", "level_dbm", "rssi_dbm")
PLAUSIBLE = {
    "path_loss_db": (20.0, 350.0),
    "field_strength_dbuv_m": (-60.0, 160.0),
    "rsrp_dbm": (-160.0, -20.0),
    "level_dbm": (-180.0, 30.0),
    "rssi_dbm": (-180.0, 30.0),
}
"""Range in which a measured value can be one; modems log others for "not connected"."""


def find_columns(table: Table, named: Mapping[str, str]) -> dict[str, str]:
    """Return role to column: as named, else by alias.

    Raises
    ------
    ConfigError
        When a named role or column does not exist.
    """
    for role, name in named.items():
        if role not in _ALIASES:
            near = get_close_matches(role, _ALIASES, n=3, cutoff=0.4) or list(_ALIASES)
            raise ConfigError(f"no role is called {role!r}, wanted one of {', '.join(near)}")
        if name not in table.columns:
            raise ConfigError(
                f"there is no column {name!r} for {role}: the file has {', '.join(table.columns)}"
            )
    by_plain: dict[str, str] = {}
    for name in table.columns:
        by_plain.setdefault(_plain(name), name)
    found: dict[str, str] = {}
    for role, aliases in _ALIASES.items():
        column = named.get(role) or next((by_plain[a] for a in aliases if a in by_plain), None)
        if column is not None:
            found[role] = column
    return found


def column_factor(role: str, column: str) -> float:
    """Return what a column's numbers are multiplied by to be in the unit of the role."""
    return _ALIASES[role].get(_plain(column), 1.0)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower().replace("đ", "d"))
    return re.sub(r"[^a-z0-9]", "", letters)


def measured_quantity(table: Table, found: Mapping[str, str], named: Mapping[str, str]) -> str:
    """Return the role of what was measured: a named one first, then by what serves best.

    Raises
    ------
    DataError
        When no column holds a level or loss.
    """
    for role in (*(r for r in _MEASURED if r in named), *_MEASURED):
        if role in found:
            return role
    raise DataError(
        f"no column tells what was measured; the file has {', '.join(table.columns)}: name a "
        f"column for one of {', '.join(_MEASURED)}"
    )
