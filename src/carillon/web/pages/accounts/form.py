"""An account made or changed. A secret is typed once, stored encrypted, and never shown again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nicegui import ui

from carillon.accounts import MOST, Account
from carillon.connection_settings import place_of
from carillon.errors import CarillonError, InputError
from carillon.listen.setup import InboxSecretMissing, by_imap, by_maildir, without_inbox
from carillon.listen.sources import SOURCE, SOURCES
from carillon.send.setup import SecretMissing, set_up
from carillon.send.transports import TRANSPORTS, offer
from carillon.settings_pacing import DayPattern, own_figures
from carillon.store import accounts as store
from carillon.vault import SecretText, Vault
from carillon.web.pages.accounts.fields import SettingsFields
from carillon.web.parts import (
    all_right,
    answer,
    button,
    choice,
    dialog,
    field,
    needed,
    note,
    number_field,
    tabs,
    text,
    toast,
    visit,
    work,
)
from carillon.words import AccountKind, Role
from carillon.workspace import Workspace

LIMITS = {
    "daily_limit": "Emails a day",
    "max_per_hour": "Emails an hour",
    "max_per_minute": "Emails a minute",
    "max_per_second": "Emails a second",
    "max_per_domain_per_minute": "Emails a minute to one domain",
}
PACING = {
    "business_hours": ("Business hours", "Like 08:00-17:00; empty: the workspace's."),
    "working_days": ("Working days", "Like mon-fri; empty: the workspace's."),
    "min_gap_seconds": ("Seconds between two emails", "At least; empty: the workspace's."),
}
STORED, NONE_YET = (
    "One is stored; what is typed here takes its place.",
    "Stored encrypted, never shown again.",
)
_OWN = (
    "name", "address", "display_name", "reply_to", "group", "timezone", "kind", *MOST, "send_delay_seconds",
    "warmup_enabled", "warmup_day", "holidays", "settings", "secret", "inbox", "inbox_secret", "pacing",
)  # fmt: skip
"""What the form says of an account."""


async def make() -> None:
    """Ask for a new account, and go to its page."""
    if name := await _form(None):
        ui.navigate.to(f"/accounts/{quote(name, safe='')}")


async def change(account: Account) -> bool:
    """Ask what is to be other. Returns whether something was."""
    return bool(await _form(account))


async def _form(account: Account | None) -> str | None:
    who = visit().name
    made, place = dialog(
        f"Change {account.name}" if account else "Add an account", wide=True, persistent=True
    )
    with place:
        form = _Form(account)
        wrong = ui.element("div").classes("w-full")

        async def save() -> None:
            wrong.clear()
            if not form.is_right:
                return
            try:
                name = await work(form.saved(who))
            except CarillonError as error:
                with wrong:
                    note(str(error), "bad")
                return
            made.submit(name)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save" if account else "Add", do=save, role=Role.ADMIN, look="primary")
    saved: str | None = await answer(made)
    if saved:
        toast(f"Changed {saved}." if account else f"Made {saved}. Test it, and it can send.")
    return saved


class _Form:
    """The fields, in four tabs."""

    def __init__(self, account: Account | None) -> None:
        self._old = account
        base = account or Account(0, "", "", "smtp")
        names = {"who": "Who", "out": "Sending", "in": "Receiving", "days": "Limits and days"}
        with tabs(names) as panels:
            with panels["who"]:
                self._who(base)
            with panels["out"]:
                self._out = ui.element("div").classes("c-col")
                self._sending()
            with panels["in"]:
                source = str((base.inbox or {}).get(SOURCE) or "")
                kinds = {"": "It is not read", **{one: one.upper() if one == "imap" else one.capitalize()
                                                  for one in SOURCES}}  # fmt: skip
                self._source = choice("Where its mail arrives", kinds, source, hint="Replies and bounces.")
                self._in = ui.element("div").classes("c-col")
                self._receiving()
                self._source.on_value_change(self._receiving)
            with panels["days"]:
                self._limits(base)
        self._transport.on_value_change(self._sending)

    @property
    def is_right(self) -> bool:
        numbers = [self._limit[name] for name in self._limit]
        return all_right(self._name, self._address, *numbers, self._delay, self._warmup_day)

    def saved(self, by: str) -> Any:
        """What stores it: for a thread. Everything is read out of the fields here."""
        old, wanted, name = self._old, self._wanted(), str(self._name.value or "").strip()
        settings, secret = self._settings.changed, self._settings.secret
        source = self._source.value
        inbox = self._inbox.changed if self._inbox else {}
        inbox_secret = self._inbox.secret if self._inbox else ""
        transport = str(self._transport.value)

        def save(workspace: Workspace) -> str:
            vault = Vault(workspace.folder, os.environ)
            start = old or Account(0, name, "", transport, kind=offer(transport).kind.value)
            new = replace(start, **wanted)
            try:
                new = set_up(new, _placed(settings, workspace), _asked(secret), vault)
                new = _with_inbox(new, source, _placed(inbox, workspace), inbox_secret, vault)
            except SecretMissing as error:
                raise InputError(
                    f"{error} Type it under Sending, or name the variable that holds it"
                ) from None
            except InboxSecretMissing as error:
                raise InputError(f"{error} Type it under Receiving, or name its variable") from None
            now = workspace.clock.now()
            if old is None:
                workspace.database.write(lambda connection: store.create(connection, new, now, by))
            else:
                values = {one: getattr(new, one) for one in _OWN if getattr(new, one) != getattr(old, one)}
                workspace.database.write(
                    lambda connection: store.change(
                        connection, old.name, lambda known: replace(known, **values), now, by
                    )
                )
            return new.name

        return save

    def _wanted(self) -> dict[str, Any]:
        texts = {name: str(one.value or "").strip() for name, one in self._texts.items()}
        own = {key: str(one.value or "").strip() for key, one in self._pacing.items()}
        kept = {
            key: value for key, value in ((self._old and self._old.pacing) or {}).items() if key not in own
        }
        pacing = own_figures(DayPattern, {**kept, **{key: value for key, value in own.items() if value}})
        return {
            "address": str(self._address.value or "").strip(),
            "display_name": texts["display_name"] or None,
            "reply_to": texts["reply_to"] or None,
            "group": texts["group"] or "default",
            "timezone": texts["timezone"] or None,
            "kind": self._kind.value,
            **{name: None if one.value is None else int(one.value) for name, one in self._limit.items()},
            "send_delay_seconds": int(self._delay.value or 0),
            "warmup_enabled": bool(self._warmup.value),
            "warmup_day": int(self._warmup_day.value or 1),
            "holidays": texts["holidays"].upper() or None,
            "pacing": pacing or None,
        }

    def _who(self, base: Account) -> None:
        self._name = field("Name", base.name, check=needed, hint="What you call it, such as ann-1.")
        if self._old is not None:
            self._name.props("readonly")
        self._address = field("Address it sends from", base.address, check=needed)
        self._texts: dict[str, Any] = {
            "display_name": field("Name before the address", base.display_name or ""),
            "reply_to": field("Where answers go", base.reply_to or "", hint="Empty: to the sender."),
            "group": field("Group", base.group, hint="Campaigns and sequences may name it."),
        }

    def _sending(self) -> None:
        base = self._old
        if not hasattr(self, "_transport"):
            with self._out:
                known = {one: one.upper() if one == "smtp" else one.capitalize() for one in TRANSPORTS}
                self._transport = choice("How it sends", known, base.transport if base else "smtp")
                if base is not None:
                    self._transport.props("readonly")
                self._own = ui.element("div").classes("c-col")
        self._own.clear()
        with self._own:
            model = offer(str(self._transport.value)).settings
            hint = STORED if base and base.secret else NONE_YET
            self._settings = SettingsFields(model, base.settings if base else {}, hint)

    def _receiving(self) -> None:
        self._in.clear()
        self._inbox: SettingsFields | None = None
        if not self._source.value:
            with self._in:
                text("p", "Then replies and bounces of its mail are not seen.", "c-muted")
            return
        base = self._old
        values = dict(base.inbox or {}) if base else {}
        known = values if values.get(SOURCE) == self._source.value else {}
        hint = STORED if base and base.inbox_secret else "Empty: the one for sending."
        with self._in:
            model = SOURCES[str(self._source.value)].settings
            self._inbox = SettingsFields(model, known, hint, token=False)

    def _limits(self, base: Account) -> None:
        self._kind = choice(
            "What its day looks like",
            {AccountKind.RELAY.value: "relay: as fast as its limits allow",
             AccountKind.MAILBOX.value: "mailbox: a person's day, in slots"},
            base.kind,
        )  # fmt: skip
        self._texts["timezone"] = field("Time zone", base.timezone or "", hint="Empty: the workspace's.")
        with ui.element("div").classes("c-grid").style("--least: 190px; gap: 4px 14px"):
            self._limit = {
                name: number_field(
                    label, getattr(base, name), least=1, most=MOST[name], hint="Empty: no limit."
                )
                for name, label in LIMITS.items()
            }
            self._delay = number_field(
                "Least seconds between two", base.send_delay_seconds, least=0, most=86_400
            )
        self._warmup = ui.switch("Warm up: begin with few emails a day", value=base.warmup_enabled)
        with ui.element("div").classes("c-grid").style("--least: 190px; gap: 4px 14px"):
            self._warmup_day = number_field("Day of its warm-up", base.warmup_day, least=1, most=100_000)
            self._pacing = {
                key: field(label, _words(base.pacing, key), hint=hint)
                for key, (label, hint) in PACING.items()
            }
            self._texts["holidays"] = field("Holidays of", base.holidays or "", hint="Like US or US-CA.")


def _words(own: Mapping[str, Any] | None, key: str) -> str:
    value = (own or {}).get(key)
    return (
        ", ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
    )


def _asked(secret: str) -> Any:
    """What hands out the secret that was typed; None: there was none."""
    return (lambda *_: SecretText(secret)) if secret else None


def _placed(settings: Mapping[str, Any], workspace: Workspace) -> dict[str, Any]:
    """The settings with their folder as it is stored; a relative one counts from the workspace."""
    found = dict(settings)
    if found.get("path"):
        found["path"] = place_of(workspace.folder / Path(str(found["path"])), workspace.folder)
    return found


def _with_inbox(
    account: Account, source: str, given: Mapping[str, Any], secret: str, vault: Vault
) -> Account:
    if not source:
        return without_inbox(account) if account.inbox else account
    if source == "maildir":
        path = given.get("path", (account.inbox or {}).get("path", ""))
        return by_maildir(account, str(path))
    if not given and not secret and (account.inbox or {}).get(SOURCE) == source:
        return account
    return by_imap(account, given, _asked(secret), vault)
