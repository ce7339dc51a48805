"""Slots that are still to come are found without those that were used.

Revision ID: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("status = 'pending'")
    op.create_index(
        "send_slots_pending",
        "send_slots",
        ["account_id", "send_at"],
        sqlite_where=where,
        postgresql_where=where,
    )
    op.drop_index("send_slots_free", "send_slots")
