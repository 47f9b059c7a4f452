"""Antenna patterns that were dropped on the map: kept beside the plan, usable by every variant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from threading import Lock

import numpy as np

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.antenna_file import parse_antennas
from lensong.gis_data.atomic import atomic_path, write_error
from lensong.planner.errors import BusyError
from lensong.propagation.errors import InvalidInputError

__all__ = ["PATTERNS", "AntennaFiles"]

PATTERNS = (".msi", ".pln")
_MOST_FILES = 200


class AntennaFiles:
    """Pattern files in a folder beside the plan.

    Parameters
    ----------
    folder : Path
        Made when the first file comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, Lock()

    def texts(self) -> dict[str, str]:
        """Return file name to content."""
        if not self._folder.is_dir():
            return {}
        return {
            path.name: path.read_text("utf-8", "replace")
            for path in sorted(self._folder.iterdir())
            if path.suffix.lower() in PATTERNS
        }

    def read(self) -> dict[str, AntennaPattern]:
        """Return antennas by name."""
        return parse_antennas(self.texts())

    def add(
        self, name: str, content: bytes, known: Mapping[str, AntennaPattern]
    ) -> dict[str, AntennaPattern]:
        """Keep a file, and return its antenna by each of its names.

        Parameters
        ----------
        known : mapping
            Antennas of the plan by name: one of the same name has to be the same.

        Raises
        ------
        LensongError
            It is no pattern, has the name of another one, or there are too many.
        """
        file = re.sub(r"[^\w.+ -]", "_", PurePath(name).name)
        if PurePath(file).suffix.lower() not in PATTERNS:
            raise InvalidInputError(
                f"{name!r} is no antenna pattern, wanted a file ending in {' or '.join(PATTERNS)}"
            )
        text = content.decode("utf-8", "replace")
        found = parse_antennas({file: text})
        stem = PurePath(file).stem
        there = known.get(stem)
        if there is not None and not _same(there, found[stem]):
            raise InvalidInputError(
                f"an antenna {stem!r} with another pattern is in this plan: rename the file"
            )
        with self._lock:
            texts = self.texts()
            if file not in texts and len(texts) >= _MOST_FILES:
                raise BusyError(
                    f"{_MOST_FILES} antenna files were added already: put more into the folder "
                    "that network.antennas of the scenario names"
                )
            try:
                with atomic_path(self._folder / file, needed_bytes=len(content)) as part:
                    part.write_text(text, "utf-8")
            except OSError as error:
                raise write_error(self._folder, error) from error
        return found


def _same(one: AntennaPattern, other: AntennaPattern) -> bool:
    return (
        one.gain_dbi == other.gain_dbi
        and np.array_equal(one.horizontal_loss_db, other.horizontal_loss_db)
        and np.array_equal(one.vertical_loss_db, other.vertical_loss_db)
    )
