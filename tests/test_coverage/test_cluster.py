"""A plan in pieces, as workers make them, without a cluster: the same bytes as in one go."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from inspect import getsource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from lensong.cli.main import lensong
from lensong.coverage.cluster import by_value, drive, work, workers
from lensong.coverage.cluster.blocks import cut_up, overlap
from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.coverage.cluster.graph import graph_of, last_pieces, pieces_after_land
from lensong.coverage.cluster.kept import KeptSweeps
from lensong.coverage.cluster.opened import ASKED, Asked
from lensong.coverage.cluster.run_folder import RunFolder
from lensong.coverage.layers import TILE, job_window
from lensong.coverage.network import Mast
from lensong.coverage.results.outcome import Outcome
from lensong.coverage.sweeps import SweepJob
from lensong.gis_data.array_cache import ArrayCache, CacheLimits
from lensong.gis_data.array_store import ArrayStore
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import Grid
from tests.ports import free_port
from tests.two_provinces import write_provinces

UNLIKE = ("created_at", "timings_s", "plan_key", "sweeps_reused", "files", "made_of")


def same_result(one: Path, other: Path) -> None:
    """Two folders hold the same bytes, but for when and how they came about."""
    names = sorted(p.name for p in one.iterdir())
    assert names == sorted(p.name for p in other.iterdir())
    for name in names:
        if name != "run.json":
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    records = [json.loads((folder / "run.json").read_text("utf-8")) for folder in (one, other)]
    assert records[0]["files"] == records[1]["files"]
    told = [{k: v for k, v in record.items() if k not in UNLIKE} for record in records]
    assert told[0] == told[1]


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One province, with holes in its elevation behind which nothing is known."""
    path = write_provinces(tmp_path_factory.mktemp("cluster") / "in", masts=8)[0]
    with rasterio.open(path.parent / "dem.tif", "r+") as dem:
        ground = dem.read(1)
        ground[::40, 3::50] = ground[1::40, 3::50] = np.nan
        dem.write(ground, 1)
    text = path.read_text("utf-8").replace("[villages]", "max_void_share = 0.05\n[villages]")
    path.write_text(text, "utf-8")
    return path


@pytest.fixture(scope="module")
def in_one_go(scenario: Path) -> Path:
    out, cache = scenario.parents[1] / "one", scenario.parents[1] / "cache"
    options = ["--out", str(out), "--cache", str(cache)]
    run = CliRunner().invoke(lensong, ["plan", str(scenario), *options])
    assert run.exit_code == 0, run.output
    return out


def asked_of(scenario: Path, out: Path, folder: RunFolder, **changes: Any) -> Asked:
    given: dict[str, Any] = {
        "scenario": str(scenario),
        "out": str(out),
        "cache": None,
        "key": "k",
        "fingerprint": fingerprint(),
        "inputs": {str(scenario): by_value.state_of(str(scenario))},
    }
    asked = Asked(**given | changes)
    folder.put(ASKED, asked)
    return asked


def the_rest(run: str, prepared: work.Prepared) -> Outcome:
    """Make all pieces that come after the land, in an order that a scheduler may like."""
    for piece in reversed(range(len(prepared.sweeps))):
        work.make_sweeps(run, piece)
    for block in reversed(range(len(prepared.needs))):
        work.lay(run, block)
    for piece in reversed(range(prepared.villages)):
        work.count_streams(run, piece)
    work.conclude(run)
    for piece in reversed(range(3)):
        work.write_some(run, piece, 3)
    told, _ = work.close(run)
    work.forget([run])
    return told


