"""Pixels that hold no value though no tag says so: found, counted, and taken out before use.

A void that is taken for a value spreads: the interpolation between pixels carries it into its
neighbours. So values are looked through before anything is resampled, and a raster with odd ones
is replaced by a clean copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.windows import Window
from scipy import ndimage

from lensong.propagation.types import BoolArray, Float32Array

__all__ = ["Oddities", "clean_copy", "find_oddities", "zeros_amid_heights"]

# values that programs write where they have none; all lie outside the heights of the Earth
_VOID_VALUES = (-32768.0, -32767.0, -9999.0, -99999.0, 32767.0, float(np.finfo(np.float32).min))
_BEYOND_USE = 1e7  # inf, 1e30, 1.7e38: no height, no count and no class
_SCAN_CELLS = 1024
_MOST_CLEANED_WHOLE = 64_000_000
_STEEP_M = 50.0
_STEEP_SLOPE = 0.5  # rise per pixel above which no shore goes
_STEEP_SHARE = 0.9
_SPECK_PIXELS = 8


@dataclass(slots=True)
class Oddities:
    """What a raster holds beside values, in some window.

    Parameters
    ----------
    voids : dict
        Undeclared void value to the number of pixels with it.
    broken : int
        Pixels with infinity or a number beyond any use.
    negative : int
        Pixels below 0, where that cannot be.
    zeros : int
        Pixels of exactly 0.
    low, high : float
        Range of the other values, in the raster's own unit.
    """

    voids: dict[float, int] = field(default_factory=dict)
    broken: int = 0
    negative: int = 0
    zeros: int = 0
    low: float = np.inf
    high: float = -np.inf

    @property
    def only_void(self) -> float | None:
        """Return the one undeclared void value, where nothing else is odd."""
        if len(self.voids) == 1 and not (self.broken or self.negative):
            return next(iter(self.voids))
        return None


def find_oddities(
    raster: rasterio.DatasetReader, window: Window, *, never_negative: bool = False
) -> Oddities:
    """Return what a window of band 1 holds beside values; declared voids do not count.

    Parameters
    ----------
    raster : open dataset
    window : Window
    never_negative : bool
        The values are counts, of which none is below 0.
    """
    found = Oddities()
    for values in _parts(raster, window):
        odd = _is_broken(values)
        found.broken += int(np.count_nonzero(odd))
        for void in _VOID_VALUES:
            at = values == np.asarray(void).astype(values.dtype) if _holds(values, void) else None
            if at is not None and (count := int(np.count_nonzero(at))):
                found.voids[void] = found.voids.get(void, 0) + count
                odd |= at
        if never_negative:
            below = (values < 0) & ~odd
            found.negative += int(np.count_nonzero(below))
            odd |= below
        found.zeros += int(np.count_nonzero(values == 0))
        rest = values[~odd]
        if rest.size:
            found.low = min(found.low, float(rest.min()))
            found.high = max(found.high, float(rest.max()))
    found.broken -= found.voids.get(_VOID_VALUES[-1], 0)
    return found


def clean_copy(
    source: Path,
    target: Path,
    window: Window,
    oddities: Oddities,
    *,
    never_negative: bool,
    height_m: float | None,
    pixel_m: float,
) -> tuple[int, Window]:
    """Write a raster anew with NaN in place of every void.

    Parameters
    ----------
    source, target : Path
    window : Window
        The part that is needed; of a small raster the whole is written.
    oddities : Oddities
        What `find_oddities` found in the window.
    never_negative : bool
        As there.
    height_m : float or None
        Metres per unit of the values where they are heights: zeros amid mountains are voids then.
    pixel_m : float
        Side of a pixel [m].

    Returns
    -------
    zeros : int
        Pixels of 0 that were taken for voids. Where it is 0 and nothing else is odd, nothing
        is written.
    window : Window
        What was written.
    """
    with rasterio.open(source) as raster:
        if raster.width * raster.height <= _MOST_CLEANED_WHOLE:
            window = Window(0, 0, raster.width, raster.height)
        values = raster.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
        odd = _is_broken(values)
        for void in oddities.voids:
            odd |= values == np.float32(void)
        if never_negative:
            odd |= values < 0.0
        values[odd] = np.nan
        zeros = 0
        if height_m is not None:
            amid = zeros_amid_heights(values, height_m=height_m, pixel_m=pixel_m)
            zeros = int(np.count_nonzero(amid))
            values[amid] = np.nan
        if not (zeros or oddities.voids or oddities.broken or oddities.negative):
            return 0, window
        with rasterio.open(
            target,
            "w",
            driver="GTiff",
            width=values.shape[1],
            height=values.shape[0],
            count=1,
            dtype="float32",
            crs=raster.crs,
            transform=raster.transform @ Affine.translation(window.col_off, window.row_off),
            nodata=np.nan,
            tiled=min(values.shape) >= 256,
        ) as copy:
            copy.write(values, 1)
    return zeros, window


def zeros_amid_heights(values: Float32Array, *, height_m: float, pixel_m: float) -> BoolArray:
    """Return the pixels of exactly 0 that cannot be the sea: the ground around them is high.

    Parameters
    ----------
    values : shape (rows, cols)
        Heights in a unit of ``height_m`` metres, NaN void.
    height_m : float
        Metres per unit.
    pixel_m : float
        Side of a pixel [m].

    Notes
    -----
    A patch of zeros is void where nine in ten of the pixels around it rise by more than 50 m,
    and by more than half a pixel's side, at once: a shore does not. A patch without any height
    beside it stays, and so does a long line one pixel wide, such as a canyon.
    """
    zero = values == 0.0
    none: BoolArray = np.zeros_like(zero)
    steep = max(_STEEP_M, _STEEP_SLOPE * pixel_m) / height_m
    if not zero.any() or not np.nanmax(values, initial=0.0) > steep:
        return none
    patch, count = ndimage.label(zero, structure=np.ones((3, 3)))
    around = np.zeros(count + 1)
    high = np.zeros(count + 1)
    for here, beside in (
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:-1], np.s_[1:]),
    ):
        rim = zero[here] & ~zero[beside] & np.isfinite(values[beside])
        at, height = patch[here][rim], values[beside][rim]
        around += np.bincount(at, minlength=count + 1)
        high += np.bincount(at, weights=height > steep, minlength=count + 1)
    size = np.bincount(patch.ravel(), minlength=count + 1)
    inner = np.bincount(patch[ndimage.binary_erosion(zero)], minlength=count + 1)
    void = (around > 0) & (high >= _STEEP_SHARE * around)
    void &= (inner > 0) | (size <= _SPECK_PIXELS)
    void[0] = False
    amid: BoolArray = void[patch]
    return amid


def _parts(raster: rasterio.DatasetReader, window: Window) -> Iterator[NDArray[Any]]:
    """Yield the declared values of a window, part by part."""
    row_end, col_end = window.row_off + window.height, window.col_off + window.width
    for row in range(int(window.row_off), int(row_end), _SCAN_CELLS):
        for col in range(int(window.col_off), int(col_end), _SCAN_CELLS):
            rows, cols = min(_SCAN_CELLS, row_end - row), min(_SCAN_CELLS, col_end - col)
            values = raster.read(1, window=Window(col, row, cols, rows), masked=True)
            known = values.compressed() if np.ma.is_masked(values) else values.data.ravel()
            if known.dtype.kind == "f":
                known = known[~np.isnan(known)]
            yield known


def _is_broken(values: NDArray[Any]) -> BoolArray:
    if values.dtype.kind in "iu" and values.dtype.itemsize < 4:
        return np.zeros(values.shape, dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        broken: BoolArray = np.abs(values.astype(np.float64)) >= _BEYOND_USE
    return broken


def _holds(values: NDArray[Any], number: float) -> bool:
    """Return whether a number can stand among these values."""
    if values.dtype.kind == "f":
        return True
    limits = np.iinfo(values.dtype)
    return bool(limits.min <= number <= limits.max)
