"""A test of what stands in the editor, to an address of one's own."""

from __future__ import annotations

from nicegui import ui

from carillon.addresses import is_valid
from carillon.errors import InputError, Refused
from carillon.send import trial as trials
from carillon.store import accounts
from carillon.templates import Source
from carillon.web.parts import all_right, answer, busy, button, choice, dialog, field, read, text, toast
from carillon.web.parts import visit as visitor
from carillon.web.parts.dialogs import Tell
from carillon.words import Role
from carillon.workspace import Workspace


async def send_test(source: Source, contact: str | None) -> None:
    """Ask where to and by which account; send it, and say what came of it."""
    if not source.is_email:
        raise InputError("this is an SMS; only emails can be sent as a test")
    known = await read(accounts.accounts)
    if not known:
        raise InputError("there is no account to send from yet: make one on the page Accounts")
    made, place = dialog("Send a test")
    with place:
        who = contact or "the first contact"
        text("p", f"One real email, as {who} would get it. Its links change nothing and nothing is counted.")
        to = field("To", hint="An address of your own.", check=_address_fault)
        names = {one.name: f"{one.name} ({one.address})" for one in known}
        account = choice("From the account", names, known[0].name)

        def send() -> None:
            if all_right(to):
                made.submit((str(to.value).strip(), account.value))

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Send the test", "send", send, role=Role.EDITOR, look="primary")
    chosen = await answer(made)
    if chosen is None:
        return
    address, name = chosen
    sender = next(one for one in known if one.name == name)
    by, local_only = visitor().name, visitor().site.local_only

    def work(workspace: Workspace, tell: Tell) -> str:
        tell("Writing it")
        trial = trials.of_template(workspace, source, contact, sender, address)
        transport = trials.opened(workspace, sender)
        if local_only and not transport.is_local:
            raise Refused(
                f"under --now only Maildirs and servers on this computer are used, and {name} is neither"
            )
        tell(f"Handing it to {sender.transport}")
        return trials.words(trials.tried(workspace, transport, trial, by), sender, address, "")

    toast(await busy(f"Sending a test to {address}", work))


def _address_fault(value: object) -> str | None:
    return None if is_valid(str(value or "").strip()) else "write an address, like me@example.com"
