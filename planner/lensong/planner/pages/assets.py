"""Styles and scripts out of the packages, all under one address that changes with any of them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from lensong.propagation.errors import DataError

__all__ = ["KINDS", "assets", "assets_version"]

KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_MAPLIBRE = ("maplibre-gl.js", "maplibre-gl.css")


@cache
def assets() -> dict[str, bytes]:
    """Return the content of every asset by its name: ours, and MapLibre GL JS.

    Raises
    ------
    DataError
        The package that carries MapLibre GL JS is not there.
    """
    ours = files("lensong.planner.pages").joinpath("static")
    found = {
        entry.name: entry.read_bytes()
        for entry in ours.iterdir()
        if entry.name.rpartition(".")[2] in KINDS
    }
    return found | {name: _of_maplibre(name) for name in _MAPLIBRE}


def _of_maplibre(name: str) -> bytes:
    """Return a file of the package, which is found but not imported: that would log warnings."""
    found = find_spec("maplibre")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "srcjs" / name
        if path.is_file():
            return path.read_bytes()
    raise DataError(
        f"the Python package maplibre, which carries the map, is not installed or lacks "
        f"srcjs/{name}: install lensong again with its dependencies"
    )


@cache
def assets_version() -> str:
    """Return a name for what all assets hold: scripts import each other by relative addresses."""
    digest = hashlib.sha256()
    for name, content in sorted(assets().items()):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:12]
