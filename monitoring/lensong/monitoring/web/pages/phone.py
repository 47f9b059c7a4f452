"""The phone's page: a link opened once, then a page that works without a network."""

from __future__ import annotations

import hashlib
import json

from fastapi import APIRouter, Depends, Request, Response

from lensong.monitoring.messages import catalogue
from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.pages.assets import asset_text, asset_url
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
async def service_worker() -> Response:
    """Return the script that keeps the page for when there is no network."""
    urls = [asset_url(name) for name in _SHELL]
    version = hashlib.sha256("".join(urls).encode()).hexdigest()[:12]
    head = f"const VERSION = {json.dumps(version)};\nconst SHELL = {json.dumps(urls)};\n"
    return Response(
        head + asset_text("phone-worker.js"),
        media_type="text/javascript; charset=utf-8",
        # "/p" itself lies above the script, which must be said
        headers={"Cache-Control": "no-cache", "Service-Worker-Allowed": "/p"},
    )


@router.get("/p")
@router.get("/p/{secret}")
async def page(request: Request, service: Running, secret: str = "") -> Response:  # noqa: ARG001 (its script reads it)
    """Show the page; the secret is used by its script and leaves the address bar at once."""
    language = language_of(request)
    words = {key: entry[language] for key, entry in catalogue().items() if key.startswith(_TOPICS)}
    return render(
        request,
        "phone.html",
        principal=None,
        words=words,
        places={
            "zone": service.config.time_zone,
            **{name: asset_url(f"phone-{name}.js") for name in _PARTS},
        },
    )
