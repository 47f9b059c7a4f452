"""The addresses of the uplink test."""

from __future__ import annotations

from fastapi import APIRouter, Request, WebSocket
from fastapi.responses import JSONResponse

from lensong.monitoring.uplink import ndt7, sustained
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.service import UplinkService
from lensong.monitoring.watch.channel import run_watch
from lensong.monitoring.watch.desk import WatchDesk

__all__ = ["uplink_router"]


def uplink_router(service: UplinkService, watches: WatchDesk | None = None) -> APIRouter:
    """Return the routes of ndt7, of our own test and of the light watch.

    Parameters
    ----------
    service : UplinkService
        Every route asks it for a permit; none needs another kind of sign-in.
    watches : WatchDesk, optional
        Where the watches are counted; without it there is no such route.
    """
    router = APIRouter(tags=["uplink"])

    @router.websocket("/ndt/v7/download")
    async def download(websocket: WebSocket) -> None:
        await ndt7.run_download(service, websocket)

    @router.websocket("/ndt/v7/upload")
    async def upload(websocket: WebSocket) -> None:
        await ndt7.run_upload(service, websocket)

    @router.websocket("/uplink/v1/test")
    async def test(websocket: WebSocket) -> None:
        await sustained.run_test(service, websocket)

    @router.websocket("/uplink/v1/probe")
    async def probe(websocket: WebSocket) -> None:
        await sustained.answer_probe(service, websocket)

    if watches is not None:

        @router.websocket("/uplink/v1/watch")
        async def watch(websocket: WebSocket) -> None:
            await run_watch(watches, service.clock, service.greetings, websocket)

    @router.get("/uplink/v1/limits", summary="What an uplink test may cost, and when.")
    async def limits(request: Request, profile: str | None = None) -> JSONResponse:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else None
        permit = await service.permit(given, request.client.host if request.client else "")
        headers = {"Cache-Control": "no-store"}
        if isinstance(permit, Refusal):
            return JSONResponse(permit.message(), permit.http_status, headers)
        return JSONResponse(service.limits(permit, profile), headers=headers)

    return router
