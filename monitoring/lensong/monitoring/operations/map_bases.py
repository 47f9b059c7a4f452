"""Keeping what a coverage plan shows of the land: relief, outlines of communes, villages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.map_bases import MOST_RELIEF_BYTES, Outline, PlanGround
from lensong.monitoring.service import Service
from lensong.monitoring.store.map_bases import put_ground, put_outlines
from lensong.monitoring.store.people import note
from lensong.propagation.errors import InvalidInputError

__all__ = ["KeptGround", "area_of", "keep_ground"]

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptGround:
    """What became of the outlines of a plan.

    Parameters
    ----------
    outlines : tuple of str
        Codes of the communes whose outlines are now the plan's.
    unknown : tuple of str
        Codes of communes that there are none of in the asker's area: their outlines were left.
    """

    outlines: tuple[str, ...]
    unknown: tuple[str, ...]


def area_of(principal: Principal) -> str:
    """Return the province on whose maps alone is shown what somebody brings; empty for all."""
    return "" if principal.role is Role.ADMIN else principal.scope


async def keep_ground(
    service: Service, principal: Principal, ground: PlanGround, outlines: Iterable[Outline]
) -> KeptGround:
    """Keep the ground of a plan, and its outlines of communes that the service knows.

    Raises
    ------
    InvalidInputError
        The relief is no PNG, or too large.
    """
    if ground.relief_png and not ground.relief_png.startswith(_PNG):
        raise InvalidInputError("relief_png is no PNG in base64: send relief.png of the plan")
    if len(ground.relief_png) > MOST_RELIEF_BYTES:
        raise InvalidInputError(
            f"relief_png has {len(ground.relief_png)} bytes, wanted at most {MOST_RELIEF_BYTES}: "
            "make the picture smaller"
        )
    communes = service.directory.communes
    given = {outline.commune_code: outline for outline in outlines}
    known = {
        code: outline
        for code, outline in given.items()
        if code in communes and principal.governs(province_code=communes[code].province_code)
    }
    told = KeptGround(
        outlines=tuple(sorted(known)), unknown=tuple(sorted(given.keys() - known.keys()))
    )

    async def work(connection: AsyncConnection) -> None:
        now = service.clock.now()
        await put_ground(connection, ground, now=now)
        await put_outlines(connection, known.values(), now=now)
        await note(
            connection,
            at=now,
            actor=principal.actor,
            action="coverage_run.ground",
            subject=ground.coverage_run,
            detail={"outlines": len(known), "villages": len(ground.villages)},
        )

    await service.writer.run(work)
    await service.reload_maps()
    return told
