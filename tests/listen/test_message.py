"""Received mail of many programs and what it is: the collection in `emails/`, and any bytes at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.listen import events
from carillon.listen.match import proven
from carillon.listen.message import judge, read
from carillon.listen.verdict import Sort, Verdict
from carillon.store.correspondence import Written
from carillon.tokens import LinkKeys, Purpose, Ticket
from carillon.words import EventKind

FOLDER = Path(__file__).parent / "emails"
WANTED: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "verdicts.yaml").read_text(encoding="utf-8"))
KEYS = LinkKeys({"k1": b"x" * 32})
OWN = frozenset({"office@agency.example", "second@agency.example"})
SCHEDULE = 77_000_000_123
NOW = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def raw_of(name: str) -> bytes:
    """An email of the collection, as if it were about an email of ours."""
    fills = {
        b"{MESSAGE_ID}": f"<{KEYS.mark(SCHEDULE)}@agency.example>",
        b"{MARK}": KEYS.mark(SCHEDULE),
        b"{TOKEN}": KEYS.sign(Purpose.UNSUBSCRIBE, Ticket(9, SCHEDULE)),
    }
    raw = (FOLDER / f"{name}.eml").read_bytes()
    for mark, value in fills.items():
        raw = raw.replace(mark, value.encode())
    return raw


def verdict_of(name: str) -> Verdict:
    return judge(raw_of(name), OWN)


def test_the_table_knows_every_email() -> None:
    assert sorted(WANTED) == sorted(file.stem for file in FOLDER.glob("*.eml"))
    assert len(WANTED) >= 60


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("crlf", [False, True])
def test_each_email_is_what_the_table_says(name: str, crlf: bool) -> None:
    raw = raw_of(name)
    found, wanted = judge(raw.replace(b"\n", b"\r\n") if crlf else raw, OWN), WANTED[name]
    assert found.sort == wanted["sort"]
    assert (proven(found, KEYS) == SCHEDULE) == wanted["proven"]
    if "text" in wanted:
        assert found.text == wanted["text"]
    if "text_begins" in wanted:
        assert found.text.startswith(wanted["text_begins"])
    assert (found.back_on and found.back_on.isoformat()) == wanted.get("back_on")
    for part in ("sender", "subject"):
        if part in wanted:
            assert getattr(found, part) == wanted[part]
    told = [[one.recipient, one.bounce and one.bounce.value, one.status] for one in found.failures]
    assert told == wanted.get("failures", [])


NAMES = sorted(WANTED)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=2000))
def test_any_bytes_are_judged(raw: bytes) -> None:
    assert isinstance(judge(raw, OWN), Verdict)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.binary(max_size=40)), min_size=1, max_size=6),
)
def test_damaged_emails_are_judged(name: str, damages: list[tuple[float, float, bytes]]) -> None:
    raw = raw_of(name)
    for begin, length, other in damages:
        place = int(begin * len(raw))
        raw = raw[:place] + other + raw[place + int(length * 60) :]
    found = judge(raw, OWN)
    assert isinstance(found, Verdict)
    for event in events.events_of(found, raw, KEYS, {}, NOW):
        assert event.schedule is not None


def test_an_email_of_endless_parts_is_nothing() -> None:
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(5000)
    )
    assert read(b"From: a@b.example\n" + parts, OWN).sort in (Sort.UNRELATED, Sort.REPLY)


def test_a_huge_page_is_read_in_time() -> None:
    for body in (
        b"<div>" * 200_000,
        b"<a " * 300_000,
        b"> x\n" * 300_000,
        b"<!--" * 200_000,
        b"a:" * 500_000,
    ):
        assert read(b"Content-Type: text/html\nIn-Reply-To: <a@b>\n\n" + body, OWN).sort == Sort.REPLY


def test_copies_of_an_email_are_one() -> None:
    raw = raw_of("reply-gmail-web")
    moved = b"Received: by mx.example; Mon, 2 Mar 2026\nX-Gmail-Labels: Inbox\n" + raw.replace(b"\n", b"\r\n")
    assert judge(raw, OWN).identity == judge(moved, OWN).identity
    nameless = raw.replace(b"Message-ID: <CAF1x9a@mail.gmail.com>\n", b"")
    moved = b"Received: by mx.example\n" + nameless.replace(b"\n", b"\r\n")
    assert judge(nameless, OWN).identity == judge(moved, OWN).identity
    others = {verdict_of(name).identity for name in NAMES}
    assert len(others) == len(NAMES)


# ---- from verdicts to events


def events_of(name: str, **written: list[Written]) -> list[events.Event]:
    return events.events_of(verdict_of(name), raw_of(name), KEYS, dict(written), NOW)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_proven_changes_nothing_by_itself(name: str) -> None:
    wanted = WANTED[name]
    found = events_of(name)
    if wanted["sort"] in ("own", "list", "unrelated"):
        assert found == []
    elif wanted["sort"] == "unsubscribe":
        ((one),) = found
        assert (one.kind, one.contact, one.schedule) == (EventKind.UNSUBSCRIBED, 9, SCHEDULE)
    else:
        assert bool(found) == wanted["proven"]
        assert {one.schedule for one in found} <= {SCHEDULE}


def test_a_report_becomes_an_event_for_each_recipient() -> None:
    first, second = events_of("bounce-two-recipients")
    assert (first.kind, first.address, first.bounce) == (EventKind.BOUNCED, "one@example.com", "hard")
    assert (second.kind, second.address, second.bounce) == (EventKind.BOUNCED, "two@example.com", "soft")
    assert first.key != second.key
    assert first.raw is second.raw
    assert [one.kind for one in events_of("delayed-postfix")] == [EventKind.DELAYED]
    assert [one.kind for one in events_of("delivered-postfix")] == [EventKind.DELIVERED]


def test_the_same_report_by_another_road_is_the_same_event() -> None:
    raw = raw_of("bounce-postfix")
    other = raw.replace(b"<bounce-postfix@mx.example>", b"<again@mx.example>").replace(
        b"08:31:09", b"08:44:00"
    )
    (first,) = events.events_of(judge(raw, OWN), raw, KEYS, {}, NOW)
    (second,) = events.events_of(judge(other, OWN), other, KEYS, {}, NOW)
    assert first.key == second.key


def test_a_reply_that_names_no_email_is_found_by_sender_and_subject() -> None:
    others = Written(4, NOW, ("Happy birthday, {{ first_name }}!",))
    mine = Written(5, NOW, ("Your renewal in {{ month }}, {{ first_name }}",))
    found = events_of("reply-not-threaded", **{"gus@example.com": [others, mine]})
    assert [(one.kind, one.schedule) for one in found] == [(EventKind.REPLIED, 5)]
    assert found[0].data["text"] == "I wrote this as a new message. What does it cost?"
    assert events_of("reply-not-threaded", **{"gus@example.com": [others]}) == []
    assert events_of("reply-not-threaded", **{"tom@example.com": [mine]}) == []
    out = events_of("optout-not-threaded", **{"sam@example.com": [others]})
    assert [(one.kind, one.schedule) for one in out] == [(EventKind.OPTED_OUT, 4)]
    away = events_of("away-no-thread", **{"karen@example.com": [mine]})
    assert [(one.kind, one.schedule) for one in away] == [(EventKind.AUTO_REPLIED, 5)]


def test_only_people_are_looked_up() -> None:
    verdicts = [
        verdict_of(name) for name in ("reply-gmail-web", "bounce-exim", "own-sent-copy", "list-newsletter")
    ]
    assert events.wanted(verdicts) == {"maria@example.com"}


def test_a_token_of_a_test_unsubscribes_nobody() -> None:
    raw = (FOLDER / "unsubscribe-mailto.eml").read_bytes()
    for token, kinds in (
        (KEYS.sign(Purpose.UNSUBSCRIBE, Ticket(0, 0)), []),
        (KEYS.sign(Purpose.VIEW, Ticket(9, SCHEDULE)), [EventKind.OPTED_OUT]),
    ):
        mail = raw.replace(b"{TOKEN}", token.encode())
        lately = {"sam@example.com": [Written(6, NOW, ())]}
        found = events.events_of(judge(mail, OWN), mail, KEYS, lately, NOW)
        assert [one.kind for one in found] == kinds
