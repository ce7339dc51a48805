"""One account: how it is doing, whether it works, and what it is set up with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nicegui import ui

from carillon.accounts import MOST, Account, in_status
from carillon.errors import CarillonError
from carillon.listen.sources import SOURCE, checked_inbox
from carillon.oauth_settings import XOAUTH2
from carillon.pace import days
from carillon.pace.days import DayView
from carillon.ramp import number_a_day
from carillon.send.transports import checked_settings
from carillon.store import accounts as store
from carillon.store import inboxes
from carillon.store.inboxes import Folder
from carillon.web.pages.accounts.form import LIMITS, change
from carillon.web.pages.accounts.listing import HIGH_BOUNCES, TONES, Doing, doing
from carillon.web.pages.accounts.trial import test
from carillon.web.parts import (
    Drawn,
    ago,
    badge,
    button,
    card,
    column,
    confirm,
    day_strip,
    every,
    facts,
    grid,
    note,
    number,
    percent,
    read,
    row,
    split,
    stat,
    strip_time,
    text,
    toast,
    visit,
    way,
    work,
)
from carillon.web.shell import actions, page, retitle
from carillon.words import AccountKind, AccountStatus, Role
from carillon.workspace import Workspace


@dataclass(frozen=True)
class Whole:
    """All that the page shows."""

    doing: Doing
    day: DayView | None
    """Its today; None: a relay, which has no slots."""
    folders: list[Folder]
    emails: dict[str, int]
    a_day: int | None


def whole(workspace: Workspace, name: str) -> Whole:
    """Raises InputError where there is no account of the name."""
    with workspace.database.snapshot() as connection:
        account = store.find(connection, name)
        emails = store.emails_of(connection, account.id)
        folders = inboxes.folders(connection).get(account.id, [])
    is_mailbox = account.kind == AccountKind.MAILBOX
    day = days.look(workspace, name, None) if is_mailbox else None
    found = next(one for one in doing(workspace) if one.account.name == name)
    a_day = (
        number_a_day(account, workspace.settings, account.warmup_day) if is_mailbox else account.daily_limit
    )
    return Whole(found, day, folders, emails, a_day)


@page("/accounts/{name}", "Account")
async def account(name: str) -> None:
    """One account."""
    retitle(name)
    await read(lambda connection: store.find(connection, name))  # tells what is meant where there is none

    async def again() -> None:
        found = await work(lambda workspace: whole(workspace, name))
        looks = {one.name: f"read {ago(one.read_at)}" for one in found.folders if one.read_at}
        shown.show(found, looks, also=strip_time())

    async def known() -> Account:
        return await read(lambda connection: store.find(connection, name))

    async def edit() -> None:
        if await change(await known()):
            await again()

    async def trial() -> None:
        await test(await known())
        await again()

    async def pause() -> None:
        found = await known()
        if found.is_active:
            if not await confirm(
                f"Pause {name}?",
                "It sends nothing until you resume it. What is being sent at this moment is finished, and the"
                " rest waits.",
                "Pause",
            ):
                return
            await _to(name, AccountStatus.PAUSED)
            toast(f"{name} is paused: it sends nothing until you resume it.")
        else:
            if not await confirm(
                f"Let {name} send again?",
                "What waits for it goes out as its limits and slots allow.",
                "Resume",
            ):
                return
            await _to(name, AccountStatus.ACTIVE)
            toast(f"{name} may send.")
        await again()

    async def remove() -> None:
        if not await confirm(
            f"Remove {name}?",
            "Its settings and its stored secret go. One that an email names cannot be removed, only paused.",
            "Remove",
            danger=True,
        ):
            return
        who = visit().name
        await work(
            lambda workspace: workspace.database.write(
                lambda connection: store.remove(connection, name, workspace.clock.now(), who)
            )
        )
        ui.navigate.to("/accounts")

    with actions():
        button("Test", "network_check", trial, role=Role.EDITOR)
        button("Pause or resume", "pause_circle", pause, role=Role.EDITOR)
        button("Remove", "delete", remove, role=Role.ADMIN, look="danger-plain")
        button("Change", "edit", edit, role=Role.ADMIN, look="primary")
    shown = Drawn(column().style("gap: 16px"), _draw)
    await again()
    every(again)


async def _to(name: str, status: AccountStatus) -> None:
    who = visit().name
    await work(
        lambda workspace: workspace.database.write(
            lambda connection: store.change(
                connection, name, lambda old: in_status(old, status), workspace.clock.now(), who
            )
        )
    )


def _draw(found: Whole, looks: dict[str, str]) -> None:
    one, report = found.doing.account, found.doing.report
    with row():
        badge(one.status, TONES[AccountStatus(one.status)])
        badge(one.kind)
        badge(f"group {one.group}")
        text("span", f"{one.address} by {one.transport} {_place(one)}".rstrip(), "c-muted")
    _wrong(found)
    with grid(150):
        stat("Left today", number(found.doing.today), found.doing.words_of_limit)
        rate = report["bounce_rate"]
        stat(
            "Bounces, 7 days",
            percent(rate),
            "of what left" if rate is not None else "nothing left yet",
            tone="bad" if rate and rate >= HIGH_BOUNCES else "",
        )
        warm = f"day {number(one.warmup_day)}" if one.warmup_enabled else "warm"
        stat("Warm-up", warm, f"{number(found.a_day)} emails a day" if found.a_day else "no daily limit")
        stat("Emails in all", number(sum(found.emails.values())), _listed(found.emails))
    if found.day is not None:
        with card("Today", f"By its own clock, {found.day.timezone}") as place:
            with place:
                way("Other days", f"/timing?tab=days&account={quote(one.name, safe='')}", "plain", "schedule")
            day_strip(found.day)
    with split():
        with card("How it sends"):
            facts(_sending(one))
        with card("Where its mail arrives"):
            facts(_receiving(found, looks))


def _wrong(found: Whole) -> None:
    one = found.doing.account
    if one.last_error:
        remedy = {
            AccountStatus.ERROR: " Change what is wrong, test it, and resume it.",
            AccountStatus.PAUSED: " It is paused: resume it once this is settled.",
        }.get(AccountStatus(one.status), "")
        said = one.last_error.rstrip()
        note(f"{said}{'' if said.endswith('.') else '.'}{remedy}", "bad")
    elif not one.is_active:
        note("It is paused and sends nothing until you resume it.", "warn")
    for folder in found.folders:
        if folder.last_error:
            note(f"Its mailbox cannot be read: {folder.last_error}", "warn")


def _sending(one: Account) -> dict[str, object]:
    own = one.pacing or {}
    found: dict[str, object] = {
        "Name before the address": one.display_name,
        "Answers go to": one.reply_to or "the sender",
        "Transport": f"{one.transport} {_place(one)}".rstrip(),
        _secret_name(one): _secret(one),
        "Time zone": one.timezone or f"{visit().workspace.settings.workspace.timezone} (the workspace's)",
        **{LIMITS[name]: getattr(one, name) or "no limit" for name in MOST if getattr(one, name)},
    }
    if one.send_delay_seconds:
        found["Seconds between two"] = one.send_delay_seconds
    if own:
        found["Days of its own"] = ", ".join(
            f"{key.replace('_', ' ')}: {_shown(value)}" for key, value in own.items()
        )
    if one.holidays:
        found["Holidays"] = one.holidays
    return found


def _receiving(found: Whole, looks: dict[str, str]) -> dict[str, object]:
    one = found.doing.account
    if one.inbox is None:
        return {"Mailbox": "not read: replies and bounces are not seen"}
    try:
        place = checked_inbox(one.inbox).place
    except CarillonError as error:
        place = str(error)
    return {
        "Mailbox": f"{one.inbox.get(SOURCE)} {place}",
        "Password": "of its own, stored" if one.inbox_secret else "the one for sending, or a variable's",
        **{f"Folder {folder.name}": looks.get(folder.name, "not yet to its end") for folder in found.folders},
    }


def _place(one: Account) -> str:
    try:
        return checked_settings(one.transport, one.settings).place
    except CarillonError:
        return ""


def _secret_name(one: Account) -> str:
    return "Refresh token" if one.settings.get("auth") == XOAUTH2 else "Password"


def _secret(one: Account) -> str:
    if variable := one.settings.get("password_env") or one.settings.get("oauth_refresh_token_env"):
        return f"in the variable {variable}"
    return "stored, encrypted" if one.secret else "none"


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _listed(emails: dict[str, int]) -> str:
    return ", ".join(f"{number(n)} {status.replace('_', ' ')}" for status, n in emails.items()) or "none yet"
