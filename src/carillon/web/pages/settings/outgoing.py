"""Servers that are told what happens, and how that went."""

from __future__ import annotations

from nicegui import ui

from carillon.listen.announce import new_webhook
from carillon.store import webhooks as store
from carillon.store.engine import Connection
from carillon.store.event_listing import PRIVATE
from carillon.store.webhooks import Subscription
from carillon.web.pages.settings.listed import Refresh, do, listed
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    all_right,
    answer,
    badge,
    button,
    choice,
    confirm,
    dialog,
    field,
    text,
    toast,
    visit,
    when_words,
    work,
)
from carillon.words import EventKind, Role

KINDS = {kind.value: kind.value.replace("_", " ") for kind in EventKind if kind.value not in PRIVATE}
TONES = {"done": "good", "failed": "bad", "waiting": "info"}


async def outgoing() -> None:
    """The list, with the way to add one."""
    await listed(
        "Outgoing webhooks",
        "Answers to health questions are told to nobody",
        store.subscriptions,
        _subscription,
        (
            "webhook",
            "No server is told of anything",
            "Add the address of a program that wants to know of replies and bounces at once.",
        ),
        "Add a webhook",
        "add",
        _add,
        secret="The secret that signs what is posted",
    )


def _subscription(one: Subscription, refresh: Refresh) -> None:
    with ui.element("div").classes("s-state").props(f'data-webhook="{one.id}"'):
        with ui.element("div").classes("c-grow"):
            text("div", one.url, "c-strong s-url")
            kinds = ", ".join(kind.replace("_", " ") for kind in one.event_types) or "everything"
            text("div", f"Told of {kinds} · added by {one.created_by}", "c-muted c-small")
        badge("told" if one.active else "paused", "good" if one.active else "warn")

        async def switch() -> None:
            await do(lambda c, now, by: store.set_active(c, one.id, not one.active, now, by), durable=False)
            toast("It is not told of anything until you resume it." if one.active else "It is told again.")
            await refresh()

        async def away() -> None:
            words = "What still waits for it is dropped, and its log goes with it."
            if await confirm("Remove this webhook?", words, "Remove", danger=True):
                await do(lambda c, now, by: store.unsubscribe(c, one.id, now, by), durable=False)
                toast("The webhook is removed.")
                await refresh()

        async def log() -> None:
            await _deliveries(one)

        button("Deliveries", "list", log, look="quiet")
        button("Pause" if one.active else "Resume", do=switch, role=Role.ADMIN)
        button("", "delete", away, role=Role.ADMIN, look="quiet").props(
            f'aria-label="Remove webhook {one.id}"'
        )


async def _deliveries(one: Subscription) -> None:
    made, place = dialog("Deliveries", wide=True)
    with place:

        def fetch(connection: Connection, query: Query) -> Rows:
            found = store.deliveries(connection, one.id, query.cursor, query.limit)
            rows = [
                {
                    "id": each.id,
                    "event": each.event_type.replace("_", " "),
                    "status": each.status,
                    "tone": TONES.get(each.status, "info"),
                    "attempts": each.attempts,
                    "answer": "" if each.answer_status is None else str(each.answer_status),
                    "error": each.last_error or "",
                    "at": when_words(each.created),
                }
                for each in found.items
            ]
            return Rows(rows, None if found.last is None else int(found.last[0]))

        columns = [
            Column("at", "When"),
            Column("event", "Event"),
            Column("status", "It is", badge="tone"),
            Column("attempts", "Tries", number=True),
            Column("answer", "Answer", number=True),
            Column("error", "What went wrong"),
        ]
        with ui.element("div").classes("s-examples"):
            table = Table(
                columns, fetch, nothing="Nothing has been told to it yet.", label="Deliveries", limit=20
            )
        with ui.element("div").classes("c-actions"):
            button("Close", do=made.close)
    await table.show()
    await answer(made)


async def _add() -> str | None:
    made, place = dialog("Add a webhook")
    with place:
        url = field("Address", hint="Such as https://crm.example.com/hook", check=_address)
        kinds = choice("Of what it is told", KINDS, [], multiple=True, hint="None chosen: of everything.")
        kinds.props("use-chips")

        async def take() -> None:
            if not all_right(url):
                return
            wanted, who = str(url.value).strip(), visit().name
            _, secret = await work(lambda workspace: new_webhook(workspace, wanted, list(kinds.value), who))
            made.submit(secret)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Add", "add", take, role=Role.ADMIN, look="primary")
    found = await answer(made)
    return None if found is None else str(found)


def _address(given: object) -> str | None:
    words = str(given or "").strip()
    is_one = words.startswith(("http://", "https://")) and len(words) <= 2000 and len(words.split("/")) > 2
    return None if is_one and words.split("/")[2] else "an address such as https://crm.example.com/hook"
