"""What a model predicts for measured paths, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from pyproj import Transformer

from lensong.coverage.measurements import Measurements
from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.errors import ConfigError, InvalidInputError
from lensong.propagation.link import Climate, Link
from lensong.propagation.model import DistanceLoss, Model
from lensong.propagation.models import MODELS, model
from lensong.propagation.p1812 import PathProfile, path_centre_lat_deg
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.p2108 import terrestrial_clutter_loss_db
from lensong.propagation.profile import earth_bulge_m, path_profile
from lensong.propagation.slant_clutter import down_looking_clutter_loss_db
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import BoolArray, Float32Array, FloatArray, Grid, UInt8Array

__all__ = ["ClutterAtPhone", "Ground", "Prediction", "point_models", "predict"]

ClutterAtPhone = Literal["none", "itu_r_p2108_terrestrial", "itu_r_p2108_down_looking"]
"""Loss among houses added to the model's: none, of P.2108 §3.2, or less the steeper the ray is."""

_LEAST_PATH_M = 250.0  # of P.1812 and of P.2108


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The land under measured paths.

    Parameters
    ----------
    grid : Grid
    ground_m : shape (rows, cols)
        Above sea level [m], NaN unknown.
    clutter_m : shape (rows, cols) or None
        Representative clutter height [m].
    clutter_class : shape (rows, cols) or None
        Code of the land cover.
    clutter_names : dict
        Code to name.
    """

    grid: Grid
    ground_m: Float32Array
    clutter_m: Float32Array | None = None
    clutter_class: UInt8Array | None = None
    clutter_names: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The loss that a model gives for measured paths, and what the paths are like.

    Parameters
    ----------
    model : str
    clutter : ClutterAtPhone
    path_loss_db : shape (n,)
        Median loss [dB]; NaN where the model does not hold.
    elevation_deg : shape (n,)
        Of the transmitter seen from the receiver [deg].
    line_of_sight : shape (n,)
        1 clear over bare ground, 0 not, NaN not known.
    clutter_class : list of str
        Land cover at the receiver; empty where not known.
    left_out : dict
        Reason to number of paths.
    assumptions : tuple of str
    """

    model: str
    clutter: ClutterAtPhone
    path_loss_db: FloatArray
    elevation_deg: FloatArray
    line_of_sight: FloatArray
    clutter_class: list[str]
    left_out: dict[str, int]
    assumptions: tuple[str, ...] = ()


def point_models() -> tuple[str, ...]:
    """Return the names of the models that can be held against measurements."""
    return tuple(name for name, entry in MODELS.items() if entry.point_model)


def predict(
    measured: Measurements,
    model_name: str,
    *,
    ground: Ground | None = None,
    clutter: ClutterAtPhone = "none",
    settings: PropagationSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prediction:
    """Return the predicted loss of every measured path.

    Parameters
    ----------
    measured : Measurements
    model_name : str
        One of `point_models`.
    ground : Ground, optional
        Needed by models that follow a profile. With it, elevation and line of sight come from it.
    clutter : ClutterAtPhone
        What is added for houses around the phone; not with land cover in the profile as well.
    settings : PropagationSettings, optional
        Refractivity and polarization; its model is not looked at.
    progress : callable, optional
        Called with paths done and paths in all.

    Raises
    ------
    ConfigError
        Unknown model or clutter, or a profile is wanted and there is none.
    OutOfRangeError
        Frequency or heights are outside the model's range.
    """
    entry = _checked_model(model_name, ground, clutter)
    settings = settings or PropagationSettings()
    geometry = _Geometry.of(measured)
    if ground is not None:
        _over_ground(geometry, measured, ground, settings, entry, progress)
    if entry.over_distance is not None:
        _by_distance(geometry, measured, entry, entry.over_distance, settings)
    if clutter != "none":
        _add_clutter(geometry, measured, clutter)
    return Prediction(
        model=model_name,
        clutter=clutter,
        path_loss_db=geometry.loss_db,
        elevation_deg=np.degrees(np.arctan2(geometry.drop_m, measured.distance_m)),
        line_of_sight=geometry.line_of_sight,
        clutter_class=geometry.clutter_class,
        left_out=geometry.left_out,
        assumptions=_assumptions(entry, ground, clutter, settings),
    )


@dataclass(slots=True)
class _Geometry:
    """What is found for each path on the way."""

    drop_m: FloatArray
    loss_db: FloatArray
    line_of_sight: FloatArray
    clutter_class: list[str]
    left_out: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: Measurements) -> _Geometry:
        n = measured.distance_m.size
        return cls(
            drop_m=measured.drop_m.copy(),
            loss_db=np.full(n, np.nan),
            line_of_sight=np.full(n, np.nan),
            clutter_class=[""] * n,
        )

    def leave_out(self, reason: str, count: int = 1) -> None:
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count


