"""A new model is its own file and one word in one list; everything else takes it from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from lensong.cli.main import lensong
from lensong.coverage.measured_paths import point_models, predict
from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.models import MODELS, map_models, registry
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terrain import Terrain
from tests.test_cli.small_scenario import SmallPlan
from tests.test_coverage.test_validate import measured_at

PLANE_EARTH = '''
"""Two rays over plane ground, far from the mast."""

import numpy as np

from lensong.propagation.model import Model
from lensong.propagation.statistical_sweep import map_by_distance


def plane_earth_loss_db(distance_m, tx_height_agl_m, rx_height_agl_m):
    return 40.0 * np.log10(distance_m) - 20.0 * np.log10(tx_height_agl_m * rx_height_agl_m)


def _over_distance(distance_m, slant_m, link):
    far_m = np.maximum(distance_m, 10.0)
    return plane_earth_loss_db(far_m, link.tx_height_agl_m, link.rx_height_agl_m)


MODELS = (
    Model(
        name="plane_earth",
        title="Two rays over plane ground",
        kind="statistical",
        freq_mhz=(30.0, 3000.0),
        distance_m=(10.0, 20_000.0),
        source="Recommendation ITU-R P.1411, section 4.2",
        function=plane_earth_loss_db,
        over_distance=_over_distance,
        draw=map_by_distance(_over_distance),
        instead="itu_r_p1812",
    ),
)
'''


@pytest.fixture(autouse=True)
def plane_earth() -> Iterator[None]:
    """Write the file, and name it in the list."""
    module = ModuleType("lensong.propagation.plane_earth")
    exec(PLANE_EARTH, module.__dict__)
    with pytest.MonkeyPatch.context() as patch:
        for name, entry in registry(module.MODELS).items():
            patch.setitem(MODELS, name, entry)
        yield


def expected_db(distance_m: float) -> float:
    return float(40.0 * np.log10(distance_m) - 20.0 * np.log10(30.0 * 1.5))


@pytest.mark.slow
def test_it_draws_maps_in_its_range() -> None:
    assert "plane_earth" in map_models()
    request = SweepRequest(
        row=20,
        col=20,
        tx_height_agl_m=30.0,
        rx_height_agl_m=1.5,
        freq_mhz=900.0,
        radius_m=500.0,
        delta_n_per_km=44.0,
        n0=330.0,
        tx_lat_deg=22.0,
    )
    terrain = Terrain(ground_m=np.zeros((41, 41), dtype=np.float32), cell_m=30.0)
    found = sweep(request, terrain, model="plane_earth", workers=2)
    at = found.path_loss_db[20 - found.row0, 30 - found.col0]
    assert at == pytest.approx(expected_db(300.0), abs=1e-9)
    with pytest.raises(OutOfRangeError, match=r"plane_earth, .*use itu_r_p1812"):
        sweep(replace(request, freq_mhz=9000.0), terrain, model="plane_earth")


def test_it_is_held_against_measurements() -> None:
    assert "plane_earth" in point_models()
    measured = measured_at(np.array([300.0, 30_000.0]), np.array([90.0, 170.0]))
    found = predict(measured, "plane_earth")
    assert found.path_loss_db[0] == pytest.approx(expected_db(300.0), abs=1e-9)
    assert np.isnan(found.path_loss_db[1])
    assert "plane_earth" in next(iter(found.left_out))


def test_the_command_line_lists_and_explains_it() -> None:
    listed = CliRunner().invoke(lensong, ["models"]).stdout
    assert "plane_earth *" in listed
    told = json.loads(CliRunner().invoke(lensong, ["models", "plane_earth", "--json"]).stdout)
    assert told["map_engine"] is True
    assert told["function"] == "lensong.propagation.plane_earth.plane_earth_loss_db"


def test_a_comparison_takes_it(small: SmallPlan) -> None:
    done = small.run(
        "compare",
        str(small.scenario),
        "--models",
        "free_space,plane_earth",
        "--out",
        str(small.out),
    )
    assert done.exit_code == 0, done.output
    assert "plane_earth" in done.stdout


def test_a_scenario_takes_it(small: SmallPlan) -> None:
    text = small.scenario.read_text("utf-8")
    small.scenario.write_text(f'{text}[propagation]\nmodel = "plane_earth"\n', "utf-8")
    assert small.plan("--quiet").exit_code == 0
