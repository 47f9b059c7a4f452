"""What the columns of drive-test logs are called: G-NetTrack, Network Survey, Nemo and others."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from lensong.coverage.cellplan.aliases import match_columns
from lensong.propagation.errors import ConfigError

__all__ = ["LOG_ALIASES", "find_log_columns"]

LOG_ALIASES: dict[str, tuple[str, ...]] = {
    "lat_deg": (
        "latitudegeometry", "latitude", "lat", "gpslat", "gpslatitude", "latdeg", "rxlat",
        "rxlatitude", "vido", "ylat", "latwgs84", "positionlat",
    ),
    "lon_deg": (
        "longitudegeometry", "longitude", "lon", "lng", "long", "gpslon", "gpslong",
        "gpslongitude", "londeg", "rxlon", "rxlongitude", "longtitude", "kinhdo", "xlon",
        "lonwgs84", "positionlon",
    ),
    "rsrp_dbm": (
        "rsrp", "ltersrp", "servingrsrp", "rsrpserving", "servingcellrsrp", "rsrpservingcell",
        "pcellrsrp", "rsrppcell", "rsrp1st", "rsrp1", "rsrp0", "rsrpavg", "avgrsrp",
        "ltescanrsrp", "scannerrsrp", "scanrsrp", "bestrsrp", "rsrptop1", "rsrpdbm1",
        "referencesignalreceivedpower", "rxlevrsrp",
    ),
    "nr_rsrp_dbm": (
        "ssrsrp", "nrrsrp", "nrssrsrp", "ssbrsrp", "nrssbrsrp", "servingssrsrp", "nrpcellssrsrp",
        "ssrsrp1st", "nrservingrsrp", "rsrpnr", "rsrp5g", "5grsrp", "csirsrp",
    ),
    "total_dbm": (
        "rssi", "ltecarrierrssi", "carrierrssi", "lterssi", "rxlevel", "rxlev", "rxpower",
        "receivedpower", "level", "power", "channelpower", "totalpower", "signalstrength",
    ),
    "technology": (
        "networkmode", "technology", "tech", "rat", "networktype", "nettype", "system", "radio",
        "radiotech", "rattype", "networktech", "congnghe", "servicedisplay", "accesstechnology",
        "network",
    ),
    "cell_id": (
        "rawcellid", "eci", "nci", "ecgi", "ncgi", "cgi", "cellidentity", "eutrancellid",
        "globalcellid", "longcellid", "fullcellid", "cid28", "servingcellid", "cellid",
        "cellname", "servingcellname", "ecellid", "nrcellid", "ltecellid", "cellidentification",
        "ci", "cid", "cell",
    ),
    "station": ("enb", "enodeb", "enbid", "enodebid", "gnb", "gnodeb", "gnbid", "gnodebid", "node"),
    "station_hex": ("nodehex", "enbhex", "gnbhex"),
    "pci": (
        "pci", "physicalcellid", "physicalcellidentity", "phycellid", "ltepci", "nrpci",
        "servingpci", "pciserving", "servingcellpci", "pcellpci", "pcipcell", "pci1st",
        "physicalcellid1st", "pci1", "pci0", "nrphysicalcellid", "psc", "pscpci", "physcellid",
    ),
    "earfcn": (
        "earfcn", "dlearfcn", "earfcndl", "downlinkearfcn", "lteearfcn", "servingearfcn",
        "pcellearfcn", "earfcnpcell", "earfcn1st",
    ),
    "nr_arfcn": (
        "narfcn", "nrarfcn", "nrarfcndl", "dlnrarfcn", "nrdlarfcn", "ssbarfcn", "nrservingarfcn",
        "ssbnrarfcn", "gscnarfcn",
    ),
    "arfcn": ("arfcn", "channel", "ch", "channelnumber", "chnumber", "channel1st", "dlarfcn"),
    "freq_mhz": (
        "freq", "frequency", "dlfrequency", "downlinkfrequency", "dlfreq", "carrierfrequency",
        "centerfrequency", "centrefrequency", "tanso",
    ),
    "operator": (
        "operatorname", "operator", "provider", "carriername", "carrier", "networkoperator",
        "networkname", "nhamang", "plmn", "mccmnc",
    ),
    "mcc": ("mcc", "mobilecountrycode"),
    "mnc": ("mnc", "mobilenetworkcode"),
    "phone": (
        "phone", "phoneid", "deviceserial", "deviceid", "device", "devicename", "ue", "ueid",
        "imei", "terminal", "handset", "equipment", "devicemodel", "model", "maythu",
    ),
    "moment": (
        "timestamp", "devicetime", "datetime", "time", "gpstime", "utctime", "utc", "systemtime",
        "thoigian", "createdat", "ts", "measuredat", "eventtime",
    ),
    "serving": ("servingcell", "isserving", "serving", "registered", "isregistered"),
}  # fmt: skip
"""Role to the names it goes by, best first, without unit, blanks, case and accents."""


def find_log_columns(columns: tuple[str, ...], named: Mapping[str, str]) -> dict[str, str]:
    """Return role to column: as named, else by alias.

    Raises
    ------
    ConfigError
        When a named role or column does not exist.
    """
    for role, name in named.items():
        if role not in LOG_ALIASES:
            near = get_close_matches(role, LOG_ALIASES, n=3, cutoff=0.4) or list(LOG_ALIASES)
            raise ConfigError(f"no role is called {role!r}, wanted one of {', '.join(near)}")
        if name not in columns:
            raise ConfigError(
                f"there is no column {name!r} for {role}: the file has {', '.join(columns)}"
            )
    rest = [column for column in columns if column not in named.values()]
    found = match_columns(rest, LOG_ALIASES).columns
    return found | dict(named)
