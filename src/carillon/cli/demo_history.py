"""The part of `carillon demo` that brings in what was sent before: a season of another program's sends.

Only when they left and what came back is known of them: enough to choose good hours by from the first day.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from carillon.workspace import Workspace

DAYS, EACH_DAY = 69, 60
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
HOURS = (4, 9, 12, 9, 6, 7, 10, 8, 5)
"""How much of the mail left in each hour from nine to six."""
ANSWERS = (0.10, 0.13, 0.08, 0.04, 0.05, 0.11, 0.09, 0.05, 0.03)
"""Share of replies of each of these hours, in the middle of the week; less at its ends."""
WEEKDAYS = (0.7, 1.1, 1.25, 1.0, 0.6)


def bring_in(workspace: Workspace, contacts: int) -> int:
    """Store the sends of the days before now, to contacts 1 to `contacts`. Returns how many."""
    import polars as pl

    from carillon.store import outcomes
    from carillon.store.moments import stamp

    chance, today = Random(3), workspace.today()
    rows = []
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        if day.weekday() > 4:
            continue
        for _ in range(EACH_DAY):
            place = chance.choices(range(len(HOURS)), HOURS)[0]
            zone = chance.choice(ZONES)
            local = datetime.combine(day, time(9 + place, chance.randrange(60)), ZoneInfo(zone))
            share = ANSWERS[place] * WEEKDAYS[day.weekday()]
            rows.append((chance.randrange(1, contacts), zone, local, *_answers(local, share, chance)))
    frame = pl.DataFrame(
        [
            (who, zone, stamp(sent), sent.weekday(), sent.hour, *(None if one is None else stamp(one)
             for one in (opened, clicked, replied)), replied and (replied - sent).total_seconds() / 3600)
            for who, zone, sent, opened, clicked, replied in rows
        ],
        schema=outcomes.BROUGHT,
        orient="row",
    )  # fmt: skip
    return workspace.database.write(lambda connection: outcomes.bring_in(connection, frame))


def _answers(
    sent: datetime, share: float, chance: Random
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """When it was opened, clicked and replied to, if so."""
    if chance.random() > 0.35 + 2 * share:
        return None, None, None
    opened = sent + timedelta(minutes=round(chance.lognormvariate(4, 1)))
    clicked = opened + timedelta(minutes=2) if chance.random() < 0.2 else None
    replied = opened + timedelta(minutes=chance.randrange(5, 600)) if chance.random() < 2 * share else None
    return opened, clicked, replied
