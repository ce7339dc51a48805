"""What follows from events: how emails stand, whom nobody writes to any more, which enrollments end.

What belongs here: every consequence, each in one place and set at a time. Nothing here depends on the order
in which events arrive: bounced stands above delivered, delivered above sent, and the rest only adds up.
All writing happens in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import groupby

import numpy as np
from sqlalchemy import Connection

from carillon.events import Event
from carillon.settings import Settings
from carillon.settings_listening import SOFT_BOUNCES
from carillon.store import event_fates, event_stops, outcomes
from carillon.store.bulk import insert_rows, stage_arrays
from carillon.store.dispatch import WAITING
from carillon.store.event_fates import said
from carillon.store.moments import as_moment, stamp
from carillon.store.suppressions import ALL, MARKETING, SUPPRESSED, Wish, suppress_many
from carillon.words import Bounce, EventKind, Status

_REASONS = {
    EventKind.BOUNCED: "hard bounce",
    EventKind.COMPLAINED: "complaint",
    EventKind.UNSUBSCRIBED: "unsubscribed",
    EventKind.OPTED_OUT: "opted out",
    EventKind.SMS_OPTED_OUT: "opted out by SMS",
}
_KINDS: dict[str, str] = {reason: kind for kind, reason in _REASONS.items()}


@dataclass(frozen=True)
class Fresh:
    """An event that is about to be stored, or was just stored."""

    place: int
    """In its batch."""
    event: Event
    contact: int
    email: str | None
    """The contact's address now; of somebody who is no contact, the event's."""
    domain: str | None
    """Where the email it is about went, if that is known."""

    @property
    def same_address(self) -> bool:
        """Whether the email went to the address the contact has now, as far as can be told.

        A report may name another address: where mail is forwarded. Only one in the contact's own domain, or
        an email that went to another domain, says that the address was corrected since.
        """
        if self.email is None:
            return False
        mine = self.email.rpartition("@")[2]
        if self.domain and self.domain != mine:
            return False
        named = (self.event.address or "").strip().lower()
        return not named or named == self.email or named.rpartition("@")[2] != mine


@dataclass(frozen=True)
class Effects:
    """How much followed."""

    suppressed: int
    stopped: int


@dataclass(frozen=True)
class Rules:
    """What the settings say of events that bring mail servers and mailboxes; others need none."""

    soft_bounces: int = SOFT_BOUNCES
    """So many in a row suppress an address."""
    zone: tzinfo = UTC
    """The workspace's, whose days count."""

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        return cls(settings.listening.soft_bounces, settings.workspace.zone)


def follow(connection: Connection, fresh: Sequence[Fresh], now: datetime, rules: Rules) -> Effects:
    """Do what follows from events that were stored for the first time."""
    event_fates.note(connection, [one.event for one in fresh], now)
    _count_clicks(connection, fresh)
    outcomes.answer(connection, [one.event for one in fresh])
    wishes = [wish for one in fresh for wish in _wishes(one)]
    silenced = [(wish.address, _KINDS[wish.reason]) for wish in wishes]
    suppressed = suppress_many(connection, [*wishes, *_worn_out(connection, fresh, rules.soft_bounces)], now)
    _end_sms(connection, fresh, now)
    stopped = event_stops.stop(connection, [(one.contact, one.event.kind) for one in fresh], silenced, now)
    absences = [
        (one.contact, one.event.back_on)
        for one in fresh
        if one.event.kind == EventKind.AUTO_REPLIED and one.event.back_on is not None
    ]
    event_stops.postpone(connection, absences, now, rules.zone)
    return Effects(suppressed, stopped)


def scope_of(event: Event) -> str | None:
    """The scope in which an event suppresses an address; None for most.

    Who opts out in words asks for what the link to unsubscribe does: a notice the law demands still goes.
    Who opts out by SMS does so for the number, whose event is nobody's, and not for an email address.
    """
    if event.kind == EventKind.SMS_OPTED_OUT:
        return ALL if event.contact is None and event.schedule is None else None
    if event.kind == EventKind.COMPLAINED or (
        event.kind == EventKind.BOUNCED and event.bounce == Bounce.HARD
    ):
        return ALL
    return MARKETING if event.kind in (EventKind.UNSUBSCRIBED, EventKind.OPTED_OUT) else None


