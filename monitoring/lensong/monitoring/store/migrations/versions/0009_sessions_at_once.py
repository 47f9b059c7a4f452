"""Several sessions at a site at once, each in its lane, and what plans say of streams at once."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version: what there is lies in the first lane."""
    op.add_column(
        "sites", sa.Column("sessions_at_once", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("sessions", sa.Column("lane", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("predictions", sa.Column("cell_id", sa.Text(), nullable=True))
    op.create_table(
        "plan_streams",
        sa.Column("site_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("coverage_run", sa.Text(), nullable=False),
        sa.Column("village", sa.Text(), nullable=False),
        sa.Column("uplink_bps", sa.Float(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("chances", sa.JSON(), nullable=False),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.site_id"],
            name=op.f("fk_plan_streams_site_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("site_id", "service", "operator", name=op.f("pk_plan_streams")),
    )
    _replace("stream_sources", _SOURCE, ["site_id", "lane"], lane="1")
    _replace("stream_health", _HEALTH, ["site_id", "lane"], lane="1")


def downgrade() -> None:
    """Go back: what lies in other lanes than the first is dropped."""
    _replace("stream_health", _HEALTH, ["site_id"])
    _replace("stream_sources", _SOURCE, ["site_id"])
    op.drop_table("plan_streams")
    for table, column in (
        ("predictions", "cell_id"),
        ("sessions", "lane"),
        ("sites", "sessions_at_once"),
    ):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(column)


_SOURCE = (
    ("kind", sa.Text(), False),
    ("url", sa.Text(), True),
    ("stream_key", sa.Text(), True),
    ("secret", sa.Text(), True),
    ("media_url", sa.Text(), True),
    ("created_at", sa.BigInteger(), False),
)
_HEALTH = (("body", sa.JSON(), False), ("at", sa.BigInteger(), False))


def _replace(
    name: str,
    columns: tuple[tuple[str, Any, bool], ...],  # Any: alembic's kinds of columns
    key: list[str],
    *,
    lane: str | None = None,
) -> None:
    """Give a table another primary key: SQLite cannot change one."""
    old = f"{name}_old"
    op.rename_table(name, old)
    if op.get_bind().dialect.name == "postgresql":  # names of keys are the database's there
        for kind in ("pk", "fk"):
            rest = "" if kind == "pk" else "_site_id"
            op.drop_constraint(f"{kind}_{name}{rest}", old)
    op.create_table(
        name,
        sa.Column("site_id", sa.Text(), nullable=False),
        *([] if lane is None else [sa.Column("lane", sa.Integer(), nullable=False)]),
        *(sa.Column(column, kind, nullable=nullable) for column, kind, nullable in columns),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.site_id"],
            name=op.f(f"fk_{name}_site_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
    )
    kept = ", ".join(("site_id", *(column for column, _, _ in columns)))
    added, value = ("", "") if lane is None else (", lane", f", {lane}")
    where = "" if lane is not None else " WHERE lane = 1"
    op.execute(  # names and numbers of this file alone
        f"INSERT INTO {name} ({kept}{added}) SELECT {kept}{value} FROM {old}{where}"
    )
    op.drop_table(old)
