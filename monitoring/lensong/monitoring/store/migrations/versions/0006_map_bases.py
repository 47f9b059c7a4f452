"""What lies under the sites on a map: outlines of communes, and the ground of coverage plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    op.create_table(
        "outlines",
        sa.Column("commune_code", sa.Text(), nullable=False),
        sa.Column("rings_deg", sa.JSON(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["commune_code"],
            ["communes.code"],
            name=op.f("fk_outlines_commune_code"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("commune_code", name=op.f("pk_outlines")),
    )
    op.create_table(
        "plan_grounds",
        sa.Column("coverage_run", sa.Text(), nullable=False),
        sa.Column("province_code", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("west_deg", sa.Float(), nullable=False),
        sa.Column("south_deg", sa.Float(), nullable=False),
        sa.Column("east_deg", sa.Float(), nullable=False),
        sa.Column("north_deg", sa.Float(), nullable=False),
        sa.Column("relief_png", sa.LargeBinary(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("villages", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("coverage_run", "province_code", name=op.f("pk_plan_grounds")),
    )


def downgrade() -> None:
    """Go back to the version before."""
    op.drop_table("plan_grounds")
    op.drop_table("outlines")
