"""Suppressions of domains note everybody there; PostgreSQL counts days by statement, and claims in order.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carillon.store.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0007")
    waiting = sa.text("status IN ('scheduled', 'processing', 'in_doubt')")
    op.drop_index("outbox_waiting", "outbox")
    op.create_index(
        "outbox_waiting",
        "outbox",
        ["account_id", "send_at", "id"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
