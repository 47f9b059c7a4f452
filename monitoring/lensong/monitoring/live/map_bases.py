"""What lies under the sites on maps, kept in memory: it changes with an import, not with time."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.map_bases import Outline, PlanGround
from lensong.monitoring.store.map_bases import all_grounds, all_outlines

__all__ = ["MapBases"]


@dataclass(slots=True)
class MapBases:
    """Outlines by the code of their commune, and grounds of plans, that on top last."""

    outlines: dict[str, Outline] = field(default_factory=dict)
    grounds: tuple[PlanGround, ...] = ()
    generation: int = 0
    """Goes up with each change."""

    async def load(self, connection: AsyncConnection) -> None:
        """Read everything anew."""
        self.outlines = await all_outlines(connection)
        self.grounds = await all_grounds(connection)
        self.generation += 1
