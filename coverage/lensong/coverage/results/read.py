"""A result on disk, read again: its record, its village table, and rasters where one asks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensong.coverage.calibration.known import BASES, HALF_NORMAL
from lensong.coverage.network import Technology
from lensong.coverage.results import files
from lensong.coverage.results.relief import read_relief
from lensong.coverage.results.tables import CELLS, COMMUNES
from lensong.gis_data.csv_cells import unguarded
from lensong.gis_data.pictures import WarpedBounds
from lensong.gis_data.raster_checks import reading_of
from lensong.gis_data.raster_formats import open_raster
from lensong.gis_data.vectors import layers_of, read_layer
from lensong.propagation.errors import DataError
from lensong.propagation.types import Float32Array, FloatArray, Grid

__all__ = [
    "StoredResult",
    "read_causes",
    "read_counterfactuals",
    "read_result",
    "read_village_table",
]

_TEXT_COLUMNS = (
    "village_id", "name", "commune", "commune_code", "province", "province_code", "class",
    "main_cause", "cause_cell",
)  # fmt: skip
_CAUSE_TEXT = ("village_id", "name", "commune", "main_cause", "cell_id", "mast_id", "operator")
_STREAM_TEXT = ("village_id", "name", "service", "operator")
_TRIED_TEXT = (
    "village_id", "name", "commune", "change", "mast_id", "cell_id", "before", "after",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """What `lensong plan` wrote into a folder; its tables and rasters are read when asked for.

    Parameters
    ----------
    folder : Path
    result_id : str
        The same for the same plan.
    title : str
    created_at : datetime
    synthetic : bool
        True when any input was generated.
    grid : Grid
        On which all rasters lie.
    technologies : tuple
        Those that have rasters.
    level_sigma_db : float
        Standard deviation of the level: locations, model and, indoors, the building [dB].
    settings : dict
        Of the scenario, as it was understood.
    inputs : tuple of dict
        ``role``, ``path`` and ``sha256`` of each file that was read.
    """

    folder: Path
    result_id: str
    title: str
    created_at: datetime
    synthetic: bool
    grid: Grid
    technologies: tuple[Technology, ...]
    level_sigma_db: float
    settings: dict[str, Any]
    inputs: tuple[dict[str, str], ...]

    def villages(self) -> pd.DataFrame:
        """Return the village table, see docs/reference/outputs.md.

        Raises
        ------
        DataError
            It is missing or damaged.
        """
        return read_village_table(self.folder)

    def cells(self) -> gpd.GeoDataFrame:
        """Return the cells of the network: ``cell_id``, ``operator`` and how they are set.

        Raises
        ------
        DataError
            They are missing or damaged.
        """
        return read_layer(self.folder / files.VECTORS, crs=self.grid.crs, layer=CELLS)

    def streams(self) -> pd.DataFrame | None:
        """Return how many streams of each village hold at once, see docs/reference/outputs.md.

        Returns
        -------
        DataFrame or None
            None where the plan counted none: ``most = 0``, no service that sends enough, or an
            older version.

        Raises
        ------
        DataError
            It is damaged.
        """
        path = self.folder / files.STREAMS
        if not path.is_file():
            return None
        table = _read_table(path, _STREAM_TEXT)
        missing = {"village_id", "service", "operator", "streams", "chance_1"} - {*table.columns}
        if missing:
            raise DataError(
                f"{path} has no column {min(missing)}: give a result of `lensong plan`, unchanged"
            )
        return table

    def communes(self) -> gpd.GeoDataFrame | None:
        """Return the communes with ``commune_code``, ``commune`` and their outlines.

        Returns
        -------
        GeoDataFrame in the grid's CRS, or None
            None where the plan has none.

        Raises
        ------
        DataError
            They are damaged.
        """
        path = self.folder / files.VECTORS
        if not path.is_file() or COMMUNES not in layers_of(path):
            return None
        return read_layer(path, crs=self.grid.crs, layer=COMMUNES)

    def proposals(self) -> gpd.GeoDataFrame | None:
        """Return the steps of a siting study with their state in the network of the plan.

        Returns
        -------
        GeoDataFrame in the grid's CRS, or None
            None where the plan names none.

        Raises
        ------
        DataError
            They are damaged.
        """
        path = self.folder / files.VECTORS
        if not path.is_file() or files.PROPOSALS not in layers_of(path):
            return None
        return read_layer(path, crs=self.grid.crs, layer=files.PROPOSALS)

    def relief(self) -> tuple[bytes, WarpedBounds] | None:
        """Return the relief of the ground as a PNG and where it lies.

        Returns
        -------
        bytes and WarpedBounds, or None
            None where the plan is of an older version, which wrote none.

        Raises
        ------
        DataError
            It is damaged.
        """
        return read_relief(self.folder)

    def values(
        self, technology: Technology, layer: str, pixels: Sequence[tuple[int, int]]
    ) -> FloatArray:
        """Return a layer's values in some pixels.

        Parameters
        ----------
        layer : str
            As in docs/reference/outputs.md, e.g. ``"rsrp_dbm"``.
        pixels : sequence of (row, col)

        Returns
        -------
        shape (len(pixels),)
            In the layer's unit; NaN where it has no value.

        Raises
        ------
        DataError
            The raster is missing, damaged, or lies elsewhere than the record says.
        """
        return self._read(files.raster_file(technology, layer), pixels)[0]

    def known(
        self, technology: Technology, pixels: Sequence[tuple[int, int]]
    ) -> tuple[FloatArray, list[str]]:
        """Return how sure the serving cell's level is in some pixels, and on what it rests.

        Returns
        -------
        shape (len(pixels),), list of str
            Standard deviation [dB]: of a calibrated plan that of the pixel's own interval, else
            ``level_sigma_db``; and the one of `lensong.coverage.calibration.known.BASES`, empty
            without a calibration and where no cell serves.

        Raises
        ------
        DataError
            As `values`.
        """
        plain = np.full(len(pixels), self.level_sigma_db)
        rasters = [
            files.raster_file(technology, name) for name in (files.LEVEL_HALF_DB, files.LEVEL_BASIS)
        ]
        if not any((self.folder / name).is_file() for name in rasters):
            return plain, [""] * len(pixels)  # not calibrated, or of an older version
        half, codes = (self._read(name, pixels)[0] for name in rasters)
        basis = [BASES[int(code) - 1] if code >= 1 else "" for code in np.nan_to_num(codes)]
        return np.where(np.isfinite(half), half / HALF_NORMAL, plain), basis

    def layer(self, technology: Technology, layer: str) -> Float32Array:
        """Return a whole layer in its unit, NaN where it has no value.

        Returns
        -------
        shape (rows, cols) of the grid

        Raises
        ------
        DataError
            As `values`.
        """
        name = files.raster_file(technology, layer)
        with self._opened(name) as raster, reading_of([name]):
            return np.asarray(raster.read(1, masked=True).astype(np.float32).filled(np.nan))

    def window(self, name: str, part: tuple[int, int, int, int]) -> NDArray[Any]:
        """Return a part of a raster as its file has it, with what stands for "none" there.

        Parameters
        ----------
        name : str
            Of the file.
        part : (row0, col0, row1, col1)

        Raises
        ------
        DataError
            As `values`.
        """
        row0, col0, row1, col1 = part
        with self._opened(name) as raster, reading_of([name]):
            return np.asarray(raster.read(1, window=((row0, row1), (col0, col1))))

    def servers(self, technology: Technology, pixels: Sequence[tuple[int, int]]) -> list[str]:
        """Return the cell that serves in some pixels, empty where none does.

        Raises
        ------
        DataError
            As `values`.
        """
        found, tags = self._read(files.raster_file(technology, files.BEST_SERVER), pixels)
        legend = json.loads(tags.get("LENSONG_LEGEND", "[]"))
        names = {int(item["value"]): str(item["label"]) for item in legend}
        return [names.get(int(index), "") if np.isfinite(index) else "" for index in found]

    def _read(
        self, name: str, pixels: Sequence[tuple[int, int]]
    ) -> tuple[FloatArray, dict[str, str]]:
        """Return the values of a raster in some pixels, NaN where it has none, and its tags."""
        with self._opened(name) as raster, reading_of([name]):
            values = np.full(len(pixels), np.nan)
            # one block of the file at a time, in the order in which they lie there
            for at in sorted(range(len(pixels)), key=lambda i: pixels[i]):
                row, col = pixels[at]
                window = ((row, row + 1), (col, col + 1))
                value = raster.read(1, window=window, masked=True)[0, 0]
                values[at] = np.nan if np.ma.is_masked(value) else float(value)
            return values, dict(raster.tags())

    @contextmanager
    def _opened(self, name: str) -> Iterator[Any]:  # Any: rasterio has no types
        path = self.folder / name
        if not path.is_file():
            raise DataError(f"no file {path}: run `lensong plan` again into that folder")
        with open_raster(str(path), name) as raster:
            if (raster.height, raster.width) != self.grid.shape:
                raise DataError(
                    f"{name} has {raster.height} x {raster.width} cells, wanted {self.grid.rows} "
                    f"x {self.grid.cols} as {files.RUN} says: run `lensong plan` again"
                )
            yield raster


def read_result(folder: Path) -> StoredResult:
    """Return the result that `lensong plan` wrote into a folder.

    Raises
    ------
    DataError
        It holds no such result, or one that does not say how sure its levels are.
    """
    path = folder / files.RUN
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"no file {path}: name the folder that `lensong plan --out` wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}): plan again") from error
    try:
        result = _of_record(folder, record)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no record of a plan ({error}): name the folder that `lensong plan` of this "
            "version wrote, or plan again"
        ) from error
    if not result.technologies:
        raise DataError(f"{path} lists no raster of levels: plan again with at least one cell")
    return result


def _of_record(folder: Path, record: dict[str, Any]) -> StoredResult:
    known = get_args(Technology)
    unknown = [name for name in record["technologies"] if name not in known]
    sigma_db = float(record["level_sigma_db"])
    if unknown:
        raise ValueError(f"technology {unknown[0]!r}, wanted {' or '.join(known)}")
    if not 0.0 <= sigma_db < 100.0:
        raise ValueError(f"level_sigma_db {sigma_db}, wanted 0 to 100")
    return StoredResult(
        folder=folder,
        result_id=str(record["result_id"]),
        title=str(record["title"]),
        created_at=datetime.fromisoformat(record["created_at"]),
        synthetic=bool(record["synthetic"]),
        grid=Grid(**record["grid"]),
        technologies=tuple(record["technologies"]),
        level_sigma_db=sigma_db,
        settings=dict(record["settings"]),
        inputs=tuple(dict(entry) for entry in record["inputs"]),
    )


def read_village_table(path: Path) -> pd.DataFrame:
    """Return the village table of a result.

    Parameters
    ----------
    path : Path
        The folder of the result, or the table itself.

    Raises
    ------
    DataError
        There is none, or it cannot be read.
    """
    file = path / files.VILLAGES if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"no result in {path}: give the folder that `lensong plan` wrote, with {files.VILLAGES}"
        )
    return _read_table(file, _TEXT_COLUMNS)


def read_counterfactuals(path: Path) -> pd.DataFrame | None:
    """Return what changes of the network were tried, see docs/reference/outputs.md.

    Parameters
    ----------
    path : Path
        The folder of the result, or its village table.

    Returns
    -------
    DataFrame or None
        None where the plan has no such table: of an older version, or without causes.

    Raises
    ------
    DataError
        It cannot be read.
    """
    file = (path if path.is_dir() else path.parent) / files.COUNTERFACTUALS
    return _read_table(file, _TRIED_TEXT) if file.is_file() else None


def read_causes(path: Path) -> pd.DataFrame | None:
    """Return why villages are below a service, see docs/reference/outputs.md.

    Parameters
    ----------
    path : Path
        The folder of the result.

    Returns
    -------
    DataFrame or None
        None where the plan was made without causes.

    Raises
    ------
    DataError
        It cannot be read.
    """
    file = path / files.CAUSES
    return _read_table(file, _CAUSE_TEXT) if file.is_file() else None


def _read_table(file: Path, text_columns: Sequence[str]) -> pd.DataFrame:
    """Return a table that `lensong.gis_data.vector_write.write_csv` wrote, as it was."""
    try:
        table = pd.read_csv(
            file,
            dtype=dict.fromkeys(text_columns, str),
            keep_default_na=False,  # a village may be called NA
            na_values=[""],
            encoding="utf-8-sig",
        )
    except (ValueError, UnicodeError) as error:
        raise DataError(
            f"cannot read {file} ({error}): give a result of `lensong plan`, unchanged"
        ) from error
    table.columns = [unguarded(str(name)) for name in table.columns]
    for name in table.columns:
        guards = [isinstance(text, str) and unguarded(text) != text for text in table[name]]
        if any(guards):  # a column without a text keeps its kind
            table.loc[guards, name] = [unguarded(text) for text in table.loc[guards, name]]
    return table
