"""The tab of outreach campaigns: what sequences have in common, made, changed, held up and put away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from nicegui import ui
from pydantic import ValidationError

from carillon.errors import InputError
from carillon.sequences import title
from carillon.sequences_short import USUAL_DELAYS, ShortForm, followup
from carillon.settings_checks import Misfits
from carillon.store import outreach as store
from carillon.store import sequence_status, sequences, templates
from carillon.store.engine import Connection
from carillon.store.outreach import Outreach
from carillon.store.sequence_status import Counts
from carillon.web.parts import (
    all_right,
    answer,
    badge,
    button,
    card,
    choice,
    confirm,
    dialog,
    empty,
    facts,
    field,
    grid,
    leave,
    link,
    needed,
    number,
    number_field,
    percent,
    read,
    text,
    visit,
    write,
    wrong,
)
from carillon.web.shell import actions
from carillon.words import OutreachStatus, Role

_TONES = {OutreachStatus.ACTIVE: "good", OutreachStatus.PAUSED: "warn"}
_MOST_TEMPLATES = 3
"""Follow-ups whose template has a field here; further ones keep what they have."""


async def show_outreach() -> None:
    """The tab."""

    def look(connection: Connection) -> tuple[list[Outreach], dict[str, list[Counts]]]:
        of: dict[str, list[Counts]] = {}
        counts = sequence_status.counts(connection)
        for key, one in sequences.sequences(connection).items():
            of.setdefault(one.campaign or "", []).append(counts.get(key, Counts()))
        return store.campaigns(connection), of

    found, of = await read(look)
    if not found:
        with (
            card(),
            empty(
                "forward_to_inbox",
                "No outreach campaign yet",
                "An outreach campaign holds what its sequences share: whose name their emails carry, "
                "the subject, the templates, and the days between follow-ups.",
                "New outreach campaign",
                lambda: _edit(None),
            ),
        ):
            pass
        return
    with actions():
        button("New outreach campaign", "add", lambda: _edit(None), role=Role.EDITOR, look="primary")
    with grid(360):
        for one in found:
            _shown(one, of.get(one.name, []))


def _shown(one: Outreach, counts: list[Counts]) -> None:
    total = sequence_status.total(counts)
    with card(one.name[:100], (one.description or "")[:300]) as place:
        with place:
            badge(one.status.value, _TONES.get(one.status, ""))
        facts(
            {
                "Sequences": len(counts),
                "Contacts": total.total,
                "Sent": total.sent,
                "Replies": f"{number(total.replies)} ({percent(total.reply_rate)})",
                "Sender": one.sender_name or "the account's",
                "Subject": (one.defaults.subject or "the template's")[:200],
                "Follow-ups": _timing(one.defaults),
            }
        )
        with ui.element("div").classes("c-actions"):
            button("Edit", "edit", lambda: _edit(one), role=Role.EDITOR)
            if one.status is OutreachStatus.ACTIVE:
                button("Pause", "pause", lambda: _set(one, OutreachStatus.PAUSED), role=Role.EDITOR)
            else:
                button("Resume", "play_arrow", lambda: _set(one, OutreachStatus.ACTIVE), role=Role.EDITOR)
            if one.status is not OutreachStatus.ARCHIVED:
                button("Archive", "archive", lambda: _set(one, OutreachStatus.ARCHIVED), role=Role.EDITOR)
        link("Its sequences", f"/sequences?{urlencode({'campaign': one.name})}")


def _timing(defaults: ShortForm) -> str:
    days = defaults.delays
    return f"{', '.join(map(str, days))} days after the first email" if days else "none"


async def _set(one: Outreach, status: OutreachStatus) -> None:
    asked = {
        OutreachStatus.PAUSED: (
            "Pause it?",
            "All its sequences are held up; each keeps its status.",
            "Pause",
        ),
        OutreachStatus.ARCHIVED: (
            "Archive it?",
            "Its sequences stop where they are, and no new ones are taken. It can be resumed later.",
            "Archive",
        ),
    }.get(status)
    if asked is not None and not await confirm(*asked, danger=status is OutreachStatus.ARCHIVED):
        return
    now, by = visit().workspace.clock.now(), visit().name
    await write(lambda c: store.set_status(c, one.name, status, now, by))
    leave(f"{one.name[:60]} is {status.value}.", "/campaigns?tab=outreach")


async def _edit(old: Outreach | None) -> None:
    """Make one, or change what its sequences have in common."""
    names = await read(lambda c: sorted({each.source.name for each in templates.versions(c)}))
    made, place = dialog("New outreach campaign" if old is None else f"Edit {old.name[:60]}", wide=True)
    now, by = visit().workspace.clock.now(), visit().name
    shown = old or Outreach("")
    given = shown.defaults

    async def save() -> None:
        if not all_right(name, most):
            return
        wished = str(name.value).strip()
        try:
            title(wished)
        except ValueError as error:
            wrong(name, str(error))
            return
        defaults = _defaults(given, str(subject.value or ""), str(delays.value or ""), most.value, parts)
        if isinstance(defaults, str):
            wrong(delays, defaults)
            return
        wanted = replace(
            shown,
            name=wished,
            description=str(description.value or "").strip() or None,
            sender_name=str(sender.value or "").strip() or None,
            defaults=defaults,
        )
        make = store.create if old is None else store.change
        made.submit(await write(lambda c: make(c, wanted, now, by)))

    with place:
        with grid(240).classes("c-form"):
            name = field("Name", shown.name, check=needed)
            name.set_enabled(old is None)
            sender = field("Sender's name", shown.sender_name or "", hint="Empty: the account's")
            subject = field("Subject", given.subject or "", hint="Of the first email; empty: its template's")
            delays = field(
                "Days to each follow-up",
                ", ".join(map(str, given.followup_delays or ())),
                hint=f"Counted from the first email; empty: {', '.join(map(str, USUAL_DELAYS))}",
            )
            most = number_field("Follow-ups at most", given.max_followups, least=0, most=20)
            known = {"": "none"} | {one: one for one in [*names, *given.templates.values()]}
            parts = {
                part: choice(f"Template: {part.replace('_', ' ')}", known, given.templates.get(part, ""),
                             with_input=True)
                for part in ("initial", *(followup(n) for n in range(1, _MOST_TEMPLATES + 1)))
            }  # fmt: skip
        description = field("Description", shown.description or "", lines=True)
        text("p", "A sequence that says otherwise has its own way.", "c-muted c-small")
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button("Save", do=save, role=Role.EDITOR, look="primary")
    stored = await answer(made)
    if stored is not None:
        leave("Saved.", "/campaigns?tab=outreach")


def _defaults(
    old: ShortForm, subject: str, delays: str, most: float | None, parts: dict[str, Any]
) -> ShortForm | str:
    """What the fields say, or what is wrong with the days."""
    chosen = {**old.templates, **{part: str(one.value or "") for part, one in parts.items()}}
    given: dict[str, Any] = {
        "subject": subject.strip() or None,
        "templates": {part: one for part, one in chosen.items() if one},
        "followup_delays": delays.split(",") if delays.strip() else None,
        "max_followups": None if most is None else int(most),
    }
    try:
        return ShortForm.model_validate({key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        fault = first.get("ctx", {}).get("error")
        if str(first["loc"][0] if first["loc"] else "") in ("subject", "templates"):
            raise InputError(f"{first['loc'][0]}: {fault or first['msg']}") from None
        return str(fault if isinstance(fault, Misfits) else first["msg"])
