"""The address under which others reach the service."""

from __future__ import annotations

from fastapi import Request

from lensong.monitoring.service import Service

__all__ = ["public_url"]


def public_url(service: Service, request: Request) -> str:
    """Return the address to put into links, without a slash at its end."""
    if service.config.public_url:
        return service.config.public_url.rstrip("/")
    return str(request.base_url).rstrip("/")
