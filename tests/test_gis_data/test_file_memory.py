"""Arrays that lie in files without a name."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.gis_data.file_memory import FileMemory
from lensong.propagation.errors import DataError


def arrays() -> list[Any]:
    rng = np.random.default_rng(7)
    return [
        rng.normal(size=(3, 5, 7)).astype(np.float32),
        rng.integers(-9, 9, (4, 4)).astype(np.int16),
        np.asfortranarray(rng.normal(size=(6, 2))),
        np.zeros((0, 4), np.uint8),
    ]


def test_arrays_come_back_as_they_were_and_no_file_is_seen(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "made")
    given = arrays()
    found = memory.moved(given)
    memory.let_rest()
    for one, other in zip(found, given, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        assert memory.holds(one)
        assert not memory.holds(other)
    assert memory.holds(found[0][1:, 2])
    assert list((tmp_path / "made").iterdir()) == []


def test_a_place_is_used_again_once_nobody_holds_what_lay_there(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    kept = memory.moved([np.full(1000, 7)])[0][10:20]
    length = memory.bytes_taken
    assert length > 0
    for value in range(50):
        (found,) = memory.moved([np.full(8_000_000, value)])
        assert (found == value).all()
        del found
        gc.collect()
    assert memory.bytes_taken == length
    assert (kept == 7).all()


def test_a_full_disk_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"No space left on device\): make room there"):
        FileMemory(tmp_path).moved(arrays())


def test_where_a_folder_cannot_be_made_files_go_where_temporary_ones_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    memory = FileMemory(tmp_path / "file" / "folder")
    (found,) = memory.moved([np.arange(5)])
    assert found.tolist() == [0, 1, 2, 3, 4]
