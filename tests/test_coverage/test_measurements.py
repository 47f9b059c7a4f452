"""Drive tests of many columns become one table of paths."""

from __future__ import annotations

from math import log10
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyproj import Geod

from lensong.coverage.measurements import (
    MeasurementOptions,
    Measurements,
    Transmitter,
    read_measurements,
)
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import ConfigError, DataError, OutOfRangeError

MAST = Transmitter(lat_deg=22.40, lon_deg=103.65, height_agl_m=40.0)
KNOWN = {"transmitter": MAST, "freq_mhz": 1800.0, "rx_height_agl_m": 1.5}


def read(tmp_path: Path, text: str, **options: Any) -> Measurements:
    path = tmp_path / "drive.csv"
    path.write_text(text, encoding="utf-8")
    return read_measurements(read_table(path), MeasurementOptions(**options))


def test_path_loss_with_all_columns_needs_no_option(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "TxLat,TxLon,RxLat,RxLon,h_tx__meter,h_rx__meter,f__mhz,L_meas__db\n"
        "22.40,103.65,22.45,103.65,30,2,900,121.5\n",
    )
    expected = Geod(ellps="WGS84").inv(103.65, 22.40, 103.65, 22.45)[2]
    assert found.distance_m[0] == pytest.approx(expected, abs=1e-6)
    assert found.path_loss_db[0] == 121.5
    assert found.absolute
    assert found.drop_m[0] == 28.0
    assert any("level" in text for text in found.assumptions)
    assert found.left_out == {}


def test_kilometres_gigahertz_and_feet_are_converted(tmp_path: Path) -> None:
    found = read(tmp_path, "d_km,f_GHz,h_tx_ft,h_rx_m,path_loss_db\n2.5,3.5,100,1.5,130\n")
    assert found.distance_m[0] == 2500.0
    assert found.freq_mhz[0] == 3500.0
    assert found.tx_height_agl_m[0] == pytest.approx(30.48)


def test_ground_heights_give_the_drop_between_the_antennas(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "lat,lon,path_loss_db,rx_ground_elev_m\n22.41,103.65,120,600\n",
        tx_ground_amsl_m=900.0,
        **KNOWN,
    )
    assert found.drop_m[0] == pytest.approx(300.0 + 40.0 - 1.5)
    assert 0.0 < found.elevation_deg[0] < 90.0


def test_a_receiver_that_stands_still_is_given_by_options(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "RSRP\n-90\n-92\n",
        receiver=(22.45, 103.65),
        tx_ground_amsl_m=500.0,
        rx_ground_amsl_m=700.0,
        **KNOWN,
    )
    assert found.distance_m[0] == found.distance_m[1] > 5000.0
    assert found.drop_m.tolist() == [-161.5, -161.5]
    with pytest.raises(OutOfRangeError, match="receiver lat_deg"):
        MeasurementOptions(receiver=(103.65, 22.45))


def test_a_slant_distance_gives_the_drop(tmp_path: Path) -> None:
    found = read(tmp_path, "d_km,d_3d__km,pl_db\n3,5,120\n", **KNOWN)
    assert found.drop_m[0] == pytest.approx(4000.0)


def test_rsrp_with_eirp_becomes_path_loss(tmp_path: Path) -> None:
    found = read(tmp_path, "d_km,RSRP\n2,-95\n", eirp_dbm=32.0, rx_gain_dbi=3.0, **KNOWN)
    assert found.path_loss_db[0] == pytest.approx(32.0 + 3.0 + 95.0)
    assert found.absolute


def test_rsrp_without_eirp_is_not_absolute_and_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, "d_km,RSRP\n2,-95\n3,-99\n", **KNOWN)
    assert not found.absolute
    assert np.diff(found.path_loss_db)[0] == pytest.approx(4.0)
    assert any("constant is fitted" in text for text in found.assumptions)


