"""Whose token or session that is: looked up once, kept for a while, dropped when rights change."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.clock import Clock
from lensong.monitoring.errors import BusyError
from lensong.monitoring.rate_limit import RateLimit, SlowRefusals, network_of
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.people import Person, digest, session_of, token_of, tokens_alive
from lensong.monitoring.store.person_tokens import person_of_token

__all__ = ["Identities", "principal_of"]

_KEPT_S = 600.0
"""Nothing that proves somebody ends by itself but by its time, and this process alone ends any."""

_MOST = 20_000

_Found = tuple[Principal, datetime | None]
"""Who it is, and until when at the longest."""


@dataclass(slots=True)
class Identities:
    """Finds out whose secret that is. Whoever changes rights calls `forget`.

    Parameters
    ----------
    strangers : RateLimit
        Tokens that are none, of one address. Beyond it such a token is not even looked up; one
        that is known to be somebody's always is, whoever else shares its address.
    told : callable
        Called when rights have changed, so that whoever listens is looked at again.
    """

    database: Database
    clock: Clock
    strangers: RateLimit
    told: Callable[[], None] = lambda: None
    used: Callable[[str], None] = lambda _token_id: None
    """Takes the identifier of a person's token that was shown, every few minutes."""

    _known: OrderedDict[str, tuple[float, Principal]] = field(
        init=False, default_factory=OrderedDict
    )
    _tokens: set[str] = field(init=False, default_factory=set)
    _changes: int = field(init=False, default=0)
    _refusals: SlowRefusals = field(init=False)

    def __post_init__(self) -> None:
        self._refusals = SlowRefusals(self.clock.monotonic_s)

    def forget(self) -> None:
        """Drop what is kept: a token, a person or a session has changed."""
        self._known.clear()
        self._changes += 1  # what is being looked up may be of before
        self.told()

    async def load(self) -> None:
        """Learn which tokens are somebody's: those are looked up however many are none."""
        async with self.database.reading() as connection:
            self._tokens = await tokens_alive(connection)

    def expect(self, secret: str) -> None:
        """Learn of a token that was made."""
        self._tokens.add(digest(secret))

    async def by_token(self, secret: str, address: str = "") -> Principal | None:
        """Return whose token that is, None where it is nobody's.

        Raises
        ------
        BusyError
            It is none that is known, and too many that are none came from that address.
        """
        key, now_s = digest(f"token {secret}"), self.clock.monotonic_s()
        if (kept := self._known.get(key)) is not None and kept[0] > now_s:
            return kept[1]
        network = network_of(address)
        if digest(secret) not in self._tokens:
            try:
                self.strangers.check(network, "tokens that are none")
            except BusyError:
                await self._refusals.pause(network)
                raise
        # not all of them at the same moment: phones report by the clock
        keep_s = _KEPT_S * random.uniform(0.5, 1.0)
        found = await self._look_up(key, lambda: self._by_token(secret), keep_s)
        if found is None:
            self._tokens.discard(digest(secret))  # it was revoked
            self.strangers.count(network)
        else:
            self.expect(secret)
        return found

    async def by_session(self, secret: str) -> Principal | None:
        """Return who is signed in by that secret, None where nobody is."""
        key, now_s = digest(f"cookie {secret}"), self.clock.monotonic_s()
        if (kept := self._known.get(key)) is not None and kept[0] > now_s:
            return kept[1]
        return await self._look_up(key, lambda: self._by_session(secret), _KEPT_S)

    async def _look_up(
        self, key: str, look: Callable[[], Awaitable[_Found | None]], keep_s: float
    ) -> Principal | None:
        changes, now_s = self._changes, self.clock.monotonic_s()
        found = await look()
        if found is None:
            return None
        principal, until = found
        if until is not None:
            keep_s = min(keep_s, (until - self.clock.now()).total_seconds())
        if changes == self._changes:
            self._known[key] = (now_s + keep_s, principal)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return principal

    async def _by_token(self, secret: str) -> _Found | None:
        async with self.database.reading() as connection:
            token = await token_of(connection, secret)
            theirs = (
                await person_of_token(connection, secret, self.clock.now())
                if token is None
                else None
            )
        if theirs is not None:
            own, person = theirs
            self.used(own.token_id)
            return principal_of(person), own.expires_at
        if token is None:
            return None
        principal = Principal(
            actor=f"token:{token.token_id}",
            name=token.label,
            role=Role.SCRAPER if token.role == "scraper" else Role.DEVICE,
            scope=token.site_id or "",
        )
        return principal, None

    async def _by_session(self, secret: str) -> _Found | None:
        async with self.database.reading() as connection:
            found = await session_of(connection, secret, self.clock.now())
        if found is None:
            return None
        session, person = found
        return principal_of(person, session.csrf), session.expires_at


def principal_of(person: Person, csrf: str | None = None) -> Principal:
    """Return who a person is to the service."""
    return Principal(
        actor=f"person:{person.person_id}",
        name=person.name,
        role=Role(person.role),
        scope=person.scope,
        csrf=csrf,
    )
