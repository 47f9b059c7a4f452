"""How many streams of a village hold at once, and with what chance: a Monte Carlo over shadowing.

In each draw (`lensong.coverage.streams.draws`) a phone may use the strongest cell of each carrier
and takes of it what `lensong.coverage.streams.links` says. The first ``n`` sellers hold at once if
they fit into the cells (`lensong.coverage.streams.fitting`); the chance that ``n`` hold is the
share of draws in which they do. Sellers on other cells of a carrier raise a cell's noise, each by
the power that its stream needs: ``n`` hold where they fit under the noise of these ``n``, as they
would be put without it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.service import Service
from lensong.coverage.streams.draws import DRAWS, Reception
from lensong.coverage.streams.fitting import most_that_fit
from lensong.coverage.streams.links import Columns, Link, may_carry, noise_raised, part_taken
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["chances_at_once", "streams_that_hold"]


def streams_that_hold(
    received: Sequence[Reception],
    service: Service,
    model: LayerModel,
    *,
    usable_share: float,
) -> IntArray:
    """Return of each draw how many of the phones, in their order, stream at once.

    Parameters
    ----------
    received : sequence of Reception
        Of the operators whose SIM cards the sellers have.
    service : Service
    model : LayerModel
    usable_share : float
        Share of a cell's uplink blocks that streams may use, 0..1.
    """
    usable = [r for r in received if may_carry(r, service, model)]
    if not usable:
        return np.zeros(received[0].code.shape[0] if received else DRAWS, np.int64)
    columns = Columns.of(usable, model, usable_share)
    links = [Link.of(r, service, model, columns) for r in usable]
    draws, phones = usable[0].code.shape
    cost = part_taken(links, model, columns, np.ones((draws, columns.blocks.size)))
    held = most_that_fit(cost, np.full((draws, phones), -1, np.int64))
    open_draws = np.flatnonzero(held)
    while open_draws.size:
        # fewer sellers raise the noise less: the first number that fits under its own noise
        asked = held[open_draws]
        most = int(asked.max())
        mine = [link.part(open_draws, most) for link in links]
        undisturbed = cost[open_draws, :most]
        cell_of = np.full(undisturbed.shape[:2], -1, np.int64)
        most_that_fit(undisturbed, cell_of, asked)
        rise = 1.0 + noise_raised(mine, model, columns, undisturbed, cell_of).sum(axis=1)
        disturbed = part_taken(mine, model, columns, rise)
        fit = most_that_fit(disturbed, np.full(disturbed.shape[:2], -1, np.int64), asked)
        open_draws = open_draws[fit < asked]
        held[open_draws] -= 1
    return held


def chances_at_once(held: IntArray, most: int) -> FloatArray:
    """Return the chance that 1, 2, …, ``most`` streams hold at once, shape (most,)."""
    return np.asarray((held[:, None] >= np.arange(1, most + 1)).mean(axis=0), dtype=np.float64)
