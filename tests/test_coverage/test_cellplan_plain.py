from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.coverage.antenna import AntennaPattern, sector_3gpp
from lensong.coverage.cellplan import (
    Assumptions,
    CellTables,
    ImportReport,
    build_network,
    describe_import,
)
from lensong.coverage.network import Network, reference_signal_power_dbm
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import DataError, InvalidInputError, OutOfRangeError

Import = Callable[..., tuple[Network, ImportReport]]

PLAN = """\
site_id,cell_id,lat,lon,azimuth,height_agl_m,mech_tilt,elec_tilt,antenna,band,earfcn,bandwidth_mhz,pci,tx_power_dbm,operator,status
LCU001,LCU001_1,22.3401,103.6502,30,42,2,4,3gpp,B3,1300,20,10,46,Viettel,on air
LCU001,LCU001_2,22.3401,103.6502,150,42,2,4,3gpp,B3,1300,20,11,46,Viettel,on air
LCU002,LCU002_1,22.3600,103.7001,0,30,0,0,3gpp,B8,3625,10,12,43,Viettel,on air
"""


@pytest.fixture
def imported(tmp_path: Path) -> Import:
    def build(text: str, **settings: Any) -> tuple[Network, ImportReport]:
        path = tmp_path / "cells.csv"
        path.write_text(text, encoding="utf-8")
        defaults: dict[str, Any] = {
            "antennas": {}, "assume": Assumptions(), "radius_m": 15_000.0,
        }  # fmt: skip
        return build_network(CellTables(main=read_table(path)), **(defaults | settings))

    return build


def one(columns: str, values: str) -> str:
    """Return a plan of one cell at a place, with further columns."""
    return f"cell_id,lat,lon,azimuth,{columns}\nA1,22.4,103.6,90,{values}\n"


def pattern(name: str) -> AntennaPattern:
    return sector_3gpp(name=name, electrical_downtilt_deg=6.0)


def test_a_plain_plan_is_read_whole(imported: Import) -> None:
    network, report = imported(PLAN)
    assert report.format == "plain"
    assert [(m.mast_id, m.lat_deg, m.lon_deg, m.height_agl_m) for m in network.masts] == [
        ("LCU001", 22.3401, 103.6502, 42.0),
        ("LCU002", 22.36, 103.7001, 30.0),
    ]
    cell = network.cells[0]
    assert (cell.cell_id, cell.mast_id, cell.operator) == ("LCU001_1", "LCU001", "Viettel")
    assert (cell.azimuth_deg, cell.mechanical_downtilt_deg) == (30.0, 2.0)
    assert (cell.total_power_dbm, cell.physical_cell_id) == (46.0, 10)
    assert cell.carrier.downlink_freq_mhz == 1815.0
    assert cell.carrier.uplink_freq_mhz == 1720.0
    assert cell.carrier.resource_blocks == 100
    assert cell.antenna.electrical_downtilt_deg == 4
    assert cell.granted_uplink_resource_blocks == 50
    assert report.mapped["total_power_dbm"] == "tx_power_dbm"
    assert report.mapped["height_agl_m"] == "height_agl_m"
    # only what the plan has no column for
    assert set(report.assumed) == {
        "feeder_loss_db", "downlink_load", "uplink_noise_rise_db", "noise_figure_db",
    }  # fmt: skip


def test_cells_of_one_kind_share_one_antenna_pattern(imported: Import) -> None:
    network, _ = imported(PLAN)
    assert network.cells[0].antenna is network.cells[1].antenna
    assert network.cells[0].antenna is not network.cells[2].antenna


