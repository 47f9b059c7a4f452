"""Content hashes of input files, for the provenance of every output."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["as_written", "content_sha256"]

_SHAPEFILE_PARTS = (".dbf", ".prj", ".cpg", ".shx")


def content_sha256(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of one file, or one over the sorted hashes of several.

    Names, places and dates of the files do not enter. With a ``.shp`` go the files that make
    it whole (``.dbf``, ``.prj``, ``.cpg``, ``.shx``).
    """
    files = sorted({part for path in paths for part in _with_parts(path)})
    hashes = sorted(_file_sha256(path) for path in files)
    if len(hashes) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode("ascii")).hexdigest()


def as_written(path: Path, folder: Path | None) -> str:
    """Return a path as the scenario in ``folder`` writes it: relative where it lies below."""
    if folder is not None and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return str(path)


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _with_parts(path: Path) -> list[Path]:
    if path.suffix.lower() != ".shp":
        return [path]
    return [path, *(part for end in _SHAPEFILE_PARTS if (part := path.with_suffix(end)).is_file())]
