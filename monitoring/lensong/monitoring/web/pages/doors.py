"""Signing in, choosing a password, choosing a language."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.messages import LANGUAGES
from lensong.monitoring.store.people import get_person, join_of
from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.pages.rendering import render

__all__ = ["router"]

router = APIRouter(dependencies=[Depends(anybody)])


def local_path(wanted: str | None) -> str:
    r"""Return a path of this service, whatever was asked for.

    Browsers take a backslash for a slash and leave out tabs and ends of lines, wherever they stand.

    Examples
    --------
    >>> [local_path(text) for text in ("/sites?a=1", "//evil.example", "/\t/evil.example", None)]
    ['/sites?a=1', '/', '/', '/']
    """
    if not wanted or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    return "/" if any(ord(letter) < 33 or letter == "\\" for letter in wanted) else wanted


@router.get("/sign-in")
async def sign_in(request: Request, next: str | None = None) -> Response:  # noqa: A002 (of the address)
    """Show the form to sign in."""
    return render(request, "sign_in.html", principal=None, next=local_path(next))


@router.get("/welcome/{secret}")
async def welcome(secret: str, request: Request, service: Running) -> Response:
    """Show the form in which a person chooses a password by a one-time link."""
    async with service.database.reading() as connection:
        join = await join_of(connection, secret, service.clock.now())
        if join is None or join.person_id is None:
            raise NotFoundError("this link was used already or is too old: ask for a new one")
        person = await get_person(connection, join.person_id)
    return render(request, "welcome.html", principal=None, secret=secret, person=person)


@router.get("/language/{language}")
async def choose_language(
    request: Request,
    language: str,
    next: str | None = None,  # noqa: A002
) -> Response:
    """Remember the language of this browser."""
    if language not in LANGUAGES:
        raise NotFoundError(f"language is {language[:20]!r}, wanted vi or en")
    root: str = request.scope["root_path"]
    response = RedirectResponse(root + local_path(next), 303)
    response.set_cookie(
        "lensong_language", language, max_age=31_536_000, path=root or "/", samesite="lax"
    )
    return response