def _wishes(one: Fresh) -> Iterator[Wish]:
    scope = scope_of(one.event)
    if scope is None or one.email is None:
        return
    # Whoever writes or complains has the address; that a message came back says it of the address alone.
    if one.event.kind != EventKind.BOUNCED or one.same_address:
        yield Wish(one.email, scope, _REASONS[EventKind(one.event.kind)])


def soft_reason(soft_bounces: int) -> str:
    """Why an address is suppressed of which so many emails came back for a while."""
    return "soft bounce" if soft_bounces == 1 else f"{soft_bounces} soft bounces in a row"


def _count_clicks(connection: Connection, fresh: Sequence[Fresh]) -> None:
    """People's clicks, as the follow-ups read them."""
    columns = ("contact_id", "email_schedule_id", "url", "clicked_at", "ip_address", "user_agent")
    rows = [
        (one.contact, one.event.schedule, said(one.event, "url"), stamp(one.event.happened_at),
         said(one.event, "ip"), said(one.event, "user_agent"))
        for one in fresh
        if one.event.kind == EventKind.CLICKED and not one.event.automatic
    ]  # fmt: skip
    insert_rows(connection, "tracking_clicks", columns, rows)


def _end_sms(connection: Connection, fresh: Iterable[Fresh], now: datetime) -> None:
    """Who opts out by SMS has given no consent to it any more, and gets none of those that are waiting."""
    contacts = sorted({one.contact for one in fresh if one.event.kind == EventKind.SMS_OPTED_OUT} - {0})
    if not contacts:
        return
    stage_arrays(connection, "temp_receivers", ("id",), [np.array(contacts, np.int64)])
    run, whose = connection.exec_driver_sql, "(select id from temp_receivers)"
    at = as_moment(connection, now)
    run(
        f"update contacts set sms_consent_at = null, updated_at = {at}"
        f" where id in {whose} and sms_consent_at is not null"
    )
    run(
        f"update outbox set status = '{Status.CANCELLED}', skip_reason = '{SUPPRESSED}', updated_at = {at}"
        f" where contact_id in {whose} and channel = 'sms' and {WAITING} and status = '{Status.SCHEDULED}'"
    )


def _worn_out(connection: Connection, fresh: Iterable[Fresh], soft_bounces: int) -> list[Wish]:
    """Addresses of which so many emails, sent one after the other, all came back for a while."""
    soft = {
        one.contact: one
        for one in fresh
        if one.event.kind == EventKind.BOUNCED and one.event.bounce in (Bounce.SOFT, None) and one.contact
    }
    if not soft:
        return []
    stage_arrays(connection, "temp_receivers", ("id",), [np.array(sorted(soft), np.int64)])
    # What other programs stored need not be JSON: only events with a source are looked into.
    rows = connection.exec_driver_sql(
        "select o.contact_id, exists (select 1 from contact_events e where e.contact_id = o.contact_id"
        f"  and e.email_schedule_id = o.id and e.event_type = '{EventKind.BOUNCED}'"
        "  and case when e.source is not null then coalesce(e.event_data ->> 'bounce', 'soft') end = 'soft')"
        " from temp_receivers r join outbox o on o.contact_id = r.id"
        f" where o.status in ('{Status.SENT}', '{Status.DELIVERED}', '{Status.BOUNCED}')"
        " and o.channel = 'email'"
        " order by o.contact_id, o.actual_send_datetime, o.id"
    ).all()
    worn = []
    for contact, emails in groupby(rows, lambda row: int(row[0])):
        runs = (len(list(same)) for came_back, same in groupby(emails, lambda row: bool(row[1])) if came_back)
        one = soft[contact]
        if max(runs, default=0) >= soft_bounces and one.same_address and one.email:
            worn.append(Wish(one.email, ALL, soft_reason(soft_bounces)))
    return worn
