# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""A sweep rounded to whole numbers, which are kept in few bytes and laid as they were kept.

Path loss is rounded to 0.02 dB and the ray's elevation to 0.01 degree. The parts of the loss,
diffraction and what clutter adds, tell reasons apart and are rounded to 0.25 dB. What is laid is
made of the rounded numbers, whether they come from the cache or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.plane_codec import Int32Array, pack_plane, unpack_plane
from lensong.propagation.errors import DataError
from lensong.propagation.kernel import untyped_kernel as kernel
from lensong.propagation.sweep_result import SweepResult
from lensong.propagation.types import BoolArray, Int16Array

__all__ = ["KEPT_VERSION", "NO_LOSS", "Put", "SweepPlanes", "UInt16Array"]

UInt16Array = NDArray[np.uint16]

NO_LOSS = 65535
"""Value of ``loss_cdb`` where there is no path loss (out of range or no elevation)."""

KEPT_VERSION = 4
"""To be raised when what is kept changes, so that caches of older versions are not read."""

Get: TypeAlias = Callable[[str], Mapping[str, NDArray[Any]] | None]
Put: TypeAlias = Callable[[str, dict[str, NDArray[Any]]], None]

_PACKED = ("loss", "spread", "clutter")
_LOSS_CDB, _PART_CDB = 2, 25
_MOST_SIDE = 100_000  # no window is as wide, whatever a damaged file says


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlanes:
    """The numbers of a sweep; 0 where none is known.

    Parameters
    ----------
    row0, col0 : int
        Where it begins on the terrain that was swept.
    hidden_pixels : int
        Pixels in range that lie behind missing elevation.
    known : shape (rows, cols)
        Where there is a path loss.
    loss : shape (rows, cols)
        Path loss [0.02 dB].
    spread : shape (rows, cols)
        Path loss less diffraction [0.25 dB].
    clutter : shape (rows, cols)
        What clutter adds to diffraction [0.25 dB].
    departure_cdeg : shape (rows, cols)
        Elevation of the ray at the mast [0.01 deg].
    """

    row0: int
    col0: int
    hidden_pixels: int
    known: BoolArray
    loss: Int32Array
    spread: Int32Array
    clutter: Int32Array
    departure_cdeg: Int32Array

    @classmethod
    def of(cls, result: SweepResult) -> SweepPlanes:
        """Return a sweep rounded."""
        shape = result.path_loss_db.shape
        found = cls(
            row0=result.row0,
            col0=result.col0,
            hidden_pixels=result.hidden_pixels,
            known=~np.isnan(result.path_loss_db),
            loss=np.zeros(shape, np.int32),
            spread=np.zeros(shape, np.int32),
            clutter=np.zeros(shape, np.int32),
            departure_cdeg=np.zeros(shape, np.int32),
        )
        _round(
            found.known, result.path_loss_db, result.diffraction_db, result.terrain_db,
            result.departure_deg, found.loss, found.spread, found.clutter, found.departure_cdeg,
        )  # fmt: skip
        return found

    def expanded(self) -> tuple[UInt16Array, Int16Array, UInt16Array, UInt16Array]:
        """Return path loss, departure, diffraction and that of terrain alone, in hundredths."""
        shape = self.known.shape
        loss_cdb = np.full(shape, NO_LOSS, np.uint16)
        diffraction_cdb, terrain_cdb = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
        _expand(
            self.known, self.loss, self.spread, self.clutter, loss_cdb, diffraction_cdb, terrain_cdb
        )
        return loss_cdb, self.departure_cdeg.astype(np.int16), diffraction_cdb, terrain_cdb

    @classmethod
    def put_together(cls, keys: Sequence[str], planes: Sequence[SweepPlanes], put: Put) -> None:
        """Keep the sweeps of the carriers of one antenna under their keys.

        What they have in common, where there is a loss and the elevation of rays, is kept once; of
        losses and clutter after the first, what they differ by from it.
        """
        if not planes:
            return
        first, shared = planes[0], _put_outlook(planes[0], put)
        for key, one in zip(keys, planes, strict=True):
            alike = _same(one.known, first.known)
            seen_alike = alike and _same(one.departure_cdeg, first.departure_cdeg)
            outlook = shared if seen_alike else _put_outlook(one, put)
            beside = keys[0] if alike and one is not first else ""
            loss, clutter = one.loss, one.clutter
            if beside:
                loss, clutter = loss - first.loss, clutter - first.clutter
            put(
                key,
                {
                    "loss": pack_plane(loss, one.known),
                    "spread": pack_plane(one.spread, one.known),
                    "clutter": pack_plane(clutter, one.known),
                    "outlook": np.frombuffer(outlook, np.uint8),
                    "beside": np.frombuffer(beside.encode("ascii"), np.uint8),
                    "rest": np.array([*one.known.shape, one.row0, one.col0, one.hidden_pixels]),
                },
            )

    @classmethod
    def get_together(cls, keys: Sequence[str], get: Get) -> list[SweepPlanes | None]:
        """Return the sweeps kept under some keys; None where one, or part of it, is not there."""
        kept = _Kept(get)
        return [kept.sweep(key) for key in keys]


