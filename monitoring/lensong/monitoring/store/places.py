"""Provinces, communes, sites and what a coverage plan predicts for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, RowMapping, Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.records import Commune, Province, Site
from lensong.monitoring.store.rows import from_row, to_row, upsert
from lensong.monitoring.store.tables import (
    communes,
    plan_streams,
    predictions,
    provinces,
    sessions,
    sites,
)

__all__ = [
    "ArchivedPlace",
    "Kind",
    "PlanStreams",
    "Prediction",
    "all_communes",
    "all_plan_streams",
    "all_predictions",
    "all_provinces",
    "all_sites",
    "archived_places",
    "delete_site",
    "drop_predictions",
    "is_site",
    "predictions_of",
    "put_commune",
    "put_plan_streams",
    "put_predictions",
    "put_province",
    "put_site",
    "set_archived",
]


Kind = Literal["province", "commune", "site"]

_IN_COMMUNE = sites.c.commune_code
_TABLES: dict[Kind, tuple[Table, Column[Any]]] = {
    "province": (provinces, provinces.c.code),
    "commune": (communes, communes.c.code),
    "site": (sites, sites.c.site_id),
}


@dataclass(frozen=True, slots=True)
class ArchivedPlace:
    """A place that is out of sight; what was measured there is kept.

    Parameters
    ----------
    within : str
        Code of what it lies in: a site's commune, a commune's province, a province's own.
    """

    kind: Kind
    code: str
    name: str
    within: str
    archived_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a coverage plan says of a site, for one technology and operator.

    Parameters
    ----------
    operator : str
        Empty where the plan does not tell operators apart.
    sigma_db : float
        Standard deviation of location and model, of a calibrated plan that of the site's own
        level [dB].
    basis : str or None
        On what the level rests: ``"measured"``, ``"calibrated here"``, ``"model only"``; None of a
        plan without a calibration.
    cell_id : str or None
        The cell that serves there; None where the plan does not tell.
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
    cell_id: str | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStreams:
    """How many streams a coverage plan lets hold at once at a site, for one service and operator.

    Parameters
    ----------
    operator : str
        Whose SIM cards the sellers have; empty where each takes the one that suits.
    village : str
        The village of the plan whose streams these are.
    uplink_bps : float
        What one stream of the service sends [bit/s].
    probability : float
        With which the plan wants the service to hold, 0..1.
    chances : tuple of float
        That 1, 2, 3 ... streams hold at once, 0..1, never rising.
    """

    site_id: str
    service: str
    operator: str
    coverage_run: str
    village: str
    uplink_bps: float
    probability: float
    chances: tuple[float, ...]
    computed_at: datetime
    synthetic: bool = False

    def holding(self) -> int:
        """Return how many streams hold at once with the probability of the service."""
        return sum(one >= self.probability - 1e-12 for one in self.chances)


async def all_provinces(connection: AsyncConnection) -> tuple[Province, ...]:
    """Return every province by code, but for those that are archived."""
    rows = await connection.execute(
        select(provinces).where(provinces.c.archived_at.is_(None)).order_by(provinces.c.code)
    )
    return tuple(from_row(Province, row) for row in rows.mappings())


async def all_communes(connection: AsyncConnection) -> tuple[Commune, ...]:
    """Return every commune by code, but for those that are archived."""
    rows = await connection.execute(
        select(communes).where(communes.c.archived_at.is_(None)).order_by(communes.c.code)
    )
    return tuple(from_row(Commune, row) for row in rows.mappings())


async def all_sites(connection: AsyncConnection) -> tuple[Site, ...]:
    """Return every site by identifier, but for those that are archived."""
    rows = await connection.execute(
        select(sites).where(sites.c.archived_at.is_(None)).order_by(sites.c.site_id)
    )
    return tuple(from_row(Site, row) for row in rows.mappings())


async def is_site(connection: AsyncConnection, site_id: str) -> bool:
    """Return whether there is a site of that identifier."""
    found = await connection.execute(select(sites.c.site_id).where(sites.c.site_id == site_id))
    return found.first() is not None


async def put_province(connection: AsyncConnection, province: Province) -> None:
    """Add a province or rename it; one that is archived comes back."""
    changed = {"name": province.name, "archived_at": None}
    await connection.execute(
        upsert(connection, provinces)
        .values(**to_row(province))
        .on_conflict_do_update(index_elements=["code"], set_=changed)
    )


async def put_commune(connection: AsyncConnection, commune: Commune) -> None:
    """Add a commune or change it; one that is archived comes back.

    Raises
    ------
    NotFoundError
        There is no such province.
    """
    if not (
        await connection.execute(
            select(provinces.c.code).where(
                provinces.c.code == commune.province_code, provinces.c.archived_at.is_(None)
            )
        )
    ).first():
        raise NotFoundError(f"there is no province {commune.province_code!r}: add it first")
    row = to_row(commune)
    await connection.execute(
        upsert(connection, communes)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["code"],
            set_={
                "name": commune.name,
                "province_code": commune.province_code,
                "archived_at": None,
            },
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
        It is there already, and ``new`` was asked for, or it is archived.
    NotFoundError
        There is no such commune.
    """
    commune = select(communes.c.code).where(
        communes.c.code == site.commune_code, communes.c.archived_at.is_(None)
    )
    if not (await connection.execute(commune)).first():
        raise NotFoundError(f"there is no commune {site.commune_code!r}: add it first")
    archived = select(sites.c.site_id).where(
        sites.c.site_id == site.site_id, sites.c.archived_at.is_not(None)
    )
    if (await connection.execute(archived)).first():
        raise ConflictError(
            f"the site {site.site_id!r} is archived: restore it, or choose another site_id",
            "archived",
        )
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


