"""Claimed emails rendered: what the dispatcher asks for a batch at a time.

Reads on the connection it is given. A template is read once per version, as long as the dispatcher runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from carillon.accounts import Account
from carillon.days import date_of
from carillon.errors import CarillonError, SettingsError
from carillon.send.books import Letter, Render
from carillon.send.outcomes import Envelope
from carillon.send.skeleton import Skeleton
from carillon.send.template import Compiled
from carillon.send.told import about, told, with_subject
from carillon.send.variables import Occasion
from carillon.send.writer import Writer
from carillon.store import recipients as store
from carillon.store import templates as template_store
from carillon.store.dispatch import Claimed
from carillon.store.engine import Connection
from carillon.templates import Source
from carillon.tokens import open_keys
from carillon.workspace import Workspace

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass
class _Shelf:
    """A template's version with the frame of its messages."""

    compiled: Compiled
    skeleton: Skeleton = field(default_factory=Skeleton)


def renderer(workspace: Workspace, account: Account) -> Render:
    """Renders claimed emails of an account, by id; a text says why one cannot be.

    Raises SettingsError where the account may not be given marketing mail.
    """
    if why := refusal(workspace, account):
        raise SettingsError(why)
    if _missing(workspace):
        workspace.database.write(lambda c: template_store.ensure_defaults(c, workspace.clock.now()))
    return _Renderer(workspace, account)


def refusal(workspace: Workspace, account: Account) -> str | None:
    """Why an account is not given mail that needs the sender's address; None if it may be."""
    local = account.transport == "maildir" or account.settings.get("host") in LOOPBACK
    if local or workspace.settings.sending.postal_address is not None:
        return None
    return (
        f"account {account.name}: marketing mail has to name the sender's physical address. Set "
        "sending.postal_address in carillon.yaml; until then only a Maildir or a server on this computer "
        "is given mail."
    )


class _Renderer:
    def __init__(self, workspace: Workspace, account: Account) -> None:
        self._writer = Writer.of(account, workspace.settings, open_keys(workspace.folder, os.environ))
        self._zone = workspace.settings.workspace.zone
        self._address = workspace.settings.sending.postal_address
        self._shelves: dict[tuple[str, int, str | None], _Shelf | str] = {}

    def __call__(
        self, connection: Connection, rows: Sequence[Claimed], now: datetime
    ) -> dict[int, Letter | str]:
        people = store.recipients(connection, (row.contact_id for row in rows))
        abouts = store.campaigns(connection, {row.campaign_instance_id or 0 for row in rows})
        threads = store.threads(connection, {row.parent_id for row in rows if row.parent_id is not None})
        sources = template_store.in_force(connection, {row.email_template or "" for row in rows})
        now = now.astimezone(self._zone)
        found: dict[int, Letter | str] = {}
        for row in rows:
            source, person = sources.get(row.email_template or ""), people.get(row.contact_id)
            shelf = None if source is None else self._shelf(with_subject(source, row))
            if person is None:
                found[row.id] = "the contact is not there or has no address"
            elif not row.email_template:
                found[row.id] = "the email has no template"
            elif shelf is None:
                found[row.id] = f"there is no active template {row.email_template!r}"
            elif isinstance(shelf, str):
                found[row.id] = shelf
            else:
                event = None if row.event is None else date_of(row.event)
                campaign = abouts.get(row.campaign_instance_id or 0) or about(row)
                occasion = Occasion(row.email_type, date_of(row.send), event, campaign)
                references = () if row.parent_id is None else threads.get(row.parent_id, ())
                try:
                    writer = self._writer.named(told(row).get("sender_name"))
                    mail = writer.write(shelf.compiled, person, occasion, row.id, now, references)
                    data = shelf.skeleton.fill(mail)
                    envelope = Envelope(mail.message_id, mail.from_address, mail.to_address, data)
                    found[row.id] = Letter(envelope, sha256(data).hexdigest(), person.email)
                except (CarillonError, ValueError) as error:
                    found[row.id] = str(error)
        return found

    def _shelf(self, source: Source) -> _Shelf | str:
        key = source.name, source.version, source.subject
        if key not in self._shelves:
            try:
                self._shelves[key] = _Shelf(Compiled(source, self._address))
            except CarillonError as error:
                self._shelves[key] = str(error)
        return self._shelves[key]


def _missing(workspace: Workspace) -> bool:
    with workspace.database.snapshot() as connection:
        return template_store.lacks_defaults(connection)