def test_a_plan_in_pieces_has_the_bytes_of_one_in_one_go(
    scenario: Path, in_one_go: Path, tmp_path: Path
) -> None:
    folder, out = RunFolder(tmp_path / "run"), tmp_path / "out"
    asked_of(scenario, out, folder)
    run = str(folder.path)
    prepared = work.prepare(run, 3)
    assert len(prepared.sweeps) > 1
    assert len(prepared.needs) > 1
    told = the_rest(run, prepared)
    same_result(in_one_go, out)
    assert any("pixels in range: those masts do not" in warning for warning in told.warnings)
    assert told == Outcome.of_folder(out, "k")
    assert Outcome.of_folder(out, "another") is None
    # a piece that is there is not made again: a second start goes on
    assert work.prepare(run, 3).sweeps == prepared.sweeps
    for again in (work.make_sweeps, work.lay, work.count_streams):
        assert again(run, 0) == work.Done()
    assert work.conclude(run, work.Done(cpu_s={"lay": 2.0})).cpu_s == {"lay": 2.0}
    # a worker that was lost while it moved the files: some are there, some are not
    for name in ("run.json", "villages.csv", "report.html"):
        (out / name).rename(folder.path / "files" / name)
    assert work.write_some(run, 0, 3) == work.Done()
    assert work.close(run)[0] == told
    same_result(in_one_go, out)


def test_tiles_of_one_machine_are_not_laid_again_by_a_cluster(
    scenario: Path, in_one_go: Path, tmp_path: Path
) -> None:
    cache = in_one_go.parent / "cache"
    whole = RunFolder(tmp_path / "whole")
    asked_of(scenario, tmp_path / "out", whole, cache=str(cache))
    assert work.prepare(str(whole.path), 3).sweeps == ()
    work.forget([str(whole.path)])
    tiles = [path for path in ArrayStore(cache).files() if b'"key": "tile ' in path.read_bytes()]
    for path in tiles[:2]:
        path.unlink()
    folder, out = RunFolder(tmp_path / "run"), tmp_path / "out"
    asked_of(scenario, out, folder, cache=str(cache))
    prepared = work.prepare(str(folder.path), 3)
    assert sum(prepared.sweeps) > 0  # those that the lost tiles rest on
    the_rest(str(folder.path), prepared)
    same_result(in_one_go, out)
    assert all(path.is_file() for path in tiles)


