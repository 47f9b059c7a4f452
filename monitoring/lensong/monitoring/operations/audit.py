"""The audit trail of operations: who did what to what, written with the change itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.service import Service
from lensong.monitoring.store.people import note

__all__ = ["noted"]


async def noted(
    connection: AsyncConnection,
    service: Service,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what, within the transaction that does it."""
    await note(
        connection,
        at=service.clock.now(),
        actor=actor,
        action=action,
        subject=subject,
        detail=detail,
    )
