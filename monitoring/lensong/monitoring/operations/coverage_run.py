"""What the result of `lensong plan` says of each site: level, uplink, and how sure it is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyproj

from lensong.coverage.indoor import entry_sigma_db
from lensong.coverage.service import Handset
from lensong.gis_data.raster_checks import open_raster, reading_of
from lensong.gis_data.vectors import read_layer
from lensong.monitoring.records import Site
from lensong.monitoring.store.places import Prediction
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray, Grid

__all__ = ["CoverageRun", "SitePredictions", "read_run"]

_RUN = "run.json"
_TECHNOLOGIES = {"4g": "4G", "5g": "5G"}
_LOWEST_DBM = -160.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePredictions:
    """What a plan says of a list of sites.

    Parameters
    ----------
    predictions : tuple of Prediction
        One for each site and technology that has a level there.
    no_signal : tuple of str
        Sites on the plan's ground where no cell reaches, by any technology.
    outside : tuple of str
        Sites off the plan's ground.
    without_place : tuple of str
        Sites of which no coordinates are known.
    """

    predictions: tuple[Prediction, ...]
    no_signal: tuple[str, ...]
    outside: tuple[str, ...]
    without_place: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRun:
    """A result of `lensong plan` on disk; its rasters are read when sites ask.

    Parameters
    ----------
    run_id : str
        The plan's result identifier: the same for the same plan.
    sigma_db : float
        Standard deviation of the level: locations, model and, indoors, the building [dB].
    operators : mapping
        Of the serving cells, by cell identifier.
    """

    folder: Path
    run_id: str
    title: str
    grid: Grid
    sigma_db: float
    computed_at: datetime
    synthetic: bool
    technologies: tuple[str, ...]
    operators: Mapping[str, str]

    def predict(self, sites: Iterable[Site]) -> SitePredictions:
        """Return what the plan says of sites.

        Raises
        ------
        DataError
            A raster is missing, damaged, or lies elsewhere than ``run.json`` says.
        """
        chosen = list(sites)
        placed = [site for site in chosen if site.lat_deg is not None]
        to_grid = pyproj.Transformer.from_crs("EPSG:4326", self.grid.crs, always_xy=True)
        inside: list[Site] = []
        cells: list[tuple[int, int]] = []
        outside = []
        for site in placed:
            easting_m, northing_m = to_grid.transform(site.lon_deg, site.lat_deg)
            if not self.grid.contains(easting_m, northing_m):
                outside.append(site.site_id)
                continue
            row, col = self.grid.row_col(easting_m, northing_m)
            inside.append(site)
            cells.append(
                (
                    min(max(round(row), 0), self.grid.rows - 1),
                    min(max(round(col), 0), self.grid.cols - 1),
                )
            )
        found: list[Prediction] = []
        for technology in self.technologies if inside else ():
            found += self._of_technology(technology, inside, cells)
        heard = {prediction.site_id for prediction in found}
        return SitePredictions(
            predictions=tuple(found),
            no_signal=tuple(site.site_id for site in inside if site.site_id not in heard),
            outside=tuple(outside),
            without_place=tuple(site.site_id for site in chosen if site.lat_deg is None),
        )

    def _of_technology(
        self, technology: str, sites: Sequence[Site], cells: Sequence[tuple[int, int]]
    ) -> list[Prediction]:
        rsrp_dbm, _ = self._values(f"{technology}_rsrp_dbm.tif", cells)
        uplink_mbps, _ = self._values(f"{technology}_uplink_mbps.tif", cells)
        servers, tags = self._values(f"{technology}_best_server.tif", cells)
        names = {int(item["value"]): str(item["label"]) for item in _legend(tags)}
        predictions = []
        for at, site in enumerate(sites):
            level_dbm, rate_mbps = float(rsrp_dbm[at]), float(uplink_mbps[at])
            if not math.isfinite(level_dbm) or level_dbm < _LOWEST_DBM:
                continue
            cell_id = names.get(int(servers[at]), "") if math.isfinite(servers[at]) else ""
            predictions.append(
                Prediction(
                    site_id=site.site_id,
                    technology=_TECHNOLOGIES[technology],
                    operator=self.operators.get(cell_id, ""),
                    coverage_run=self.run_id,
                    rsrp_dbm=level_dbm,
                    uplink_p50_bps=rate_mbps * 1e6 if math.isfinite(rate_mbps) else None,
                    sigma_db=self.sigma_db,
                    computed_at=self.computed_at,
                    synthetic=self.synthetic,
                )
            )
        return predictions

    def _values(
        self, name: str, cells: Sequence[tuple[int, int]]
    ) -> tuple[FloatArray, dict[str, str]]:
        """Return the values of a raster in some cells, NaN where it has none, and its tags."""
        path = self.folder / name
        if not path.is_file():
            raise DataError(f"no file {path}: run `lensong plan` again into that folder")
        with open_raster(str(path), name) as raster, reading_of([name]):
            if (raster.height, raster.width) != self.grid.shape:
                raise DataError(
                    f"{name} has {raster.height} x {raster.width} cells, wanted "
                    f"{self.grid.rows} x {self.grid.cols} as {_RUN} says: run `lensong plan` again"
                )
            values = np.full(len(cells), np.nan)
            # one block of the file at a time, in the order in which they lie there
            for at in sorted(range(len(cells)), key=lambda i: cells[i]):
                row, col = cells[at]
                window = ((row, row + 1), (col, col + 1))
                value = raster.read(1, window=window, masked=True)[0, 0]
                values[at] = np.nan if np.ma.is_masked(value) else float(value)
            return values, dict(raster.tags())


def read_run(folder: Path) -> CoverageRun:
    """Return the result that `lensong plan` wrote into a folder.

    Raises
    ------
    DataError
        It holds no such result, or one that does not say how sure its levels are.
    """
    path = folder / _RUN
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DataError(
            f"no file {path}: name the folder that `lensong plan --out` wrote"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error}): plan again") from error
    try:
        grid = Grid(**record["grid"])
        names = {str(entry["name"]) for entry in record["files"]}
        run_id, title = str(record["result_id"]), str(record["title"])
        computed_at = datetime.fromisoformat(record["created_at"])
        settings, synthetic = record["settings"], bool(record["synthetic"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is no record of a plan ({error}): name the folder that `lensong plan` wrote"
        ) from error
    technologies = tuple(tag for tag in _TECHNOLOGIES if f"{tag}_rsrp_dbm.tif" in names)
    if not technologies:
        raise DataError(f"{path} lists no raster of levels: plan again with at least one cell")
    cells = read_layer(folder / "villages.gpkg", crs=grid.crs, layer="cells")
    return CoverageRun(
        folder=folder,
        run_id=run_id,
        title=title,
        grid=grid,
        sigma_db=_sigma_db(settings, [float(mhz) for mhz in cells["downlink_freq_mhz"]], path),
        computed_at=computed_at,
        synthetic=synthetic,
        technologies=technologies,
        operators=dict(zip(cells["cell_id"], cells["operator"], strict=True)),
    )


def _sigma_db(settings: Mapping[str, Any], freqs_mhz: Sequence[float], path: Path) -> float:
    """Return the deviation with which the plan itself judged its services [dB].

    See `lensong.coverage.indoor.level_sigma_db`, which has the network where we have its record.
    """
    try:
        propagation = settings["propagation"]
        location_db = float(propagation["location_sigma_db"])
        model_db = float(propagation["model_sigma_db"])
        handset = Handset(indoor=settings["handset"]["indoor"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} does not say how far its levels scatter ({error} is missing or wrong): plan "
            "again with `lensong plan`"
        ) from error
    return math.hypot(location_db, model_db, entry_sigma_db(handset, median(freqs_mhz)))


def _legend(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(tags.get("LENSONG_LEGEND", "[]"))
    return found
