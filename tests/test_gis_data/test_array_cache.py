from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.gis_data import file_locks
from lensong.gis_data.array_cache import ArrayCache, CacheLimits, clear, prune, survey
from lensong.gis_data.array_store import ArrayStore
from lensong.propagation.errors import ConfigError, DataError

_DAY_S = 86400.0

_RUN = """
import sys
import numpy as np
from lensong.gis_data.array_cache import ArrayCache, CacheLimits
folder, limit, *keys = sys.argv[1:]
with ArrayCache(folder, CacheLimits(max_bytes=float(limit))) as cache:
    for key in keys:
        if cache.get(key) is None:
            cache.put(key,
                      {"noise": np.random.default_rng(0).integers(0, 255, 4000, np.uint8)})
    print("ready", flush=True)
    sys.stdin.readline()
    print(sum(cache.get(key) is not None for key in keys), flush=True)
for note in cache.notes:
    print(note, flush=True)
"""


def noise(size_bytes: int = 4000) -> dict[str, Any]:
    return {"noise": np.random.default_rng(0).integers(0, 255, size_bytes, np.uint8)}


def fill(folder: Path, keys: str, *, days_ago: float = 0.0) -> None:
    """Put an entry of about 4 kB for each letter, used one after the other."""
    store = ArrayStore(folder)
    for number, key in enumerate(keys):
        store.put(key, noise())
        used_s = time.time() - days_ago * _DAY_S - 1000.0 + number
        os.utime(store.path_of(key), (used_s, used_s))


def held(folder: Path, keys: str) -> str:
    store = ArrayStore(folder)
    return "".join(key for key in keys if store.path_of(key).exists())


@contextmanager
def running(folder: Path, keys: str, limit: float = 10e9) -> Iterator[subprocess.Popen[str]]:
    """Hold the cache open in another process that uses some keys."""
    command = [sys.executable, "-c", _RUN, str(folder), str(limit), *keys]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def test_what_was_unused_for_longest_goes_first(tmp_path: Path) -> None:
    fill(tmp_path, "abcde")
    with ArrayCache(tmp_path) as cache:
        assert cache.get("a") is not None  # now the one used last
    removed = prune(tmp_path, CacheLimits(max_bytes=13_000.0))
    assert (removed.entries, removed.in_use) == (2, 0)
    assert held(tmp_path, "abcde") == "ade"


def test_a_run_keeps_the_limit_by_itself(tmp_path: Path) -> None:
    fill(tmp_path, "abcde")
    with ArrayCache(tmp_path, CacheLimits(max_bytes=17_000.0)) as cache:
        assert held(tmp_path, "abcde") == "cde"  # down to nine tenths of it
        for key in "fgh":
            cache.put(key, noise())
        assert cache.notes == ()
        assert held(tmp_path, "abcdefgh") == "efgh"
    assert survey(tmp_path).entries_bytes <= 17_000


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    fill(tmp_path, "ab", days_ago=91)
    fill(tmp_path, "cd")
    with ArrayCache(tmp_path):
        pass
    assert held(tmp_path, "abcd") == "cd"


def test_what_a_running_plan_uses_stays_until_it_is_killed(tmp_path: Path) -> None:
    fill(tmp_path, "abc")
    with running(tmp_path, "ab") as process:
        state = survey(tmp_path)
        assert (state.entries, state.in_use, state.running) == (3, 2, 1)
        assert clear(tmp_path).in_use == 2
        assert held(tmp_path, "abc") == "ab"
        process.kill()
        process.wait()
        assert clear(tmp_path).entries == 2
    assert held(tmp_path, "abc") == ""
    assert survey(tmp_path).running == 0


def test_two_runs_at_once_share_the_limit_and_lose_nothing_that_they_use(tmp_path: Path) -> None:
    fill(tmp_path, "xyz")
    with running(tmp_path, "abc", 20_000) as one, running(tmp_path, "bcdef", 20_000) as other:
        assert held(tmp_path, "xyz") == ""
        told = [process.communicate("\n")[0].splitlines() for process in (one, other)]
        assert [process.returncode for process in (one, other)] == [0, 0]
    assert [lines[0] for lines in told] == ["3", "4"]  # the fifth is made anew, and that is said
    assert "all in use by running plans: further path loss is not kept" in told[1][1]
    assert survey(tmp_path).entries_bytes <= 20_000


_FULL = """
import subprocess, sys
import numpy as np
from lensong.gis_data.array_cache import ArrayCache
folder = sys.argv[1]
done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "lensong", folder])
if done.returncode:
    sys.exit(77)
with ArrayCache(folder) as cache:
    for number in range(20):
        cache.put(str(number), {"a": np.random.default_rng(0).integers(0, 255, 9000, np.uint8)})
    print(sum(cache.get(str(number)) is not None for number in range(20)))
print(*cache.notes, sep="\\n")
"""


