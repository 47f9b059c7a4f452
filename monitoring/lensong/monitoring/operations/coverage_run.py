"""What the result of `lensong plan` says of each site: level, uplink, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyproj

from lensong.coverage.network import Technology
from lensong.coverage.results.files import RSRP_DBM, UPLINK_MBPS
from lensong.coverage.results.read import StoredResult, read_result
from lensong.monitoring.records import Site
from lensong.monitoring.store.places import Prediction

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
    result : StoredResult
    operators : mapping
        Of the serving cells, by cell identifier.
    """

    result: StoredResult
    operators: Mapping[str, str]

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
        outside = []
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
        found: list[Prediction] = []
        for technology in self.result.technologies if inside else ():
            found += self._of_technology(technology, inside, pixels)
        heard = {prediction.site_id for prediction in found}
        return SitePredictions(
            predictions=tuple(found),
            no_signal=tuple(site.site_id for site in inside if site.site_id not in heard),
            outside=tuple(outside),
            without_place=tuple(site.site_id for site in chosen if site.lat_deg is None),
        )

    def _of_technology(
        self, technology: Technology, sites: Sequence[Site], pixels: Sequence[tuple[int, int]]
    ) -> list[Prediction]:
        result = self.result
        rsrp_dbm = result.values(technology, RSRP_DBM, pixels)
        uplink_mbps = result.values(technology, UPLINK_MBPS, pixels)
        servers = result.servers(technology, pixels)
        predictions = []
        for at, site in enumerate(sites):
            level_dbm, rate_mbps = float(rsrp_dbm[at]), float(uplink_mbps[at])
            if not math.isfinite(level_dbm) or level_dbm < _LOWEST_DBM:
                continue
            predictions.append(
                Prediction(
                    site_id=site.site_id,
                    technology=technology,
                    operator=self.operators.get(servers[at], ""),
                    coverage_run=result.result_id,
                    rsrp_dbm=level_dbm,
                    uplink_p50_bps=rate_mbps * 1e6 if math.isfinite(rate_mbps) else None,
                    sigma_db=result.level_sigma_db,
                    computed_at=result.created_at,
                    synthetic=result.synthetic,
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
    return CoverageRun(
        result=result, operators=dict(zip(cells["cell_id"], cells["operator"], strict=True))
    )
