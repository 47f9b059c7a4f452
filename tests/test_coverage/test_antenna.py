from __future__ import annotations

from math import atan2, cos, degrees, isnan, radians, sin, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.antenna import (
    AntennaPattern,
    gain_dbi,
    omni,
    sector_3gpp,
    with_electrical_downtilt,
)
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

azimuths = st.floats(-720.0, 720.0)
elevations = st.floats(-90.0, 90.0)
tilts = st.floats(-20.0, 40.0)


def plain_gain_dbi(
    pattern: AntennaPattern, azimuth: float, elevation: float, boresight: float, tilt: float
) -> float:
    """Rotate with matrices and interpolate by hand: the slow twin."""
    direction = np.array(
        [
            cos(radians(elevation)) * cos(radians(azimuth - boresight)),
            cos(radians(elevation)) * sin(radians(azimuth - boresight)),
            sin(radians(elevation)),
        ]
    )
    t = radians(tilt)
    into_antenna = np.array([[cos(t), 0.0, -sin(t)], [0.0, 1.0, 0.0], [sin(t), 0.0, cos(t)]])
    x, y, z = into_antenna @ direction
    loss = 0.0
    for cut, angle in (
        (pattern.horizontal_loss_db, degrees(atan2(y, x))),
        (pattern.vertical_loss_db, degrees(atan2(-z, sqrt(x * x + y * y)))),
    ):
        whole = int(np.floor(angle))
        part = angle - whole
        loss += (1.0 - part) * cut[whole % 360] + part * cut[(whole + 1) % 360]
    return float(pattern.gain_dbi - min(loss, pattern.max_loss_db))


# steeper, asin and atan2 differ by more than rounding
@given(azimuths, st.floats(-45.0, 45.0), st.floats(0.0, 360.0), tilts)
def test_gain_equals_rotation_by_a_matrix(
    azimuth: float, elevation: float, boresight: float, tilt: float
) -> None:
    rng = np.random.default_rng(7)
    rough = AntennaPattern(
        name="rough",
        gain_dbi=16.0,
        horizontal_loss_db=np.cumsum(rng.normal(size=360)) * 0.1,
        vertical_loss_db=np.cumsum(rng.normal(size=360)) * 0.1,
    )
    got = gain_dbi(
        rough,
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        boresight_azimuth_deg=boresight,
        mechanical_downtilt_deg=tilt,
    )
    assert float(got) == pytest.approx(
        plain_gain_dbi(rough, azimuth, elevation, boresight, tilt), abs=1e-6
    )


@given(st.floats(0.0, 360.0), tilts)
def test_full_gain_straight_along_the_tilted_boresight(boresight: float, tilt: float) -> None:
    got = gain_dbi(
        sector_3gpp(gain_dbi=17.5),
        azimuth_deg=boresight,
        elevation_deg=-tilt,
        boresight_azimuth_deg=boresight,
        mechanical_downtilt_deg=tilt,
    )
    assert float(got) == pytest.approx(17.5, abs=1e-6)


def test_half_power_at_half_the_beamwidth() -> None:
    pattern = sector_3gpp(horizontal_beamwidth_deg=66.0, vertical_beamwidth_deg=8.0)
    sideways = gain_dbi(pattern, azimuth_deg=33.0, elevation_deg=0.0, boresight_azimuth_deg=0.0)
    upward = gain_dbi(pattern, azimuth_deg=0.0, elevation_deg=4.0, boresight_azimuth_deg=0.0)
    assert float(sideways) == pytest.approx(14.0)
    assert float(upward) == pytest.approx(14.0)


def test_mechanical_tilt_lowers_the_front_and_lifts_the_back() -> None:
    def at(azimuth: float, elevation: float, tilt: float) -> float:
        return float(
            gain_dbi(
                sector_3gpp(max_loss_db=100.0, side_lobe_db=100.0),
                azimuth_deg=azimuth,
                elevation_deg=elevation,
                boresight_azimuth_deg=0.0,
                mechanical_downtilt_deg=tilt,
            )
        )

    assert at(0.0, -6.0, 6.0) > at(0.0, -6.0, 0.0)
    assert at(180.0, 6.0, 6.0) > at(180.0, 6.0, 0.0)
    assert at(180.0, -6.0, 6.0) < at(180.0, -6.0, 0.0)
    # square to the tilt axis nothing is lifted or lowered to first order
    assert at(90.0, 0.0, 6.0) == pytest.approx(at(90.0, 0.0, 0.0), abs=0.1)


