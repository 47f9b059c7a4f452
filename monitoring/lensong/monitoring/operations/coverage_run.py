"""What the result of `lensong plan` says of each site: level, uplink, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj

from lensong.coverage.network import Technology
from lensong.coverage.results.files import RSRP_DBM, UPLINK_MBPS
from lensong.coverage.results.read import StoredResult, read_result
from lensong.monitoring.records import Site
from lensong.monitoring.store.places import Prediction
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["CoverageRun", "SitePredictions", "read_run"]

_LOWEST_DBM = -160.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePredictions:
    """What a plan says of a list of sites.

    Parameters
    ----------
    predictions : tuple of Prediction
        One for each site and technology that has a level there.
    no_signal : tuple of str
        Sites where the plan computed levels and none is one that a phone could hear, by any
        technology.
    unknown : tuple of str
        Sites within the radius of a cell where nothing was computed all the same: the elevation
        has a void there, or on the way from the masts.
    beyond_radius : tuple of str
        Sites on the plan's ground beyond the radius of every cell: nothing was computed there.
    outside : tuple of str
        Sites off the plan's ground.
    without_place : tuple of str
        Sites of which no coordinates are known.
    """

    predictions: tuple[Prediction, ...]
    no_signal: tuple[str, ...]
    unknown: tuple[str, ...]
    beyond_radius: tuple[str, ...]
    outside: tuple[str, ...]
    without_place: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRun:
    """A result of `lensong plan` on disk; its rasters are read when sites ask.

    Parameters
    ----------
    result : StoredResult
    operators : mapping
        Of the serving cells, by cell identifier.
    reaches_m : shape (masts, 3)
        Easting and northing of each mast, and how far its farthest cell is computed [m].
    """

    result: StoredResult
    operators: Mapping[str, str]
    reaches_m: FloatArray

    def predict(self, sites: Iterable[Site]) -> SitePredictions:
        """Return what the plan says of sites.

        Raises
        ------
        DataError
            A raster is missing, damaged, or lies elsewhere than the plan's record says.
        """
        chosen = list(sites)
        placed = [site for site in chosen if site.lat_deg is not None]
        grid = self.result.grid
        to_grid = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
        inside: list[Site] = []
        pixels: list[tuple[int, int]] = []
        outside, beyond = [], set()
        for site in placed:
            easting_m, northing_m = to_grid.transform(site.lon_deg, site.lat_deg)
            if not grid.contains(easting_m, northing_m):
                outside.append(site.site_id)
                continue
            row, col = grid.row_col(easting_m, northing_m)
            inside.append(site)
            pixels.append(
                (
                    min(max(round(row), 0), grid.rows - 1),
                    min(max(round(col), 0), grid.cols - 1),
                )
            )
            # as the plan asks it: of the pixel's middle
            if not self._reached(*grid.easting_northing(*pixels[-1])):
                beyond.add(site.site_id)
        found: list[Prediction] = []
        computed: set[str] = set()
        for technology in self.result.technologies if inside else ():
            found += self._of_technology(technology, inside, pixels, computed)
        heard = {prediction.site_id for prediction in found}
        silent = [site.site_id for site in inside if site.site_id not in heard]
        blank = [site_id for site_id in silent if site_id not in computed]
        return SitePredictions(
            predictions=tuple(found),
            no_signal=tuple(site_id for site_id in silent if site_id in computed),
            unknown=tuple(site_id for site_id in blank if site_id not in beyond),
            beyond_radius=tuple(site_id for site_id in blank if site_id in beyond),
            outside=tuple(outside),
            without_place=tuple(site.site_id for site in chosen if site.lat_deg is None),
        )

    def _reached(self, easting_m: float, northing_m: float) -> bool:
        """Return whether a place lies within the radius of any cell."""
        apart_m = np.hypot(self.reaches_m[:, 0] - easting_m, self.reaches_m[:, 1] - northing_m)
        return bool(np.any(apart_m <= self.reaches_m[:, 2]))

    def _of_technology(
        self,
        technology: Technology,
        sites: Sequence[Site],
        pixels: Sequence[tuple[int, int]],
        computed: set[str],
    ) -> list[Prediction]:
        """Return the predictions of one technology; add to ``computed`` who has any level."""
        result = self.result
        rsrp_dbm = result.values(technology, RSRP_DBM, pixels)
        uplink_mbps = result.values(technology, UPLINK_MBPS, pixels)
        servers = result.servers(technology, pixels)
        sigma_db, basis = result.known(technology, pixels)
        predictions = []
        for at, site in enumerate(sites):
            level_dbm, rate_mbps = float(rsrp_dbm[at]), float(uplink_mbps[at])
            if not math.isfinite(level_dbm):
                continue
            computed.add(site.site_id)
            if level_dbm < _LOWEST_DBM:
                continue
            predictions.append(
                Prediction(
                    site_id=site.site_id,
                    technology=technology,
                    operator=self.operators.get(servers[at], ""),
                    coverage_run=result.result_id,
                    rsrp_dbm=level_dbm,
                    uplink_p50_bps=rate_mbps * 1e6 if math.isfinite(rate_mbps) else None,
                    sigma_db=float(sigma_db[at]),
                    basis=basis[at] or None,
                    computed_at=result.created_at,
                    synthetic=result.synthetic,
                    cell_id=servers[at] or None,
                )
            )
        return predictions


def read_run(folder: Path) -> CoverageRun:
    """Return the result that `lensong plan` wrote into a folder.

    Raises
    ------
    DataError
        It holds no such result, or one that does not say how sure its levels are.
    """
    result = read_result(folder)
    cells = result.cells()
    missing = [name for name in ("cell_id", "operator", "radius_m") if name not in cells]
    if missing:
        raise DataError(
            f"the cells of {folder} have no column {missing[0]}: plan again with this version"
        )
    farthest = cells.groupby([cells.geometry.x, cells.geometry.y])["radius_m"].max()
    return CoverageRun(
        result=result,
        operators=dict(zip(cells["cell_id"], cells["operator"], strict=True)),
        reaches_m=np.array([(x, y, radius) for (x, y), radius in farthest.items()]).reshape(-1, 3),
    )
