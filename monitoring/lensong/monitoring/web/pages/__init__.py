"""The pages: drawn by the server, brought up to date by small scripts, nothing from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter

from lensong.monitoring.web.pages import (
    admin,
    assets,
    doors,
    imports,
    phone,
    places,
    session_list,
    sessions,
    shared,
    sites,
    start,
    wallboard,
)

__all__ = ["pages_router"]


def pages_router() -> APIRouter:
    """Return the routes of all pages."""
    router = APIRouter(include_in_schema=False)
    for part in (
        assets,
        doors,
        phone,
        wallboard,
        sites,
        places,
        imports,
        session_list,
        sessions,
        shared,
        start,
        admin,
    ):
        router.include_router(part.router)
    return router
