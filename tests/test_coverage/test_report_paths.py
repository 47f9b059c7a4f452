"""The profiles of villages that are short of a service: who has one, and what is packed in it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lensong.coverage.path.clearance import clearance, median_k
from lensong.coverage.path.levels import Levels
from lensong.coverage.report.path_data import path_data
from lensong.coverage.result import PlanResult
from lensong.coverage.sweeps import PropagationSettings
from tests.small_plan import make_small_plan_result

COVERED = 0.95


@pytest.fixture(scope="module")
def result() -> PlanResult:
    return make_small_plan_result()


@pytest.fixture(scope="module")
def paths(result: PlanResult) -> dict[str, Any]:
    return path_data(result)


def unpacked(path: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return distance, ground and top as the page reads them [m]."""

    def words(name: str, kind: str) -> Any:
        return np.frombuffer(base64.b64decode(path[name]), kind).astype(float)

    at_m = words("at", "<u2") / 65535.0 * path["path_m"]
    ground = path["base_m"] + words("ground", "<u2") / 10.0
    clutter = words("clutter", "u1") / 2.0 if path["clutter"] else 0.0
    return at_m, ground, ground + clutter


def test_every_village_that_is_short_of_a_service_has_its_path(
    result: PlanResult, paths: dict[str, Any]
) -> None:
    columns = [f"served_share_{s.name.replace('-', '_')}" for s in result.services]
    short = (result.villages[columns].min(axis=1) < COVERED).to_numpy()
    assert short.any()
    assert not short.all()
    assert sorted(map(int, paths["villages"])) == np.flatnonzero(short).tolist()


def test_it_begins_at_the_cell_that_serves_and_says_what_the_exact_path_says(
    result: PlanResult, paths: dict[str, Any]
) -> None:
    levels = Levels(result.land, result.network, result.handset, result.propagation)
    for number, path in paths["villages"].items():
        row = result.villages.iloc[int(number)]
        servers = {row["best_server_4g"], row["best_server_5g"]} - {""}
        assert path["why"] == ("" if servers else "nearest")
        assert not servers or path["cell"] in servers
        cell = next(c for c in result.network.cells if c.cell_id == path["cell"])
        level = levels.at(levels.place(row["lat_deg"], row["lon_deg"]), [cell])[0]
        assert path["loss_db"] == round(level.loss.path_loss_db, 1)
        assert path["rsrp_dbm"] == round(level.rsrp_dbm, 1)
        assert sum(db for _, db in path["steps"]) == pytest.approx(path["loss_db"], abs=0.4)


def test_the_drawn_profile_keeps_the_edge_that_decides(
    result: PlanResult, paths: dict[str, Any]
) -> None:
    for path in paths["villages"].values():
        at_m, ground, top = unpacked(path)
        assert at_m.size <= 120
        assert at_m[0] == 0.0
        assert at_m[-1] == pytest.approx(path["path_m"])
        nearest = int(np.argmin(np.abs(at_m - path["edge"]["at_m"])))
        assert at_m[nearest] == pytest.approx(path["edge"]["at_m"], abs=path["path_m"] / 60_000)
        assert top[nearest] == pytest.approx(path["edge"]["top_m"], abs=0.3)
        assert ground[0] + path["tx_agl_m"] == pytest.approx(path["tx_m"], abs=0.15)
    assert paths["median_k"] == round(median_k(result.propagation.delta_n_per_km), 4)


def test_a_village_without_a_server_gets_the_nearest_mast(result: PlanResult) -> None:
    number = int(next(iter(path_data(result)["villages"])))
    villages = result.villages.copy()
    for name in ("best_server_4g", "best_server_5g"):
        villages.loc[villages.index[number], name] = ""
    path = path_data(replace(result, villages=villages))["villages"][str(number)]
    row = villages.iloc[number]
    levels = Levels(result.land, result.network, result.handset, result.propagation)
    place = levels.place(row["lat_deg"], row["lon_deg"])
    nearest = min(result.network.masts, key=lambda m: levels.distance_m(m.mast_id, place))
    assert path["why"] == "nearest"
    assert path["mast"] == nearest.name


def test_the_air_is_that_of_the_plan(result: PlanResult) -> None:
    other = replace(result, propagation=PropagationSettings(delta_n_per_km=70.0))
    found = path_data(other)
    assert found["median_k"] == round(median_k(70.0), 4)
    number, path = next(iter(found["villages"].items()))
    levels = Levels(other.land, other.network, other.handset, other.propagation)
    row = other.villages.iloc[int(number)]
    cell = next(c for c in other.network.cells if c.cell_id == path["cell"])
    line = levels.at(levels.place(row["lat_deg"], row["lon_deg"]), [cell])[0].line
    edge = clearance(line, freq_mhz=cell.carrier.downlink_freq_mhz, k=median_k(70.0)).edge
    assert path["edge"]["above_m"] == round(edge.above_line_m, 1)


def test_air_without_a_median_radius_leaves_the_report_without_profiles(result: PlanResult) -> None:
    odd = replace(result, propagation=PropagationSettings(model="itm", delta_n_per_km=180.0))
    assert path_data(odd)["villages"] == {}


def test_a_village_where_the_path_crosses_a_void_has_none(result: PlanResult) -> None:
    ground = result.land.ground_m.copy()
    ground[115:125, :] = np.nan
    found = path_data(replace(result, land=replace(result.land, ground_m=ground)))
    assert len(found["villages"]) < len(path_data(result)["villages"])


def test_a_thousand_villages_take_under_two_megabytes(paths: dict[str, Any]) -> None:
    each = [len(json.dumps(path)) for path in paths["villages"].values()]
    assert max(each) < 2_000
