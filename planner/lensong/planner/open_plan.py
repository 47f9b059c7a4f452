"""A scenario opened for editing: land, network, variants and what is planned of them."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from lensong.coverage.antenna import AntennaPattern
from lensong.coverage.network import Network
from lensong.coverage.scenario.inputs import read_antennas, read_climate, read_inputs
from lensong.coverage.scenario.load import Scenario, load_scenario
from lensong.coverage.sweeps import PropagationSettings, SweepCache, Window
from lensong.coverage.variant.catalogue import Catalogue
from lensong.coverage.variant.coarse import coarse_land, coarse_step
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.coverage.variant.villages import VillageSide
from lensong.coverage.warm_up import compile_kernels
from lensong.gis_data.land import Land
from lensong.planner.errors import NotThereError, ReadOnlyError
from lensong.planner.events import Events
from lensong.planner.jobs import Job, Jobs
from lensong.planner.journal import Journal
from lensong.planner.layer_list import Layer, layer_list
from lensong.planner.standing import SETTLED, Settler, Standing
from lensong.planner.variants import Variant, Variants
from lensong.propagation.errors import LensongError

__all__ = ["OpenPlan", "Ready"]

_LOG = logging.getLogger("lensong.planner")

COARSE_TILE_PX = 32
_COARSE_KEPT = 5  # states of networks on the coarse grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What there is once the land is read."""

    scenario: Scenario
    land: Land
    network: Network
    propagation: PropagationSettings
    catalogue: Catalogue
    engine: PlanEngine
    side: VillageSide
    settler: Settler
    variants: Variants


class OpenPlan:
    """A plan, opening in a thread of its own.

    Parameters
    ----------
    path : Path
        Of the scenario.
    cache : SweepCache or None
    workers : int
    """

    def __init__(self, path: Path, *, cache: SweepCache | None, workers: int) -> None:
        self.path, self.plan_id = path, path.stem
        if self.plan_id == "scenario":
            self.plan_id = path.resolve().parent.name or "scenario"
        self.events = Events()
        self.jobs = Jobs(self._job_told)
        self.started = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self.state, self.why, self.title = "opening", "", self.plan_id
        self.progress: dict[str, Any] = {"stage": "start", "done": 0, "total": 1}
        self.cache, self._workers = cache, workers
        self._ready: Ready | None = None
        self._coarse: Coarse | None = None
        self._coarse_lock = Lock()
        self._closed = False
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

    @property
    def ready(self) -> Ready:
        """Return what was opened.

        Raises
        ------
        ReadOnlyError
            It is still opening, or failed.
        """
        if self._ready is None or self.state != "ready":
            told = self.why or f"it is still opening ({self.progress['stage']}): ask again"
            raise ReadOnlyError(f"the plan {self.plan_id!r} is not ready: {told}")
        return self._ready

    def layers(self, state: PlanState) -> dict[str, Layer]:
        """Return the layers of a network by id."""
        found = layer_list(state.model, self.ready.scenario.settings)
        return {layer.layer_id: layer for layer in found}

    def layer(self, state: PlanState, layer_id: str) -> Layer:
        """Return one layer.

        Raises
        ------
        NotThereError
        """
        layers = self.layers(state)
        if layer_id not in layers:
            raise NotThereError(f"no layer {layer_id!r}, wanted one of {', '.join(layers)}")
        return layers[layer_id]

    def standing(
        self, variant: Variant, settled: str = "levels", seconds: float = 30.0
    ) -> Standing:
        """Return where a variant stands, asking for it where it is not planned so far.

        Raises
        ------
        ReadOnlyError
            It takes longer than that.
        """
        settler, network = self.ready.settler, variant.network
        found = settler.standing(network)
        if found is None or SETTLED.index(found.settled) < SETTLED.index(settled):
            if found is None:
                settler.want(network, self._like(variant))
            found = settler.waited(network, settled, seconds)
        if found is None:
            raise ReadOnlyError(f"variant {variant.variant_id!r} is being planned: ask again")
        return found

    def settled(self, variant: Variant) -> str:
        """Return how far a variant is planned."""
        found = self.ready.settler.standing(variant.network)
        return "none" if found is None else found.settled

    def settle(self, variant: Variant, before: Network) -> None:
        """Ask for a variant to be planned after a change."""
        self.ready.settler.want(variant.network, before)

    @property
    def coarse_step(self) -> int:
        """Return how many cells of the grid make one that follows a hand, along a side."""
        return coarse_step(self.ready.land.grid.cell_m)

    @property
    def coarse(self) -> Coarse:
        """Return the plan on a coarse grid."""
        with self._coarse_lock:
            if self._coarse is None:
                self._coarse = Coarse(self.ready, self.cache, self._workers)
            return self._coarse

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
            self._fail(str(error))
        except Exception as error:
            self._fail(f"{type(error).__name__}: {error}")
            raise

    def _fail(self, why: str) -> None:
        _LOG.error("the plan %s cannot be opened: %s", self.path, why)
        self.state, self.why = "failed", why
        self.events.tell("state", {"state": self.state, "why": why})

    def _opened(self) -> None:
        scenario = load_scenario(self.path)
        self.title = scenario.title
        land, network, _ = read_inputs(
            scenario, lambda stage, done, total: self._tell(stage, done, total)
        )
        propagation, land = read_climate(scenario, land)
        self._tell("compiled code", 0, 1)
        compile_kernels(propagation)
        engine = PlanEngine(
            land,
            services=scenario.services,
            handset=scenario.handset,
            propagation=propagation,
            cache=self.cache,
            workers=self._workers,
        )
        side = VillageSide(engine, classes=scenario.classes, streams=scenario.streams)
        antennas: dict[str, AntennaPattern] = read_antennas(scenario.network.antennas)
        catalogue = Catalogue(network, scenario.network.assume, antennas)
        settler = Settler(engine, side, told=self._told, failed=self._failed, still=self._looked_at)
        self._ready = Ready(
            scenario=scenario,
            land=land,
            network=network,
            propagation=propagation,
            catalogue=catalogue,
            engine=engine,
            side=side,
            settler=settler,
            variants=Variants(land, network, catalogue, Journal.beside(self.path)),
        )
        settler.start(network, self._tell)
        self.state = "ready"
        self.events.tell("state", {"state": "ready", "why": ""})
        # beside the first villages and chances: whoever looks at the page drags soon
        self._prepare_coarse()

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
                self.events.tell(
                    "settled",
                    {
                        "variant_id": variant.variant_id,
                        "revision": variant.revision,
                        "settled": now.settled,
                        "touched": _part(now.area),
                        "seconds": round(now.seconds, 3),
                    },
                )

    def _looked_at(self, network: Network) -> bool:
        return self._ready is None or any(
            variant.network is network for variant in self._ready.variants.all()
        )

    def _job_told(self, job: Job) -> None:
        told = {name: value for name, value in job.as_json().items() if name != "result"}
        self.events.tell("job", told)

    def _failed(self, network: Network, error: Exception) -> None:
        if self._ready is None:
            return
        for variant in self._ready.variants.all():
            if variant.network is network:
                self.events.tell("failed", {"variant_id": variant.variant_id, "why": str(error)})


