"""The part of `carillon demo` that makes campaigns: each of another type, in another state of affairs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from carillon.store.engine import Connection
    from carillon.workspace import Workspace

BY = "carillon demo"
TEXTS = {
    "rate_increase_v1": (
        "Your rate changes on {{ event_date | date('%B %-d') }}",
        "the rate of your policy changes on {{ event_date | date('%B %-d') }}. We have looked what else "
        "would suit you; answer this email, and we go through it together.",
    ),
    "seasonal_promo_v1": (
        "A quarter of an hour for your policies",
        "once a season we look through customers' policies with them. It takes a quarter of an hour and "
        "costs nothing: answer this email with a day that suits you.",
    ),
    "regulatory_notice_v1": (
        "How we handle your data from {{ event_date | date('%B %-d') }} on",
        "our privacy notice changes on {{ event_date | date('%B %-d') }}. Nothing is asked of you; it "
        "says what we keep, why, and for how long.",
    ),
}
"""Subject and what it says, by the template's name."""
_LETTER = """Hello{% if first_name %} {{ first_name }}{% endif %},

BODY

{{ sender_name }}
"""


def make(workspace: Workspace, today: date) -> int:
    """Make them and say whom they go to; returns how many. Planned with the next plan.

    One has gone by `today`, which the workspace's clock has not reached. Two of the others write to the same
    people on the same day, so that one gives way to the other.
    """
    from carillon.campaigns import Instance
    from carillon.sequences_short import ShortForm
    from carillon.store import campaigns, contact_search, outreach, targeting, templates
    from carillon.store.contact_search import Wanted
    from carillon.templates import Source
    from carillon.words import InstanceStatus

    begins, now = workspace.today(), workspace.clock.now()
    rates, season = today + timedelta(days=40), today + timedelta(days=33)
    wanted: tuple[tuple[Instance, tuple[str, ...], date], ...] = (
        (
            Instance(0, "seasonal_promo", "autumn review", "autumn_review"),
            ("GA", "MI"),
            today + timedelta(days=3),
        ),
        (Instance(0, "rate_increase", "new rates", "rate_increase_v1"), ("CA", "NV", "OR"), rates),
        (
            Instance(0, "seasonal_promo", "season's review", "seasonal_promo_v1", end=season),
            ("CA", "AZ", "WA"),
            season,
        ),
        (
            Instance(
                0, "regulatory_notice", "privacy notice", "regulatory_notice_v1",
                metadata={"priority": 0, "owner": "compliance"},
            ),
            ("NY", "TX"),
            today + timedelta(days=12),
        ),
        (
            Instance(
                0, "seasonal_promo", "spring review", "seasonal_promo_v1", status=InstanceStatus.PAUSED.value
            ),
            ("FL",),
            today + timedelta(days=90),
        ),
    )  # fmt: skip

    def work(connection: Connection) -> int:
        for name, (subject, words) in TEXTS.items():
            source = Source(name, 0, subject=subject, text=_LETTER.replace("BODY", words))
            stored = templates.add(connection, source, now, BY)
            templates.activate(connection, name, stored.version, now, BY)
        known = campaigns.types(connection)
        for instance, states, day in wanted:
            made = campaigns.with_type(known, campaigns.create(connection, instance, now, BY))
            ids = (one for state in states for one in contact_search.numbers(connection, Wanted(state=state)))
            rows = targeting.rows_of((one, None, None, None) for one in ids)
            targeting.add_some(connection, made, rows, day, begins, now)
        outreach.create(
            connection,
            outreach.Outreach(
                "agency partners",
                "Agencies that may want to sell our policies.",
                "Maria of Sample Agency",
                ShortForm(subject="A word about working together", followup_delays=(4, 9)),
            ),
            now,
            BY,
        )
        return len(wanted)

    def both(connection: Connection) -> int:
        campaigns.sync_types(connection, workspace.settings.campaign_types, now)
        return work(connection)

    return workspace.database.write(both)
