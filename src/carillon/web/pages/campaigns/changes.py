"""What was changed about campaigns and types, when and by whom."""

from __future__ import annotations

from datetime import tzinfo

from carillon.store import campaign_log
from carillon.store.campaign_log import Logged
from carillon.web.parts import Column, card, read, simple, text, visit

_MOST, _CUT = 200, 120


async def show_changes(instance: int | None) -> None:
    """The log of one campaign, or of all and their types."""
    found = await read(lambda c: campaign_log.newest(c, _MOST, instance))
    zone = visit().zone
    with card(
        "Changes",
        f"The newest {_MOST}. What needs a new plan is planned anew with the next one.",
        flush=True,
    ):
        if not found:
            text("p", "Nothing was changed yet.", "c-muted px-4 pb-4")
            return
        columns = [
            Column("at", "When"),
            Column("what", "What"),
            Column("field", "Field"),
            Column("old", "Before", wide=True),
            Column("new", "Now"),
            Column("by", "Who", wide=True),
            Column("plan", "Needs a new plan", badge="tone", wide=True),
        ]
        if instance is not None:
            del columns[1]
        simple(columns, [_row(one, zone) for one in found], "Changes")


def _row(one: Logged, zone: tzinfo) -> dict[str, str]:
    at = one.at.astimezone(zone) if one.at else None
    return {
        "at": f"{at.day} {at:%b %Y, %H:%M}" if at else "–",
        "what": f"type {one.about}" if one.is_type else one.about,
        "field": one.change.field.replace("_", " ")[:_CUT],
        "old": _cut(one.change.old),
        "new": _cut(one.change.new),
        "by": one.by,
        "plan": "yes" if one.change.reschedules else "no",
        "tone": "info" if one.change.reschedules else "",
    }


def _cut(value: str | None) -> str:
    if value is None:
        return "–"
    return value if len(value) <= _CUT else f"{value[:_CUT]}…"
