"""Arrays in files are what arrays in memory are, also after they have left memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from lensong.gis_data.array_room import FileRoom, MemoryRoom, room_for
from lensong.propagation.errors import DataError


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int16, np.uint8, np.bool_])
def test_an_array_keeps_what_is_written_when_it_leaves_memory(
    tmp_path: Path, dtype: type[np.generic]
) -> None:
    room = FileRoom(tmp_path, least_bytes=1)
    array, other = room.full((300, 70), 1, dtype), room.full((5,), 0, dtype)
    np.testing.assert_array_equal(array, np.ones((300, 70), dtype))
    assert (array.dtype, array.shape) == (np.dtype(dtype), (300, 70))
    array[120:140, 3] = 0
    room.let_go()
    assert array.sum() == 300 * 70 - 20
    assert not other.any()
    assert list(tmp_path.iterdir()) == [], "the files have no name"


def test_nan_and_no_pixels() -> None:
    room = FileRoom("/nowhere", least_bytes=100)
    assert np.isnan(room.full((2, 3), np.nan, np.float32)).all()
    assert room.full((0, 0), 0, np.uint8).size == 0, "small arrays need no folder"


def test_large_plans_alone_are_put_into_files(tmp_path: Path) -> None:
    assert isinstance(room_for(7_000_000, tmp_path), MemoryRoom)
    assert isinstance(room_for(24_000_000, tmp_path), FileRoom)


def test_a_disk_without_room_is_said_before_anything_is_laid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _offset: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DataError, match=r"disk is full.*needs 4\.0 MB"):
        FileRoom(tmp_path, least_bytes=1).full((1000, 1000), 0, np.float32)
