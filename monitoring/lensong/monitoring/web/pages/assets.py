"""Style sheets, scripts and the icon out of the package, under addresses that change with them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Depends, Response

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.web.guards import anybody

__all__ = ["asset_path", "asset_text", "router"]

router = APIRouter(dependencies=[Depends(anybody)])

_KINDS = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@cache
def _assets() -> dict[str, tuple[bytes, str]]:
    """Return content and hash of every asset by its name."""
    folder = files("lensong.monitoring.web.pages").joinpath("static")
    found: dict[str, tuple[bytes, str]] = {}
    for entry in folder.iterdir():
        if entry.name.rpartition(".")[2] in _KINDS:
            content = entry.read_bytes()
            found[entry.name] = (content, hashlib.sha256(content).hexdigest()[:12])
    return found


def asset_path(name: str) -> str:
    """Return the path of an asset within the service; it changes when the asset does."""
    return f"/static/{_assets()[name][1]}/{name}"


def asset_text(name: str) -> str:
    """Return the text of an asset."""
    return _assets()[name][0].decode()


@router.get("/static/{version}/{name}")
async def asset(version: str, name: str) -> Response:
    """Return an asset; browsers keep it for a year."""
    if name not in _assets() or _assets()[name][1] != version:
        raise NotFoundError("there is no such file of this version: load the page again")
    return Response(
        _assets()[name][0],
        media_type=_KINDS[name.rpartition(".")[2]],
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


@router.get("/favicon.ico")
async def icon() -> Response:
    """Return the icon."""
    return Response(
        _assets()["icon.svg"][0],
        media_type=_KINDS["svg"],
        headers={"Cache-Control": "public, max-age=86400"},
    )
