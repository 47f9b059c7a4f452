"""Radio-climatic maps of the ITU, where the user has downloaded them.

The ITU does not allow its digital maps to be passed on, so none come with lensong. They are in the
archive of Recommendation ITU-R P.1812 (or P.452) on the ITU's pages: unpack ``DN50.TXT`` and
``N050.TXT`` into one folder and name it in the scenario.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["ITU_MAPS", "refractivity_at"]

_ROWS, _COLS, _STEP_DEG = 121, 241, 1.5
ITU_MAPS = {"DN50.TXT": (10.0, 150.0), "N050.TXT": (200.0, 450.0)}
"""Names of the maps and the range of their values: lapse rate [N-units/km], N0 [N-units]."""


def _find(folder: Path, name: str) -> Path:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.upper() == name:
            return path
    raise DataError(
        f"{folder} has no {name}: download the digital maps of Recommendation ITU-R P.1812 from "
        "the ITU's pages and unpack them there, or give delta_n_per_km and n0"
    )


def _read(folder: Path, name: str) -> FloatArray:
    path = _find(folder, name)
    try:
        grid = np.loadtxt(path, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path} is not a grid of numbers ({error}): unpack it again") from error
    if grid.shape != (_ROWS, _COLS):
        raise DataError(
            f"{path} has {grid.shape[0]} x {grid.shape[-1]} values, wanted {_ROWS} x {_COLS}, "
            f"every {_STEP_DEG} degrees from 90 N and 0 E: take the map of P.1812, not another"
        )
    low, high = ITU_MAPS[name]
    if not (np.all(grid >= low) and np.all(grid <= high)):
        raise DataError(
            f"{path} has values from {grid.min():g} to {grid.max():g}, wanted {low:g} to {high:g}: "
            "it is another map"
        )
    return grid


def refractivity_at(folder: str | Path, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Return the lapse rate of refractivity [N-units/km] and the sea-level refractivity [N-units].

    Parameters
    ----------
    folder : str or Path
        With ``DN50.TXT`` and ``N050.TXT``, in any case.
    lat_deg, lon_deg : float
        WGS 84 [deg].

    Raises
    ------
    DataError
        A map is missing, has another size, or values that cannot be right.

    References
    ----------
    .. [1] Recommendation ITU-R P.1812, Annex 1, §3.6: median annual values, bilinear.
    """
    row = (90.0 - lat_deg) / _STEP_DEG
    col = (lon_deg % 360.0) / _STEP_DEG
    i, j = min(int(row), _ROWS - 2), min(int(col), _COLS - 2)
    down, right = row - i, col - j
    values = []
    for name in ITU_MAPS:
        grid = _read(Path(folder), name)
        top = grid[i, j] * (1.0 - right) + grid[i, j + 1] * right
        bottom = grid[i + 1, j] * (1.0 - right) + grid[i + 1, j + 1] * right
        values.append(float(top * (1.0 - down) + bottom * down))
    return values[0], values[1]
