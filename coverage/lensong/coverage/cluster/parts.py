"""What one block of layers brings to a plan, and the plan put together of its blocks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.cluster.blocks import overlap
from lensong.coverage.kept_tiles import KeptTiles, Seen
from lensong.coverage.layers import Layers, job_window, make_layers
from lensong.coverage.plan_setup import LaidOut, PlanSetup
from lensong.coverage.reach import Edge, RadiusCut
from lensong.coverage.streams.heard import OperatorHeard
from lensong.coverage.sweeps import (
    PackedSweep,
    SweepCache,
    Window,
    antenna_place,
    sweep_together,
)
from lensong.propagation.types import BoolArray

__all__ = ["Places", "Swept", "make_part", "paste"]


@dataclass(slots=True, kw_only=True)
class Swept:
    """What a plan counts in some sweeps.

    Parameters
    ----------
    edges : dict
        Of `RadiusCut`, by carrier.
    reused, hidden_pixels, with_hidden : int
        As those of `lensong.coverage.plan_setup.LaidOut`.
    hidden : dict
        Number of a job to where a void hides a pixel, in the window of the job.
    """

    edges: dict[str, Edge] = field(default_factory=dict)
    reused: int = 0
    hidden_pixels: int = 0
    with_hidden: int = 0
    hidden: dict[int, BoolArray] = field(default_factory=dict)

    def count(self, number: int, seen: Seen, cut: RadiusCut, *, reused: bool) -> None:
        """Add a sweep; ``cut`` has seen those before it alone."""
        cut.add(seen.edges)
        self.edges = cut.edges
        self.reused += reused
        self.hidden_pixels += seen.hidden_pixels
        self.with_hidden += seen.hidden_pixels > 0
        if seen.hidden is not None:
            self.hidden[number] = seen.hidden

    def add_to(self, laid: LaidOut, setup: PlanSetup) -> None:
        """Add these sweeps to what is known of all."""
        laid.cut.add(self.edges)
        laid.reused += self.reused
        laid.hidden_pixels += self.hidden_pixels
        laid.with_hidden += self.with_hidden
        for number, hidden in self.hidden.items():
            row0, col0, row1, col1 = job_window(setup.jobs[number], setup.land.grid)
            laid.hidden[row0:row1, col0:col1] |= hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the places in a part of the grid hear.

    Parameters
    ----------
    heard : dict
        Operator to what is heard at the places of the window.
    links : dict or None
        Fields of `lensong.coverage.causes.links.PlaceLinks` at its places.
    """

    heard: dict[str, OperatorHeard]
    links: dict[str, NDArray[Any]] | None


def make_part(
    setup: PlanSetup,
    window: Window,
    cache: SweepCache,
    keys: Sequence[str],
    kept: KeptTiles | None = None,
) -> tuple[Layers, Places]:
    """Return layers of a part of the grid and what its places hear, from the sweeps that reach it.

    Parameters
    ----------
    setup : PlanSetup
    window : Window
        Whole tiles.
    cache : SweepCache
        Where the sweeps are; what is missing is made again.
    keys : sequence of str
        Under which the sweep of each job is there.
    kept : KeptTiles or None
        Tiles of earlier runs; those that are laid here are added.
    """
    grid = setup.land.grid
    heard, links = setup.heard(), setup.links()
    layers, only = Layers.empty(grid, setup.model, window), None
    numbers: Collection[int] = range(len(setup.jobs))
    if kept is not None:
        only = kept.restore(layers, heard, links, window)
        numbers = sorted(kept.jobs_for(only))
    reaching = [n for n in numbers if overlap(job_window(setup.jobs[n], grid), window)]

    def rides() -> Iterator[tuple[tuple[int, ...], PackedSweep]]:
        # carriers of one antenna stand together, and are kept as what they differ by
        for _, group in groupby(reaching, lambda number: antenna_place(setup.jobs[number])):
            carriers = list(group)
            jobs = [setup.jobs[number] for number in carriers]
            found = sweep_together(
                jobs,
                setup.land,
                setup.propagation,
                rx_height_agl_m=setup.handset.height_agl_m,
                cache=cache,
                keys=[keys[number] for number in carriers],
            )
            for job, (sweep, _) in zip(jobs, found, strict=True):
                yield job.cells, sweep

    make_layers(
        grid,
        setup.model,
        rides=rides(),
        planned=[job_window(setup.jobs[number], grid) for number in reaching],
        people=setup.people,
        heard=heard,
        links=links,
        window=window,
        into=layers,
        only=only,
        others=None if kept is None else kept.others,
        on_laid=None if kept is None else kept.keep,
    )
    return layers, Places(
        heard=heard.at(heard.places_in(window)),
        links=None if links is None else links.known_at(links.within(window)),
    )


def paste(whole: Layers, part: Layers) -> None:
    """Put the layers of a part of the grid into those of all of it."""
    rows, cols = next(iter(part.technologies.values())).rsrp_dbm.shape
    row, col = part.row0 - whole.row0, part.col0 - whole.col0
    place = np.s_[row : row + rows, col : col + cols]
    for of in ("technologies", "services", "operators"):
        for name, layer in getattr(part, of).items():
            _copy(getattr(whole, of)[name], layer, place)
    whole.footprint_px[:] += part.footprint_px
    whole.footprint_people[:] += part.footprint_people


def _copy(into: Any, layer: Any, place: Any) -> None:
    """Copy every array of a layer, of those below it too; empty ones stay empty."""
    for part in fields(layer):
        value, target = getattr(layer, part.name), getattr(into, part.name)
        if isinstance(value, np.ndarray):
            if value.size:
                target[place] = value
        elif isinstance(value, dict):
            for name, below in value.items():
                if isinstance(below, np.ndarray):
                    target[name][place] = below
                else:
                    _copy(target[name], below, place)
