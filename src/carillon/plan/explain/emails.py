"""What is there: the stored rows of the plan, and what has left it."""

from __future__ import annotations

from carillon.days import date_of
from carillon.keys import FOLLOWUP_BIT
from carillon.plan.explain import skips
from carillon.plan.explain.answer import BACK_DAYS, PLANNED, Email
from carillon.plan.explain.case import Case, Row, kind_in
from carillon.plan.explain.coming import change
from carillon.plan.explain.ideals import answered_words, ideal_words
from carillon.plan.explain.moves import Moved, Moves
from carillon.store.people import Left
from carillon.words import SkipReason, Status

_LEFT = {
    Status.SCHEDULED: "released: it goes on that day",
    Status.PROCESSING: "being sent now",
    Status.SENT: "sent",
    Status.DELIVERED: "sent and delivered",
    Status.BOUNCED: "sent, but it bounced",
    Status.FAILED: "could not be sent",
    Status.CANCELLED: "cancelled by hand, which is final for its event",
    Status.IN_DOUBT: "may have been sent: the answer never came",
}


def stored(case: Case) -> tuple[list[Email], list[Email]]:
    """Stored rows ahead (what may still go among them), and settled ones of the last days."""
    ahead, past, moves = [], [], Moves(case)
    for row in case.stored.values():
        if row.send >= case.today or row.event > case.today or (row.reason and case.is_open(row)):
            ahead.append(_told(case, row, moves))
        elif row.send >= case.today - BACK_DAYS:
            past.append(_told(case, row, moves))
    return ahead, past


def left(case: Case) -> list[Email]:
    """Emails of the last days, and those released for the next."""
    return [_gone(case, one) for one in case.facts.left if one.send >= case.today - BACK_DAYS]


def _told(case: Case, row: Row, moves: Moves) -> Email:
    return _planned(case, row, moves.why(row)) if row.reason == SkipReason.NONE else _skipped(case, row)


def _planned(case: Case, row: Row, moved: Moved | None) -> Email:
    why = ideal_words(case, row)
    if moved is None:
        words = f"planned on its ideal day: {why}"
    else:
        words = f"planned, moved from {date_of(row.ideal)} ({why}): {moved.words}"
    return _email(case, row, PLANNED, words, moved_by=moved.by.value if moved else None)


def _skipped(case: Case, row: Row) -> Email:
    words = f"skipped: {skips.why(case, row, case.stored.values())}"
    if row.final:
        words += f"; that is final for this {'follow-up' if row.followup else 'event'}"
    if row.followup:
        words += f" (it would go after {answered_words(case, row)})"
    window = case.window_of(row)
    return _email(case, row, Status.SKIPPED.value, words, skip_reason=row.reason.word, window=window)


def _gone(case: Case, one: Left) -> Email:
    ideal = None if one.ideal is None else date_of(one.ideal)
    words = _LEFT[Status(one.status)]
    if ideal is not None and one.ideal != one.send:
        words += f" (its ideal day was {ideal})"
    if one.followup and one.key > 0:
        sent = case.sent_on(one.key & ~FOLLOWUP_BIT)
        when = f" of {date_of(sent)}" if sent is not None else ""
        words += f"; follow-up to the {case.name(kind_in(one.key))}{when}"
    return Email(
        one.email_type,
        one.status,
        words,
        None if one.event is None else date_of(one.event),
        date_of(one.send),
        ideal,
        campaign=one.campaign,
        template=one.template,
        variant=case.variant(kind_in(one.key), one.followup, one.template) if one.key > 0 else None,
    )


def _email(case: Case, row: Row, status: str, words: str, **more: object) -> Email:
    template = case.template_of(row) if status == PLANNED else None
    return Email(
        case.type_of(row),
        status,
        words,
        date_of(row.event),
        date_of(row.send),
        date_of(row.ideal),
        next_run=change(case, row),
        campaign=case.campaign_name(row.kind),
        template=template,
        variant=case.variant(row.kind, row.followup, template),
        **more,  # type: ignore[arg-type]
    )