def test_field_strength_of_1_kw_agrees_with_the_formula_of_p1812(tmp_path: Path) -> None:
    """P.1812: E = 199.36 + 20 log f - L for 1 kW ERP, f in GHz; 1 kW ERP is 62.15 dBm EIRP."""
    level = 80.0
    loss = 199.36 + 20.0 * log10(1.8) - level
    found = read(tmp_path, f"d_km,E_dbuv_m\n2,{level}\n", eirp_dbm=62.15, **KNOWN)
    assert found.path_loss_db[0] == pytest.approx(loss, abs=0.02)  # constants are rounded


def test_a_log_of_gnettrack_pro_is_understood(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,CQI,"
        "RSSI,DL_bitrate,UL_bitrate,State\n"
        "2020.02.13_13.03.24,103.66,22.41,3,B,21,5G,-95,-12,4,9,-,0,0,I\n"
        "2020.02.13_13.03.25,103.66,22.42,3,B,21,5G,-,-12,4,9,-,0,0,I\n"
        "2020.02.13_13.03.26,0,0,3,B,21,5G,-96,-12,4,9,-,0,0,I\n"
        "2020.02.13_13.03.27,103.67,22.42,3,B,22,LTE,-97,-12,4,9,-,0,0,I\n"
        "2020.02.13_13.03.28,103.67,22.42,3,B,21,5G,0,-12,4,9,-,0,0,I\n",
        where={"CellID": "21"},
        **KNOWN,
    )
    assert found.quantity == "rsrp_dbm"
    assert found.row.tolist() == [0]
    assert found.rows == 5
    assert found.left_out == {
        "not chosen": 1,
        "no position or distance": 1,
        "no rsrp_dbm": 1,
        "rsrp_dbm not plausible": 1,
    }


def test_a_named_column_goes_before_aliases(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "d_km,path_loss_db,NR_RSRP_2\n2,120,-80\n",
        columns={"rsrp_dbm": "NR_RSRP_2"},
        **KNOWN,
    )
    assert found.quantity == "rsrp_dbm"
    assert found.column == "NR_RSRP_2"


def test_an_option_goes_before_a_column(tmp_path: Path) -> None:
    found = read(tmp_path, "d_km,f_mhz,pl_db\n2,900,120\n", **KNOWN)
    assert found.freq_mhz[0] == 1800.0


def test_distances_that_contradict_positions_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, "lat,lon,d_km,pl_db\n22.41,103.65,9,120\n", **KNOWN)
    assert found.distance_m[0] < 1200.0
    assert "differ" in found.warnings[0]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("lat,lon\n1,2\n", KNOWN, "no column tells what was measured"),
        ("lat,lon,RSRP\n1,2,-90\n", {}, "give --transmitter lat,lon,height or a column"),
        ("d_km,RSRP\n1,-90\n", {**KNOWN, "freq_mhz": None}, "--freq-mhz"),
        ("d_km,RSRP\n1,-90\n", {**KNOWN, "rx_height_agl_m": None}, "--rx-height-m"),
        ("d_km,RSRP\n1,-90\n", {**KNOWN, "transmitter": None}, "transmitter's height"),
        ("d_km,RSRP\n1,-\n", KNOWN, "no rsrp_dbm in any row"),
        ("d_km,RSRP\n1,abc\n", KNOWN, "line 2, column RSRP"),
        ("d_km,RSRP,x\n1,-90,a\n", {**KNOWN, "where": {"x": "b"}}, "no row has x 'b'"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"rsrp": "RSRP"}}, "no role is called 'rsrp'.*rsrp_dbm"),
        ({"columns": {"rsrp_dbm": "level"}}, "no column 'level'"),
        ({"where": {"cell": "3"}}, "no column 'cell'"),
    ],
)
def test_names_that_do_not_exist_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, "d_km,RSRP\n1,-90\n", **KNOWN, **options)


def test_a_transmitter_off_the_earth_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="lat_deg"):
        Transmitter(lat_deg=103.65, lon_deg=22.4, height_agl_m=30.0)


def test_both_martin_acres_files_are_read_whole(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "measurements" / "ntia_martin_acres_3500"
    for name, rows in (("Low", 1024), ("High", 954)):
        found = read_measurements(read_table(folder / f"MartinAcres{name}_3500.csv"))
        assert found.path_loss_db.size == rows
        assert found.left_out == {}
        assert found.absolute
