"""Mail is counted by day and type within the index of days.

Revision ID: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("outbox_by_day", "outbox")
    op.create_index(
        "outbox_by_day", "outbox", ["send", "email_type", "followup", "campaign_instance_id", "kind"]
    )
    where = sa.text(
        "status in ('failed', 'cancelled') or channel <> 'email'"
        " or (enrollment_id is null) = (email_type = 'sequence')"
    )
    op.create_index("outbox_odd", "outbox", ["send"], sqlite_where=where, postgresql_where=where)
