"""The pages: drawn by the server, brought up to date by small scripts, nothing from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter

from lensong.monitoring.web.pages import (
    account,
    admin,
    assets,
    calendar_feeds,
    doors,
    imports,
    map_base,
    months,
    notices,
    phone,
    places,
    public_status,
    runbooks,
    session_list,
    sessions,
    shared,
    site_search,
    sites,
    start,
    timeline,
    wallboard,
)

__all__ = ["pages_router"]


def pages_router() -> APIRouter:
    """Return the routes of all pages."""
    router = APIRouter(include_in_schema=False)
    for part in (
        assets,
        doors,
        calendar_feeds,
        site_search,
        phone,
        wallboard,
        sites,
        places,
        imports,
        map_base,
        notices,
        timeline,
        months,
        runbooks,
        public_status,
        session_list,
        sessions,
        shared,
        start,
        account,
        admin,
    ):
        router.include_router(part.router)
    return router
