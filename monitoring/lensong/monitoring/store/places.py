"""Provinces, communes, sites and what a coverage plan predicts for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.records import Commune, Province, Site
from lensong.monitoring.store.rows import from_row, to_row, upsert
from lensong.monitoring.store.tables import communes, predictions, provinces, sessions, sites

__all__ = [
    "Prediction",
    "all_communes",
    "all_predictions",
    "all_provinces",
    "all_sites",
    "delete_site",
    "is_site",
    "predictions_of",
    "put_commune",
    "put_predictions",
    "put_province",
    "put_site",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a coverage plan says of a site, for one technology and operator.

    Parameters
    ----------
    operator : str
        Empty where the plan does not tell operators apart.
    sigma_db : float
        Standard deviation of location and model [dB].
    """

    site_id: str
    technology: str
    operator: str
    coverage_run: str
    rsrp_dbm: float | None
    uplink_p50_bps: float | None
    sigma_db: float
    computed_at: datetime
    synthetic: bool = False


async def all_provinces(connection: AsyncConnection) -> tuple[Province, ...]:
    """Return every province by code."""
    rows = await connection.execute(select(provinces).order_by(provinces.c.code))
    return tuple(from_row(Province, row) for row in rows.mappings())


async def all_communes(connection: AsyncConnection) -> tuple[Commune, ...]:
    """Return every commune by code."""
    rows = await connection.execute(select(communes).order_by(communes.c.code))
    return tuple(from_row(Commune, row) for row in rows.mappings())


async def all_sites(connection: AsyncConnection) -> tuple[Site, ...]:
    """Return every site by identifier."""
    rows = await connection.execute(select(sites).order_by(sites.c.site_id))
    return tuple(from_row(Site, row) for row in rows.mappings())


async def is_site(connection: AsyncConnection, site_id: str) -> bool:
    """Return whether there is a site of that identifier."""
    found = await connection.execute(select(sites.c.site_id).where(sites.c.site_id == site_id))
    return found.first() is not None


async def put_province(connection: AsyncConnection, province: Province) -> None:
    """Add a province or rename it."""
    await connection.execute(
        upsert(connection, provinces)
        .values(**to_row(province))
        .on_conflict_do_update(index_elements=["code"], set_={"name": province.name})
    )


async def put_commune(connection: AsyncConnection, commune: Commune) -> None:
    """Add a commune or change it.

    Raises
    ------
    NotFoundError
        There is no such province.
    """
    if not (
        await connection.execute(
            select(provinces.c.code).where(provinces.c.code == commune.province_code)
        )
    ).first():
        raise NotFoundError(f"there is no province {commune.province_code!r}: add it first")
    row = to_row(commune)
    await connection.execute(
        upsert(connection, communes)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["code"],
            set_={"name": commune.name, "province_code": commune.province_code},
        )
    )


async def put_site(
    connection: AsyncConnection, site: Site, *, now: datetime, new: bool = False
) -> None:
    """Add a site or change it.

    Parameters
    ----------
    new : bool
        Refuse a site that is there already.

    Raises
    ------
    ConflictError
        It is there already, and ``new`` was asked for.
    NotFoundError
        There is no such commune.
    """
    commune = select(communes.c.code).where(communes.c.code == site.commune_code)
    if not (await connection.execute(commune)).first():
        raise NotFoundError(f"there is no commune {site.commune_code!r}: add it first")
    row = to_row(site) | {"created_at": now, "updated_at": now}
    statement = upsert(connection, sites).values(**row)
    if new:
        added = await connection.execute(
            statement.on_conflict_do_nothing().returning(sites.c.site_id)
        )
        if not added.first():
            raise ConflictError(
                f"there is a site {site.site_id!r} already: change it by PUT, or choose another "
                "site_id",
                "exists",
            )
        return
    changed = {name: value for name, value in row.items() if name not in ("site_id", "created_at")}
    await connection.execute(
        statement.on_conflict_do_update(index_elements=["site_id"], set_=changed)
    )


async def delete_site(connection: AsyncConnection, site_id: str) -> None:
    """Delete a site with all that is kept of it.

    Raises
    ------
    NotFoundError
        There is no such site.
    ConflictError
        A session is live there.
    """
    live = select(sessions.c.session_id).where(
        sessions.c.site_id == site_id, sessions.c.status == "live"
    )
    if (await connection.execute(live)).first():
        raise ConflictError(f"a session is live at {site_id}: end it first", "session_live")
    gone = await connection.execute(
        delete(sites).where(sites.c.site_id == site_id).returning(sites.c.site_id)
    )
    if not gone.first():
        raise NotFoundError(f"there is no site {site_id!r}")


async def all_predictions(connection: AsyncConnection) -> tuple[Prediction, ...]:
    """Return what plans say of every site."""
    rows = await connection.execute(select(predictions))
    return tuple(from_row(Prediction, row) for row in rows.mappings())


async def predictions_of(connection: AsyncConnection, site_id: str) -> tuple[Prediction, ...]:
    """Return what plans say of one site."""
    rows = await connection.execute(
        select(predictions)
        .where(predictions.c.site_id == site_id)
        .order_by(predictions.c.technology, predictions.c.operator)
    )
    return tuple(from_row(Prediction, row) for row in rows.mappings())


async def put_predictions(connection: AsyncConnection, found: Sequence[Prediction]) -> None:
    """Replace what plans say of the sites that are named."""
    if not found:
        return
    named = {prediction.site_id for prediction in found}
    for site_id in named:
        await connection.execute(delete(predictions).where(predictions.c.site_id == site_id))
        run = next(item.coverage_run for item in found if item.site_id == site_id)
        await connection.execute(
            sites.update().where(sites.c.site_id == site_id).values(coverage_run=run)
        )
    await connection.execute(predictions.insert(), [to_row(prediction) for prediction in found])
