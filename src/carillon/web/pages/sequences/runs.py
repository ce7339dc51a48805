"""A sequence held up, resumed and ended: asked first where it hurts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from nicegui import ui

from carillon.sequences import Sequence
from carillon.store import sequence_starts, sequence_status, sequences
from carillon.store.engine import Connection
from carillon.store.sequence_status import Counts
from carillon.web.parts import confirm, number, read, toast, visit, write
from carillon.words import ContactState

Refresh = Callable[[], Awaitable[None]]
OVER = (ContactState.REPLIED, ContactState.BOUNCED, ContactState.OPTED_OUT, ContactState.COMPLETED)


def on_their_way(counts: Counts) -> int:
    """How many are not through yet."""
    return sum(n for state, n in counts.states.items() if state not in OVER)


async def _left(found: Sequence) -> int:
    counts = await read(lambda c: sequence_status.counts(c, [found.id]))
    return on_their_way(counts.get(found.id, Counts()))


async def pause(found: Sequence, refresh: Refresh) -> None:
    """Hold it up."""
    name = found.name
    n = number(await _left(found))
    words = f"{n} people stay where they are, and nothing of it is sent until you resume it."
    if not await confirm(f"Pause {name}?", words, "Pause"):
        return
    who = visit()
    now = who.workspace.clock.now()
    await write(lambda c: sequences.pause(c, name, now, who.name))
    toast(f"{name} is paused.")
    await refresh()


async def resume(name: str, refresh: Refresh) -> None:
    """Let it go on."""
    words = "Emails that became due meanwhile leave as soon as their accounts may send."
    if not await confirm(f"Resume {name}?", words, "Resume"):
        return
    who = visit()
    workspace = who.workspace
    now, zone = workspace.clock.now(), workspace.settings.workspace.zone
    found = await write(lambda c: sequence_starts.resume(c, name, now, who.name, zone))
    toast(f"{name} is {found.status.value}.")
    await refresh()


async def archive(found: Sequence, refresh: Refresh) -> None:
    """End it for good."""
    name, n, words = found.name, await _left(found), ""
    if n:
        words = f"It ends for {number(n)} people on their way; what is scheduled for them is cancelled. "
    words += "An archived sequence cannot be started again; its history stays."
    if not await confirm(f"Archive {name}?", words, "Archive", danger=True):
        return
    who = visit()
    now = who.workspace.clock.now()

    def end(connection: Connection) -> int:
        return sequences.archive(connection, name, now, who.name)

    ended = await write(end)
    toast(f"{name} is archived; it ended for {number(ended)} people.")
    await refresh()
    with suppress(RuntimeError):
        ui.navigate.reload()
