"""From one planned network to the next: levels of what an edit touches, then chances.

engine = PlanEngine(land, services=services, workers=2)
state = engine.judged(engine.opened(network))
edited = engine.follow(state, network_after)     # levels, servers, rates: at once
settled = engine.judged(edited)                  # chances and villages: exact in the end
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from threading import Lock

import numpy as np

from lensong.coverage.indoor import level_shadowing
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import (
    OperatorTile,
    Tile,
    TileLayers,
    fold_levels,
    fold_services,
)
from lensong.coverage.layers import TILE, sweep_order, touched
from lensong.coverage.network import Network, Technology
from lensong.coverage.probability import check_median
from lensong.coverage.reach import Reach, add_hidden
from lensong.coverage.result import KnownLayers
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.sweeps import PropagationSettings, SweepCache, Window, sweep_jobs
from lensong.coverage.variant.known import KnownTiles
from lensong.coverage.variant.rides import Ride, RideMaker, RidesAhead, changed_rides, meets
from lensong.coverage.variant.shelf import TileShelf
from lensong.coverage.variant.state import (
    Key,
    PlannedAhead,
    PlanState,
    numbers_after,
    of_one_frame,
)
from lensong.coverage.variant.threads import Counter, OnDone, in_threads, sweeps_done
from lensong.coverage.variant.tiles import (
    PlannedTile,
    around,
    best_levels_of,
    best_of,
    inside,
    part_of,
    renumbered,
    with_levels_in,
    with_no_services,
    with_services_of,
)
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError, StoppedError
from lensong.propagation.types import BoolArray

__all__ = ["Key", "OnDone", "PlanEngine", "PlanState", "PlannedAhead", "of_one_frame"]


_MOST_BYTES = 2**29
_MOST_AHEAD_BYTES = 2**28
_MODELS_KEPT = 4


class PlanEngine:
    """Land, services and settings, ready to follow networks.

    Parameters
    ----------
    land : Land
    services : sequence of Service
    handset, propagation
        None: the defaults of their classes.
    cache : SweepCache or None
        Where sweeps are kept beyond the process.
    workers : int
        Threads, 1 or more.
    most_bytes : int
        Kept in memory of sweeps, as of `RideMaker` [bytes].
    tile_px : int
        Rows and columns of a tile.
    shelf : TileShelf or None
        Where tiles are kept; None: in memory, however many there are.
    keeps : callable
        Returns whether sweeps that are made now are kept in the cache.

    Raises
    ------
    InvalidInputError
        When path loss is not asked as a median, or ``workers`` is below 1.
    """

    def __init__(
        self,
        land: Land,
        *,
        services: Sequence[Service] = DEFAULT_SERVICES,
        handset: Handset | None = None,
        propagation: PropagationSettings | None = None,
        cache: SweepCache | None = None,
        workers: int = 2,
        most_bytes: int = _MOST_BYTES,
        tile_px: int = TILE,
        shelf: TileShelf | None = None,
        keeps: Callable[[], bool] = lambda: True,
    ) -> None:
        self._shelf = shelf or TileShelf()
        self.land, self.services = land, tuple(services)
        self.handset = handset or Handset()
        self.propagation = propagation or PropagationSettings()
        if workers < 1:
            raise InvalidInputError(f"workers is {workers}, wanted 1 or more threads")
        self.workers, self.tile_px = workers, tile_px
        check_median(self.propagation)
        self._models: dict[int, LayerModel] = {}
        self._lock = Lock()
        self._stop: Callable[[], bool] | None = None
        self._maker = RideMaker(
            land,
            self.propagation,
            rx_height_agl_m=self.handset.height_agl_m,
            cache=cache,
            workers=workers,
            most_bytes=most_bytes,
            keeps=keeps,
        )
        self._known = KnownTiles(self._maker, land, self.propagation)

    def opened(
        self,
        network: Network,
        on_done: OnDone | None = None,
        *,
        keys: Collection[Key] | None = None,
    ) -> PlanState:
        """Return the levels of a network; nothing is judged yet.

        Parameters
        ----------
        network : Network
        on_done : callable, optional
            Called with a stage, what is done of it and of how much.
        keys : collection of (row, column) or None
            The tiles that are planned, by this state and those that follow it; None: all of the
            land.

        Raises
        ------
        InvalidInputError
            When there is no cell, or a mast stands outside the grid.
        """
        if not network.cells:
            raise InvalidInputError("the network has no cell, wanted one at least")
        network = self.propagation.calibrated(network)
        model = self._model_of(network)
        jobs = sweep_order(sweep_jobs(network, self.land), self.land.grid)
        rides = self._maker.rides(jobs, model)
        rows, cols = self.land.grid.shape
        state = PlanState(
            network=network,
            model=model,
            rides=rides,
            tiles={},
            reach=Reach(self.land.grid, network, jobs),
            touched=frozenset(),
        )
        if keys is None:
            keys = touched((0, 0, rows, cols), self.tile_px)
        every = frozenset(model.operators)
        return self._relaid(state, dict.fromkeys(keys, every), rides, on_done)

    def follow(
        self,
        state: PlanState,
        network: Network,
        on_done: OnDone | None = None,
        *,
        ahead: PlannedAhead | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> PlanState:
        """Return the levels of another network, made from those of one that differs in parts.

        Where carriers, operators or technologies come or go, all is made anew.

        Parameters
        ----------
        state : PlanState
        network : Network
        on_done : callable, optional
            As for `opened`.
        ahead : PlannedAhead or None
            Of this network: its sweeps are not made again, nor, where it was made from the same
            state, its tiles.
        stop : callable, optional
            Asked now and then, by any of the threads; where it says so, all but sweeps is given up.

        Raises
        ------
        InvalidInputError
            When there is no cell, or a mast stands outside the grid.
        StoppedError
            It was given up.
        """
        if ahead is not None:
            ahead.rides.hand_over()
            if ahead.before is state:
                tiles = ahead.state.tiles
                kept = {
                    key: self._shelf.put(tiles[key], soon_replaced=True)
                    for key in ahead.state.touched
                }
                return replace(ahead.state, tiles={**tiles, **kept})
        doing = self
        if stop is not None:
            doing = copy(self)
            doing._stop = stop
            doing._maker = self._maker.given_up(stop)
        step = doing._step(state, network)
        if step is None:
            return doing.opened(network, on_done, keys=state.tiles)
        begun, todo, gone, come = step
        return doing._relaid(begun, todo, (*gone, *come), on_done)

    def ahead(
        self, state: PlanState, network: Network, stop: Callable[[], bool]
    ) -> PlannedAhead | None:
        """Return the levels of a network that may be asked for soon, as `follow` makes them.

        Nothing that the engine keeps is changed by it, until it is given to `follow`.

        Parameters
        ----------
        state : PlanState
        network : Network
        stop : callable
            Asked now and then, by any of the threads; where it says so, all is given up. It may
            wait before it answers.

        Returns
        -------
        PlannedAhead or None
            None where it would take too much memory, or as long as all of the land.

        Raises
        ------
        InvalidInputError
            As `follow`.
        StoppedError
            It was given up.
        """
        step = self._step(state, network)
        if step is None:
            return None
        begun, todo, gone, come = step
        rides = RidesAhead(self._maker, come, stop)
        if rides.size_bytes > _MOST_AHEAD_BYTES:
            return None
        apart = copy(self)
        apart._maker, apart._shelf, apart._stop = rides, TileShelf(), stop
        made = apart._relaid(begun, todo, (*gone, *come), None)
        return PlannedAhead(before=state, state=made, rides=rides)

    def _step(
        self, state: PlanState, network: Network
    ) -> tuple[PlanState, dict[Key, frozenset[str]], list[Ride], list[Ride]] | None:
        """Return what is to be done from one network to another: None where all is made anew.

        The state with its tiles as they are, operators by tile that are made anew, and the rides
        that are no more and those that were not.
        """
        if not network.cells:
            raise InvalidInputError("the network has no cell, wanted one at least")
        network = self.propagation.calibrated(network)
        model = self._model_of(network)
        if not of_one_frame(model, state.model):
            return None
        jobs = sweep_order(sweep_jobs(network, self.land), self.land.grid)
        rides = self._maker.rides(jobs, model)
        gone, come = changed_rides(state.rides, rides, state.network, network)
        todo: dict[Key, frozenset[str]] = {}
        for ride in (*gone, *come):
            names = ride.operators
            for key in self._tiles_of(ride):
                if key in state.tiles:
                    todo[key] = todo.get(key, frozenset()) | names
        number_of = numbers_after(state.network, network)
        tiles = state.tiles
        if number_of is not None:
            tiles = self._shelf.changed(tiles, partial(renumbered, number_of=number_of))
        begun = PlanState(
            network=network,
            model=model,
            rides=rides,
            tiles=tiles,
            reach=Reach(self.land.grid, network, jobs),
            touched=frozenset(),
        )
        return begun, todo, gone, come

    def judged(
        self,
        state: PlanState,
        *,
        within: Callable[[Key], BoolArray] | None = None,
        stop: Callable[[], bool] | None = None,
        on_done: OnDone | None = None,
        most: int | None = None,
        yields: bool = False,
    ) -> PlanState:
        """Return a state whose chances are those of its network.

        Parameters
        ----------
        state : PlanState
        within : callable, optional
            Returns of a tile, by row and column, the pixels that are judged, shape of a whole
            tile; the others are left as they are. None: all.
        stop : callable, optional
            Asked before every tile; where it says so, the rest is left unjudged.
        on_done : callable, optional
            Called with ``"chances"``, tiles done and tiles in all.
        most : int, optional
            Tiles that are judged; the rest is left. What both states hold takes memory once.
        yields : bool
            Let what else wants the processor go first, where the system knows such a thing.
        """
        todo = sorted(state.unjudged)[:most]
        counter = Counter("chances", len(todo), on_done)

        def one(key: Key) -> tuple[Key, PlannedTile] | None:
            if stop is not None and stop():
                return None
            tile = state.tiles[key]
            rows, cols = tile.shape
            asked = None if within is None else within(key)[:rows, :cols]
            tile = self._shelf.put(self._judged_tile(state, tile, asked))
            counter.one_more()
            return key, tile

        made = dict(
            found
            for found in in_threads(one, todo, self.workers, yields=yields)
            if found is not None
        )
        self._shelf.let_rest()
        return replace(state, tiles={**state.tiles, **made})

    def windows_between(self, before: Network, after: Network) -> list[Window]:
        """Return the parts of the grid in which two networks may differ."""
        before, after = (self.propagation.calibrated(network) for network in (before, after))
        made = [
            self._maker.bare(sweep_jobs(network, self.land), network) for network in (before, after)
        ]
        gone, come = changed_rides(made[0], made[1], before, after)
        return [ride.window for ride in (*gone, *come)]

    def area_between(self, before: Network, after: Network) -> Window | None:
        """Return the part of the grid in which two networks may differ, None where anywhere may.

        Networks that differ nowhere have an empty one.
        """
        if not of_one_frame(self._model_of(before), self._model_of(after)):
            return None
        windows = self.windows_between(before, after)
        return around(windows) if windows else (0, 0, 0, 0)

    def known(
        self, state: PlanState, key: Key, asked: BoolArray | None = None
    ) -> dict[Technology, KnownLayers]:
        """Return what a calibration knows of the levels of a tile, by technology.

        Parameters
        ----------
        state : PlanState
        key : (row, column)
            Of the tile.
        asked : shape of the tile, bool, or None
            The pixels that are wanted; None: all.

        Returns
        -------
        dict
            Empty for a plan without a calibration.
        """
        return self._known.of(state.tiles[key], state.rides, state.model, asked)

    def let_rest(self) -> None:
        """Give up memory that was needed to read tiles which do not fit into it."""
        self._shelf.let_rest()

    def lists_at(self, state: PlanState, window: Window) -> Tile:
        """Return what every operator's sites bring to a part of the grid."""
        row0, col0, row1, col1 = window
        tile = Tile(row0=row0, col0=col0, rows=row1 - row0, cols=col1 - col0)
        for name, operator in state.model.operators.items():
            tile.operators[name] = OperatorTile.empty(operator.carriers, tile.rows, tile.cols)
        self._lay(tile, state, frozenset(state.model.operators))
        return tile

    def written(self) -> None:
        """Return once all sweeps made so far are in the cache beyond the process."""
        self._maker.written()

    def _model_of(self, network: Network) -> LayerModel:
        """Return the model of a network; an edit asks for those before and after it repeatedly."""
        kept = self._models.get(id(network))
        if kept is not None and kept.network is network:
            return kept
        made = LayerModel.build(
            self.land.grid.crs,
            network,
            self.handset,
            self.services,
            level_shadowing(self.propagation, self.handset, network),
        )
        with self._lock:
            self._models[id(network)] = made
            while len(self._models) > _MODELS_KEPT:
                self._models.pop(next(iter(self._models)))
        return made

    def _relaid(
        self,
        state: PlanState,
        todo: dict[Key, frozenset[str]],
        changed: Sequence[Ride],
        on_done: OnDone | None,
    ) -> PlanState:
        """Return the state with the levels of some operators in some tiles made anew."""
        counter = Counter("levels", len(todo), on_done)
        needed = [ride for ride in state.rides if self._reaches(ride, todo)]
        # What does not fit into memory at once goes strip by strip.
        batches = [sorted(todo)]
        if not self._maker.fits(needed):
            strips: dict[int, list[Key]] = {}
            along = 0 if self.land.grid.rows >= self.land.grid.cols else 1
            for key in sorted(todo):
                strips.setdefault(key[along], []).append(key)
            batches = [strips[k] for k in sorted(strips)]
        made: dict[Key, PlannedTile] = {}
        seen: set[int] = set()
        is_edit = len(todo) < len(state.tiles)  # somebody waits for it

        def one(key: Key) -> tuple[Key, PlannedTile]:
            if self._stop is not None and self._stop():
                raise StoppedError("what is planned was given up")
            tile = self._relaid_tile(state, key, todo[key], changed)
            tile = self._shelf.put(tile, soon_replaced=is_edit)
            counter.one_more()
            return key, tile

        for batch in batches:
            here = dict.fromkeys(batch, frozenset[str]())
            rides = [ride for ride in needed if self._reaches(ride, here)]
            seen |= {id(ride) for ride in rides}
            before = len(seen) - len(rides)
            self._maker.prepare(rides, state.model, sweeps_done(on_done, before, len(needed)))
            made |= dict(in_threads(one, batch, self.workers))
        self._shelf.let_rest()
        return replace(state, tiles={**state.tiles, **made}, touched=frozenset(made))

    def _relaid_tile(
        self, state: PlanState, key: Key, names: frozenset[str], changed: Sequence[Ride]
    ) -> PlannedTile:
        model, old = state.model, state.tiles.get(key)
        row0, col0 = key[0] * self.tile_px, key[1] * self.tile_px
        rows, cols = self.land.grid.shape
        window = row0, col0, min(row0 + self.tile_px, rows), min(col0 + self.tile_px, cols)
        own = {} if old is None else dict(old.own)
        unjudged = {} if old is None else dict(old.unjudged)
        lists = {} if old is None else dict(old.lists)
        parts: list[Window] = []
        for name in names:
            before, late = own.pop(name, None), unjudged.pop(name, None)
            lists.pop(name, None)
            if not any(name in r.operators and self._arrives(r, window) for r in state.rides):
                continue
            part, mask = window, np.ones((window[2] - row0, window[3] - col0), dtype=np.bool_)
            if before is not None:
                mask = self._changed_pixels(window, name, changed)
                mask = mask if late is None else mask | late
                part = part_of(mask, window)
                if part[0] == part[2]:  # nothing of it arrives here, nor did
                    own[name] = before
                    continue
            parts.append(part)
            tile = self._laid(state, name, part)
            made = TileLayers.empty(model, tile.rows, tile.cols)
            fold_levels(tile.operators[name], name, model, made)
            own[name] = (
                with_no_services(made, name, model)
                if before is None
                else with_levels_in(before, made, inside(part, window))
            )
            unjudged[name], lists[name] = mask, tile
        # what is judged comes later, and with it what a mast's radius reaches
        is_late = old is not None and bool(unjudged) and own.keys() == old.own.keys()
        best = (
            best_levels_of(own, old.best, inside(around(parts), window))
            if is_late and old is not None
            else self._best(own, state, window)
        )
        return PlannedTile(
            window=window, own=own, best=best, unjudged=unjudged, is_late=is_late, lists=lists
        )

    def _changed_pixels(self, window: Window, name: str, changed: Sequence[Ride]) -> BoolArray:
        """Return where a ride that came or went is heard."""
        mask = np.zeros((window[2] - window[0], window[3] - window[1]), dtype=np.bool_)
        for ride in changed:
            if name in ride.operators and meets(ride.window, window):
                part, reached = self._maker.reached(ride, window)
                mask[inside(part, window)] |= reached
        return mask

    def _judged_tile(
        self, state: PlanState, tile: PlannedTile, asked: BoolArray | None
    ) -> PlannedTile:
        todo = {
            name: mask if asked is None else mask & asked for name, mask in tile.unjudged.items()
        }
        todo = {name: mask for name, mask in todo.items() if mask.any()}
        left = {name: mask & ~asked for name, mask in tile.unjudged.items() if asked is not None}
        left = {name: mask for name, mask in left.items() if mask.any()}
        lists = {name: tile.lists[name] for name in left if name in tile.lists}
        if not (todo or tile.is_late):
            return replace(tile, unjudged=left, lists=lists)
        model, own = state.model, dict(tile.own)
        for name, mask in todo.items():
            listed = tile.lists.get(name)
            if listed is None:
                listed = self._laid(state, name, part_of(mask, tile.window))
            found = TileLayers.empty(model, 1, int(np.count_nonzero(mask)))
            there = mask[inside(listed.window, tile.window)]
            fold_services(listed.operators[name].at(there), name, model, found)
            own[name] = with_services_of(own[name], found, mask, name)
        best = self._best(own, state, tile.window)
        return PlannedTile(window=tile.window, own=own, best=best, unjudged=left, lists=lists)

    def _best(self, own: dict[str, TileLayers], state: PlanState, window: Window) -> TileLayers:
        """Return the best operator at each pixel of a tile."""
        row0, col0, row1, col1 = window
        shape = (row1 - row0, col1 - col0)

        def hidden() -> BoolArray:
            found = np.zeros(shape, dtype=np.bool_)
            for ride in state.rides:
                if meets(ride.window, window) and self._maker.hides(ride):
                    sweep = self._maker.sweep(ride)
                    add_hidden(found, sweep, ride.job.radius_m, self.land, window)
            return found

        return best_of(own, state.model, shape, state.reach.within(window), hidden)

    def _laid(self, state: PlanState, name: str, window: Window) -> Tile:
        """Return what one operator's sites bring to a part of the grid."""
        row0, col0, row1, col1 = window
        tile = Tile(row0=row0, col0=col0, rows=row1 - row0, cols=col1 - col0)
        self._lay(tile, state, frozenset((name,)))
        if name not in tile.operators:
            carriers = state.model.operators[name].carriers
            tile.operators[name] = OperatorTile.empty(carriers, tile.rows, tile.cols)
        return tile

    def _lay(self, tile: Tile, state: PlanState, names: frozenset[str]) -> None:
        """Add all that reaches a tile of some operators, in the order of the plan."""
        coming = [
            (ride, group)
            for ride in state.rides
            if self._arrives(ride, tile.window)
            for group in ride.groups
            if group[0] in names
        ]
        tile.lay_heard(
            [
                (group, ride.groups[group], partial(self._maker.heard, ride, group, state.model))
                for ride, group in coming
            ],
            state.model,
        )

    def _tiles_of(self, ride: Ride) -> list[Key]:
        """Return the tiles that a sweep may reach: not those at the corners of its window."""
        size = self.tile_px
        return [
            (row, col)
            for row, col in touched(ride.window, size)
            if self._arrives(ride, (row * size, col * size, (row + 1) * size, (col + 1) * size))
        ]

    def _arrives(self, ride: Ride, window: Window) -> bool:
        return ride.arrives(window, self.land.grid.cell_m)

    def _reaches(self, ride: Ride, keys: Collection[Key]) -> bool:
        return any(key in keys for key in self._tiles_of(ride))
