"""Emails in doubt: what is known of each, and a person's word on what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from carillon.send.doubt import RESEND_AFTER_MINUTES, settle_many
from carillon.store import doubts as store
from carillon.store.doubts import Which
from carillon.store.engine import Connection
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    act,
    button,
    card,
    confirm,
    note,
    read,
    row,
    text,
    toast,
    visit,
    work,
)
from carillon.words import Role

SENT, UNSENT, RESEND = "sent", "unsent", "resend"
LABELS = {SENT: "Count as sent", UNSENT: "Count as not sent", RESEND: "Send again"}
MEANS = {
    SENT: "Nothing more is sent. Follow-ups and sequences go on as if it had arrived.",
    UNSENT: "It is never sent again. Its contact may have had it all the same.",
    RESEND: "It leaves with the next dispatch, with the same Message-ID. Whose first copy did arrive may get "
    f"it twice. What was handed over less than {RESEND_AFTER_MINUTES} minutes ago stays in doubt.",
}
DONE = {SENT: "count as sent", UNSENT: "count as not sent", RESEND: "are sent again"}


async def doubts_table(changed: Callable[[], Any]) -> None:
    """The list, and the buttons that settle what is chosen of it, or all of it."""
    with card("Emails in doubt", "Handed over completely, and the server's answer was lost", flush=True):
        with ui.element("div").style("padding: 0 18px"):
            note(
                "Look into the account's sent folder, or ask the server's log by Message-ID: what left "
                "counts as sent. Until you decide, nothing happens to them.",
            )
        with row().classes("i-bar"):
            chosen = text("span", "Choose emails, or settle all of them:", "c-muted c-small c-grow")
            buttons = [(verdict, button(LABELS[verdict], role=Role.EDITOR)) for verdict in LABELS]
        table = Table(
            [
                Column("who", "Contact", link="path"),
                Column("type", "Email"),
                Column("account", "Account"),
                Column("since", "Handed over"),
                Column("why", "What the server said last"),
                Column("message", "Message-ID", wide=True),
            ],
            _fetch,
            select=visit().may(Role.EDITOR),
            nothing="Nothing is in doubt.",
            label="Emails in doubt",
        )
        table.table.classes("i-wrap")

    def choosing() -> None:
        many = len(table.selected)
        words = f"{many:,} chosen:" if many else "Choose emails, or settle all of them:"
        chosen.set_text(words)

    table.table.on_select(lambda _event: choosing())

    async def settle(verdict: str) -> None:
        ids = tuple(int(one["id"]) for one in table.selected)
        total = await read(store.count)
        many = len(ids) or total
        if not many:
            toast("Nothing is in doubt any more.")
            return
        what = f"{many:,} email{'' if many == 1 else 's'}"
        title = f"{LABELS[verdict]}: {what if ids else f'all {what} in doubt'}?"
        if not await confirm(title, MEANS[verdict], LABELS[verdict], danger=verdict != SENT):
            return
        who, which = visit().name, Which(ids=ids or None)
        done = await work(lambda workspace: settle_many(workspace, which, verdict, who))
        left = many - done
        toast(f"{done:,} {DONE[verdict]}.{f' {left:,} stay in doubt: it is too soon.' if left else ''}")
        await table.from_the_top()
        choosing()
        await changed()

    for verdict, made in buttons:
        made.on_click(_settling(settle, verdict))
    await table.show()


def _settling(settle: Callable[[str], Any], verdict: str) -> Callable[[], Any]:
    async def do() -> None:
        await settle(verdict)

    return act(do, role=Role.EDITOR)


def _fetch(connection: Connection, query: Query) -> Rows:
    begin = int(query.cursor or 0)
    found = store.doubts(connection, limit=query.limit + 1, begin=begin)
    rows: list[Mapping[str, Any]] = [
        {
            "id": str(one.id),  # a sequence's is no number to a browser: too large
            "who": one.email or f"contact {one.contact_id}",
            "path": f"/contacts/{one.contact_id}",
            "type": one.email_type.replace("_", " "),
            "account": one.account or "–",
            "since": since(one.minutes),
            "why": one.why or "it never answered",
            "message": one.message_id or "",
        }
        for one in found[: query.limit]
    ]
    more = begin + query.limit if len(found) > query.limit else None
    return Rows(rows, more, store.count(connection))


def since(minutes: int) -> str:
    """How long ago, by the database's clock."""
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'} ago"
    return f"{minutes // 60} hours ago" if minutes < 48 * 60 else f"{minutes // 1440} days ago"
