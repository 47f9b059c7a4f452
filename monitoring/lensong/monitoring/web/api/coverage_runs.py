"""What coverage plans say of sites and show of the land, on its way in.

A plan lies on the disk of whoever made it; `lensong import-plan` reads it there and sends the few
numbers that concern our sites, and the little that a map of them needs.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Base64Bytes, Field

from lensong.monitoring.map_bases import Edges, Outline, PlanGround
from lensong.monitoring.operations.map_bases import area_of, keep_ground
from lensong.monitoring.operations.predictions import keep_predictions
from lensong.monitoring.records import MOST_AT_ONCE
from lensong.monitoring.store.places import PlanStreams, Prediction
from lensong.monitoring.web.api.shapes import (
    Body,
    Code,
    Identifier,
    Latitude,
    Line,
    Longitude,
    Rate,
    Short,
    Technology,
    Text,
    Time,
)
from lensong.monitoring.web.guards import Manager, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["GroundIn", "PredictionsIn", "router"]

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
    cell_id: Annotated[
        Line | None,
        Field(max_length=100, description="Which serves there: sites with one in common share it."),
    ] = None
    basis: Annotated[
        Literal["measured", "calibrated here", "model only"] | None,
        Field(description="On what the level rests, of a calibrated plan."),
    ] = None


_Chance = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class StreamsIn(Body):
    """How many streams a plan lets hold at once at a site, for one service and operator.

    ``chances`` are of 1, 2, 3 ... streams. Without ``operator`` each seller takes the one that
    suits. ``village`` is the one of the plan in which the site lies.
    """

    site_id: Identifier
    service: Annotated[Line, Field(min_length=1, max_length=60)]
    operator: Annotated[Line, Field(max_length=60)] = ""
    village: Annotated[Line, Field(max_length=200)]
    uplink_bps: Annotated[Rate, Field(gt=0.0)]
    probability: _Chance
    chances: Annotated[list[_Chance], Field(min_length=1, max_length=MOST_AT_ONCE)]


class PredictionsIn(Body):
    """What a plan says of sites; those without signal lose what older plans said of them."""

    computed_at: Time
    synthetic: bool = False
    predictions: Annotated[list[PredictionIn], Field(max_length=5_000)]
    no_signal: Annotated[list[Identifier], Field(max_length=5_000)] = Field(default_factory=list)
    streams: Annotated[
        list[StreamsIn],
        Field(max_length=20_000, description="Of the sites that are predicted, and no others."),
    ] = Field(default_factory=list)


class PredictionsOut(Body):
    """Of how many sites the prediction is now this plan's, and its streams at once."""

    predicted: int
    with_streams: int
    no_signal: int


_Ring = Annotated[list[tuple[Longitude, Latitude]], Field(min_length=4, max_length=20_000)]


class EdgesIn(Body):
    """The rectangle of a plan's ground."""

    west_deg: Longitude
    south_deg: Latitude
    east_deg: Longitude
    north_deg: Latitude


class OutlineIn(Body):
    """The outline of a commune: closed lines, holes among them, of longitude and latitude."""

    commune_code: Code
    rings_deg: Annotated[list[_Ring], Field(min_length=1, max_length=500)]


class GroundIn(Body):
    """What a plan shows of the land.

    ``relief_png`` is a picture of the ground as it lies between ``edges``, north up, in degrees.
    ``villages`` are longitude, latitude and class by ``service``.
    """

    title: Text
    computed_at: Time
    synthetic: bool = False
    edges: EdgesIn
    relief_png: Base64Bytes = b""
    outlines: Annotated[list[OutlineIn], Field(max_length=2_000)] = Field(default_factory=list)
    service: Annotated[Line, Field(max_length=60)] = ""
    villages: Annotated[
        list[
            tuple[
                Longitude,
                Latitude,
                Literal["covered", "patchy", "no_signal", "beyond_radius", "unknown"],
            ]
        ],
        Field(max_length=20_000),
    ] = Field(default_factory=list)


class GroundOut(Body):
    """Of which communes the outlines were kept, and which communes there are none of."""

    outlines: list[str]
    unknown_communes: list[str]


@router.put("/{run_id}/ground")
async def put_ground(
    run_id: Short, body: GroundIn, service: Running, principal: Manager
) -> GroundOut:
    """Take in what a coverage plan shows of the land, for the maps of the asker's area.

    It replaces what plans showed whose ground lies within this one's, and the outlines of the
    communes that are named and known.
    """
    ground = PlanGround(
        coverage_run=run_id,
        province_code=area_of(principal),
        title=body.title,
        computed_at=body.computed_at,
        synthetic=body.synthetic,
        edges=Edges(**body.edges.model_dump()),
        relief_png=body.relief_png,
        service=body.service,
        villages=tuple(body.villages),
    )
    outlines = [
        Outline(
            commune_code=item.commune_code,
            rings_deg=tuple(tuple(ring) for ring in item.rings_deg),
            synthetic=body.synthetic,
        )
        for item in body.outlines
    ]
    kept = await keep_ground(service, principal, ground, outlines)
    return GroundOut(outlines=list(kept.outlines), unknown_communes=list(kept.unknown))


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
    streams = [
        PlanStreams(
            **(item.model_dump() | {"chances": tuple(item.chances)}),
            coverage_run=run_id,
            computed_at=body.computed_at,
            synthetic=body.synthetic,
        )
        for item in body.streams
    ]
    await keep_predictions(service, principal, run_id, found, body.no_signal, streams)
    return PredictionsOut(
        predicted=len({item.site_id for item in found}),
        with_streams=len({item.site_id for item in streams}),
        no_signal=len(set(body.no_signal)),
    )
