"""The planner's page: drawn by the server, everything that it loads served from the package."""

from __future__ import annotations

from lensong.planner.pages.routes import pages_router

__all__ = ["pages_router"]
