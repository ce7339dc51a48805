"""The people of a sequence: how each stands, what was done, and the way out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui

from carillon.jobs import sequences as jobs
from carillon.sequences import Sequence
from carillon.store import contact_search, sequence_status
from carillon.store.engine import Connection
from carillon.store.sequence_status import Person
from carillon.web.pages.sequences.words import STATES
from carillon.web.parts import (
    Column,
    Query,
    Rows,
    Table,
    answer,
    badge,
    button,
    card,
    choice,
    confirm,
    dialog,
    facts,
    link,
    number,
    read,
    text,
    toast,
    visit,
    when,
    when_words,
    write,
)
from carillon.web.visit import Visit
from carillon.words import EnrollmentStatus, Role

COLUMNS = (
    Column("email", "Contact"),
    Column("state", "Stands", badge="tone"),
    Column("step", "Waits at", wide=True),
    Column("next", "Next", wide=True),
    Column("sent", "Emails", number=True, wide=True),
    Column("ended", "Ended with", wide=True),
)
OPEN = (EnrollmentStatus.SCHEDULED, EnrollmentStatus.ACTIVE, EnrollmentStatus.PAUSED)
HISTORY = 200


class People:
    """The table."""

    def __init__(
        self, sequence: Sequence, refresh: Callable[[], Awaitable[None]], status: str, q: str
    ) -> None:
        self._sequence, self._refresh = sequence, refresh
        known = {one.value for one in EnrollmentStatus}
        self._asked = {"status": status if status in known else "", "q": q[:200]}
        with card(flush=True):
            self._table = Table(
                COLUMNS,
                partial(_page, visit(), sequence.id),
                filters={key: value for key, value in self._asked.items() if value},
                on_open=self._open,
                nothing="Nobody here. Enroll people with the button above.",
                label="People",
            )
            self._table.tools.set_visibility(True)
            with self._table.tools:
                ui.input(
                    placeholder="Find by email", value=self._asked["q"], on_change=lambda e: self._ask("q", e)
                ).props(
                    'outlined dense clearable debounce=250 type=search aria-label="Find by email"'
                ).classes("c-search")
                options = {"": "All"} | {one.value: one.value.capitalize() for one in EnrollmentStatus}
                choice(
                    "Enrollment", options, self._asked["status"], on_change=lambda e: self._ask("status", e)
                ).style("width: 160px")

    async def show(self) -> None:
        """Read it again."""
        await self._table.show()

    async def _ask(self, name: str, event: Any) -> None:
        self._asked[name] = str(event.value or "").strip()
        query = "".join(f"&{key}={quote(value, safe='')}" for key, value in self._asked.items() if value)
        path = f"/sequences/{self._sequence.id}?tab=people{query}".replace("'", "%27")
        ui.run_javascript(f"history.replaceState(null, '', '{path}')")
        await self._table.filter(**{key: value or None for key, value in self._asked.items()})

    async def _open(self, row: Mapping[str, Any]) -> None:
        """What was done for one of them."""
        contact = int(row["contact"])
        rows, found = await read(
            lambda c: (
                sequence_status.history(c, self._sequence.id, contact, HISTORY),
                contact_search.find(c, contact),
            )
        )
        zone = None if found is None else found.texts["timezone"]
        made, place = dialog(str(row["email"]), wide=True)
        with place:
            with ui.element("div").classes("c-row"):
                badge(str(row["state"]), str(row["tone"]))
                link("The contact", f"/contacts/{contact}")
            facts(
                {
                    "Waits at": row["step"] or None,
                    "Next": row["next"] or None,
                    "Emails sent": row["sent"],
                    "Ended with": row["ended"] or None,
                }
            )
            text("h3", "What was done")
            if not rows:
                text("p", "Nothing yet.", "c-muted")
            with ui.element("ol").classes("c-list c-flow-log"):
                for one in rows:
                    with ui.element("li"):
                        with ui.element("span").classes("c-grow"):
                            text("span", one.step_key, "c-strong")
                            text("span", f" {one.outcome.replace('_', ' ')}", "c-muted")
                            if one.detail:
                                text("div", one.detail, "c-small c-muted c-flow-detail")
                        when(one.executed_at, zone)
            with ui.element("div").classes("c-actions"):
                if row["open"]:
                    button(
                        "Take out", "logout", lambda: self._exit(contact, str(row["email"]), made),
                        role=Role.EDITOR, look="danger-plain",
                    )  # fmt: skip
                button("Close", do=made.close, look="primary")
        await answer(made)

    async def _exit(self, contact: int, email: str, made: ui.dialog) -> None:
        name = self._sequence.name
        words = f"{email} gets nothing more of {name}; what is scheduled in it is cancelled."
        if not await confirm(f"Take {email} out?", words, "Take out", danger=True):
            return
        who = visit()
        now = who.workspace.clock.now()
        done = await write(lambda c: jobs.take_out(c, name, [contact], now, who.name))
        toast(f"Took {email} out." if done else f"{email} was not on the way any more.")
        made.close()
        await self._refresh()


def _page(who: Visit, number_of: int, connection: Connection, query: Query) -> Rows:
    status = query.filters.get("status")
    found = sequence_status.people(
        connection,
        number_of,
        query.limit + 1,
        query.cursor,
        status=EnrollmentStatus(status) if status else None,
        email=str(query.filters.get("q") or ""),
    )
    some = found[: query.limit]
    return Rows([_row(one, who) for one in some], some[-1].id if len(found) > query.limit else None)


def _row(one: Person, who: Visit) -> dict[str, object]:
    words, tone = STATES[one.state]
    is_open = one.status in OPEN
    return {
        "id": one.id,
        "contact": one.contact_id,
        "email": one.email or f"contact {one.contact_id}",
        "state": words,
        "tone": tone,
        "step": (one.current_step or "") if is_open else "",
        "next": when_words(one.next_action_at, who=who) if is_open and one.next_action_at else "",
        "sent": number(one.sent),
        "ended": (one.exit_reason or "").replace("_", " "),
        "open": is_open,
    }