async def archived_places(connection: AsyncConnection) -> tuple[ArchivedPlace, ...]:
    """Return what is archived, the latest first."""
    found: list[ArchivedPlace] = []
    within: dict[Kind, Column[Any]] = {
        "province": provinces.c.code,
        "commune": communes.c.province_code,
        "site": sites.c.commune_code,
    }
    for kind, (table, key) in _TABLES.items():
        rows = await connection.execute(
            select(key, table.c.name, within[kind], table.c.archived_at).where(
                table.c.archived_at.is_not(None)
            )
        )
        found += [ArchivedPlace(kind, *row) for row in rows]
    return tuple(sorted(found, key=lambda item: item.archived_at, reverse=True))


async def set_archived(
    connection: AsyncConnection, kind: Kind, code: str, at: datetime | None
) -> None:
    """Archive a place, or restore it.

    Parameters
    ----------
    at : datetime, optional
        Since when it is archived; None restores it.

    Raises
    ------
    NotFoundError
        There is none that could be.
    ConflictError
        Something lies in it that is not archived; or what it lies in is.
    """
    table, key = _TABLES[kind]
    wanted = table.c.archived_at.is_(None) if at is not None else table.c.archived_at.is_not(None)
    row = (await connection.execute(select(table).where(key == code, wanted))).mappings().first()
    if row is None:
        there = "archived" if at is None else "there"
        raise NotFoundError(f"no {kind} {code[:80]!r} is {there}")
    if at is not None:
        await _check_empty(connection, kind, code)
    else:
        await _check_above(connection, kind, row)
    await connection.execute(table.update().where(key == code).values(archived_at=at))


async def _check_empty(connection: AsyncConnection, kind: Kind, code: str) -> None:
    below = {"province": (communes, communes.c.province_code), "commune": (sites, _IN_COMMUNE)}
    if kind not in below:
        live = select(sessions.c.session_id).where(
            sessions.c.site_id == code, sessions.c.status == "live"
        )
        if (await connection.execute(live)).first():
            raise ConflictError(f"a session is live at {code}: end it first", "session_live")
        return
    table, column = below[kind]
    count = (
        await connection.execute(
            select(func.count())
            .select_from(table)
            .where(column == code, table.c.archived_at.is_(None))
        )
    ).scalar_one()
    if count:
        raise ConflictError(
            f"{count} {table.name} lie in the {kind} {code}: archive or move them first",
            "not_empty",
        )


async def _check_above(connection: AsyncConnection, kind: Kind, row: RowMapping) -> None:
    above: Kind | None = {"commune": "province", "site": "commune"}.get(kind)  # type: ignore[assignment]  # of the two words
    if above is None:
        return
    table, key = _TABLES[above]
    code = row[f"{above}_code"]
    there = select(key).where(key == code, table.c.archived_at.is_(None))
    if not (await connection.execute(there)).first():
        raise ConflictError(f"its {above} {code} is archived: restore that first", "archived")


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


async def all_plan_streams(connection: AsyncConnection) -> tuple[PlanStreams, ...]:
    """Return how many streams plans let hold at once, of every site."""
    rows = await connection.execute(select(plan_streams))
    return tuple(from_row(PlanStreams, row) for row in rows.mappings())


async def put_plan_streams(connection: AsyncConnection, found: Sequence[PlanStreams]) -> None:
    """Add what a plan says of streams at once; `put_predictions` has dropped what others said."""
    if found:
        await connection.execute(plan_streams.insert(), [to_row(streams) for streams in found])


async def drop_predictions(connection: AsyncConnection, site_id: str) -> None:
    """Drop all that plans say of a site."""
    for table in (predictions, plan_streams):
        await connection.execute(delete(table).where(table.c.site_id == site_id))


async def put_predictions(connection: AsyncConnection, found: Sequence[Prediction]) -> None:
    """Replace what plans say of the sites that are named."""
    if not found:
        return
    named = {prediction.site_id for prediction in found}
    for site_id in named:
        await drop_predictions(connection, site_id)
        run = next(item.coverage_run for item in found if item.site_id == site_id)
        await connection.execute(
            sites.update().where(sites.c.site_id == site_id).values(coverage_run=run)
        )
    await connection.execute(predictions.insert(), [to_row(prediction) for prediction in found])
