"""Who asks, and whether they may: dependencies that every route names with its action.

A part of a path that names a site, a session or a token comes by a dependency that has looked it up
in the asker's area; `routes.classified_routes` lets no route by that takes it otherwise.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.errors import (
    BusyError,
    NotAllowedError,
    NotSignedInError,
    StoreUnavailableError,
)
from lensong.monitoring.notices import Notice
from lensong.monitoring.operations.notices import notice_for
from lensong.monitoring.operations.sessions import session_for
from lensong.monitoring.operations.tokens import token_for
from lensong.monitoring.records import Session, Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import Token
from lensong.monitoring.web.api.shapes import Identifier

__all__ = [
    "CHECKED_IN_PATH",
    "COOKIE",
    "Admin",
    "AdminSite",
    "EquippedSite",
    "EquippedToken",
    "Equipper",
    "HandledNotice",
    "Handler",
    "ManagedSite",
    "Manager",
    "Needs",
    "PlannedSession",
    "Planner",
    "Reader",
    "Reporter",
    "ReportingSession",
    "ReportingSite",
    "Running",
    "Scraper",
    "SeenSession",
    "SeenSite",
    "anybody",
    "asker_of",
    "browser_cookie",
    "running",
    "session_cookie",
    "still_may",
    "tester",
]

COOKIE = "lensong_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

# for the OpenAPI document alone: `Needs` reads the request itself
_bearer = HTTPBearer(auto_error=False, description="A site's token, or a scraper's.")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="Set by signing in.")


@dataclass(frozen=True, slots=True)
class Needs:
    """A dependency that yields who asks, or refuses; routes are classified by it.

    Parameters
    ----------
    action : Action
        What the route does.
    """

    action: Action

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
        principal = await _principal(request)
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


def session_cookie(root: str) -> str:
    """Return the name of the cookie of a session: of two services of one host, each has its own.

    Examples
    --------
    >>> session_cookie(""), session_cookie("/tinh/live")
    ('lensong_session', 'lensong_session_tinh_live')
    """
    return COOKIE + root.replace("/", "_")


def browser_cookie(root: str) -> str:
    """Return the name of the cookie by which a browser is known that is told by web push."""
    return f"{session_cookie(root)}_browser"


async def _principal(request: Request) -> Principal | None:
    """Return who asks, None where nobody says; refuse a token that is nobody's.

    An application that is spoken to within its own process alone has one asker (`create_app`).
    """
    asker: Principal | None = request.app.state.asker
    if asker is not None:
        return asker
    identities = (await running(request)).identities
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret:
        address = request.client.host if request.client else ""
        found = await identities.by_token(secret, address)
        if found is None:
            raise NotSignedInError("the token is unknown or was revoked: ask for a new one")
        return found
    if cookie := request.cookies.get(session_cookie(request.scope["root_path"])):
        return await identities.by_session(cookie)
    return None


async def asker_of(request: Request) -> Principal | None:
    """Return who asks, None where it is nobody that we know, or nobody can tell now."""
    try:
        return await _principal(request)
    except (BusyError, NotSignedInError, StoreUnavailableError):
        return None


async def still_may(request: Request, action: Action) -> Principal | None:
    """Return who asked a request that still runs, None where they may do that no more.

    Rights are not what they were when the request began: whatever goes on and on asks again.
    """
    principal = await asker_of(request)
    return principal if principal is not None and principal.may(action) else None


def check_origin(request: Request) -> None:
    """Refuse a form that another site's page sends."""
    origin = request.headers.get("origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowedError("the request comes from another site's page", "csrf")
    if origin and origin != "null" and _host_of(origin) != request.headers.get("host"):
        raise NotAllowedError("the request comes from another site's page", "csrf")


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # "http://[::1": no address at all, and so none of ours
        return None


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
Handler = Annotated[Principal, Depends(Needs(Action.HANDLE))]
Manager = Annotated[Principal, Depends(Needs(Action.MANAGE))]
Admin = Annotated[Principal, Depends(Needs(Action.ADMIN))]
Scraper = Annotated[Principal, Depends(Needs(Action.SCRAPE))]


CHECKED_IN_PATH: dict[Callable[..., Any], str] = {}
"""Dependencies that see to the area, and the part of the path whose thing they look up."""


def site_in_area(action: Action) -> Any:
    """Return a dependency on the site that a path names, if it is in the asker's area."""
    asker: Any = Depends(Needs(action))

    async def found(site_id: Identifier, service: Running, principal: Principal = asker) -> Site:
        return service.directory.site_for(principal, site_id)

    CHECKED_IN_PATH[found] = "site_id"
    return Depends(found)


def session_in_area(action: Action) -> Any:
    """Return a dependency on the session that a path names, if it is in the asker's area."""
    asker: Any = Depends(Needs(action))

    async def found(
        session_id: Identifier, service: Running, principal: Principal = asker
    ) -> Session:
        return await session_for(service, principal, session_id)

    CHECKED_IN_PATH[found] = "session_id"
    return Depends(found)


def token_in_area(action: Action) -> Any:
    """Return a dependency on the token that a path names, if it is in the asker's area."""
    asker: Any = Depends(Needs(action))

    async def found(token_id: Identifier, service: Running, principal: Principal = asker) -> Token:
        return await token_for(service, principal, token_id)

    CHECKED_IN_PATH[found] = "token_id"
    return Depends(found)


def notice_in_area(action: Action) -> Any:
    """Return a dependency on the notice that a path names, if it is the asker's to end."""
    asker: Any = Depends(Needs(action))

    async def found(
        notice_id: Identifier, service: Running, principal: Principal = asker
    ) -> Notice:
        return await notice_for(service, principal, notice_id)

    CHECKED_IN_PATH[found] = "notice_id"
    return Depends(found)


SeenSite = Annotated[Site, site_in_area(Action.READ)]
ReportingSite = Annotated[Site, site_in_area(Action.REPORT)]
EquippedSite = Annotated[Site, site_in_area(Action.EQUIP)]
ManagedSite = Annotated[Site, site_in_area(Action.MANAGE)]
AdminSite = Annotated[Site, site_in_area(Action.ADMIN)]
SeenSession = Annotated[Session, session_in_area(Action.READ)]
ReportingSession = Annotated[Session, session_in_area(Action.REPORT)]
PlannedSession = Annotated[Session, session_in_area(Action.PLAN)]
HandledNotice = Annotated[Notice, notice_in_area(Action.HANDLE)]
EquippedToken = Annotated[Token, token_in_area(Action.EQUIP)]
