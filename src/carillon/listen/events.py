"""From verdicts to events.

A batch of a mailbox goes this way (in `listen.run`):

    verdicts = [read(raw, own) for raw in received]
    written = correspondence(connection, account_id, wanted(verdicts), since)
    made = [one for raw, v in zip(received, verdicts) for one in events_of(v, raw, keys, written, arrived)]
    database.write(lambda c: apply(c, made, now))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from carillon.events import IMAP, Event
from carillon.listen.match import likely, proven
from carillon.listen.verdict import Failure, Sort, Verdict
from carillon.store.correspondence import Written
from carillon.tokens import LinkKeys, Purpose
from carillon.words import EventKind

KEPT = 1_000_000
"""Bytes of an email that are kept as it came."""
_KINDS = {
    Sort.REPLY: EventKind.REPLIED,
    Sort.AUTO_REPLY: EventKind.AUTO_REPLIED,
    Sort.OPT_OUT: EventKind.OPTED_OUT,
    Sort.UNSUBSCRIBE: EventKind.OPTED_OUT,
}
"""What somebody wrote; a token that is not ours leaves the wish as it is."""


def wanted(verdicts: Iterable[Verdict]) -> set[str]:
    """Those who may be answering an email: what was lately written to them helps to find it."""
    return {one.sender for one in verdicts if one.sort in _KINDS and one.sender is not None}


def events_of(
    verdict: Verdict, raw: bytes, keys: LinkKeys, written: Mapping[str, Sequence[Written]], arrived: datetime
) -> list[Event]:
    """What follows from one email; empty where it is about none of ours.

    `written`: emails lately sent, by address; `arrived`: when the server took it. A sender's clock may be
    wrong: what happened when goes by ours.
    """
    schedule = proven(verdict, keys)
    kept = raw[:KEPT]
    if verdict.sort is Sort.BOUNCE and schedule is not None:
        return [replace(one, schedule=schedule, raw=kept) for one in _reported(verdict, schedule, arrived)]
    if verdict.sort is Sort.COMPLAINT and schedule is not None:
        key = _digest("complaint", schedule)
        return [Event(EventKind.COMPLAINED, IMAP, key, arrived, schedule=schedule, raw=kept)]
    if verdict.sort not in _KINDS:
        return []
    if verdict.token is not None and (ticket := keys.read(Purpose.UNSUBSCRIBE, verdict.token)):
        # A link of a test says nobody: nothing follows.
        made = Event(EventKind.UNSUBSCRIBED, IMAP, verdict.identity, arrived, ticket.schedule, ticket.contact)
        return [replace(made, raw=kept)] if ticket.contact else []
    if schedule is None:
        schedule = likely(verdict, written)
    if schedule is None:
        return []
    data = {"subject": verdict.subject, "from": verdict.sender, "text": verdict.text}
    return [
        Event(
            _KINDS[verdict.sort],
            IMAP,
            verdict.identity,
            arrived,
            schedule=schedule,
            back_on=verdict.back_on,
            data=data,
            raw=kept,
        )
    ]


def _reported(verdict: Verdict, schedule: int, arrived: datetime) -> Iterator[Event]:
    for one in verdict.failures:
        kind = _kind(one)
        if kind is not None:
            key = _digest(schedule, one.recipient, one.action, one.status)
            data = {"code": one.status, "text": one.text, "recipient": one.recipient}
            told = {name: value for name, value in data.items() if value is not None}
            yield Event(kind, IMAP, key, arrived, address=one.recipient, bounce=one.bounce, data=told)


def _kind(failure: Failure) -> EventKind | None:
    if failure.bounce is not None:
        return EventKind.BOUNCED
    return {"delayed": EventKind.DELAYED, "delivered": EventKind.DELIVERED}.get(failure.action)


def _digest(*parts: object) -> str:
    return sha256("\n".join(str(part) for part in parts).encode("utf-8", "replace")).hexdigest()
