"""Who asks, and whether they may: one dependency that every route names with its action."""

from __future__ import annotations

import hmac
import random
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from lensong.monitoring.access import Action, Principal, Role
from lensong.monitoring.errors import NotAllowedError, NotSignedInError
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import digest, session_of, token_of

__all__ = [
    "COOKIE",
    "Admin",
    "Equipper",
    "Gatekeeper",
    "Manager",
    "Needs",
    "Planner",
    "Reader",
    "Reporter",
    "Running",
    "Scraper",
    "anybody",
    "running",
    "tester",
]

COOKIE = "lensong_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_COOKIE_KEPT_S = 20.0
_TOKEN_KEPT_S = 600.0
"""A token does not run out by itself, and this process is the only one that revokes any."""

_MOST = 20_000

# for the OpenAPI document alone: `Gatekeeper` reads the request itself
_bearer = HTTPBearer(auto_error=False, description="A site's token, or a scraper's.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Set by signing in.")


@dataclass(slots=True)
class Gatekeeper:
    """Finds out who asks. What was found is kept for a while, and dropped when rights change.

    Parameters
    ----------
    service : Service
    asker : Principal, optional
        Who asks everything, where the application is spoken to within its own process alone.
    """

    service: Service
    asker: Principal | None = None
    _known: OrderedDict[str, tuple[float, Principal]] = field(
        init=False, default_factory=OrderedDict
    )
    _changes: int = field(init=False, default=0)

    def forget(self) -> None:
        """Drop what is kept: a token, a person or a session has changed."""
        self._known.clear()
        self._changes += 1  # what is being looked up may be of before

    async def principal(self, request: Request) -> Principal | None:
        """Return who asks, None where nobody says.

        Raises
        ------
        NotSignedInError
            A token came that is unknown or revoked.
        """
        if self.asker is not None:
            return self.asker
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and secret:
            found = await self.by_token(secret)
            if found is None:
                raise NotSignedInError("the token is unknown or was revoked: ask for a new one")
            return found
        if cookie := request.cookies.get(COOKIE):
            return await self._kept(
                f"cookie {cookie}", lambda: self._by_cookie(cookie), _COOKIE_KEPT_S
            )
        return None

    async def by_token(self, secret: str) -> Principal | None:
        """Return whose token that is, None where it is nobody's."""
        # not all of them at the same moment: phones report by the clock
        keep_s = _TOKEN_KEPT_S * random.uniform(0.5, 1.0)
        return await self._kept(f"token {secret}", lambda: self._by_token(secret), keep_s)

    async def _kept(self, secret: str, look: Any, keep_s: float) -> Principal | None:
        key, now = digest(secret), time.monotonic()
        if (kept := self._known.get(key)) is not None and kept[0] > now:
            return kept[1]
        changes = self._changes
        found: Principal | None = await look()
        if found is not None and changes == self._changes:
            self._known[key] = (now + keep_s, found)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found

    async def _by_token(self, secret: str) -> Principal | None:
        async with self.service.database.reading() as connection:
            token = await token_of(connection, secret)
        if token is None:
            return None
        return Principal(
            actor=f"token:{token.token_id}",
            name=token.label,
            role=Role.SCRAPER if token.role == "scraper" else Role.DEVICE,
            scope=token.site_id or "",
        )

    async def _by_cookie(self, secret: str) -> Principal | None:
        async with self.service.database.reading() as connection:
            found = await session_of(connection, secret, self.service.clock.now())
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


class Needs:
    """A dependency that yields who asks, or refuses; routes are classified by it.

    Parameters
    ----------
    action : Action
        What the route does.
    """

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[Any, Security(_bearer)] = None,  # noqa: ARG002 (for OpenAPI)
        cookie: Annotated[Any, Security(_cookie)] = None,  # noqa: ARG002 (for OpenAPI)
    ) -> Principal:
        """Return who asks, if they may.

        Raises
        ------
        NotSignedInError, NotAllowedError
            Nobody that we know asks; their role does not allow it, or a form has no CSRF token.
        """
        gate: Gatekeeper = request.app.state.gatekeeper
        principal = await gate.principal(request)
        if principal is None:
            raise NotSignedInError("sign in, or send `Authorization: Bearer <token>`")
        if not principal.may(self.action):
            raise NotAllowedError(
                f"the role {principal.role} may not {self.action}: ask an administrator"
            )
        if principal.csrf is not None and request.method not in _SAFE:
            check_origin(request)
            check_csrf(request, principal.csrf)
        return principal


def check_origin(request: Request) -> None:
    """Refuse a form that another site's page sends."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowedError("the request comes from another site's page", "csrf")
    if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise NotAllowedError("the request comes from another site's page", "csrf")


def check_csrf(request: Request, wanted: str) -> None:
    """Refuse what a browser sends by its cookie alone, without the token of its session."""
    given = request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise NotAllowedError("X-CSRF-Token is missing or wrong: load the page again", "csrf")


# coroutines, though they wait for nothing: FastAPI would call a function in a thread


async def running(request: Request) -> Service:
    """Return the service that answers."""
    service: Service = request.app.state.service
    return service


async def anybody() -> None:
    """Classify a route as open to everybody."""


async def tester() -> None:
    """Classify a route as the uplink test's, which asks for a site's token by itself."""


Running = Annotated[Service, Depends(running)]
Reader = Annotated[Principal, Depends(Needs(Action.READ))]
Reporter = Annotated[Principal, Depends(Needs(Action.REPORT))]
Planner = Annotated[Principal, Depends(Needs(Action.PLAN))]
Equipper = Annotated[Principal, Depends(Needs(Action.EQUIP))]
Manager = Annotated[Principal, Depends(Needs(Action.MANAGE))]
Admin = Annotated[Principal, Depends(Needs(Action.ADMIN))]
Scraper = Annotated[Principal, Depends(Needs(Action.SCRAPE))]
