"""What must be the same on two machines for their results to be: versions, and our own code."""

from __future__ import annotations

import hashlib
import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any

__all__ = ["fingerprint"]

_PACKAGES = (
    "lensong",
    "numpy",
    "scipy",
    "numba",
    "llvmlite",
    "pandas",
    "geopandas",
    "shapely",
    "pyproj",
    "rasterio",
    "pyogrio",
    "exactextract",
    "maplibre",
    "distributed",
)
_OURS = ("lensong.propagation", "lensong.gis_data", "lensong.coverage")


@lru_cache(maxsize=1)
def fingerprint() -> dict[str, str]:
    """Return versions by name, and a hash of the code that a plan runs through."""
    found = {"python": ".".join(platform.python_version_tuple()[:2]), "machine": platform.machine()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    digest = hashlib.sha256()
    for package in _OURS:
        _add(files(package), package, digest)
    found["code of lensong"] = digest.hexdigest()[:12]
    return found


def _add(folder: Any, name: str, digest: Any) -> None:  # Any: as importlib hands them out
    for entry in sorted(folder.iterdir(), key=lambda one: str(one.name)):
        if entry.is_dir():
            if entry.name != "__pycache__":
                _add(entry, f"{name}/{entry.name}", digest)
        elif not entry.name.endswith((".pyc", ".nbi", ".nbc")):
            digest.update(f"{name}/{entry.name}\n".encode())
            digest.update(entry.read_bytes())
