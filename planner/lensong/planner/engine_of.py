"""The engine of a scenario that is opened, and what it may hold in memory."""

from __future__ import annotations

from pathlib import Path

from lensong.coverage.scenario.load import Scenario
from lensong.coverage.sweeps import PropagationSettings, SweepCache
from lensong.coverage.variant.engine import PlanEngine
from lensong.coverage.variant.shelf import TileShelf
from lensong.gis_data.file_memory import FileMemory
from lensong.gis_data.land import Land

__all__ = ["engine_of"]

_MANY_PIXELS = 12_000_000  # a plan of fewer fits into memory whole, with some edits
_TILES_BYTES, _OF_MANY_TILES_BYTES = 3 * 2**28, 2**28
_DROP_BYTES, _OF_MANY_DROP_BYTES = 2**28, 3 * 2**26
"""Of those, for the levels of what was just dropped: nobody waits for a disk to see them."""

_SWEEPS_BYTES, _OF_MANY_SWEEPS_BYTES = 2**29, 2**28


def engine_of(
    scenario: Scenario,
    land: Land,
    propagation: PropagationSettings,
    *,
    cache: SweepCache | None,
    workers: int,
    folder: Path,
) -> PlanEngine:
    """Return the engine of a scenario whose land is read.

    Where the land is a whole province, whose layers take gigabytes, it holds less in memory than
    for a valley: nearly all of its tiles lie in files, and edits touch few of them.

    Parameters
    ----------
    scenario, land, propagation
    cache : SweepCache or None
    workers : int
        Threads.
    folder : Path
        For tiles that do not fit into memory.
    """
    many = land.grid.rows * land.grid.cols > _MANY_PIXELS
    return PlanEngine(
        land,
        services=scenario.services,
        handset=scenario.handset,
        propagation=propagation,
        cache=cache,
        workers=workers,
        most_bytes=_OF_MANY_SWEEPS_BYTES if many else _SWEEPS_BYTES,
        shelf=TileShelf(
            _OF_MANY_TILES_BYTES if many else _TILES_BYTES,
            FileMemory(folder),
            spare_bytes=_OF_MANY_DROP_BYTES if many else _DROP_BYTES,
        ),
    )
