"""Maps in the ITU's form, with invented values: the real ones may not be passed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lensong.gis_data.itu_maps import refractivity_at
from lensong.propagation.errors import DataError


def write_maps(folder: Path) -> None:
    lat, lon = np.meshgrid(90.0 - 1.5 * np.arange(121), 1.5 * np.arange(241), indexing="ij")
    np.savetxt(folder / "DN50.TXT", 40.0 + 0.1 * lat + 0.05 * lon, fmt="%.4f")
    np.savetxt(folder / "n050.txt", 320.0 - 0.5 * lat + 0.1 * lon, fmt="%.4f")


@pytest.mark.parametrize(
    ("lat", "lon", "east"),
    [(22.4, 103.3, 103.3), (-33.1, -70.2, 289.8), (90.0, 0.0, 0.0), (-90.0, 359.9, 359.9)],
)
def test_a_plane_is_read_exactly(tmp_path: Path, lat: float, lon: float, east: float) -> None:
    write_maps(tmp_path)
    delta_n, n0 = refractivity_at(tmp_path, lat, lon)
    assert delta_n == pytest.approx(40.0 + 0.1 * lat + 0.05 * east, abs=2e-4)
    assert n0 == pytest.approx(320.0 - 0.5 * lat + 0.1 * east, abs=2e-4)


def test_a_missing_map_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no DN50\.TXT: download .* P\.1812"):
        refractivity_at(tmp_path, 22.4, 103.3)
    with pytest.raises(DataError, match="download"):
        refractivity_at(tmp_path / "nowhere", 22.4, 103.3)


def test_another_map_is_refused(tmp_path: Path) -> None:
    write_maps(tmp_path)
    np.savetxt(tmp_path / "DN50.TXT", np.full((121, 241), 300.0))
    with pytest.raises(DataError, match="it is another map"):
        refractivity_at(tmp_path, 22.4, 103.3)
    np.savetxt(tmp_path / "DN50.TXT", np.full((181, 361), 45.0))
    with pytest.raises(DataError, match="181 x 361 values, wanted 121 x 241"):
        refractivity_at(tmp_path, 22.4, 103.3)
    (tmp_path / "DN50.TXT").write_text("<html>not found</html>", encoding="utf-8")
    with pytest.raises(DataError, match="not a grid of numbers"):
        refractivity_at(tmp_path, 22.4, 103.3)
