"""Alembic's entry: it runs on the connection that `lensong.monitoring.store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from lensong.monitoring.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transaction_per_migration=False,
)
context.run_migrations()
