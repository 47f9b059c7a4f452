"""``provenance.json``: what was fetched from where, so that a second run asks nothing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.fetch.sources import Source
from lensong.propagation.errors import DataError

__all__ = ["LEDGER", "Ledger"]

LEDGER = "provenance.json"


class Ledger:
    """What lies in a folder of land and where it came from.

    Parameters
    ----------
    folder : Path
        What an earlier run wrote there is read.

    Raises
    ------
    DataError
        The file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, dict[str, Any]] = {}
        self.written: dict[str, str] = {}
        path = folder / LEDGER
        if not path.exists():
            return
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            self._files = {str(entry["path"]): dict(entry) for entry in content["files"]}
            self.written = {str(name): str(value) for name, value in content["written"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{path} cannot be read ({error}): delete it, and the files are fetched again"
            ) from error

    def entry(self, path: str) -> dict[str, Any] | None:
        """Return what is known of a file, None where it was never fetched."""
        return self._files.get(path)

    def has(self, path: str, address: str) -> bool:
        """Return whether a file lies there as it arrived, from this address."""
        entry = self._files.get(path)
        file = self._folder / path
        return (
            entry is not None
            and entry.get("address") == address
            and file.is_file()
            and file.stat().st_size == entry.get("size_bytes")
            and sha256_of(file) == entry.get("sha256")
        )

    def absent(self, path: str, address: str) -> bool:
        """Return whether the source said, when it was asked, that it has no such file."""
        entry = self._files.get(path, {})
        return bool(entry.get("absent")) and entry.get("address") == address

    def add(self, path: str, **told: Any) -> None:
        """Note a file that arrived."""
        self._files[path] = {"path": path, **told}

    def write(self, *, area: dict[str, Any], sources: list[Source], notes: list[str]) -> None:
        """Write the file: whole, or as it was."""
        content = {
            "made_by": "lensong fetch",
            "area": area,
            "notes": notes,
            "sources": [
                {
                    "name": source.name,
                    "title": source.title,
                    "licence": source.licence,
                    "licence_address": source.licence_address,
                    "attribution": source.attribution,
                }
                for source in sources
            ],
            "files": [self._files[path] for path in sorted(self._files)],
            "written": dict(sorted(self.written.items())),
        }
        with atomic_path(self._folder / LEDGER) as part:
            part.write_text(
                json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
            )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
