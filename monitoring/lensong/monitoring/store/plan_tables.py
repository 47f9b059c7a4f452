"""The tables of what coverage plans say of sites and show of the land."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, LargeBinary, Table, Text

from lensong.monitoring.store.columns import Moment, metadata, site_column

__all__ = ["plan_grounds", "plan_streams", "predictions"]

plan_grounds = Table(  # what a coverage plan shows of the land
    "plan_grounds",
    metadata,
    Column("coverage_run", Text, primary_key=True),
    Column("province_code", Text, primary_key=True),  # "" for all
    Column("title", Text, nullable=False),
    Column("computed_at", Moment, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("west_deg", Float, nullable=False),
    Column("south_deg", Float, nullable=False),
    Column("east_deg", Float, nullable=False),
    Column("north_deg", Float, nullable=False),
    Column("relief_png", LargeBinary, nullable=False),
    Column("service", Text, nullable=False),  # by which villages are classed
    Column("villages", JSON, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    site_column(primary_key=True),
    Column("technology", Text, primary_key=True),
    Column("operator", Text, primary_key=True),  # "" where the plan does not tell
    Column("coverage_run", Text, nullable=False),
    Column("rsrp_dbm", Float),
    Column("uplink_p50_bps", Float),
    Column("sigma_db", Float, nullable=False),
    Column("computed_at", Moment, nullable=False),
    Column("synthetic", Boolean, nullable=False, default=False),
    Column("cell_id", Text),  # that serves
    Column("basis", Text),  # on what the level rests, of a calibrated plan
)

plan_streams = Table(  # how many streams a plan lets hold at once at a site
    "plan_streams",
    metadata,
    site_column(primary_key=True),
    Column("service", Text, primary_key=True),
    Column("operator", Text, primary_key=True),  # "" for any
    Column("coverage_run", Text, nullable=False),
    Column("village", Text, nullable=False),
    Column("uplink_bps", Float, nullable=False),
    Column("probability", Float, nullable=False),
    Column("chances", JSON, nullable=False),
    Column("computed_at", Moment, nullable=False),
    Column("synthetic", Boolean, nullable=False),
)
