"""What the next run of the planner would change: rows it moves, skips, lets go, removes or adds."""

from __future__ import annotations

from carillon.days import date_of
from carillon.plan.explain import skips
from carillon.plan.explain.answer import NOT_PLANNED_YET, Email
from carillon.plan.explain.case import Case, Row
from carillon.plan.explain.causes import why_gone
from carillon.plan.explain.ideals import ideal_words, reaction_words
from carillon.words import SkipReason


def change(case: Case, row: Row) -> str | None:
    """What the next run would do to a stored row; None where it stays."""
    coming = case.next.get(row.key)
    if coming is None:
        gone = why_gone(case, row)
        return f"the next plan removes it{f': {gone}' if gone else ''}"
    parts = [_verdict(case, row, coming)]
    if coming.ideal != row.ideal:
        parts.append(f"gives it the ideal day {date_of(coming.ideal)}")
    if coming.tier != row.tier:
        reaction = case.reaction(coming)
        parts.append(f"makes it {case.type_of(coming)}{f' ({reaction_words(reaction)})' if reaction else ''}")
    told = [part for part in parts if part]
    return f"the next plan {' and '.join(told)}" if told else None


def not_planned_yet(case: Case) -> list[Email]:
    """What the next run would add."""
    emails = []
    for row in case.next.values():
        if row.key in case.stored:
            continue
        verdict = f"plans it, about {date_of(row.send)}"
        if row.reason != SkipReason.NONE:
            verdict = f"skips it: {skips.why(case, row, case.next.values())}"
        emails.append(
            Email(
                case.type_of(row),
                NOT_PLANNED_YET,
                f"not planned yet: the next plan {verdict}; ideal is {ideal_words(case, row)}",
                date_of(row.event),
                date_of(row.send),
                date_of(row.ideal),
                skip_reason=row.reason.word if row.reason else None,
                window=case.window_of(row),
                campaign=case.campaign_name(row.kind),
                template=case.template_of(row),
            )
        )
    return emails


def _verdict(case: Case, row: Row, coming: Row) -> str | None:
    if coming.reason != row.reason:
        if coming.reason == SkipReason.NONE:
            return f"sends it, about {date_of(coming.send)}"
        return f"skips it: {skips.why(case, coming, case.next.values())}"
    if coming.reason == SkipReason.NONE and coming.send != row.send:
        return f"moves it to about {date_of(coming.send)}"
    return None
