"""Routes of the page: itself, what it loads, and the reading of a pasted place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from lensong.planner.pages.assets import KINDS, assets, assets_version
from lensong.planner.pages.places import read_place
from lensong.planner.pages.words import LANGUAGES, preferred_language, say, words_of_language
from lensong.propagation.errors import LensongError

__all__ = ["CONTENT_SECURITY_POLICY", "pages_router"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing inline, nothing from elsewhere; MapLibre starts its worker from a blob of its own."""

_COOKIE = "lensong_language"  # as the service's pages have it
_LONGEST_PLACE = 200
Near = Annotated[float | None, Query(ge=-180.0, le=180.0, allow_inf_nan=False)]


def pages_router(
    csrf: Callable[[Request], str] | None = None,
    *,
    home: str = "/planner",
    page_needs: Sequence[Any] = (),
    place_needs: Sequence[Any] = (),
    asset_needs: Sequence[Any] = (),
) -> APIRouter:
    """Return the routes of the page, at ``/planner``.

    Parameters
    ----------
    csrf : callable, optional
        From a request to what the page's scripts send along as ``X-CSRF-Token``; none on loopback.
    home : str
        Where the name at the top leads.
    page_needs, place_needs, asset_needs : sequence
        Dependencies of the page, of the reading of a place, and of what the page loads.
    """
    router = APIRouter(include_in_schema=False)

    @router.get("/planner", dependencies=list(page_needs))
    def page(request: Request, language: str = "") -> Response:
        chosen = _language(request, language)
        root: str = request.scope.get("root_path", "")
        answer = HTMLResponse(
            _page().render(
                language=chosen,
                other="en" if chosen == "vi" else "vi",
                root=root,
                home=root + home,
                static=f"{root}/planner/static/{assets_version()}",
                csrf=csrf(request) if csrf else "",
                t=lambda key, **values: say(key, chosen, **values),
                words=_for_script(words_of_language(chosen)),
            ),
            headers={
                "Cache-Control": "private, no-store",
                "Content-Security-Policy": CONTENT_SECURITY_POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            },
        )
        if language in LANGUAGES:
            answer.set_cookie(
                _COOKIE, language, max_age=31_536_000, path=root or "/", samesite="lax"
            )
        return answer

    @router.get("/planner/static/{version}/{name}", dependencies=list(asset_needs))
    def asset(version: str, name: str) -> Response:
        if name not in assets() or version != assets_version():
            return _refused(404, "not_found", "there is no such file of this version: reload")
        return Response(
            assets()[name],
            media_type=KINDS[name.rpartition(".")[2]],
            headers={
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            },
        )

    @router.get("/planner/place", dependencies=list(place_needs))
    def place(
        text: str, crs: str = "", near_lat_deg: Near = None, near_lon_deg: Near = None
    ) -> Response:
        near = None
        if near_lat_deg is not None and near_lon_deg is not None:
            near = near_lat_deg, near_lon_deg
        try:
            lat_deg, lon_deg = read_place(text[:_LONGEST_PLACE], crs, near)
        except LensongError as error:
            return _refused(422, "invalid", str(error))
        return JSONResponse({"lat_deg": lat_deg, "lon_deg": lon_deg})

    return router


def _language(request: Request, asked: str) -> str:
    for given in (asked, request.cookies.get(_COOKIE, "")):
        if given in LANGUAGES:
            return given
    return preferred_language(request.headers.get("accept-language", ""))


def _for_script(words: dict[str, str]) -> Markup:
    """Return JSON that may stand in a script element: no ``<`` can end it."""
    return Markup(json.dumps(words, ensure_ascii=False).replace("<", "\\u003c"))


def _refused(status: int, code: str, detail: str) -> JSONResponse:
    content = {"type": "about:blank", "status": status, "code": code, "title": code}
    return JSONResponse(content | {"detail": detail}, status, media_type="application/problem+json")


@cache
def _page() -> Template:
    environment = Environment(
        loader=PackageLoader("lensong.planner.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("planner.html")
