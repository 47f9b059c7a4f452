"""Rasters of an older result that would be made again with the same bytes: they are copied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.cluster.fingerprint import fingerprint
from lensong.coverage.results import files
from lensong.propagation.types import Grid

__all__ = ["MADE_OF", "OlderRasters", "made_of"]

MADE_OF = "made_of"
"""Of the record: by raster, a hash of all that decides its bytes."""


class OlderRasters:
    """What lies in a folder, as its record lists it.

    Parameters
    ----------
    folder : Path
        Where there may be a result; one that is damaged, or made by older code, is of no use.

    Attributes
    ----------
    made_of : dict
        Filled by `take`: what the rasters of the new result are made of.
    """

    def __init__(self, folder: Path) -> None:
        self.made_of: dict[str, str] = {}
        self._folder = folder
        self._listed: dict[str, tuple[str, str]] = {}
        try:
            record = json.loads((folder / files.RUN).read_text("utf-8"))
            hashes = {str(entry["name"]): str(entry["sha256"]) for entry in record["files"]}
            self._listed = {
                name: (str(of), hashes[name])
                for name, of in record[MADE_OF].items()
                if Path(name).name == name
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass

    def take(self, name: str, of: str) -> bytes | None:
        """Return the bytes of a raster that is made of the same and whole; None: there is none."""
        self.made_of[name] = of
        was_of, sha256 = self._listed.get(name, ("", ""))
        if was_of != of:
            return None
        try:
            data = (self._folder / name).read_bytes()
        except OSError:
            return None
        return data if hashlib.sha256(data).hexdigest() == sha256 else None


def made_of(array: NDArray[Any], grid: Grid, told: Mapping[str, Any]) -> str:
    """Return a hash of a raster's numbers, of what is told of them, and of versions and code."""
    about = [sorted(fingerprint().items()), grid, sorted(told.items()), array.dtype, array.shape]
    digest = hashlib.sha256(repr(about).encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
