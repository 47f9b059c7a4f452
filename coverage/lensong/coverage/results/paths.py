"""Figures and tables of single paths as files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.vector_write import write_csv

__all__ = ["write_figure", "write_path_table"]


def write_figure(path: Path, content: bytes) -> None:
    """Write a figure whole or not at all.

    Raises
    ------
    DataError
        It cannot be written there.
    """
    with atomic_path(path, needed_bytes=len(content)) as part:
        part.write_bytes(content)


def write_path_table(path: Path, table: pd.DataFrame) -> None:
    """Write a profile or a ranking as CSV, whole or not at all.

    Raises
    ------
    DataError
        It cannot be written there.
    """
    write_csv(path, table)
