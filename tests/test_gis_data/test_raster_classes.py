from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lensong.gis_data.cog import LegendClass, write_cog
from lensong.gis_data.raster_classes import class_names_xml
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

_GRID = Grid(crs="EPSG:32648", west_m=0.0, north_m=90.0, cell_m=30.0, rows=3, cols=3)
_LEGEND = (
    LegendClass(value=1, label="Bình Lư <1> & 2", rgba=(200, 10, 20, 255)),
    LegendClass(value=3, label="LC-03", rgba=(0, 120, 240, 255)),
)


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    codes = np.array([[1, 1, 3], [-1, -1, 3], [1, 3, 3]], np.int16)
    path = tmp_path / "server.tif"
    write_cog(path, codes, _GRID, nodata=-1, name="server", unit="", description="", legend=_LEGEND)
    Path(f"{path}.aux.xml").write_text(class_names_xml(_LEGEND), encoding="utf-8")
    return path


def test_gdal_finds_the_colours_of_signed_codes(raster: Path) -> None:
    with rasterio.open(raster) as dataset:
        colours = dataset.colormap(1)
        assert dataset.read(1)[1, 0] == -1
        assert dataset.nodata == -1
    assert colours[1] == (200, 10, 20, 255)
    assert colours[3] == (0, 120, 240, 255)
    assert colours[2][3] == 0  # a code that the raster does not have


def test_gdal_finds_the_names_of_the_codes(raster: Path) -> None:
    if shutil.which("gdalinfo") is None:
        pytest.skip("needs gdalinfo of Debian's package gdal-bin")
    told = subprocess.run(
        ["gdalinfo", "-json", str(raster)], capture_output=True, text=True, check=True
    )
    found = json.loads(told.stdout)
    assert found["bands"][0]["categories"] == ["", "Bình Lư <1> & 2", "", "LC-03"]
    rows = found["rat"]["row"]
    assert [row["f"][:3] for row in rows] == [[1, "Bình Lư <1> & 2", 200], [3, "LC-03", 0]]


@pytest.mark.parametrize("code", [-1.0, 0.5, 40_000.0])
def test_a_code_that_no_class_raster_holds_is_refused(code: float) -> None:
    entry = LegendClass(value=code, label="x", rgba=(0, 0, 0, 255))
    with pytest.raises(InvalidInputError, match="wanted a whole number 0 to 32767"):
        class_names_xml([entry])
