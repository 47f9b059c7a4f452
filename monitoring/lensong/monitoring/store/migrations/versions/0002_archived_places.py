"""Places that are archived: out of sight, with all that was measured there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("provinces", "communes", "sites")


def upgrade() -> None:
    """Go to this version."""
    for table in _TABLES:
        op.add_column(table, sa.Column("archived_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Go back."""
    for table in reversed(_TABLES):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("archived_at")