@pytest.mark.parametrize(
    "header",
    [
        "Site,Cell,Latitude,Longtitute,Azi,Antenna Height (m),MTilt,ETilt,Band,DL EARFCN,BW,Pci,"
        "Max Power (dBm)",
        "Mã trạm,Tên cell,Vĩ độ,Kinh độ,Góc phương vị,Độ cao anten,Tilt cơ,Tilt điện,Băng tần,"
        "EARFCN,Băng thông,PCI,Tổng công suất",
        "SITE_ID,CELL_ID,LAT,LONG,AZIMUTH,HEIGHT,M_TILT,E_TILT,BAND,EARFCN_DL,BANDWIDTH_MHZ,PCI,"
        "TX_POWER",
    ],
)
def test_spellings_of_columns(imported: Import, header: str) -> None:
    network, report = imported(f"{header}\nS1,C1,22.4,103.6,120,35,2,5,1800,1300,20,7,46\n")
    assert report.ignored == ()
    cell = network.cells[0]
    assert (cell.cell_id, cell.mast_id, cell.azimuth_deg, cell.height_agl_m) == (
        "C1", "S1", 120.0, 35.0,
    )  # fmt: skip
    assert (cell.mechanical_downtilt_deg, cell.electrical_downtilt_deg) == (2.0, 5.0)
    assert (cell.carrier.downlink_freq_mhz, cell.total_power_dbm) == (1815.0, 46.0)


def test_a_planet_sheet(imported: Import) -> None:
    network, report = imported(
        "Cell Name,Technology,Cell ID,Site ID,Band Name,Downlink ARFCN,eNodeB ID,Longitude,"
        "Latitude,Height (m),Azimuth,Mechanical Tilt,Antenna File,Electrical Tilt,PA Power (dBm),"
        "Physical Cell ID,Distance (km),Output Resolution (m),Downlink Cable Loss (dB),"
        "BTS Noise Figure (dB),PUSCH Noise Rise (dB),Downlink Load (%),Optimize Azimuth\n"
        "LC1_1,LTE,1,LC1,E-UTRA Band 3 - 20MHz,1300,101,103.6,22.4,33,40,1,K742.msi,6,46,3,8,30,"
        "0.5,2.5,3,70,Yes\n"
        "LC2_1,LTE,1,LC2,E-UTRA Band 3 - 20MHz,1300,102,103.7,22.5,33,40,1,K742.msi,6,46,4,30,30,"
        "0.5,2.5,3,70,Yes\n",
        antennas={"K742": pattern("K742")},
    )
    assert report.format == "planet"
    cell, other = network.cells
    # "Cell ID" counts within the site, "Cell Name" is unique
    assert (cell.cell_id, other.cell_id) == ("LC1_1", "LC2_1")
    assert (cell.feeder_loss_db, cell.noise_figure_db, cell.uplink_noise_rise_db) == (0.5, 2.5, 3.0)
    assert cell.downlink_load == pytest.approx(0.7)
    assert (cell.radius_m, other.radius_m) == (8000.0, 15_000.0)
    assert cell.antenna.name == "K742"
    assert cell.carrier.bandwidth_mhz == 20.0
    assert any("1 cells have a radius" in warning for warning in network.warnings)


def test_a_network_signal_guru_list(imported: Import) -> None:
    network, report = imported(
        "Cellname,Longitude,Latitude,PCI,EARFCN,ECellID,Azimuth\nTamDuong_1,103.6,22.4,9,1300,25601,90\n"
    )
    assert network.cells[0].cell_id == "TamDuong_1"
    assert {"total_power_dbm", "height_agl_m", "bandwidth_mhz"} <= set(report.assumed)


def test_decimal_commas(imported: Import) -> None:
    network, _ = imported(
        "cell_id;lat;lon;azimuth;earfcn;bandwidth_mhz;tx_power_dbm\nA1;22,4012;103,61;90;1300;20;46,5\n"
    )
    assert network.masts[0].lat_deg == 22.4012
    assert network.cells[0].total_power_dbm == 46.5


def test_a_number_that_is_none_names_line_and_column(imported: Import) -> None:
    with pytest.raises(DataError, match=r"line 2, column 'earfcn': 'abc' is no number"):
        imported(one("earfcn", "abc"))
    with pytest.raises(DataError, match=r"line 2, column 'pci': '7.5' is no whole number"):
        imported(one("earfcn,pci", "1300,7.5"))