def _checked_model(name: str, ground: Ground | None, clutter: str) -> Model:
    entry = model(name)
    if entry.name not in point_models():
        raise ConfigError(
            f"{name} gives no loss of a whole path, wanted one of {', '.join(point_models())}"
        )
    if entry.kind == "path" and ground is None:
        raise ConfigError(
            f"{name} needs the terrain of every path: give --dem, or a statistical model such as "
            "free_space"
        )
    if clutter not in get_args(ClutterAtPhone):
        raise ConfigError(
            f"clutter is {clutter!r}, wanted one of {', '.join(get_args(ClutterAtPhone))}"
        )
    if clutter != "none" and entry.town_clutter:
        raise ConfigError(
            f"{name} has the clutter of towns in it already: take --clutter none, or free_space"
        )
    if clutter != "none" and ground is not None and ground.clutter_m is not None:
        raise ConfigError(
            f"--clutter {clutter} on top of land cover counts trees and houses twice: "
            "leave one of them out"
        )
    return entry


# Statistical models -----------------------------------------------------------------------------


def _by_distance(
    geometry: _Geometry,
    measured: Measurements,
    entry: Model,
    loss: DistanceLoss,
    settings: PropagationSettings,
) -> None:
    low, high = entry.distance_m
    inside = (measured.distance_m >= low) & (measured.distance_m <= high)
    geometry.leave_out(f"nearer or farther than {entry.name} goes", int((~inside).sum()))
    slant_m = np.hypot(measured.distance_m, geometry.drop_m)
    for freq, tx_m, rx_m, here in _alike(measured, inside):
        link = Link(freq, tx_m, rx_m, settings.polarization == "horizontal")
        geometry.loss_db[here] = loss(measured.distance_m[here], slant_m[here], link)


def _alike(
    measured: Measurements, inside: BoolArray
) -> Iterator[tuple[float, float, float, BoolArray]]:
    """Yield frequency and heights that occur together, and where."""
    keys = np.stack([measured.freq_mhz, measured.tx_height_agl_m, measured.rx_height_agl_m], axis=1)
    kinds, which = np.unique(keys, axis=0, return_inverse=True)
    for number, (freq, tx_m, rx_m) in enumerate(kinds):
        here = inside & (which.ravel() == number)
        if here.any():
            yield float(freq), float(tx_m), float(rx_m), here


def _add_clutter(geometry: _Geometry, measured: Measurements, clutter: ClutterAtPhone) -> None:
    near = (measured.distance_m < _LEAST_PATH_M) & np.isfinite(geometry.loss_db)
    reason = f"nearer than {_LEAST_PATH_M:g} m, where P.2108 does not hold"
    geometry.leave_out(reason, int(near.sum()))
    distance_m = np.where(near, np.nan, measured.distance_m)
    if clutter == "itu_r_p2108_terrestrial":
        geometry.loss_db += terrestrial_clutter_loss_db(distance_m, freq_mhz=measured.freq_mhz)
    else:
        geometry.loss_db += down_looking_clutter_loss_db(
            distance_m,
            np.degrees(np.arctan2(geometry.drop_m, measured.distance_m)),
            freq_mhz=measured.freq_mhz,
        )


# Models over a profile --------------------------------------------------------------------------


def _over_ground(
    geometry: _Geometry,
    measured: Measurements,
    ground: Ground,
    settings: PropagationSettings,
    entry: Model,
    progress: Callable[[int, int], None] | None,
) -> None:
    loss = entry.over_profile
    low, high = entry.distance_m
    terrain = Terrain(
        ground_m=ground.ground_m, clutter_m=ground.clutter_m, cell_m=ground.grid.cell_m
    )
    places = _rows_cols(measured, ground.grid)
    count = measured.distance_m.size
    for i in range(count):
        row, col, end_row, end_col = (float(place[i]) for place in places)
        if ground.clutter_class is not None and _on(ground.grid, end_row, end_col):
            code = int(ground.clutter_class[round(end_row), round(end_col)])
            geometry.clutter_class[i] = ground.clutter_names.get(code, "no class")
        try:
            profile = path_profile(
                terrain,
                row=row,
                col=col,
                end_row=end_row,
                end_col=end_col,
                terminal_clearing_m=settings.terminal_clearing_m,
            )
        except InvalidInputError as error:
            if loss is not None:
                geometry.leave_out(_why(error, float(measured.distance_m[i])))
            continue
        tx_m, rx_m = float(measured.tx_height_agl_m[i]), float(measured.rx_height_agl_m[i])
        heights = profile.terrain_amsl_m
        geometry.drop_m[i] = heights[0] + tx_m - heights[-1] - rx_m
        geometry.line_of_sight[i] = _clear(profile, tx_m, rx_m, settings.delta_n_per_km)
        d = float(measured.distance_m[i])
        if d < low or d > high:
            geometry.leave_out(f"nearer or farther than {entry.name} goes", int(loss is not None))
        elif loss is not None:
            climate = _climate(measured, i, settings, float(profile.distance_m[-1]))
            geometry.loss_db[i] = loss(profile, _link(measured, i, settings), climate)
        if progress is not None and (i % 50 == 49 or i == count - 1):
            progress(i + 1, count)


