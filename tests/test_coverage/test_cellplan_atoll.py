from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.cellplan import Assumptions, CellTables, ImportReport, build_network
from lensong.coverage.network import Network
from lensong.gis_data.tables import read_table
from lensong.propagation.errors import DataError, InvalidInputError

SITES = "Name\tLongitude\tLatitude\tAltitude (m)\tComments\nLC001\t103,6\t22,4\t900,5\tđồi\n"
TRANSMITTERS = (
    "Site\tTransmitter\tActive\tDX (m)\tDY (m)\tFrequency Band\tAntenna\tHeight (m)\tAzimuth (°)\t"
    "Mechanical Downtilt (°)\tAdditional Electrical Downtilt (°)\tMain Calculation Radius (m)\t"
    "Transmission Loss (dB)\tNoise Figure (dB)\n"
    "LC001\tLC001_1\tTrue\t3\t-4\tE-UTRA Band 3 - 20MHz\tK742\t35,5\t30\t2\t0\t10000\t0,5\t2,5\n"
    "LC001\tLC001_2\tTrue\t0\t0\tE-UTRA Band 3 - 20MHz\tK742\t35,5\t150\t2\t4\t10000\t0,5\t2,5\n"
    "LC001\tLC001_3\tFalse\t0\t0\tE-UTRA Band 3 - 20MHz\tK742\t35,5\t270\t2\t0\t10000\t0,5\t2,5\n"
)
CELLS = (
    "Name\tTransmitter\tCarrier\tActive\tPhysical Cell ID\tMax Power (dBm)\tTraffic Load (DL) (%)\t"
    "Traffic Load (UL) (%)\tUL Noise Rise (dB)\n"
    "LC001_1(0)\tLC001_1\t1300\tTrue\t7\t46\t60\t40\t3\n"
    "LC001_2(0)\tLC001_2\t0\tTrue\t8\t46\t0,5\t40\t3\n"
    "LC001_3(0)\tLC001_3\t1300\tTrue\t9\t46\t60\t40\t3\n"
)


def imported(
    folder: Path,
    sites: str = SITES,
    transmitters: str = TRANSMITTERS,
    cells: str = CELLS,
    encoding: str = "utf-8",
    **settings: Any,
) -> tuple[Network, ImportReport]:
    tables = {}
    texts = {"sites": sites, "transmitters": transmitters, "cells": cells}
    for name, text in texts.items():
        path = folder / f"{name}.txt"
        path.write_text(text, encoding=encoding)
        tables[name] = read_table(path)
    defaults: dict[str, Any] = {
        "antennas": {"K742": sector_3gpp(name="K742", electrical_downtilt_deg=2)},
        "assume": Assumptions(),
        "radius_m": 15_000.0,
    }
    return build_network(CellTables(**tables), **(defaults | settings))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_three_tables_are_joined(tmp_path: Path, encoding: str) -> None:
    network, report = imported(tmp_path, encoding=encoding)
    assert report.format == "atoll"
    assert [cell.cell_id for cell in network.cells] == ["LC001_1(0)", "LC001_2(0)"]
    assert [mast.mast_id for mast in network.masts] == ["LC001"]
    cell = network.cells[0]
    assert (cell.height_agl_m, cell.azimuth_deg, cell.mechanical_downtilt_deg) == (35.5, 30.0, 2.0)
    assert (cell.total_power_dbm, cell.downlink_load, cell.uplink_noise_rise_db) == (46.0, 0.6, 3.0)
    assert (cell.feeder_loss_db, cell.noise_figure_db, cell.radius_m) == (0.5, 2.5, 10_000.0)
    assert cell.physical_cell_id == 7
    assert network.cells[1].downlink_load == 0.005  # always a percentage, however small
    assert report.mapped["azimuth_deg"] == "transmitters: Azimuth (°)"
    assert report.mapped["total_power_dbm"] == "cells: Max Power (dBm)"
    assert report.mapped["listed_ground_m"] == "sites: Altitude (m)"
    assert {mast.listed_ground_m for mast in network.masts} != {None}
    assert report.skipped == {"not active": 1}