def test_a_disk_that_fills_is_said_and_stops_nothing(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here: a small disk cannot be mounted")
    run = subprocess.run(
        ["unshare", "-r", "-m", sys.executable, "-c", _FULL, str(tmp_path)],
        capture_output=True,
        text=True,
    )
    if run.returncode == 77 or "unshare failed" in run.stderr:
        pytest.skip("a small disk cannot be mounted here")
    assert run.stderr == ""
    kept, note = run.stdout.splitlines()
    assert 1 <= int(kept) < 8
    assert "its disk is full): the plan goes on and keeps no more path loss" in note


def test_a_file_system_without_locks_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "abc", days_ago=100)

    def none(_descriptor: int, _mode: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with ArrayCache(tmp_path, CacheLimits(max_bytes=15_000.0)) as cache:
        assert cache.get("a") is not None
        for key in "defg":
            cache.put(key, noise())
    assert held(tmp_path, "abcdefg") == "abcd"
    assert "without locks" in cache.notes[0]
    assert "which nothing may remove" in cache.notes[1]
    assert not survey(tmp_path).locks
    with pytest.raises(DataError, match=r"without locks.*end them and delete the folder"):
        prune(tmp_path, CacheLimits())


@pytest.mark.parametrize(
    ("kind", "options", "holds"),
    [
        ("nfs4", "rw,vers=4.2,local_lock=none", True),
        ("nfs", "rw,vers=3,nolock,local_lock=all", False),
        ("cifs", "rw,nobrl", False),
        ("fuse.sshfs", "rw,user_id=0", False),
        ("ext4", "rw", True),
    ],
)
def test_locks_that_other_machines_do_not_see_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: str, holds: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        f"99 21 0:50 / {tmp_path} rw,relatime shared:1 - {kind} server:/share {options}\n"
    )
    monkeypatch.setattr(file_locks, "_MOUNTS", mounts)
    assert file_locks.locks_hold(tmp_path) is holds


def test_leftovers_of_killed_runs_go_when_no_run_can_be_writing_them(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    folder = next(tmp_path.glob("[0-9a-f][0-9a-f]"))
    old, new = (folder / f".{k * 62}.{k * 12}.part.arrays" for k in "ce")
    for path, age_s in ((old, 4000.0), (new, 10.0)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    prune(tmp_path, CacheLimits())
    assert (old.exists(), new.exists()) == (False, True)
    assert held(tmp_path, "a") == "a"


def test_a_damaged_entry_is_made_anew(tmp_path: Path) -> None:
    fill(tmp_path, "a")
    with ArrayCache(tmp_path) as cache:
        ArrayStore(tmp_path).path_of("a").write_bytes(b"LENSONGA2\nnonsense")
        assert cache.get("a") is None
        cache.put("a", noise())
        assert cache.get("a") is not None


def test_an_entry_that_cannot_be_read_is_made_anew_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "a")

    def broken(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with ArrayCache(tmp_path) as cache:
        monkeypatch.setattr(Path, "read_bytes", broken)
        assert cache.get("a") is None
    assert "Input/output error" in cache.notes[0]


def test_a_folder_that_cannot_be_written_is_read_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "a")
    made = os.open

    def denied(path: Any, flags: int, *more: Any, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path / "leases")):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return made(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", denied)
    with ArrayCache(tmp_path) as cache:
        assert cache.get("a") is not None
        cache.put("b", noise())
    (note,) = cache.notes
    assert "cannot be written (Read-only file system): the plan goes on" in note
    with pytest.raises(DataError, match=r"cannot change the cache .* Read-only file system"):
        clear(tmp_path)
    assert survey(tmp_path).entries == 1


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x")
    with pytest.raises(DataError, match=r"no folder.*choose another with --cache"):
        ArrayCache(tmp_path / "cache").__enter__()


@pytest.mark.parametrize("text", ["ten", "0", "-3", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"LENSONG_CACHE_MAX_GB is .* wanted a number above 0"):
        CacheLimits.of({"LENSONG_CACHE_MAX_GB": text})


def test_limits_come_from_the_environment() -> None:
    assert CacheLimits.of({}) == CacheLimits()
    given = CacheLimits.of({"LENSONG_CACHE_MAX_GB": "2.5", "LENSONG_CACHE_MAX_DAYS": " 7 "})
    assert given == CacheLimits(max_bytes=2.5e9, max_age_s=7 * _DAY_S)
