"""Your account: how the application looks to you, what you are told, password and second factor."""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import available_timezones

from nicegui import ui

from carillon import passwords
from carillon.errors import InputError
from carillon.store import sessions, users
from carillon.store.engine import Connection
from carillon.vault import SecretText, Vault
from carillon.web import auth_totp
from carillon.web.parts import (
    act,
    all_right,
    answer,
    button,
    card,
    choice,
    confirm,
    dialog,
    facts,
    field,
    needed,
    note,
    split,
    text,
    toast,
    visit,
    when_words,
    work,
    wrong,
)
from carillon.web.parts.deeds import REFRESH
from carillon.web.shell import page
from carillon.words import Role
from carillon.workspace import Workspace

THEMES = {"system": "As the system", "light": "Light", "dark": "Dark"}
INTERVALS = {10: "10 seconds", 30: "30 seconds", 60: "1 minute", 300: "5 minutes", 0: "Never"}
NOTICES = {
    "reply": "A reply arrives",
    "bounces": "Many emails bounce",
    "pause": "Mail or an account is paused",
}


@page("/me", "Your account")
async def account() -> None:
    """What belongs to the person who looks."""
    with split():
        with ui.element("div").classes("c-col").style("gap: 16px"):
            _looks()
            if visit().session.user is not None:
                _password()
                _second_factor()
        _person()


def _person() -> None:
    who = visit()
    user = who.session.user
    with card("You"):
        facts(
            {
                "Name": who.name,
                "Role": who.role.value,
                "Time zone": str(who.zone),
                "Last signed in": when_words(user.last_login) if user else "by the link in the terminal",
            }
        )
        if user is None:
            note(
                "There are no users yet, so only this machine may come in. The command carillon user add "
                "NAME --role admin makes the first one; from then on everybody signs in.",
                "info",
            )


def _looks() -> None:
    who = visit()

    async def prefer(name: str, value: object) -> None:
        await asyncio.to_thread(who.prefer, **{name: value})

    async def theme(event: Any) -> None:
        await prefer("theme", event.value)
        ui.navigate.reload()

    async def refresh(event: Any) -> None:
        await prefer("refresh", event.value)
        toast("Kept. It holds from the next page on.")

    async def zone(event: Any) -> None:
        await prefer("timezone", event.value)
        toast("Kept. It holds from the next page on.")

    told = dict(who.preferences.get("notifications") or {})

    async def notice(kind: str, wanted: bool) -> None:
        told[kind] = wanted
        await prefer("notifications", told)

    with card("How it looks"):
        choice("Light or dark", THEMES, who.theme, on_change=act(theme, role=Role.VIEWER))
        pace = who.preferences.get("refresh", REFRESH)
        choice("Pages refresh every", INTERVALS, pace if pace in INTERVALS else REFRESH,
               on_change=act(refresh, role=Role.VIEWER))  # fmt: skip
        zones = {"": "As the browser says"} | {name: name for name in sorted(available_timezones())}
        chosen = str(who.preferences.get("timezone") or "")
        choice("Times are shown in", zones, chosen if chosen in zones else "", with_input=True,
               on_change=act(zone, role=Role.VIEWER))  # fmt: skip
    with card("Tell me when"):
        for kind, words in NOTICES.items():
            ui.switch(
                words,
                value=bool(told.get(kind, True)),
                on_change=act(lambda event, kind=kind: notice(kind, bool(event.value)), role=Role.VIEWER),
            )


def _password() -> None:
    with card("Password"):
        old = field("Password now", password=True, check=needed)
        new = field(
            "New password", password=True, check=needed, hint=f"At least {passwords.SHORTEST} characters."
        )
        again = field("New password again", password=True, check=needed)
        for one, words in ((old, "current-password"), (new, "new-password"), (again, "new-password")):
            one.props(f"autocomplete={words}")

        async def save() -> None:
            if not all_right(old, new, again):
                return
            if new.value != again.value:
                wrong(again, "is not the same")
                return
            who, given, wanted = visit(), str(old.value), str(new.value)

            def change(workspace: Workspace) -> bool:
                user = who.session.user
                assert user is not None
                if not passwords.is_right(user.password, given):
                    return False
                kept, now = passwords.hashed(wanted), workspace.clock.now()
                workspace.database.write(
                    lambda c: users.set_password(c, user.name, kept, now, who.name, who.session.hash),
                    durable=True,
                )
                return True

            try:
                is_done = await work(change)
            except InputError as error:
                wrong(new, str(error))
                return
            if not is_done:
                wrong(old, "is wrong")
                return
            for one in (old, new, again):
                one.set_value("")
                one.error = None
            toast("The password is changed. Everywhere else you are signed out.")

        with ui.element("div").classes("c-actions"):
            button("Change password", do=save, role=Role.VIEWER, look="primary")


def _second_factor() -> None:
    with card("Second factor", "A code from an app on your phone, beside the password"):

        @ui.refreshable
        def state() -> None:
            user = visit().session.user
            assert user is not None
            if user.totp is None:
                text("p", "Not set up: the password alone lets you in.", "c-muted")
                with ui.element("div").classes("c-actions"):
                    button("Set it up", "phonelink_lock", set_up)
            else:
                text("p", "Set up. Without your phone an admin can take it away: carillon user totp-reset.")
                with ui.element("div").classes("c-actions"):
                    button("Take it away", do=take_away, look="danger-plain")

        async def set_up() -> None:
            if await _set_up():
                state.refresh()

        async def take_away() -> None:
            words = "The password alone lets you in then."
            if await confirm("Take the second factor away?", words, "Take away", danger=True):
                await _keep(None)
                state.refresh()

        state()


async def _set_up() -> bool:
    """Show the picture, ask for a code, and keep the secret once the code is right."""
    who = visit()
    secret = auth_totp.new_secret()
    uri = auth_totp.address(secret, who.name, who.workspace.settings.workspace.name)
    made, place = dialog("Set up the second factor")
    with place:
        text(
            "p", "Scan this with an authenticator app, or type the key into it. Then enter the code it shows."
        )
        picture = ui.element("img").style("width: 190px; border-radius: 8px; align-self: center")
        picture.props["src"], picture.props["alt"] = auth_totp.picture(uri), "QR code with the key"
        text("code", " ".join(secret[n : n + 4] for n in range(0, len(secret), 4)))
        code = field("Code", check=needed).props("inputmode=numeric autocomplete=one-time-code")

        async def check() -> None:
            now = who.workspace.clock.now()
            if not all_right(code):
                return
            if auth_totp.step_of(secret, str(code.value), now, None) is None:
                wrong(code, "is not the code for this key")
                return
            await _keep(secret)
            made.submit(True)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Turn on", do=check, look="primary")
    is_done = bool(await answer(made))
    if is_done:
        toast("The second factor is set up.")
    return is_done


async def _keep(secret: str | None) -> None:
    who = visit()

    def keep(workspace: Workspace) -> None:
        stored = None
        if secret is not None:
            stored = Vault(workspace.folder, who.site.environ).encrypt(SecretText(secret))
        now = workspace.clock.now()

        def change(connection: Connection) -> None:
            users.set_totp(connection, who.name, stored, now, who.name)
            sessions.end_others(connection, who.session)

        workspace.database.write(change, durable=True)
        who.look_again()

    await work(keep)
