"""SRTM height tiles (``.hgt``): plain, gzipped or zipped, one or three arc-seconds.

A tile is one square degree of big-endian 16-bit metres without any header: the file's name
gives the south-west corner, its length the resolution. Posts lie *on* the whole degrees, so the
raster reaches half a pixel beyond them on every side and neighbours share a row of posts.
"""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import Affine

from lensong.propagation.errors import DataError
from lensong.propagation.types import Int16Array

__all__ = ["HgtTile", "degree_tile_name", "hgt_tiles", "is_hgt", "south_west_corner"]

HGT_VOID = -32768
_POSTS_OF_BYTES = {3601 * 3601 * 2: 3601, 1201 * 1201 * 2: 1201}
# a packed file that is cut short, lies about itself, is encrypted or packed in an unknown way
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError)
_DEGREE_NAME = re.compile(r"(?<![a-z])([ns])(\d{2})(?:_00)?_?([ew])(\d{3})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HgtTile:
    """One tile that has not been read yet.

    Parameters
    ----------
    path : Path
        The file, which may be an archive.
    member : str
        Name inside a ``.zip``, else empty.
    south_deg, west_deg : int
        Corner, as its name says.
    posts : int
        Posts per side: 3601 for one arc-second, 1201 for three.
    """

    path: Path
    member: str
    south_deg: int
    west_deg: int
    posts: int

    @property
    def transform(self) -> Affine:
        """Return the affine transform in degrees, edges half a pixel outside the posts."""
        step_deg = 1.0 / (self.posts - 1)
        west_deg, north_deg = self.west_deg - step_deg / 2.0, self.south_deg + 1.0 + step_deg / 2.0
        return Affine(step_deg, 0.0, west_deg, 0.0, -step_deg, north_deg)

    def read(self) -> Int16Array:
        """Return the heights [m], shape (posts, posts), north row first, voids as -32768."""
        content = self._content()
        if len(content) != self.posts * self.posts * 2:
            raise DataError(
                f"{_shown(self.path, self.member)} holds {len(content)} bytes, "
                f"wanted {self.posts * self.posts * 2}: the file is cut short or damaged, "
                "get it again"
            )
        heights = np.frombuffer(content, dtype=">i2").reshape(self.posts, self.posts)
        return heights.astype(np.int16)

    def write_geotiff(self, target: Path) -> None:
        """Write the tile as an uncompressed tiled GeoTIFF, which allows reading parts of it."""
        with rasterio.open(
            target,
            "w",
            driver="GTiff",
            width=self.posts,
            height=self.posts,
            count=1,
            dtype="int16",
            crs="EPSG:4326",
            transform=self.transform,
            nodata=HGT_VOID,
            tiled=True,
        ) as raster:
            raster.write(self.read(), 1)

    def _content(self) -> bytes:
        try:
            if self.member:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                    return stream.read(self.posts * self.posts * 2 + 1)
            if self.path.suffix.lower() == ".gz":
                with gzip.open(self.path) as stream:
                    return stream.read(max(_POSTS_OF_BYTES) + 1)
            with self.path.open("rb") as stream:
                return stream.read(self.posts * self.posts * 2 + 1)
        except (*_DAMAGED, EOFError, KeyError) as error:
            raise DataError(
                f"{_shown(self.path, self.member)} cannot be unpacked ({error}): "
                "the file is cut short or damaged, get it again"
            ) from error


def is_hgt(path: Path) -> bool:
    """Return whether a file name is that of an SRTM tile, packed or not."""
    return path.name.lower().endswith((".hgt", ".hgt.gz", ".hgt.zip"))


def hgt_tiles(path: Path) -> list[HgtTile]:
    """Return the tiles that a ``.hgt``, ``.hgt.gz`` or ``.zip`` file holds.

    A ``.zip`` may hold several tiles, as those of Viewfinder Panoramas do.

    Raises
    ------
    DataError
        When the archive is damaged, or a name or a size is not that of a tile.
    """
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                members = sorted(
                    (entry.filename, entry.file_size)
                    for entry in archive.infolist()
                    if entry.filename.lower().endswith(".hgt")
                )
        except _DAMAGED as error:
            raise DataError(
                f"{path.name} is no readable zip archive ({error}): get it again"
            ) from error
        if not members:
            raise DataError(f"{path.name} holds no .hgt file, wanted at least one height tile")
        return [_tile(path, name, size) for name, size in members]
    if path.suffix.lower() == ".gz":
        return [_tile(path, "", _unpacked_size(path))]
    return [_tile(path, "", path.stat().st_size)]


def south_west_corner(name: str) -> tuple[int, int] | None:
    """Return the corner ``(south_deg, west_deg)`` that a tile name such as ``N22E103`` gives.

    Copernicus names (``N22_00_E103_00``) are understood as well. None: no corner in the name.

    Examples
    --------
    >>> south_west_corner("N22E103.SRTMGL1.hgt.zip"), south_west_corner("s01w078.hgt")
    ((22, 103), (-1, -78))
    """
    match = _DEGREE_NAME.search(name)
    if match is None:
        return None
    north_south, lat, east_west, lon = match.groups()
    south_deg = int(lat) * (1 if north_south.lower() == "n" else -1)
    west_deg = int(lon) * (1 if east_west.lower() == "e" else -1)
    if not (-90 <= south_deg < 90 and -180 <= west_deg < 180):
        return None
    return south_deg, west_deg


def degree_tile_name(south_deg: int, west_deg: int) -> str:
    """Return the name of the one-degree tile with this corner, e.g. ``N21E105``."""
    north_south = "N" if south_deg >= 0 else "S"
    east_west = "E" if west_deg >= 0 else "W"
    return f"{north_south}{abs(south_deg):02d}{east_west}{abs(west_deg):03d}"


def _tile(path: Path, member: str, size_bytes: int) -> HgtTile:
    name = Path(member).name if member else path.name
    corner = south_west_corner(name)
    if corner is None:
        raise DataError(
            f"{_shown(path, member)} is named without a corner, wanted a name such as "
            "N22E103.hgt: the tile holds no position, rename it"
        )
    posts = _POSTS_OF_BYTES.get(size_bytes)
    if posts is None:
        wanted = " or ".join(
            f"{size:,} bytes ({'1' if count == 3601 else '3'} arc-second)"
            for size, count in _POSTS_OF_BYTES.items()
        )
        raise DataError(
            f"{_shown(path, member)} has {size_bytes:,} bytes, wanted {wanted}: "
            "the file is cut short or damaged, get it again"
        )
    return HgtTile(path=path, member=member, south_deg=corner[0], west_deg=corner[1], posts=posts)


def _unpacked_size(path: Path) -> int:
    limit = max(_POSTS_OF_BYTES) + 1
    try:
        with gzip.open(path) as stream:
            size = 0
            while size < limit and (block := stream.read(min(1 << 20, limit - size))):
                size += len(block)
            return size
    except (*_DAMAGED, EOFError) as error:
        raise DataError(
            f"{path.name} cannot be unpacked ({error}): the file is damaged, get it again"
        ) from error


def _shown(path: Path, member: str) -> str:
    return f"{member} in {path.name}" if member else path.name
