from __future__ import annotations

import errno
import json
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from lensong.gis_data.array_store import ArrayStore
from lensong.propagation.errors import DataError, InvalidInputError

_NUMBERS = st.one_of(
    hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(), hnp.boolean_dtypes()
)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@given(
    array=hnp.arrays(_NUMBERS, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)),
    key=st.text(),
)
def test_what_is_put_in_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, array: NDArray[Any], key: str
) -> None:
    key = key.encode("utf-8", "ignore").decode("utf-8")
    store = ArrayStore(tmp_path_factory.mktemp("store"))
    store.put(key, {"a": array, "tên": np.float64(3.5) * np.ones(())})
    got = store.get(key)
    assert got is not None
    assert list(got) == ["a", "tên"]
    assert got["a"].dtype == array.dtype
    assert got["a"].shape == array.shape
    assert got["a"].tobytes() == array.tobytes()
    assert got["tên"] == 3.5


def test_absent_and_replaced(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "not" / "there")
    assert store.get("k") is None
    assert store.size_bytes() == 0
    store.clear()
    store.put("k", {"a": np.arange(3)})
    store.put("k", {"b": np.arange(4)})
    assert list(store.get("k") or {}) == ["b"]
    assert store.get("other") is None
    got = store.get("k")
    assert got is not None
    got["b"][0] = 7  # the caller may write into what it gets


def test_smooth_loss_is_packed_to_less_than_two_thirds(tmp_path: Path) -> None:
    row, col = np.mgrid[0:300, 0:300]
    loss = 10_000 + 3500 * np.log10(1.0 + np.hypot(row - 150, col - 150))
    loss += np.random.default_rng(0).normal(0.0, 30.0, loss.shape)
    store = ArrayStore(tmp_path)
    store.put("k", {"loss_cdb": loss.astype(np.uint16)})
    assert store.size_bytes() < 0.67 * 2 * loss.size
    store.clear()
    assert store.size_bytes() == 0


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign", "longer"])
def test_damaged_file_is_a_miss_and_goes(tmp_path: Path, damage: str) -> None:
    store = ArrayStore(tmp_path)
    store.put("k", {"a": np.arange(1000), "b": np.random.default_rng(0).normal(size=50)})
    (path,) = _files(tmp_path)
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[-20] ^= 0x10
    path.write_bytes(
        {
            "cut": data[:-10], "flip": bytes(flipped), "empty": b"", "foreign": b"PK" + data[2:],
            "longer": data + b"x",
        }[damage]
    )  # fmt: skip
    assert store.get("k") is None
    assert _files(tmp_path) == []


def test_every_flipped_byte_is_a_miss_or_harmless(tmp_path: Path) -> None:
    array = np.arange(40, dtype=np.int16)
    store = ArrayStore(tmp_path)
    store.put("k", {"a": array})
    (path,) = _files(tmp_path)
    data = path.read_bytes()
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 0x01
        path.write_bytes(bytes(flipped))
        got = store.get("k")
        assert got is None or all(np.array_equal(value, array) for value in got.values())


def test_file_of_another_key_is_a_miss(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path)
    store.put("one", {"a": np.arange(3)})
    (one,) = _files(tmp_path)
    store.put("two", {"a": np.arange(3)})
    (two,) = set(_files(tmp_path)) - {one}
    two.write_bytes(one.read_bytes())
    assert store.get("two") is None
    assert store.get("one") is not None


def test_objects_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="wanted plain numbers"):
        ArrayStore(tmp_path).put("k", {"a": np.array([{}], dtype=object)})
    assert _files(tmp_path) == []


def test_full_disk_says_how_much_is_needed_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(part), None, str(target))

    monkeypatch.setattr(os, "replace", full)
    noise = np.random.default_rng(0).integers(0, 65536, 1_000_000, dtype=np.uint16)
    with pytest.raises(DataError, match=r"disk is full.*needs 2\.\d MB.*MB are free"):
        ArrayStore(tmp_path).put("k", {"a": noise})
    assert _files(tmp_path) == []


def test_folder_that_is_a_file_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x", encoding="utf-8")
    store = ArrayStore(tmp_path / "cache")
    assert store.get("k") is None
    with pytest.raises(DataError, match="cannot write"):
        store.put("k", {"a": np.arange(3)})


def test_threads_see_whole_sets_only(tmp_path: Path) -> None:
    store = ArrayStore(tmp_path)

    def work(number: int) -> bool:
        value = number % 3
        store.put("k", {"a": np.full(5000, value), "b": np.full(10, value)})
        got = store.get("k")
        return got is not None and len({*got["a"].tolist(), *got["b"].tolist()}) == 1

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(60)))
    assert len(_files(tmp_path)) == 1


def _forged(header: bytes, blocks: bytes = b"") -> bytes:
    return b"LENSONGA2\n" + len(header).to_bytes(4, "little") + header + blocks


def _one_array(dtype: str, shape: list[int], sizes: list[int], packed: list[bool]) -> bytes:
    entry = {"name": "a", "dtype": dtype, "shape": shape, "bytes": sizes, "packed": packed}
    return json.dumps({"key": "k", "arrays": [entry | {"crc32": zlib.crc32(_BOMB)}]}).encode()


_BOMB = zlib.compress(bytes(20_000), 9)[:29]


@pytest.mark.parametrize(
    "content",
    [
        _forged(b"[" * 100_000),
        _forged(b'{"key": "k", "arrays": ' + b"[" * 50_000),
        _forged(b"[]"),
        _forged(b'{"key": "k", "arrays": [3]}'),
        _forged(b'{"key": "k", "arrays": {"a": 1}}'),
        _forged(_one_array("O", [1], [0], [False])),
        _forged(_one_array("<f8", [-1], [0] * 8, [False] * 8)),
        _forged(_one_array("|u1", [5], [29], [True]), _BOMB),
        _forged(_one_array("|u1", [1, 5], [29], [True]), _BOMB),
        _forged(_one_array("|u1", [1, 5], [29, 0], [True]), _BOMB),
        _forged(_one_array("<u2", [1, 5], [10], [False]), bytes(10)),
    ],
)
def test_a_forged_file_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    store = ArrayStore(tmp_path)
    store.put("k", {"a": np.arange(3)})
    _files(tmp_path)[0].write_bytes(content)
    assert store.get("k") is None
    assert _files(tmp_path) == []
