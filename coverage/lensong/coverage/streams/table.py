"""Streams at once as a table: one row per village, service and operator."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import pandas as pd

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.service import Service
from lensong.coverage.streams.at_once import chances_at_once, streams_that_hold
from lensong.coverage.streams.draws import Reception, receptions
from lensong.coverage.streams.heard import Heard
from lensong.coverage.streams.kept import KeptStreams
from lensong.coverage.streams.settings import StreamSettings
from lensong.coverage.threads import threads
from lensong.propagation.types import FloatArray

__all__ = ["ANY_SIM", "most_counted", "stream_table", "streams_column"]

ANY_SIM = "any"
"""Operator of the rows in which each seller takes the operator that suits."""


def stream_table(
    villages: pd.DataFrame,
    heard: Heard,
    model: LayerModel,
    settings: StreamSettings,
    *,
    model_sigma_db: float,
    progress: Callable[[int, int], None] | None = None,
    numbers: Sequence[int] | None = None,
    workers: int = 1,
    kept: KeptStreams | None = None,
) -> pd.DataFrame:
    """Return how many streams hold at once.

    Parameters
    ----------
    villages : DataFrame
        Its ``village_id`` and ``name``, in the order of ``heard`` unless ``numbers`` says.
    heard : Heard
    model : LayerModel
    settings : StreamSettings
    model_sigma_db : float
        The part of the scatter that the phones of a village share [dB].
    progress : callable, optional
        Called with how many villages are done, and of how many.
    numbers : sequence of int, optional
        Where the villages stand in ``heard``, if it is not their own order.
    workers : int
        Threads over villages. The values do not depend on it.
    kept : KeptStreams or None
        Of an earlier run.

    Returns
    -------
    DataFrame
        ``village_id``, ``name``, ``service``, ``operator`` (``any``: whichever suits), ``streams``
        (how many hold with the service's probability) and ``chance_1`` … ``chance_n``. Rows of
        each operator stand after those of any where there are several.

    Raises
    ------
    InvalidInputError
        A service or operator that is not planned.
    """
    counted = settings.counted(model.services)
    sims = settings.operators(model)
    scopes = [(ANY_SIM, sims)] + [(name, [name]) for name in sims if len(sims) > 1]
    places = range(len(villages)) if numbers is None else numbers
    ids, names = villages["village_id"].astype(str), villages["name"].astype(str)

    def counted_of(received: Sequence[Reception], operators: Collection[str]) -> FloatArray:
        """Return of each service how many streams hold with some SIM cards, and each chance."""
        mine, found = [r for r in received if r.operator in operators], []
        for service in counted:
            held = streams_that_hold(mine, service, model, usable_share=settings.usable_share)
            chance = chances_at_once(held, settings.most)
            found.append([_holding(chance, service), *(round(float(p), 6) for p in chance)])
        return np.array(found, dtype=np.float64)

    def of_village(number: int, village_id: str, name: str) -> list[dict[str, object]]:
        received: list[Reception] | None = None
        found = {}
        for scope, operators in scopes:
            before, key = None, ""
            if kept is not None:
                key = kept.name(heard, number, village_id, operators)
                before = kept.get(key, len(counted), settings.most)
            if before is None and received is None:
                received = receptions(
                    heard, number, village_id, model,
                    phones=settings.most, model_sigma_db=model_sigma_db,
                )  # fmt: skip
            found[scope] = counted_of(received or [], operators) if before is None else before
            if kept is not None and before is None:
                kept.put(key, found[scope])
        return [
            {
                "village_id": village_id,
                "name": name,
                "service": service.name,
                "operator": scope,
                "streams": int(streams),
            }
            | {f"chance_{n}": p for n, p in enumerate(chances, start=1)}
            for row, service in enumerate(counted)
            for scope in found
            for streams, *chances in (found[scope][row].tolist(),)
        ]

    rows: list[dict[str, object]] = []
    if counted:
        with threads(workers, "streams") as pool:
            for done, found in enumerate(pool.map(of_village, places, ids, names)):
                rows += found
                if progress is not None:
                    progress(done + 1, len(villages))
    if progress is not None:
        progress(1, 1)
    columns = ["village_id", "name", "service", "operator", "streams"]
    return pd.DataFrame(
        rows, columns=[*columns, *(f"chance_{n}" for n in range(1, settings.most + 1))]
    )


def streams_column(table: pd.DataFrame, service: str) -> list[int]:
    """Return of each village how many streams of a service hold, whatever the operator."""
    mine = table[(table["service"] == service) & (table["operator"] == ANY_SIM)]
    return [int(n) for n in mine["streams"]]


def most_counted(table: pd.DataFrame | None) -> int:
    """Return how many streams were tried at the most; 0 where none were counted."""
    return 0 if table is None else sum(str(name).startswith("chance_") for name in table.columns)


def _holding(chance: FloatArray, service: Service) -> int:
    """Return the most streams whose chance is that of the service or more."""
    return int(np.count_nonzero(chance >= service.probability - 1e-12))
