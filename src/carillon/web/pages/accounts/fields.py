"""Fields for the settings of a transport or a mailbox, made from its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from nicegui import ui
from nicegui.element import Element

from carillon.connection_settings import ConnectionSettings
from carillon.oauth_settings import XOAUTH2
from carillon.web.parts import choice, field

FIRST = ("host", "port", "security", "username", "path", "auth")
"""In this order; what is not named comes under "More"."""
OAUTH = "oauth_"
LABELS = {
    "host": "Server",
    "path": "Folder",
    "username": "User name",
    "auth": "How it logs in",
    "security": "Encryption",
    "password_env": "Variable that holds the password",
    "ca_file": "File of certificates to trust",
    "hello": "Name of this computer for the server",
    "bounce_address": "Address for delivery reports",
    "connections": "Connections at a time",
    "oauth_token_url": "Where access tokens are given out",
    "oauth_client_id": "What the provider calls the program",
    "oauth_scope": "Scope",
    "oauth_refresh_token_env": "Variable that holds the refresh token",
    "oauth_client_secret_env": "Variable that holds the client's secret",
}
HINTS = {
    "port": "Empty: as usual for the encryption.",
    "path": "From the workspace's folder, or absolute.",
    "password_env": "Instead of a stored password.",
    "oauth_refresh_token_env": "Instead of a stored token.",
    "oauth_scope": "Empty: all that was granted.",
}
UNSAID = {"security": "as usual for the port", "auth": "as for sending"}
"""What no choice means."""
WORDS = {"none": "none", "starttls": "STARTTLS", "tls": "TLS", "password": "password", XOAUTH2: "OAuth 2.0"}


class SettingsFields:
    """The fields of one model, with what an account has."""

    def __init__(
        self, model: type[ConnectionSettings], values: Mapping[str, Any], secret: str, token: bool = True
    ) -> None:
        """`secret`: the hint of the fields for the password and the refresh token.

        `token`: whether a refresh token can be stored; a mailbox has that of sending, or a variable's.
        """
        self._values = values
        self._fields: dict[str, Any] = {}
        names = list(model.model_fields)
        for name in FIRST:
            if name in names:
                self._make(model, name)
        self.password = self.token = None
        auth = self._fields.get("auth")
        if "password_env" in names:
            self.password = field("Password", password=True, hint=secret)
            self.password.props("autocomplete=new-password")
            self._make(model, "password_env")
        if auth is not None:
            if token:
                self.token = field("Refresh token", password=True, hint=secret)
                self.token.props("autocomplete=new-password")
            for name in names:
                if name.startswith(OAUTH):
                    self._make(model, name)
            self._by_login(auth)
        rest = [name for name in names if name not in self._fields]
        if rest:
            with ui.expansion("More settings").classes("w-full"):
                for name in rest:
                    self._make(model, name)
        self._first = self._shown()

    @property
    def changed(self) -> dict[str, Any]:
        """What is other than it was shown at first; an empty text takes a setting away."""
        now = self._shown()
        return {name: value for name, value in now.items() if value != self._first[name]}

    @property
    def secret(self) -> str:
        """What was typed as the password or, with OAuth, as the refresh token."""
        auth = self._fields.get("auth")
        typed = self.token if auth is not None and auth.value == XOAUTH2 else self.password
        return "" if typed is None else str(typed.value or "")

    def _make(self, model: type[ConnectionSettings], name: str) -> None:
        value, hint = self._values.get(name), HINTS.get(name, "")
        label = LABELS.get(name, name.replace("_", " ").capitalize())
        words = _choices(model.model_fields[name].annotation)
        if words:
            shown = {one: WORDS.get(one, one) for one in words}
            usual = model.model_fields[name].default if name == "auth" else None
            if usual is None:
                shown = {"": UNSAID.get(name, "as usual"), **shown}
            first = value if value in shown else usual or ""
            self._fields[name] = choice(label, shown, first, hint=hint)
            return
        self._fields[name] = field(label, "" if value is None else str(value), hint=hint)

    def _shown(self) -> dict[str, str]:
        return {
            name: "" if one.value is None else str(one.value).strip() for name, one in self._fields.items()
        }

    def _by_login(self, auth: Any) -> None:
        """Show only what the chosen way to log in needs."""

        def show() -> None:
            on = auth.value == XOAUTH2
            for name, one in self._fields.items():
                if name.startswith(OAUTH):
                    one.set_visibility(on)
            pairs: tuple[tuple[Element | None, bool], ...] = (
                (self.token, on),
                (self.password, not on),
                (self._fields.get("password_env"), not on),
            )
            for element, is_on in pairs:
                if element is not None:
                    element.set_visibility(is_on)

        auth.on_value_change(show)
        show()


def _choices(annotation: Any) -> tuple[str, ...]:
    """The words that a setting may be; empty: it may be anything."""
    if get_origin(annotation) is Literal:
        return tuple(str(one) for one in get_args(annotation))
    found = [_choices(one) for one in get_args(annotation)]
    return next((one for one in found if one), ())
