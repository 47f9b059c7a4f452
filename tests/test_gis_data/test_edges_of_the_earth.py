"""Areas where a projection or the count of degrees ends: planned, or refused with a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.gis_data.land import Land
from lensong.gis_data.land_request import LandRequest
from lensong.gis_data.reading import read_land
from lensong.propagation.errors import CrsMismatchError, DataError

Place = tuple[float, float]


@pytest.fixture
def read(tmp_path: Path, write_raster: Callable[..., Path]) -> Callable[..., Land]:
    def around(*places: Place, corner: Place | None = None, **changes: Any) -> Land:
        rows = "".join(f"p{i},{lat},{lon}\n" for i, (lat, lon) in enumerate(places))
        (tmp_path / "villages.csv").write_text(f"name,lat,lon\n{rows}")
        north, west = corner or (places[0][0] + 0.3, places[0][1] - 0.3)
        waves = 500.0 + 200.0 * np.sin(np.indices((600, 600)).sum(axis=0) / 30.0)
        dem = write_raster(
            "dem.tif", waves.astype(np.float32), west=west, north=north, pixel=0.001,
            crs="EPSG:4326",
        )  # fmt: skip
        request = LandRequest(
            villages_path=tmp_path / "villages.csv",
            elevation_path=(dem,),
            area_resolution_m=100.0,
            **changes,
        )
        return read_land(request, margin_m=2_000.0)

    return around


def test_between_two_zones_one_is_chosen(read: Callable[..., Land]) -> None:
    land = read((22.0, 108.0), (22.01, 108.01))
    assert land.grid.crs == "EPSG:32649"
    assert not np.isnan(land.ground_m).any()


@pytest.mark.parametrize("places", [((-17.0, 179.98), (-17.0, -179.98)), ((-17.0, 179.97),)])
def test_the_180th_meridian_is_refused_with_a_way_out(
    read: Callable[..., Land], places: tuple[Place, ...]
) -> None:
    with pytest.raises(CrsMismatchError, match="crosses the 180th meridian"):
        read(*places, corner=(-16.7, 179.7))


def test_metres_that_are_none_are_refused(read: Callable[..., Land]) -> None:
    with pytest.raises(CrsMismatchError, match=r"EPSG:3857 a metre at .* is drawn 1\.39 m long"):
        read((44.0, 4.0), (44.01, 4.01), area_crs="EPSG:3857")


@pytest.mark.parametrize("lat_deg", [89.5, 84.5, -89.6])
def test_the_poles_are_refused(read: Callable[..., Land], lat_deg: float) -> None:
    with pytest.raises(DataError):
        read((lat_deg, 10.0), corner=(min(lat_deg + 0.3, 89.9), 9.7))
