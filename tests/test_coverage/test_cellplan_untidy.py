"""Lists as they come: whatever the header, every column is used, refused or named."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lensong.coverage.cellplan import Assumptions, CellTables, ImportReport, build_network
from lensong.coverage.cellplan.report import describe_rows
from lensong.coverage.network import AsRead, Network, operator_key
from lensong.gis_data.lists import read_list
from lensong.propagation.errors import ConfigError, DataError, InvalidInputError

Read = Callable[..., tuple[Network, ImportReport]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def build(
        text: str, *, encoding: str = "utf-8", name: str = "cells.csv", **settings: Any
    ) -> tuple[Network, ImportReport]:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return of_file(path, **settings)

    return build


def of_file(path: Path, **settings: Any) -> tuple[Network, ImportReport]:
    defaults: dict[str, Any] = {"antennas": {}, "assume": Assumptions(), "radius_m": 15_000.0}
    network, report = build_network(CellTables(main=read_list(path)), **(defaults | settings))
    check_account(network, report, read_list(path).line_numbers)
    return network, report


def check_account(network: Network, report: ImportReport, lines: tuple[int, ...]) -> None:
    """Every row and every value of the file has a fate, every cell is accounted for."""
    told = {entry.where.split(" (")[0] for entry in network.as_read}
    assert told == {f"line {line}" for line in lines}
    made = {cell for entry in network.as_read for cell in entry.cells if "more" not in cell}
    assert {cell.cell_id for cell in network.cells} >= made
    assert made or not network.cells
    left_out = sum(entry.fate == "left out" for entry in network.as_read)
    assert left_out == sum(report.skipped.values())
    assert sum(entry.fate == "merged" for entry in network.as_read) == report.merged
    for entry in network.as_read:
        assert entry.fate != "given" or (entry.column and entry.field)
        assert entry.fate in ("given", "assumed") or entry.why


def fates(network: Network, line: int) -> dict[str, AsRead]:
    return {e.field or e.column: e for e in network.as_read if e.where == f"line {line}"}


ONE_CELL = {
    "vi": "Mã trạm;Tên cell;Nhà mạng;Công nghệ;Vĩ độ;Kinh độ;Góc phương vị;Độ cao treo anten (m);"
    "Tilt cơ;Tilt điện;Băng tần;EARFCN;Băng thông;PCI;Tổng công suất (dBm)",
    "fr": "Code site;Cellule;Opérateur;Système;Latitude;Longitude;Azimut;Hauteur antenne (m);"
    "Tilt mécanique;Tilt électrique;Bande;EARFCN;Largeur de bande;PCI;Puissance max (dBm)",
    "es": "Emplazamiento;Celda;Operador;Tecnología;Latitud;Longitud;Acimut;Altura de la antena (m);"
    "Inclinación mecánica;Inclinación eléctrica;Banda;EARFCN;Ancho de banda;PCI;Potencia máxima",
    "de": "Standort;Zelle;Netzbetreiber;Technik;Breitengrad;Längengrad;Hauptstrahlrichtung;"
    "Höhe über Grund (m);Mechanischer Downtilt;Elektrischer Downtilt;Frequenzband;EARFCN;"
    "Bandbreite;PCI;Sendeleistung (dBm)",
    "en": "Site ID;Cell Name;MNO;RAT;Lat;Long;Antenna Azimuth;Antenna Height (m);Mech. Downtilt;"
    "Elec. Downtilt;Freq Band;DL EARFCN;Channel Bandwidth (MHz);PhysCellID;Max Tx Power (dBm)",
}


@pytest.mark.parametrize("language", ONE_CELL)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_headers_of_five_languages(
    read: Read, language: str, encoding: str, separator: str
) -> None:
    row = "S1;S1_1;Viettel;LTE;22,4;103,6;120;35;2;5;1800;1300;20;7;46"
    text = f"{ONE_CELL[language]}\n{row}\n".replace(";", separator)
    network, report = read(text, encoding=encoding)
    assert report.ignored == ()
    cell, mast = network.cells[0], network.masts[0]
    assert (mast.mast_id, mast.operator, mast.lat_deg, mast.lon_deg) == (
        "S1",
        "Viettel",
        22.4,
        103.6,
    )
    assert (cell.cell_id, cell.azimuth_deg, cell.height_agl_m) == ("S1_1", 120.0, 35.0)
    assert (cell.mechanical_downtilt_deg, cell.electrical_downtilt_deg) == (2.0, 5.0)
    assert (cell.carrier.downlink_freq_mhz, cell.total_power_dbm) == (1815.0, 46.0)
    assert network.warnings == ()
    assert {e.fate for e in fates(network, 2).values() if e.column} == {"given"}


@pytest.mark.parametrize(
    ("language", "encoding"),
    [("vi", "cp1258"), ("fr", "cp1252"), ("es", "latin-1"), ("de", "cp1252")],
)
def test_headers_in_old_encodings(read: Read, language: str, encoding: str) -> None:
    header = ONE_CELL[language]
    if encoding == "cp1258":  # tones are marks of their own there
        header = "".join(
            c if c.encode(encoding, "ignore") else unicodedata.normalize("NFD", c) for c in header
        )
        marks = {"\u0302": "", "\u031b": "", "\u0306": ""}
        header = "".join(marks.get(c, c) for c in header)
    text = f"{header}\nS1;S1_1;Viettel;LTE;22,4;103,6;120;35;2;5;1800;1300;20;7;46\n"
    network, report = read(text, encoding=encoding)
    assert report.ignored == ()
    assert network.cells[0].total_power_dbm == 46.0


# --- columns that nobody knows


@pytest.mark.parametrize(
    ("column", "values", "key"),
    [
        ("sys_type", ("GSM", "UMTS", "LTE"), 'technology = "sys_type"'),
        ("emission", ("GSM 900", "LTE 1800", "LTE 800"), 'technology = "emission"'),
        ("capas", ("2G/3G/4G", "4G", "5G"), 'technology = "capas"'),
        ("layer", ("B3", "B20", "B3"), 'band = "layer"'),
        ("layer", ("800", "1800", "2600"), 'band = "layer"'),
        ("PIRE cellule max", ("60", "61", "59"), 'eirp_dbm = "PIRE cellule max"'),
        ("rf power setting", ("43", "46", "40"), 'total_power_dbm = "rf power setting"'),
        ("P1", ("43 dBm", "46 dBm", "40 dBm"), 'total_power_dbm = "P1"'),
        ("output (W)", ("20", "40", "20"), 'total_power_w = "output (W)"'),
        ("dl center freq (MHz)x", ("1815", "806", "2650"), 'freq_mhz = "dl center freq (MHz)x"'),
        ("chủ sở hữu", ("Viettel", "VNPT", "MobiFone"), 'operator = "chủ sở hữu"'),
        ("licensee company", ("Alpha", "Beta", "Alpha"), 'operator = "licensee company"'),
    ],
)
def test_a_column_that_decides_and_is_not_known_ends_the_run(
    read: Read, column: str, values: tuple[str, ...], key: str
) -> None:
    rows = "\n".join(f"S{i},22.{i},103.6,{value}" for i, value in enumerate(values, start=1))
    with pytest.raises(DataError) as error:
        read(f"site,lat,lon,{column}\n{rows}\n")
    assert key in str(error.value)
    assert "[network.columns]" in str(error.value)


def test_columns_are_mapped_by_the_scenario(read: Read) -> None:
    text = (
        "ref,N,E,emission,Pw,h,remark\n"
        "A,22.4,103.6,LTE 800,40,98.4,x\nB,22.5,103.6,GSM 900,20,98.4,y\n"
    )
    columns = {
        "site_id": "ref", "lat_deg": "n", "lon_deg": "E", "technology": "emission",
        "total_power_w": "Pw", "height_agl_ft": "h",
    }  # fmt: skip
    network, report = read(text, columns=columns)
    assert [mast.mast_id for mast in network.masts] == ["A"]
    cell = network.cells[0]
    assert cell.carrier.name.startswith("B20")  # the band stands in the technology's text
    assert cell.total_power_dbm == pytest.approx(46.02, abs=0.01)
    assert cell.height_agl_m == pytest.approx(30.0, abs=0.01)
    assert report.skipped == {"2G or 3G only": 1}
    assert fates(network, 2)["total_power_dbm"].value == "46.0206"
    assert fates(network, 2)["remark"].fate == "not used"


def test_the_scenario_can_say_that_a_column_is_none(read: Read) -> None:
    text = "site,lat,lon,contact\nA,22.4,103.6,Viettel\n"
    with pytest.raises(DataError, match='operator = "contact"'):
        read(text)
    network, _ = read(text, columns={"operator": ""})
    assert network.masts[0].operator == ""


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"hight": "h"}, "network.columns has 'hight'.*"),
        ({"height_agl_m": "hh"}, "network.columns.height_agl_m is 'hh', but the list has no such"),
    ],
)
def test_a_wrong_mapping_is_refused(read: Read, columns: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read("site,lat,lon,h\nA,22.4,103.6,30\n", columns=columns)


def test_heights_that_nobody_knows_are_named(read: Read) -> None:
    network, _ = read("site,lat,lon,Hauteur du pylône haubané\nA,22.4,103.6,42\n")
    assert any("'Hauteur du pylône haubané' speaks of a height" in w for w in network.warnings)


def test_a_frequency_that_nobody_uses_is_named_where_the_channel_is_assumed(read: Read) -> None:
    text = "cell_id,lat,lon,azimuth,band,{}UL centre freq\nA1,22.4,103.6,0,B3,{}1747.5\n"
    network, _ = read(text.format("", ""))
    (warning,) = network.warnings
    assert "column 'UL centre freq' speaks of a frequency and is not used" in warning
    assert read(text.format("EARFCN,", "1575,"))[0].warnings == ()


def test_shares_among_percentages_are_pointed_out(read: Read) -> None:
    text = "cell_id,lat,lon,azimuth,band,load\nA1,22.4,103.6,0,B3,{}\nA2,22.4,103.6,120,B3,80\n"
    network, _ = read(text.format("0.5"))
    (warning,) = network.warnings
    assert "1 of 2 loads in column 'load' are below 1 % as read (line 2: 0.50%)" in warning
    assert read(text.format("50"))[0].warnings == ()


def test_a_systems_column_leaves_2g_and_3g_out(read: Read) -> None:
    text = (
        "Opérateur;Système;Latitude;Longitude\n"
        "Orange;GSM 900;44,1;3,5\nORANGE;LTE 800;44,1;3,5\nSFR;UMTS 2100;44,2;3,5\n"
        "SFR;LTE 1800;44,2;3,5\nSFR;FH;44,2;3,5\nFree;5G NR 3500;44,3;3,5\n"
    )
    network, report = read(text)
    assert report.skipped == {"2G or 3G only": 2, "FH, no mobile cell": 1}
    bands = {(c.operator, c.carrier.name.split()[0]) for c in network.cells}
    assert bands == {("Orange", "B20"), ("SFR", "B3"), ("Free", "n78")}


def test_a_regulators_flags_of_technology_and_band(read: Read) -> None:
    header = (
        "code_op;nom_op;num_site;latitude;longitude;site_2g;site_3g;site_4g;site_5g;mes_4g_trim;"
        "site_5g_700_m_hz;site_5g_3500_m_hz\n"
    )
    rows = (
        "20801;Orange;0001;44,1;3,5;1;1;1;1;0;1;1\n"
        "20810;SFR;0002;44,2;3,5;1;1;1;0;1;0;0\n"
        "20815;Free;0003;44,3;3,5;0;1;0;0;0;0;0\n"
    )
    network, report = read(header + rows, assume=Assumptions(carriers=("4G B20 10 MHz",)))
    bands = Counter((c.operator, c.carrier.name.split()[0]) for c in network.cells)
    assert bands == {("Orange", "B20"): 3, ("Orange", "n28"): 3, ("Orange", "n78"): 3,
                     ("SFR", "B20"): 3}  # fmt: skip
    assert report.skipped == {"no 4G or 5G at the site": 1}
    assert any("say which bands a site has" in note for note in report.notes)


# --- the same cell twice


def test_a_site_list_with_doubled_rows_is_merged_and_counted(read: Read) -> None:
    text = "site,operator,lat,lon,4g\nA,X,22.4,103.6,1\nB,X,22.5,103.6,1\nA,X,22.4,103.6,1\n"
    network, report = read(text)
    assert (len(network.masts), len(network.cells), report.merged) == (2, 6, 1)
    assert any("1 rows of the cell plan say what another row says" in w for w in network.warnings)
    assert any(
        "merged: 1 row: line 4 the same as line 2" in x for x in describe_rows(network.as_read)
    )


def test_the_same_cell_twice_without_an_id_is_one(read: Read) -> None:
    row = "22.4,103.6,120,1300,46"
    other = "22.4,103.6,240,1300,46"
    network, report = read(f"no,lat,lon,azimuth,earfcn,tx_power_dbm\n1,{row}\n2,{other}\n3,{row}\n")
    assert [cell.azimuth_deg for cell in network.cells] == [120.0, 240.0]
    assert report.merged == 1


def test_sectors_without_azimuths_are_not_merged(read: Read) -> None:
    rows = "".join(f"S1,{i},22.4,103.6,,1300\n" for i in (1, 2, 3))
    network, report = read(f"site_id,sector,lat,lon,azimuth,earfcn\n{rows}")
    assert [cell.azimuth_deg for cell in network.cells] == [0.0, 120.0, 240.0]
    assert report.merged == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lat,lon,azimuth,earfcn,Pmax\n22.4,103.6,0,1300,46\n22.4,103.6,0,1300,43\n",
         r"line 2 and line 3 differ in Pmax \(46\.0 and 43\.0\)"),
        ("site,lat,lon,h (m)\nA,22.4,103.6,30\nA,22.4,103.6,45\n",
         r"line 2 and line 3 differ in h \(m\) \(30\.0 and 45\.0\)"),
    ],
)  # fmt: skip
def test_contradictions_are_named_by_the_files_own_columns(
    read: Read, text: str, message: str
) -> None:
    columns = {"height_agl_m": "h (m)"} if "h (m)" in text else {}
    with pytest.raises(InvalidInputError, match=message):
        read(text, columns=columns)


def test_cells_of_other_ids_in_one_place_and_direction_are_pointed_out(read: Read) -> None:
    network, _ = read("cell_id,lat,lon,azimuth,earfcn\nA,22.4,103.6,0,1300\nB,22.4,103.6,0,1300\n")
    assert any("1 groups of cells share mast" in w and "A and B" in w for w in network.warnings)


def test_cell_numbers_that_count_within_the_site(read: Read) -> None:
    rows = "".join(
        f"{s},{c},22.{n},103.6,{c}0,1300\n" for n, s in ((1, "A"), (2, "B")) for c in (1, 2)
    )
    network, report = read(f"site,cell,lat,lon,azimuth,earfcn\n{rows}")
    assert [cell.cell_id for cell in network.cells] == ["A/1", "A/2", "B/1", "B/2"]
    assert any("counts within the site" in note for note in report.notes)


# --- operators


def test_an_operator_is_one_however_it_is_spelled(read: Read) -> None:
    text = (
        "operator,lat,lon\nOrange,44.1,3.5\nORANGE,44.2,3.5\n orange ,44.3,3.5\n"
        "Bouygues Télécom,44.4,3.5\nBOUYGUES TELECOM,44.5,3.5\n"
    )
    network, _ = read(text)
    assert {cell.operator for cell in network.cells} == {"Orange", "Bouygues Télécom"}
    some, report = read(text, operators=["bouyguestelecom"])
    assert {cell.operator for cell in some.cells} == {"Bouygues Télécom"}
    assert report.skipped == {"operator not chosen": 3}


def test_operators_by_network_numbers_and_by_a_column_called_carrier(read: Read) -> None:
    network, _ = read("mcc,mnc,lat,lon,height\n452,04,22.4,103.6,30\n208,1,44.1,3.5,30\n")
    assert [mast.operator for mast in network.masts] == ["Viettel", "208-01"]
    named, _ = read("Carrier,lat,lon,azimuth,band\nVerizon,40.1,-3.5,0,B13\n", name="us.csv",
                    assume=Assumptions(carriers=("4G B13 10 MHz",)))  # fmt: skip
    assert named.masts[0].operator == "Verizon"


def test_operator_keys_do_not_join_different_names() -> None:
    assert operator_key("Đoàn Kết") == operator_key("doan ket")
    assert operator_key("O2") != operator_key("O3")


# --- power


def test_eirp_is_used(read: Read) -> None:
    head, row = "cell_id,lat,lon,azimuth,earfcn,bandwidth", "A,44.1,3.5,0,1300,20"
    network, report = read(f"{head},PIRE (dBm),gain,feeder loss\n{row},62,17,1\n")
    assert network.cells[0].total_power_dbm == pytest.approx(46.0)
    assert "total_power_dbm" not in report.assumed
    assert fates(network, 2)["eirp_dbm"].why == "46.00 dBm of the whole carrier"
    watts, _ = read(f"{head},EIRP (W),gain\n{row},1000,17\n")
    assert watts.cells[0].total_power_dbm == pytest.approx(43.0)
    erp, _ = read(f"{head},ERP (dBm),gain\n{row},60,17\n")
    assert erp.cells[0].total_power_dbm == pytest.approx(45.15)


def test_power_and_eirp_tell_the_antennas_gain(read: Read) -> None:
    head = "cell_id,lat,lon,azimuth,earfcn,bandwidth,tx_power_dbm,EIRP"
    network, _ = read(f"{head}\nA,44.1,3.5,0,1300,20,46,61.5\n")
    assert network.cells[0].antenna.gain_dbi == pytest.approx(15.5)
    odd, _ = read(f"{head},gain\nA,44.1,3.5,0,1300,20,46,61.5,18\n")
    assert any("states 61.5 dBm EIRP" in w for w in odd.warnings)
    with pytest.raises(InvalidInputError, match=r"no antenna has 54\.0 dBi"):
        read(f"{head}\nA,44.1,3.5,0,1300,20,8,62\n")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("Pmax", "62", 'eirp_dbm = "Pmax"'),
        ("Pmax", "80", "more than a carrier has"),
        ("Pmax", "20", 'total_power_w = "Pmax"'),
        ("mech tilt", "-4", 'mechanical_uptilt_deg = "mech tilt"'),
        ("Tilt", "-4", 'mechanical_uptilt_deg = "Tilt"'),
        ("etilt", "-4", 'electrical_uptilt_deg = "etilt"'),
    ],
)
def test_odd_values_are_pointed_out_by_the_files_own_column(
    read: Read, column: str, value: str, message: str
) -> None:
    network, _ = read(f"cell_id,lat,lon,azimuth,earfcn,{column}\nA,44.1,3.5,0,1300,{value}\n")
    assert any(message in warning and f"'{column}'" in warning for warning in network.warnings)


def test_a_radius_that_must_be_kilometres_is_refused_with_the_key(read: Read) -> None:
    text = "cell_id,lat,lon,azimuth,earfcn,Rayon\nA,44.1,3.5,0,1300,8\n"
    with pytest.raises(InvalidInputError, match=r"column 'Rayon' is 8 m.*radius_km = \"Rayon\""):
        read(text)
    assert read(text, columns={"radius_km": "Rayon"})[0].cells[0].radius_m == 8000.0


def test_tilts_that_count_upward(read: Read) -> None:
    text = "cell_id,lat,lon,azimuth,earfcn,Tilt\nA,44.1,3.5,0,1300,-4\n"
    network, _ = read(text, columns={"mechanical_uptilt_deg": "Tilt"})
    assert network.cells[0].mechanical_downtilt_deg == 4.0
    assert network.warnings == ()


# --- carriers


@pytest.mark.parametrize(
    ("carrier", "centre_mhz", "bandwidth_mhz"),
    [
        ("10 MHz - EARFCN 6400", 816.0, 10.0),
        ("EARFCN 1300 - 20 MHz", 1815.0, 20.0),
        ("100 MHz - NR-ARFCN 513000", 2565.0, 100.0),
        ("20 MHz (NR-ARFCN: 154600)", 773.0, 20.0),
    ],
)
def test_the_text_of_a_carrier(
    read: Read, carrier: str, centre_mhz: float, bandwidth_mhz: float
) -> None:
    network, report = read(f"cell_id,lat,lon,azimuth,Carrier\nA,44.1,3.5,0,{carrier}\n")
    found = network.cells[0].carrier
    assert (found.downlink_freq_mhz, found.bandwidth_mhz) == (centre_mhz, bandwidth_mhz)
    assert not {"channel", "carrier", "bandwidth_mhz"} & report.assumed.keys()


def test_a_carrier_text_that_says_nothing_is_named(read: Read) -> None:
    network, report = read("cell_id,lat,lon,azimuth,band,Carrier\nA,44.1,3.5,0,B3,Layer 2\n")
    assert any("text says no channel (Layer 2)" in warning for warning in network.warnings)
    assert report.assumed["channel"] == 1


def test_a_channel_and_a_carrier_text_must_agree(read: Read) -> None:
    with pytest.raises(InvalidInputError, match="says channel 1300, the carrier"):
        read("cell_id,lat,lon,azimuth,earfcn,Carrier\nA,44.1,3.5,0,1300,20 MHz - EARFCN 1500\n")


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [
        ("band,frequency,bandwidth", "B20,796,20", "reaches from 786 to 806 MHz and leaves B20"),
        ("earfcn,bandwidth", "1200,20", "leaves B3"),
        ("band,nr_arfcn,bandwidth", "n78,652666,100", "leaves n78"),
    ],
)
def test_a_carrier_that_leaves_its_band_is_refused(
    read: Read, columns: str, values: str, message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read(f"cell_id,lat,lon,azimuth,{columns}\nA,44.1,3.5,0,{values}\n")


def test_an_ssb_is_not_the_carriers_centre(read: Read) -> None:
    head = "cell_id,lat,lon,azimuth,band,bandwidth"
    network, report = read(f"{head},ssbArfcn\nA,44.1,3.5,0,n78,100,620640\n")  # 3309.6 MHz
    carrier = network.cells[0].carrier
    assert carrier.downlink_freq_mhz == 3350.0  # as near as the band allows
    assert report.assumed["channel"] == 1
    assert any("state where their SSB lies" in warning for warning in network.warnings)
    both, _ = read(f"{head},nrarfcn,ssbArfcn\nA,44.1,3.5,0,n78,100,630000,620640\n")
    assert both.cells[0].carrier.downlink_freq_mhz == 3450.0
    assert both.warnings == ()


def test_carriers_that_share_spectrum_are_pointed_out(read: Read) -> None:
    head = "cell_id,lat,lon,azimuth,technology,frequency,bandwidth\n"
    one = "A,44.1,3.5,0,4G,1842.5,20\n"
    clash, _ = read(f"{head}{one}B,44.1,3.5,0,4G,1842.8,20\n")
    assert any("A and B (17.7 MHz)" in warning for warning in clash.warnings)
    shared, _ = read(f"{head}{one}C,44.1,3.5,0,5G,1842.5,20\n", name="dss.csv")
    assert any("dynamic spectrum sharing" in warning for warning in shared.warnings)
    apart, _ = read(
        f"{head}{one}D,44.1,3.5,0,4G,1862.5,20\nE,44.2,3.5,0,4G,1842.8,20\n", name="c.csv"
    )
    assert apart.warnings == ()


# --- crowd-sourced lists

HEADERS = {
    "opencellid": "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,"
    "averageSignal",
    "beacondb": "radio,mcc,mnc,lac,cid,psc,lon,lat,range,samples,changeable,created,updated,"
    "averageSignal",
    "none": "",
}


def crowd(cell: int, *, radio: str = "LTE", area: int = 7, lat: float = 22.4) -> str:
    return f"{radio},452,4,{area},{cell},0,103.6,{lat},900,5,1,1,2,0\n"


@pytest.mark.parametrize("header", HEADERS)
def test_crowd_sourced_lists_under_any_header(read: Read, header: str) -> None:
    head = f"{HEADERS[header]}\n" if HEADERS[header] else ""
    rows = (
        crowd(256_001) + crowd(256_002) + crowd(256_002) + crowd(65_535) + crowd(268_435_455)
        + crowd(2_147_483_647, radio="NR") + crowd(17) + crowd(256_003, area=0)
        + crowd(256_003, area=65_535) + crowd(99, radio="GSM")
    )  # fmt: skip
    network, report = read(head + rows)
    assert report.format == "opencellid"
    assert [mast.mast_id for mast in network.masts] == ["Viettel-eNB1000"]
    assert network.masts[0].uncertain
    assert report.merged == 1
    assert report.skipped == {
        "a number that no 4G cell has": 2, "a number that no 5G cell has": 1,
        "a 4G number without its base station's (below 256)": 1,
        "an area number that no 4G cell has": 2, "2G or 3G": 1,
    }  # fmt: skip
    assert sum("no 4G cell has" in warning for warning in network.warnings) == 2


def test_a_plan_with_network_numbers_and_azimuths_is_no_crowd(read: Read) -> None:
    _, report = read("radio,mcc,mnc,lac,cid,lon,lat,azimuth\nLTE,452,4,7,256001,103.6,22.4,90\n")
    assert report.format == "plain"
    _, bare = read("radio,mcc,mnc,lac,cid,lon,lat\nLTE,452,4,7,256001,103.6,22.4\n", name="b.csv")
    assert bare.format == "opencellid"


def test_columns_cannot_be_mapped_in_a_crowd_sourced_list(read: Read) -> None:
    with pytest.raises(ConfigError, match="is read as crowd-sourced"):
        read(f"{HEADERS['beacondb']}\n{crowd(256_001)}", columns={"operator": "mnc"})


@pytest.mark.parametrize("lat", ["22.4N", "22°24'00\"N", "22 24 0", "N22.4", "22.4° Bắc"])
def test_latitudes_as_people_write_them(read: Read, lat: str) -> None:
    quoted = lat.replace('"', '""')
    network, _ = read(f'site,lat,lon\nA,"{quoted}",103.6E\n')
    assert (network.masts[0].lat_deg, network.masts[0].lon_deg) == pytest.approx((22.4, 103.6))


# --- real lists


def test_the_real_list_of_ballia(shared_dir: Path) -> None:
    path = shared_dir / "data" / "ballia-villages-and-bts" / "bts_sites.csv"
    network, report = of_file(path)
    assert report.format == "sites"
    assert report.mapped.keys() >= {"site_id", "lat_deg", "lon_deg"}
    assert len(network.masts) > 1


def test_the_real_list_of_the_cevennes_keeps_every_row(shared_dir: Path) -> None:
    path = shared_dir / "data" / "cevennes-end-to-end" / "cell_sites_arcep_2018.csv"
    network, report = of_file(path)
    assert {cell.operator for cell in network.cells} == {"Orange", "SFR", "Bouygues", "Free"}
    assert (len(network.cells), report.merged) == (3 * 116, 0)