# --- power


def test_power_per_resource_element_becomes_the_carriers(imported: Import) -> None:
    network, report = imported(one("earfcn,bandwidth_mhz,rs_power_dbm", "1300,20,15.2"))
    assert network.cells[0].total_power_dbm == pytest.approx(46.0, abs=0.01)  # 15.2 + 30.79
    assert reference_signal_power_dbm(network.cells[0]) == pytest.approx(15.2)
    assert "total_power_dbm" not in report.assumed


def test_a_boost_is_taken_off_the_carrier(imported: Import) -> None:
    network, _ = imported(one("earfcn,bandwidth_mhz,rs_power_dbm,rs_boost_db", "1300,20,18.2,3"))
    assert network.cells[0].total_power_dbm == pytest.approx(46.0, abs=0.01)
    assert reference_signal_power_dbm(network.cells[0]) == pytest.approx(18.2)


def test_a_bare_power_is_refused_with_both_readings(imported: Import) -> None:
    plan = one("earfcn,bandwidth_mhz,power", "1300,20,18")
    with pytest.raises(InvalidInputError) as error:
        imported(plan)
    message = str(error.value)
    assert "line 2 (cell 'A1')" in message
    assert 'network.power = "total" (whole carrier: 18 dBm, -12.8 dBm per' in message
    assert 'network.power = "per_re" (reference signal: 18 dBm per' in message
    assert "48.8 dBm for the whole carrier of 20 MHz" in message
    assert imported(plan, power="total")[0].cells[0].total_power_dbm == 18.0
    assert imported(plan, power="per_re")[0].cells[0].total_power_dbm == pytest.approx(
        48.79, abs=0.01
    )


def test_a_bare_power_beside_a_clear_one_is_not_used(imported: Import) -> None:
    network, report = imported(one("earfcn,bandwidth_mhz,power,tx_power_dbm", "1300,20,18,46"))
    assert network.cells[0].total_power_dbm == 46.0
    assert "power" in report.ignored


def test_two_powers_must_agree_within_a_decibel(imported: Import) -> None:
    columns = "earfcn,bandwidth_mhz,tx_power_dbm,rs_power_dbm"
    assert imported(one(columns, "1300,20,46,15.5"))[0].cells[0].total_power_dbm == 46.0
    with pytest.raises(
        InvalidInputError, match=r"cell 'A1' has a total power of 46 dBm.*49\.0 dBm"
    ):
        imported(one(columns, "1300,20,46,18.2"))
    by_setting = imported(one(columns, "1300,20,46,18.2"), power="per_re")[0]
    assert by_setting.cells[0].total_power_dbm == pytest.approx(48.99, abs=0.01)


def test_watts_are_converted(imported: Import) -> None:
    network, _ = imported(one("earfcn,bandwidth_mhz,Max Power (W)", "1300,20,40"))
    assert network.cells[0].total_power_dbm == pytest.approx(46.02, abs=0.01)


def test_powers_of_the_wrong_size_are_pointed_out(imported: Import) -> None:
    low, _ = imported(one("earfcn,bandwidth_mhz,tx_power_dbm", "1300,20,15.2"))
    assert any('network.power = "per_re"' in warning for warning in low.warnings)
    high, _ = imported(one("earfcn,bandwidth_mhz,rs_power_dbm", "1300,20,46"))
    assert any('network.power = "total"' in warning for warning in high.warnings)


# --- heights, tilts, azimuths, antennas


