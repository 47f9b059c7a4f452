"""The straight line between two ends over a land, and what stands along it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import Transformer

from lensong.propagation.errors import DataError, InvalidInputError, OutOfRangeError
from lensong.propagation.p1812 import PathProfile, path_centre_lat_deg
from lensong.propagation.profile import LineSamples, profile_of, sample_line
from lensong.propagation.terminal import TERMINAL_CLEARING_M
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray, Grid

__all__ = ["SHORTEST_PROFILE_M", "End", "Line", "draw_line", "end_at", "extent_told"]

SHORTEST_PROFILE_M = 250.0
"""Models over a profile begin at this length (P.1812, P.452)."""

_ONE_SPOT_M = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end of a path.

    Parameters
    ----------
    name : str
        For people; may be empty.
    lat_deg, lon_deg : float
        WGS 84 [deg].
    height_agl_m : float
        Antenna above ground [m].
    row, col : float
        Place on the grid; integers are cell centres.
    """

    name: str
    lat_deg: float
    lon_deg: float
    height_agl_m: float
    row: float
    col: float

    def told(self) -> str:
        """Return name and place for a message."""
        place = f"{self.lat_deg:.5f}, {self.lon_deg:.5f}"
        return f"{self.name} ({place})" if self.name else place


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with elevation all the way.

    Parameters
    ----------
    tx, rx : End
    grid : Grid
    samples : LineSamples
    surface_distance_m, surface_amsl_m, surface_ground_m : shape (m,)
        Points of the surface, ground and what stands on it [m]: the samples and the rims of the
        clearings around both ends. The ends are bare.
    """

    tx: End
    rx: End
    grid: Grid
    samples: LineSamples
    surface_distance_m: FloatArray
    surface_amsl_m: FloatArray
    surface_ground_m: FloatArray

    @property
    def path_m(self) -> float:
        """Return the length over the ground [m]."""
        return float(self.samples.distance_m[-1])

    @property
    def tx_amsl_m(self) -> float:
        """Return the transmitting antenna above sea level [m]."""
        return float(self.samples.terrain_amsl_m[0]) + self.tx.height_agl_m

    @property
    def rx_amsl_m(self) -> float:
        """Return the receiving antenna above sea level [m]."""
        return float(self.samples.terrain_amsl_m[-1]) + self.rx.height_agl_m

    @property
    def slant_m(self) -> float:
        """Return the distance between the antennas [m]."""
        return float(np.hypot(self.path_m, self.rx_amsl_m - self.tx_amsl_m))

    @property
    def centre_lat_deg(self) -> float:
        """Return the latitude of the middle of the path [deg]."""
        return path_centre_lat_deg(
            self.tx.lat_deg, self.tx.lon_deg, self.rx.lat_deg, self.rx.lon_deg, self.path_m
        )

    @property
    def profile(self) -> PathProfile | None:
        """Return what models over a profile read; None below 250 m."""
        return profile_of(self.samples) if self.path_m >= SHORTEST_PROFILE_M else None

    def lat_lon(self, distance_m: float) -> tuple[float, float]:
        """Return the place at a distance from the transmitter [deg]."""
        share = distance_m / self.path_m
        row = self.tx.row + share * (self.rx.row - self.tx.row)
        col = self.tx.col + share * (self.rx.col - self.tx.col)
        return _degrees(self.grid, row, col)

    @property
    def grid_azimuth_deg(self) -> float:
        """Return the direction from transmitter to receiver, clockwise from the grid's north."""
        east, north = self.rx.col - self.tx.col, self.tx.row - self.rx.row
        return float(np.degrees(np.arctan2(east, north)) % 360.0)


def end_at(
    grid: Grid, lat_deg: float, lon_deg: float, height_agl_m: float, *, name: str = ""
) -> End:
    """Return an end at a place on a grid.

    Raises
    ------
    DataError
        It lies outside the elevation; says how far that is known.
    """
    easting, northing = _to_grid(grid.crs).transform(lon_deg, lat_deg)
    row, col = grid.row_col(float(easting), float(northing))
    end = End(
        name=name, lat_deg=lat_deg, lon_deg=lon_deg, height_agl_m=height_agl_m, row=row, col=col
    )
    if not grid.surrounds(float(easting), float(northing)):
        raise DataError(
            f"{end.told()} lies outside the elevation that was read, {extent_told(grid)}: "
            "correct the place (latitude comes first), or give elevation that reaches it"
        )
    return end


