"""How a sequence does: how people stand, and what came back to each of its emails."""

from __future__ import annotations

from nicegui import ui

from carillon.sequences import EmailSettings, Sequence
from carillon.store import sequence_status, sequences
from carillon.store.engine import Connection
from carillon.store.sequence_status import Counts, StepCounts
from carillon.web.pages.sequences.words import STATES
from carillon.web.parts import (
    Column,
    Drawn,
    ago,
    card,
    empty,
    facts,
    number,
    percent,
    read,
    simple,
    text,
)

COLUMNS = (
    Column("step", "Email"),
    Column("template", "Template", wide=True),
    Column("waiting", "Scheduled", number=True, wide=True),
    Column("sent", "Sent", number=True),
    Column("opened", "Opened", number=True, wide=True),
    Column("clicked", "Clicked", number=True, wide=True),
    Column("replied", "Replied", number=True),
    Column("rate", "Reply rate", number=True),
    Column("bounced", "Bounced", number=True, wide=True),
)


class Report:
    """The figures; `refresh` reads them again."""

    def __init__(self, number_of: int) -> None:
        self._number = number_of
        self._drawn = Drawn(ui.element("div").classes("c-col"), _draw)

    async def refresh(self) -> None:
        found, counts, steps = await read(self._look)
        self._drawn.show(found, counts, steps, ago(counts.last_activity))

    def _look(self, connection: Connection) -> tuple[Sequence | None, Counts, dict[str, StepCounts]]:
        found = sequences.sequences(connection, [self._number]).get(self._number)
        counts = sequence_status.counts(connection, [self._number]).get(self._number, Counts())
        return found, counts, sequence_status.by_step(connection, self._number)


def _draw(found: Sequence | None, counts: Counts, steps: dict[str, StepCounts], last: str) -> None:
    if found is None or not counts.total:
        with (
            card(),
            empty(
                "bar_chart", "Nothing to report yet",
                "As soon as people are enrolled, you see here how they stand and what they answer.",
            ),
        ):  # fmt: skip
            return
    with card("Emails", flush=True):
        simple(COLUMNS, _rows(found, steps), "Emails by step")
    with card("How people stand"):
        for state, n in counts.states.items():
            _share(STATES[state][0], STATES[state][1], n, counts.total)
        facts({"Reply rate": percent(counts.reply_rate), "Last activity": last})


def _rows(found: Sequence, steps: dict[str, StepCounts]) -> list[dict[str, object]]:
    """The emails in their order; what was sent by steps that are gone stands below."""
    mine = {
        step.key: ", ".join(one.template for one in step.settings.choices)
        for step in found.steps
        if isinstance(step.settings, EmailSettings)
    }
    rows: list[dict[str, object]] = []
    for key in [*mine, *(key for key in steps if key not in mine)]:
        one = steps.get(key, StepCounts())
        rows.append(
            {
                "step": key,
                "template": mine.get(key, ""),
                **{
                    name: number(getattr(one, name))
                    for name in ("waiting", "sent", "opened", "clicked", "replied", "bounced")
                },
                "rate": percent(one.replied / one.sent if one.sent else None),
            }
        )
    return rows


def _share(words: str, tone: str, n: int, total: int) -> None:
    with ui.element("div").classes("c-flow-share"):
        text("span", words)
        with ui.element("span").classes("c-flow-bar-of").props('aria-hidden="true"'):
            ui.element("span").classes(f"c-is-{tone}" if tone else "").style(f"width: {n / total:.2%}")
        text("span", f"{number(n)} · {percent(n / total, 0)}", "c-num")
