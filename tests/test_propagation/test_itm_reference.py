"""ITM against the vectors of NTIA, the classic QKPFL paths and generated mountain paths."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lensong.propagation.itm import (
    MODES,
    SITING,
    WARNINGS,
    ItmTerms,
    area,
    area_loss_db,
    point_to_point,
)
from lensong.propagation.itm_variability import CLIMATES

REGIMES = ("", "line_of_sight", "diffraction", "troposcatter")

MOUNTAIN_COLUMNS = {
    "A__db": "basic_transmission_loss_db",
    "A_ref__db": "reference_attenuation_db",
    "A_fs__db": "free_space_db",
    "theta_hzn_tx__rad": "tx_horizon_rad",
    "theta_hzn_rx__rad": "rx_horizon_rad",
    "d_hzn_tx__meter": "tx_horizon_m",
    "d_hzn_rx__meter": "rx_horizon_m",
    "h_e_tx__meter": "tx_effective_height_m",
    "h_e_rx__meter": "rx_effective_height_m",
    "N_s": "surface_refractivity",
    "delta_h__meter": "terrain_irregularity_m",
}

# NTIA/itm-longley-rice, qkpflanx.txt: by reliability 1, 10, 50, 90, 99 %, confidence 50, 90, 10 %
QKPFL = {
    (41.5, 143.9, 8.5): [
        (128.6, 137.6, 119.6),
        (132.2, 140.8, 123.5),
        (135.8, 144.3, 127.2),
        (138.0, 146.5, 129.4),
        (139.7, 148.4, 131.0),
    ],
    (573.3, 194.0, 9.1): [
        (144.3, 154.1, 134.4),
        (150.9, 159.5, 142.3),
        (157.6, 165.7, 149.4),
        (161.6, 169.9, 153.3),
        (164.9, 173.6, 156.2),
    ],
}


def read_cases(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def settings_of(case: dict[str, str]) -> dict[str, float | str | bool]:
    mdvar = int(float(case["mdvar"]))
    return {
        "freq_mhz": float(case["f__mhz"]),
        "tx_height_agl_m": float(case["h_tx__meter"]),
        "rx_height_agl_m": float(case["h_rx__meter"]),
        "n0": float(case["N_0"]),
        "climate": CLIMATES[int(case["climate"]) - 1],
        "conductivity_s_m": float(case["sigma"]),
        "permittivity": float(case["epsilon"]),
        "polarization": ("horizontal", "vertical")[int(case["pol"])],
        "time_percent": float(case["time"]),
        "location_percent": float(case["location"]),
        "situation_percent": float(case["situation"]),
        "mode": MODES[mdvar % 10],
        "places_count": mdvar // 10 % 2 == 0,
        "situations_count": mdvar < 20,
    }


def path_of(case: dict[str, str], step_m: float, heights: list[float]) -> ItmTerms:
    distance = np.arange(len(heights)) * step_m
    # Any: one dictionary for arguments of several types
    return point_to_point(distance, heights, **settings_of(case))  # type: ignore[arg-type]


def test_mountain_paths_and_all_intermediates(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "itm"
    profiles = {}
    for line in (folder / "mountain_pfls.csv").read_text(encoding="utf-8").splitlines():
        name, _, step, *heights = line.split(",")
        profiles[name] = (float(step), [float(h) for h in heights])
    cases = read_cases(folder / "mountain_p2p.csv")
    assert len(cases) == 120
    for case in cases:
        terms = path_of(case, *profiles[case["id"]])
        for column, name in MOUNTAIN_COLUMNS.items():
            # the table has ten significant digits, the last of which is rounded
            wanted = float(case[column])
            given = float(getattr(terms, name))
            assert given == pytest.approx(wanted, abs=1e-6, rel=1e-9), (case["id"], column)
        assert terms.regime == REGIMES[int(case["mode"])]
        bits = sum(1 << bit for bit, flag in enumerate(WARNINGS) if flag in terms.warnings)
        assert bits == int(case["warnings"]), case["id"]
        assert terms.distance_m == pytest.approx(1000.0 * float(case["d__km"]))


def test_paths_of_ntia(shared_dir: Path) -> None:
    folder = shared_dir / "reference" / "itm"
    lines = (folder / "pfls.csv").read_text(encoding="utf-8").splitlines()
    cases = read_cases(folder / "p2p.csv")
    assert len(cases) == len(lines) == 3
    for case, line in zip(cases, lines, strict=True):
        _, step, *heights = (float(x) for x in line.split(","))
        terms = path_of(case, step, heights)
        # the table is printed to 0.01 dB
        assert terms.basic_transmission_loss_db == pytest.approx(float(case["A__db"]), abs=0.0051)


def test_areas_of_ntia(shared_dir: Path) -> None:
    cases = read_cases(shared_dir / "reference" / "itm" / "area.csv")
    assert len(cases) == 3
    for case in cases:
        settings = settings_of(case) | {
            "terrain_irregularity_m": float(case["delta_h__meter"]),
            "tx_siting": SITING[int(case["tx_siting_criteria"])],
            "rx_siting": SITING[int(case["rx_siting_criteria"])],
        }
        distance_m = 1000.0 * float(case["d__km"])
        terms = area(distance_m, **settings)  # type: ignore[arg-type]
        # the table is printed to 0.1 dB
        assert terms.basic_transmission_loss_db == pytest.approx(float(case["A__db"]), abs=0.051)
        row = area_loss_db([distance_m, np.nan], **settings)
        assert row[0] == terms.basic_transmission_loss_db
        assert np.isnan(row[1])


def test_crystal_palace_to_mursley(shared_dir: Path) -> None:
    text = (shared_dir / "reference" / "itm" / "qkpfl" / "qkpfldat.txt").read_text(encoding="utf-8")
    heights = np.array([float(x) for line in text.splitlines()[2:13] for x in line.split()[1:]])
    assert heights.size == 157
    distance = np.linspace(0.0, 77_800.0, heights.size)
    # the deck gives 314 at the surface, which lies as high as the middle of the path
    n0 = 314.0 * float(np.exp(heights[15:142].mean() / 9460.0))
    for (freq_mhz, tx_m, rx_m), table in QKPFL.items():
        for time_percent, row in zip((1.0, 10.0, 50.0, 90.0, 99.0), table, strict=True):
            for situation_percent, wanted in zip((50.0, 90.0, 10.0), row, strict=True):
                terms = point_to_point(
                    distance,
                    heights,
                    freq_mhz=freq_mhz,
                    tx_height_agl_m=tx_m,
                    rx_height_agl_m=rx_m,
                    n0=n0,
                    polarization="horizontal",
                    time_percent=time_percent,
                    situation_percent=situation_percent,
                    mode="mobile",
                    places_count=False,
                )
                assert terms.surface_refractivity == pytest.approx(314.0)
                # printed to 0.1 dB
                assert terms.basic_transmission_loss_db == pytest.approx(wanted, abs=0.051)
