from __future__ import annotations

from collections import Counter
from math import cos, radians
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.cellplan import Assumptions, CellTables, ImportReport, build_network
from lensong.coverage.cellplan.positions import group_by_distance, metres_between
from lensong.coverage.network import Network
from lensong.gis_data.tables import read_table

TWO_CARRIERS = Assumptions(carriers=("LTE 800 10 MHz EARFCN 6300", "4G B3 20 MHz"))


def imported(path: Path, **settings: Any) -> tuple[Network, ImportReport]:
    defaults: dict[str, Any] = {"antennas": {}, "assume": TWO_CARRIERS, "radius_m": 15_000.0}
    return build_network(CellTables(main=read_table(path)), **(defaults | settings))


def written(folder: Path, text: str) -> Path:
    path = folder / "cells.csv"
    path.write_text(text, encoding="utf-8")
    return path


# --- lists of sites


def test_a_site_becomes_a_cell_on_every_carrier_and_azimuth(tmp_path: Path) -> None:
    network, report = imported(
        written(tmp_path, "operator,lon,lat,tech_3g,tech_4g\nSFR,3.5,44.2,1,1\nFree,3.5,44.2,1,0\n")
    )
    assert report.format == "sites"
    assert [cell.cell_id for cell in network.cells] == [
        "M1-SFR-B20-0", "M1-SFR-B20-120", "M1-SFR-B20-240",
        "M1-SFR-B3-0", "M1-SFR-B3-120", "M1-SFR-B3-240",
    ]  # fmt: skip
    assert report.skipped == {"no 4G at the site": 1}
    assert report.assumed["height_agl_m"] == report.assumed["azimuth_deg"] == 6
    assert "azimuth_deg of 6 of 6 cells is assumed: 0, 120, 240" in network.assumptions
    assert not network.masts[0].uncertain


def test_without_azimuths_a_site_is_an_omni(tmp_path: Path) -> None:
    path = written(tmp_path, "site,latitude,longitude\nTikhampur,25.7688,84.1502\n")
    network, report = imported(path, assume=Assumptions(azimuths_deg=()))
    assert [cell.cell_id for cell in network.cells] == ["Tikhampur-B3-omni"]
    assert network.cells[0].antenna.horizontal_loss_db.max() == 0.0
    assert network.cells[0].mechanical_downtilt_deg == 0.0
    assert report.assumed["technology"] == 1


def test_sites_of_a_technology_without_assumed_carrier_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "operator,lat,lon,4G,5G\nA,44.2,3.5,1,1\n")
    network, report = imported(path)
    assert {cell.carrier.technology for cell in network.cells} == {"4G"}
    assert report.skipped == {"5G, and network.assume.carriers has no 5G carrier": 1}
    both, _ = imported(path, assume=Assumptions(carriers=("4G B3 20 MHz", "5G n41 100 MHz")))
    assert Counter(cell.carrier.technology for cell in both.cells) == {"4G": 3, "5G": 3}
    assert len(both.masts) == 1


def test_lambert_93_is_known_by_the_names_of_its_columns(tmp_path: Path) -> None:
    network, _ = imported(
        written(tmp_path, "operateur;x_lambert_93;y_lambert_93;site_4g\nSFR;739875;6344189;1\n")
    )
    # the same site in degrees, as the regulator gives it
    assert network.masts[0].lat_deg == pytest.approx(44.19558, abs=1e-5)
    assert network.masts[0].lon_deg == pytest.approx(3.49887, abs=1e-5)


def test_the_real_list_of_the_cevennes(shared_dir: Path) -> None:
    path = shared_dir / "data" / "cevennes-end-to-end" / "cell_sites_arcep_2018.csv"
    table = read_table(path)
    assert len(table.rows) == 243
    assert len({(row["x_l93"], row["y_l93"]) for row in table.rows}) == 211
    network, report = imported(path)
    assert report.format == "sites"
    assert report.skipped == {"no 4G at the site": 127}
    by_operator = Counter(cell.operator for cell in network.cells)
    # 116 rows with 4G, times two carriers and three azimuths
    assert {name: n // 6 for name, n in by_operator.items()} == {
        "Orange": 28, "SFR": 33, "Bouygues": 33, "Free": 22,
    }  # fmt: skip
    assert len(network.cells) == 6 * 116
    # 107 distinct positions, three pairs of them within two metres
    assert len(network.masts) == 104
    assert all(cell.height_agl_m == 30.0 for cell in network.cells)


