"""Whole plans on real land, from the scenario file to the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner
from pyproj import Transformer

from lensong.cli.main import lensong

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"


def planned(name: str, out: Path) -> dict[str, Any]:
    run = CliRunner().invoke(
        lensong,
        [
            "plan",
            str(SCENARIOS / name),
            "--out",
            str(out),
            "--no-cache",
            "--json",
            "--workers",
            "2",
        ],
    )
    assert run.exit_code == 0, run.output
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def cevennes(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plan the Cévennes at 90 m, all cells to 15 km, and return the folder."""
    assert (shared_dir / "data" / "cevennes-end-to-end").is_dir()
    out = tmp_path_factory.mktemp("cevennes")
    found = planned("cevennes.toml", out)
    assert found["sweeps_total"] == 208
    return out


def at(layer: Path, lat_deg: float, lon_deg: float) -> float:
    with rasterio.open(layer) as source:
        place = Transformer.from_crs(4326, source.crs, always_xy=True).transform(lon_deg, lat_deg)
        return float(next(source.sample([place]))[0])


@pytest.mark.slow
def test_cevennes_towns_summit_and_valleys_come_out_sensibly(cevennes: Path) -> None:
    rsrp = cevennes / "4g_rsrp_dbm.tif"
    # Mont Aigoual, 1,567 m, looks down on its masts; the valley south of Barre-des-Cévennes and
    # the upper Tarnon below Bassurels see none
    assert at(rsrp, 44.1215, 3.5812) > -80.0
    assert at(rsrp, 44.1636, 3.8411) < -115.0
    assert at(rsrp, 44.1800, 3.6200) < -115.0
    villages = pd.read_csv(cevennes / "villages.csv").set_index("name")
    assert len(villages) == 39
    assert villages["people"].sum() == 100_347  # Le Vigan's is not known
    assert villages.loc["Alès", "class"] == "covered"
    for lost in ("Saint-Étienne-Vallée-Française", "Lasalle", "Vialas", "Mialet"):
        assert villages["served_share_livestream_720p"][lost] < 0.3, lost
        assert villages["reason"][lost] == "terrain", lost
    uphill = villages["rsrp_p50_dbm_4g"].drop(["Avèze"])  # at the edge of the elevation
    assert uphill.between(-125.0, -40.0).all()


@pytest.mark.slow
def test_cevennes_outputs_open_and_agree(cevennes: Path) -> None:
    run = json.loads((cevennes / "run.json").read_text(encoding="utf-8"))
    masts = gpd.read_file(cevennes / "villages.gpkg", layer="masts")
    cells = gpd.read_file(cevennes / "villages.gpkg", layer="cells")
    gaps = gpd.read_file(cevennes / "villages.gpkg", layer="gaps")
    # 116 rows of the list have 4G (the whole list has 243 rows at 211 positions)
    assert (len(masts), len(cells)) == (104, 116 * 2 * 3)
    assert len(gaps) > 10
    assert gaps.geometry.is_valid.all()
    assert any("116" in s or "696" in s for s in run["assumptions"])
    with rasterio.open(cevennes / "4g_uplink_mbps.tif") as source:
        uplink = source.read(1)
        assert source.crs.to_epsg() == 32631
        assert source.units == ("Mbit/s",)
    with rasterio.open(cevennes / "4g_rsrp_dbm.tif") as source:
        rsrp = source.read(1)
    known = np.isfinite(rsrp)
    np.testing.assert_array_equal(known, np.isfinite(uplink))
    strong, weak = uplink[known & (rsrp > -85.0)], uplink[known & (rsrp < -120.0)]
    assert np.median(strong) > 10.0 > 1.0 > np.median(weak)


@pytest.mark.slow
def test_lai_chau_has_its_names_communes_and_people(shared_dir: Path, tmp_path: Path) -> None:
    assert (shared_dir / "data" / "lai-chau-admin-2025").is_dir()
    found = planned("lai_chau.toml", tmp_path)
    assert found["synthetic"] is True
    assert any("nfit for planning" in warning for warning in found["warnings"])
    communes = gpd.read_file(tmp_path / "villages.gpkg", layer="communes")
    assert len(communes) == 38
    assert "Xã Bình Lư" in set(communes["commune"])
    assert "03390" in set(communes["commune_code"])
    villages = pd.read_csv(tmp_path / "villages.csv", dtype={"commune_code": str})
    assert villages.loc[villages["name"] == "Lai Châu", "commune"].item() == "Phường Đoàn Kết"
    assert set(villages["weighting"]) == {"population"}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "nfit for planning" in page
    assert "Phường Đoàn Kết" in page
