"""Webhooks in the formats of messengers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version."""
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("form", sa.Text(), nullable=False, server_default="lensong"))
        batch_op.add_column(sa.Column("options", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("language", sa.Text(), nullable=False, server_default="vi"))


def downgrade() -> None:
    """Go back to the version before."""
    with op.batch_alter_table("webhooks", schema=None) as batch_op:
        batch_op.drop_column("language")
        batch_op.drop_column("options")
        batch_op.drop_column("form")
