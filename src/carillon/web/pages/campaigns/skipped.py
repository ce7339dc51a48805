"""Who of a campaign is skipped and why, and each contact's own explanation."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from carillon.campaigns import Campaign
from carillon.days import date_of
from carillon.plan import inquire
from carillon.plan.explain import Email
from carillon.store import mail_days
from carillon.store.engine import Connection
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    act,
    answer,
    badge,
    button,
    card,
    day_words,
    dialog,
    empty,
    link,
    number,
    text,
    way,
    work,
)
from carillon.words import Role, SkipReason, Status

REASONS = {
    SkipReason.YEAR_ROUND_EXCLUSION.word: "The state allows no such mail all year round.",
    SkipReason.BIRTHDAY_WINDOW.word: "Its day lies in the window of days around the birthday.",
    SkipReason.EFFECTIVE_DATE_WINDOW.word: "Its day lies in the window around the effective date.",
    SkipReason.AGE_EXCLUSION.word: "The contact's age excludes it.",
    SkipReason.CAMPAIGN_INACTIVE.word: "The campaign is held up, or the day is outside its dates.",
    SkipReason.MISSED.word: "Its day is past, and so is the last on which it could be caught up.",
    SkipReason.CAMPAIGN_CONFLICT.word: "A campaign that goes first writes to the contact on that day.",
    SkipReason.FREQUENCY_LIMIT.word: "The contact gets as many emails around that day as the limit allows.",
}


async def show_skipped(one: Campaign, skips: dict[str, int], reason: str, who: int) -> None:
    """The tab. `who`: the contact whose explanation is open; 0: nobody's."""
    wanted = reason if reason in REASONS else ""
    if not skips:
        with (
            card(),
            empty(
                "task_alt",
                "Nobody is skipped",
                "Every target that may be written to gets its email, as far as the plan goes. Who cannot be "
                "written to at all, for want of an address or by an opt-out, has no email in the plan.",
            ) as more,
            more,
        ):
            way("Whom it goes to", f"/campaigns/{one.instance.id}?tab=targets", "plain")
        return
    with card("Why emails are skipped", "Choose a reason to see whom it concerns.", flush=True):
        _reasons(one, skips, wanted)
    title = f"Skipped: {wanted.replace('_', ' ')}" if wanted else "Skipped"
    total = skips.get(wanted, 0) if wanted else sum(skips.values())

    def fetch(connection: Connection, query: Query) -> Rows:
        found = mail_days.skipped_of(connection, one.instance.id, wanted or None, query.cursor, query.limit)
        return Rows([_row(each, one.instance.id, wanted) for each in found.items], found.last, total)

    with card(title, "Choose a contact to see the rule and its dates.", flush=True) as place:
        if wanted:
            with place:
                way("All reasons", f"/campaigns/{one.instance.id}?tab=skipped", "plain")
        table = Table(
            [
                Column("email", "Contact", link="href"),
                Column("day", "Was to go", wide=True),
                Column("reason", "Why", badge="tone"),
                Column("what", "Email", wide=True),
            ],
            fetch,
            nothing="Nobody.",
            label="Skipped emails",
            limit=25,
        )
        await table.show()
    if who:
        ui.timer(0.1, act(lambda: _explain(one.instance.name, who), role=Role.VIEWER), once=True)


def _reasons(one: Campaign, skips: dict[str, int], wanted: str) -> None:
    with ui.element("div").classes("c-list"):
        for word, n in skips.items():
            path = f"/campaigns/{one.instance.id}?{urlencode({'tab': 'skipped', 'reason': word})}"
            with link("", path, "c-item", word == wanted):
                with ui.element("div").classes("c-grow"):
                    text("div", word.replace("_", " "), "c-strong")
                    text("div", REASONS.get(word, ""), "c-muted c-small")
                text("span", number(n), "c-strong c-num")


def _row(one: mail_days.Skipped, campaign: int, reason: str) -> dict[str, Any]:
    asked = {"tab": "skipped", "reason": reason, "who": one.contact_id}
    return {
        "id": one.id,
        "href": f"/campaigns/{campaign}?{urlencode(asked)}",
        "email": one.email or f"contact {one.contact_id}",
        "day": day_words(date_of(one.day)),
        "reason": one.reason.replace("_", " "),
        "tone": "warn",
        "what": "follow-up" if one.followup else "campaign",
    }


async def _explain(campaign: str, contact: int) -> None:
    """What becomes of the campaign's emails to one contact, in the planner's own words."""
    made, place = dialog("Why it is so", wide=True)
    with place:
        wait = text("p", "One moment: the rules are asked for this contact.", "c-muted").props(
            'role="status"'
        )
    made.open()
    try:
        told = await work(lambda workspace: inquire.explain(workspace, str(contact)))
        # Somebody else's external id may be the same number.
        found = next(each for each in told if each.contact.id == contact)
    except Exception:
        made.close()
        raise
    if not made.value:
        return
    wait.delete()
    with place:
        text("h3", (found.contact.email or f"contact {contact}")[:100])
        for words in found.why_not:
            text("p", words, "c-warn")
        mine = [each for each in [*found.past, *found.emails] if each.campaign == campaign]
        if not mine:
            text("p", "The plan has no email of this campaign for the contact any more.", "c-muted")
        for each in mine:
            _said(each)
        with ui.element("div").classes("c-actions"):
            way("The contact's whole year", f"/contacts/{contact}", "plain")
            button("Close", do=made.close, look="primary")
    await answer(made)


def _said(one: Email) -> None:
    tones = {Status.SKIPPED.value: "warn", Status.PRE_SCHEDULED.value: "info"}
    words = {Status.PRE_SCHEDULED.value: "planned"}.get(one.status, one.status.replace("_", " "))
    with ui.element("div").classes("c-said"):
        with ui.element("div").classes("c-row"):
            badge(words, tones.get(one.status, ""))
            text("span", day_words(one.day) if one.day else "no day", "c-strong")
            if one.event and one.event != one.day:
                text("span", f"about {day_words(one.event)}", "c-muted")
        text("p", one.words)
        if one.next_run:
            text("p", one.next_run, "c-muted")
