"""Drawing pages: the template engine, shapes of states, and what stands for a refusal."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.errors import NotSignedInError
from lensong.monitoring.service import Service
from lensong.monitoring.web.guards import Needs
from lensong.monitoring.web.problems import language_of
from lensong.monitoring.web.screens.assets import asset_url
from lensong.monitoring.web.screens.words import Words

__all__ = [
    "PageNeeds",
    "SignInFirstError",
    "error_page",
    "mark",
    "render",
    "to_sign_in",
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


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def words_of(request: Request) -> Words:
    """Return the words of whoever asks."""
    service: Service = request.app.state.service
    return Words(language_of(request), ZoneInfo(service.config.time_zone))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("lensong.monitoring.web.screens"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=asset_url, mark=mark, timedelta=timedelta, Action=Action)
    return environment


_SHAPES = {
    # shape, sign and word tell the states apart; colour only helps
    "ready": '<circle cx="12" cy="12" r="11"/><path class="sign" d="M6.5 12.5l4 4 7-8.5"/>',
    "at_risk": '<path d="M12 1L23.5 22H.5z"/><path class="sign" d="M12 8.5v6.5M12 18.2v.3"/>',
    "not_ready": '<rect x="1.5" y="1.5" width="21" height="21" rx="3"/>'
    '<path class="sign" d="M7.5 7.5l9 9m0-9l-9 9"/>',
    "unknown": '<path class="hollow" d="M12 1.5L22.5 12 12 22.5 1.5 12z"/>'
    '<path class="sign dark" d="M9.6 9.8a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1 .8-1 1.6M12 16.6v.2"/>',
}
_SAME_SHAPE = {"ok": "ready", "not_ok": "not_ready", "down": "not_ready"}


def mark(state: str, size: int = 24) -> Markup:
    """Return the shape of a state; the word beside it says the same to screen readers."""
    name = _SAME_SHAPE.get(state, state)
    return Markup(
        '<svg class="mark {}" width="{}" height="{}" viewBox="0 0 24 24" aria-hidden="true">'
        "{}</svg>"
    ).format(name, size, size, Markup(_SHAPES.get(name, _SHAPES["unknown"])))


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
            path=request.url.path,
            here=_here(request),
            demo=service.config.demo,
            now=service.clock.now(),
            **values,
        )
    )
    return HTMLResponse(text, status, headers={"Cache-Control": "private, no-store"})


async def to_sign_in(request: Request, error: Exception) -> Response:  # noqa: ARG001 (Starlette's signature)
    """Send whoever is not signed in to the sign-in, and back afterwards."""
    assert isinstance(error, SignInFirstError)
    return RedirectResponse(f"/sign-in?next={quote(error.wanted)}", 303)


def error_page(request: Request, status: int, title: str, detail: str) -> HTMLResponse:
    """Return a refusal as a page, for people who opened an address in a browser."""
    return render(request, "error.html", principal=None, status=status, title=title, detail=detail)
