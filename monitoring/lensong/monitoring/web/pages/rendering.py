"""Drawing pages: the template engine, shapes of states, and what stands for a refusal."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.errors import NotSignedInError
from lensong.monitoring.operations.sessions import session_for
from lensong.monitoring.records import Session, Site
from lensong.monitoring.service import Service
from lensong.monitoring.web.addresses import path_within
from lensong.monitoring.web.guards import CHECKED_IN_PATH, Needs, Running
from lensong.monitoring.web.pages.assets import asset_path
from lensong.monitoring.web.pages.marks import mark
from lensong.monitoring.web.pages.words import Words
from lensong.monitoring.web.problems import language_of

__all__ = [
    "PageNeeds",
    "SignInFirstError",
    "draw_part",
    "error_page",
    "load_templates",
    "page_session",
    "page_site",
    "render",
    "to_sign_in",
    "words_in",
    "words_of",
]


class SignInFirstError(Exception):
    """Nobody is signed in who asks for a page: they are sent to the sign-in, and back."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(wanted)


class PageNeeds(Needs):
    """As `Needs`, for pages: who is not signed in is sent to the sign-in."""

    async def __call__(self, request: Request) -> Principal:  # type: ignore[override]  # no OpenAPI
        """Return who asks, if they may."""
        try:
            return await super().__call__(request)
        except NotSignedInError as error:
            raise SignInFirstError(_here(request)) from error


def page_site(action: Action) -> Any:
    """Return a dependency on the site that the path of a page names, if it is in the area."""
    asker: Any = Depends(PageNeeds(action))

    async def found(site_id: str, service: Running, principal: Principal = asker) -> Site:
        return service.directory.site_for(principal, site_id)

    CHECKED_IN_PATH[found] = "site_id"
    return Depends(found)


def page_session(action: Action) -> Any:
    """Return a dependency on the session that the path of a page names, if it is in the area."""
    asker: Any = Depends(PageNeeds(action))

    async def found(session_id: str, service: Running, principal: Principal = asker) -> Session:
        return await session_for(service, principal, session_id)

    CHECKED_IN_PATH[found] = "session_id"
    return Depends(found)


def _here(request: Request) -> str:
    """Return what was asked for, within the service."""
    query = request.url.query
    return path_within(request.scope) + (f"?{query}" if query else "")


def words_of(request: Request) -> Words:
    """Return the words of whoever asks."""
    service: Service = request.app.state.service
    return words_in(service, language_of(request))


def words_in(service: Service, language: str) -> Words:
    """Return the words of a language, with the service's links and its time zone."""
    zone = ZoneInfo(service.config.time_zone)
    return Words(language, zone, service.clock.now(), service.config.root)


@pass_context
def _asset(context: Context, name: str) -> str:
    """Return the address of an asset in a page."""
    words: Words = context["w"]
    return words.root + asset_path(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lensong.monitoring.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=_asset, mark=mark, timedelta=timedelta, Action=Action)
    return environment


def load_templates() -> None:
    """Compile every template now, not when it is first asked for."""
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)


def render(
    request: Request,
    template: str,
    *,
    principal: Principal | None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Return a page."""
    service: Service = request.app.state.service
    text = (
        _environment()
        .get_template(template)
        .render(
            w=words_of(request),
            principal=principal,
            may=lambda action: principal is not None and principal.may(action),
            path=path_within(request.scope),
            here=_here(request),
            demo=service.config.demo,
            planner=service.config.scenario is not None,
            now=service.clock.now(),
            **values,
        )
    )
    return HTMLResponse(text, status, headers={"Cache-Control": "private, no-store"})


def draw_part(template: str, *, words: Words, **values: Any) -> Markup:
    """Return a part of pages that is the same for all who may see it, whoever asks."""
    return Markup(_environment().get_template(template).render(w=words, now=words.now, **values))


async def to_sign_in(request: Request, error: Exception) -> Response:
    """Send whoever is not signed in to the sign-in, and back afterwards."""
    assert isinstance(error, SignInFirstError)
    return RedirectResponse(f"{request.scope['root_path']}/sign-in?next={quote(error.wanted)}", 303)


def error_page(request: Request, status: int, title: str, detail: str) -> HTMLResponse:
    """Return a refusal as a page, for people who opened an address in a browser."""
    principal = getattr(request.state, "asker", None)
    return render(
        request, "error.html", principal=principal, status=status, title=title, detail=detail
    )
