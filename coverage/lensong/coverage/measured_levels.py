"""Measured RSRP by place, as phones log it: what a map shows beside what a plan predicts.

A place and a level suffice; no transmitter is asked for, as `lensong.coverage.measurements` does,
and no cell, as `lensong.coverage.drive.match` does. Files are read as there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lensong.coverage.cellplan.aliases import squeezed
from lensong.coverage.drive.log import read_logs
from lensong.coverage.drive.log_columns import find_log_columns
from lensong.gis_data.tables import Table
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["MeasuredLevels", "holds_levels", "read_levels"]

_PLACE = ("lat_deg", "lon_deg")
_LEVELS = ("rsrp_dbm", "nr_rsrp_dbm")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLevels:
    """Levels with their places, one per row that has both.

    Parameters
    ----------
    lat_deg, lon_deg : shape (n,)
        WGS 84 [deg].
    rsrp_dbm : shape (n,)
        Per resource element, of the serving cell [dBm].
    technologies : tuple of str
        Of each row; empty where the file does not say.
    columns : dict
        ``lat_deg``, ``lon_deg``, ``rsrp_dbm``, ``nr_rsrp_dbm`` and ``technology`` to the column,
        those that the file has.
    rows : int
        Of the file.
    left_out : dict
        Reason to number of rows.
    """

    lat_deg: FloatArray
    lon_deg: FloatArray
    rsrp_dbm: FloatArray
    technologies: tuple[str, ...]
    columns: dict[str, str]
    rows: int
    left_out: dict[str, int]


def holds_levels(table: Table) -> bool:
    """Return whether a table has RSRP by place, so that it is no list of cells."""
    return not _missing(find_log_columns(table.columns, {}))


def read_levels(table: Table, name: str = "the file") -> MeasuredLevels:
    """Return the levels of a table.

    Parameters
    ----------
    table : Table
        As `lensong.gis_data.lists.read_list` gives it; ``-`` and empty fields are missing.
    name : str
        By which an error calls the file.

    Raises
    ------
    DataError
        A column is missing, a number cannot be read, or no row has place and level.
    """
    columns = find_log_columns(table.columns, {})
    if missing := _missing(columns):
        raise DataError(
            f"no column of {name} tells {', '.join(missing)}, it has {', '.join(table.columns)}: "
            "name the columns latitude, longitude and RSRP [dBm]"
        )
    log = read_logs([(name, table)])
    if not log.serving.any():
        raise DataError(f"no row of {name} is of a serving cell: check the column that says so")
    left_out = dict(log.left_out)
    if not log.serving.all():
        left_out["of a neighbour cell"] = int((~log.serving).sum())
    # a column of LTE alone says it for rows that do not
    of_lte = all("lte" in squeezed(column)[0] for column in log.level_columns)
    return MeasuredLevels(
        lat_deg=log.lat_deg[log.serving],
        lon_deg=log.lon_deg[log.serving],
        rsrp_dbm=log.level_dbm[log.serving],
        technologies=tuple(
            str(t) or ("4G" if of_lte else "") for t in np.asarray(log.technology)[log.serving]
        ),
        columns={
            role: columns[role] for role in (*_PLACE, *_LEVELS, "technology") if role in columns
        },
        rows=log.rows,
        left_out=left_out,
    )


def _missing(columns: dict[str, str]) -> list[str]:
    missing = [role for role in _PLACE if role not in columns]
    return missing if any(role in columns for role in _LEVELS) else [*missing, "rsrp_dbm"]
