"""A variant planned as `lensong plan` does, and its files."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lensong.coverage.network import Network
from lensong.coverage.plan import plan
from lensong.coverage.results.write import write_result
from lensong.coverage.sweeps import SweepCache
from lensong.gis_data.array_room import room_for
from lensong.planner.errors import NotThereError
from lensong.planner.jobs import Job
from lensong.planner.ready import Ready

__all__ = ["result_file", "whole_plan"]


def whole_plan(
    ready: Ready,
    network: Network,
    *,
    title: str,
    folder: Path,
    cache: SweepCache | None,
    job: Job,
) -> dict[str, Any]:
    """Plan a network, write its result into a folder, and return its summary and files.

    What was written is removed where the job is ended.
    """
    scenario = ready.scenario
    try:
        folder.mkdir(parents=True, exist_ok=True)
        result = plan(
            ready.land,
            network,
            title=title,
            services=ready.engine.services,
            handset=ready.engine.handset,
            propagation=ready.propagation,
            classes=ready.side.classes,
            streams=ready.side.streams,
            settings=scenario.settings,
            causes=scenario.causes,
            cache=cache,
            room=room_for(ready.grid.rows * ready.grid.cols, folder),
            workers=ready.engine.workers,
            progress=job.step,
        )
        write_result(
            result,
            folder,
            lensong_version=version("lensong"),
            progress=lambda share: job.step("output", share, 1.0),
            workers=ready.engine.workers,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return {"summary": result.summary, "warnings": list(result.warnings), "files": files}


def result_file(folder: Path, name: str) -> Path:
    """Return a file of a result.

    Raises
    ------
    NotThereError
        There is none of that name in the folder.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise NotThereError(f"there is no file {name!r} in this result")
    return path
