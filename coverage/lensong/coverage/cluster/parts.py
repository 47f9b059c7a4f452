"""What one block of layers brings to a plan, and the plan put together of its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.cluster.blocks import overlap
from lensong.coverage.layers import Layers, job_window, make_layers
from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.reach import add_hidden
from lensong.coverage.streams.heard import OperatorHeard
from lensong.coverage.sweeps import PackedSweep, SweepCache, Window, sweep_together
from lensong.propagation.types import BoolArray

__all__ = ["Part", "Places", "make_part", "paste"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Layers of a part of the grid.

    Parameters
    ----------
    layers : Layers
        Footprints are those within the part.
    hidden : shape of the part
        Where a void hides a pixel from a mast that would reach it.
    """

    layers: Layers
    hidden: BoolArray


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


def make_part(setup: PlanSetup, window: Window, cache: SweepCache) -> tuple[Part, Places]:
    """Return a part of the grid and what its places hear, from the sweeps that reach it.

    Parameters
    ----------
    setup : PlanSetup
    window : Window
        Whole tiles.
    cache : SweepCache
        Where the sweeps are; what is missing is made again.
    """
    grid, land = setup.land.grid, setup.land
    reaching = [job for job in setup.jobs if overlap(job_window(job, grid), window)]
    hidden = np.zeros((window[2] - window[0], window[3] - window[1]), dtype=np.bool_)
    heard, links = setup.heard(), setup.links()

    def rides() -> Iterator[tuple[tuple[int, ...], PackedSweep]]:
        for job in reaching:
            # one by one: they are there, and those that are not are few
            ((sweep, _),) = sweep_together(
                [job],
                land,
                setup.propagation,
                rx_height_agl_m=setup.handset.height_agl_m,
                cache=cache,
            )
            add_hidden(hidden, sweep, job.radius_m, land, window)
            yield job.cells, sweep

    layers = make_layers(
        grid,
        setup.model,
        rides=rides(),
        planned=[job_window(job, grid) for job in reaching],
        people=setup.people,
        heard=heard,
        links=links,
        window=window,
    )
    return Part(layers=layers, hidden=hidden), Places(
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
    for field in fields(layer):
        value, target = getattr(layer, field.name), getattr(into, field.name)
        if isinstance(value, np.ndarray):
            if value.size:
                target[place] = value
        elif isinstance(value, dict):
            for name, below in value.items():
                if isinstance(below, np.ndarray):
                    target[name][place] = below
                else:
                    _copy(target[name], below, place)
