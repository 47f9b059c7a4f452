"""A microwave hop: clearance worked by hand, and availability against P.530's own functions."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest

from lensong.coverage.path.hop import HopRadio, study_hop
from lensong.coverage.path.hop_text import hop_json, hop_text
from lensong.coverage.path.line import Line, draw_line
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.p530 import MicrowaveHop, hop_availability
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Float32Array
from tests.test_coverage.test_path.test_path import GRID, end, flat, ridge

RADIO = HopRadio(rain_rate_mm_per_h=70.0)
FREQ_MHZ = 18_000.0


def hop_over(ground_m: Float32Array, height_m: float = 60.0) -> Line:
    """Return an east-west hop of 9 km."""
    terrain = Terrain(ground_m=ground_m, cell_m=GRID.cell_m)
    return draw_line(terrain, GRID, end(20.0, 50.0, height_m), end(20.0, 350.0, height_m))


def test_both_antennas_rise_by_what_the_fresnel_zone_lacks_at_each_k() -> None:
    study = study_hop(hop_over(ridge(55.0)), RADIO, freq_mhz=FREQ_MHZ, delta_n_per_km=157.0 / 4.0)
    d1, d2 = 4500.0, 4500.0
    fresnel_m = sqrt(299.792458 / FREQ_MHZ * d1 * d2 / 9000.0)
    for rule, k, wanted in ((study.median, 4.0 / 3.0, 1.0), (study.low, 2.0 / 3.0, 0.6)):
        bulge_m = d1 * d2 / (2.0 * k * 6_371_000.0)
        assert rule.raise_m == pytest.approx(wanted * fresnel_m + bulge_m - 5.0, abs=0.01)
        assert not rule.met
    temperate = study_hop(
        hop_over(ridge(55.0)),
        replace(RADIO, climate="temperate"),
        freq_mhz=FREQ_MHZ,
        delta_n_per_km=39.25,
    )
    assert temperate.low.wanted_share == 0.3
    raised = study_hop(
        hop_over(ridge(55.0), 60.0 + max(study.median.raise_m, study.low.raise_m) + 1e-3),
        RADIO,
        freq_mhz=FREQ_MHZ,
        delta_n_per_km=39.25,
    )
    assert raised.median.met
    assert raised.low.met


def test_a_clear_hop_has_the_availability_of_p530() -> None:
    line = hop_over(flat())
    study = study_hop(line, RADIO, freq_mhz=FREQ_MHZ, delta_n_per_km=44.0)
    hop = MicrowaveHop(
        distance_m=line.path_m,
        freq_mhz=FREQ_MHZ,
        tx_amsl_m=560.0,
        rx_amsl_m=560.0,
        mean_terrain_amsl_m=500.0,
        lat_deg=line.centre_lat_deg,
        rain_rate_mm_per_h=70.0,
        geoclimatic_factor=1e-4,
        dn75=20.0,
    )
    found = hop_availability(hop, study.margin_db)
    assert study.diffraction_db == pytest.approx(0.0, abs=1e-9)
    assert study.availability_percent == pytest.approx(found.availability_percent, abs=1e-9)
    assert study.outage_minutes == pytest.approx(
        (100.0 - found.availability_percent) / 100.0 * 525_960.0
    )
    wanted = hop_availability(hop, study.margin_wanted_db).availability_percent
    assert wanted == pytest.approx(99.99, abs=1e-6)
    text = hop_text(study)
    assert "minutes a year without" in text
    assert ("IT HOLDS" in text) == study.holds


def test_the_wanted_margin_closes_what_is_short() -> None:
    line = hop_over(flat())
    weak = study_hop(line, replace(RADIO, power_dbm=5.0), freq_mhz=FREQ_MHZ, delta_n_per_km=44.0)
    assert not weak.holds
    assert any("more power or gain" in text for text in weak.short)
    missing_db = weak.margin_wanted_db - weak.margin_db
    strong = study_hop(
        line,
        replace(RADIO, power_dbm=5.0 + missing_db + 1e-6),
        freq_mhz=FREQ_MHZ,
        delta_n_per_km=44.0,
    )
    assert strong.holds


def test_a_blocked_hop_fails_in_clear_air_and_says_by_how_much() -> None:
    study = study_hop(hop_over(ridge(150.0)), RADIO, freq_mhz=FREQ_MHZ, delta_n_per_km=44.0)
    assert study.availability_percent == 0.0
    assert study.margin_db < 0.0
    assert f"{-study.margin_db:.1f} dB below the threshold in clear air" in " ".join(study.short)
    found = hop_json(study)
    assert found["rain_outage_percent"] is None
    assert found["holds"] is False


def test_what_p530_does_not_know_is_a_bound_and_named() -> None:
    # multipath is known to 45 GHz; rain of 80 GHz takes this margin for over 1 % of the year
    line = hop_over(flat())
    study = study_hop(line, RADIO, freq_mhz=80_000.0, delta_n_per_km=44.0)
    assert np.isnan(study.multipath_outage_percent)
    assert "Multipath is not known" in " ".join(study.notes)
    assert "at most" in hop_text(study)
    assert study.margin_wanted_db < inf


def test_a_hop_beyond_60_km_or_at_a_wrong_frequency_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="freq_mhz"):
        study_hop(hop_over(flat()), RADIO, freq_mhz=18.0, delta_n_per_km=44.0)
    with pytest.raises(OutOfRangeError, match="rain_rate"):
        study_hop(
            hop_over(flat()),
            replace(RADIO, rain_rate_mm_per_h=-1.0),
            freq_mhz=FREQ_MHZ,
            delta_n_per_km=44.0,
        )
