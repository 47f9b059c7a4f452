"""What coverage plans say of sites, on its way in.

A plan lies on the disk of whoever made it; `lensong import-plan` reads it there and sends the few
numbers that concern our sites.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from lensong.monitoring.operations.predictions import keep_predictions
from lensong.monitoring.store.places import Prediction
from lensong.monitoring.web.api.shapes import Body, Identifier, Line, Rate, Short, Technology, Time
from lensong.monitoring.web.guards import Manager, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["PredictionsIn", "router"]

router = APIRouter(
    prefix="/api/v1/coverage-runs", tags=["coverage runs"], route_class=DocumentedRoute
)


class PredictionIn(Body):
    """What a plan says of a site, for one technology and operator."""

    site_id: Identifier
    technology: Technology
    operator: Annotated[Line, Field(max_length=60)] = ""
    rsrp_dbm: Annotated[float, Field(ge=-160.0, le=-20.0, allow_inf_nan=False)] | None = None
    uplink_p50_bps: Rate | None = None
    sigma_db: Annotated[float, Field(ge=0.0, le=60.0, allow_inf_nan=False)]


class PredictionsIn(Body):
    """What a plan says of sites; those without signal lose what older plans said of them."""

    computed_at: Time
    synthetic: bool = False
    predictions: Annotated[list[PredictionIn], Field(max_length=5_000)]
    no_signal: Annotated[list[Identifier], Field(max_length=5_000)] = Field(default_factory=list)


class PredictionsOut(Body):
    """Of how many sites the prediction is now this plan's."""

    predicted: int
    no_signal: int


@router.put("/{run_id}/predictions", responses=refusals(404))
async def put_run(
    run_id: Short, body: PredictionsIn, service: Running, principal: Manager
) -> PredictionsOut:
    """Take in what a coverage plan says of sites, in place of what older plans said of them.

    Sites that are not named keep what they have. Open sessions of the others are judged anew.
    """
    found = [
        Prediction(
            **item.model_dump(),
            coverage_run=run_id,
            computed_at=body.computed_at,
            synthetic=body.synthetic,
        )
        for item in body.predictions
    ]
    await keep_predictions(service, principal, run_id, found, body.no_signal)
    return PredictionsOut(
        predicted=len({item.site_id for item in found}), no_signal=len(set(body.no_signal))
    )
