"""Addresses that Prometheus reads: ``/metrics``, ``/probe`` and the list of targets."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, HTTPException, Query, Response
from fastapi.params import Depends

from lensong.monitoring.metrics.exposition import Exposition, Page, Part
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["metrics_router"]

_ANSWER_EARLIER_S = 0.5
"""Of the scraper's time limit, kept for the way back; blackbox_exporter keeps the same."""

_TEXT: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI, as FastAPI declares it
    200: {
        "description": "Metrics; OpenMetrics where `Accept` names it.",
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            "application/openmetrics-text": {"schema": {"type": "string"}},
        },
    }
}


def metrics_router(
    exposition: Exposition,
    find_profile: Callable[[str], Awaitable[StreamProfile | None]],
    *,
    dependencies: Sequence[Depends] = (),
) -> APIRouter:
    """Return the routes for Prometheus.

    Parameters
    ----------
    find_profile : callable
        A stream profile by its code, or None.
    dependencies : sequence
        Of FastAPI: who may scrape.
    """
    router = APIRouter(
        tags=["metrics"], dependencies=list(dependencies), route_class=DocumentedRoute
    )

    @router.get(
        "/metrics",
        response_class=Response,
        responses=_TEXT | refusals(404),
    )
    async def metrics(
        part: Annotated[Part, Query(description="All, sites alone, or the service alone.")] = (
            Part.ALL
        ),
        commune: Annotated[
            list[str] | None,
            Query(description="Codes: only sites there, for a share of the work.", max_length=500),
        ] = None,
        accept: Annotated[str, Header()] = "",
        accept_encoding: Annotated[str, Header()] = "",
    ) -> Response:
        """Return the metrics of all sites and of the service."""
        return _answer(
            await exposition.page(
                part=part,
                communes=commune or (),
                accept=accept,
                accept_encoding=accept_encoding,
            )
        )

    @router.get(
        "/probe",
        response_class=Response,
        responses=_TEXT | refusals(400, 404),
    )
    async def probe(
        target: Annotated[str, Query(description="Identifier of a site.")],
        module: Annotated[str, Query(description="Code of a stream profile.")],
        accept: Annotated[str, Header()] = "",
        accept_encoding: Annotated[str, Header()] = "",
        x_prometheus_scrape_timeout_seconds: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Return what is known of a site, judged by a stream profile; nothing is measured."""
        limit_s = _limit_s(x_prometheus_scrape_timeout_seconds)
        profile = await find_profile(module)
        if profile is None:
            raise HTTPException(  # 400, as other exporters answer, where the API says 422
                400,
                f"module is {module[:80]!r}, wanted the code of a stream profile: "
                "GET /api/v1/profiles lists them",
            )
        return _answer(
            await exposition.probe(
                target,
                profile,
                limit_s=limit_s,
                accept=accept,
                accept_encoding=accept_encoding,
            )
        )

    @router.get("/api/v1/sd/prometheus")
    async def targets() -> list[dict[str, Any]]:
        """Return all sites in the form of Prometheus' HTTP service discovery."""
        return [
            {
                "targets": [site.site_id],
                "labels": {
                    "__meta_site_name": site.name,
                    "__meta_commune": site.commune_code,
                    "__meta_commune_name": site.commune_name,
                    "__meta_province": site.province_code,
                    "__meta_operator": site.operator or "",
                    "__meta_rat": site.technology or "",
                    "__meta_profile": site.profile_code or "",
                },
            }
            for site in (await exposition.current()).sites
        ]

    return router


def _limit_s(header: str | None) -> float | None:
    if header is None:
        return None
    try:
        asked_s = float(header)
    except ValueError:
        asked_s = math.nan
    if not 0.0 < asked_s < math.inf:
        raise HTTPException(
            400,
            f"X-Prometheus-Scrape-Timeout-Seconds is {header[:40]!r}, wanted a number above 0",
        )
    return max(asked_s - _ANSWER_EARLIER_S, asked_s / 2.0)


def _answer(page: Page) -> Response:
    headers = {"Vary": "Accept, Accept-Encoding"}
    if page.content_encoding is not None:
        headers["Content-Encoding"] = page.content_encoding
    # given as a header: Starlette would add another charset to media_type
    return Response(page.body, headers=headers | {"Content-Type": page.content_type})
