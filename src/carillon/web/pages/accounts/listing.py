"""All accounts: today's use against their limits, how far their warm-up is, what bounces, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from nicegui import ui

from carillon.accounts import Account
from carillon.store import accounts as store
from carillon.watch.accounts import status_report
from carillon.web.pages.accounts.form import make
from carillon.web.parts import (
    Drawn,
    badge,
    button,
    card,
    column,
    empty,
    every,
    grid,
    icon,
    link,
    number,
    percent,
    row,
    slot_bar,
    stat,
    text,
    work,
)
from carillon.web.shell import actions, page
from carillon.words import AccountKind, AccountStatus, Role, Status
from carillon.workspace import Workspace

TONES = {AccountStatus.ACTIVE: "good", AccountStatus.PAUSED: "warn", AccountStatus.ERROR: "bad"}
LEFT = (Status.SENT, Status.DELIVERED, Status.BOUNCED)
HIGH_BOUNCES = 0.05
"""From this share on it is shown in red."""
MOST = 100
"""Accounts shown at once; the search finds the others."""


@dataclass(frozen=True)
class Doing:
    """An account and how it is doing, as `status_report` tells it."""

    account: Account
    report: Mapping[str, Any]

    @property
    def today(self) -> int:
        """Emails that left today."""
        return sum(self.report["today"].get(status.value, 0) for status in LEFT)

    @property
    def slots(self) -> dict[str, int] | None:
        return cast("dict[str, int] | None", self.report["slots"])

    @property
    def words_of_limit(self) -> str:
        limit = self.report["limit"]
        return "no daily limit" if limit is None else f"of {number(limit)} today"


def doing(workspace: Workspace) -> list[Doing]:
    """All accounts in the order in which they were made."""
    report = {one["account"]: one for one in status_report(workspace)}
    with workspace.database.snapshot() as connection:
        known = store.accounts(connection)
    return [Doing(one, report[one.name]) for one in known if one.name in report]


@page("/accounts", "Accounts", "Who mail is sent from, and how each is doing today.")
async def accounts(q: str = "") -> None:
    """The list; `q`: part of a name, an address or a group."""
    state = {"q": q}

    async def again() -> None:
        shown.show(await work(doing), state["q"].lower())

    async def search(event: Any) -> None:
        state["q"] = str(event.value or "").strip()
        path = f"/accounts?q={quote(state['q'], safe='')}" if state["q"] else "/accounts"
        ui.run_javascript(f"history.replaceState(null, '', '{path}')")
        await again()

    with actions():
        field = ui.input(placeholder="Find an account", value=q, on_change=search)
        field.props('outlined dense clearable debounce=250 type=search aria-label="Find an account"')
        button("Add account", "add", make, role=Role.ADMIN, look="primary")
    shown = Drawn(column().style("gap: 18px"), _draw)
    await again()
    every(again)


def _draw(found: list[Doing], words: str) -> None:
    if not found:
        _none()
        return
    _summary(found)
    _list(found, words)


def _none() -> None:
    with (
        card(),
        empty(
            "mail",
            "No account yet",
            "An account is an address mail is sent from: through an SMTP server, or into a folder on this "
            "computer, where you can look at what would be sent before anything leaves.",
            "Add the first account",
            make,
            role=Role.ADMIN,
        ),
    ):
        pass


def _summary(found: list[Doing]) -> None:
    active = sum(one.account.is_active for one in found)
    wrong = [one for one in found if one.account.status == AccountStatus.ERROR]
    warming = sum(one.account.warmup_enabled for one in found)
    limits = [one.report["limit"] for one in found if one.account.is_active]
    room = None if None in limits else sum(limits)
    with grid(150):
        stat("Active", f"{number(active)} of {number(len(found))}", "accounts")
        stat("Sent today", number(sum(one.today for one in found)), _room(room))
        stat("Warming up", number(warming), "accounts")
        stat("With an error", number(len(wrong)), "they send nothing", tone="bad" if wrong else "")


def _room(room: int | None) -> str:
    return "no limit in all" if room is None else f"of {number(room)} that may leave"


def _list(found: list[Doing], words: str) -> None:
    chosen = [
        one
        for one in found
        if words in f"{one.account.name} {one.account.address} {one.account.group}".lower()
    ]
    with card(flush=True):
        if not chosen:
            text("p", "No account is called that.", "c-muted").style("padding: 12px 18px 20px")
        with ui.element("div").classes("a-list"):
            for one in chosen[:MOST]:
                _row(one)
    if len(chosen) > MOST:
        text("p", f"{number(len(chosen) - MOST)} more: search to find them.", "c-muted")


def _row(one: Doing) -> None:
    account = one.account
    with ui.element("div").classes("a-row"):
        with ui.element("div").classes("a-name"):
            link(account.name, path_of(account.name), "c-strong c-cut")
            text("div", account.address, "c-muted c-small c-cut")
        with row():
            badge(account.status, TONES[AccountStatus(account.status)])
            badge(account.kind)
            badge(f"group {account.group}").classes("c-wide")
        with ui.element("div").classes("a-use"):
            with row():
                text("span", number(one.today), "c-strong")
                text("span", one.words_of_limit, "c-muted c-small")
            _bar(one)
        with ui.element("div").classes("a-facts"):
            _fact("Warm-up", f"day {number(account.warmup_day)}" if account.warmup_enabled else "–")
            rate = one.report["bounce_rate"]
            _fact("Bounces, 7 days", percent(rate), "c-bad" if rate and rate >= HIGH_BOUNCES else "")
        if account.last_error:
            with ui.element("div").classes("a-error"):
                icon("error")
                text("span", account.last_error)


def _bar(one: Doing) -> None:
    if one.account.kind == AccountKind.MAILBOX:
        slot_bar(one.slots or {})
    elif limit := one.report["limit"]:
        share = min(one.today / limit, 1.0)
        with ui.element("div").classes("c-slotbar") as bar:
            bar.props["role"], bar.props["aria-label"] = (
                "img",
                f"{number(one.today)} of {number(limit)} today",
            )
            ui.element("span").classes("c-is-good").style(f"width: {100 * share:.1f}%")


def _fact(name: str, value: str, classes: str = "") -> None:
    with ui.element("div"):
        text("div", name, "c-muted c-small")
        text("div", value, classes)


def path_of(name: str) -> str:
    """The page of an account."""
    return f"/accounts/{quote(name, safe='')}"