def test_heights_in_feet(imported: Import) -> None:
    plan = one("earfcn,height", "1300,98.4")
    assert imported(plan, height_unit="ft")[0].cells[0].height_agl_m == pytest.approx(
        30.0, abs=0.01
    )
    as_metres, _ = imported(plan)
    assert any('set network.height_unit = "ft"' in warning for warning in as_metres.warnings)
    at_sea_level, _ = imported(one("earfcn,Độ cao", "1300,912"))
    assert any("above sea level" in warning for warning in at_sea_level.warnings)
    by_name, _ = imported(one("earfcn,Height (ft)", "1300,98.4"))
    assert by_name.cells[0].height_agl_m == pytest.approx(30.0, abs=0.01)
    assert not by_name.warnings


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [
        ("earfcn,height", "1300,-12", r"line 2: height_agl_m of 'A1' is -12\.0, wanted 1\.0"),
        ("earfcn,mech_tilt", "1300,-95", "mechanical_downtilt_deg of 'A1'"),
        ("earfcn,tx_power_dbm", "1300,120", "total_power_dbm of 'A1' is 120"),
        ("earfcn,pci", "1300,600", "physical_cell_id of 'A1' is 600, wanted 0 to 503"),
    ],
)
def test_impossible_values_name_line_cell_and_range(
    imported: Import, columns: str, values: str, message: str
) -> None:
    with pytest.raises(OutOfRangeError, match=message):
        imported(one(columns, values))


def test_azimuth_400_is_refused(imported: Import) -> None:
    with pytest.raises(OutOfRangeError, match=r"line 3: azimuth_deg of 'LCU001_2' is 400\.0"):
        imported(PLAN.replace(",150,42", ",400,42"))


def test_missing_azimuths_take_the_assumed_in_turn(imported: Import) -> None:
    rows = "\n".join(f"S1,C{i},22.4,103.6,,1300" for i in range(3))
    network, report = imported(f"site_id,cell_id,lat,lon,azimuth,earfcn\n{rows}\n")
    assert [cell.azimuth_deg for cell in network.cells] == [0.0, 120.0, 240.0]
    assert report.assumed["azimuth_deg"] == 3


def test_omni_cells(imported: Import) -> None:
    network, report = imported("cell_id,lat,lon,azimuth,earfcn\nA1,22.4,103.6,omni,1300\n")
    assert network.cells[0].antenna.horizontal_loss_db.max() == 0.0
    assert "azimuth_deg" not in report.assumed
    assert imported(
        "cell_id,lat,lon,azimuth,earfcn\nA1,22.4,103.6,,1300\n", assume=Assumptions(azimuths_deg=())
    )[0].cells[0].antenna.name.startswith("omni")  # fmt: skip


def test_a_tilt_that_is_stated_alone_is_the_whole_tilt(imported: Import) -> None:
    network, _ = imported(one("earfcn,etilt", "1300,6"))
    assert network.cells[0].mechanical_downtilt_deg == 0.0
    assert network.cells[0].antenna.electrical_downtilt_deg == 6
    unsaid, report = imported(one("earfcn,pci", "1300,6"))
    assert unsaid.cells[0].mechanical_downtilt_deg == 3.0
    assert report.assumed["mechanical_downtilt_deg"] == 1
    total, report = imported(one("earfcn,Tilt", "1300,6"))
    assert total.cells[0].mechanical_downtilt_deg == 6.0
    assert any("does not say which tilt" in note for note in report.notes)


def test_antennas_are_found_by_name_without_case_and_ending(imported: Import) -> None:
    antennas = {"K742_T06": pattern("K742_T06"), "K800": pattern("K800")}
    network, report = imported(one("earfcn,antenna", "1300,k742_t06.MSI"), antennas=antennas)
    assert network.cells[0].antenna is antennas["K742_T06"]
    assert "antenna" not in report.assumed


def test_an_unknown_antenna_is_answered_with_the_nearest_names(imported: Import) -> None:
    antennas = {"K742_T06": pattern("K742_T06"), "omni_11": pattern("omni_11")}
    with pytest.raises(
        InvalidInputError, match=r"line 2, cell 'A1': antenna 'K742_T6'.*'K742_T06'"
    ):
        imported(one("earfcn,antenna", "1300,K742_T6"), antennas=antennas)
    with pytest.raises(InvalidInputError, match=r"network\.assume\.antenna: antenna 'K74'"):
        imported(one("earfcn", "1300"), antennas=antennas, assume=Assumptions(antenna="K74"))


