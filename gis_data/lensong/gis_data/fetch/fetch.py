"""All files that an area needs: sized before, several at once, whole or not there, once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread

import httpx

from lensong.gis_data.atomic import atomic_path, free_bytes, is_full, write_error
from lensong.gis_data.fetch.area import FetchArea
from lensong.gis_data.fetch.checks import check_content
from lensong.gis_data.fetch.derive import communes_of, villages_of, write_area, write_layer
from lensong.gis_data.fetch.download import (
    Arrived,
    MissingFileError,
    StoppedError,
    download,
    head_bytes,
)
from lensong.gis_data.fetch.ledger import Ledger, sha256_of
from lensong.gis_data.fetch.order import Order, Wanted, order_of
from lensong.gis_data.fetch.scenario import (
    AREA_FILE,
    COMMUNES_FILE,
    SCENARIO_FILE,
    VILLAGES_FILE,
    scenario_text,
    sources_of,
)
from lensong.gis_data.fetch.sources import Source, mirrored
from lensong.gis_data.file_locks import FileLock
from lensong.propagation.errors import DataError

__all__ = ["Delivery", "FetchRequest", "Fetched", "only_fetch"]

_Progress = Callable[[str, float, float], None]

_MOST_HEADS = 500
_PARTS = ".parts"
_SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What to bring.

    Parameters
    ----------
    area : FetchArea
    out : Path
        Folder of the land.
    roles, countries : tuple of str
        See `order.check_roles`, `order.check_countries`.
    level : str
        Of administration.
    margin_km : float
        Of elevation and land cover around the area.
    cells : str
        Path of the cell list as the scenario shall name it.
    mirror : str
        Address below which a mirror keeps the files, by host; empty: the sources themselves.
    workers : int
        Files at once.
    """

    area: FetchArea
    out: Path
    roles: tuple[str, ...]
    countries: tuple[str, ...]
    level: str = "ADM2"
    margin_km: float = 15.0
    cells: str = "cells.csv"
    mirror: str = ""
    workers: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came of it.

    Parameters
    ----------
    scenario : Path
    files, files_bytes : int
        That arrived in this run.
    present : int
        Files that lay there before, whole.
    notes : tuple of str
        Sentences for the person.
    """

    scenario: Path
    files: int
    files_bytes: int
    present: int
    notes: tuple[str, ...]


@dataclass(slots=True)
class Delivery:
    """A folder of land on its way: `survey` it, then `bring` what is missing.

    Parameters
    ----------
    request : FetchRequest
    client : httpx.Client
    pause : callable
        Waits so many seconds between two tries of a file.
    """

    request: FetchRequest
    client: httpx.Client
    pause: Callable[[float], None]
    order: Order = field(default_factory=lambda: Order(files=()))
    missing: list[Wanted] = field(default_factory=list)
    present: int = 0
    sizes: dict[str, float] = field(default_factory=dict)
    estimated: bool = False
    _ledger: Ledger | None = None
    _sums: dict[str, str] = field(default_factory=dict)
    _notes: list[str] = field(default_factory=list)

    @property
    def total_bytes(self) -> float:
        """Return about how much has to come."""
        return sum(self.sizes[wanted.path] for wanted in self.missing)

    def survey(self, progress: _Progress | None = None) -> None:
        """Find out what the area needs, what lies there already, and how large the rest is.

        Raises
        ------
        DataError
            A list of tiles does not come, or a source has nothing of what it should have.
        """
        request = self.request
        self._ledger = Ledger(request.out)
        self.order = order_of(
            request.area,
            roles=request.roles,
            countries=request.countries,
            level=request.level,
            margin_km=request.margin_km,
            listing=self._listing,
        )
        here = {
            wanted.path
            for wanted in self.order.files
            if self._ledger.has(wanted.path, wanted.address)
        }
        self.present = len(here)
        self.missing = [
            wanted
            for wanted in self.order.files
            if wanted.path not in here and not self._ledger.absent(wanted.path, wanted.address)
        ]
        self.sizes = {wanted.path: wanted.source.file_bytes for wanted in self.missing}
        self.estimated = len(self.missing) > _MOST_HEADS
        if self.estimated or not self.missing:
            return
        with ThreadPoolExecutor(request.workers, thread_name_prefix="size") as pool:
            told = pool.map(self._size, self.missing)
            for done, (wanted, size) in enumerate(zip(list(self.missing), told, strict=True), 1):
                if progress is not None:
                    progress("sizes", done, len(self.sizes))
                if isinstance(size, MissingFileError):
                    self._absent(wanted, size)
                elif size is None:
                    self.estimated = True
                else:
                    self.sizes[wanted.path] = float(size)

    def bring(self, progress: _Progress | None = None, *, now: datetime | None = None) -> Fetched:
        """Bring what is missing and write the layers and the scenario of it.

        Raises
        ------
        DataError
            Some file did not come; the others are kept, and the next call goes on.
        """
        request, ledger = self.request, self._noted()
        moment = now or datetime.now(UTC)
        free = free_bytes(_existing(request.out))
        if free is not None and self.total_bytes > free:
            raise DataError(
                f"{request.out} has {free / 1e9:.1f} GB free and about "
                f"{self.total_bytes / 1e9:.1f} GB are to come: choose another disk, or a smaller "
                "area"
            )
        self._sums = self._published_sums()
        arrived, failed = self._all(progress or (lambda _stage, _done, _total: None), moment)
        if failed:
            self._write_ledger()
            told = "\n".join(f"  {wanted.source.name}: {error}" for wanted, error in failed)
            raise DataError(
                f"{len(failed)} of {len(self.missing)} files did not come:\n{told}\n"
                f"What came is kept in {request.out}: run the same command again to go on"
            )
        with suppress(OSError):
            (request.out / _PARTS).rmdir()
        self._write_layers(ledger)
        text = scenario_text(
            request.area,
            self.order,
            roles=request.roles,
            cells=request.cells,
            margin_m=1e3 * request.margin_km,
            day=moment.date().isoformat(),
        )
        scenario = self._put(ledger, SCENARIO_FILE, partial(_write_text, text=text))
        self._write_ledger()
        return Fetched(
            scenario=scenario,
            files=len(arrived),
            files_bytes=sum(one.size_bytes for one in arrived),
            present=self.present,
            notes=(*_of_order(self.order, request), *self._notes),
        )

    def _noted(self) -> Ledger:
        assert self._ledger is not None, "survey comes first"
        return self._ledger

    def _listing(self, source: Source) -> str:
        """Return the list of a source's tiles, from the folder where it lies there already."""
        ledger, path = self._noted(), f"downloads/{source.name}-tiles.txt"
        target = self.request.out / path
        if not ledger.has(path, source.listing):
            arrived = download(
                self.client,
                mirrored(source.listing, self.request.mirror),
                target,
                parts=self.request.out / _PARTS,
                verify=_check_listing,
                wait=self.pause,
            )
            self._add(ledger, path, source.listing, source.name, arrived, datetime.now(UTC))
        return target.read_text(encoding="utf-8", errors="replace")

    def _size(self, wanted: Wanted) -> int | MissingFileError | None:
        try:
            return head_bytes(self.client, mirrored(wanted.address, self.request.mirror))
        except MissingFileError as error:
            return error

    def _absent(self, wanted: Wanted, error: MissingFileError) -> None:
        if not self._dispensable(wanted):
            raise DataError(f"{wanted.source.name}: {error}") from error
        self._leave_out(wanted)

    def _dispensable(self, wanted: Wanted) -> bool:
        """Return whether a file may be missing: a tile of land cover, not the last one of all."""
        ledger = self._noted()
        return wanted.source.role == "land_cover" and any(
            other.source is wanted.source
            and other is not wanted
            and not ledger.absent(other.path, other.address)
            for other in self.order.files
        )

    def _leave_out(self, wanted: Wanted) -> None:
        self.missing.remove(wanted)
        self._noted().add(
            wanted.path, address=wanted.address, source=wanted.source.name, absent=True
        )
        self._notes.append(f"{wanted.source.title} has no {Path(wanted.path).name}: left out")

    def _published_sums(self) -> dict[str, str]:
        """Return the sums that a mirror publishes, ``SHA256SUMS`` at its root; none elsewhere."""
        if not self.request.mirror or not self.missing:
            return {}
        address = f"{self.request.mirror.rstrip('/')}/{_SUMS}"
        try:
            answer = self.client.get(address)
        except httpx.HTTPError:
            return {}
        sums = {}
        if answer.is_success:
            for line in answer.text.splitlines():
                digest, _, name = line.strip().partition(" ")
                if len(digest) == 64:
                    sums[name.strip().lstrip("*").removeprefix("./")] = digest.lower()
        return sums

    def _all(
        self, progress: _Progress, moment: datetime
    ) -> tuple[list[Arrived], list[tuple[Wanted, DataError]]]:
        ledger, stop = self._noted(), Event()
        done: dict[str, float] = {}
        guard = Lock()
        totals: dict[str, float] = {}
        for wanted in self.missing:
            role = wanted.source.role
            totals[role] = totals.get(role, 0.0) + self.sizes[wanted.path]

        def count(role: str, size_bytes: int) -> None:
            with guard:
                done[role] = done.get(role, 0.0) + size_bytes
                progress(role, min(done[role], 0.999 * totals[role]), totals[role])

        arrived: list[Arrived] = []
        failed: list[tuple[Wanted, DataError]] = []
        try:
            for wanted, outcome in self._outcomes(count, stop):
                if isinstance(outcome, Arrived):
                    arrived.append(outcome)
                    self._add(
                        ledger, wanted.path, wanted.address, wanted.source.name, outcome, moment
                    )
                    self._write_ledger()  # a run that is killed has noted what came
                elif isinstance(outcome, MissingFileError) and self._dispensable(wanted):
                    self._leave_out(wanted)
                elif isinstance(outcome, DataError):
                    failed.append((wanted, outcome))
                    if is_full(outcome):
                        stop.set()
                elif not isinstance(outcome, StoppedError):
                    raise outcome
        finally:
            stop.set()
        if not failed:
            for role, total in totals.items():
                progress(role, total, total)
        return arrived, failed

    def _outcomes(
        self, count: Callable[[str, int], None], stop: Event
    ) -> Iterator[tuple[Wanted, Arrived | BaseException]]:
        """Yield what became of each missing file, in the order in which they end.

        The threads are the kind that a process does not wait for: Ctrl-C ends it also while a
        server says nothing.
        """
        todo, ended = deque(self.missing), SimpleQueue[tuple[Wanted, Arrived | BaseException]]()
        guard = Lock()

        def work() -> None:
            while True:
                with guard:
                    if not todo:
                        return
                    wanted = todo.popleft()
                try:
                    ended.put((wanted, self._one(wanted, partial(count, wanted.source.role), stop)))
                except BaseException as error:  # whatever it is, the main thread raises it
                    ended.put((wanted, error))

        for _ in range(min(self.request.workers, len(todo))):
            Thread(target=work, name="fetch", daemon=True).start()
        for _ in range(len(self.missing)):
            yield ended.get()

    def _one(self, wanted: Wanted, on_bytes: Callable[[int], None], stop: Event) -> Arrived:
        if stop.is_set():
            raise StoppedError
        address = mirrored(wanted.address, self.request.mirror)
        name = mirrored(wanted.address, "-").removeprefix("-/")
        by_tile = wanted.source.role in ("elevation", "land_cover")
        return download(
            self.client,
            address,
            self.request.out / wanted.path,
            parts=self.request.out / _PARTS,
            verify=lambda path: check_content(
                path, wanted.source, None if by_tile else self.request.area.outline
            ),
            etag_is_md5=wanted.source.etag_is_md5 and not self.request.mirror,
            sha256=self._sums.get(name, ""),
            on_bytes=on_bytes,
            stop=stop,
            wait=self.pause,
        )

    @staticmethod
    def _add(
        ledger: Ledger, path: str, address: str, source: str, one: Arrived, moment: datetime
    ) -> None:
        ledger.add(
            path,
            source=source,
            address=address,
            came_from=one.came_from,
            size_bytes=one.size_bytes,
            sha256=one.sha256,
            md5_checked=one.md5_checked,
            last_modified=one.last_modified,
            fetched_at=moment.isoformat(timespec="seconds"),
        )

    def _write_layers(self, ledger: Ledger) -> None:
        out, area = self.request.out, self.request.area
        if not area.is_box:
            self._put(ledger, AREA_FILE, partial(write_area, area=area))
        for role, name, made in (
            ("villages", VILLAGES_FILE, villages_of),
            ("communes", COMMUNES_FILE, communes_of),
        ):
            files = [out / w.path for w in self.order.files if w.source.role == role]
            if files:
                frame = made(files, area.outline)
                self._put(ledger, name, partial(write_layer, frame=frame))

    def _put(self, ledger: Ledger, name: str, write: Callable[[Path], None]) -> Path:
        """Write a file of ours; one that the person has changed stays, and ours goes beside it."""
        target = self.request.out / name
        theirs = target.exists() and sha256_of(target) != ledger.written.get(name)
        fresh = target.with_name(f"{target.stem}-fetched{target.suffix}")
        write(fresh)
        if theirs and sha256_of(fresh) != sha256_of(target):
            self._notes.append(
                f"{target} is not as fetch wrote it and was left; what it would hold is in "
                f"{fresh.name}"
            )
            return target
        fresh.replace(target)
        ledger.written[name] = sha256_of(target)
        return target

    def _write_ledger(self) -> None:
        area = self.request.area
        self._noted().write(
            area={"title": area.title, "bounds_deg": list(area.bounds_deg)},
            sources=sources_of(self.order),
            notes=[*_of_order(self.order, self.request), *self._notes],
        )


