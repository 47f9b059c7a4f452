"""From a plan's folder to the verdict: the two halves of lensong meet here."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from lensong.coverage.calibration.known import BASES
from lensong.coverage.network import Technology
from lensong.coverage.result import KnownLayers, PlanResult, TechnologyLayers
from lensong.coverage.results.write import write_result
from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.map_bases import VILLAGE_CLASSES
from lensong.monitoring.operations.coverage_run import CoverageRun, SitePredictions, read_run
from lensong.monitoring.operations.plan_ground import ground_of
from lensong.monitoring.operations.predictions import keep_predictions
from lensong.monitoring.records import Site
from lensong.propagation.errors import DataError
from tests.running_service import START, Running
from tests.small_plan import CRS, GRID, MASTS, PLACES, make_small_plan_result

PLANNED_AT = START - timedelta(days=2)
ADMIN = Principal(actor="test", name="test", role=Role.ADMIN)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a plan as `lensong plan` writes it."""
    out = tmp_path_factory.mktemp("plan")
    write_result(make_small_plan_result(), out, lensong_version="0", created_at=PLANNED_AT)
    return out


def place(row: float, col: float) -> tuple[float, float]:
    import pyproj

    to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(*GRID.easting_northing(row, col))
    return lat, lon


def site(site_id: str, row: float, col: float, **changes: Any) -> Site:
    lat, lon = place(row, col)
    return Site(
        site_id=site_id, name=site_id, commune_code="03390", lat_deg=lat, lon_deg=lon, **changes
    )


def test_every_site_gets_the_values_of_its_own_cell(folder: Path) -> None:
    run = read_run(folder)
    result = run.result
    assert (result.created_at, result.synthetic) == (PLANNED_AT, True)
    layers = make_small_plan_result().layers
    sites = [site(f"v{n}", p[2] + 0.3, p[3] - 0.4) for n, p in enumerate(PLACES)]
    found = run.predict(sites)
    compared = 0
    for n, (_, _, row, col, _) in enumerate(PLACES):
        mine = {item.technology: item for item in found.predictions if item.site_id == f"v{n}"}
        for technology, layer in layers.items():
            level, rate = layer.rsrp_dbm[row, col], layer.uplink_mbps[row, col]
            if np.isnan(level):
                assert technology not in mine
                continue
            item = mine[technology]
            assert item.rsrp_dbm == pytest.approx(float(level), abs=1e-4)  # float32 in the file
            assert item.uplink_p50_bps == pytest.approx(float(rate) * 1e6, rel=1e-6)
            cell = make_small_plan_result().network.cells[int(layer.best_server[row, col])]
            assert item.operator == cell.operator
            assert item.coverage_run == run.result.result_id
            compared += 1
    assert compared > 12


def test_a_calibrated_plan_says_of_each_site_how_sure_its_level_is(
    folder: Path, tmp_path: Path
) -> None:
    plan = make_small_plan_result()
    rng = np.random.default_rng(2)
    known = {
        technology: KnownLayers(
            field_db=np.zeros(GRID.shape, np.float32),
            half_db=rng.uniform(4.0, 12.0, GRID.shape).astype(np.float32),
            basis=rng.integers(1, 4, GRID.shape).astype(np.uint8),
        )
        for technology in plan.layers
    }
    write_result(replace(plan, known=known), tmp_path, lensong_version="0", created_at=PLANNED_AT)
    sites = [site(f"v{n}", p[2], p[3]) for n, p in enumerate(PLACES)]
    found = read_run(tmp_path).predict(sites).predictions
    assert len(found) > 12
    for item in found:
        _, _, row, col, _ = PLACES[int(item.site_id[1:])]
        of = known[cast("Technology", item.technology)]
        assert item.sigma_db == pytest.approx(of.half_db[row, col] / 1.6448536, rel=1e-5)
        assert item.basis == BASES[of.basis[row, col] - 1]
    assert {item.basis for item in found} > {"measured", "model only"}
    # of a plan without a calibration, or of an older version, all have the plan's own
    plain = read_run(folder)
    assert {(item.sigma_db, item.basis) for item in plain.predict(sites).predictions} == {
        (plain.result.level_sigma_db, None)
    }


def test_the_ground_of_a_plan_is_what_a_wall_needs_and_no_more(folder: Path) -> None:
    result = read_run(folder).result
    ground, outlines = ground_of(result)
    assert (ground.coverage_run, ground.title) == (result.result_id, result.title)
    assert (ground.synthetic, ground.service) == (True, "voice-data")
    assert ground.relief_png[:4] == b"\x89PNG"
    assert len(ground.villages) == len(PLACES)
    edges = ground.edges
    for lon_deg, lat_deg, name in ground.villages:
        assert edges.west_deg < lon_deg < edges.east_deg
        assert edges.south_deg < lat_deg < edges.north_deg
        assert name in VILLAGE_CLASSES
    table = result.communes()
    assert table is not None
    assert [item.commune_code for item in outlines] == list(table["commune_code"])
    assert all(ring[0] == ring[-1] for item in outlines for ring in item.rings_deg)