class _Kept:
    """Sweeps that are kept; what several have in common is read once."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._sweeps: dict[str, SweepPlanes | None] = {}
        self._outlooks: dict[tuple[bytes, int, int], tuple[BoolArray, Int32Array]] = {}

    def sweep(self, key: str, *, alone: bool = False) -> SweepPlanes | None:
        """Return one; where it is to stand ``alone``, none that rests on another."""
        if key not in self._sweeps:
            try:
                self._sweeps[key] = self._read(key, alone=alone)
            except (DataError, UnicodeDecodeError):
                self._sweeps[key] = None
        return self._sweeps[key]

    def _read(self, key: str, *, alone: bool) -> SweepPlanes | None:
        kept = self._get(key)
        if kept is None or set(kept) != {*_PACKED, "outlook", "beside", "rest"}:
            return None
        rest = kept["rest"]
        if rest.shape != (5,) or rest.dtype.kind not in "iu" or min(rest) < 0:
            return None
        rows, cols, row0, col0, hidden_pixels = rest.tolist()
        if max(rows, cols) > _MOST_SIDE or not all(_is_packed(kept[name]) for name in _PACKED):
            return None
        outlook = self._outlook(kept["outlook"].tobytes(), rows, cols)
        if outlook is None:
            return None
        known, departure_cdeg = outlook
        loss, spread, clutter = (unpack_plane(kept[name], known) for name in _PACKED)
        beside = kept["beside"].tobytes().decode("ascii")
        if beside:
            first = None if alone else self.sweep(beside, alone=True)
            if first is None or not np.array_equal(first.known, known):
                return None
            loss += first.loss
            clutter += first.clutter
        return SweepPlanes(
            row0=row0,
            col0=col0,
            hidden_pixels=hidden_pixels,
            known=known,
            loss=loss,
            spread=spread,
            clutter=clutter,
            departure_cdeg=departure_cdeg,
        )

    def _outlook(self, digest: bytes, rows: int, cols: int) -> tuple[BoolArray, Int32Array] | None:
        """Return where there is a loss, and the elevation of rays."""
        name = (digest, rows, cols)
        if name not in self._outlooks:
            kept = self._get(_outlook_key(digest))
            if kept is None or set(kept) != {"known", "elevation"}:
                return None
            if not all(_is_packed(part) for part in kept.values()):
                return None
            known = unpack_plane(kept["known"], np.ones((rows, cols), np.bool_)) == 1
            self._outlooks[name] = known, unpack_plane(kept["elevation"], known)
        return self._outlooks[name]


def _put_outlook(one: SweepPlanes, put: Put) -> bytes:
    """Keep where a sweep has a loss and the elevation of its rays; return their hash."""
    outlook = {
        "known": pack_plane(one.known.astype(np.int32), np.ones(one.known.shape, np.bool_)),
        "elevation": pack_plane(one.departure_cdeg, one.known),
    }
    digest = hashlib.blake2b(repr(one.known.shape).encode(), digest_size=20)
    for part in outlook.values():
        digest.update(part.data)
    put(_outlook_key(digest.digest()), outlook)
    return digest.digest()


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return np.array_equal(one, other)


def _is_packed(part: NDArray[Any]) -> bool:
    return part.dtype == np.uint8 and part.ndim == 1


def _outlook_key(digest: bytes) -> str:
    return f"outlook {KEPT_VERSION} {digest.hex()}"


@kernel
def _round(  # type: ignore[no-untyped-def]
    known, loss_db, diffraction_db, terrain_db, departure_deg, loss, spread, clutter, departure_cdeg
):
    for i in range(known.shape[0]):
        for j in range(known.shape[1]):
            if not known[i, j]:
                continue
            most = (NO_LOSS - 1) // _LOSS_CDB
            loss[i, j] = min(max(round(loss_db[i, j] * (100.0 / _LOSS_CDB)), 0), most)
            parts = 100.0 / _PART_CDB
            spread[i, j] = round((loss_db[i, j] - diffraction_db[i, j]) * parts)
            clutter[i, j] = round(max(diffraction_db[i, j] - terrain_db[i, j], 0.0) * parts)
            departure_cdeg[i, j] = round(departure_deg[i, j] * 100.0)


@kernel
def _expand(  # type: ignore[no-untyped-def]
    known, loss, spread, clutter, loss_cdb, diffraction_cdb, terrain_cdb
):
    for i in range(known.shape[0]):
        for j in range(known.shape[1]):
            if not known[i, j]:
                continue
            whole = _LOSS_CDB * loss[i, j]
            part = min(max(whole - _PART_CDB * spread[i, j], 0), NO_LOSS - 1)
            loss_cdb[i, j], diffraction_cdb[i, j] = whole, part
            terrain_cdb[i, j] = max(part - _PART_CDB * clutter[i, j], 0)