# --- OpenCelliD

OCID = "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal"


def ocid_row(radio: str, net: int, cell: int, lon: float, lat: float, *, samples: int = 10,
             changeable: int = 1) -> str:  # fmt: skip
    return f"{radio},452,{net},1,{cell},0,{lon},{lat},1000,{samples},{changeable},1,2,0"


@pytest.mark.parametrize("header", [True, False])
def test_opencellid_rows_become_uncertain_candidates(tmp_path: Path, header: bool) -> None:
    enb = 1000 << 8
    rows = [
        ocid_row("LTE", 4, enb + 1, 103.600, 22.40, samples=30),
        ocid_row("LTE", 4, enb + 2, 103.610, 22.40, samples=10),
        ocid_row("LTE", 4, enb + 3, 103.800, 22.40),  # 20 km off: another site
        ocid_row("LTE", 2, enb + 1, 103.600, 22.40),  # another operator
        ocid_row("GSM", 4, 77, 103.6, 22.4),
        ocid_row("UMTS", 4, 78, 103.6, 22.4),
    ]
    path = written(tmp_path, "\n".join([OCID] * header + rows) + "\n")
    network, report = imported(path)
    assert report.format == "opencellid"
    assert report.skipped == {"2G or 3G": 2}
    assert [mast.mast_id for mast in network.masts] == [
        "Viettel-eNB1000", "Viettel-eNB1000.2", "VinaPhone-eNB1000",
    ]  # fmt: skip
    assert network.masts[0].lon_deg == pytest.approx(103.6025)  # weighted by samples
    assert all(mast.uncertain for mast in network.masts)
    assert all(cell.uncertain for cell in network.cells)
    assert network.cells[0].cell_id == "Viettel-eNB1000-B20-0"
    assert any("3 of 3 masts are candidates estimated" in w for w in network.warnings)


def test_a_position_that_the_operator_gave_goes_before_averages(tmp_path: Path) -> None:
    rows = [
        ocid_row("LTE", 1, 257, 103.600, 22.40, samples=900),
        ocid_row("LTE", 1, 258, 103.610, 22.41, samples=1, changeable=0),
    ]
    network, _ = imported(written(tmp_path, "\n".join([OCID, *rows]) + "\n"))
    assert (network.masts[0].lat_deg, network.masts[0].lon_deg) == (22.41, 103.61)
    assert network.masts[0].operator == "MobiFone"


# --- grouping by distance

places = st.lists(
    st.tuples(st.floats(21.6, 21.6005), st.floats(103.0, 103.0005)), min_size=1, max_size=30
)


@given(places, st.floats(1.0, 20.0))
def test_members_of_a_group_are_near_its_first_and_firsts_are_apart(
    spots: list[tuple[float, float]], tolerance_m: float
) -> None:
    groups = group_by_distance(spots, tolerance_m)
    firsts = set(groups)
    for i, leader in enumerate(groups):
        assert groups[leader] == leader <= i
        assert metres_between(*spots[i], *spots[leader]) <= tolerance_m
        nearest = min(metres_between(*spots[i], *spots[f]) for f in firsts if f <= i)
        assert metres_between(*spots[i], *spots[leader]) == pytest.approx(nearest)
    ordered = sorted(firsts)
    for n, one in enumerate(ordered):
        for other in ordered[:n]:
            assert metres_between(*spots[one], *spots[other]) > tolerance_m


@given(st.floats(-80.0, 80.0), st.floats(-179.0, 179.0), st.floats(1.0, 3000.0))
def test_two_places_are_one_just_within_the_tolerance(
    lat: float, lon: float, tolerance_m: float
) -> None:
    def east(metres: float) -> tuple[float, float]:
        return lat, lon + metres / (111_195.0 * cos(radians(lat)))

    assert group_by_distance([(lat, lon), east(0.999 * tolerance_m)], tolerance_m) == [0, 0]
    assert group_by_distance([(lat, lon), east(1.001 * tolerance_m)], tolerance_m) == [0, 1]
