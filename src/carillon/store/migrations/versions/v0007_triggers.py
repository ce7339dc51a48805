"""Suppressions of domains note everybody there; PostgreSQL counts the plan's days by statement, not by row.

Revision ID: 0007
"""

from __future__ import annotations

from carillon.store.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("0007")
