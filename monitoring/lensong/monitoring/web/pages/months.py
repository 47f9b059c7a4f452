"""The page of a month: what was planned, promised and held, and how operators compare."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.operations.months import month_for
from lensong.monitoring.reports.monthly import FEW_HOURS, FEW_SESSIONS, FEW_TESTS
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["router"]

router = APIRouter()


@router.get("/reports/monthly")
async def show(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    month: str | None = None,
    site: str | None = None,
    commune: str | None = None,
    province: str | None = None,
) -> Response:
    """Show the report of a month, to be read, printed or saved."""
    chosen = {"site": site or None, "commune": commune or None, "province": province or None}
    report = await month_for(
        service,
        principal,
        month or None,
        site_id=chosen["site"],
        commune_code=chosen["commune"],
        province_code=chosen["province"],
    )
    directory = service.directory
    communes = {item.commune_code for item in directory.visible_to(principal)}
    return render(
        request,
        "monthly.html",
        principal=principal,
        report=report,
        chosen={name: value for name, value in chosen.items() if value is not None},
        place_name=directory.sites[chosen["site"]].name
        if chosen["site"]
        else directory.communes[chosen["commune"]].name
        if chosen["commune"]
        else directory.provinces[chosen["province"]].name
        if chosen["province"]
        else "",
        before=(report.since - timedelta(days=1)).strftime("%Y-%m"),
        after=report.until.strftime("%Y-%m"),
        communes=sorted(
            (directory.communes[code] for code in communes), key=lambda item: item.name
        ),
        few={"sessions": FEW_SESSIONS, "tests": FEW_TESTS, "hours": FEW_HOURS},
    )
