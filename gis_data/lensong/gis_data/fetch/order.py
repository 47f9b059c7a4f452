"""What an area needs from which source: addresses, and where the files will lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from lensong.gis_data.fetch.area import FetchArea, tiles_over
from lensong.gis_data.fetch.sources import BY_NAME, ROLES, SOURCES, Source
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["Order", "Wanted", "check_countries", "check_roles", "order_of"]

_BY_COUNTRY = ("population", "communes", "villages")
_TILE_NAME = re.compile(r"_(?P<tile>[NS]\d{2}_00_[EW]\d{3}_00)_DEM")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One file.

    Parameters
    ----------
    source : Source
    address : str
        Without regard to a mirror.
    path : str
        Below the folder of the land.
    """

    source: Source
    address: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that an area needs.

    Parameters
    ----------
    files : tuple of Wanted
    sea_tiles : tuple of str
        Tiles of elevation that no source has: open sea.
    coarser_tiles : tuple of str
        Tiles that GLO-30 does not publish and GLO-90 does.
    """

    files: tuple[Wanted, ...]
    sea_tiles: tuple[str, ...] = ()
    coarser_tiles: tuple[str, ...] = ()


def check_roles(names: Iterable[str]) -> tuple[str, ...]:
    """Return the roles asked for in our order; raises ConfigError at one that is unknown."""
    asked = list(names) or list(ROLES)
    for name in asked:
        if name not in ROLES:
            raise ConfigError(f"--only names {name!r}, wanted some of {', '.join(ROLES)}")
    return tuple(role for role in ROLES if role in asked)


def check_countries(codes: Iterable[str], roles: Collection[str]) -> tuple[str, ...]:
    """Return the countries as upper-case codes; raises ConfigError where one is needed or wrong."""
    countries = tuple(dict.fromkeys(code.strip().upper() for code in codes))
    for code in countries:
        if not re.fullmatch("[A-Z]{3}", code):
            raise ConfigError(
                f"--country is {code!r}, wanted the three letters of ISO 3166-1, such as VNM"
            )
    need = [role for role in roles if role in _BY_COUNTRY]
    if need and not countries:
        rest = [role for role in roles if role not in _BY_COUNTRY] or ["elevation"]
        raise ConfigError(
            f"{', '.join(need)} come by country: give --country (three letters, such as VNM), or "
            f"leave them out with --only {','.join(rest)}"
        )
    return countries


def order_of(
    area: FetchArea,
    *,
    roles: Collection[str],
    countries: Collection[str],
    level: str,
    margin_km: float,
    listing: Callable[[Source], str],
) -> Order:
    """Return what an area needs.

    Parameters
    ----------
    area : FetchArea
    roles, countries : collections of str
        Checked by `check_roles` and `check_countries`.
    level : str
        Of administration, ``"ADM2"``.
    margin_km : float
        Of elevation and land cover around the area.
    listing : callable
        Returns the text of a source's list of tiles.
    """
    files: list[Wanted] = []
    sea: list[str] = []
    coarser: list[str] = []
    land: set[tuple[int, int]] | None = None
    if "elevation" in roles:
        corners = tiles_over(area, size_deg=1, margin_km=margin_km)
        fine, coarse = BY_NAME["copernicus-glo30"], BY_NAME["copernicus-glo90"]
        listed = _listed(listing(fine))
        missing = [corner for corner in corners if _dem_tile(*corner) not in listed]
        listed_coarse = _listed(listing(coarse)) if missing else set[str]()
        land = set()
        for corner in corners:
            tile = _dem_tile(*corner)
            if tile in listed:
                files.append(_tile(fine, tile, "elevation"))
            elif tile in listed_coarse:
                files.append(_tile(coarse, tile, "elevation"))
                coarser.append(tile)
            else:
                sea.append(tile)
                continue
            land.add(corner)
        if not land:
            raise DataError(
                f"no list of {fine.title} or {coarse.title} has a tile of the area, which would be "
                "open sea: check --area"
            )
    if "land_cover" in roles:
        cover = next(source for source in SOURCES if source.role == "land_cover")
        for lat, lon in tiles_over(area, size_deg=3, margin_km=margin_km):
            inside = {(lat + row, lon + col) for row in range(3) for col in range(3)}
            if land is None or land & inside:
                files.append(_tile(cover, _short_tile(lat, lon), "land_cover"))
    for role in _BY_COUNTRY:
        if role in roles:
            folder = "population" if role == "population" else "downloads"
            for code in countries:
                source = _of_country(role, code)
                address = source.address.format(ISO3=code, iso3=code.lower(), level=level)
                files.append(_wanted(source, address, folder))
    return Order(files=tuple(files), sea_tiles=tuple(sea), coarser_tiles=tuple(coarser))


def _of_country(role: str, code: str) -> Source:
    """Return the source of a role that is for this country alone, else the one for all."""
    of_role = [s for s in SOURCES if s.role == role and s.only_country in ("", code)]
    return max(of_role, key=lambda source: bool(source.only_country))


def _tile(source: Source, tile: str, folder: str) -> Wanted:
    return _wanted(source, source.address.format(tile=tile), folder)


def _wanted(source: Source, address: str, folder: str) -> Wanted:
    name = PurePosixPath(address).name
    return Wanted(source=source, address=address, path=f"{folder}/{name}")


def _listed(text: str) -> set[str]:
    return {match["tile"] for match in _TILE_NAME.finditer(text)}


def _dem_tile(lat_deg: int, lon_deg: int) -> str:
    north, east = "N" if lat_deg >= 0 else "S", "E" if lon_deg >= 0 else "W"
    return f"{north}{abs(lat_deg):02d}_00_{east}{abs(lon_deg):03d}_00"


def _short_tile(lat_deg: int, lon_deg: int) -> str:
    return _dem_tile(lat_deg, lon_deg).replace("_00", "").replace("_", "")