def _rows_cols(
    measured: Measurements, grid: Grid
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    to_grid = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    places: list[FloatArray] = []
    for lon, lat in (
        (measured.tx_lon_deg, measured.tx_lat_deg),
        (measured.rx_lon_deg, measured.rx_lat_deg),
    ):
        if not np.isfinite(lon).all() or not np.isfinite(lat).all():
            raise ConfigError(
                "some rows have a distance and no positions: a terrain profile needs both ends; "
                "leave --dem out, or give the positions"
            )
        easting, northing = to_grid.transform(lon, lat)
        row, col = grid.row_col(np.asarray(easting), np.asarray(northing))  # type: ignore[arg-type]  # the formula holds for arrays
        places += [np.asarray(row), np.asarray(col)]
    return places[0], places[1], places[2], places[3]


def _on(grid: Grid, row: float, col: float) -> bool:
    return 0.0 <= row <= grid.rows - 1 and 0.0 <= col <= grid.cols - 1


def _why(error: InvalidInputError, distance_m: float) -> str:
    if distance_m < _LEAST_PATH_M + 1.0:
        return f"nearer than {_LEAST_PATH_M:g} m"
    return "no elevation along the path" if "elevation" in str(error) else "beyond the terrain"


def _clear(profile: PathProfile, tx_m: float, rx_m: float, delta_n_per_km: float) -> float:
    """Return 1.0 where the straight ray passes over bare ground on the effective Earth."""
    d, h = profile.distance_m, profile.terrain_amsl_m
    earth_m = 1000.0 * median_earth_radius_km(delta_n_per_km)
    raised = h + earth_bulge_m(d, float(d[-1]), effective_radius_m=earth_m)
    ray = h[0] + tx_m + (h[-1] + rx_m - h[0] - tx_m) * d / d[-1]
    return float(np.all(raised[1:-1] <= ray[1:-1]))


def _link(measured: Measurements, i: int, settings: PropagationSettings) -> Link:
    return Link(
        float(measured.freq_mhz[i]),
        float(measured.tx_height_agl_m[i]),
        float(measured.rx_height_agl_m[i]),
        settings.polarization == "horizontal",
    )


def _climate(
    measured: Measurements, i: int, settings: PropagationSettings, path_m: float
) -> Climate:
    lat_deg = path_centre_lat_deg(
        float(measured.tx_lat_deg[i]),
        float(measured.tx_lon_deg[i]),
        float(measured.rx_lat_deg[i]),
        float(measured.rx_lon_deg[i]),
        path_m,
    )
    return Climate(settings.delta_n_per_km, settings.n0, centre_lat_deg=lat_deg)


def _assumptions(
    entry: Model, ground: Ground | None, clutter: ClutterAtPhone, settings: PropagationSettings
) -> tuple[str, ...]:
    found = [f"{entry.name}: {entry.title}. Source: {entry.source}."]
    if entry.kind == "path" and ground is not None:
        cover = "with" if ground.clutter_m is not None else "without"
        found.append(
            f"Profiles are read at steps of {ground.grid.cell_m:g} m, {cover} clutter heights; "
            f"Delta-N {settings.delta_n_per_km:g} N-units/km, N0 {settings.n0:g} N-units."
        )
        used = replace(settings, model=entry.name)
        found += used.near_antennas(with_clutter=ground.clutter_m is not None)
    if clutter == "itu_r_p2108_terrestrial":
        found.append("Median clutter loss of ITU-R P.2108-1 section 3.2 is added at the phone.")
    elif clutter == "itu_r_p2108_down_looking":
        found.append(
            "Clutter at the phone is the lesser of the medians of ITU-R P.2108-1 sections 3.2 and "
            "3.3, the latter carried below 10 GHz."
        )
    return tuple(found)
