"""Who may sign in."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from carillon.errors import InputError
from carillon.passwords import LONGEST, SHORTEST, hashed
from carillon.store import users as store
from carillon.store.users import User
from carillon.web.pages.settings.listed import Refresh, do, listed
from carillon.web.parts import (
    act,
    ago,
    all_right,
    answer,
    badge,
    button,
    choice,
    confirm,
    dialog,
    field,
    needed,
    text,
    toast,
    visit,
    work,
    wrong,
)
from carillon.words import Role

MEANS = {
    Role.VIEWER.value: "Viewer: looks at everything",
    Role.EDITOR.value: "Editor: also changes and sends",
    Role.ADMIN.value: "Admin: also settings, accounts and users",
}


async def users() -> None:
    """The list, and what can be done with each."""
    await listed(
        "Users",
        "A role holds from the next click on",
        store.every,
        _user,
        (
            "group",
            "Nobody has to sign in yet",
            "Only this machine may come in. With the first user everybody signs in: make an admin.",
        ),
        "Add a user",
        "person_add",
        _add,
    )


def _user(one: User, refresh: Refresh) -> None:
    now, who = visit().workspace.clock.now(), visit().name
    me = one.name == who and visit().session.user is not None
    with ui.element("div").classes("s-state").props(f'data-user="{one.id}"'):
        with ui.element("div").classes("c-grow"):
            with ui.element("div").classes("c-row"):
                text("span", one.name, "c-strong")
                if me:
                    badge("you", "info")
                if one.disabled is not None:
                    badge("kept out", "bad")
                elif one.locked_until is not None and one.locked_until > now:
                    badge("locked after wrong passwords", "warn")
                if one.totp:
                    badge("second factor", "good")
            text("div", f"Last here: {ago(one.last_login)}", "c-muted c-small")

        async def set_role(event: Any) -> None:
            wanted = Role(event.value)
            await do(lambda c, now, by: store.set_role(c, one.name, wanted, now, by))
            toast(f"{one.name} is {wanted.value} now.")
            await refresh()

        role = choice("Role", [each.value for each in Role], one.role.value)
        role.on_value_change(act(set_role, role=Role.ADMIN))
        role.classes(remove="w-full").style("width: 130px")

        async def password() -> None:
            await _password(one)

        async def out() -> None:
            is_out = one.disabled is None
            words = "Their sessions end at once. What they did stays under their name."
            if is_out and not await confirm(f"Keep {one.name} out?", words, "Keep out", danger=True):
                return
            await do(lambda c, now, by: store.disable(c, one.name, is_out, now, by))
            toast(f"{one.name} {'is kept out' if is_out else 'may sign in again'}.")
            await refresh()

        async def factor() -> None:
            words = "They sign in with the password alone until they set another one up."
            if await confirm(f"Take {one.name}'s second factor away?", words, "Take away", danger=True):
                await do(lambda c, now, by: store.set_totp(c, one.name, None, now, by))
                await refresh()

        async def away() -> None:
            words = "What they did stays under their name. Without any user only this machine may come in."
            if await confirm(f"Remove {one.name}?", words, "Remove", danger=True):
                await do(lambda c, now, by: store.remove(c, one.name, now, by))
                toast(f"{one.name} is no user any more.")
                await refresh()

        entries = [("Set a password", password), ("Let in again" if one.disabled else "Keep out", out)]
        entries += [("Take the second factor away", factor)] if one.totp else []
        entries.append(("Remove", away))
        with button("", "more_vert", look="quiet").props(f'aria-label="More for {one.name}"'), ui.menu():
            for label, deed in entries:
                ui.menu_item(label, on_click=act(deed, role=Role.ADMIN))


async def _add() -> bool:
    made, place = dialog("Add a user")
    with place:
        name = field("Name", check=needed, hint="What they sign in as.")
        role = choice("Role", MEANS, Role.VIEWER.value)
        word = field("Password", password=True, check=_fit, hint=f"{SHORTEST} to {LONGEST} characters.")

        async def take() -> None:
            if not all_right(name, word):
                return
            try:
                secret = await work(lambda _workspace: hashed(str(word.value)))
                wanted, kind = str(name.value).strip(), Role(role.value)
                await do(lambda c, now, by: store.add(c, wanted, secret, kind, now, by))
            except InputError as error:
                wrong(name, str(error))
                return
            toast(f"{wanted} may sign in as {kind.value}.")
            made.submit(True)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Add", "person_add", take, role=Role.ADMIN, look="primary")
    return bool(await answer(made))


async def _password(one: User) -> None:
    made, place = dialog(f"A password for {one.name}")
    with place:
        text("p", "Their sessions end, and a lock after wrong passwords is lifted.", "c-muted")
        word = field("Password", password=True, check=_fit, hint=f"{SHORTEST} to {LONGEST} characters.")

        async def take() -> None:
            if all_right(word):
                secret = await work(lambda _workspace: hashed(str(word.value)))
                await do(lambda c, now, by: store.set_password(c, one.name, secret, now, by))
                toast(f"{one.name} has a new password.")
                made.submit(True)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Set it", "check", take, role=Role.ADMIN, look="primary")
    await answer(made)


def _fit(given: object) -> str | None:
    return None if SHORTEST <= len(str(given or "")) <= LONGEST else f"{SHORTEST} to {LONGEST} characters"