def test_a_carrier_is_a_channel_only_where_the_band_holds_it(tmp_path: Path) -> None:
    network, report = imported(tmp_path)
    by_channel, by_index = network.cells
    assert by_channel.carrier.downlink_freq_mhz == 1815.0
    assert by_index.carrier.downlink_freq_mhz == 1842.5  # carrier 0 is an index: middle of B3
    assert by_index.carrier.bandwidth_mhz == 20.0
    assert report.assumed["channel"] == 1


def test_additional_electrical_downtilt_moves_the_file_s_pattern(tmp_path: Path) -> None:
    network, _ = imported(tmp_path)
    assert [cell.antenna.electrical_downtilt_deg for cell in network.cells] == [2, 6]
    parametric, _ = imported(tmp_path, antennas={})
    assert [cell.antenna.electrical_downtilt_deg for cell in parametric.cells] == [0, 4]


def test_offsets_move_the_antenna(tmp_path: Path) -> None:
    network, _ = imported(tmp_path)
    mast = network.masts[0]
    assert (mast.lat_deg - 22.4) * 111_195 == pytest.approx(-4.0, abs=0.05)
    assert (mast.lon_deg - 103.6) * 111_195 * 0.9245 == pytest.approx(3.0, abs=0.05)


def test_projected_sites_need_their_coordinate_system(tmp_path: Path) -> None:
    # 22.4 N, 103.6 E on UTM 48N
    sites = "Name\tX\tY\nLC001\t355916,0\t2477760,6\n"
    network, _ = imported(tmp_path, sites=sites, crs="EPSG:32648")
    assert network.masts[0].lat_deg == pytest.approx(22.4, abs=0.001)
    with pytest.raises(InvalidInputError, match=r"projected positions \(sites: X, sites: Y\)"):
        imported(tmp_path, sites=sites)


def test_x_and_y_in_degrees_are_taken_as_longitude_and_latitude(tmp_path: Path) -> None:
    network, report = imported(tmp_path, sites="Name\tX\tY\nLC001\t103,6\t22,4\n")
    assert network.masts[0].lat_deg == pytest.approx(22.4, abs=0.001)
    assert any("hold degrees" in note for note in report.notes)


@pytest.mark.parametrize(
    ("table", "old", "new", "error", "message"),
    [
        ("cells", "LC001_1(0)\tLC001_1\t", "X\tLC009_1\t", DataError,
         "cells table, line 2: 'LC009_1' is not in the transmitters table"),
        ("transmitters", "LC001\tLC001_1", "LC009\tLC001_1", DataError,
         "'LC009' is not in the sites table"),
        ("transmitters", "LC001\tLC001_2", "LC001\tLC001_1", InvalidInputError,
         "transmitters table, line 3: 'LC001_1' occurs more than once"),
        ("cells", "LC001_2(0)", "LC001_1(0)", InvalidInputError, "occur more than once"),
        ("transmitters", "Transmitter\t", "Tx\t", DataError, "has no column for 'transmitter'"),
        ("cells", "\tMax Power (dBm)", "\tPower", InvalidInputError, 'network.power = "total"'),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit_are_refused(
    tmp_path: Path, table: str, old: str, new: str, error: type[Exception], message: str
) -> None:
    texts = {"sites": SITES, "transmitters": TRANSMITTERS, "cells": CELLS}
    texts[table] = texts[table].replace(old, new, 1)
    with pytest.raises(error, match=message):
        imported(tmp_path, **texts)


def test_one_table_of_three_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sites.txt"
    path.write_text(SITES, encoding="utf-8")
    table = read_table(path)
    with pytest.raises(InvalidInputError, match="transmitters, cells missing"):
        CellTables(sites=table)
    with pytest.raises(InvalidInputError, match="is three tables, one is given"):
        build_network(CellTables(main=table), format="atoll", antennas={}, assume=Assumptions(),
                      radius_m=1000.0)  # fmt: skip
