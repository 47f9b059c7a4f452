"""The result in Debian's own QGIS, which has an interpreter of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio

from lensong.coverage.causes.changes import CHANGES
from lensong.coverage.causes.split import TERMS
from lensong.coverage.report import legend
from lensong.coverage.results.write import write_result
from lensong.gis_data.vectors import read_layer
from tests.small_plan import make_small_plan_result, with_lines, with_why

_PYTHON = "/usr/bin/python3"
_HERE = Path(__file__).parents[2]


def _has_qgis() -> bool:
    command = [_PYTHON, "-c", "import qgis.core"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qgis") / "first"
    write_result(with_why(with_lines(make_small_plan_result())), folder, lensong_version="1")
    moved = folder.parent / "moved elsewhere"
    shutil.move(folder, moved)  # the project's paths are relative
    return moved


@pytest.fixture(scope="module")
def opened(written: Path) -> dict[str, Any]:
    if not _has_qgis():
        pytest.skip("needs Debian's packages qgis and python3-qgis")
    script, picture = _HERE / "qgis_open.py", written.parent / "view.png"
    asked = subprocess.run(
        [_PYTHON, str(script), str(written), str(picture)],
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(written.parent),
            "QT_QPA_PLATFORM": "offscreen",
            "LANG": "C.UTF-8",
        },
    )
    assert asked.returncode == 0, asked.stderr
    found: dict[str, Any] = json.loads(asked.stdout)
    return found


def _shown(members: list[dict[str, Any]]) -> Iterator[str]:
    for member in members:
        if member["members"] is None:
            yield from [member["name"]] * member["shown"]
        else:
            yield from _shown(member["members"])


@pytest.mark.slow
def test_qgis_opens_every_file_of_the_result_styled(written: Path, opened: dict[str, Any]) -> None:
    assert opened["opened"]
    assert opened["title"] == "Thung lũng Bình Lư"
    assert opened["crs"] == make_small_plan_result().land.grid.crs
    assert all(layer["valid"] for layer in opened["layers"])
    assert {layer["crs"] for layer in opened["layers"]} == {opened["crs"]}
    sources = {Path(layer["source"].partition("|")[0]) for layer in opened["layers"]}
    assert sources == {*written.glob("*.tif"), written / "villages.gpkg"}
    assert {layer["source"].partition("layername=")[2] for layer in opened["layers"]} - {""} == {
        "villages", "communes", "lines", "masts", "cells", "gaps", "causes", "counterfactuals"
    }  # fmt: skip
    plain = [layer["name"] for layer in opened["layers"] if layer["renderer"] == "singlebandgray"]
    assert plain == []


def test_each_file_brings_its_style_when_it_is_opened_by_itself(opened: dict[str, Any]) -> None:
    colours = [[f"{c.low:g} to {c.high:g} dBm" if c.high is not None else f">= {c.low:g} dBm",
                c.colour] for c in legend.rsrp_legend().classes]  # fmt: skip
    assert opened["alone"]["4g_rsrp_dbm.tif"]["classes"][1:] == colours
    servers = opened["alone"]["5g_best_server.tif"]
    assert servers["renderer"] == "paletted"
    assert [label for label, _ in servers["classes"]] == [f"LC-BL-01-5G-{n}" for n in (1, 2, 3)]
    villages = opened["alone"]["villages.gpkg:villages"]
    assert (villages["features"], villages["labels"]) == (12, True)
    assert [colour for _, colour in villages["classes"]] == list(legend.CLASS_COLOURS.values())
    lines = opened["alone"]["villages.gpkg:lines"]
    assert lines["features"] == 3
    assert [colour for _, colour in lines["classes"]] == ["#6b3f12", "#1f6fb5", "#4b5661"]
    causes = opened["alone"]["villages.gpkg:causes"]
    assert causes["features"] == (make_small_plan_result().villages["class"] != "covered").sum()
    assert [colour for _, colour in causes["classes"]] == [
        legend.TERM_COLOURS[term] for term in TERMS
    ]
    tried = opened["alone"]["villages.gpkg:counterfactuals"]
    assert (tried["features"], tried["labels"], len(tried["classes"])) == (3, True, len(CHANGES))
    by_class = {layer: found["renderer"] for layer, found in opened["alone"].items()}
    assert by_class["villages.gpkg:gaps"] == by_class["villages.gpkg:cells"] == "categorizedSymbol"


def test_one_raster_is_shown_under_the_vectors(opened: dict[str, Any]) -> None:
    shown = list(_shown(opened["tree"]))
    assert [name.rpartition(" / ")[2] for name in shown] == [
        "Masts", "Cells, by azimuth", "Villages", "Communes", "Roads and rivers",
        "Level, strongest cell [dBm]",
    ]  # fmt: skip


@pytest.mark.usefixtures("opened")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_picture_has_the_colours_of_the_legend(written: Path) -> None:
    with rasterio.open(written.parent / "view.png") as picture:
        pixels = picture.read()[:3].reshape(3, -1).T
    with rasterio.open(written / "4g_rsrp_dbm.tif") as raster:
        levels = legend.classify(raster.read(1), legend.rsrp_legend())
    for place, entry in enumerate(legend.rsrp_legend().classes, start=1):
        colour = np.frombuffer(bytes.fromhex(entry.colour[1:]), np.uint8)
        drawn = float(np.mean((pixels == colour).all(axis=1)))
        wanted = float(np.mean(levels == place))
        # villages, masts and names hide a part
        assert 0.6 * wanted - 0.01 <= drawn <= wanted + 0.01, entry


def test_the_table_of_styles_is_no_layer_to_read(written: Path) -> None:
    vectors = written / "villages.gpkg"
    names = dict(pyogrio.list_layers(vectors))
    assert names.pop("layer_styles") is None
    assert all(names.values())
    assert len(read_layer(vectors, crs="EPSG:32648", layer="villages")) == 12
