"""A folder of array sets found again by the key of what made them: the cache of sweeps."""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lensong.gis_data.atomic import atomic_path
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = ["ArrayStore"]

_AnyArray: TypeAlias = NDArray[Any]  # the store keeps whatever number type it is given
_MAGIC = b"LENSONGA2\n"
_SUFFIX = ".arrays"
_OURS = re.compile(r"[0-9a-f]{62}\.arrays|\.[0-9a-f]{62}\.[0-9a-f]{12}\.part\.arrays")
_MOST_HEADER_BYTES = 2**20
# whatever a file that is not what was put in makes of the reading
_DAMAGED = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError,
    RecursionError, zlib.error,
)  # fmt: skip
_ZLIB_LEVEL = 1  # on path loss, level 6 takes three times as long for 6 % less
_COMMON = 0.3  # share of a plane's commonest byte below which packing saves less than it costs
_LOOK_EVERY = 7


class ArrayStore:
    """Sets of named arrays on disk, one file for each key.

    Safe for threads and for several processes on one folder: files appear whole by a rename, and
    a file that is damaged counts as absent. Whole numbers are kept as differences along the last
    axis and all numbers by byte planes, of which zlib packs those that are not like noise: layers
    of a plan take 251 ns and 44 bytes a pixel so, and 952 ns and 39 bytes with all planes packed. A
    row of bytes is kept as it is.

    Parameters
    ----------
    folder : str or Path
        Made when the first set is put in.

    Examples
    --------
    >>> import tempfile
    >>> store = ArrayStore(tempfile.mkdtemp())
    >>> store.put("mast 7", {"loss_cdb": np.arange(3, dtype=np.uint16)})
    >>> store.get("mast 7")["loss_cdb"]
    array([0, 1, 2], dtype=uint16)
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    @property
    def folder(self) -> Path:
        """Return the folder as it was given."""
        return self._folder

    def get(self, key: str) -> dict[str, _AnyArray] | None:
        """Return the arrays put under ``key``, or None when there are none.

        A damaged file is removed and counts as none.
        """
        path = self.path_of(key)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise DataError(
                f"cannot read the cache file {path} ({error.strerror}): "
                "make it readable or choose another cache folder"
            ) from error
        try:
            return _unpack(data, key)
        except _DAMAGED:
            path.unlink(missing_ok=True)
            return None

    def put(self, key: str, arrays: Mapping[str, _AnyArray]) -> None:
        """Keep the arrays under ``key``; what was there before is replaced.

        Raises
        ------
        InvalidInputError
            An array holds Python objects.
        DataError
            The folder cannot be written, or the disk is full; nothing is left half-written.
        """
        chunks = _pack(key, arrays)
        needed_bytes = sum(map(len, chunks))
        with (
            atomic_path(self.path_of(key), needed_bytes=needed_bytes) as part,
            part.open("wb") as file,
        ):
            file.writelines(chunks)

    def size_bytes(self) -> int:
        """Return the room that the files of this store take."""
        return sum(path.stat().st_size for path in self.files() if path.exists())

    def clear(self) -> None:
        """Remove every file of this store, leftovers of killed runs included."""
        for path in self.files():
            path.unlink(missing_ok=True)

    def path_of(self, key: str) -> Path:
        """Return the file in which the arrays of a key are or would be."""
        name = hashlib.sha256(key.encode("utf-8")).hexdigest()
        return self._folder / name[:2] / f"{name[2:]}{_SUFFIX}"

    def files(self) -> Iterator[Path]:
        """Yield the files of this store, leftovers of killed runs (``.….part.…``) included.

        Others that lie in the folder are not.
        """
        if self._folder.is_dir():
            for path in sorted(self._folder.glob(f"[0-9a-f][0-9a-f]/*{_SUFFIX}")):
                if _OURS.fullmatch(path.name):
                    yield path


def _pack(key: str, arrays: Mapping[str, _AnyArray]) -> list[bytes]:
    """Return the file in pieces: magic, length of the header, header, one block per array."""
    entries: list[dict[str, object]] = []
    blocks: list[bytes] = []
    for name, given in arrays.items():
        array = np.asarray(given)
        if array.dtype.hasobject or array.dtype.names is not None:
            raise InvalidInputError(f"{name} has type {array.dtype}, wanted plain numbers")
        whole = _is_packed(array.dtype, array.shape)
        planes = [array.tobytes()] if whole else _to_planes(array)
        packed = [not whole and _is_even(plane) for plane in planes]
        parts = [
            zlib.compress(plane, _ZLIB_LEVEL) if even else plane
            for plane, even in zip(planes, packed, strict=True)
        ]
        blocks += parts
        entries.append(
            {
                "name": name,
                "dtype": array.dtype.str,
                "shape": list(array.shape),
                "bytes": [len(part) for part in parts],
                "packed": packed,
                "crc32": zlib.crc32(b"".join(parts)),
            }
        )
    header = json.dumps({"key": key, "arrays": entries}, ensure_ascii=False).encode("utf-8")
    return [_MAGIC, len(header).to_bytes(4, "little"), header, *blocks]


def _unpack(data: bytes, key: str) -> dict[str, _AnyArray]:
    """Return the arrays of a file; ValueError and its like where it is not what was put in."""
    start = len(_MAGIC) + 4
    if data[: len(_MAGIC)] != _MAGIC:
        raise ValueError("no array file")
    length = int.from_bytes(data[len(_MAGIC) : start], "little")
    if length > _MOST_HEADER_BYTES:
        raise ValueError("a header that is too long")
    header = json.loads(data[start : start + length])
    if header["key"] != key:
        raise ValueError("file of another key")
    arrays: dict[str, _AnyArray] = {}
    at = start + length
    for entry in header["arrays"]:
        dtype = np.dtype(entry["dtype"])
        shape = tuple(int(size) for size in entry["shape"])
        if min(shape, default=0) < 0 or dtype.hasobject:
            raise ValueError("an array that cannot be")
        block = data[at : at + sum(entry["bytes"])]
        at += sum(entry["bytes"])
        if zlib.crc32(block) != entry["crc32"]:
            raise ValueError("a block that is not what was put in")
        whole = _is_packed(dtype, shape)
        wanted = math.prod(shape) * (dtype.itemsize if whole else 1)
        planes, begin = [], 0
        for size, packed in zip(entry["bytes"], entry["packed"], strict=True):
            part = block[begin : begin + size]
            planes.append(_plane(part, wanted) if packed else part)
            begin += size
        if len(planes) != (1 if whole else dtype.itemsize) or {*map(len, planes)} != {wanted}:
            raise ValueError("a block of another size than its array")
        arrays[entry["name"]] = (
            np.frombuffer(bytearray(planes[0]), dtype=dtype).reshape(shape)
            if whole
            else _from_planes(planes, dtype, shape)
        )
    if at != len(data):
        raise ValueError("bytes after the last array")
    return arrays


def _plane(packed: bytes, wanted: int) -> bytes:
    """Return what was packed; no more bytes than wanted, and one, are ever unpacked."""
    return zlib.decompressobj().decompress(packed, wanted + 1)


def _is_even(plane: bytes) -> bool:
    """Return whether one byte is so common in a plane that packing it saves much."""
    seen = np.frombuffer(plane, dtype=np.uint8)[::_LOOK_EVERY]
    return bool(seen.size) and int(np.bincount(seen).max()) >= _COMMON * seen.size


def _to_planes(array: _AnyArray) -> list[bytes]:
    """Return all first bytes, then all second bytes …, of the numbers or their differences."""
    values = np.ascontiguousarray(array)
    if _is_differenced(values.dtype, array.shape):
        values = values.copy()
        values[..., 1:] -= array[..., :-1]
    octets = np.frombuffer(values.tobytes(), dtype=np.uint8)
    octets = octets.reshape(values.size, values.dtype.itemsize)
    return [octets[:, k].tobytes() for k in range(values.dtype.itemsize)]


def _from_planes(planes: list[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> _AnyArray:
    octets = np.empty((math.prod(shape), dtype.itemsize), dtype=np.uint8)
    for k, plane in enumerate(planes):
        octets[:, k] = np.frombuffer(plane, dtype=np.uint8)
    values = octets.view(dtype).reshape(shape)
    if _is_differenced(dtype, shape):
        np.cumsum(values, axis=-1, dtype=dtype, out=values)
    return values


def _is_packed(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    """Return whether an array is a row of bytes, which whoever put it in has packed."""
    return dtype == np.uint8 and len(shape) == 1


def _is_differenced(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    return dtype.kind in "iu" and bool(shape)
