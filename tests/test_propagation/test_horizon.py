"""The horizon against a slow walk over the same surface, and what is beyond the elevation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates

from lensong.propagation.errors import DataError, OutOfRangeError
from lensong.propagation.horizon import EARTH_RADIUS_M, LIGHT_K, RADIO_K, Horizon, horizon_around
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray

CELL_M = 30.0


def mountains(seed: int, size: int = 160) -> Terrain:
    rng = np.random.default_rng(seed)
    broad = gaussian_filter(rng.normal(size=(size, size)), 9.0)
    rough = gaussian_filter(rng.normal(size=(size, size)), 1.0)
    ground = 900.0 + 500.0 * broad / broad.std() + 15.0 * rough / rough.std()
    return Terrain(ground_m=ground.astype(np.float32), cell_m=CELL_M)


def slowly(terrain: Terrain, row: float, col: float, eye_m: float, k: float) -> FloatArray:
    """Return the horizon of 90 azimuths out of close samples, closer near the eye [deg]."""
    far_cells = 1.5 * max(terrain.ground_m.shape)
    at = np.concatenate([np.geomspace(1e-3, 2.0, 2000), np.arange(2.0, far_cells, 0.02)])
    found = []
    for azimuth in np.radians(np.arange(90) * 4.0):
        rows, cols = row - at * np.cos(azimuth), col + at * np.sin(azimuth)
        inside = (rows >= 0) & (cols >= 0)
        inside &= (rows <= terrain.ground_m.shape[0] - 1) & (cols <= terrain.ground_m.shape[1] - 1)
        ground = map_coordinates(terrain.ground_m, [rows[inside], cols[inside]], order=1)
        far = at[inside] * terrain.cell_m
        drop = far**2 / (2.0 * k * EARTH_RADIUS_M)
        found.append(np.degrees(np.arctan(np.max((ground - drop - eye_m) / far))))
    return np.array(found)


@settings(max_examples=15)
@given(
    st.integers(0, 10_000),
    st.floats(20.0, 139.0),
    st.floats(20.0, 139.0),
    st.floats(0.5, 60.0),
    st.sampled_from([RADIO_K, LIGHT_K]),
)
def test_the_horizon_is_that_of_a_slow_walk(
    seed: int, row: float, col: float, height_agl_m: float, k: float
) -> None:
    terrain = mountains(seed % 7)
    horizon = horizon_around(terrain, row=row, col=col, height_agl_m=height_agl_m, azimuths=90, k=k)
    here = float(map_coordinates(terrain.ground_m, [[row], [col]], order=1)[0])
    slow = slowly(terrain, row, col, here + height_agl_m, k)
    # samples miss the very top: the walk is never above the exact answer
    assert (horizon.elevation_deg >= slow - 0.01).all()
    np.testing.assert_allclose(horizon.elevation_deg, slow, atol=0.1)


def test_a_wall_stands_where_it_stands_and_the_earth_bends() -> None:
    ground = np.zeros((401, 401), dtype=np.float32)
    ground[:, 380] = 500.0
    terrain = Terrain(ground_m=ground, cell_m=100.0)
    horizon = horizon_around(terrain, row=200.0, col=200.0, height_agl_m=10.0, azimuths=360)
    far = 18_000.0
    drop = far / (2.0 * RADIO_K * EARTH_RADIUS_M)
    assert horizon.elevation_deg[90] == pytest.approx(
        np.degrees(np.arctan(490.0 / far - drop)), abs=1e-6
    )
    assert horizon.distance_m[90] == pytest.approx(far)
    assert horizon.elevation_deg[270] < 0.0
    assert horizon.at([89.5])[0] == pytest.approx(horizon.elevation_deg[[89, 90]].mean(), abs=1e-9)


def test_what_may_stand_beyond_the_edge_is_told() -> None:
    ground = np.full((101, 101), 500.0, dtype=np.float32)
    ground[20, 50] = 1500.0  # north, 900 m away; nothing is higher
    terrain = Terrain(ground_m=ground, cell_m=CELL_M)
    horizon = horizon_around(terrain, row=50.0, col=50.0, height_agl_m=2.0, azimuths=4)
    assert horizon.cut().tolist() == [False, True, True, True]
    east_deg = np.degrees(np.arctan((1500.0 - 502.0) / 1500.0))
    assert horizon.could_be_deg[1] == pytest.approx(east_deg, abs=0.01)
    assert horizon.known_m[1] == pytest.approx(1500.0)
    assert np.isinf(horizon.known_m[0])
    assert not horizon.cut(east_deg + 0.1).any()
    ground[50, 80] = np.nan  # a void ends what is known, too
    broken = horizon_around(terrain, row=50.0, col=50.0, height_agl_m=2.0, azimuths=4)
    assert broken.known_m[1] <= 900.0
    assert broken.could_be_deg[1] > horizon.could_be_deg[1]


def test_azimuths_are_counted_from_another_north() -> None:
    peak = np.where(np.arange(360) == 90, 20.0, 0.0)
    nothing = np.zeros(360)
    horizon = Horizon(
        elevation_deg=peak, distance_m=nothing, known_m=nothing, could_be_deg=peak
    ).turned(2.0)
    assert int(np.argmax(horizon.elevation_deg)) == 92
    assert int(np.argmax(horizon.could_be_deg)) == 92


def test_what_cannot_be_is_refused() -> None:
    terrain = mountains(1)
    with pytest.raises(OutOfRangeError, match="azimuths"):
        horizon_around(terrain, row=5.0, col=5.0, height_agl_m=1.0, azimuths=3)
    with pytest.raises(OutOfRangeError, match="height_agl_m"):
        horizon_around(terrain, row=5.0, col=5.0, height_agl_m=-1.0)
    with pytest.raises(DataError, match="no elevation at row 500"):
        horizon_around(terrain, row=500.0, col=5.0, height_agl_m=1.0)
