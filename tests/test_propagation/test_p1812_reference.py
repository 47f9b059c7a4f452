"""P.1812 against the official vectors and the generated mountain vectors."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lensong.propagation.p1812 import PathProfile, PathTerms, basic_transmission_loss_db, path_terms

TOLERANCE_DB = 1e-6  # double precision gives about 1e-11

MOUNTAIN_COLUMNS = {
    "Lb_dB": "basic_transmission_loss_db",
    "Lbulla50": "bullington_median_db",
    "Lbulls50": "bullington_smooth_median_db",
    "Ldsph50": "spherical_median_db",
    "Ld50": "diffraction_median_db",
    "Lbulla_b": "bullington_beta0_db",
    "Lbulls_b": "bullington_smooth_beta0_db",
    "Ldsph_b": "spherical_beta0_db",
    "Ldb": "diffraction_beta0_db",
    "dlt_km": "tx_horizon_km",
    "dlr_km": "rx_horizon_km",
    "theta_t_mrad": "tx_theta_mrad",
    "theta_r_mrad": "rx_theta_mrad",
    "theta_mrad": "theta_mrad",
    "b0_pct": "beta0_percent",
    "omega": "sea_share",
    "dtm_km": "longest_land_km",
    "dlm_km": "longest_inland_km",
    "hst_n": "smooth_tx_amsl_m",
    "hsr_n": "smooth_rx_amsl_m",
    "hstd": "diffraction_smooth_tx_amsl_m",
    "hsrd": "diffraction_smooth_rx_amsl_m",
    "hte": "tx_effective_m",
    "hre": "rx_effective_m",
    "hm": "roughness_m",
    "Fi": "fi",
    "Fj": "fj",
    "Fk": "fk",
    "Lbfs": "free_space_db",
    "Lb0p": "los_percent_db",
    "Lb0b": "los_beta0_db",
    "Ldp": "diffraction_db",
    "Lbd50": "median_db",
    "Lminb0p": "notional_minimum_db",
    "Lba": "ducting_db",
    "Lminbap": "lower_bound_db",
    "Lbda": "diffraction_or_ducting_db",
    "Lbam": "modified_db",
    "Lbs": "troposcatter_db",
    "Lbc": "combined_db",
}

OFFICIAL_ROWS = {
    "dlt (km)": "tx_horizon_km",
    "dlr (km)": "rx_horizon_km",
    "th_t (mrad)": "tx_theta_mrad",
    "th_r (mrad)": "rx_theta_mrad",
    "th (mrad)": "theta_mrad",
    "w": "sea_share",
    "dtm (km)": "longest_land_km",
    "dlm (km)": "longest_inland_km",
    "phi (deg)": "path_centre_lat_deg",
    "b0 (%)": "beta0_percent",
    "ae (km)": "effective_radius_km",
    "hstd (m)": "diffraction_smooth_tx_amsl_m",
    "hsrd (m)": "diffraction_smooth_rx_amsl_m",
    "hte (m)": "tx_effective_m",
    "hre (m)": "rx_effective_m",
    "hm (m)": "roughness_m",
    "Fi": "fi",
    "Fj": "fj",
    "Fk": "fk",
    "Lbfs": "free_space_db",
    "Lb0p": "los_percent_db",
    "Lb0b": "los_beta0_db",
    "Lbulla (dB)": "bullington_median_db",
    "Lbulls (dB)": "bullington_smooth_median_db",
    "Ldsph (dB)": "spherical_median_db",
    "Ld50 (dB)": "diffraction_median_db",
    "Ldb (dB)": "diffraction_beta0_db",
    "Ldp (dB)": "diffraction_db",
    "Lbd50 (dB)": "median_db",
    "Lbd (dB)": "diffracted_db",
    "Lminb0p (dB)": "notional_minimum_db",
    "Lba (dB)": "ducting_db",
    "Lminbap (dB)": "lower_bound_db",
    "Lbda (dB)": "diffraction_or_ducting_db",
    "Lbam (dB)": "modified_db",
    "Lbs (dB)": "troposcatter_db",
    "Lbc (dB)": "combined_db",
    "Lb (dB)": "basic_transmission_loss_db",
}


def mountain_profile(path: Path) -> PathProfile:
    rows = np.loadtxt(path, delimiter=",", skiprows=1)
    return PathProfile(
        distance_m=rows[:, 0] * 1000.0,
        terrain_amsl_m=rows[:, 1],
        clutter_height_m=rows[:, 2],
        zone=rows[:, 3].astype(np.int64),
    )


def mountain_terms(profile: PathProfile, case: dict[str, str]) -> PathTerms:
    number = {k: float(v) for k, v in case.items() if k != "id"}
    return path_terms(
        profile,
        freq_mhz=number["f_GHz"] * 1000.0,
        tx_height_agl_m=number["htg_m"],
        rx_height_agl_m=number["hrg_m"],
        tx_lat_deg=number["phi_t"],
        tx_lon_deg=number["lam_t"],
        rx_lat_deg=number["phi_r"],
        rx_lon_deg=number["lam_r"],
        delta_n_per_km=number["DN"],
        n0=number["N0"],
        time_percent=number["p_pct"],
        location_percent=number["pL_pct"],
        location_sigma_db=number["sigmaL_dB"],
        polarization="horizontal" if number["pol"] == 1 else "vertical",
        tx_coast_distance_m=number["dct_km"] * 1000.0,
        rx_coast_distance_m=number["dcr_km"] * 1000.0,
    )


def test_mountain_paths_and_all_intermediates(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "p1812_mountain"
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    assert len(cases) == 100
    for case in cases:
        terms = mountain_terms(mountain_profile(folder / "profiles" / f"{case['id']}.csv"), case)
        for column, name in MOUNTAIN_COLUMNS.items():
            wanted, given = float(case[column]), float(getattr(terms, name))
            # the table has ten significant digits, the last of which is rounded
            assert given == pytest.approx(wanted, abs=TOLERANCE_DB, rel=1e-9), (case["id"], column)


def read_official(path: Path) -> tuple[dict[str, float], np.ndarray, list[list[str]]]:
    header: dict[str, float] = {}
    profile: list[list[float]] = []
    measurements: list[list[str]] = []
    section = ""
    for row in csv.reader(path.read_text(encoding="latin-1").splitlines()):
        first = row[0].strip() if row else ""
        if first.startswith("{"):
            section = first.lower()
        elif section == "{begin of profile}" and not first.startswith("Number"):
            profile.append([float(x) for x in row[:5]])
        elif section == "{begin of measurements}" and first:
            measurements.append(row)
        elif len(row) > 1:
            try:
                header[first.rstrip(":")] = float(row[1])
            except ValueError:
                continue
    return header, np.array(profile), measurements


def test_official_paths_and_all_intermediates(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "p1812"
    finals = intermediates = 0
    for path in sorted((folder / "profiles").glob("*.csv")):
        header, rows, measurements = read_official(path)
        profile = PathProfile(
            distance_m=rows[:, 0] * 1000.0,
            terrain_amsl_m=rows[:, 1],
            clutter_height_m=rows[:, 3],
            zone=rows[:, 4].astype(np.int64),
        )
        for number, row in enumerate(measurements, start=1):
            terms = path_terms(
                profile,
                freq_mhz=float(row[0]),
                tx_height_agl_m=float(row[1]),
                rx_height_agl_m=float(row[3]),
                tx_lat_deg=header["Tx LAT"],
                tx_lon_deg=header["Tx LON"],
                rx_lat_deg=header["Rx LAT"],
                rx_lon_deg=header["Rx LON"],
                delta_n_per_km=header["Average annual values dN (N-units/km)"],
                n0=header["Average annual sea-level surface refractivity No (N-units)"],
                time_percent=float(row[14]),
                polarization="horizontal" if int(row[4]) == 1 else "vertical",
            )
            wanted = float(row[17])
            assert terms.basic_transmission_loss_db == pytest.approx(wanted, abs=TOLERANCE_DB), path
            finals += 1
            log = folder / "intermediate" / f"{path.stem}_{number}.csv"
            if not log.exists():
                continue
            with log.open(encoding="latin-1") as file:
                logged = {r[0].strip(): r[3] for r in csv.reader(file) if len(r) > 3 and r[3]}
            for name, field in OFFICIAL_ROWS.items():
                # logs print ten significant digits
                given = float(getattr(terms, field))
                wanted = float(logged[name])
                assert given == pytest.approx(wanted, abs=TOLERANCE_DB, rel=1e-9), (log.stem, name)
                intermediates += 1
    assert finals >= 39
    assert intermediates >= 39 * len(OFFICIAL_ROWS)


def test_loss_alone_is_the_last_term(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "p1812_mountain"
    profile = mountain_profile(folder / "profiles" / "m000.csv")
    # m000 of p1812_mountain/cases.csv: 132.1276522 dB
    loss = basic_transmission_loss_db(
        profile,
        freq_mhz=2100.0,
        tx_height_agl_m=42.0,
        rx_height_agl_m=1.5,
        tx_lat_deg=22.3,
        tx_lon_deg=103.2,
        rx_lat_deg=22.305054,
        rx_lon_deg=103.202044,
        delta_n_per_km=64.686,
        n0=382.479,
        polarization="horizontal",
    )
    assert loss == pytest.approx(132.1276522, abs=TOLERANCE_DB)
