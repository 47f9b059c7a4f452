"""Whose token or session that is: looked up once, kept for a while, dropped when rights change."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.clock import Clock
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.people import digest, session_of, token_of

__all__ = ["Identities"]

_SESSION_KEPT_S = 20.0
_TOKEN_KEPT_S = 600.0
"""A token does not run out by itself, and this process is the only one that revokes any."""

_MOST = 20_000


@dataclass(slots=True)
class Identities:
    """Finds out whose secret that is. Whoever changes rights calls `forget`."""

    database: Database
    clock: Clock
    told: Callable[[], None] = lambda: None
    """Called when rights have changed, so that whoever listens is looked at again."""

    _known: OrderedDict[str, tuple[float, Principal]] = field(
        init=False, default_factory=OrderedDict
    )
    _changes: int = field(init=False, default=0)

    def forget(self) -> None:
        """Drop what is kept: a token, a person or a session has changed."""
        self._known.clear()
        self._changes += 1  # what is being looked up may be of before
        self.told()

    async def by_token(self, secret: str) -> Principal | None:
        """Return whose token that is, None where it is nobody's."""
        # not all of them at the same moment: phones report by the clock
        keep_s = _TOKEN_KEPT_S * random.uniform(0.5, 1.0)
        return await self._kept(f"token {secret}", lambda: self._by_token(secret), keep_s)

    async def by_session(self, secret: str) -> Principal | None:
        """Return who is signed in by that secret, None where nobody is."""
        return await self._kept(
            f"cookie {secret}", lambda: self._by_session(secret), _SESSION_KEPT_S
        )

    async def _kept(
        self, secret: str, look: Callable[[], Awaitable[Principal | None]], keep_s: float
    ) -> Principal | None:
        key, now_s = digest(secret), self.clock.monotonic_s()
        if (kept := self._known.get(key)) is not None and kept[0] > now_s:
            return kept[1]
        changes = self._changes
        found = await look()
        if found is not None and changes == self._changes:
            self._known[key] = (now_s + keep_s, found)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found

    async def _by_token(self, secret: str) -> Principal | None:
        async with self.database.reading() as connection:
            token = await token_of(connection, secret)
        if token is None:
            return None
        return Principal(
            actor=f"token:{token.token_id}",
            name=token.label,
            role=Role.SCRAPER if token.role == "scraper" else Role.DEVICE,
            scope=token.site_id or "",
        )

    async def _by_session(self, secret: str) -> Principal | None:
        async with self.database.reading() as connection:
            found = await session_of(connection, secret, self.clock.now())
        if found is None:
            return None
        session, person = found
        return Principal(
            actor=f"person:{person.person_id}",
            name=person.name,
            role=Role(person.role),
            scope=person.scope,
            csrf=session.csrf,
        )