@contextmanager
def only_fetch(folder: Path) -> Iterator[bool]:
    """Keep another fetch off a folder until the block ends.

    Yields
    ------
    bool
        False: the file system has no locks, so another one may come.

    Raises
    ------
    DataError
        Another one is there, or the folder cannot be written.
    """
    path = folder / ".fetch.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        try:
            had = lock.take(wait=False)
        except OSError:
            yield False
            return
        if not had:
            raise DataError(f"another fetch writes to {folder}: wait for its end")
        yield True
        path.unlink(missing_ok=True)
    finally:
        lock.close()


def _of_order(order: Order, request: FetchRequest) -> list[str]:
    notes = []
    if order.sea_tiles:
        notes.append(
            "Open sea, height 0, is where no list has a tile of elevation "
            f"({len(order.sea_tiles)}): {_few(order.sea_tiles)}"
        )
    if order.coarser_tiles:
        notes.append(
            f"Elevation is of 90 m where none of 30 m is published ({len(order.coarser_tiles)}): "
            f"{_few(order.coarser_tiles)}"
        )
    if {"elevation", "land_cover"} <= set(request.roles):
        notes.append(
            "Land cover lies in land_cover/ and the scenario does not use it: GLO-30 has trees and "
            "roofs in its heights"
        )
    return notes


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _check_listing(path: Path) -> None:
    if b"_DEM" not in path.read_bytes():
        raise DataError("is no list of tiles, wanted lines such as …_N22_00_E103_00_DEM")


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")