def test_a_worker_of_another_version_says_so_and_makes_nothing(
    scenario: Path, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    asked_of(scenario, tmp_path / "out", folder, fingerprint=fingerprint() | {"numba": "0.1"})
    with pytest.raises(ConfigError, match=r"other versions \(numba .* there, 0\.1 here\)"):
        work.prepare(str(folder.path), 3)
    assert not (tmp_path / "out").exists()


def test_a_worker_that_came_later_says_that_it_has_other_data(
    scenario: Path, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    missing = {f"/nowhere/{k}.tif": [1, 4] for k in range(5)}
    asked_of(scenario, tmp_path / "out", folder, inputs=missing)
    said = r"the worker on .* cannot read /nowhere/0.tif, .*/2.tif and 2 more \(No .*same data"
    with pytest.raises(ConfigError, match=said):
        work.prepare(str(folder.path), 3)


def test_a_worker_that_does_not_see_the_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be one that all workers share"):
        work.lay(str(tmp_path / "elsewhere"), 0)


def jobs_on(grid: Grid) -> list[SweepJob]:
    rng = np.random.default_rng(3)
    jobs = []
    for k, (row, col) in enumerate(rng.uniform(0, (grid.rows, grid.cols), (40, 2))):
        mast = Mast(mast_id=f"M{k}", lat_deg=22.0, lon_deg=103.0, height_agl_m=30.0)
        jobs += [
            SweepJob(
                mast=mast, row=row, col=col, height_agl_m=30.0, freq_mhz=f, radius_m=3000.0,
                cells=(k,),
            )
            for f in (800.0, 1800.0)
        ]  # fmt: skip
    return jobs


@pytest.mark.parametrize("threads", [1, 4, 64])
@pytest.mark.parametrize(("rows", "cols"), [(900, 400), (300, 1100)])
def test_pieces_hold_everything_once(threads: int, rows: int, cols: int) -> None:
    grid = Grid(crs="EPSG:32648", west_m=0.0, north_m=1e6, cell_m=60.0, rows=rows, cols=cols)
    jobs = jobs_on(grid)
    pieces = cut_up(jobs, grid, 17, threads)
    assert sorted(n for piece in pieces.sweeps for n in piece) == list(range(len(jobs)))
    for piece in pieces.sweeps:
        masts = [jobs[n].mast.mast_id for n in piece]
        assert all(masts.count(mast) == 2 for mast in masts)  # both carriers of an antenna
    covered = np.zeros(grid.shape, dtype=int)
    for row0, col0, row1, col1 in pieces.windows:
        assert row0 % TILE == col0 % TILE == 0
        covered[row0:row1, col0:col1] += 1
    assert (covered == 1).all()
    for window, needs in zip(pieces.windows, pieces.needs, strict=True):
        reaching = {n for n, job in enumerate(jobs) if overlap(job_window(job, grid), window)}
        assert reaching <= {n for k in needs for n in pieces.sweeps[k]}
    assert [n for a, b in pieces.villages for n in range(a, b)] == list(range(17))


def test_a_plan_is_asked_for_in_one_graph_whose_pieces_wait_for_what_they_need() -> None:
    prepared = work.Prepared(sweeps=(3, 2), needs=((0,), (0, 1), ()), villages=2, cpu_s={})
    pieces = {piece.key: piece for piece in pieces_after_land("p", prepared)}
    asked = graph_of(list(pieces.values()), print, "/run")
    assert asked["lay-p-1"] == (print, "lay", "/run", 1, "makesweeps-p-0", "makesweeps-p-1")
    laid = {f"lay-p-{k}" for k in range(3)}
    assert set(pieces["countstreams-p-1"].after) == laid
    assert set(pieces["conclude-p"].after) == pieces.keys() - {"conclude-p"}
    assert [piece.size for piece in pieces.values() if piece.stage == "sweeps"] == [3, 2]
    *written, end = last_pieces("p")
    assert end.after == tuple(piece.key for piece in written)
    assert len({one.arguments for one in written}) == len(written) > 1


def test_large_arrays_come_back_mapped_and_may_be_written(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    large, small = np.arange(40_000.0), np.arange(3)
    folder.put_mapped("it", {"large": large, "again": large, "small": small})
    found = folder.get("it")
    assert found["large"] is found["again"]
    assert isinstance(found["large"].base, np.memmap)
    np.testing.assert_array_equal(found["large"], large)
    found["large"][0] = 7.0  # of this process alone
    assert folder.get("it")["large"][0] == 0.0


def test_a_value_that_cannot_be_kept_leaves_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        folder.put("it", lambda: None)
    assert not folder.has("it")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_while_arrays_are_kept_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(path: Path, array: np.ndarray[Any, Any]) -> None:
        path.write_bytes(array.tobytes()[:10])
        raise OSError("40000 requested and 10 written")  # as numpy says it

    monkeypatch.setattr(np, "save", short)
    with pytest.raises(DataError, match="the disk is full"):
        RunFolder(tmp_path).put_mapped("it", np.zeros(40_000))
    assert list(tmp_path.iterdir()) == []


def test_what_the_cache_does_not_take_is_kept_for_the_run(tmp_path: Path) -> None:
    arrays = {"a": np.arange(1000)}
    with ArrayCache(tmp_path / "cache", CacheLimits(max_bytes=1.0)) as cache:
        kept = KeptSweeps(cache, ArrayStore(tmp_path / "run"))
        for key in ("one", "two"):
            kept.put(key, arrays)
        for key in ("one", "two"):
            found = kept.get(key)
            assert found is not None
            np.testing.assert_array_equal(found["a"], arrays["a"])
        assert len(list(ArrayStore(tmp_path / "run").files())) >= 1
        assert any("raise LENSONG_CACHE_MAX_GB" in note for note in kept.notes)


def question(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    (tmp_path / "token").write_text("t")
    (tmp_path / "dem.tif").write_bytes(b"1234")
    given = {
        "fingerprint": fingerprint(),
        "inputs": {str(tmp_path / "dem.tif"): [1, 4]},
        "tokens": {str(tmp_path / "token"): "t"},
        "cache_token": (str(tmp_path / "token"), "t"),
    }
    return given | changes


def test_a_fit_worker_has_no_problem(tmp_path: Path) -> None:
    told = by_value.probe(question(tmp_path))
    assert (told["problems"], told["sees_cache"]) == ([], True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fingerprint": {"numpy": "1.0"}}, r"has other versions \(numpy .* there, 1\.0 here\)"),
        (
            {"inputs": {"/nowhere/dem.tif": [1, 4]}},
            r"cannot read /nowhere/dem\.tif .*same path",
        ),
        ({"tokens": {"/nowhere/token": "t"}}, r"cannot work in /nowhere .*--out"),
    ],
)
def test_what_keeps_a_worker_from_a_plan_is_said(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    (problem,) = by_value.probe(question(tmp_path, **changes))["problems"]
    assert re.search(said, problem)


def test_other_data_of_the_same_name_are_not_the_same(tmp_path: Path) -> None:
    asked = question(tmp_path)
    (tmp_path / "dem.tif").write_bytes(b"12345")
    (problem,) = by_value.probe(asked)["problems"]
    assert "sees another" in problem
    assert "5 bytes; elsewhere 1 files, 4 bytes" in problem


def test_a_worker_without_lensong_can_be_asked(tmp_path: Path) -> None:
    """As a bare interpreter runs it, with nothing installed."""
    code = (
        f"{getsource(by_value)}\nimport json, sys\nprint(json.dumps(probe(json.load(sys.stdin))))"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        input=json.dumps(question(tmp_path)),
        capture_output=True,
        text=True,
        check=True,
    )
    (problem,) = json.loads(run.stdout)["problems"]
    assert problem.startswith("cannot import lensong")
    assert "install lensong[dask] there" in problem


def test_all_that_is_wrong_with_workers_is_said_at_once() -> None:
    found = {
        "tcp://a:1": {"host": "a", "problems": ["cannot read x"], "sees_cache": True},
        "tcp://b:1": {"host": "b", "problems": [], "sees_cache": True},
        "tcp://c:1": ValueError("no"),
        **{f"tcp://d:{k}": {"host": "d", "problems": ["cannot read y"]} for k in range(5)},
    }
    with pytest.raises(ConfigError) as error:
        workers._refuse(found)
    assert "worker tcp://a:1 on a cannot read x" in str(error.value)
    assert "worker tcp://c:1 could not be asked (no)" in str(error.value)
    assert "tcp://b:1" not in str(error.value)
    assert "3 things keep workers" in str(error.value)
    assert "tcp://d:2 on d and 2 more workers cannot read y" in str(error.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("10.0.0.1:8786", "wanted an address as tcp://10.0.0.1:8786"),
        ("tcp://10.0.0.1", "wanted an address as"),
        ("tcp://10.0.0.1:port", "wanted an address as"),
        ("http://10.0.0.1:8787", "wanted an address as"),
        ("tcp://127.0.0.1:{port}", "no Dask scheduler answers at .*dask scheduler"),
    ],
)
def test_a_cluster_that_is_not_there_is_said(
    address: str, said: str, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_CONNECT_S", 1)
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match=said):
        drive.plan_on_cluster(
            address.format(port=free_port()),
            [(scenario, out)],
            cache=None,
            progress=lambda *_: None,
            say=print,
        )
    assert not out.exists() or list(out.iterdir()) == []


def test_two_runs_do_not_plan_into_one_folder(tmp_path: Path) -> None:
    with (
        drive._held_folder(tmp_path, "key"),
        pytest.raises(ConfigError, match="another run plans into"),
        drive._held_folder(tmp_path, "key"),
    ):
        pass


def test_without_dask_the_command_says_what_to_install(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    run = CliRunner().invoke(
        lensong,
        ["plan", str(scenario), "--out", str(tmp_path), "--scheduler", "tcp://127.0.0.1:1"],
    )
    assert run.exit_code == 2
    assert "install lensong with its extra dask" in run.output


def test_threads_here_and_a_cluster_elsewhere_do_not_go_together(
    scenario: Path, tmp_path: Path
) -> None:
    run = CliRunner().invoke(
        lensong,
        [
            "plan",
            str(scenario),
            "--out",
            str(tmp_path),
            "--scheduler",
            "tcp://a:1",
            "--workers",
            "2",
        ],
    )
    assert run.exit_code == 2
    assert "leave one out" in run.output
