"""PostgreSQL: day counts follow statements, no longer rows. SQLite changes rows in place.

Revision ID: 0007
"""

from __future__ import annotations

from alembic import op

from carillon.store.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        run_script("0007")