def test_electrical_tilt_lowers_the_beam_all_around() -> None:
    tilted = sector_3gpp(electrical_downtilt_deg=6.0, max_loss_db=60.0)
    flat = sector_3gpp(max_loss_db=60.0)
    for azimuth in (0.0, 90.0, 180.0):
        low = gain_dbi(tilted, azimuth_deg=azimuth, elevation_deg=-6.0, boresight_azimuth_deg=0.0)
        high = gain_dbi(flat, azimuth_deg=azimuth, elevation_deg=0.0, boresight_azimuth_deg=0.0)
        assert float(low) == pytest.approx(float(high))


@given(st.integers(-30, 45), st.integers(0, 10))
def test_the_tilt_of_a_pattern_is_found_in_its_vertical_cut(built_in: int, more: int) -> None:
    pattern = sector_3gpp(electrical_downtilt_deg=float(built_in))
    assert pattern.electrical_downtilt_deg == built_in
    if built_in + more <= 45:
        further = with_electrical_downtilt(pattern, float(more))
        assert further.electrical_downtilt_deg == built_in + more


@given(azimuths, elevations, st.floats(0.0, 360.0), tilts)
def test_total_loss_is_capped(
    azimuth: float, elevation: float, boresight: float, tilt: float
) -> None:
    got = gain_dbi(
        sector_3gpp(gain_dbi=17.0, max_loss_db=30.0),
        azimuth_deg=azimuth,
        elevation_deg=elevation,
        boresight_azimuth_deg=boresight,
        mechanical_downtilt_deg=tilt,
    )
    assert -13.0 <= float(got) <= 17.0 + 1e-9


@given(azimuths, azimuths)
def test_an_omni_is_alike_in_every_direction(one: float, other: float) -> None:
    gains = gain_dbi(
        omni(), azimuth_deg=[one, other], elevation_deg=-3.0, boresight_azimuth_deg=40.0
    )
    assert gains[0] == pytest.approx(gains[1])


@pytest.mark.parametrize("pattern", [sector_3gpp(), omni(), sector_3gpp(
    gain_dbi=8.0, vertical_beamwidth_deg=65.0, side_lobe_db=30.0)])  # fmt: skip
def test_a_parametric_antenna_radiates_about_what_it_is_given(pattern: AntennaPattern) -> None:
    elevation = np.arange(-89.75, 90.0, 0.5)[:, None]
    azimuth = np.arange(0.0, 360.0, 0.5)[None, :]
    gain = gain_dbi(pattern, azimuth_deg=azimuth, elevation_deg=elevation, boresight_azimuth_deg=0)
    weight = np.cos(np.radians(elevation))
    mean = float((10.0 ** (gain / 10.0) * weight).sum() / (weight.sum() * azimuth.size))
    # 0 dB is a lossless antenna; the 38.901 element is known to come out above 0.5 dB lower
    assert -2.0 < 10.0 * np.log10(mean) < 0.3


def test_nan_direction_gives_nan_without_a_warning() -> None:
    gains = gain_dbi(
        sector_3gpp(),
        azimuth_deg=[0.0, float("nan"), 0.0],
        elevation_deg=[0.0, 0.0, float("nan")],
        boresight_azimuth_deg=0.0,
    )
    assert [isnan(g) for g in gains] == [False, True, True]


def test_directions_broadcast_and_a_scalar_is_an_array_of_one() -> None:
    grid = gain_dbi(
        sector_3gpp(),
        azimuth_deg=np.linspace(0, 90, 4)[None, :],
        elevation_deg=np.zeros((3, 1)),
        boresight_azimuth_deg=10.0,
    )
    assert grid.shape == (3, 4)
    one = gain_dbi(sector_3gpp(), azimuth_deg=30.0, elevation_deg=0.0, boresight_azimuth_deg=10.0)
    assert float(one) == grid[0, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"horizontal_beamwidth_deg": 0.0},
        {"vertical_beamwidth_deg": 400.0},
        {"electrical_downtilt_deg": 120.0},
        {"gain_dbi": 170.0},
        {"side_lobe_db": -3.0},
    ],
)
def test_impossible_sectors_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(OutOfRangeError):
        sector_3gpp(**arguments)  # type: ignore[arg-type]  # name is the one text argument


def test_a_cut_must_have_360_finite_losses() -> None:
    with pytest.raises(InvalidInputError, match="one loss per degree"):
        AntennaPattern(
            name="x",
            gain_dbi=1.0,
            horizontal_loss_db=np.zeros(359),
            vertical_loss_db=np.zeros(360),
        )
    with pytest.raises(InvalidInputError, match="finite"):
        AntennaPattern(
            name="x",
            gain_dbi=1.0,
            horizontal_loss_db=np.zeros(360),
            vertical_loss_db=np.full(360, np.nan),
        )
