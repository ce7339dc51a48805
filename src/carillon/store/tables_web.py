"""The table of the keys that programs call with (07-faces, section 2)."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from carillon.store.tables_base import Id, Moment, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("prefix", Text, nullable=False, unique=True, doc="the part of the key that is no secret"),
    Column("hash", Text, nullable=False, doc="SHA-256 of the secret part, in hex"),
    Column("scopes", Text, nullable=False, doc="words with blanks between them"),
    Column("created_at", Moment, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
)
