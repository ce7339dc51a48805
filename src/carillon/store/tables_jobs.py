"""The table of jobs: when each ran last, and who is at it (08-operations, section 2)."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from carillon.store.tables_base import Json, Moment, metadata

jobs = Table(
    "jobs",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, doc="of the lease: machine and process"),
    Column("lease_until", Moment, doc="the database's clock"),
    Column("started_at", Moment),
    Column("finished_at", Moment),
    Column("completed_at", Moment, doc="when it last ended well"),
    Column("period", Integer, doc="seconds from one occasion to the next, as a rule"),
    Column("due_for", Text, doc="the last occasion that was seen to, so that none is done twice"),
    Column("outcome", Text, doc="completed or failed"),
    Column("failures", Integer, nullable=False, server_default="0", doc="since it last ended well"),
    Column("report", Json),
    Column("last_error", Text),
)
