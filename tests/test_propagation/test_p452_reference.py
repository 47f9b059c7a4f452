"""P.452-18 against the official paths, with every intermediate that they name."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lensong.propagation.p452 import PathTerms, path_terms
from lensong.propagation.p1812 import PathProfile

TOLERANCE_DB = 1e-6
# DN is printed to 1e-6 N-units: the half digit moves the spherical-Earth loss by up to 7e-9 of
# itself, which at 150 dB and more is above 1e-6 dB
RELATIVE = 1e-8

ZONES = {1: 3, 2: 4, 3: 1}  # P.452 files: coastal, inland, sea

COLUMNS = {
    "ae": "effective_radius_km",
    "dtot": "path_km",
    "hts": "tx_amsl_m",
    "hrs": "rx_amsl_m",
    "theta_t": "tx_theta_mrad",
    "theta_r": "rx_theta_mrad",
    "theta": "theta_mrad",
    "hm": "roughness_m",
    "hte": "tx_effective_m",
    "hre": "rx_effective_m",
    "hstd": "diffraction_smooth_tx_amsl_m",
    "hsrd": "diffraction_smooth_rx_amsl_m",
    "dlt": "tx_horizon_km",
    "dlr": "rx_horizon_km",
    "dtm": "longest_land_km",
    "dlm": "longest_inland_km",
    "b0": "beta0_percent",
    "omega": "sea_share",
    "Lb": "basic_transmission_loss_db",
    "Lbfsg": "free_space_db",
    "Lb0p": "los_percent_db",
    "Lb0b": "los_beta0_db",
    "Ldsph": "spherical_median_db",
    "Ld50": "diffraction_median_db",
    "Ldp": "diffraction_db",
    "Lbs": "troposcatter_db",
    "Lba": "ducting_db",
}


def read_profile(path: Path) -> PathProfile:
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))[1:]
    return PathProfile(
        distance_m=np.array([float(row[0]) for row in rows]) * 1000.0,
        terrain_amsl_m=np.array([float(row[1]) for row in rows]),
        clutter_height_m=np.array([float(row[2]) for row in rows]),
        zone=np.array([ZONES[int(row[4])] for row in rows]),
    )


def terms_of(profile: PathProfile, row: dict[str, str]) -> PathTerms:
    number = {name: float(x) for name, x in row.items() if name not in ("profile", "path")}
    return path_terms(
        profile,
        freq_mhz=number["f (GHz)"] * 1000.0,
        tx_height_agl_m=number["htg (m)"],
        rx_height_agl_m=number["hrg (m)"],
        tx_lat_deg=number["phit_n (deg)"],
        tx_lon_deg=number["phit_e (deg)"],
        rx_lat_deg=number["phir_n (deg)"],
        rx_lon_deg=number["phir_e (deg)"],
        delta_n_per_km=number["DN"],
        n0=number["N0"],
        time_percent=number["p (%)"],
        tx_gain_dbi=number["Gt (dBi)"],
        rx_gain_dbi=number["Gr (dBi)"],
        pressure_hpa=number["press (hPa)"],
        temperature_c=number["temp (deg C)"],
        polarization="horizontal" if number["pol (1-h/2-v)"] == 1 else "vertical",
        tx_coast_distance_m=number["dct (km)"] * 1000.0,
        rx_coast_distance_m=number["dcr (km)"] * 1000.0,
    )


def test_official_paths_and_all_intermediates(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "p452"
    count = 0
    for path in sorted((folder / "results").glob("*.csv")):
        with path.open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        profile = read_profile(folder / "profiles" / rows[0]["profile"].strip())
        for row in rows:
            terms = terms_of(profile, row)
            where = path.stem, row["f (GHz)"], row["p (%)"]
            assert terms.line_of_sight == (row["path"].strip() == "Line of Sight"), where
            for column, name in COLUMNS.items():
                wanted, given = float(row[column]), float(getattr(terms, name))
                assert given == pytest.approx(wanted, abs=TOLERANCE_DB, rel=RELATIVE), (
                    *where,
                    column,
                )
            total = terms.basic_transmission_loss_db
            assert abs(total - float(row["Lb"])) <= TOLERANCE_DB, where
            count += 1
    assert count == 11 * 35
