"""A plan as files: tables, rasters, report and the record of the run."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from lensong.coverage.report.html import render_report
from lensong.coverage.result import PlanResult
from lensong.coverage.results import files
from lensong.coverage.results.kmz import write_coverage_kmz
from lensong.coverage.results.qgis import description_steps, layer_styles, project_step
from lensong.coverage.results.rasters import (
    Step,
    known_steps,
    operator_steps,
    raster_steps,
    raster_writer,
)
from lensong.coverage.results.record import provenance_of, record_of, record_text
from lensong.coverage.results.relief import relief_steps
from lensong.coverage.results.tables import as_read_table, vector_layers, village_table
from lensong.coverage.results.unchanged import MADE_OF, OlderRasters
from lensong.coverage.threads import threads
from lensong.gis_data.atomic import atomic_path, write_error
from lensong.gis_data.vector_write import write_csv, write_geopackage
from lensong.propagation.errors import DataError

__all__ = [
    "check_writable",
    "move_result",
    "names_of",
    "result_steps",
    "write_groups",
    "write_result",
]

Progress = Callable[[float], None]  # takes the share that is done, 0..1


def write_result(
    result: PlanResult,
    folder: Path,
    *,
    lensong_version: str,
    progress: Progress | None = None,
    created_at: datetime | None = None,
    workers: int = 1,
) -> list[Path]:
    """Write every file of a plan and return their paths.

    All files are made in a hidden folder inside ``folder`` and moved into place when the last one
    is complete: an interrupted run leaves the older result as it was. Files that an earlier
    run listed in its ``run.json`` and that this plan does not have are removed.

    Parameters
    ----------
    result : PlanResult
    folder : Path
        Made when missing.
    lensong_version : str
        For the provenance of each file.
    progress : callable, optional
        Called with the share done, 0 to 1.
    created_at : datetime, optional
        For ``run.json``, the one file that differs between two runs of one plan; now by default.
    workers : int
        Threads over files. What is in them does not depend on it.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    provenance = provenance_of(result, lensong_version)
    older = OlderRasters(folder)
    groups, last = result_steps(result, provenance, older)
    part = folder / f".{uuid4().hex[:12]}.part"
    _tell(progress, 0.0)
    try:
        part.mkdir(parents=True)

        def on_done(done: int) -> None:
            result.room.let_go()
            _tell(progress, done / (len(groups) + 1))

        write_groups(groups, part, workers, on_done)
        write_groups([[last]], part)
        names = names_of(groups, last)
        record = record_of(result, provenance, created_at or datetime.now(UTC), part, names)
        written = move_result(part, folder, record | {MADE_OF: older.made_of})
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _tell(progress, 1.0)
    return written


def write_groups(
    groups: Sequence[Sequence[Step]],
    part: Path,
    workers: int = 1,
    on_done: Callable[[int], None] = lambda _: None,
) -> None:
    """Write groups of files into a folder, but files that are there already.

    Parameters
    ----------
    groups : sequence of sequence of Step
        As `result_steps` returns them.
    part : Path
    workers : int
        Threads over groups.
    on_done : callable
        Called with how many are done after each, by one thread at a time.
    """
    count, lock = 0, Lock()

    def write(group: Sequence[Step]) -> None:
        nonlocal count
        for name, make in group:
            if not (part / name).is_file():
                make(part / name)
        with lock:
            count += 1
            on_done(count)

    pool = threads(workers, "write")
    try:
        for _ in pool.map(write, groups):
            pass  # an error is raised here
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def names_of(groups: Sequence[Sequence[Step]], last: Step) -> list[str]:
    """Return the names of all files of a result."""
    return sorted(name for group in (*groups, [last]) for name, _ in group)


def _tell(progress: Progress | None, share: float) -> None:
    if progress is not None:
        progress(share)


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written before hours of work, not after.

    Raises
    ------
    DataError
        It cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise write_error(folder, error) from error