def test_sites_without_a_prediction_are_told_apart(folder: Path) -> None:
    run = read_run(folder)
    sites = [
        site("middle", 104, 88),
        site("edge", 0, 0),
        site("corner", 199.4, 199.4),
        Site(site_id="elsewhere", name="x", commune_code="1", lat_deg=21.0, lon_deg=105.8),
        Site(site_id="nowhere", name="x", commune_code="1"),
    ]
    found = run.predict(sites)
    assert found.outside == ("elsewhere",)
    assert found.without_place == ("nowhere",)
    named = {item.site_id for item in found.predictions} | {*found.no_signal, *found.unknown}
    assert named == {"middle", "edge", "corner"}
    assert run.predict([]) == SitePredictions(
        predictions=(),
        no_signal=(),
        unknown=(),
        beyond_radius=(),
        outside=(),
        without_place=(),
    )


def _everywhere(result: PlanResult, level_dbm: float) -> PlanResult:
    """Return a plan with one level in all its pixels, or with none where it is NaN."""
    changed: dict[Technology, TechnologyLayers] = {
        technology: replace(
            layers,
            rsrp_dbm=np.full_like(layers.rsrp_dbm, level_dbm),
            uplink_mbps=np.full_like(layers.uplink_mbps, np.nan),
            best_server=np.full_like(layers.best_server, -1),
        )
        for technology, layers in result.layers.items()
    }
    return replace(result, layers=changed)


def test_where_no_phone_hears_a_cell_there_is_no_signal(tmp_path: Path) -> None:
    deaf = _everywhere(make_small_plan_result(), -190.0)
    write_result(deaf, tmp_path, lensong_version="0")
    found = read_run(tmp_path).predict([site("a", 100, 100)])
    assert (found.predictions, found.no_signal, found.unknown) == ((), ("a",), ())


def test_beyond_every_radius_and_in_a_void_nothing_was_computed_and_nothing_is_said(
    tmp_path: Path,
) -> None:
    result = _everywhere(make_small_plan_result(), float("nan"))
    near = tuple(replace(cell, radius_m=3_000.0) for cell in result.network.cells)
    result = replace(result, network=replace(result.network, cells=near))
    write_result(result, tmp_path, lensong_version="0")
    _, _, _, row, col, _ = MASTS[0]
    found = read_run(tmp_path).predict(
        [site("near", row + 40, col), site("far", row + 40, col + 80), site("corner", 0, 199)]
    )
    assert found.unknown == ("near",)  # 2.4 km from the mast: a void of the elevation
    assert found.beyond_radius == ("far", "corner")
    assert (found.predictions, found.no_signal) == ((), ())


def test_the_plans_own_spread_is_taken(folder: Path) -> None:
    found = read_run(folder).predict([site("middle", 104, 88)])
    assert {item.sigma_db for item in found.predictions} == {
        make_small_plan_result().level_sigma_db
    }


def test_a_raster_that_went_missing_is_named(folder: Path, tmp_path: Path) -> None:
    spoiled = Path(shutil.copytree(folder, tmp_path / "copy"))
    (spoiled / "4g_uplink_mbps.tif").unlink()
    with pytest.raises(DataError, match="4g_uplink_mbps"):
        read_run(spoiled).predict([site("a", 100, 100)])


# Into the service -------------------------------------------------------------------------------


async def take(running: Running, run: CoverageRun) -> SitePredictions:
    found = run.predict(running.service.directory.sites.values())
    await keep_predictions(
        running.service, ADMIN, run.result.result_id, found.predictions, found.no_signal
    )
    return found


async def put_sites_on_the_plan(running: Running) -> None:
    client = await running.signed_in("admin")
    for site_id, row, col in (("binh-lu", 104, 88), ("sin-ho", 96, 70)):
        at = f"/api/v1/sites/{site_id}"
        kept = (await client.get(at)).json()
        kept["lat_deg"], kept["lon_deg"] = place(row, col)
        # the plan is synthetic: it decides for no real site
        kept["synthetic"], kept["operators"], kept["technologies"] = True, [], []
        del kept["site_id"]
        assert (await client.put(at, json=kept)).status_code == 200


SESSION = {
    "site_id": "binh-lu",
    "title": "Chợ phiên",
    "profile_code": "voice-still",
    "starts_at": "2026-11-28T09:00:00+07:00",
    "ends_at": "2026-11-28T11:00:00+07:00",
}


