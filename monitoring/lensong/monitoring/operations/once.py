"""The same request sent twice does its work once and gets one answer, by a key of its sender."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.clock import rfc3339
from lensong.monitoring.errors import ConflictError
from lensong.monitoring.service import Service
from lensong.monitoring.store.tables import idempotency

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["once"]


async def once(
    service: Service,
    principal: Principal,
    key: str | None,
    asked: DataclassInstance,
    work: Callable[[AsyncConnection], Awaitable[str]],
) -> str:
    """Return the identifier of what a piece of work made, done once for a key of somebody.

    Parameters
    ----------
    key : str, optional
        Without one the work is done in any case.
    asked : record
        What was asked: under one key it is always the same.
    work : callable
        Makes a thing within the transaction and returns its identifier.

    Raises
    ------
    ConflictError
        The key came before, with another request.
    """
    wanted = _digest(asked)

    async def job(connection: AsyncConnection) -> str:
        if key is None:
            return await work(connection)
        rows = await connection.execute(
            select(idempotency).where(
                idempotency.c.actor == principal.actor, idempotency.c.key == key
            )
        )
        if (row := rows.mappings().first()) is not None:
            if row["request_hash"] != wanted:
                raise ConflictError(
                    "the Idempotency-Key was used for another request: take a new one", "key_reused"
                )
            return str(row["body"]["id"])
        made = await work(connection)
        await connection.execute(
            idempotency.insert(),
            {
                "actor": principal.actor,
                "key": key,
                "request_hash": wanted,
                "status": 201,
                "body": {"id": made},
                "created_at": service.clock.now(),
            },
        )
        return made

    return await service.writer.run(job)


def _digest(asked: DataclassInstance) -> str:
    text = json.dumps(asdict(asked), default=_plain, sort_keys=True)
    return hashlib.sha256(f"{type(asked).__name__} {text}".encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no text")
