"""Slots and real dispatchers: two of them at once, on PostgreSQL, and a real SMTP server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from carillon.store.bulk import insert_rows
from carillon.store.moments import stamp
from tests.contract.databases import postgres_url
from tests.journey.mail_day import PATIENCE_SECONDS, day_of

MINUTES = (-12, -4, -3, -2, -1, 10)
"""When the slots are; the first was missed, the last is to come."""


def test_what_leaves_leaves_at_its_slot_and_once(tmp_path: Path, server: str) -> None:
    with day_of(tmp_path, postgres_url(server), kind="mailbox") as day:
        now = datetime.now(UTC)
        ids = day.add(len(MINUTES) + 1)
        moments = [stamp(now + timedelta(minutes=one)) for one in MINUTES]
        rows = [(1, at, now.date().isoformat(), "peak", one) for at, one in zip(moments, ids, strict=False)]
        columns = ("account_id", "send_at", "local_date", "activity_period", "schedule_id")
        day.workspace.database.write(lambda c: insert_rows(c, "send_slots", columns, rows))
        for at, one in zip(moments, ids, strict=False):
            day.execute(f"update outbox set send_at = '{at}' where id = {one}")
        two = [day.start("--once") for _ in range(2)]
        for process in two:
            assert process.wait(PATIENCE_SECONDS) == 0
        day.processes.clear()
        assert sorted(day.record().taken.values()) == [1] * 4
        sent = {row[0] for row in day.rows("id", "where status = 'sent'")}
        assert sent == set(ids[1:5]), "neither the missed one, nor what is to come, nor who has no slot"
        with day.workspace.database.snapshot() as connection:
            found = (
                connection.exec_driver_sql("select status from send_slots order by send_at").scalars().all()
            )
        assert found == ["skipped", "sent", "sent", "sent", "sent", "pending"]
