"""Sets of paths with a measured loss: every model and the fit that knows no terrain on each."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import Transformer

from benchmarks.accuracy.tables import NotAtHandError, Table
from lensong.coverage.held_out import FitScore, held_out, log_distance, squares
from lensong.coverage.measured_paths import ClutterAtPhone, Ground, Prediction, predict
from lensong.coverage.measurements import MeasurementOptions, Measurements, Transmitter
from lensong.coverage.scenario.drive_test import places_of, read_drive_test
from lensong.coverage.scenario.ground import read_ground
from lensong.coverage.sweeps import PropagationSettings
from lensong.coverage.validate import statistics, validate
from lensong.gis_data.gridding import utm_crs
from lensong.propagation.errors import LensongError, OutOfRangeError
from lensong.propagation.p2108 import terrestrial_clutter_loss_db
from lensong.propagation.slant_clutter import down_looking_clutter_loss_db
from lensong.propagation.types import BoolArray, FloatArray, IntArray

DOWN, LEVEL = "itu_r_p2108_down_looking", "itu_r_p2108_terrestrial"
NO_TERRAIN = "**no terrain**: constant, slope of log distance"
MODELS: tuple[tuple[str, ClutterAtPhone], ...] = (
    ("itu_r_p1812", "none"),
    ("itm", "none"),
    ("free_space", "none"),
    ("free_space", "itu_r_p2108_terrestrial"),
    ("free_space", "itu_r_p2108_down_looking"),
    ("tr38901_rma", "none"),
    ("tr38901_uma", "none"),
    ("tr38901_umi", "none"),
    ("okumura_hata_suburban", "none"),
    ("extended_hata_suburban", "none"),
)
ERRORS = {"n": "d", "bias": "+.1f", "sd": ".1f", "RMSE": ".1f", "p50": ".1f", "p95": ".1f"}
HELD_OUT = {"MAE + constant": ".2f", "RMSE + constant": ".2f"}
_LEAST_PATH_M = 250.0
_SLANT_FROM_MHZ = 10_000.0


def martin_acres(shared: Path) -> list[Table]:
    """Return errors of both transmitters, and of the high one by elevation."""
    rows: list[list[Any]] = []
    high = None
    for name in ("Low", "High"):
        measured = _read(shared, f"ntia_martin_acres_3500/MartinAcres{name}_3500.csv")
        rows += [[name.lower(), *row] for row in _rows(measured)]
        high = measured if name == "High" else high
    if high is None:
        raise AssertionError("the high transmitter is among the two")
    bands = []
    for kind, clutter in (("before", LEVEL), ("after", DOWN)):
        found = validate(high, predict(high, "free_space", clutter=_clutter(clutter)))
        for group in found.groups:
            if group.split == "elevation":
                s = group.statistics
                bands.append([kind, group.label, s.n, s.bias_db, s.rmse_db])
    columns = {"transmitter": "", "model": "", **ERRORS, **HELD_OUT}
    return [
        Table(name="martin-acres", columns=columns, rows=rows),
        Table(
            name="martin-acres-elevation",
            columns={"clutter": "", "elevation": "", "n": "d", "bias": "+.1f", "RMSE": ".1f"},
            rows=bands,
        ),
    ]


def salt_lake_city(shared: Path) -> list[Table]:
    """Return errors of both transmitters, and of the two ways below 10 GHz on all four."""
    rows: list[list[Any]] = []
    ways: list[list[Any]] = []
    sets = {
        "Martin Acres low": _read(shared, "ntia_martin_acres_3500/MartinAcresLow_3500.csv"),
        "Martin Acres high": _read(shared, "ntia_martin_acres_3500/MartinAcresHigh_3500.csv"),
        "City Creek": _salt_lake(shared, "CityCreek", 40.80719231, -111.8807371, 10.52, 1875.6),
        "Browning": _salt_lake(
            shared, "Browning", 40.766314982949, -111.847887797405, 35.2, 1433.7
        ),
    }
    for name, measured in sets.items():
        if "Martin" not in name:
            rows += [[name, *row] for row in _rows(measured)]
        ways.append([name, *_two_ways(measured)])
    columns = {"transmitter": "", "model": "", **ERRORS, **HELD_OUT}
    taken = {"bias, carried on (taken)": "+.1f", "RMSE": ".1f"}
    other = {"bias, kept at 10 GHz": "+.1f", "RMSE, kept": ".1f"}
    return [
        Table(name="salt-lake-city", columns=columns, rows=rows),
        Table(name="below-10-ghz", columns={"transmitter": "", **taken, **other}, rows=ways),
    ]


def somerset(shared: Path) -> list[Table]:
    """Return held-out errors over terrain of all points, and of those within 5 km."""
    folder = shared / "data" / "cloudrf-somerset"
    options = MeasurementOptions(
        transmitter=Transmitter(lat_deg=51.059692, lon_deg=-2.746155, height_agl_m=5.0),
        freq_mhz=415.0,
        rx_height_agl_m=1.0,
        columns={"level_dbm": "received_power"},
    )
    measured = read_drive_test(_there(folder / "measurements.csv"), options)
    ground, _, _ = read_ground(
        *places_of(measured), [_there(folder / "dem_os_terrain50.tif")], resolution_m=50.0
    )
    settings = PropagationSettings(delta_n_per_km=45.0, n0=317.0)
    predicted = {
        name: _predicted(measured, name, "none", ground, settings)
        for name, clutter in MODELS
        if clutter == "none"
    }
    forms = {"n": "d", "MAE": ".2f", "RMSE": ".2f", "MAE in sample": ".2f",
             "RMSE in sample": ".2f"}  # fmt: skip
    tables = []
    for name, most_m in (("somerset", math.inf), ("somerset-5-km", 5_000.0)):
        here = (measured.distance_m >= _LEAST_PATH_M) & (measured.distance_m <= most_m)
        rows = _somerset_rows(measured, here, predicted)
        tables.append(Table(name=name, columns={"prediction": "", **forms}, rows=rows))
    return tables


def _somerset_rows(
    measured: Measurements, here: BoolArray, predicted: dict[str, Prediction | str]
) -> list[list[Any]]:
    square = _square(measured)
    loss, one = measured.path_loss_db, np.ones((measured.distance_m.size, 1))
    rows: list[list[Any]] = []
    without: dict[str, list[str]] = {}
    known: dict[str, Prediction] = {}
    for name, found in predicted.items():
        if isinstance(found, str):
            without.setdefault(found, []).append(name)
            continue
        known[name] = found
        use = here & np.isfinite(found.path_loss_db)
        scored = _score(f"{name} + constant", one, loss - found.path_loss_db, square, use)
        rows.append(_cells(scored))
    rows.append(_cells(_score(NO_TERRAIN, log_distance(measured.distance_m), loss, square, here)))
    p1812 = known["itu_r_p1812"]
    excess = p1812.path_loss_db - known["free_space"].path_loss_db
    terms = np.column_stack(
        [log_distance(measured.distance_m), np.nan_to_num(p1812.line_of_sight), excess]
    )
    four = "itu_r_p1812 as terms: constant, slope of log distance, line of sight, excess loss"
    rows.append(_cells(_score(four, terms, loss, square, here & np.isfinite(excess))))
    return rows + [[f"{', '.join(names)}: {why}"] for why, names in without.items()]


def _rows(measured: Measurements) -> list[list[Any]]:
    """Return a row for every model, and the fit without terrain last."""
    rows: list[list[Any]] = []
    square = _square(measured)
    one = np.ones((measured.distance_m.size, 1))
    without: dict[str, list[str]] = {}
    for name, clutter in MODELS:
        label = name if clutter == "none" else f"{name} + {clutter}"
        label = f"**{label}**" if clutter == DOWN else label
        found = _predicted(measured, name, clutter)
        if isinstance(found, str):
            without.setdefault(found, []).append(label)
            continue
        use = np.isfinite(found.path_loss_db)
        error = found.path_loss_db - measured.path_loss_db
        s = statistics(error[use])
        scored = _score("", one, error, square, use)
        rows.append(
            [label, s.n, s.bias_db, s.sd_db, s.rmse_db, s.p50_abs_db, s.p95_abs_db,
             scored.mae_db, scored.rmse_db]
        )  # fmt: skip
    every = np.ones(measured.distance_m.size, dtype=np.bool_)
    scored = _score("", log_distance(measured.distance_m), measured.path_loss_db, square, every)
    nan = math.nan
    rows.append([NO_TERRAIN, scored.n, nan, nan, nan, nan, nan, scored.mae_db, scored.rmse_db])
    return rows + [[f"{', '.join(names)}: {why}"] for why, names in without.items()]


def _predicted(
    measured: Measurements,
    name: str,
    clutter: ClutterAtPhone,
    ground: Ground | None = None,
    settings: PropagationSettings | None = None,
) -> Prediction | str:
    """Return what a model says, or why it says nothing."""
    try:
        return predict(measured, name, ground=ground, clutter=clutter, settings=settings)
    except OutOfRangeError as error:
        return f"refused, {str(error).split(':')[0]}"
    except LensongError:
        return "no elevation under the paths at hand"


def _score(
    name: str, terms: FloatArray, wanted: FloatArray, square: IntArray, use: BoolArray
) -> FitScore:
    of_used = np.unique(square[use], return_inverse=True)[1].ravel()
    return held_out(name, terms[use], wanted[use], of_used)


def _square(measured: Measurements) -> IntArray:
    lat, lon = measured.rx_lat_deg, measured.rx_lon_deg
    crs = utm_crs(float(np.median(lat)), float(np.median(lon)))
    east, north = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    return squares(np.asarray(east), np.asarray(north))


def _cells(scored: FitScore) -> list[Any]:
    return [
        scored.name,
        scored.n,
        scored.mae_db,
        scored.rmse_db,
        scored.mae_in_sample_db,
        scored.rmse_in_sample_db,
    ]


def _two_ways(measured: Measurements) -> list[float]:
    """Return bias and RMSE with P.2108 section 3.3 carried below 10 GHz, and kept at it."""
    far = measured.distance_m >= _LEAST_PATH_M
    d, angle = measured.distance_m[far], measured.elevation_deg[far]
    free = predict(measured, "free_space").path_loss_db[far] - measured.path_loss_db[far]
    level = terrestrial_clutter_loss_db(d, freq_mhz=measured.freq_mhz[far])
    found = []
    for slant in (
        down_looking_clutter_loss_db(d, angle, freq_mhz=measured.freq_mhz[far]),
        np.minimum(level, down_looking_clutter_loss_db(d, angle, freq_mhz=_SLANT_FROM_MHZ)),
    ):
        s = statistics(free + slant)
        found += [s.bias_db, s.rmse_db]
    return found


def _salt_lake(
    shared: Path, name: str, lat_deg: float, lon_deg: float, height_m: float, ground_m: float
) -> Measurements:
    return _read(
        shared,
        f"ntia_salt_lake_city_3475/{name}.csv",
        transmitter=Transmitter(lat_deg=lat_deg, lon_deg=lon_deg, height_agl_m=height_m),
        tx_ground_amsl_m=ground_m,
        freq_mhz=3475.0,
        rx_height_agl_m=2.82,
    )


def _read(shared: Path, name: str, **options: Any) -> Measurements:
    path = _there(shared / "reference" / "measurements" / name)
    return read_drive_test(path, MeasurementOptions(**options))


def _there(path: Path) -> Path:
    if not path.exists():
        raise NotAtHandError(f"there is no {path}")
    return path


def _clutter(name: str) -> ClutterAtPhone:
    return "itu_r_p2108_down_looking" if name == DOWN else "itu_r_p2108_terrestrial"
