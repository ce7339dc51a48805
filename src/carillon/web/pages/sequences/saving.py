"""What is asked before a sequence is stored: what changes, and for whom."""

from __future__ import annotations

from carillon.advance.written import Written
from carillon.errors import InputError
from carillon.jobs import sequences as jobs
from carillon.web.parts import confirm, number, work


async def agreed(written: Written, version: int) -> bool:
    """Say what storing it would do, where that touches anybody. `version`: what was edited; 0: a new one.

    Raises InputError where a new one has the name of another.
    """
    found, stored = await work(lambda workspace: jobs.outlook(workspace, written))
    if found.made and not version:
        return True
    if not version:
        raise InputError(f"there is a sequence {written.sequence.name!r} already; choose another name")
    if stored != version and not await confirm(
        "Somebody else has changed it meanwhile",
        f"It is at version {stored} now; what you see was made from version {version}.",
        "Save mine over it",
        danger=True,
    ):
        return False
    if not found.changed or not found.on_their_way:
        return True
    words = [
        f"{number(found.on_their_way)} people are on their way through it. Changed: "
        f"{', '.join(found.changed)}. It holds for whoever comes to these steps from now on."
    ]
    words += [
        f"{number(n)} wait at {key}, which is gone: "
        + ("for them it ends." if after is None else f"they go on at {after}.")
        for key, (n, after) in found.moved.items()
    ]
    return await confirm("Save the changes?", " ".join(words), "Save", danger=bool(found.moved))
