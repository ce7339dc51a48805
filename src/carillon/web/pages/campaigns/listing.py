"""`/campaigns`: all campaigns with what became of them; types, outreach campaigns and changes beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.campaigns import Campaign, CampaignType
from carillon.store import campaigns as store
from carillon.store import templates
from carillon.store.engine import Connection
from carillon.store.results import Result
from carillon.web.pages.campaigns.changes import show_changes
from carillon.web.pages.campaigns.deeds import change, make_plan, status_of, told
from carillon.web.pages.campaigns.forms import CampaignForm, Known
from carillon.web.pages.campaigns.kinds import show_types
from carillon.web.pages.campaigns.outreach import show_outreach
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    answer,
    button,
    card,
    choice,
    dialog,
    empty,
    leave,
    link,
    number,
    read,
    visit,
    way,
)
from carillon.web.shell import actions, page
from carillon.words import EventKind, InstanceStatus, Role, Status

TABS = {"campaigns": "Campaigns", "types": "Types", "outreach": "Outreach", "changes": "Changes"}
_STATUSES = {"": "All but archived"} | {one.value: one.value for one in InstanceStatus}
_COLUMNS = (
    Column("name", "Campaign", link="href"),
    Column("type", "Type", wide=True),
    Column("status", "Status", badge="tone"),
    Column("dates", "Leaves", wide=True),
    Column("priority", "Priority", number=True, wide=True),
    Column("targets", "Targets", number=True),
    Column("planned", "Planned", number=True),
    Column("sent", "Sent", number=True),
    Column("opened", "Opened", number=True, wide=True),
    Column("clicked", "Clicked", number=True, wide=True),
    Column("replied", "Replied", number=True, wide=True),
)


@dataclass(frozen=True)
class Around:
    """What all tabs are made of."""

    types: dict[str, CampaignType]
    campaigns: list[Campaign]


@page("/campaigns", "Campaigns", "What goes to whom beside the mail of each contact's own dates.")
async def campaigns(tab: str = "campaigns", status: str = "", edit: str = "") -> None:
    """The list and what belongs to it."""
    defined = visit().workspace.settings.campaign_types
    around = await read(lambda c: Around(store.types(c, defined), store.campaigns(c, defined)))
    with actions():
        if tab not in ("outreach",):
            button("Make the plan", "event_repeat", make_plan, role=Role.EDITOR)
            button("New campaign", "add", lambda: new(around), role=Role.EDITOR,
                   look="primary" if tab != "types" else "plain")  # fmt: skip
    with ui.element("nav").classes("c-ways").props('aria-label="Parts of this page"'):
        for key, words in TABS.items():
            link(words, f"/campaigns?tab={key}", "", key == tab)
    if tab == "types":
        show_types(around.types, around.campaigns, edit)
    elif tab == "outreach":
        await show_outreach()
    elif tab == "changes":
        await show_changes(None)
    else:
        await _list(around, status if status in _STATUSES else "")


async def new(around: Around) -> None:
    """Make a campaign, and go to it to say whom it goes to."""
    names = await read(lambda c: sorted({one.source.name for one in templates.versions(c)}))
    made, place = dialog("New campaign", wide=True)
    now, by = visit().workspace.clock.now(), visit().name

    async def save() -> None:
        if (wanted := form.read()) is not None:
            made.submit(await change(lambda c: store.create(c, wanted, now, by)))

    with place:
        form = CampaignForm(Known(around.types, names), None)
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Make it", do=save, role=Role.EDITOR, look="primary")
    stored = await answer(made)
    if stored is not None:
        leave("Made. Now say whom it goes to.", f"/campaigns/{stored.id}?tab=targets")


async def _list(around: Around, status: str) -> None:
    if not around.campaigns:
        with (
            card(),
            empty(
                "campaign",
                "No campaign yet",
                "A campaign writes once to many about one thing: a rate that rises, a new policy, an offer. "
                "Make one of a type, say whom it goes to, and make the plan: nothing is sent before its day.",
                "New campaign",
                lambda: new(around),
            ) as more,
            more,
        ):
            way("See the types", "/campaigns?tab=types", "plain")
        return
    kept = visit().site.remembered

    def fetch(connection: Connection, query: Query) -> Rows:
        found = _wanted(around.campaigns, query.search, status)
        begin = int(query.cursor or 0)
        some = found[begin : begin + query.limit]
        after = begin + query.limit
        counts, results = store.target_counts(connection), told(kept, connection)
        rows = [
            _row(one, counts.get(one.instance.id, {}), results.get(one.instance.id, Result())) for one in some
        ]
        return Rows(rows, after if after < len(found) else None, len(found))

    with card("Campaigns", flush=True):
        table = Table(
            _COLUMNS,
            fetch,
            search="Find by name or type",
            on_open=lambda row: ui.navigate.to(row["href"]),
            nothing="No campaign is like this.",
            label="Campaigns",
        )
        with table.tools:
            choice(
                "Status",
                _STATUSES,
                status,
                on_change=lambda e: ui.navigate.to(f"/campaigns?{urlencode({'status': e.value or ''})}"),
            ).style("width: 170px")
        await table.show()


def _wanted(found: Sequence[Campaign], search: str, status: str) -> list[Campaign]:
    """Newest first."""
    words = search.lower()
    return [
        one
        for one in reversed(found)
        if words in f"{one.instance.name} {one.instance.campaign_type}".lower()
        and (one.instance.status == status if status else not one.is_archived)
    ]


def _row(one: Campaign, targets: dict[str, int], result: Result) -> dict[str, Any]:
    instance = one.instance
    status, tone = status_of(one)
    return {
        "id": instance.id,
        "name": instance.name[:100],
        "href": f"/campaigns/{instance.id}",
        "type": instance.campaign_type.replace("_", " "),
        "status": status,
        "tone": tone,
        "dates": dates(one),
        "priority": one.priority,
        "targets": "all contacts" if one.target_all_contacts else number(sum(targets.values())),
        "planned": number(result.planned),
        "sent": number(sent(result)),
        "opened": number(result.answers.get(EventKind.OPENED, 0)),
        "clicked": number(result.answers.get(EventKind.CLICKED, 0)),
        "replied": number(result.answers.get(EventKind.REPLIED, 0)),
    }


def dates(one: Campaign) -> str:
    """Between which days its emails may leave."""
    start, end = one.instance.start, one.instance.end
    if start is None and end is None:
        return "any day"
    return " ".join(
        [
            *([f"from {start.day} {start:%b %Y}"] if start else []),
            *([f"to {end.day} {end:%b %Y}"] if end else []),
        ]
    )


def sent(result: Result) -> int:
    """Emails that left for their receivers, whatever became of them there."""
    return sum(result.emails.get(one.value, 0) for one in (Status.SENT, Status.DELIVERED, Status.BOUNCED))
