"""Column names as cell plans have them, and which of our fields they mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from lensong.propagation.errors import ConfigError

__all__ = ["ALIASES", "UNIT_KEYS", "ColumnMap", "match_columns", "squeezed"]

_UNITS = {
    "m", "ft", "feet", "km", "deg", "degrees", "dbm", "dbw", "db", "dbi", "dbd", "w", "kw", "mw",
    "watt", "watts", "mhz", "khz", "ghz", "hz", "pct", "percent", "metre", "metres", "meter",
    "meters",
}  # fmt: skip

# Our field to the names it goes by, best first, without unit, blanks, case and accents.
ALIASES: dict[str, tuple[str, ...]] = {
    "cell_id": (
        "cellid", "cellname", "cell", "tencell", "macell", "cellcode", "ecellid", "eci", "ecgi",
        "nci", "cgi", "ci", "transmitter", "transmittername", "cid", "celda", "idcelda",
        "nombrecelda", "cellule", "idcellule", "nomcellule", "zelle", "zellenid", "zellid",
        "zellname", "celula",
    ),
    "site_id": (
        "siteid", "site", "sitecode", "matram", "mastid", "btsid", "bts", "enodebid", "enbid",
        "gnodebid", "gnbid", "enodeb", "enb", "gnodeb", "gnb", "basestation", "sitename",
        "enodebname", "gnodebname", "btsname", "tentram", "tram", "numsite", "codesite", "idsite",
        "siteref", "sitenumber", "siteno", "nosite", "nosupport", "numsupport", "supportid",
        "idsupport", "idstation", "stationid", "idstationanfr", "supid", "nomsite", "sitio",
        "idsitio", "codigositio", "emplazamiento", "codigoemplazamiento", "estacion",
        "estacionbase", "standort", "standortid", "standortnummer", "basisstation", "masten",
        "mastname", "tower", "towerid", "bscode", "nodeb", "nodebid", "nodebname",
    ),
    "site_name": (
        "sitename", "tentram", "enodebname", "gnodebname", "btsname", "name", "ten", "nomsite",
        "nombresitio", "nombre", "standortname", "nom", "matramten", "stationname", "mastname",
        "towername",
    ),
    "operator": (
        "operator", "operatorname", "nhamang", "mno", "operateur", "nomop", "doanhnghiep", "plmn",
        "plmnid", "mccmnc",
        "provider", "operatorcode", "exploitant", "operador", "operadora", "betreiber",
        "netzbetreiber", "anbieter", "networkoperator", "networkname", "mobileoperator",
        "telco", "tennhamang", "codeop", "exploitantnom", "admlbnom",
    ),
    "technology": (
        "technology", "tech", "rat", "congnghe", "radio", "system", "networktype", "generation",
        "standard", "techno", "technologie", "tecnologia", "technik", "systeme", "sistema",
        "systems", "lbsysteme", "emrlbsysteme", "generationtechno", "gen", "funktechnik",
        "mobilfunkstandard", "radiotype", "radiotech", "loaicongnghe", "loaitram", "networkmode",
        "rattype", "accesstechnology", "radioaccesstechnology",
    ),
    "status": (
        "status", "active", "trangthai", "tinhtrang", "state", "onair", "etat", "statut", "estado",
        "actif", "activo", "aktiv", "operationalstatus", "sitestatus", "cellstatus",
        "tinhtranghoatdong",
    ),
    "lat_deg": (
        "latitudegeometry", "lat", "latitude", "latitute", "lati", "latwgs84", "wgs84lat", "vido",
        "latdeg", "latitud", "breite", "breitengrad", "geobreite", "geographischebreite",
        "latdecimal", "decimallatitude", "sitelat", "sitelatitude", "gpslat", "latdd", "latdms",
        "latitudewgs84", "vidowgs84", "coordlat",
    ),
    "lon_deg": (
        "longitudegeometry", "lon", "long", "lng", "longitude", "longtitude", "longtitute",
        "longitute", "lonwgs84", "wgs84lon", "kinhdo", "londeg", "longitud", "laenge",
        "laengengrad", "lange", "langengrad", "geolaenge", "geographischelange", "londecimal",
        "decimallongitude", "sitelon", "sitelong", "sitelongitude", "gpslon", "gpslong", "gpslng",
        "londd", "londms", "longitudewgs84", "kinhdowgs84", "coordlon",
    ),
    "x_m": (
        "x", "easting", "east", "coordx", "xcoord", "toadox", "xvn2000", "utmx", "xl93",
        "xlambert93", "xutm", "coordonneex", "coordenadax", "rechtswert", "ostwert", "este",
        "xwgs84utm", "eastings", "utmeasting", "xcoordinate", "abscisse",
    ),
    "y_m": (
        "y", "northing", "north", "coordy", "ycoord", "toadoy", "yvn2000", "utmy", "yl93",
        "ylambert93", "yutm", "coordonneey", "coordenaday", "hochwert", "nordwert", "norte",
        "ywgs84utm", "northings", "utmnorthing", "ycoordinate", "ordonnee",
    ),
    "azimuth_deg": (
        "azimuth", "azi", "azim", "azimut", "antennaazimuth", "bearing", "direction", "heading",
        "huong", "gocphuongvi", "phuongvi", "gochuong", "acimut", "azimutgrados", "orientacion",
        "orientation", "richtung", "hauptstrahlrichtung", "azm", "antennadirection",
        "antennabearing", "sectorazimuth", "cellazimuth", "azimuts", "azimuths", "azimuth1",
        "azimutdegres",
    ),
    "height_agl_m": (
        "heightagl", "antennaheight", "antheight", "antennaheightagl", "antenaheight", "height",
        "docaoanten", "chieucaoanten", "docaotreoanten", "chieucaotreoanten", "docao", "chieucao",
        "docaocot", "towerheight", "mastheight", "agl", "antennaheightm", "antennahgt", "hgt",
        "antheightagl", "hauteur", "hauteurantenne", "hauteurantennes", "hauteuraerien",
        "hauteursol", "hauteurantennesol", "hauteurmediane", "hba", "hma", "aerhauteur", "altura",
        "alturaantena", "alturadeantena", "alturadelaantena", "hohe", "antennenhohe",
        "hoheantenne", "montagehohe", "hoheubergrund", "hoheuberboden", "hoeheueberboden",
        "antennenhoehe", "hoehe", "radcenter", "radiationcenter", "radiationcentre", "radcentre",
        "radiatingcenter", "antennacenterline", "centerline", "supporthauteur", "chieucaotreo",
        "docaotreo", "structureheight", "siteheight",
    ),
    "mechanical_downtilt_deg": (
        "mechtilt", "mechanicaltilt", "mechanicaldowntilt", "mechdowntilt", "mtilt", "mdowntilt",
        "mdt", "tiltco", "tiltcokhi", "tiltcohoc", "mechanical", "tiltmeca", "tiltmecanique",
        "tiltmecanico", "inclinacionmecanica", "mechanischerdowntilt", "mechanischerneigung",
        "mechanischertilt", "mechdt", "mdtilt", "mtdeg", "mt",
    ),
    "electrical_downtilt_deg": (
        "electilt", "electricaltilt", "electricaldowntilt", "electtilt", "elecdowntilt", "etilt",
        "eltilt", "edowntilt", "edt", "ret", "rettilt", "tiltdien", "electrical", "tiltelec",
        "tiltelectrique", "tiltelectrico", "inclinacionelectrica", "elektrischerdowntilt",
        "elektrischertilt", "elecdt", "edtilt", "et", "retangle", "electricdowntilt",
        "electrictilt",
    ),
    "additional_electrical_downtilt_deg": ("additionalelectricaldowntilt",),
    "total_downtilt_deg": (
        "tilt", "downtilt", "totaltilt", "tilttong", "gocngang", "goccup", "gocnghieng",
        "inclinaison", "inclinacion", "neigung", "absenkung", "depointage", "tiltdeg",
        "tiltantenne", "tiltantena",
    ),
    "antenna": (
        "antenna", "antennafile", "antennamodel", "antennatype", "antennaname", "antennapattern",
        "anttype", "antmodel", "loaianten", "anten", "antenne", "antennename", "antennentyp",
        "antena", "modeloantena", "modeleantenne", "typeantenne", "tipoantena",
    ),
    "antenna_gain_dbi": (
        "antennagain", "antgain", "gain", "antennagaindbi", "gainantenne", "ganancia",
        "gananciaantena", "gewinn", "antennengewinn", "doloianten", "doloi", "gananciadeantena",
    ),
    "horizontal_beamwidth_deg": (
        "horizontalbeamwidth", "hbeamwidth", "hbw", "hpbw", "beamwidth", "hwidth", "ouverture",
        "ouverturehorizontale", "anchodehaz", "anchodehazhorizontal", "offnungswinkel",
        "halbwertsbreite", "hbwdeg", "h3db", "azimuthbeamwidth", "horizontal3dbbeamwidth",
        "hplanebeamwidth",
    ),
    "vertical_beamwidth_deg": (
        "verticalbeamwidth", "vbeamwidth", "vbw", "vwidth", "ouvertureverticale",
        "anchodehazvertical", "vertikaleroffnungswinkel", "v3db", "elevationbeamwidth",
    ),
    "band": (
        "band", "bandname", "frequencyband", "freqband", "bandindicator", "operatingband",
        "bangtan", "bande", "bandefrequence", "bandefrequences", "bandedefrequence",
        "bandedefrequences", "banda", "bandadefrecuencia", "bandafrecuencia", "frequenzband",
        "frequencybands", "ltebands", "lteband", "nrband", "bandnumber", "bandid", "bands",
        "bandes", "bandas", "bander", "freqbandind", "bandclass", "bangtanso", "daitan",
    ),
    "earfcn": (
        "earfcn", "dlearfcn", "earfcndl", "downlinkearfcn", "earfcndownlink", "earfcndlul",
        "lteearfcn", "dlcarrierearfcn",
    ),
    "nr_arfcn": (
        "nrarfcn", "nrarfcndl", "dlnrarfcn", "nrdlarfcn", "arfcnnr", "downlinknrarfcn",
    ),
    "arfcn": ("arfcn", "downlinkarfcn", "dlarfcn", "arfcndl", "channelnumber"),
    "freq_mhz": (
        "frequency", "freq", "downlinkfrequency", "dlfrequency", "dlfreq", "centerfrequency",
        "centrefrequency", "carrierfrequency", "tanso", "frequence", "frequencecentrale",
        "frecuencia", "frecuenciacentral", "frequenz", "mittenfrequenz", "centrefreq",
        "centerfreq", "dlfrequencymhz", "tansotrungtam", "tansophat", "frequencedl",
        "frecuenciadl", "txfrequency", "downlinkfreq", "dlcenterfrequency", "dlcentrefrequency",
    ),
    "bandwidth_mhz": (
        "bandwidth", "bw", "dlbandwidth", "dlbw", "downlinkbandwidth", "channelbandwidth",
        "cellbandwidth", "carrierbandwidth", "bangthong", "dorongbang", "largeurdebande",
        "largeurbande", "anchodebanda", "anchobanda", "bandbreite", "kanalbandbreite",
        "dorongkenh", "dorongbangtan", "channelbw", "systembandwidth", "carrierbw", "ltebandwidth",
        "nrbandwidth", "bandwith",
    ),
    "subcarrier_spacing_khz": ("scs", "subcarrierspacing"),
    "physical_cell_id": (
        "pci", "physicalcellid", "physcellid", "physicalcellidentity", "pcid", "pciid", "psccpi",
    ),
    "total_power_dbm": (
        "totalpower", "txpower", "maxpower", "papower", "maxtxpower", "totaltxpower", "pmax",
        "transmitpower", "maxtransmitpower", "maximumtransmissionpower", "carrierpower",
        "outputpower", "maximumpower", "tongcongsuat", "puissancetotale", "puissancemax",
        "puissancemaximale", "puissanceemission", "puissancedemission", "puissanceemetteur",
        "potenciatotal", "potenciamaxima", "potenciatx", "potenciatransmision",
        "potenciadetransmision", "potenciatransmisor", "gesamtleistung", "sendeleistung",
        "maximaleleistung", "txpwr", "txpowertotal", "totalpwr", "maxpwr", "maximumtransmitpower",
        "cellmaxpower", "cellpowermax", "totaltransmitpower", "bstxpower", "congsuatmax",
        "congsuattong", "congsuatphattong", "congsuatmaymatphat", "tongcongsuatphat",
        "configuredmaxtxpower", "txpowermax", "pmaxtotal", "conductedpower", "trppower",
    ),
    "rs_power_dbm": (
        "rspower", "referencesignalpower", "referencesignalpowerperre", "crspower", "rspwr",
        "referencesignalpwr", "rsepre", "rsepreperantennaport", "referencesignalepre", "crsepre",
        "epre", "ssbpower", "sspbchblockpower", "sssepre", "pdschreferencesignalpower",
        "powerperre", "crspwr", "crsrefpower", "puissancers", "potenciars", "rsleistung",
        "congsuatrs", "refsignalpower", "referencepower", "powerreferencesignal", "sspower",
        "ssbpwr", "pilotpower", "rspowerperport", "cellrspower",
    ),
    "power_dbm": (
        "power", "congsuat", "congsuatphat", "cellpower", "pwr", "puissance", "potencia",
        "leistung", "pw", "cellpwr", "signalpower",
    ),
    "reference_signal_boost_db": (
        "rsboost", "rspowerboost", "referencesignalboost", "crsboost", "powerboost", "boost",
    ),
    "feeder_loss_db": (
        "feederloss", "cableloss", "downlinkcableloss", "transmissionloss", "dlcableloss",
        "suyhaofeeder", "suyhao", "feeder", "feederlosses", "pertesfeeder", "pertefeeder",
        "pertecable", "pertescable", "pertes", "perdidas", "perdidascable", "perdidafeeder",
        "kabeldampfung", "kabelverlust", "leitungsverlust", "cablelosses", "jumperloss",
        "totalloss", "lineloss", "suyhaocap",
    ),
    "noise_figure_db": (
        "noisefigure", "btsnoisefigure", "enodebnoisefigure", "nf", "facteurdebruit",
        "figuraderuido", "rauschzahl",
    ),
    "downlink_load": (
        "downlinkload", "trafficloaddl", "dlload", "dltrafficload", "load", "charge", "carga",
        "auslastung", "last", "cellload", "prbutilization", "prbusage", "tailuong",
        "dlutilization", "downlinkutilization",
    ),
    "uplink_noise_rise_db": ("ulnoiserise", "uplinknoiserise", "puschnoiserise", "noiserise"),
    "radius_m": (
        "radius", "maincalculationradius", "calculationradius", "coverageradius", "cellradius",
        "distance", "bankinh", "rayon", "radiocobertura", "radiodecobertura", "alcance",
        "reichweite", "portee", "coveragedistance", "maxrange", "calculationdistance",
        "bankinhphu",
    ),
    "listed_ground_m": (
        "ground", "groundelevation", "groundheight", "groundlevel", "groundamsl", "groundasl",
        "siteelevation", "sitealtitude", "siteamsl", "terrainheight", "terrainelevation",
        "altitude", "elevation", "dem", "amsl", "asl", "altitudesol", "altitudengf", "altitud",
        "altitudterreno", "gelandehohe", "hoheunn", "hohenn", "caodo", "caododiahinh",
        "docaodiahinh", "docaomatdat", "ele", "elev",
    ),
    "backhaul": ("backhaul", "truyendan"),
    "power_supply": ("powersupply", "nguondien"),
    "uncertain": ("uncertain", "uncertainposition", "estimatedposition"),
    "on_air_since": (
        "onairsince", "onairdate", "dateonair", "activationdate", "dateofactivation", "launchdate",
        "inservicedate", "servicedate", "commissioningdate", "datemiseenservice",
        "miseenservice", "emrdtservice", "ngayphatsong", "ngayhoatdong", "ngaykichhoat",
    ),
    "eirp_dbm": (
        "eirp", "pire", "maxeirp", "eirpmax", "totaleirp", "eirptotal", "pirmax", "piretotal",
        "piremax", "carriereirp", "eirpcarrier", "eirppercarrier", "isotropstrahlleistung",
        "aquivalenteisotropestrahlungsleistung",
    ),
    "erp_dbm": ("erp", "par", "maxerp", "erpmax", "totalerp", "strahlungsleistung"),
    "carrier": (
        "carrier", "carriername", "lteecarrier", "dlcarrier", "portadora", "porteuse", "trager",
    ),
    "ssb_arfcn": ("ssbarfcn", "ssbnrarfcn", "nrarfcnssb", "arfcnssb", "absolutefrequencyssb"),
    "position": (
        "latlon", "latlng", "latlong", "latitudelongitude", "coordinates", "coordinate", "coords",
        "coord", "gps", "gpscoordinates", "toado", "toadogps", "wkt", "geom", "geometry",
        "position", "coordonnees", "coordenadas", "koordinaten", "geopoint", "mgrs", "usng",
        "locationmgrs", "positionmgrs", "coordinatesmgrs", "mgrscoordinates", "toadomgrs",
        "gridreference", "gridref", "militarygrid", "mgrsgrid",
    ),
    "mcc": ("mcc", "mobilecountrycode"),
    "mnc": ("mnc", "mobilenetworkcode"),
    "has_2g": ("tech2g", "2g", "site2g", "has2g", "gsm", "co2g"),
    "has_3g": ("tech3g", "3g", "site3g", "has3g", "umts", "wcdma", "co3g"),
    "has_4g": (
        "tech4g", "4g", "site4g", "has4g", "is4g", "lte", "lte4g", "tech4glte", "co4g",
    ),
    "has_5g": (
        "tech5g", "5g", "site5g", "has5g", "is5g", "nr", "nr5g", "co5g", "tech5gnr",
    ),
}  # fmt: skip


UNIT_KEYS: dict[str, tuple[str, str]] = {
    "total_power_w": ("total_power_dbm", "w"),
    "total_power_dbw": ("total_power_dbm", "dbw"),
    "eirp_w": ("eirp_dbm", "w"),
    "eirp_dbw": ("eirp_dbm", "dbw"),
    "erp_w": ("erp_dbm", "w"),
    "erp_dbw": ("erp_dbm", "dbw"),
    "height_agl_ft": ("height_agl_m", "ft"),
    "radius_km": ("radius_m", "km"),
    "antenna_gain_dbd": ("antenna_gain_dbi", "dbd"),
    "freq_ghz": ("freq_mhz", "ghz"),
    "freq_khz": ("freq_mhz", "khz"),
    "bandwidth_khz": ("bandwidth_mhz", "khz"),
    "downlink_load_pct": ("downlink_load", "pct"),
    "mechanical_uptilt_deg": ("mechanical_downtilt_deg", "up"),
    "electrical_uptilt_deg": ("electrical_downtilt_deg", "up"),
}
"""Keys of ``[network.columns]`` that say another unit or sign than the field's: field and unit."""


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
    denied : frozenset of str
        Fields that the user says no column has.
    """

    columns: dict[str, str]
    units: dict[str, str]
    ignored: tuple[str, ...]
    denied: frozenset[str] = frozenset()


def squeezed(name: str) -> tuple[str, str]:
    """Return a column name without unit, blanks, case and accents, and its unit or ``""``.

    Examples
    --------
    >>> squeezed("Antenna Height (m)"), squeezed("Độ cao ăng-ten"), squeezed("tx_power_dbm")
    (('antennaheight', 'm'), ('docaoanten', ''), ('txpower', 'dbm'))
    """
    name = re.sub(r"(?i)\bn[°º]", "no ", name)  # a number, no degree
    text = name.replace("%", " pct ").replace("°", " deg ").replace("đ", "d").replace("Đ", "D")
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).lower()
    words = [word for word in re.split(r"[^a-z0-9]+", plain) if word]
    unit = words.pop() if len(words) > 1 and words[-1] in _UNITS else ""
    return "".join(words).replace("angten", "anten"), unit  # ăng-ten and anten are one word


def match_columns(
    columns: Iterable[str],
    aliases: Mapping[str, tuple[str, ...]] = ALIASES,
    chosen: Mapping[str, str] | None = None,
) -> ColumnMap:
    """Return which of a table's columns hold which field.

    Where several columns could hold a field, the one whose name stands first in the list of
    aliases wins. One column may serve two fields (a site's name is its id where it has no other).

    Parameters
    ----------
    columns : iterable of str
        Of the file.
    aliases : dict
        Field to the names it goes by, squeezed.
    chosen : dict or None
        The user's own choice, ``[network.columns]``: a field or one of `UNIT_KEYS` to a column. It
        goes before the aliases; an empty text says that no column has the field.

    Raises
    ------
    ConfigError
        The choice names a field or a column that does not exist.
    """
    columns = tuple(columns)
    by_name: dict[str, tuple[str, str]] = {}
    for column in columns:
        name, unit = squeezed(column)
        by_name.setdefault(name, (column, unit))
    picked, denied = _picked(columns, aliases, chosen or {})
    taken = {column for column, _ in picked.values()}
    found: dict[str, str] = {}
    units: dict[str, str] = {}
    for field, names in aliases.items():
        if field in denied:
            continue
        best = picked.get(field) or next(
            (by_name[n] for n in names if n in by_name and by_name[n][0] not in taken), None
        )
        if best is not None:
            found[field], units[field] = best
    used = set(found.values())
    return ColumnMap(
        columns=found,
        units={field: unit for field, unit in units.items() if unit},
        ignored=tuple(column for column in columns if column not in used),
        denied=denied,
    )


def _picked(
    columns: tuple[str, ...], aliases: Mapping[str, tuple[str, ...]], chosen: Mapping[str, str]
) -> tuple[dict[str, tuple[str, str]], frozenset[str]]:
    """Return the user's choice as field to column and unit, and the fields that no column has."""
    by_key = {_folded(column): column for column in reversed(columns)}
    picked: dict[str, tuple[str, str]] = {}
    denied = set()
    for key, column in chosen.items():
        field, unit = UNIT_KEYS.get(key, (key, ""))
        if field not in aliases:
            if field in ALIASES and not column:
                continue
            if field in ALIASES:
                raise ConfigError(
                    f"network.columns.{key} is {column!r}, a column of a table whose rows do not "
                    f"say {field}: name one of another of Atoll's tables"
                )
            known = (*ALIASES, *UNIT_KEYS)
            near = get_close_matches(key, known, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            raise ConfigError(
                f"network.columns has {key!r}, wanted one of {', '.join(known)}{hint}"
            )
        if not column:
            denied.add(field)
            continue
        if _folded(column) not in by_key:
            near = get_close_matches(column, columns, n=1)
            hint = f": did you mean {near[0]!r}?" if near else ""
            raise ConfigError(
                f"network.columns.{key} is {column!r}, but the list has no such column, it has "
                f"{', '.join(columns)}{hint}"
            )
        found = by_key[_folded(column)]
        picked[field] = (found, unit or squeezed(found)[1])
    return picked, frozenset(denied)


def _folded(column: str) -> str:
    return " ".join(unicodedata.normalize("NFC", column).casefold().split())
