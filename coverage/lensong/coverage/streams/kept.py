"""Streams at once of an earlier run, found again by all that decides them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from lensong.coverage.content_names import (
    cell_digests,
    digest_of,
    frame_digest,
    operator_digest,
)
from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.streams.heard import PLACES, Heard
from lensong.coverage.sweeps import SweepCache
from lensong.propagation.types import FloatArray

__all__ = ["KeptStreams"]


class KeptStreams:
    """What the villages of one plan stream at once, in a cache.

    Parameters
    ----------
    setup : PlanSetup
    cache : SweepCache
    """

    def __init__(self, setup: PlanSetup, cache: SweepCache) -> None:
        self._cache = cache
        self._network, self._site = setup.network, setup.model.cells.site
        self._cells = cell_digests(setup.model)
        self._frame = digest_of(
            frame_digest(setup),
            [operator_digest(setup.model, name) for name in sorted(setup.model.operators)],
            setup.streams,
            setup.propagation.model_sigma_db,
        )

    def name(self, heard: Heard, village: int, village_id: str, operators: Collection[str]) -> str:
        """Return the name of what is kept of a village, for sellers with some SIM cards."""
        part = slice(PLACES * village, PLACES * (village + 1))
        codes = heard.codes_at(village, operators)
        rank_of = np.zeros(self._site.size, np.uint16)
        rank_of[codes] = np.arange(1, codes.size + 1)
        # in the order of their numbers sites take draws, those of other operators too
        sites = np.unique(self._site[heard.codes_at(village)])
        decides = digest_of(
            self._frame,
            village_id,
            sites.size,
            np.searchsorted(sites, self._site[codes]),
            [self._cells[code] for code in codes],
            [(c.carrier, c.uplink_layers) for c in (self._network.cells[k - 1] for k in codes)],
            [
                (
                    name,
                    rank_of[own.code[:, part]],
                    *(getattr(own, f)[:, part] for f in ("level_mw", "others_mw", "rest_mw")),
                )
                for name, own in sorted(heard.operators.items())
                if name in operators
            ],
        )
        return f"streams {decides.hex()}"

    def get(self, name: str, rows: int, most: int) -> FloatArray | None:
        """Return of each service how many streams hold, and each chance."""
        kept = self._cache.get(name)
        found = None if kept is None else kept.get("streams and chances")
        return found if found is not None and found.shape == (rows, 1 + most) else None

    def put(self, name: str, found: FloatArray) -> None:
        """Keep the same."""
        self._cache.put(name, {"streams and chances": found})
