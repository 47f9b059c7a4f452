"""`lensong cache` tells what is kept and removes it; a plan that runs keeps what it uses."""

from __future__ import annotations

import json
import os
import time

import numpy as np

from lensong.gis_data.array_cache import ArrayCache
from lensong.gis_data.array_store import ArrayStore
from tests.test_cli.small_scenario import SmallPlan


def test_the_cache_is_told_pruned_and_cleared(small: SmallPlan) -> None:
    store = ArrayStore(small.cache)
    store.put("a sweep", {"loss_cdb": np.arange(3)})
    kept = store.path_of("a sweep")
    told = small.run("cache")
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[0] == f"folder   {small.cache}"
    assert lines[1].startswith("entries  1, ")
    assert lines[1].endswith(" of at most 10 GB")
    assert lines[2].endswith("0 days ago (at most 90)")
    assert lines[3] == "in use   0 by 0 running plans"

    month_ago_s = time.time() - 30 * 86400
    os.utime(kept, (month_ago_s, month_ago_s))
    assert "removed 0 entries" in small.run("cache", "prune").stdout
    size_bytes = kept.stat().st_size
    found = json.loads(small.run("cache", "prune", "--max-days", "20", "--json").stdout)
    assert (found["entries_removed"], found["bytes_removed"]) == (1, size_bytes)
    assert not kept.exists()


def test_clearing_keeps_what_a_running_plan_uses(small: SmallPlan) -> None:
    with ArrayCache(small.cache) as running:
        running.put("a sweep", {"loss_cdb": np.arange(3)})
        assert json.loads(small.run("cache", "--json").stdout)["entries_in_use"] == 1
        told = small.run("cache", "clear").stdout
        assert "removed 0 entries" in told
        assert "1 that running plans use are kept" in told
    assert "removed 1 entries" in small.run("cache", "clear").stdout
    assert json.loads(small.run("cache", "--json").stdout)["oldest_used_at"] is None


def test_no_cache_is_an_empty_one(small: SmallPlan) -> None:
    told = small.run("cache").stdout
    assert "entries  0, 0 MB" in told
    assert "oldest   none" in told
    assert "removed 0 entries" in small.run("cache", "clear").stdout
    assert not small.cache.exists()


def test_what_is_not_the_caches_is_neither_touched_nor_joined(small: SmallPlan) -> None:
    """A wrong --cache, say that of the data, or one that is empty; looking changes no cache."""
    theirs = small.folder / "theirs"
    for name in ("notes.txt", "ab/my.arrays", f"ab/{'x' * 62}.arrays", "leases/house.lease"):
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_text(name, encoding="utf-8")
    empty = small.folder / "empty"
    empty.mkdir()
    before = {path: path.stat().st_mtime_ns for path in small.folder.rglob("*")}
    for folder in (theirs, empty):
        for command in (("cache",), ("cache", "prune", "--max-days", "1e-9"), ("cache", "clear")):
            done = small.run(*command, "--cache", str(folder))
            assert done.exit_code == 0, done.output
            assert " 0" in done.stdout.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in small.folder.rglob("*")} == before

    with ArrayCache(small.cache) as running:
        running.put("a sweep", {"loss_cdb": np.arange(3)})
    (small.cache / "leases" / f"{'0' * 32}.lease").touch()  # of a run that was killed
    before = {path: path.stat().st_mtime_ns for path in small.cache.rglob("*")}
    assert "entries  1, " in small.run("cache").stdout
    assert {path: path.stat().st_mtime_ns for path in small.cache.rglob("*")} == before
    assert "removed 1 entries" in small.run("cache", "clear").stdout
    assert not list((small.cache / "leases").glob("*.lease"))
