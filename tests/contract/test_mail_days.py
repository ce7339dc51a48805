"""A day's counts, and who of a campaign is skipped, are what the view has row by row, on every database."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import text

from carillon.days import date_of
from carillon.store import mail_days
from carillon.store.forecast import FOLLOWUP
from carillon.workspace import Workspace
from tests.contract.diary import Diary
from tests.contract.test_forecast import planned
from tests.plan.worlds import World

__all__ = ["planned"]
COUNTED = (
    "select e.scheduled_send_date, e.email_type, i.instance_name, e.status, coalesce(e.skip_reason, ''),"
    " e.id, i.id from email_schedules e left join campaign_instances i on i.id = e.campaign_instance_id"
)
FOLLOWUPS = "select id from outbox where followup <> 0 union all select id from plan where (id >> 30) & 1 = 1"


def test_days_and_skips_are_counts(planned: tuple[World, Diary, Workspace]) -> None:
    _, _, workspace = planned
    with workspace.database.snapshot() as connection:
        rows = connection.execute(text(COUNTED)).all()
        followups = set(connection.execute(text(FOLLOWUPS)).scalars())
        days: dict[str, Counter[tuple[str, str | None, str, str]]] = {}
        skips: dict[int, list[tuple[str, int, str]]] = {}
        for day, kind, name, status, reason, number, instance in rows:
            word = FOLLOWUP if number in followups else kind
            days.setdefault(str(day), Counter())[(word, name, status, reason)] += 1
            if status == "skipped" and instance is not None:
                skips.setdefault(int(instance), []).append((str(day), int(number), reason))
        assert len(skips) > 1
        for stored in connection.execute(text("select distinct day from plan_days where n > 0")).scalars():
            found = mail_days.on_day(connection, int(stored))
            told = {(one.email_type, one.campaign, one.status, one.reason): one.n for one in found}
            assert told == days[date_of(int(stored)).isoformat()]
        for instance, wanted in skips.items():
            counts = Counter(reason for _, _, reason in wanted)
            assert mail_days.skips_of(connection, instance) == counts
            for reason in (None, *counts):
                mine = sorted(one for one in wanted if reason in (None, one[2]))
                paged, after = [], None
                while True:
                    page = mail_days.skipped_of(connection, instance, reason, after, 7)
                    paged += [(date_of(one.day).isoformat(), one.id, one.reason) for one in page.items]
                    if page.last is None:
                        break
                    after = (int(page.last[0]), int(page.last[1]))
                assert paged == mine
