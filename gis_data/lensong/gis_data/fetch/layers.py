"""A vector layer as it was fetched: a file, or the one in an archive."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import geopandas as gpd

from lensong.gis_data.vectors import open_layer
from lensong.propagation.errors import DataError

__all__ = ["open_fetched"]

_CLIP = "clipping_boundary"  # HOT puts the outline of the country beside the features
_MOST_BYTES = 2 * 2**30


def open_fetched(path: Path) -> gpd.GeoDataFrame:
    """Return the features of a file; of an archive, those of its one GeoJSON.

    Raises
    ------
    DataError
        It is something else, is damaged, or unpacks to more than 2 GiB.
    """
    if path.suffix.lower() != ".zip":
        return open_layer(path)[0]
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                member
                for member in archive.infolist()
                if member.filename.lower().endswith(".geojson") and _CLIP not in member.filename
            ]
            if len(members) != 1 or members[0].file_size > _MOST_BYTES:
                held = ", ".join(archive.namelist()) or "nothing"
                raise DataError(f"{path} holds {held}, wanted one GeoJSON of at most 2 GiB")
            with TemporaryDirectory(prefix="lensong-fetch-") as folder:
                unpacked = Path(folder) / "features.geojson"
                with archive.open(members[0]) as packed, unpacked.open("wb") as plain:
                    shutil.copyfileobj(packed, plain)
                return open_layer(unpacked)[0]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} is a damaged archive ({error})") from error