def _part(area: Window | None) -> dict[str, int] | None:
    if area is None:
        return None
    row0, col0, row1, col1 = area
    return {"row0": row0, "col0": col0, "rows": row1 - row0, "cols": col1 - col0}


class Coarse:
    """The plan on a coarse grid, for networks that follow a hand.

    One computes at a time; of those that wait, the last one.
    """

    def __init__(self, ready: Ready, cache: SweepCache | None, workers: int) -> None:
        self.step = coarse_step(ready.land.grid.cell_m)
        self.engine = PlanEngine(
            coarse_land(ready.land, self.step),
            services=ready.engine.services,
            handset=ready.engine.handset,
            propagation=ready.engine.propagation,
            cache=cache,
            workers=workers,
            tile_px=COARSE_TILE_PX,
        )
        self._states: OrderedDict[int, tuple[Network, PlanState]] = OrderedDict()
        self._turn, self._lock = 0, Lock()
        self.is_prepared = False

    def prepare(self, network: Network) -> None:
        """Plan a network, so that the first frame finds all masts but the dragged ones."""
        with self._lock:
            self._of(network, judge=False)
        with self._lock:  # a frame of levels may come first
            self._of(network, judge=True)
        self.is_prepared = True

    def follow(
        self, network: Network, dragged: Callable[[], Network], *, judge: bool
    ) -> PlanState | None:
        """Return the state of a dragged network, made from that of one; None: another came."""
        self._turn += 1
        mine = self._turn
        with self._lock:
            if mine != self._turn:
                return None
            state = self._of(network, judge=judge)
            frame = self.engine.follow(state, dragged())
            return self.engine.judged(frame) if judge else frame

    def _of(self, network: Network, *, judge: bool) -> PlanState:
        """Return the state of a network, made from the one used last."""
        _, state = self._states.pop(id(network), (network, None))
        if state is None:
            state = (
                self.engine.follow(next(reversed(self._states.values()))[1], network)
                if self._states
                else self.engine.opened(network)
            )
        if judge:
            state = self.engine.judged(state)
        self._states[id(network)] = (network, state)
        while len(self._states) > _COARSE_KEPT:
            self._states.popitem(last=False)
        return state