def extent_told(grid: Grid) -> str:
    """Return from where to where a grid reaches, in degrees."""
    corners = [
        _degrees(grid, row, col) for row in (0.0, grid.rows - 1.0) for col in (0.0, grid.cols - 1.0)
    ]
    lat = [place[0] for place in corners]
    lon = [place[1] for place in corners]
    return (
        f"latitude {min(lat):.4f} to {max(lat):.4f} and longitude {min(lon):.4f} to {max(lon):.4f}"
    )


def draw_line(
    terrain: Terrain,
    grid: Grid,
    tx: End,
    rx: End,
    *,
    terminal_clearing_m: float = TERMINAL_CLEARING_M,
    step_m: float | None = None,
) -> Line:
    """Return the line between two ends.

    Parameters
    ----------
    terrain : Terrain
        On ``grid``.
    tx, rx : End
    terminal_clearing_m : float
        What stands nearer than this to an end does not count [m].
    step_m : float, optional
        Distance of the samples [m]; default a cell.

    Raises
    ------
    InvalidInputError
        The ends are on one spot.
    DataError
        The line crosses missing elevation; says where, and how far it is known.
    """
    apart_m = float(np.hypot(rx.row - tx.row, rx.col - tx.col)) * grid.cell_m
    if apart_m < _ONE_SPOT_M:
        raise InvalidInputError(
            f"both ends are on one spot: {tx.told()} and {rx.told()} are {apart_m:.2f} m apart, "
            f"wanted {_ONE_SPOT_M:g} m or more: correct one of them"
        )
    for end in (tx, rx):
        if not 0.0 < end.height_agl_m <= 3000.0:
            raise OutOfRangeError(
                f"height of {end.told()} above ground in m",
                end.height_agl_m,
                0.1,
                3000.0,
                hint="heights are above ground, not above sea level",
            )
    samples = sample_line(
        terrain,
        row=tx.row,
        col=tx.col,
        end_row=rx.row,
        end_col=rx.col,
        step_m=step_m,
        terminal_clearing_m=terminal_clearing_m,
    )
    _refuse_void(samples, grid, tx, rx)
    at = np.concatenate([samples.distance_m, samples.rim_distance_m])
    ground = np.concatenate(
        [
            samples.terrain_amsl_m,
            np.interp(samples.rim_distance_m, samples.distance_m, samples.terrain_amsl_m),
        ]
    )
    inner = samples.clutter_height_m.copy()
    inner[[0, -1]] = 0.0
    top = np.concatenate([samples.terrain_amsl_m + inner, samples.rim_surface_amsl_m])
    order = np.argsort(at, kind="stable")
    return Line(
        tx=tx,
        rx=rx,
        grid=grid,
        samples=samples,
        surface_distance_m=at[order],
        surface_amsl_m=top[order],
        surface_ground_m=ground[order],
    )


def _refuse_void(samples: LineSamples, grid: Grid, tx: End, rx: End) -> None:
    missing = np.flatnonzero(np.isnan(samples.terrain_amsl_m))
    if not missing.size:
        return
    first, last = int(missing[0]), int(missing[-1])
    lat_deg, lon_deg = _degrees(grid, float(samples.row[first]), float(samples.col[first]))
    path_m = float(samples.distance_m[-1])
    known = f"it is known for the first {samples.distance_m[max(first - 1, 0)]:,.0f} m"
    if first == 0:
        known = f"there is none at {tx.told()} itself"
    if last < samples.distance_m.size - 1:
        known += f" and from {samples.distance_m[last + 1]:,.0f} m on"
    raise DataError(
        f"the path from {tx.told()} to {rx.told()} leaves the elevation, or crosses a void in it, "
        f"{samples.distance_m[first]:,.0f} m from its start, at {lat_deg:.5f}, {lon_deg:.5f}: "
        f"of its {path_m:,.0f} m {known}; add the missing elevation, or fill the void "
        "(elevation.fill_voids of a scenario)"
    )


@lru_cache(maxsize=4)
def _to_degrees(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


@lru_cache(maxsize=4)
def _to_grid(crs: str) -> Transformer:
    return Transformer.from_crs("EPSG:4326", crs, always_xy=True)


def _degrees(grid: Grid, row: float, col: float) -> tuple[float, float]:
    lon_deg, lat_deg = _to_degrees(grid.crs).transform(*grid.easting_northing(row, col))
    return float(lat_deg), float(lon_deg)
