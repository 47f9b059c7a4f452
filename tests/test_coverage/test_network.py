from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.network import (
    Carrier,
    Cell,
    Mast,
    Network,
    reference_signal_power_dbm,
)
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

B20 = Carrier(
    name="B20",
    technology="4G",
    downlink_freq_mhz=806.0,
    uplink_freq_mhz=847.0,
    bandwidth_mhz=10.0,
    subcarrier_spacing_khz=15.0,
    resource_blocks=50,
    duplex="FDD",
)
B3 = replace(B20, name="B3", downlink_freq_mhz=1842.5, uplink_freq_mhz=1747.5,
             bandwidth_mhz=20.0, resource_blocks=100)  # fmt: skip
N78 = Carrier(
    name="n78",
    technology="5G",
    downlink_freq_mhz=3750.0,
    uplink_freq_mhz=3750.0,
    bandwidth_mhz=100.0,
    subcarrier_spacing_khz=30.0,
    resource_blocks=273,
    duplex="TDD",
    uplink_share=0.25,
    downlink_share=0.75,
)


def cell(**changes: Any) -> Cell:
    fields: dict[str, Any] = {
        "cell_id": "A1",
        "mast_id": "A",
        "carrier": B20,
        "antenna": sector_3gpp(),
        "azimuth_deg": 0.0,
        "height_agl_m": 30.0,
        "total_power_dbm": 46.0,
        "granted_uplink_resource_blocks": 25,
        "radius_m": 15_000.0,
    }
    return Cell(**(fields | changes))


@pytest.mark.parametrize(
    ("carrier", "total_power_dbm", "expected_dbm"),
    [(B20, 46.0, 18.2), (B3, 46.0, 15.2), (N78, 53.0, 17.8)],
)
def test_rsrp_is_per_resource_element_not_the_whole_carrier(
    carrier: Carrier, total_power_dbm: float, expected_dbm: float
) -> None:
    # the named trap of QGIS RF Tools: taking 46 dBm for the reference signal
    got = reference_signal_power_dbm(cell(carrier=carrier, total_power_dbm=total_power_dbm))
    assert got == pytest.approx(expected_dbm, abs=0.06)  # the figures are printed to 0.1 dB


@given(st.floats(20.0, 60.0), st.floats(-6.0, 6.0))
def test_a_boost_lifts_the_reference_signal_only(total: float, boost: float) -> None:
    plain = cell(total_power_dbm=total)
    boosted = cell(total_power_dbm=total, reference_signal_boost_db=boost)
    assert reference_signal_power_dbm(boosted) - reference_signal_power_dbm(plain) == pytest.approx(
        boost
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("azimuth_deg", 400.0),
        ("height_agl_m", -3.0),
        ("total_power_dbm", 120.0),
        ("feeder_loss_db", -1.0),
        ("downlink_load", 50.0),
        ("physical_cell_id", 504),
        ("granted_uplink_resource_blocks", 51),
        ("radius_m", 0.0),
    ],
)
def test_impossible_cells_are_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=f"{field} of 'A1' is"):
        cell(**{field: value})


def test_a_5g_physical_cell_id_goes_to_1007() -> None:
    assert cell(carrier=N78, physical_cell_id=1007).physical_cell_id == 1007
    with pytest.raises(OutOfRangeError, match="0 to 1007"):
        cell(carrier=N78, physical_cell_id=1008)


def test_identifiers_are_unique_and_every_cell_has_its_mast() -> None:
    mast = Mast(mast_id="A", lat_deg=22.0, lon_deg=103.0, height_agl_m=30.0)
    assert Network(masts=(mast,), cells=(cell(),)).mast("A") is mast
    with pytest.raises(InvalidInputError, match="'A1' occurs more than once"):
        Network(masts=(mast,), cells=(cell(), cell()))
    with pytest.raises(InvalidInputError, match="'B', which is not in the list of masts"):
        Network(masts=(mast,), cells=(cell(mast_id="B"),))
