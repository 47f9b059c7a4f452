"""A scenario opened for editing: land, network, variants and what is planned of them."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.indoor import level_sigma_db
from lensong.coverage.network import Network, Technology
from lensong.coverage.result import KnownLayers
from lensong.coverage.results.read import StoredResult, read_result
from lensong.coverage.scenario.inputs import read_antennas, read_climate, read_inputs
from lensong.coverage.scenario.load import Scenario, load_scenario
from lensong.coverage.scenario.of_result import (
    InputsApartError,
    check_same_inputs,
    scenario_of_result,
)
from lensong.coverage.scenario.proposals import with_proposals
from lensong.coverage.sweeps import PathCorrection, SweepCache, Window
from lensong.coverage.variant.catalogue import Catalogue
from lensong.coverage.variant.engine import PlanState
from lensong.coverage.variant.villages import VillageSide
from lensong.coverage.warm_up import compile_kernels
from lensong.planner.antenna_files import AntennaFiles
from lensong.planner.coarse import Coarse
from lensong.planner.engine_of import engine_of
from lensong.planner.errors import FAULT, NotThereError, NotYetError, ReadOnlyError
from lensong.planner.events import Events
from lensong.planner.first_picture import COARSE, coarse_shown
from lensong.planner.jobs import Job, Jobs
from lensong.planner.journal import Journal
from lensong.planner.layer_list import Layer, layer_list
from lensong.planner.measured import MeasuredSets
from lensong.planner.placed_tiles import placed_tiles
from lensong.planner.ready import Ready
from lensong.planner.shown import Opened, Shown
from lensong.planner.standing import SETTLED, Settler, Standing
from lensong.planner.stored_plan import StoredPlan, is_result
from lensong.planner.told import without_folders
from lensong.planner.variants import BASE, Variant, Variants
from lensong.propagation.errors import LensongError
from lensong.propagation.types import Grid

__all__ = ["OpenPlan", "layer_of"]

_FOLDER = ".lensong-planner"  # beside the scenario

_LOG = logging.getLogger("lensong.planner")


class OpenPlan:
    """A plan, opening in a thread of its own.

    Parameters
    ----------
    path : Path
        Of the scenario, or the folder of a result: where that lies beside its inputs it is like
        its scenario, else it is shown and cannot be edited.
    cache : SweepCache or None
    workers : int
    proposals : Path or None
        ``siting.json`` of a siting study, in place of the one that the scenario names.
    measurements : sequence of Path
        Drive tests, besides those that the scenario names.
    tells_folders : bool
        Whether whoever looks may know the folders of this machine; else only the log names them.
    """

    def __init__(
        self,
        path: Path,
        *,
        cache: SweepCache | None,
        workers: int,
        proposals: Path | None = None,
        measurements: Sequence[Path] = (),
        tells_folders: bool = True,
    ) -> None:
        self._proposals, self._tells_folders = proposals, tells_folders
        self._named_measurements = tuple(measurements)
        self.path, self.plan_id = path, path.resolve().stem
        if self.plan_id == "scenario":
            self.plan_id = path.resolve().parent.name or "scenario"
        self.events = Events()
        self.jobs = Jobs(self._job_told, self.told_of)
        self.started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.state, self.why, self.title = "opening", "", self.plan_id
        self.progress: dict[str, Any] = {"stage": "start", "done": 0, "total": 1}
        self.cache, self._workers = cache, workers
        self._ready: Ready | None = None
        self._measured: MeasuredSets | None = None
        self.stored: StoredPlan | None = None
        self._coarse: Coarse | None = None
        self._told_last: dict[tuple[str, str], Network] = {}
        self._coarse_lock = Lock()
        self._closed = self._has_picture = False
        self._thread = Thread(target=self._open, name="open-plan", daemon=True)

    def start(self) -> None:
        """Begin to open."""
        self._thread.start()

    def close(self) -> None:
        """Stop what computes."""
        self._closed = True
        self.events.close()
        self.jobs.close()
        if self._ready is not None:
            self._ready.settler.close()
            try:
                self._ready.engine.written()
            except LensongError as error:  # they are computed again
                _LOG.warning("sweeps of %s are not kept: %s", self.path, error)

    @property
    def ready(self) -> Ready:
        """Return what was opened.

        Raises
        ------
        ReadOnlyError
            It is still opening, or failed.
        """
        if self.state == "read_only":
            raise ReadOnlyError(self.why)
        if self._ready is None or self.state != "ready":
            told = self.why or f"it is still opening ({self.progress['stage']}): ask again"
            raise ReadOnlyError(f"the plan {self.plan_id!r} is not ready: {told}")
        return self._ready

    @property
    def opened(self) -> Opened:
        """Return what was opened, whether it can be edited or not.

        Raises
        ------
        ReadOnlyError
            It is still opening and there is no picture yet, or failed.
        """
        return self._seen if self.stored is None else self.stored

    @property
    def _seen(self) -> Ready:
        ready = self._ready
        return ready if ready is not None and self.has_picture else self.ready

    @property
    def calibration(self) -> PathCorrection | None:
        """Return by what levels are corrected, None where they are not or nobody knows here."""
        return None if self.stored is not None else self._seen.propagation.calibration

    @property
    def has_picture(self) -> bool:
        """Return whether there is something to be seen, coarse as it may be."""
        return self.state in ("ready", "read_only") or (
            self.state == "opening" and self._has_picture
        )

    @property
    def measured(self) -> MeasuredSets:
        """Return the drive tests of the plan.

        Raises
        ------
        ReadOnlyError
            It is still opening, or failed.
        """
        if self._measured is None or not self.has_picture:
            _ = self.opened  # says why
        assert self._measured is not None
        return self._measured

    def layers(self, state: PlanState) -> dict[str, Layer]:
        """Return the layers of a network by id."""
        ready = self._ready
        assert ready is not None  # a state was planned
        paths, handset, sigma_db = ready.propagation, ready.engine.handset, None
        if paths.calibration is not None:
            sigma_db = level_sigma_db(paths, handset, state.network)
        found = layer_list(state.model, ready.scenario.settings, sigma_db=sigma_db)
        return {layer.layer_id: layer for layer in found}

    def shown(self, variant: Variant, settled: str = "levels", seconds: float = 30.0) -> Shown:
        """Return what there is of a variant, asking for it where it is not planned so far.

        Raises
        ------
        NotYetError
            It takes longer than that.
        """
        if self.stored is not None:
            return self.stored.shown
        ready = self._ready
        if self.state == "opening" and self._has_picture and ready is not None:
            network = variant.network
            if ready.settler.standing(network) is None:
                coarse = self._coarse_of(ready)
                layers = self.layers(coarse.planned(network))
                return coarse_shown(coarse, network, layers, ready.grid, ready.engine.tile_px)
        now = self.standing(variant, settled, seconds)
        model = now.state.model
        return Shown(
            network=now.network,
            settled=now.settled,
            technologies=tuple(model.technologies),
            operators=tuple(model.operators),
            layers=self.layers(now.state),
            tiles=placed_tiles(self._seen.engine, now.state),
            tile_px=self._seen.engine.tile_px,
            known=partial(self._known_at, now.state),
            villages=None if now.villages is None else now.villages.table,
            streams_late=now.villages is not None and bool(now.villages.stale),
        )

    def _known_at(self, state: PlanState, row: int, col: int) -> dict[Technology, KnownLayers]:
        """Return what a calibration knows of the levels at one cell of the grid."""
        engine = self._seen.engine
        key = row // engine.tile_px, col // engine.tile_px
        asked = np.zeros(state.tiles[key].shape, dtype=np.bool_)
        at = np.s_[row - key[0] * engine.tile_px, col - key[1] * engine.tile_px]
        asked[at] = True
        return {
            technology: KnownLayers(
                field_db=of.field_db[at], half_db=of.half_db[at], basis=of.basis[at]
            )
            for technology, of in engine.known(state, key, asked).items()
        }

    def standing(
        self, variant: Variant, settled: str = "levels", seconds: float = 30.0
    ) -> Standing:
        """Return where a variant stands, asking for it where it is not planned so far.

        Raises
        ------
        NotYetError
            It takes longer than that.
        """
        settler, network = self._seen.settler, variant.network
        found = settler.standing(network)
        if found is None or SETTLED.index(found.settled) < SETTLED.index(settled):
            if found is None:
                settler.want(network, self._like(variant))
            found = settler.waited(network, settled, seconds)
        if found is None:
            raise NotYetError(f"variant {variant.variant_id!r} is being planned: ask again")
        return found

    def settled(self, variant: Variant) -> str:
        """Return how far a variant is planned."""
        if self.stored is not None:
            return self.stored.shown.settled
        ready = self._ready
        found = None if ready is None else ready.settler.standing(variant.network)
        if found is not None:
            return found.settled
        return COARSE if self.state == "opening" and self._has_picture else "none"

    def settle(self, variant: Variant, before: Network) -> None:
        """Ask for a variant to be planned after a change."""
        self.ready.settler.want(variant.network, before)

    def goes_first(self) -> AbstractContextManager[None]:
        """Let what somebody looks at be made before what is planned for later."""
        ready = self._ready
        return nullcontext() if ready is None else ready.settler.turns.first()

    @property
    def coarse(self) -> Coarse:
        """Return the plan on a coarse grid.

        Raises
        ------
        ReadOnlyError
            It is still opening, or failed.
        """
        return self._coarse_of(self.ready)

    def _coarse_of(self, ready: Ready) -> Coarse:
        with self._coarse_lock:
            if self._coarse is None:
                self._coarse = Coarse(ready.engine, self.cache, self._workers)
            return self._coarse

    def drop(self, hand: Hashable) -> None:
        """Give up what is made for a hand that has let go."""
        if self._coarse is not None:
            self._coarse.drop(hand)

    @property
    def is_coarse_ready(self) -> bool:
        """Return whether the first frame of a drag finds all masts swept."""
        return self._coarse is not None and self._coarse.is_prepared

    def _prepare_coarse(self) -> None:
        """Sweep all masts coarsely before a hand asks for it; what it cannot, a drag tells."""
        try:
            if not self._closed:
                self.coarse.prepare(self.ready.network)
        except Exception:  # the plan stands; a drag meets the same and says so
            _LOG.exception("the plan %s cannot be followed while dragging", self.path)

    def _like(self, variant: Variant) -> Network | None:
        """Return a network of the variant that is planned already, the latest."""
        ready = self.ready
        for step in reversed(variant.steps):
            if ready.settler.standing(step.network) is not None:
                return step.network
        return variant.first

    def _open(self) -> None:
        try:
            self._opened()
        except LensongError as error:
            self._fail(str(error), self.told_of(error))
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}", self.told_of(error))
            raise

    def told_of(self, error: Exception) -> str:
        """Return what whoever looks is told of an error."""
        if not isinstance(error, LensongError):
            return FAULT
        if self._tells_folders:
            return str(error)
        if isinstance(error, InputsApartError):
            return error.brief
        return without_folders(str(error), self.path)

    def _fail(self, whole: str, why: str) -> None:
        _LOG.error("the plan %s cannot be opened: %s", self.path, whole)
        self.state, self.why = "failed", why
        self.events.tell("state", {"state": self.state, "why": why})

    def _opened(self) -> None:
        result = read_result(self.path) if is_result(self.path) else None
        try:
            scenario = load_scenario(self.path) if result is None else scenario_of_result(result)
            if self._proposals is not None:
                scenario = with_proposals(scenario, self._proposals)
            self.title = scenario.title
            # beside the reading of the land, so that the first picture does not wait for it
            Thread(target=compile_kernels, args=(scenario.propagation,), daemon=True).start()
            land, network, _ = read_inputs(
                scenario, lambda stage, done, total: self._tell(stage, done, total)
            )
            propagation, land = read_climate(scenario, land)
            if result is not None:
                check_same_inputs(result, land.sources)
        except LensongError as error:
            if result is None:
                raise
            _LOG.warning("the result %s cannot be edited: %s", self.path, error)
            self._show(result, f"this result cannot be edited here: {self.told_of(error)}")
            return
        self._tell("compiled code", 0, 1)
        compile_kernels(propagation)
        engine = engine_of(
            scenario,
            land,
            propagation,
            cache=self.cache,
            workers=self._workers,
            folder=self.path.resolve().parent / _FOLDER,
        )
        side = VillageSide(engine, classes=scenario.classes, streams=scenario.streams)
        antennas: dict[str, AntennaPattern] = read_antennas(scenario.network.antennas)
        antenna_files = AntennaFiles(self._beside("antennas"))
        catalogue = Catalogue(network, scenario.network.assume, antennas | antenna_files.read())
        self._measured = self._measurements(land.grid, network, _named(scenario))
        settler = Settler(
            engine,
            side,
            told=self._told,
            failed=self._failed,
            still=self._looked_at,
            on_done=self._tell,
            watched=lambda: self.events.listeners > 0,
        )
        self._ready = Ready(
            scenario=scenario,
            land=land,
            network=network,
            propagation=propagation,
            catalogue=catalogue,
            antenna_files=antenna_files,
            engine=engine,
            side=side,
            settler=settler,
            variants=Variants(land, network, catalogue, Journal.beside(self.path)),
        )
        self._picture(self._ready)
        settler.start(network)
        self.state = "ready"
        self.events.tell("state", {"state": "ready", "why": ""})
        # beside the first villages and chances: whoever looks at the page drags soon
        self._prepare_coarse()

    def _picture(self, ready: Ready) -> None:
        """Make what is seen while levels are planned; a province takes minutes for them."""
        coarse = self._coarse_of(ready)
        if coarse.step == 1:  # it would be no sooner than what is exact
            return
        coarse.planned(
            ready.network, on_done=lambda _, done, total: self._tell("first picture", done, total)
        )
        self._has_picture = True
        self.events.tell("state", {"state": self.state, "why": "", "has_picture": True})

    def _beside(self, what: str) -> Path:
        path = self.path.resolve()
        return path.parent / _FOLDER / f"{path.stem}-{what}"

    def _measurements(self, grid: Grid, network: Network, named: Sequence[Path]) -> MeasuredSets:
        technologies = sorted({cell.carrier.technology for cell in network.cells})
        every = [*named, *self._named_measurements]
        return MeasuredSets(self._beside("measured"), grid, technologies, every)

    def _show(self, result: StoredResult, why: str) -> None:
        """Show a result that cannot be edited; ``why`` is told with it."""
        self.title = result.title
        self._tell("result", 0, 1)
        stored = StoredPlan(result, why)
        _ = stored.shown  # what is wrong with its files is said now
        self._measured = self._measurements(stored.grid, stored.network, ())
        self.stored, self.why, self.state = stored, why, "read_only"
        self.events.tell("state", {"state": self.state, "why": why})

    def _tell(self, stage: str, done: float, total: float) -> None:
        before = self.progress
        share = done / total if total else 1.0
        self.progress = {"stage": stage, "done": done, "total": total}
        last = before["done"] / before["total"] if before["total"] else 1.0
        if stage != before["stage"] or share >= 1.0 or share - last >= 0.02:
            self.events.tell("progress", self.progress)
        else:
            self.progress = before  # told at the next step that shows

    def _told(self, now: Standing) -> None:
        if self._ready is None:
            return
        for variant in self._ready.variants.all():
            if variant.network is now.network:
                area = self._area(variant, now.settled)
                self.events.tell(
                    "settled",
                    {
                        "variant_id": variant.variant_id,
                        "revision": variant.revision,
                        "settled": now.settled,
                        "touched": _part(area),
                        "seconds": round(now.seconds, 3),
                    },
                )

    def _area(self, variant: Variant, settled: str) -> Window | None:
        """Return where a variant may differ from what was told of it last; None: anywhere.

        Whoever asks for levels before an edit has those of the variant's first network; chances may
        still have been on their way.
        """
        key = (variant.variant_id, settled)
        # what was seen of the plan as read before its levels were planned was coarse
        as_read = variant.first if settled == "levels" and variant.variant_id != BASE else None
        before = self._told_last.get(key, as_read)
        self._told_last[key] = variant.network
        if before is None:
            return None
        assert self._ready is not None  # whoever tells is ready
        return self._ready.engine.area_between(before, variant.network)

    def _looked_at(self, network: Network) -> bool:
        return self._ready is None or any(
            variant.network is network for variant in self._ready.variants.all()
        )

    def _job_told(self, job: Job) -> None:
        told = {name: value for name, value in job.as_json().items() if name != "result"}
        self.events.tell("job", told)

    def _failed(self, network: Network, error: Exception) -> None:
        _LOG.error("a variant of %s cannot be planned", self.path, exc_info=error)
        for variant in [] if self._ready is None else self._ready.variants.all():
            if variant.network is network:
                told = {"variant_id": variant.variant_id, "why": self.told_of(error)}
                self.events.tell("failed", told)


def layer_of(layers: Mapping[str, Layer], layer_id: str) -> Layer:
    """Return one of some layers.

    Raises
    ------
    NotThereError
    """
    if layer_id not in layers:
        raise NotThereError(f"no layer {layer_id!r}, wanted one of {', '.join(layers)}")
    return layers[layer_id]


def _named(scenario: Scenario) -> list[Path]:
    """Return the drive tests that a scenario names."""
    folder = scenario.land.folder or Path()
    return [folder / name for name in scenario.settings["map"]["measurements"]]


def _part(area: Window | None) -> dict[str, int] | None:
    if area is None:
        return None
    row0, col0, row1, col1 = area
    return {"row0": row0, "col0": col0, "rows": row1 - row0, "cols": col1 - col0}
