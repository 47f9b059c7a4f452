"""Logs of many makers become one table of levels."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.coverage.drive.log import DriveLog, LogOptions, read_logs
from lensong.gis_data.tables import parse_table
from lensong.propagation.errors import ConfigError, DataError

GNETTRACK = (
    "Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,State,NODEHEX,"
    "RAWCELLID\n"
    "2020.02.13_13.03.24,103.66,22.41,3,Viettel,21,LTE,-95,-12,4,I,1A2B,1714965\n"
    "2020.02.13_13.03.25,103.66,22.42,3,Viettel,21,LTE,-,-12,4,I,1A2B,1714965\n"
    "2020.02.13_13.03.26,0,0,3,Viettel,21,LTE,-96,-12,4,I,1A2B,1714965\n"
    "2020.02.13_13.03.27,103.67,22.42,3,Viettel,22,3G,-97,-12,4,I,-,-\n"
    "2020.02.13_13.03.28,103.67,22.42,3,Viettel,22,5G,0,-12,4,I,-,-\n"
    "2020.02.13_13.03.29,22.42,103.67,3,Viettel,22,5G,-90,-12,4,I,-,-\n"
)
SURVEY_LTE = (
    "deviceSerial,deviceTime,latitude,longitude,altitude,groupNumber,mcc,mnc,tac,eci,earfcn,pci,rsrp,"
    "rsrq,servingCell,lteBandwidth,provider\n"
    "R58N1,2026-03-01T08:00:01+07:00,22.41,103.66,600,1,452,4,101,26385408,1300,77,-95.5,-9,true,20,\n"
    "R58N1,2026-03-01T08:00:01+07:00,22.41,103.66,600,1,,,,,1300,78,-101.0,-12,false,,\n"
)
SURVEY_NR = (
    "deviceSerial,deviceTime,latitude,longitude,mcc,mnc,tac,nci,narfcn,pci,ssRsrp,ssRsrq,servingCell\n"
    "R58N2,2026-03-01T01:00:01Z,22.42,103.66,452,4,101,6442450945,513000,501,-99,-11,true\n"
)
NEMO = (
    "Time;Longitude;Latitude;System;PCI (1st);RSRP (1st);Channel (1st);IMEI\n"
    "08:00:00,250;103,6601;22,4102;LTE FDD;77;-88,25;1300;35123\n"
    "08:00:01,250;103,6602;22,4103;NR;501;-98,25;513000;35123\n"
)


def read(*texts: str, **options: Any) -> DriveLog:
    named = [
        (f"log{i}.csv", parse_table(text.encode(), f"log{i}.csv")) for i, text in enumerate(texts)
    ]
    return read_logs(named, LogOptions(**options))


def test_g_nettrack_says_cell_technology_and_time() -> None:
    log = read(GNETTRACK)
    assert log.level_dbm.tolist() == [-95.0]
    assert log.cell_id[0] == "1714965"  # the whole number goes before the sector
    assert log.station[0] == 0x1A2B
    assert (log.technology[0], log.operator[0], log.phones) == ("4G", "Viettel", ("log0.csv",))
    assert log.moment[0].astype(datetime) == datetime(2020, 2, 13, 13, 3, 24)
    assert log.rows == 6
    assert log.left_out == {
        "no level": 1,
        "no position": 1,
        "neither 4G nor 5G": 1,
        "level not plausible (outside -160 to -20 dBm)": 1,
        "position that is none on Earth (are latitude and longitude swapped?)": 1,
    }


def test_network_survey_of_both_technologies_and_two_phones() -> None:
    log = read(SURVEY_LTE, SURVEY_NR)
    assert log.level_dbm.tolist() == [-95.5, -101.0, -99.0]
    assert log.technology.tolist() == ["", "", "5G"]  # the earlier columns say no more than EARFCN
    assert log.earfcn[:2].tolist() == [1300.0, 1300.0]
    assert log.nr_arfcn[2] == 513000.0
    assert log.pci.tolist() == [77.0, 78.0, 501.0]
    assert log.operator.tolist() == ["452-04", "", "452-04"]
    assert log.serving.tolist() == [True, False, True]
    assert log.phones == ("R58N1", "R58N2")
    # both at one moment, one in local time with its zone
    assert log.moment[0] == log.moment[2]


def test_a_table_of_nemo_with_decimal_commas_and_numbered_columns() -> None:
    log = read(NEMO)
    assert log.level_dbm.tolist() == [-88.25, -98.25]
    assert log.pci.tolist() == [77.0, 501.0]
    assert log.earfcn[0] == 1300.0  # a channel is of the technology that the row says
    assert log.nr_arfcn[1] == 513000.0
    assert np.isnat(log.moment).all()  # a time of day is no moment
    assert log.phones == ("35123",)


def test_columns_and_rows_can_be_named() -> None:
    text = "lat,lon,a,RSRP,run\n22.4,103.6,-80,-90,1\n22.4,103.6,-81,-91,2\n"
    log = read(text, columns={"rsrp_dbm": "a"}, where={"run": "2"})
    assert log.level_dbm.tolist() == [-81.0]
    assert log.left_out == {"not chosen": 1}


@pytest.mark.parametrize(
    ("text", "options", "error", "told"),
    [
        ("lon,RSRP\n103,-90\n", {}, DataError, "no column for lat_deg"),
        ("lat,lon,RSSI\n22,103,-60\n", {}, DataError, "has RSSI and no RSRP.*--quantity total"),
        ("lat,lon,x\n22,103,-60\n", {}, DataError, "tells the level"),
        ("lat,lon,RSRP\n22,103,weak\n", {}, DataError, "line 2, column RSRP"),
        ("lat,lon,RSRP\n22,103,-\n", {}, DataError, "no level: 1"),
        ("lat,lon,RSRP\n22,103,-90\n", {"columns": {"rsrp": "RSRP"}}, ConfigError, "rsrp_dbm"),
        ("lat,lon,RSRP\n22,103,-90\n", {"where": {"run": "1"}}, ConfigError, "'run'"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_do(
    text: str, options: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        read(text, **options)


def test_the_same_file_twice_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    from lensong.coverage.scenario.drive_test import read_drive_logs

    path = tmp_path / "a.csv"
    path.write_text(NEMO, encoding="utf-8")
    with pytest.raises(ConfigError, match="more than once"):
        read_drive_logs([path, path])
    with pytest.raises(DataError, match=r"no file .*b\.csv: check the name of the log"):
        read_drive_logs([path, tmp_path / "b.csv"])
