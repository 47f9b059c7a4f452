"""Drive tests beside a plan: kept as they were given, shown by cell of the grid, never mixed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from threading import Lock
from typing import Any

import numpy as np
from pyproj import Transformer

from lensong.coverage.measured_levels import MeasuredLevels, read_levels
from lensong.gis_data.atomic import atomic_path, write_error
from lensong.gis_data.lists import read_list
from lensong.planner.errors import BusyError, NotThereError, ReadOnlyError
from lensong.planner.live import LiveSite
from lensong.planner.shown import Shown
from lensong.planner.views import cell_under, values_at
from lensong.propagation.errors import DataError, InvalidInputError, LensongError
from lensong.propagation.types import FloatArray, Grid, IntArray

__all__ = ["MeasuredSet", "MeasuredSets", "features", "live_features", "measured_at", "of_levels"]

MOST_SETS = 30
_MOST_FEATURES = 60_000
_ID = re.compile(r"[0-9a-f]{10}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSet:
    """One drive test, by cell of the grid.

    Parameters
    ----------
    set_id, name : str
    in_scenario : bool
        The scenario names its file.
    row, col : shape (n,)
        Of the grid.
    lat_deg, lon_deg, rsrp_dbm : shape (n,)
        Medians of the rows in a cell, WGS 84 [deg], [dBm].
    count : shape (n,)
        How many rows these are.
    technologies : tuple of str
    rows : int
        Of the file.
    left_out : dict
        Reason to number of rows.
    columns : dict
    assumed : str
        Technology of rows that do not say theirs; empty where all do.
    """

    set_id: str
    name: str
    in_scenario: bool
    row: IntArray
    col: IntArray
    lat_deg: FloatArray
    lon_deg: FloatArray
    rsrp_dbm: FloatArray
    count: IntArray
    technologies: tuple[str, ...]
    rows: int
    left_out: dict[str, int]
    columns: dict[str, str]
    assumed: str

    def as_json(self) -> dict[str, Any]:
        """Return what the API says of it."""
        return {
            "set_id": self.set_id,
            "name": self.name,
            "in_scenario": self.in_scenario,
            "rows": self.rows,
            "left_out": self.left_out,
            "columns": self.columns,
            "assumed_technology": self.assumed or None,
            "places": int(self.row.size),
        }


class MeasuredSets:
    """The drive tests of a plan: those that its scenario names, and those that were dropped.

    Parameters
    ----------
    folder : Path
        Where dropped files are kept; made when the first one comes.
    grid : Grid
    technologies : sequence of str
        Of the plan.
    named : sequence of Path
        Of the scenario.

    Raises
    ------
    LensongError
        A file that the scenario names cannot be read.
    """

    def __init__(
        self, folder: Path, grid: Grid, technologies: Sequence[str], named: Sequence[Path]
    ) -> None:
        self._folder, self._grid, self._technologies = folder, grid, tuple(technologies)
        self._lock = Lock()
        self.unread: list[str] = []
        self._all: dict[str, MeasuredSet] = {}
        for path in named:
            self._take(path, path.name, in_scenario=True)
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            set_id, _, name = path.name.partition("-")
            if _ID.fullmatch(set_id):
                try:
                    self._take(path, name, in_scenario=False)
                except LensongError as error:  # the plan opens without it
                    self.unread.append(f"{name}: {error}")

    def all(self) -> list[MeasuredSet]:
        """Return all, those of the scenario first."""
        with self._lock:
            return list(self._all.values())

    def add(self, name: str, content: bytes) -> MeasuredSet:
        """Keep a file, and return what it holds.

        Raises
        ------
        LensongError
            It cannot be read, lies elsewhere, or there are too many.
        """
        plain = re.sub(r"[^\w.+-]", "_", PurePath(name).name)[-80:]
        path = self._folder / f"{hashlib.sha256(content).hexdigest()[:10]}-{plain}"
        with self._lock:
            if len(self._all) >= MOST_SETS:
                raise BusyError(f"there are {MOST_SETS} drive tests already: remove one first")
        try:
            with atomic_path(path, needed_bytes=len(content)) as part:
                part.write_bytes(content)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            return self._take(path, plain, in_scenario=False)
        except LensongError:
            path.unlink(missing_ok=True)
            raise

    def remove(self, set_id: str) -> None:
        """Forget a drive test that was dropped, and remove its file.

        Raises
        ------
        NotThereError, ReadOnlyError
        """
        with self._lock:
            found = self._all.get(set_id)
            if found is None:
                raise NotThereError(f"there is no drive test {set_id!r}")
            if found.in_scenario:
                raise ReadOnlyError(
                    f"{found.name} is named by the scenario: take it out of map.measurements there"
                )
            del self._all[set_id]
        for path in self._folder.glob(f"{set_id}-*"):
            path.unlink(missing_ok=True)

    def _take(self, path: Path, name: str, *, in_scenario: bool) -> MeasuredSet:
        try:
            levels = read_levels(read_list(path), name)
            set_id = hashlib.sha256(path.read_bytes()).hexdigest()[:10]
            found = of_levels(
                levels, self._grid, self._technologies,
                set_id=set_id, name=name, in_scenario=in_scenario,
            )  # fmt: skip
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror})") from error
        except LensongError as error:
            if in_scenario:
                raise DataError(f"map.measurements {path}: {error}") from error
            # not by the name under which it is kept
            raise DataError(str(error).replace(str(path), name)) from error
        with self._lock:
            return self._all.setdefault(set_id, found)


def of_levels(
    levels: MeasuredLevels,
    grid: Grid,
    technologies: Sequence[str],
    *,
    set_id: str = "",
    name: str = "",
    in_scenario: bool = False,
) -> MeasuredSet:
    """Return levels by cell of a grid and technology, a median each.

    Raises
    ------
    DataError
        None lies on the grid.
    """
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    easting, northing = to_grid.transform(levels.lon_deg, levels.lat_deg)
    col = np.floor((easting - grid.west_m) / grid.cell_m)
    row = np.floor((grid.north_m - northing) / grid.cell_m)
    on = (row >= 0) & (row < grid.rows) & (col >= 0) & (col < grid.cols)
    left_out = dict(levels.left_out)
    if not on.all():
        left_out["off the grid"] = int((~on).sum())
    if not on.any():
        raise DataError(
            f"none of its {on.size} places lies on the grid of the plan, the first is "
            f"{levels.lat_deg[0]:.5f}, {levels.lon_deg[0]:.5f}: check latitude and longitude"
        )
    assumed = "" if all(levels.technologies) else technologies[0]
    names = sorted({t or assumed for t in levels.technologies})
    number = np.array([names.index(t or assumed) for t in levels.technologies])
    keys = np.stack([number, row, col], axis=1)[on].astype(np.int64)
    cells, at = np.unique(keys, axis=0, return_inverse=True)
    at = at.ravel()
    count = np.bincount(at)

    def medians(values: FloatArray) -> FloatArray:
        order = np.lexsort((values[on], at))
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        low, high = (count - 1) // 2, count // 2
        ordered = values[on][order]
        return np.asarray((ordered[first + low] + ordered[first + high]) / 2.0)

    return MeasuredSet(
        set_id=set_id,
        name=name,
        in_scenario=in_scenario,
        row=cells[:, 1],
        col=cells[:, 2],
        lat_deg=medians(levels.lat_deg),
        lon_deg=medians(levels.lon_deg),
        rsrp_dbm=medians(levels.rsrp_dbm),
        count=count,
        technologies=tuple(names[k] for k in cells[:, 0]),
        rows=levels.rows,
        left_out=left_out,
        columns=levels.columns,
        assumed=assumed,
    )


def features(sets: Iterable[MeasuredSet], now: Shown) -> dict[str, Any]:
    """Return the places of drive tests with what a variant predicts there, and how far off it is.

    Returns
    -------
    dict
        ``features`` as GeoJSON, and of each set ``off_db``: median, 10th and 90th percentile of
        measured minus predicted [dB].
    """
    found: list[dict[str, Any]] = []
    told = []
    for one in sets:
        predicted = _predicted(one, now)
        off = one.rsrp_dbm - predicted
        known = off[~np.isnan(off)]
        told.append(
            one.as_json()
            | {
                "compared": int(known.size),
                "off_db": None
                if not known.size
                else [round(float(v), 2) for v in np.percentile(known, [10, 50, 90])],
            }
        )
        for k in range(min(one.row.size, _MOST_FEATURES)):
            found.append(
                _point(
                    one.lat_deg[k], one.lon_deg[k],
                    measured=round(float(one.rsrp_dbm[k]), 2),
                    predicted=_number(predicted[k]),
                    unit="dBm",
                    technology=one.technologies[k],
                    rows=int(one.count[k]),
                    source=one.name,
                    kind="drive",
                )
            )  # fmt: skip
    return {"type": "FeatureCollection", "features": found, "sets": told}


def live_features(sites: Iterable[LiveSite], grid: Grid, now: Shown) -> Iterator[dict[str, Any]]:
    """Yield what the live sites measured last, with what a variant predicts at their place."""
    for site in sites:
        try:
            row, col = cell_under(grid, site.lat_deg, site.lon_deg)
        except InvalidInputError:
            continue  # off the plan: the site's pin still stands on the map
        at = np.array([row]), np.array([col])
        named = {"source": site.name, "kind": "site", "rows": 1, "synthetic": site.synthetic}
        up = site.uplink
        if up is not None and up.p50_bps is not None:
            rates = [
                float(values_at(now.tiles, layer, *at, now.tile_px)[0])
                for layer in now.layers.values()
                if layer.quantity == "uplink" and site.technology in (None, layer.technology)
            ]
            known = [rate for rate in rates if not np.isnan(rate)]
            yield _point(
                site.lat_deg, site.lon_deg,
                measured=round(up.p50_bps / 1e6, 3),
                predicted=round(max(known), 3) if known else None,
                unit="Mbit/s",
                technology=site.technology,
                at=up.at.isoformat(),
                **named,
            )  # fmt: skip
        layer = now.layers.get(f"rsrp-{(site.technology or '').lower()}")
        if site.rsrp_dbm is not None and layer is not None:
            yield _point(
                site.lat_deg, site.lon_deg,
                measured=site.rsrp_dbm,
                predicted=_number(values_at(now.tiles, layer, *at, now.tile_px)[0]),
                unit="dBm",
                technology=site.technology,
                at=None if site.rsrp_at is None else site.rsrp_at.isoformat(),
                **named,
            )  # fmt: skip


def measured_at(
    sets: Iterable[MeasuredSet], now: Shown, row: int, col: int
) -> list[dict[str, Any]]:
    """Return what was measured in a cell of the grid, beside what is predicted there."""
    found = []
    for one in sets:
        for k in np.flatnonzero((one.row == row) & (one.col == col)).tolist():
            predicted = _predicted(one, now, [k])[0]
            found.append(
                {
                    "source": one.name,
                    "technology": one.technologies[k],
                    "measured_dbm": round(float(one.rsrp_dbm[k]), 2),
                    "predicted_dbm": _number(predicted),
                    "rows": int(one.count[k]),
                }
            )
    return found


def _predicted(one: MeasuredSet, now: Shown, rows: Sequence[int] | None = None) -> FloatArray:
    chosen = np.arange(one.row.size) if rows is None else np.asarray(rows)
    found = np.full(chosen.size, np.nan)
    names = np.array(one.technologies)[chosen]
    for name in set(names.tolist()):
        layer = now.layers.get(f"rsrp-{name.lower()}")
        if layer is not None:
            mine = names == name
            at = chosen[mine]
            found[mine] = values_at(now.tiles, layer, one.row[at], one.col[at], now.tile_px)
    return found


def _point(lat_deg: float, lon_deg: float, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": {
            "type": "Point",
            "coordinates": [round(float(lon_deg), 7), round(float(lat_deg), 7)],
        },
        "properties": properties,
    }


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else round(float(value), 2)
