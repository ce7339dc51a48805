"""Contacts found by several things at once: tags in a table, issues by code, names with what narrows them.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from carillon.store.migrations.scripts import run_script

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact_tags",
        sa.Column("tag", sa.Text, primary_key=True),
        sa.Column("contact_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    run_script("0012")
    op.create_index("contact_issues_by_code", "contact_issues", ["code", "contact_id"])
    op.drop_index("contacts_by_last_name", "contacts")
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(
            "contacts_by_last_name",
            "contacts",
            [sa.text("lower(last_name)"), "id", "state", "status", sa.text("lower(first_name)")],
            sqlite_where=sa.text("last_name IS NOT NULL"),
        )
        return
    op.drop_index("contacts_by_email_text", "contacts")
    last, first, email = (
        sa.text(f'lower({name}) COLLATE "C"') for name in ("last_name", "first_name", "email")
    )
    op.create_index("contacts_by_last_name", "contacts", [last, "id", "state", "status", first])
    op.create_index("contacts_by_email_text", "contacts", [email, "id", "state", "status"])
