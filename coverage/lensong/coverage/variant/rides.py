"""The sweeps of a network with what rides on them, told apart by all that decides a pixel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, fields
from math import hypot
from threading import Lock

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layers import job_window
from lensong.coverage.network import Cell, Network
from lensong.coverage.shadowing import sites_of_masts
from lensong.coverage.site_heard import SiteHeard, by_carrier, hear
from lensong.coverage.sweep_planes import Put
from lensong.coverage.sweeps import (
    NO_LOSS,
    AntennaPlace,
    PackedSweep,
    PropagationSettings,
    SweepCache,
    SweepJob,
    Window,
    antenna_place,
    sweep_together,
)
from lensong.coverage.variant.memory import Keeps, KeptInMemory, RecentBytes, SetApart
from lensong.gis_data.land import Land
from lensong.propagation.errors import StoppedError
from lensong.propagation.types import BoolArray, IntArray

__all__ = ["Ride", "RideMaker", "RidesAhead", "changed_rides", "meets"]

_NO_MATTER = {
    "antenna", "uncertain", "assumed", "physical_cell_id", "electrical_downtilt_deg",
    "on_air_since",
}  # fmt: skip
_HEARD_BYTES = 16
_MARGIN_PX = 3.0  # around a radius, as `job_window` has it
_SWEEP_BYTES = 25  # as it is laid, and the numbers of which it is kept
_MOST_HIDING = 4096  # masts of which it is known whether a void hides pixels from them
_CELL_FIELDS = tuple(f.name for f in fields(Cell) if f.name not in _NO_MATTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ride:
    """One sweep of a network and its cells.

    Parameters
    ----------
    key : hashable
        Everything of the mast and its cells that decides what pixels get from it. Two rides of one
        key bring the same, whatever the network around them.
    job : SweepJob
    window : Window
        The part of the grid that it may reach.
    groups : dict
        Operator and carrier number to the codes of the cells, as `site_heard.by_carrier` has them.
    """

    key: Hashable
    job: SweepJob
    window: Window
    groups: dict[tuple[str, int], IntArray]

    @property
    def operators(self) -> frozenset[str]:
        """Return the operators whose cells ride."""
        return frozenset(name for name, _ in self.groups)

    def arrives(self, window: Window, cell_m: float) -> bool:
        """Return whether a window comes as near to the mast as its sweep goes, and its margin."""
        if not meets(self.window, window):
            return False
        row0, col0, row1, col1 = window
        job, reach = self.job, self.job.radius_m / cell_m + _MARGIN_PX
        south = max(row0 - job.row, job.row - (row1 - 1), 0.0)
        east = max(col0 - job.col, job.col - (col1 - 1), 0.0)
        return hypot(south, east) <= reach


class _AntennaNumbers:
    """Tells antennas apart by identity; holds them, so that no number is given twice."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, AntennaPattern]] = {}
        self._lock = Lock()

    def of(self, antenna: AntennaPattern) -> int:
        with self._lock:
            return self._seen.setdefault(id(antenna), (len(self._seen), antenna))[0]