def test_without_any_antenna_file_the_assumed_stands_in_and_it_is_said(imported: Import) -> None:
    network, report = imported(one("earfcn,antenna", "1300,K742_T06"))
    assert network.cells[0].antenna.name.startswith("3gpp")
    assert report.assumed["antenna"] == 1
    assert any("names 1 antennas (K742_T06)" in warning for warning in network.warnings)


def test_a_stated_tilt_that_the_file_does_not_have_is_pointed_out(imported: Import) -> None:
    antennas = {"K742_T06": pattern("K742_T06")}
    odd, _ = imported(one("earfcn,antenna,etilt", "1300,K742_T06,0"), antennas=antennas)
    assert any("states 0 deg electrical tilt" in warning for warning in odd.warnings)
    assert odd.cells[0].antenna.electrical_downtilt_deg == 6  # the file decides
    fine, _ = imported(one("earfcn,antenna,etilt", "1300,K742_T06,6"), antennas=antennas)
    assert not fine.warnings


def test_figures_of_the_antenna_shape_the_parametric_one(imported: Import) -> None:
    network, report = imported(one("earfcn,antenna gain (dBd),HBW,VBW", "1300,15.85,33,7"))
    antenna = network.cells[0].antenna
    assert antenna.gain_dbi == pytest.approx(18.0)
    assert np.interp(16.5, np.arange(360), antenna.horizontal_loss_db) == pytest.approx(
        3.0, abs=0.01
    )
    assert "antenna" not in report.assumed


# --- carriers


def test_a_row_without_carrier_is_a_cell_on_each_assumed_one(imported: Import) -> None:
    assume = Assumptions(carriers=("4G B3 20 MHz", "4G B28 10 MHz", "5G n41 100 MHz"))
    network, report = imported(one("technology", "LTE"), assume=assume)
    assert [cell.cell_id for cell in network.cells] == ["A1-B3", "A1-B28"]
    assert report.assumed["carrier"] == 2
    with pytest.raises(
        InvalidInputError, match=r"cell 'A1' is 5G and names neither band nor channel"
    ):
        imported(one("technology", "5G"))


def test_a_band_without_channel_takes_the_assumed_carrier_of_that_band(imported: Import) -> None:
    assume = Assumptions(carriers=("4G B3 15 MHz EARFCN 1400",))
    same, report = imported(one("band", "B3"), assume=assume)
    assert same.cells[0].carrier.downlink_freq_mhz == 1825.0
    assert report.assumed["channel"] == report.assumed["bandwidth_mhz"] == 1
    other, _ = imported(one("band,bandwidth", "B8,10"), assume=assume)
    assert other.cells[0].carrier.downlink_freq_mhz == 942.5  # the middle of B8


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [
        ("band,earfcn", "B20,1300", "EARFCN 1300 is in B3, but the band says 'B20'"),
        (
            "band,nr_arfcn,bandwidth",
            "n78,656668,100",
            "3850.02 MHz, which is outside .* it is in n77",
        ),
        ("band", "B99", "band 'B99' is not known here"),
        ("earfcn", "19300", "uplink number of B3"),
        ("earfcn,bandwidth", "1300,40", "bandwidth_mhz is 40, wanted one of 1.4, 3, 5"),
        ("technology,earfcn", "WiMAX,1300", "technology is 'WiMAX', wanted 4G or LTE"),
        ("technology,earfcn", "4G/5G,1300", "cell 'A1' is 4G and 5G, wanted one technology"),
    ],
)
def test_contradictory_carriers_are_refused_by_line(
    imported: Import, columns: str, values: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=f"line 2: .*{message}"):
        imported(one(columns, values))


