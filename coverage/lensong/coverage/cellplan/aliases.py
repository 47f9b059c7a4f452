"""Column names as cell plans have them, and which of our fields they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["ALIASES", "ColumnMap", "match_columns", "squeezed"]

_UNITS = {
    "m", "ft", "feet", "km", "deg", "dbm", "db", "dbi", "dbd", "w", "mhz", "khz", "pct", "percent",
}  # fmt: skip

# Our field to the names it goes by, best first, without unit, blanks, case and accents.
ALIASES: dict[str, tuple[str, ...]] = {
    "cell_id": (
        "cellid", "cellname", "cell", "tencell", "macell", "cellcode", "ecellid", "eci", "ecgi",
        "nci", "cgi", "ci", "transmitter", "transmittername",
    ),
    "site_id": (
        "siteid", "site", "sitecode", "matram", "mastid", "btsid", "bts", "enodebid", "enbid",
        "gnodebid", "gnbid", "enodeb", "enb", "gnodeb", "gnb", "basestation", "sitename",
        "enodebname", "gnodebname", "btsname", "tentram", "tram",
    ),
    "site_name": ("sitename", "tentram", "enodebname", "gnodebname", "btsname", "name", "ten"),
    "operator": (
        "operator", "operatorname", "nhamang", "mno", "operateur", "nomop", "doanhnghiep",
        "provider",
    ),
    "technology": (
        "technology", "tech", "rat", "congnghe", "radio", "system", "networktype", "generation",
        "standard",
    ),
    "status": ("status", "active", "trangthai", "tinhtrang", "state", "onair"),
    "lat_deg": ("lat", "latitude", "latitute", "lati", "latwgs84", "wgs84lat", "vido"),
    "lon_deg": (
        "lon", "long", "lng", "longitude", "longtitude", "longtitute", "longitute", "lonwgs84",
        "wgs84lon", "kinhdo",
    ),
    "x_m": (
        "x", "easting", "east", "coordx", "xcoord", "toadox", "xvn2000", "utmx", "xl93",
        "xlambert93", "xutm",
    ),
    "y_m": (
        "y", "northing", "north", "coordy", "ycoord", "toadoy", "yvn2000", "utmy", "yl93",
        "ylambert93", "yutm",
    ),
    "azimuth_deg": (
        "azimuth", "azi", "azim", "azimut", "antennaazimuth", "bearing", "direction", "heading",
        "huong", "gocphuongvi", "phuongvi", "gochuong",
    ),
    "height_agl_m": (
        "heightagl", "antennaheight", "antheight", "antennaheightagl", "antenaheight", "height",
        "docaoanten", "chieucaoanten", "docaotreoanten", "chieucaotreoanten", "docao", "chieucao",
        "docaocot", "towerheight", "mastheight", "agl",
    ),
    "mechanical_downtilt_deg": (
        "mechtilt", "mechanicaltilt", "mechanicaldowntilt", "mechdowntilt", "mtilt", "mdowntilt",
        "mdt", "tiltco", "tiltcokhi", "tiltcohoc",
    ),
    "electrical_downtilt_deg": (
        "electilt", "electricaltilt", "electricaldowntilt", "electtilt", "elecdowntilt", "etilt",
        "eltilt", "edowntilt", "edt", "ret", "rettilt", "tiltdien",
    ),
    "additional_electrical_downtilt_deg": ("additionalelectricaldowntilt",),
    "total_downtilt_deg": (
        "tilt", "downtilt", "totaltilt", "tilttong", "gocngang", "goccup", "gocnghieng",
    ),
    "antenna": (
        "antenna", "antennafile", "antennamodel", "antennatype", "antennaname", "antennapattern",
        "anttype", "antmodel", "loaianten", "anten",
    ),
    "antenna_gain_dbi": ("antennagain", "antgain", "gain", "antennagaindbi"),
    "horizontal_beamwidth_deg": (
        "horizontalbeamwidth", "hbeamwidth", "hbw", "hpbw", "beamwidth", "hwidth",
    ),
    "vertical_beamwidth_deg": ("verticalbeamwidth", "vbeamwidth", "vbw", "vwidth"),
    "band": (
        "band", "bandname", "frequencyband", "freqband", "bandindicator", "operatingband",
        "bangtan",
    ),
    "earfcn": ("earfcn", "dlearfcn", "earfcndl", "downlinkearfcn", "earfcndownlink"),
    "nr_arfcn": (
        "nrarfcn", "nrarfcndl", "dlnrarfcn", "nrdlarfcn", "arfcnnr", "downlinknrarfcn",
        "ssbarfcn",
    ),
    "arfcn": ("arfcn", "downlinkarfcn", "dlarfcn", "arfcndl", "channelnumber"),
    "freq_mhz": (
        "frequency", "freq", "downlinkfrequency", "dlfrequency", "dlfreq", "centerfrequency",
        "centrefrequency", "carrierfrequency", "tanso",
    ),
    "bandwidth_mhz": (
        "bandwidth", "bw", "dlbandwidth", "dlbw", "downlinkbandwidth", "channelbandwidth",
        "cellbandwidth", "carrierbandwidth", "bangthong", "dorongbang",
    ),
    "subcarrier_spacing_khz": ("scs", "subcarrierspacing"),
    "physical_cell_id": ("pci", "physicalcellid", "physcellid", "physicalcellidentity"),
    "total_power_dbm": (
        "totalpower", "txpower", "maxpower", "papower", "maxtxpower", "totaltxpower", "pmax",
        "transmitpower", "maxtransmitpower", "maximumtransmissionpower", "carrierpower",
        "outputpower", "maximumpower", "tongcongsuat",
    ),
    "rs_power_dbm": (
        "rspower", "referencesignalpower", "referencesignalpowerperre", "crspower", "rspwr",
        "referencesignalpwr", "rsepre", "rsepreperantennaport", "referencesignalepre", "crsepre",
        "epre", "ssbpower", "sspbchblockpower", "sssepre", "pdschreferencesignalpower",
        "powerperre",
    ),
    "power_dbm": ("power", "congsuat", "congsuatphat", "cellpower", "pwr"),
    "reference_signal_boost_db": (
        "rsboost", "rspowerboost", "referencesignalboost", "crsboost", "powerboost", "boost",
    ),
    "feeder_loss_db": (
        "feederloss", "cableloss", "downlinkcableloss", "transmissionloss", "dlcableloss",
        "suyhaofeeder", "suyhao",
    ),
    "noise_figure_db": ("noisefigure", "btsnoisefigure", "enodebnoisefigure", "nf"),
    "downlink_load": ("downlinkload", "trafficloaddl", "dlload", "dltrafficload", "load"),
    "uplink_noise_rise_db": ("ulnoiserise", "uplinknoiserise", "puschnoiserise", "noiserise"),
    "radius_m": (
        "radius", "maincalculationradius", "calculationradius", "coverageradius", "cellradius",
        "distance", "bankinh",
    ),
    "backhaul": ("backhaul", "truyendan"),
    "power_supply": ("powersupply", "nguondien"),
    "has_4g": ("tech4g", "4g", "site4g", "has4g", "is4g", "lte"),
    "has_5g": ("tech5g", "5g", "site5g", "has5g", "is5g", "nr"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """Which column holds which field.

    Parameters
    ----------
    columns : dict
        Our field to the file's column.
    units : dict
        Our field to the unit in the column's name (lower case), where there is one.
    ignored : tuple of str
        Columns without a field, or with a field that a better named column has.
    """

    columns: dict[str, str]
    units: dict[str, str]
    ignored: tuple[str, ...]


def squeezed(name: str) -> tuple[str, str]:
    """Return a column name without unit, blanks, case and accents, and its unit or ``""``.

    Examples
    --------
    >>> squeezed("Antenna Height (m)"), squeezed("Độ cao anten"), squeezed("tx_power_dbm")
    (('antennaheight', 'm'), ('docaoanten', ''), ('txpower', 'dbm'))
    """
    text = name.replace("%", " pct ").replace("°", " deg ").replace("đ", "d").replace("Đ", "D")
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()
    words = [word for word in re.split(r"[^a-z0-9]+", plain) if word]
    if len(words) > 1 and words[-1] in _UNITS:
        return "".join(words[:-1]), words[-1]
    return "".join(words), ""


def match_columns(
    columns: Iterable[str], aliases: Mapping[str, tuple[str, ...]] = ALIASES
) -> ColumnMap:
    """Return which of a table's columns hold which field.

    Where several columns could hold a field, the one whose name stands first in the list of
    aliases wins. One column may serve two fields (a site's name is its id where it has no other).
    """
    columns = tuple(columns)
    by_name: dict[str, tuple[str, str]] = {}
    for column in columns:
        name, unit = squeezed(column)
        by_name.setdefault(name, (column, unit))
    found: dict[str, str] = {}
    units: dict[str, str] = {}
    for field, names in aliases.items():
        best = next((by_name[name] for name in names if name in by_name), None)
        if best is not None:
            found[field], units[field] = best
    used = set(found.values())
    return ColumnMap(
        columns=found,
        units={field: unit for field, unit in units.items() if unit},
        ignored=tuple(column for column in columns if column not in used),
    )
