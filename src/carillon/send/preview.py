"""Emails to be looked at: for a real contact before anything is sent, and again by those who got them.

Reads the store, as `run` does, and sends nothing. What is shown comes from the same code that sends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from secrets import token_hex

from carillon.accounts import Account
from carillon.days import date_of
from carillon.errors import InputError
from carillon.send.lint import Finding, lint, needed
from carillon.send.message import Mail
from carillon.send.skeleton import Skeleton
from carillon.send.template import Compiled, Rendered
from carillon.send.variables import Occasion
from carillon.send.writer import Writer
from carillon.store import accounts as account_store
from carillon.store import recipients as store
from carillon.store import templates as template_store
from carillon.store.engine import Connection
from carillon.store.people import find, similar
from carillon.store.responses import Scheduled, scheduled
from carillon.templates import Source
from carillon.tokens import LinkKeys, open_keys
from carillon.workspace import Workspace

NOBODY = Account(0, "preview", "sender@example.com", "maildir", display_name="The sender")
"""Who writes where there is no account yet."""
SAMPLE = 100
"""Contacts looked at for one with an address."""
SAMPLE_DAYS = 14
"""A preview's event is so many days ahead: nobody knows yet which email it will be."""


@dataclass(frozen=True)
class Preview:
    """A template as one contact would get it."""

    source: Source
    email: str
    sms: str | None
    mail: Mail | None
    """None where it is only an SMS."""
    data: bytes
    """The message as it would leave."""


def findings(workspace: Workspace, connection: Connection, source: Source) -> list[Finding]:
    """What is wrong with a template, given the contacts there are."""
    attributes = store.attribute_names(connection, needed(source))
    return lint(source, attributes, workspace.settings.sending.postal_address)


def put_in_force(workspace: Workspace, name: str, version: int, by: str) -> bool:
    """Check a version, and let emails take it from now on. Returns whether it was not in force already.

    Raises InputError where there is none, and where something is wrong with it, saying what.
    """

    def work(connection: Connection) -> bool:
        source = template_store.find(connection, name, version).source
        wrong = [one for one in findings(workspace, connection, source) if one.is_error]
        if wrong:
            raise InputError(f"version {version} was not put in force: {'; '.join(map(str, wrong))}")
        return template_store.activate(connection, name, version, workspace.clock.now(), by)

    return workspace.database.write(work)


def preview(
    workspace: Workspace,
    source: Source,
    contact: str | None,
    account: str | None,
    to: str | None = None,
    *,
    tracked: bool = True,
) -> Preview:
    """A template for a contact (address or id; or the first there is), from an account (or the first).

    `to`: another address, for a test. `tracked`: with what tells of opens and clicks, as it leaves; without,
    it asks nothing of this server when it is looked at. Its links change nothing. Raises InputError where
    there is no such contact, TemplateFault where it cannot be rendered.
    """
    with workspace.database.snapshot() as connection:
        person = _person(connection, contact)
        sender = _account(connection, account)
    writer = _writer(workspace, sender, tracked=tracked)
    compiled = Compiled(source, workspace.settings.sending.postal_address)
    today = workspace.today()
    occasion = Occasion(_type_of(workspace, source.name), today, _sample_event(today))
    sms = writer.render(compiled, person, occasion, 0)[0].sms
    if not source.is_email:
        return Preview(source, person.email, sms, None, b"")
    if to is not None:
        person = replace(person, email=to)
    now = workspace.clock.now().astimezone(workspace.settings.workspace.zone)
    mail = writer.write(compiled, person, occasion, 0, now)
    if to is not None:
        # Each test is an email of its own.
        place = mail.message_id.rpartition("@")[2]
        mail = replace(mail, message_id=f"<test.{token_hex(8)}@{place}")
    return Preview(source, person.email, sms, mail, Skeleton().fill(mail))


class Viewer:
    """Shows emails again to those who got them."""

    def __init__(self, workspace: Workspace, keys: LinkKeys) -> None:
        self._workspace, self._keys = workspace, keys
        self._compiled: dict[tuple[str, int], Compiled] = {}

    def show(self, contact: int, schedule: int) -> Rendered | None:
        """An email as it is with the template and the data of today; None where there is none any more.

        Raises TemplateFault where it cannot be rendered.
        """
        with self._workspace.database.snapshot() as connection:
            row = scheduled(connection, schedule)
            person = store.recipients(connection, [contact]).get(contact)
            if row is None or person is None or row.contact_id != contact or not row.email_template:
                return None
            source = template_store.in_force(connection, [row.email_template]).get(row.email_template)
            abouts = store.campaigns(connection, [row.campaign_instance_id or 0])
            accounts = {one.id: one for one in account_store.accounts(connection)}
        if source is None:
            return None
        writer = _writer(
            self._workspace, accounts.get(row.account_id or 0, NOBODY), self._keys, tracked=False
        )
        return writer.render(self._read(source), person, _occasion(row, abouts), schedule)[0]

    def _read(self, source: Source) -> Compiled:
        key = source.name, source.version
        if key not in self._compiled:
            self._compiled[key] = Compiled(source, self._workspace.settings.sending.postal_address)
        return self._compiled[key]


def _occasion(row: Scheduled, abouts: Mapping[int, store.About]) -> Occasion:
    event = None if row.event is None else date_of(row.event)
    return Occasion(row.email_type, date_of(row.send), event, abouts.get(row.campaign_instance_id or 0))


def _writer(
    workspace: Workspace, account: Account, keys: LinkKeys | None = None, tracked: bool = True
) -> Writer:
    settings = workspace.settings
    if not tracked:
        quiet = settings.tracking.model_copy(update={"opens": False, "clicks": False})
        settings = settings.model_copy(update={"tracking": quiet})
    return Writer.of(account, settings, keys or open_keys(workspace.folder, os.environ))


def _person(connection: Connection, wanted: str | None) -> store.Recipient:
    if wanted is None:
        ids = store.first_ids(connection, SAMPLE)
    else:
        ids = [one.id for one in find(connection, wanted)]
    people = store.recipients(connection, ids)
    if people:
        return people[min(people)]
    if wanted is None:
        raise InputError("there are no contacts yet; `carillon import contacts FILE` brings them in")
    near = similar(connection, wanted)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"there is no contact {wanted} with an address{hint}")


def _account(connection: Connection, name: str | None) -> Account:
    if name is not None:
        return account_store.find(connection, name)
    return next(iter(account_store.accounts(connection)), NOBODY)


def _type_of(workspace: Workspace, template: str) -> str:
    """The email type that takes a template, by the settings."""
    for kind, names in workspace.settings.email_templates:
        if template in (names.email, names.sms):
            return str(kind)
    return "campaign"


def _sample_event(today: date) -> date:
    return today + timedelta(days=SAMPLE_DAYS)
