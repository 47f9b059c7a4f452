"""Where public data of the land come from: one entry a source, nothing else knows an address.

None of these addresses was tried on the live servers: ``tried`` says so, and whoever has a network
and sees a source work may set it to the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

__all__ = ["BY_NAME", "ROLES", "SOURCES", "Source", "mirrored"]

Kind = Literal["raster", "vector", "archive of Vietnam"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A public data set and how its files are called.

    Parameters
    ----------
    name, title : str
        Short, and as people know it.
    role : str
        What it is in a scenario: one of `ROLES`.
    address : str
        Of one file; ``{tile}`` is ``N22_00_E103_00`` or ``N21E102``, ``{iso3}`` and ``{ISO3}`` the
        country, ``{level}`` the level of administration.
    listing : str
        Address of the list of tiles that exist, where the source publishes one.
    only_country : str
        The source is for this country alone, and no other of its role is asked about it.
    kind : str
        What a file has to be.
    file_bytes : float
        About the size of one, for the estimate where the server tells none.
    etag_is_md5 : bool
        The server publishes the MD5 of a file as its ETag (Amazon S3, files sent in one part).
    licence, licence_address, attribution : str
        The last has to stand wherever results are shown.
    tried : str
        Day on which the address was last seen to work; empty: never.
    """

    name: str
    title: str
    role: str
    address: str
    kind: Kind
    file_bytes: float
    licence: str
    licence_address: str
    attribution: str
    listing: str = ""
    only_country: str = ""
    etag_is_md5: bool = False
    tried: str = ""


ROLES = ("elevation", "land_cover", "population", "communes", "villages")

_DEM = "Copernicus_DSM_COG_{arc}_{{tile}}_DEM"
_DEM_LICENCE = "Copernicus DEM licence: free, with attribution"
_DEM_LICENCE_ADDRESS = (
    "https://dataspace.copernicus.eu/explore-data/data-collections/"
    "copernicus-contributing-missions/collections-description/COP-DEM"
)
_DEM_ATTRIBUTION = (
    "Elevation: Copernicus WorldDEM-{metres} © DLR e.V. 2010-2014 and © Airbus Defence and Space "
    "GmbH 2014-2018, provided under COPERNICUS by the European Union and ESA; all rights reserved"
)


def _copernicus(metres: int, arc: int, file_bytes: float) -> Source:
    bucket = f"https://copernicus-dem-{metres}m.s3.amazonaws.com"
    name = _DEM.format(arc=arc)
    return Source(
        name=f"copernicus-glo{metres}",
        title=f"Copernicus DEM GLO-{metres}",
        role="elevation",
        address=f"{bucket}/{name}/{name}.tif",
        listing=f"{bucket}/tileList.txt",
        kind="raster",
        file_bytes=file_bytes,
        etag_is_md5=True,
        licence=_DEM_LICENCE,
        licence_address=_DEM_LICENCE_ADDRESS,
        attribution=_DEM_ATTRIBUTION.format(metres=metres),
    )


SOURCES = (
    _copernicus(30, 10, 30e6),
    _copernicus(90, 30, 4e6),  # where GLO-30 leaves land out
    Source(
        name="esa-worldcover",
        title="ESA WorldCover 10 m, 2021, v200",
        role="land_cover",
        address="https://esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map/"
        "ESA_WorldCover_10m_2021_v200_{tile}_Map.tif",
        kind="raster",
        file_bytes=60e6,
        etag_is_md5=True,
        licence="CC BY 4.0",
        licence_address="https://creativecommons.org/licenses/by/4.0/",
        attribution="Land cover: © ESA WorldCover project 2021 / Contains modified Copernicus "
        "Sentinel data (2021) processed by ESA WorldCover consortium",
    ),
    Source(
        name="worldpop",
        title="WorldPop 2025, constrained, 100 m, R2025A v1",
        role="population",
        address="https://data.worldpop.org/GIS/Population/Global_2015_2030/R2025A/2025/{ISO3}/v1/"
        "100m/constrained/{iso3}_pop_2025_CN_100m_R2025A_v1.tif",
        kind="raster",
        file_bytes=75e6,
        licence="CC BY 4.0",
        licence_address="https://creativecommons.org/licenses/by/4.0/",
        attribution="Population: WorldPop (www.worldpop.org), University of Southampton, 2025, "
        "R2025A v1",
    ),
    Source(
        name="vietnam-communes",
        title="Communes and provinces of Vietnam since July 2025",
        role="communes",
        address="https://raw.githubusercontent.com/thanglequoc/vietnamese-provinces-database/master/"
        "json/vn_provinces_wards_geojson.zip",
        only_country="VNM",
        kind="archive of Vietnam",
        file_bytes=48e6,
        licence="MIT",
        licence_address="https://github.com/thanglequoc/vietnamese-provinces-database",
        attribution="Communes: thanglequoc/vietnamese-provinces-database, after the administrative "
        "map of the Vietnam Natural Resources, Environment and Cartography Publishing House",
    ),
    Source(
        name="geoboundaries",
        title="geoBoundaries gbOpen",
        role="communes",
        address="https://github.com/wmgeolab/geoBoundaries/raw/main/releaseData/gbOpen/{ISO3}/"
        "{level}/geoBoundaries-{ISO3}-{level}.geojson",
        kind="vector",
        file_bytes=20e6,
        licence="CC BY 4.0 or the open licence of the country, see its page",
        licence_address="https://www.geoboundaries.org",
        attribution="Boundaries: geoBoundaries (www.geoboundaries.org), Runfola et al. 2020",
    ),
    Source(
        name="osm-places",
        title="OpenStreetMap places, export of the Humanitarian OpenStreetMap Team",
        role="villages",
        address="https://s3.dualstack.us-east-1.amazonaws.com/production-raw-data-api/ISO3/{ISO3}/"
        "populated_places/points/hotosm_{iso3}_populated_places_points_geojson.zip",
        kind="vector",
        file_bytes=3e6,
        etag_is_md5=True,
        licence="ODbL 1.0",
        licence_address="https://opendatacommons.org/licenses/odbl/1-0/",
        attribution="Places: © OpenStreetMap contributors (www.openstreetmap.org/copyright), "
        "exported by HOT",
    ),
)

BY_NAME = {source.name: source for source in SOURCES}


def mirrored(address: str, mirror: str) -> str:
    """Return where a mirror keeps an address: below the name of its host, as ``wget -x`` does.

    Examples
    --------
    >>> mirrored("https://data.worldpop.org/GIS/a.tif", "http://mirror.example/gis/")
    'http://mirror.example/gis/data.worldpop.org/GIS/a.tif'
    """
    if not mirror:
        return address
    parts = urlsplit(address)
    return f"{mirror.rstrip('/')}/{parts.netloc}{parts.path}"
