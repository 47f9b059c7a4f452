"""A folder of array sets found again by the key of what made them: the cache of sweeps."""

from __future__ import annotations

import hashlib
import json
import math
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
_MAGIC = b"LENSONGA1\n"
_SUFFIX = ".arrays"
_MOST_HEADER_BYTES = 2**20
# whatever a file that is not what was put in makes of the reading
_DAMAGED = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError,
    RecursionError, zlib.error,
)  # fmt: skip
_ZLIB_LEVEL = 1  # on path loss, level 6 takes three times as long for 6 % less


class ArrayStore:
    """Sets of named arrays on disk, one file for each key.

    Safe for threads and for several processes on one folder: files appear whole by a rename, and
    a file that is damaged counts as absent. Whole numbers are kept as differences along the last
    axis and all numbers by byte planes, which zlib packs well and fast (measured: a 1000 x 1000
    uint16 path loss, 2.0 MB, in 23 ms to 1.24 MB, back in 6 ms). A row of bytes is kept as it is.

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
        """Yield the files of this store, leftovers of killed runs (``.….part.…``) included."""
        if self._folder.is_dir():
            yield from sorted(self._folder.glob(f"[0-9a-f][0-9a-f]/*{_SUFFIX}"))


def _pack(key: str, arrays: Mapping[str, _AnyArray]) -> list[bytes]:
    """Return the file in pieces: magic, length of the header, header, one block per array."""
    entries: list[dict[str, object]] = []
    blocks: list[bytes] = []
    for name, given in arrays.items():
        array = np.asarray(given)
        if array.dtype.hasobject or array.dtype.names is not None:
            raise InvalidInputError(f"{name} has type {array.dtype}, wanted plain numbers")
        raw = _is_packed(array.dtype, array.shape)
        block = array.tobytes() if raw else zlib.compress(_to_planes(array), _ZLIB_LEVEL)
        blocks.append(block)
        entries.append(
            {
                "name": name,
                "dtype": array.dtype.str,
                "shape": list(array.shape),
                "bytes": len(block),
                **({"crc32": zlib.crc32(block)} if raw else {}),
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
        block = data[at : at + entry["bytes"]]
        at += entry["bytes"]
        dtype = np.dtype(entry["dtype"])
        shape = tuple(int(size) for size in entry["shape"])
        if min(shape, default=0) < 0 or dtype.hasobject:
            raise ValueError("an array that cannot be")
        if "crc32" in entry:
            if (
                len(block) != dtype.itemsize * math.prod(shape)
                or zlib.crc32(block) != entry["crc32"]
            ):
                raise ValueError("a block that is not what was put in")
            arrays[entry["name"]] = np.frombuffer(bytearray(block), dtype=dtype).reshape(shape)
        else:
            arrays[entry["name"]] = _from_planes(_block(block, dtype, shape), dtype, shape)
    if at != len(data):
        raise ValueError("bytes after the last array")
    return arrays


def _block(packed: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return a block of exactly the bytes that its array has; no more are ever unpacked."""
    wanted = dtype.itemsize * math.prod(shape)
    reader = zlib.decompressobj()
    content = reader.decompress(packed, wanted + 1)
    if len(content) != wanted:
        raise ValueError("a block of another size than its array")
    return content


def _to_planes(array: _AnyArray) -> bytes:
    """Return all first bytes, then all second bytes …, of the numbers or their differences."""
    values = np.ascontiguousarray(array)
    if _is_differenced(values.dtype, array.shape):
        values = values.copy()
        values[..., 1:] -= array[..., :-1]
    octets = np.frombuffer(values.tobytes(), dtype=np.uint8)
    return octets.reshape(values.size, values.dtype.itemsize).T.tobytes()


def _from_planes(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> _AnyArray:
    planes = np.frombuffer(data, dtype=np.uint8).reshape(dtype.itemsize, math.prod(shape))
    values = np.frombuffer(bytearray(planes.T.tobytes()), dtype=dtype).reshape(shape)
    if _is_differenced(dtype, shape):
        np.cumsum(values, axis=-1, dtype=dtype, out=values)
    return values


def _is_packed(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    """Return whether an array is a row of bytes, which whoever put it in has packed."""
    return dtype == np.uint8 and len(shape) == 1


def _is_differenced(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    return dtype.kind in "iu" and bool(shape)
