"""``Idempotency-Key``: the same request sent twice does its work once and gets one answer."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import ConflictError
from lensong.monitoring.service import Service
from lensong.monitoring.store.tables import idempotency

__all__ = ["IdempotencyKey", "once"]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same body within 7 days gets the first answer again.",
    ),
]


async def once(
    service: Service,
    principal: Principal,
    key: str | None,
    request: BaseModel,
    work: Callable[[AsyncConnection], Awaitable[BaseModel]],
) -> dict[str, Any]:
    """Return the answer of a piece of work, done once for a key of somebody.

    Raises
    ------
    ConflictError
        The key came before, with another request.
    """
    wanted = hashlib.sha256(
        f"{type(request).__name__} {request.model_dump_json()}".encode()
    ).hexdigest()

    async def job(connection: AsyncConnection) -> dict[str, Any]:
        if key is None:
            return (await work(connection)).model_dump(mode="json")
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
            before: dict[str, Any] = row["body"]
            return before
        answer = (await work(connection)).model_dump(mode="json")
        await connection.execute(
            idempotency.insert(),
            {
                "actor": principal.actor,
                "key": key,
                "request_hash": wanted,
                "status": 201,
                "body": answer,
                "created_at": service.clock.now(),
            },
        )
        return answer

    return await service.writer.run(job)