@pytest.mark.anyio
async def test_a_plan_is_where_the_verdict_starts_from_and_never_enough(
    running: Running, folder: Path
) -> None:
    await put_sites_on_the_plan(running)
    client = await running.signed_in("admin")
    made = (await client.post("/api/v1/sessions", json=SESSION)).json()
    assert made["verdict"]["state"] == "unknown"
    run = read_run(folder)
    found = await take(running, run)
    assert found.outside == ("muong-phang",)
    # the service may have taken the site out of its queue already, and still be at it
    await running.service.judge.rejudge_site("binh-lu", "evidence")
    at = f"/api/v1/sessions/{made['session_id']}/verdict"
    verdict = (await client.get(at)).json()
    evidence = {item["kind"]: item for item in verdict["evidence"]}
    assert evidence["prediction"]["age_s"] == 2 * 86_400.0
    assert evidence["prediction"]["weight"] == 1.0
    assert verdict["state"] != "ready"
    assert "never_measured" in {reason["code"] for reason in verdict["reasons"]}
    kept = (await client.get("/api/v1/sites/binh-lu/predictions")).json()
    assert {item["technology"] for item in kept} == {"4G", "5G"}
    assert kept[0]["coverage_run"] == run.result.result_id
    assert kept[0]["synthetic"] is True
    assert kept[0]["computed_at"] == "2026-11-26T01:00:00Z"
    assert (await client.get("/api/v1/sites/binh-lu")).json()[
        "coverage_run"
    ] == run.result.result_id


@pytest.mark.anyio
@pytest.mark.parametrize("mbps", [0.1, 3.0, 50.0, 1_000.0])
async def test_no_prediction_alone_is_ready(light: Running, mbps: float) -> None:
    client = await light.signed_in("admin")
    sent = await client.put(
        "/api/v1/coverage-runs/run-1/predictions",
        json={
            "computed_at": "2026-11-27T00:00:00Z",
            "predictions": [
                {"site_id": "binh-lu", "technology": "4G", "rsrp_dbm": -60.0,
                 "uplink_p50_bps": mbps * 1e6, "sigma_db": 0.0}
            ],
        },
    )  # fmt: skip
    assert sent.json() == {"predicted": 1, "with_streams": 0, "no_signal": 0}
    asked: dict[str, Any] = {
        "profile": "voice-still",
        "start": "2026-11-28T02:00:00Z",
        "duration": 600,
    }
    verdict = (await client.get("/api/v1/sites/binh-lu/readiness", params=asked)).json()
    assert verdict["state"] in ("at_risk", "not_ready")
    assert "prediction" in {item["kind"] for item in verdict["evidence"]}


@pytest.mark.anyio
async def test_a_newer_plan_takes_the_place_of_an_older_one(light: Running) -> None:
    client = await light.signed_in("admin")

    async def put(run_id: str, **body: Any) -> int:
        about = {"computed_at": "2026-11-27T00:00:00Z", "predictions": []}
        answer = await client.put(f"/api/v1/coverage-runs/{run_id}/predictions", json=about | body)
        return answer.status_code

    def of(site_id: str, technology: str = "4G") -> dict[str, Any]:
        return {"site_id": site_id, "technology": technology, "rsrp_dbm": -90.0, "sigma_db": 8.0}

    async def runs(site_id: str) -> list[str]:
        kept = (await client.get(f"/api/v1/sites/{site_id}/predictions")).json()
        return [f"{item['coverage_run']} {item['technology']}" for item in kept]

    assert await put("one", predictions=[of("binh-lu"), of("binh-lu", "5G"), of("sin-ho")]) == 200
    assert await put("two", predictions=[of("binh-lu")], no_signal=["sin-ho"]) == 200
    assert await runs("binh-lu") == ["two 4G"]
    assert await runs("sin-ho") == []
    assert await put("two", predictions=[of("binh-lu"), of("binh-lu")]) == 422
    assert await put("two", predictions=[of("binh-lu")], no_signal=["binh-lu"]) == 422
    assert await put("two", predictions=[of("nowhere")]) == 404
    assert await put("two", predictions=[of("binh-lu") | {"rsrp_dbm": 5.0}]) == 422


@pytest.mark.anyio
async def test_predictions_stay_within_the_area_of_who_sends_them(light: Running) -> None:
    client = await light.signed_in("province", "12")
    body = {
        "computed_at": datetime(2026, 11, 27, tzinfo=UTC).isoformat(),
        "predictions": [],
        "no_signal": ["muong-phang"],
    }
    refused = await client.put("/api/v1/coverage-runs/x/predictions", json=body)
    assert refused.status_code == 404
    with pytest.raises(NotFoundError):
        await keep_predictions(light.service, ADMIN, "x", (), ("gone",))
