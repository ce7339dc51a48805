"""What can be done with a contact: suppressed and let go, enrolled, handed out, forgotten."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from nicegui import ui

from carillon.errors import InputError
from carillon.files.enroll_run import why
from carillon.files.forget_run import export_contact, forget_contact
from carillon.jobs import sequences as jobs
from carillon.store import campaigns, meant, sequences, suppressions
from carillon.store.contact_search import Found
from carillon.store.engine import Connection
from carillon.store.suppressions import Suppression
from carillon.web.parts import (
    all_right,
    answer,
    button,
    choice,
    confirm,
    dialog,
    field,
    needed,
    read,
    text,
    toast,
    visit,
    work,
    write,
    wrong,
)
from carillon.words import Role, Scope, SequenceStatus
from carillon.workspace import Workspace

Again = Callable[[], Awaitable[None]]
_SCOPES = {
    Scope.ALL.value: "everything",
    Scope.MARKETING.value: "marketing (regulatory notices still go)",
}


async def suppress(one: Found, again: Again) -> None:
    """Never write to a contact's address again, after asking for the scope and the reason."""
    types = await read(campaigns.types)
    options = _SCOPES | {name: f"only {name.replace('_', ' ')}" for name in types}
    by = visit().name
    made, place = dialog("Suppress this address")
    with place:
        text(
            "p",
            f"Nothing is written to {one.texts['email']} any more. What waits to be sent to it is cancelled "
            "at once, what is planned goes with the next plan.",
        )
        scope = choice("What it gets no more", options, Scope.ALL.value)
        reason = field("Why", hint="Such as: asked by phone", check=needed)

        async def save() -> None:
            if not all_right(reason):
                return
            given, because = str(scope.value), str(reason.value).strip()
            try:
                _, is_new, cancelled = await work(
                    lambda w: w.database.write(
                        lambda c: suppressions.add(
                            c, one.texts["email"] or "", given, because, w.clock.now(), by
                        )
                    )
                )
            except InputError as error:
                wrong(reason, str(error))
                return
            made.submit((is_new, cancelled))

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Suppress", do=save, role=Role.EDITOR, look="danger")
    if (found := await answer(made)) is not None:
        is_new, cancelled = found
        emails = "1 waiting email" if cancelled == 1 else f"{cancelled:,} waiting emails"
        toast(f"{'Suppressed' if is_new else 'Was suppressed already'}; {emails} cancelled.")
        await again()


async def lift(one: Suppression, again: Again) -> None:
    """Let an address be written to again, with the reason, which is written down."""
    by = visit().name
    made, place = dialog("Let it be written to again?")
    with place:
        who = f"Everyone at {one.address[1:]}" if one.address.startswith("@") else one.address
        text("p", f"{who} is suppressed for {one.scope}: {one.reason or 'no reason was given'}.")
        reason = field("Why it may be written to again", check=needed, hint="It is written down.")

        async def save() -> None:
            if all_right(reason):
                because = str(reason.value).strip()
                await work(
                    lambda w: w.database.write(
                        lambda c: suppressions.lift(c, one.address, one.scope, because, w.clock.now(), by)
                    )
                )
                made.submit(True)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Let it be written to", do=save, role=Role.EDITOR, look="primary")
    if await answer(made):
        toast("The next plan places what still lies ahead.")
        await again()


async def enroll(one: Found, again: Again) -> None:
    """Put a contact on its way through a sequence."""
    known = await read(lambda c: list(sequences.sequences(c).values()))
    offered = {each.name: f"{each.name} ({each.status})" for each in known
               if each.status is not SequenceStatus.ARCHIVED}  # fmt: skip
    if not offered:
        toast("There is no sequence yet. Make one on the page Sequences.", "bad")
        return
    by = visit().name
    made, place = dialog("Enroll in a sequence")
    with place:
        name = choice("Sequence", offered, next(iter(offered)), with_input=True)
        text("p", "In an active sequence the first email may leave as soon as it is due.", "c-muted")

        async def save() -> None:
            wanted = str(name.value or "")

            def do(workspace: Workspace) -> list[str]:
                rows = meant.rows_of([(one.id, None, None)])

                def change(connection: Connection) -> list[str]:
                    done, _ = jobs.enroll(connection, workspace, wanted, rows, by)
                    return [str(reason) for reason in done.refused["reason"]]

                return workspace.database.write(change)

            try:
                refused = await work(do)
            except InputError as error:
                wrong(name, str(error))
                return
            if refused:
                wrong(name, f"Not enrolled: {why(refused[0])}.")
                return
            made.submit(wanted)

        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Enroll", do=save, role=Role.EDITOR, look="primary")
    if found := await answer(made):
        toast(f"Enrolled in {found}.")
        await again()


async def hand_out(one: Found) -> None:
    """All that is known of a contact, as a file."""
    found = await work(lambda workspace: export_contact(workspace, one.id))
    content = json.dumps(found, ensure_ascii=False, indent=2).encode()
    ui.download.content(content, f"contact-{one.id}.json", "application/json")


async def forget(one: Found) -> None:
    """Erase what is known of a contact, after asking: it cannot be undone."""
    words = (
        "Its data are erased for good, and what waits to be sent to it is cancelled. A keyed hash of its "
        "address is kept, so that it stays suppressed if a later list has it. What was sent stays in the "
        "books as numbers. Backups and reports of imports hold it until they are deleted."
    )
    if not await confirm("Forget this contact for good?", words, "Forget", danger=True):
        return
    by = visit().name
    await work(lambda workspace: forget_contact(workspace, one.id, by))
    ui.navigate.to("/contacts")


async def take_out(one: Found, name: str, again: Again) -> None:
    """End a contact's way through a sequence, after asking."""
    words = "What is scheduled for it in the sequence is cancelled. What was sent stays in the books."
    if not await confirm(f"Take it out of {name}?", words, "Take out", danger=True):
        return
    who = visit()
    now = who.workspace.clock.now()
    await write(lambda c: jobs.take_out(c, name, [one.id], now, who.name))
    toast(f"Taken out of {name}.")
    await again()