def result_steps(
    result: PlanResult, provenance: dict[str, Any], older: OlderRasters | None = None
) -> tuple[list[list[Step]], Step]:
    """Return what makes the files of a plan, and what describes all of them in the end.

    The files of a group are written one after the other, and groups in any order; those that take
    longest stand first, so that nobody waits for them alone.

    Parameters
    ----------
    result : PlanResult
    provenance : dict
        Of `lensong.coverage.results.record.provenance_of`.
    older : OlderRasters or None
        What may be copied in place of being made again, to the same bytes.
    """
    rasters = list(_raster_steps(result, provenance, older))
    alone: list[Step] = [
        (files.REPORT, lambda path: _write_report(path, result)),
        (files.KMZ, lambda path: write_coverage_kmz(path, result)),
        *_table_steps(result),
    ]
    groups = [
        *([step] for step in alone),
        [*relief_steps(result.land.ground_m, result.land.grid)],
        *([step, *description_steps(step[0])] for step in rasters),
    ]
    return groups, project_step(result, [name for name, _ in rasters])


def _table_steps(result: PlanResult) -> Iterator[Step]:
    yield files.VECTORS, lambda path: _write_vectors(path, result)
    yield files.VILLAGES, lambda path: write_csv(path, village_table(result.villages))
    for name, table in (
        (files.CAUSES, result.causes),
        (files.COUNTERFACTUALS, result.counterfactuals),
    ):
        if table is not None:
            yield name, partial(write_csv, frame=table)
    if result.network.as_read:
        as_read = result.network.as_read
        yield files.CELLS_AS_READ, lambda path: write_csv(path, as_read_table(as_read))
    if result.level_shares is not None:
        shares = result.level_shares
        yield files.LEVEL_SHARES, lambda path: write_csv(path, shares)
    if result.streams is not None and len(result.streams):
        streams = result.streams
        yield files.STREAMS, lambda path: write_csv(path, streams)


def _raster_steps(
    result: PlanResult, provenance: dict[str, Any], older: OlderRasters | None
) -> Iterator[Step]:
    write_raster = raster_writer(provenance, older)
    for technology, layers in result.layers.items():
        yield from raster_steps(result, technology, layers, write_raster)
        yield from known_steps(result, technology, write_raster)
    yield from operator_steps(result, write_raster)


def move_result(
    part: Path, folder: Path, record: dict[str, Any], *, begun: bool = False
) -> list[Path]:
    """Move the files of a record to where they are to stay, and return their paths.

    Parameters
    ----------
    part : Path
        Where they are, on the disk of ``folder``.
    folder : Path
        Made when missing.
    record : dict
        Of `record_of`; it comes last, so that it never lists a file that is not there.
    begun : bool
        Another may have moved some, or do so at this moment.
    """
    names = [*(entry["name"] for entry in record["files"]), files.RUN]
    with atomic_path(part / files.RUN) as written:
        written.write_text(record_text(record), encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    stale = _listed(folder / files.RUN) - set(names)
    for name in names:
        try:
            os.replace(part / name, folder / name)
        except FileNotFoundError:
            if not (begun and (folder / name).is_file()):
                raise
    for name in stale:
        (folder / name).unlink(missing_ok=True)
    return [folder / name for name in names]


def _listed(run_file: Path) -> set[str]:
    """Return the files that an earlier run wrote, as its record lists them."""
    try:
        listed = json.loads(run_file.read_text("utf-8"))["files"]
        names = {str(entry["name"]) for entry in listed}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()
    return {name for name in names if Path(name).name == name}


def _write_vectors(path: Path, result: PlanResult) -> None:
    layers = vector_layers(result)
    write_geopackage(path, layers, styles=layer_styles(list(layers)))


def _write_report(path: Path, result: PlanResult) -> None:
    script, style = _maplibre()
    text = render_report(result, maplibre_js=script, maplibre_css=style)
    with atomic_path(path, needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")


def _maplibre() -> tuple[str, str]:
    """Return the script and the style sheet out of the installed ``maplibre`` package.

    The package is found but not imported: its import loads widgets and logs warnings.
    """
    found = find_spec("maplibre")
    folders = list(found.submodule_search_locations or []) if found else []
    for folder in folders:
        parts = [Path(folder) / "srcjs" / f"maplibre-gl.{kind}" for kind in ("js", "css")]
        if all(part.is_file() for part in parts):
            return parts[0].read_text("utf-8"), parts[1].read_text("utf-8")
    raise DataError(
        "the Python package maplibre, which carries the map of the report, is not installed or "
        "lacks srcjs/maplibre-gl.js: install lensong again with its dependencies"
    )