class RideMaker:
    """Makes sweeps and what is heard of them, and keeps what was used last.

    Parameters
    ----------
    land : Land
    settings : PropagationSettings
    rx_height_agl_m : float
        Of the phone above ground [m].
    cache : SweepCache or None
        Where sweeps are kept beyond the process.
    workers : int
        Threads.
    most_bytes : int
        Kept in memory of what is heard, as much of sweeps as the cache has them, and a quarter of
        it of sweeps unpacked [bytes].
    keeps : callable
        Returns whether sweeps that are made now are kept in the cache, too.
    """

    def __init__(
        self,
        land: Land,
        settings: PropagationSettings,
        *,
        rx_height_agl_m: float,
        cache: SweepCache | None,
        workers: int,
        most_bytes: int,
        keeps: Callable[[], bool] = lambda: True,
    ) -> None:
        self._land, self._settings, self._rx_height_agl_m = land, settings, rx_height_agl_m
        self._most_bytes, self._keeps = most_bytes, keeps
        self._cache, self._workers = KeptInMemory(cache, most_bytes), workers
        self._packed: Keeps[Hashable, PackedSweep] = RecentBytes(most_bytes // 4, _packed_bytes)
        self._heard: Keeps[Hashable, SiteHeard] = RecentBytes(most_bytes, _heard_bytes)
        self._antennas = _AntennaNumbers()
        self._hides: Keeps[Hashable, bool] = RecentBytes(_MOST_HIDING, lambda _: 1)
        self._stop: Callable[[], bool] | None = None

    def given_up(self, stop: Callable[[], bool]) -> RideMaker:
        """Return a maker that keeps what it makes where this one does, until it is given up."""
        made = copy(self)
        made._stop = stop
        return made

    def rides(self, jobs: Sequence[SweepJob], model: LayerModel) -> tuple[Ride, ...]:
        """Return the rides of jobs in their order."""
        return tuple(self._ride(job, model.network, by_carrier(job.cells, model)) for job in jobs)

    def bare(self, jobs: Sequence[SweepJob], network: Network) -> tuple[Ride, ...]:
        """Return rides that can be told apart, without their groups."""
        return tuple(self._ride(job, network, {}) for job in jobs)

    def _ride(
        self, job: SweepJob, network: Network, groups: dict[tuple[str, int], IntArray]
    ) -> Ride:
        cells = [network.cells[i] for i in job.cells]
        place = (job.row, job.col, job.height_agl_m, job.freq_mhz, job.radius_m)
        return Ride(
            key=(
                place,
                job.mast.lat_deg,
                job.mast.lon_deg,
                tuple(
                    (
                        *(getattr(cell, name) for name in _CELL_FIELDS),
                        self._antennas.of(cell.antenna),
                    )
                    for cell in cells
                ),
            ),
            job=job,
            window=job_window(job, self._land.grid),
            groups=groups,
        )

    def prepare(
        self, rides: Sequence[Ride], model: LayerModel, on_done: Callable[[int], None] | None = None
    ) -> None:
        """Make what is heard of rides, where it is not kept."""
        missing = [
            ride
            for ride in rides
            if any(self._heard.get(_part(ride, group, model)) is None for group in ride.groups)
        ]
        together: dict[AntennaPlace, list[Ride]] = {}
        for ride in missing:
            together.setdefault(antenna_place(ride.job), []).append(ride)
        antennas = list(together.values())
        # With fewer antennas than threads the threads share the radials of one.
        inner = max(1, self._workers // max(1, len(antennas)))
        done = len(rides) - len(missing)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="ride") as pool:
            for begin in range(0, len(antennas), self._workers):
                batch = antennas[begin : begin + self._workers]
                swept = list(pool.map(lambda antenna: self._sweeps(antenna, inner), batch))
                if self._stop is not None and self._stop():
                    raise StoppedError("what is planned ahead was given up")
                parts = [
                    (ride, group, packed)
                    for antenna, found in zip(batch, swept, strict=True)
                    for ride, packed in zip(antenna, found, strict=True)
                    for group in ride.groups
                ]
                list(pool.map(lambda p: self._hear(p[0], p[1], p[2], model), parts))
                done += sum(map(len, batch))
                if on_done is not None:
                    on_done(done)

    def heard(self, ride: Ride, group: tuple[str, int], model: LayerModel) -> SiteHeard:
        """Return what the cells of one carrier bring, over all of their sweep.

        Raises
        ------
        StoppedError
            What is planned was given up: hundreds of masts may be heard in one tile.
        """
        if self._stop is not None and self._stop():
            raise StoppedError("what is planned was given up")
        found = self._heard.get(_part(ride, group, model))
        if found is None:
            found = self._hear(ride, group, self._sweeps([ride], 1)[0], model)
        return found

    def reached(self, ride: Ride, window: Window) -> tuple[Window, BoolArray]:
        """Return the part of a window that a sweep covers, and where in it it arrives at all."""
        packed = self.sweep(ride)
        row0, col0, row1, col1 = packed.window
        top, left = max(row0, window[0]), max(col0, window[1])
        bottom, right = max(top, min(row1, window[2])), max(left, min(col1, window[3]))
        part = packed.loss_cdb[top - row0 : bottom - row0, left - col0 : right - col0]
        return (top, left, bottom, right), part != NO_LOSS

    def sweep(self, ride: Ride) -> PackedSweep:
        """Return the sweep of a ride."""
        return self._sweeps([ride], 1)[0]

    def hides(self, ride: Ride) -> bool:
        """Return whether a void hides pixels from the mast of a ride."""
        found = self._hides.get(ride.key)
        if found is None:
            found = self.sweep(ride).hidden_pixels > 0
            self._hides.put(ride.key, found)
        return found

    def written(self) -> None:
        """Return once all sweeps made so far are in the cache beyond the process."""
        self._cache.written()

    def _keep(self, keep: Callable[[Put], None]) -> None:
        """Let new sweeps be kept: nobody waits for it."""
        if self._keeps():
            self._cache.later(keep)

    def _hear(
        self, ride: Ride, group: tuple[str, int], packed: PackedSweep, model: LayerModel
    ) -> SiteHeard:
        found = hear(packed, ride.groups[group], model, packed.window)
        self._heard.put(_part(ride, group, model), found)
        return found

    def fits(self, rides: Sequence[Ride]) -> bool:
        """Return whether what is heard of all these can be kept at once."""
        pixels = sum(len(ride.groups) * _pixels(ride) for ride in rides)
        return _HEARD_BYTES * pixels < self._most_bytes

    def _sweeps(self, rides: Sequence[Ride], workers: int) -> list[PackedSweep]:
        """Return the sweeps of the carriers of one antenna."""
        # by mast as well: a calibration corrects the paths of those that were measured
        keys = [(ride.job.mast.mast_id, *ride.key[:2]) for ride in rides]  # type: ignore[index]
        kept = [self._packed.get(key) for key in keys]
        if all(packed is not None for packed in kept):
            return [packed for packed in kept if packed is not None]
        made = sweep_together(
            [ride.job for ride in rides],
            self._land,
            self._settings,
            rx_height_agl_m=self._rx_height_agl_m,
            cache=self._cache,
            keep=self._keep,
            workers=workers,
            stop=self._stop,
        )
        for key, (packed, _) in zip(keys, made, strict=True):
            self._packed.put(key, packed)
        return [packed for packed, _ in made]


class RidesAhead(RideMaker):
    """Makes rides of a network that may be asked for soon, and sets apart what it makes of them.

    Parameters
    ----------
    main : RideMaker
        Whose are all rides but those; nothing that it keeps changes before `hand_over`.
    come : collection of Ride
        That are made here.
    stop : callable
        Asked now and then; where it says so, `StoppedError` is raised.
    """

    def __init__(self, main: RideMaker, come: Collection[Ride], stop: Callable[[], bool]) -> None:
        vars(self).update(vars(main))  # the same land and settings, the same numbers of antennas
        self._main, self._come = main, {ride.key for ride in come}
        self._stop = stop
        self.size_bytes = sum(
            (_SWEEP_BYTES + _HEARD_BYTES * len(ride.groups)) * _pixels(ride) for ride in come
        )
        self._packed, self._heard = self._apart = SetApart(main._packed), SetApart(main._heard)
        self._late: list[Callable[[Put], None]] = []

    def prepare(
        self, rides: Sequence[Ride], model: LayerModel, on_done: Callable[[int], None] | None = None
    ) -> None:
        """Make what is heard of rides, where it is not kept."""
        self._main.prepare([ride for ride in rides if ride.key not in self._come], model)
        super().prepare([ride for ride in rides if ride.key in self._come], model, on_done)

    def heard(self, ride: Ride, group: tuple[str, int], model: LayerModel) -> SiteHeard:
        """Return what the cells of one carrier bring, over all of their sweep."""
        if ride.key in self._come:
            return super().heard(ride, group, model)
        return self._main.heard(ride, group, model)

    def sweep(self, ride: Ride) -> PackedSweep:
        """Return the sweep of a ride."""
        return super().sweep(ride) if ride.key in self._come else self._main.sweep(ride)

    def hand_over(self) -> None:
        """Let the main maker keep what was made."""
        for one in self._apart:
            one.hand_over()
        for keep in self._late:
            self._main._keep(keep)
        self._late = []

    def _keep(self, keep: Callable[[Put], None]) -> None:
        self._late.append(keep)  # of a place where nobody may drop it


def meets(one: Window, other: Window) -> bool:
    """Return whether two parts of the grid have pixels in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def changed_rides(
    old: Sequence[Ride], new: Sequence[Ride], before: Network, after: Network
) -> tuple[list[Ride], list[Ride]]:
    """Return the rides of an old network that are no more, and those of a new one that were not.

    A mast that comes or goes may join or part the sites of others around it (masts within 50 m
    are one site): theirs count as changed.
    """
    keys_before, keys_after = {ride.key for ride in old}, {ride.key for ride in new}
    regrouped = _regrouped(before, after)

    def changed(ride: Ride, others: set[Hashable]) -> bool:
        return ride.key not in others or ride.job.mast.mast_id in regrouped

    return (
        [ride for ride in old if changed(ride, keys_after)],
        [ride for ride in new if changed(ride, keys_before)],
    )


def _regrouped(before: Network, after: Network) -> set[str]:
    """Return the masts whose site has lost or gained another mast that stayed where it was."""
    places = {m.mast_id: (m.lat_deg, m.lon_deg) for m in before.masts}
    stayed = {m.mast_id for m in after.masts if places.get(m.mast_id) == (m.lat_deg, m.lon_deg)}
    mates = []
    for network in (before, after):
        sites: dict[int, set[str]] = {}
        for mast_id, site in sites_of_masts(network).items():
            if mast_id in stayed:
                sites.setdefault(site, set()).add(mast_id)
        mates.append({mast_id: frozenset(group) for group in sites.values() for mast_id in group})
    return {mast_id for mast_id in stayed if mates[0][mast_id] != mates[1][mast_id]}


def _part(ride: Ride, group: tuple[str, int], model: LayerModel) -> Hashable:
    """Return what tells the cells of one carrier apart, however carriers are numbered."""
    name, carrier = group
    return ride.key, name, model.operators[name].keys[carrier]


def _pixels(ride: Ride) -> int:
    row0, col0, row1, col1 = ride.window
    return (row1 - row0) * (col1 - col0)


def _packed_bytes(packed: PackedSweep) -> int:
    return 8 * packed.loss_cdb.size


def _heard_bytes(heard: SiteHeard) -> int:
    return _HEARD_BYTES * heard.lead.size
