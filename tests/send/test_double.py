"""The misbehaving server as a process, as crash tests use it: what it writes down is what happened."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from carillon.send.outcomes import Deferred, Delivered, Outcome, Unknown
from tests.doubles.smtp_server import read_record
from tests.send.smtp_letters import letter, soon, transport

LETTERS = 300
CHANCES = ("--take-and-drop", "0.1", "--answer-and-drop", "0.1", "--drop", "0.1", "--seed", "7")


def test_what_the_server_took_is_what_the_outcomes_say(tmp_path: Path) -> None:
    file = tmp_path / "record"
    command = [
        sys.executable,
        "-m",
        "tests.doubles.smtp_server",
        "--port",
        "0",
        "--record",
        str(file),
        *CHANCES,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        outcomes = asyncio.run(send(port))
    finally:
        process.terminate()
        process.communicate()
    record = read_record(file)
    assert set(record.taken.values()) == {1}
    assert not [name for name, found in outcomes.items() if isinstance(found, Deferred)]
    delivered = {name for name, found in outcomes.items() if isinstance(found, Delivered)}
    unknown = {name for name, found in outcomes.items() if isinstance(found, Unknown)}
    assert delivered == set(record.answered)
    assert delivered <= set(record.taken) <= delivered | unknown
    assert set(record.taken) & unknown
    assert unknown - set(record.taken)


async def send(port: int) -> dict[str, Outcome]:
    """Letters over a few connections at once."""
    numbers, found = iter(range(LETTERS)), {}

    async def work() -> None:
        connection = transport(port).connection()
        for number in numbers:
            one = letter(number)
            found[one.message_id] = await connection.deliver(one, soon())
        await connection.close()

    await asyncio.gather(*(work() for _ in range(4)))
    return found
