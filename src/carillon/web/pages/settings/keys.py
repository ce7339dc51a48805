"""Keys of programs that call."""

from __future__ import annotations

from nicegui import ui

from carillon.errors import InputError
from carillon.store import apikeys as store
from carillon.store.apikeys import ApiKey
from carillon.web.pages.settings.listed import Refresh, do, listed
from carillon.web.parts import (
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
    wrong,
)
from carillon.words import Role

SCOPES = {
    "read": "read: look at everything",
    "write": "write: contacts, campaigns, templates, sequences",
    "send": "send: let mail go, hold it up",
    "events": "events: tell of opens, replies, bounces",
    "admin": "admin: accounts, webhooks, the audit log",
}


async def keys() -> None:
    """The list, with the way to make one."""
    await listed(
        "API keys",
        "Only a hash of each is stored",
        lambda connection: sorted(
            store.every(connection), key=lambda one: (one.revoked is not None, one.name)
        ),
        _key,
        ("key", "No program may call yet", "Make a key for each program, with what it needs."),
        "Make a key",
        "add",
        _add,
        secret="The new key",
    )


def _key(one: ApiKey, refresh: Refresh) -> None:
    with ui.element("div").classes("s-state").props(f'data-key="{one.prefix}"'):
        with ui.element("div").classes("c-grow"):
            with ui.element("div").classes("c-row"):
                text("span", one.name, "c-strong")
                for scope in one.scopes:
                    badge(scope, "warn" if scope == "admin" else "")
                if one.revoked is not None:
                    badge("revoked", "bad")
            text(
                "div",
                f"carillon_{one.prefix}_… · last used {ago(one.last_used)} · made by {one.created_by}",
                "c-muted c-small",
            )

        async def revoke() -> None:
            words = (
                "Calls with it are refused from now on. This cannot be undone; its name may be used again."
            )
            if not await confirm(f"Revoke the key {one.name}?", words, "Revoke", danger=True):
                return
            await do(lambda c, now, by: store.revoke(c, one.name, now, by))
            toast(f"The key {one.name} is revoked.")
            await refresh()

        if one.revoked is None:
            button("Revoke", "block", revoke, role=Role.ADMIN, look="danger-plain")


async def _add() -> str | None:
    made, place = dialog("Make a key")
    with place:
        name = field("Name", check=needed, hint="Such as the program's name.")
        scopes = choice("What it may do", SCOPES, ["read"], multiple=True, validation=needed).props(
            "use-chips"
        )

        async def take() -> None:
            if not all_right(name, scopes):
                return
            wanted, kinds = str(name.value).strip(), tuple(scopes.value)
            try:
                _, secret = await do(lambda c, now, by: store.create(c, wanted, kinds, now, by))
            except InputError as error:
                wrong(name, str(error))
                return
            made.submit(secret)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Make it", "key", take, role=Role.ADMIN, look="primary")
    found = await answer(made)
    return None if found is None else str(found)
