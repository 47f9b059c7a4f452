"""The tables of numbers in docs/models are what the code computes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pytest

from lensong.propagation.hata import extended_hata_loss_db
from lensong.propagation.p676 import gas_attenuation_db
from lensong.propagation.p833 import woodland_loss_db
from lensong.propagation.p838 import rain_specific_attenuation_db_per_km
from lensong.propagation.p2109 import building_entry_loss_db

PAGES = Path(__file__).resolve().parents[2] / "docs/models"

Building = Literal["traditional", "thermally_efficient"]


def table_row(page: str, first_cell: str) -> list[float]:
    text = (PAGES / page).read_text("utf-8")
    line = re.search(rf"^\| {re.escape(first_cell)} \|(.*)\|$", text, re.M)
    assert line, f"{page} has no row {first_cell}"
    return [float(cell) for cell in line[1].split("|")]


def test_the_hata_table() -> None:
    for area in ("urban", "suburban", "open"):
        found = extended_hata_loss_db(
            [1e3, 5e3, 20e3], freq_mhz=900.0, tx_height_agl_m=40.0, rx_height_agl_m=1.5, area=area
        )
        assert table_row("hata.md", area) == pytest.approx(found.tolist(), abs=0.051)


@pytest.mark.parametrize("building", ["traditional", "thermally_efficient"])
@pytest.mark.parametrize(("share", "percent"), [("median", 50.0), ("90 %", 90.0)])
def test_the_building_table(building: Building, share: str, percent: float) -> None:
    found = building_entry_loss_db(
        [800.0, 1800.0, 2600.0, 3500.0], probability_percent=percent, building=building
    )
    printed = table_row("p2109.md", f"{building.replace('_', ' ')}, {share}")
    assert printed == pytest.approx(found.tolist(), abs=0.051)


def test_the_woods() -> None:
    text = (PAGES / "p833.md").read_text("utf-8")
    for freq, depths in ((900.0, [10.0, 50.0, 100.0, 1e6]), (1800.0, [10.0, 50.0, 100.0, 1e6])):
        line = re.search(rf"at {freq:.0f} MHz ([^;]*)[;\n]", text)
        assert line
        printed = [float(number) for number in re.findall(r"\b\d+\.\d\b", line[1])]
        assert printed == pytest.approx(woodland_loss_db(depths, freq_mhz=freq).tolist(), abs=0.051)


def test_gas_and_rain_by_the_kilometre() -> None:
    gas = re.search(r"\[dB/km\]: (.*)\.\n", (PAGES / "p676.md").read_text("utf-8"))
    rain = re.search(r"\[dB/km\]: (.*)\.\n", (PAGES / "p838.md").read_text("utf-8"))
    assert gas
    assert rain
    for printed, ghz in re.findall(r"([\d.]+) at ([\d.]+)", gas[1]):
        assert float(printed) == pytest.approx(
            float(gas_attenuation_db(1e3, freq_mhz=float(ghz) * 1e3)), rel=0.05
        )
    for printed, ghz in re.findall(r"([\d.]+) at ([\d.]+)", rain[1]):
        found = rain_specific_attenuation_db_per_km(80.0, freq_mhz=float(ghz) * 1e3, tilt_deg=90.0)
        assert float(printed) == pytest.approx(float(found), rel=0.03)
