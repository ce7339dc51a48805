"""Accounts at fault, overdue and failed emails, and what is wrong with contacts' data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from nicegui import ui

from carillon.accounts import Account, in_status
from carillon.send.again import send_again
from carillon.store import accounts as account_store
from carillon.store import unsent
from carillon.store.engine import Connection
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    button,
    card,
    confirm,
    day_words,
    leave,
    number,
    read,
    simple,
    text,
    toast,
    visit,
    way,
    when,
    work,
    write,
)
from carillon.web.planning import plan_now
from carillon.words import ISSUE_MEANINGS, AccountStatus, IssueCode, Role


def at_fault(accounts: Sequence[Account]) -> None:
    """Each with its last error, and the way to let it go on."""
    with (
        card("Accounts at fault", "They send nothing until somebody has looked", flush=True),
        ui.element("div").classes("c-list i-list"),
    ):
        for one in accounts:
            with ui.element("div").props(f'data-account="{one.id}"'):
                with ui.element("div").classes("c-grow"):
                    text("div", one.name, "c-strong")
                    text("div", one.last_error or "It has no error of its own.", "c-bad c-small i-words")
                when(one.updated)
                way("Look at it", f"/accounts/{quote(one.name, safe='')}", "plain")
                button("Let it go on", "play_arrow", _resuming(one), role=Role.EDITOR)


def _resuming(one: Account) -> Callable[[], Any]:
    async def resume() -> None:
        words = "It sends what is due at once. If what was wrong still is, it stops again."
        if not await confirm(f"Let {one.name} go on?", words, "Let it go on"):
            return
        who, now = visit().name, visit().workspace.clock.now()

        def change(connection: Connection) -> None:
            active = AccountStatus.ACTIVE
            account_store.change(connection, one.name, lambda old: in_status(old, active), now, who)

        await write(change, durable=True)
        leave(f"{one.name} sends again.")

    return resume


async def overdue_card(today: int) -> None:
    """Planned emails whose day has passed: the next plan spreads them over the coming days."""
    days = await read(lambda connection: unsent.overdue(connection, today))
    lead = "Their day has passed and they were not released. The next plan spreads them over the coming days"

    async def plan() -> None:
        report = await plan_now()
        leave(f"The plan is made: {report.moved:,} emails moved.")

    with card("Overdue emails", lead, flush=True) as place:
        rows = [{"day": day_words(day), "emails": number(emails)} for day, emails in days.items()]
        simple([Column("day", "Was to go on"), Column("emails", "Emails", number=True)], rows[:60], "Overdue")
    with place:
        button("Make the plan", "event_repeat", plan, role=Role.EDITOR)


async def failed_table(since: int, days: int, changed: Callable[[], Any]) -> None:
    """Emails that failed, the newest first: where each can be put right, and a way to send it after all."""

    def fetch(connection: Connection, query: Query) -> Rows:
        found = unsent.failed(connection, since, query.cursor, query.limit)
        rows = []
        for one in found.items:
            remedy, path = _remedy(one)
            rows.append(
                {
                    "id": str(one.id),  # a sequence's is no number to a browser: too large
                    "who": one.email or f"contact {one.contact_id}",
                    "contact": f"/contacts/{one.contact_id}",
                    "type": one.email_type.replace("_", " "),
                    "day": day_words(one.day),
                    "account": one.account or "–",
                    "why": one.why or "no reason was given",
                    "remedy": remedy,
                    "path": path,
                }
            )
        return Rows(rows, found.last)

    async def again() -> None:
        ids = [int(one["id"]) for one in table.selected]
        many = len(ids) or await read(lambda connection: unsent.count_failed(connection, since))
        what = f"{many:,} email{'' if many == 1 else 's'}"
        title = f"Send {what if ids else f'all {what}'} again?"
        words = (
            "What was wrong should be mended first, or it fails again. They leave with the next dispatch, "
            "through the same accounts, as far as windows, limits and suppressions allow it today."
        )
        if not many or not await confirm(title, words, "Send again"):
            return
        who = visit().name
        done = await work(lambda workspace: send_again(workspace, since, ids or None, who))
        left = many - done
        stay = f" {left:,} cannot: their sequence has gone on, or they have no account." if left else ""
        toast(f"{done:,} leave with the next dispatch.{stay}")
        await table.from_the_top()
        choosing()
        await changed()

    def choosing() -> None:
        send.set_text(f"Send {len(table.selected):,} again" if table.selected else "Send all again")

    with card(
        "Failed emails", f"Of the last {days} days; they are not tried again by themselves", flush=True
    ) as place:
        table = Table(
            [
                Column("who", "Contact", link="contact"),
                Column("type", "Email"),
                Column("day", "Day"),
                Column("account", "Account", wide=True),
                Column("why", "Why"),
                Column("remedy", "What to do", link="path"),
            ],
            fetch,
            select=visit().may(Role.EDITOR),
            nothing="Nothing has failed.",
            label="Failed emails",
            limit=20,
        )
        table.table.classes("i-wrap")
    with place:
        send = button("Send all again", "forward_to_inbox", again, role=Role.EDITOR)
    table.table.on_select(lambda _event: choosing())
    await table.show()


def _remedy(one: unsent.Failed) -> tuple[str, str]:
    why = (one.why or "").casefold()
    if "template" in why or "variable" in why:
        return "Look at the template", f"/templates/{one.template}" if one.template else "/templates"
    if any(word in why for word in ("login", "password", "connect", "account")):
        return "Look at the account", "/accounts"
    return "Look at the contact", f"/contacts/{one.contact_id}"


def contacts_card(counts: Mapping[str, int]) -> None:
    """What is wrong with data, by code: whom it is about, a link away."""
    lead = "As the last plan found it. Who has an issue is left out of what it makes impossible"
    with card("Data of contacts", lead, flush=True), ui.element("div").classes("c-list i-list"):
        for code, many in sorted(counts.items(), key=lambda one: -one[1]):
            with ui.element("div").props(f'data-code="{code}"'):
                with ui.element("div").classes("c-grow"):
                    text("div", code.replace("_", " ").capitalize(), "c-strong")
                    text("div", ISSUE_MEANINGS[IssueCode(code)], "c-muted c-small")
                text("span", f"{many:,} contact{'' if many == 1 else 's'}", "c-num")
                way("Show them", f"/contacts?issue={code}", "plain")
