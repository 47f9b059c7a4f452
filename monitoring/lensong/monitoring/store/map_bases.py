"""Outlines of communes and the ground of coverage plans."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.map_bases import Edges, Outline, PlanGround
from lensong.monitoring.store.rows import from_row, upsert
from lensong.monitoring.store.tables import outlines, plan_grounds

__all__ = ["all_grounds", "all_outlines", "put_ground", "put_outlines"]

_MOST = 40
"""Grounds of one area that are kept."""


async def all_outlines(connection: AsyncConnection) -> dict[str, Outline]:
    """Return the outlines by the code of their commune."""
    rows = (await connection.execute(select(outlines))).mappings()
    return {
        row["commune_code"]: Outline(
            commune_code=row["commune_code"],
            rings_deg=tuple(tuple((lon, lat) for lon, lat in ring) for ring in row["rings_deg"]),
            synthetic=row["synthetic"],
        )
        for row in rows
    }


async def put_outlines(
    connection: AsyncConnection, found: Iterable[Outline], *, now: datetime
) -> None:
    """Keep outlines in place of older ones of the same communes."""
    for outline in found:
        values = {
            "rings_deg": [[list(point) for point in ring] for ring in outline.rings_deg],
            "synthetic": outline.synthetic,
            "updated_at": now,
        }
        await connection.execute(
            upsert(connection, outlines)
            .values(commune_code=outline.commune_code, **values)
            .on_conflict_do_update(index_elements=["commune_code"], set_=values)
        )


async def all_grounds(connection: AsyncConnection) -> tuple[PlanGround, ...]:
    """Return the grounds of plans, that which came last at the end."""
    rows = await connection.execute(
        select(plan_grounds).order_by(plan_grounds.c.updated_at, plan_grounds.c.coverage_run)
    )
    return tuple(
        PlanGround(
            coverage_run=row["coverage_run"],
            province_code=row["province_code"],
            title=row["title"],
            computed_at=row["computed_at"],
            synthetic=row["synthetic"],
            edges=from_row(Edges, row),
            relief_png=bytes(row["relief_png"]),
            service=row["service"],
            villages=tuple((lon, lat, name) for lon, lat, name in row["villages"]),
        )
        for row in rows.mappings()
    )


async def put_ground(connection: AsyncConnection, ground: PlanGround, *, now: datetime) -> None:
    """Keep the ground of a plan in place of those that lie whole within it, and of the oldest."""
    of_area = [
        item for item in await all_grounds(connection) if item.province_code == ground.province_code
    ]
    same = [item for item in of_area if item.coverage_run == ground.coverage_run]
    within = [item for item in of_area if ground.edges.holds(item.edges)]
    rest = [item for item in of_area if item not in same and item not in within]
    for item in {id(old): old for old in (*same, *within, *rest[: -(_MOST - 1)])}.values():
        await connection.execute(
            delete(plan_grounds).where(
                plan_grounds.c.coverage_run == item.coverage_run,
                plan_grounds.c.province_code == item.province_code,
            )
        )
    edges = ground.edges
    await connection.execute(
        plan_grounds.insert().values(
            coverage_run=ground.coverage_run,
            province_code=ground.province_code,
            title=ground.title,
            computed_at=ground.computed_at,
            synthetic=ground.synthetic,
            west_deg=edges.west_deg,
            south_deg=edges.south_deg,
            east_deg=edges.east_deg,
            north_deg=edges.north_deg,
            relief_png=ground.relief_png,
            service=ground.service,
            villages=[list(village) for village in ground.villages],
            updated_at=now,
        )
    )
