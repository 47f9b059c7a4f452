"""On what the level of a prediction rests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this version: of what was predicted nobody said on what it rests."""
    op.add_column("predictions", sa.Column("basis", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back."""
    with op.batch_alter_table("predictions", schema=None) as batch_op:
        batch_op.drop_column("basis")
