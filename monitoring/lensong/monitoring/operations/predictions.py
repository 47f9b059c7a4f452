"""Keeping what a coverage plan says of sites, and judging anew what rests on it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import note
from lensong.monitoring.store.places import (
    PlanStreams,
    Prediction,
    drop_predictions,
    put_plan_streams,
    put_predictions,
)
from lensong.monitoring.store.tables import sites
from lensong.propagation.errors import InvalidInputError

__all__ = ["keep_predictions"]


async def keep_predictions(
    service: Service,
    principal: Principal,
    run_id: str,
    found: Sequence[Prediction],
    no_signal: Sequence[str],
    streams: Sequence[PlanStreams] = (),
) -> None:
    """Keep predictions in place of older ones, and have open sessions judged anew.

    Parameters
    ----------
    no_signal : sequence of str
        Sites of which the plan says that no cell reaches them: they lose older predictions.
    streams : sequence of PlanStreams
        How many streams hold at once, of sites that are predicted.

    Raises
    ------
    NotFoundError
        A site is none of the asker's area; nothing was kept.
    InvalidInputError
        A site is named both with and without signal, or twice for one technology and operator;
        streams are of a site that is not predicted, twice of one service and operator, or the
        chance of more is greater than that of fewer.
    """
    _check_streams(streams, {item.site_id for item in found})
    named = {item.site_id for item in found}
    keys = [(item.site_id, item.technology, item.operator) for item in found]
    if len(set(keys)) < len(keys) or named & set(no_signal):
        raise InvalidInputError(
            "a site comes twice for one technology and operator, or both with and without signal: "
            "name it once"
        )
    for site_id in (*named, *no_signal):
        service.directory.site_for(principal, site_id)

    async def work(connection: AsyncConnection) -> None:
        await put_predictions(connection, found)
        await put_plan_streams(connection, streams)
        for site_id in no_signal:
            await drop_predictions(connection, site_id)
            await connection.execute(
                sites.update().where(sites.c.site_id == site_id).values(coverage_run=run_id)
            )
        await note(
            connection,
            at=service.clock.now(),
            actor=principal.actor,
            action="coverage_run.put",
            subject=run_id,
            detail={"predicted": len(named), "no_signal": len(no_signal)},
        )

    await service.writer.run(work)
    await service.reload()
    await service.judge_soon(service.directory.with_those_beside({*named, *no_signal}))


def _check_streams(streams: Sequence[PlanStreams], predicted: set[str]) -> None:
    keys = [(item.site_id, item.service, item.operator) for item in streams]
    if len(set(keys)) < len(keys):
        raise InvalidInputError(
            "the streams of a site come twice for one service and operator: give them once"
        )
    for item in streams:
        if item.site_id not in predicted:
            raise InvalidInputError(
                f"streams are given of {item.site_id}, of which there is no prediction: give both"
            )
        if any(b > a for a, b in pairwise(item.chances)):
            raise InvalidInputError(
                f"the chances of {item.service} at {item.site_id} rise: where more streams hold, "
                "fewer hold too"
            )