def test_5g_cells(imported: Import) -> None:
    network, _ = imported(
        one("band,nr_arfcn,bandwidth_mhz,scs_khz,tx_power_dbm,pci", "n41,513000,100,30,53,1007")
    )
    carrier = network.cells[0].carrier
    assert (carrier.technology, carrier.duplex, carrier.downlink_freq_mhz) == ("5G", "TDD", 2565.0)
    assert (carrier.resource_blocks, carrier.uplink_share, carrier.downlink_share) == (
        273, 0.25, 0.75,
    )  # fmt: skip
    fdd, _ = imported(one("band,bandwidth_mhz", "n28,20"))
    assert fdd.cells[0].carrier.subcarrier_spacing_khz == 15.0
    assert fdd.cells[0].carrier.uplink_freq_mhz == fdd.cells[0].carrier.downlink_freq_mhz - 55.0


def test_older_technologies_and_silent_cells_are_left_out_and_counted(imported: Import) -> None:
    network, report = imported(
        "cell_id,lat,lon,azimuth,technology,band,status\n"
        "A,22.4,103.6,0,LTE,B3,active\n"
        "B,22.4,103.6,0,UMTS,2100,active\n"
        "C,22.4,103.6,0,GSM,900,active\n"
        "D,22.4,103.6,0,LTE,B3,Inactive\n"
        "E,,,0,LTE,B3,active\n"
    )
    assert [cell.cell_id for cell in network.cells] == ["A"]
    assert report.skipped == {"no position": 1, "status 'Inactive'": 1, "2G or 3G only": 2}
    assert any("1 rows of the cell plan were left out: no position" in w for w in network.warnings)


def test_only_chosen_operators_and_technologies(imported: Import) -> None:
    plan = (
        "cell_id,lat,lon,azimuth,operator,band,bandwidth\n"
        "A,22.4,103.6,0,Viettel,B3,20\nB,22.4,103.6,0,VNPT,B3,20\nC,22.4,103.6,0,Viettel,n41,100\n"
    )
    network, report = imported(plan, operators=["viettel"], technologies=["5G"])
    assert [cell.cell_id for cell in network.cells] == ["C"]
    assert report.skipped == {"operator not chosen": 1, "4G not chosen": 1}
    with pytest.raises(
        InvalidInputError, match=r"'Mobifone' is not in the cell plan.*VNPT, Viettel"
    ):
        imported(plan, operators=["Mobifone"])
    with pytest.raises(DataError, match="no usable row"):
        imported(plan, operators=["VNPT"], technologies=["5G"])


# --- identity and place


def test_duplicate_cell_ids_are_named_with_their_lines(imported: Import) -> None:
    with pytest.raises(InvalidInputError, match=r"'LCU001_1' \(line 2, line 3\)"):
        imported(PLAN.replace("LCU001_2", "LCU001_1"))


def test_cells_without_id_are_numbered_on_their_mast(imported: Import) -> None:
    network, _ = imported(
        "site_id,lat,lon,azimuth,earfcn\nS1,22.4,103.6,0,1300\nS1,22.4,103.6,120,1300\n"
    )
    assert [cell.cell_id for cell in network.cells] == ["S1-1", "S1-2"]


def test_a_site_id_far_from_itself_is_another_mast(imported: Import) -> None:
    network, _ = imported(
        "site_id,cell_id,lat,lon,azimuth,earfcn\n"
        "S1,A,22.4,103.6,0,1300\nS1,B,22.40001,103.6,0,1300\nS1,C,22.41,103.6,0,1300\n"
    )
    assert [cell.mast_id for cell in network.cells] == ["S1", "S1", "S1/2"]


def test_swapped_columns_are_refused(imported: Import) -> None:
    with pytest.raises(DataError, match=r"line 2: latitude is 103\.6.*seem swapped"):
        imported("cell_id,lat,lon,azimuth,earfcn\nA,103.6,22.4,0,1300\n")


def test_metres_in_degree_columns_are_refused(imported: Import) -> None:
    with pytest.raises(DataError, match="wanted decimal degrees"):
        imported("cell_id,lat,lon,azimuth,earfcn\nA,2477000,561000,0,1300\n")


