"""The phone's page: a link opened once, then a page that works without a network."""

from __future__ import annotations

import hashlib
import json

from fastapi import APIRouter, Depends, Request, Response

from lensong.monitoring.messages import catalogue
from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.pages.assets import asset_path, asset_text
from lensong.monitoring.web.pages.rendering import render
from lensong.monitoring.web.problems import language_of

__all__ = ["router"]

router = APIRouter(dependencies=[Depends(anybody)])

_PARTS = ("motion", "sessions", "store", "test", "verdict", "watch", "words")
_SHELL = (
    "phone.css",
    "phone.js",
    *(f"phone-{name}.js" for name in _PARTS),
    "icon.svg",
)
_TOPICS = ("phone.", "state.", "profile.", "uplink.", "word.")


@router.get("/p/sw.js")
async def service_worker(request: Request) -> Response:
    """Return the script that keeps the page for when there is no network."""
    root: str = request.scope["root_path"]
    urls = [root + asset_path(name) for name in _SHELL]
    version = hashlib.sha256("".join(urls).encode()).hexdigest()[:12]
    known = {"ROOT": root, "VERSION": version, "SHELL": urls}
    head = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in known.items())
    return Response(
        head + asset_text("phone-worker.js"),
        media_type="text/javascript; charset=utf-8",
        # "/p" itself lies above the script, which must be said
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": f"{root}/p"},
    )


@router.get("/p")
@router.get("/p/{secret}")
async def page(request: Request, service: Running, secret: str = "") -> Response:  # noqa: ARG001 (its script reads it)
    """Show the page; the secret is used by its script and leaves the address bar at once."""
    language, root = language_of(request), request.scope["root_path"]
    words = {key: entry[language] for key, entry in catalogue().items() if key.startswith(_TOPICS)}
    return render(
        request,
        "phone.html",
        principal=None,
        words=words,
        places={
            "zone": service.config.time_zone,
            **{name: root + asset_path(f"phone-{name}.js") for name in _PARTS},
        },
    )
