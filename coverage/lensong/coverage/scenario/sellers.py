"""A list of sellers read from a file."""

from __future__ import annotations

from pathlib import Path

from lensong.coverage.timetable.rows import ListSettings, read_wishes
from lensong.coverage.timetable.wishes import Wishes
from lensong.gis_data.land import Land
from lensong.gis_data.lists import read_list
from lensong.propagation.errors import DataError

__all__ = ["read_sellers"]


def read_sellers(path: Path, land: Land, settings: ListSettings, *, layer: str = "") -> Wishes:
    """Return what the sellers in a file wish for, see `read_wishes`.

    Parameters
    ----------
    path : Path
        Text, workbook or points, as `lensong.gis_data.lists.read_list` reads them.
    land : Land
    settings : ListSettings
    layer : str
        Sheet or layer, where there are several.

    Raises
    ------
    DataError
        The file cannot be read, or says of nobody where or when.
    """
    table = read_list(path, layer=layer)
    try:
        return read_wishes(table, land, settings)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