@pytest.mark.parametrize("swap", [False, True])
def test_vn_2000_positions_with_either_axis_first(imported: Import, swap: bool) -> None:
    # 22.4 N, 103.6 E of WGS 84 in VN-2000 / TM-3 103-00, by PROJ 9 ("VN-2000 to WGS 84 (2)")
    x, y = ("2478073.885", "561580.116") if swap else ("561580.116", "2478073.885")
    plan = f"cell_id,x,y,azimuth,earfcn\nA,{x},{y},0,1300\n"
    network, report = imported(plan, crs="EPSG:9205")
    assert network.masts[0].lat_deg == pytest.approx(22.4, abs=1e-7)
    assert network.masts[0].lon_deg == pytest.approx(103.6, abs=1e-7)
    assert any("taken as northing" in note for note in report.notes) == swap
    with pytest.raises(InvalidInputError, match=r"set network\.crs, e\.g\. 'EPSG:9205'"):
        imported(plan)


def test_a_wrong_coordinate_system_is_refused(imported: Import) -> None:
    plan = "cell_id,x,y,azimuth,earfcn\nA,561871,2478156,0,1300\n"
    with pytest.raises(InvalidInputError, match="no position lies where EPSG:2154"):
        imported(plan, crs="EPSG:2154")
    with pytest.raises(InvalidInputError, match=r"network\.crs is 'VN 9000'"):
        imported(plan, crs="VN 9000")
    with pytest.raises(InvalidInputError, match="which is in degrees, but x and y hold metres"):
        imported(plan, crs="EPSG:4756")


def test_degrees_of_vn_2000_are_turned_into_wgs_84(imported: Import) -> None:
    plan = "cell_id,lat,lon,azimuth,earfcn\nA,22.4,103.6,0,1300\n"
    network, report = imported(plan, crs="EPSG:4756")
    # by PROJ 9: 106 m south and 196 m east
    assert network.masts[0].lat_deg == pytest.approx(22.399047, abs=1e-6)
    assert network.masts[0].lon_deg == pytest.approx(103.601905, abs=1e-6)
    assert any("turned from VN-2000 into WGS 84" in note for note in report.notes)
    assert imported(plan, crs="EPSG:9205")[0].masts[0].lat_deg == 22.4  # of x and y only


def test_a_table_without_positions_says_so(imported: Import) -> None:
    with pytest.raises(DataError, match="no position columns"):
        imported("cell_id,azimuth,earfcn\nA,0,1300\n")


def test_pci_collisions_on_a_mast_are_noted(imported: Import) -> None:
    _, clean = imported(PLAN)
    assert not clean.notes
    _, report = imported(PLAN.replace(",20,11,46", ",20,13,46"))
    assert any("LCU001_1 and LCU001_2 (10, 13)" in note for note in report.notes)


def test_the_description_says_what_became_what(imported: Import) -> None:
    _, report = imported(PLAN.replace("operator", "remark").replace("Viettel", "lắp 2024"))
    text = describe_import(report)
    assert "read as: plain cell plan" in text
    assert "total_power_dbm" in text
    assert "<- tx_power_dbm" in text
    assert "not used: remark" in text
    assert "noise_figure_db: 3 cells" in text


def test_the_template_in_the_docs_is_read_without_a_warning(imported: Import) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "cell-plans.md"
    template = page.read_text(encoding="utf-8").split("```csv\n")[1].split("```")[0]
    network, report = imported(template)
    assert report.format == "plain"
    assert report.ignored == ()
    assert network.warnings == ()
    assert [cell.cell_id for cell in network.cells] == [
        "LCU001_1", "LCU001_2", "LCU001_N1", "LCU002_1",
    ]  # fmt: skip
    assert network.cells[2].carrier.technology == "5G"
    assert network.cells[3].antenna.name.startswith("omni")
    assert not {"carrier", "channel", "azimuth_deg", "total_power_dbm"} & report.assumed.keys()
