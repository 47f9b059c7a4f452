"""Keeping what a coverage plan says of sites, and judging anew what rests on it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import note
from lensong.monitoring.store.places import Prediction, put_predictions
from lensong.monitoring.store.tables import predictions, sites
from lensong.propagation.errors import InvalidInputError

__all__ = ["keep_predictions"]


async def keep_predictions(
    service: Service,
    principal: Principal,
    run_id: str,
    found: Sequence[Prediction],
    no_signal: Sequence[str],
) -> None:
    """Keep predictions in place of older ones, and have open sessions judged anew.

    Parameters
    ----------
    no_signal : sequence of str
        Sites of which the plan says that no cell reaches them: they lose older predictions.

    Raises
    ------
    NotFoundError
        A site is none of the asker's area; nothing was kept.
    InvalidInputError
        A site is named both with and without signal, or twice for one technology and operator.
    """
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
        for site_id in no_signal:
            await connection.execute(delete(predictions).where(predictions.c.site_id == site_id))
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
    await service.judge_soon((*named, *no_signal))
