"""The message: the fast way makes the standard library's bytes, other parsers read it, nothing gets in."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carillon.errors import InputError
from carillon.send.headers import one_line, reachable
from carillon.send.message import Mail, build, compose
from carillon.send.outcomes import Envelope
from carillon.send.skeleton import Skeleton
from carillon.templates import Attachment
from tests.send.letters import mail

LONGER = 20 if os.environ.get("CARILLON_SOAK") else 1
odd = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(' .=?_\r\n\t\x0b\x0c\x85\u2028\u00a0é🎂\x00"'),
    max_size=120,
)
lines = st.lists(
    odd
    | st.sampled_from(
        ["", ".", "..", "From me", "--", "--=_a", "=20", " ", "x" * 75, "x" * 76, "x" * 77, "é" * 40]
    )
    | st.integers(60, 1100).map(lambda n: "y" * n + " "),
    max_size=8,
)
bodies = st.builds(str.join, st.sampled_from(["\n", "\r\n", "\r"]), lines)
plain = st.text("ABCdef 0189'-.,!?@()<>", max_size=90)
headers = (odd | plain).map(one_line)
words = st.text("abcdef", min_size=1, max_size=60)
addresses = st.builds(lambda a, b: f"{a}@{b}.example", words, words)
links = st.lists(words.map(lambda w: f"https://mail.example.com/u/{w}" + "k" * 90), max_size=2).map(tuple)
attachments = st.sampled_from(
    [
        (),
        (Attachment("a.pdf", "application/pdf", b"%PDF" * 100),),
        (Attachment("ü.txt", "text/plain", b"a\nb"),),
    ]
)
mails = st.builds(
    mail,
    boundary=st.integers(0, 2**64 - 1).map(lambda n: f"{n:016x}"),
    from_name=headers,
    to_name=headers,
    to_address=addresses,
    subject=headers,
    text=bodies,
    html=st.none() | bodies,
    date=st.builds(
        lambda minutes, hours: (
            datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=hours))) + timedelta(minutes=minutes)
        ),
        st.integers(0, 500_000),
        st.integers(-11, 12),
    ),
    message_id=words.map(lambda w: f"<{w}.{w}@agency.example>"),
    reply_to=st.none() | addresses,
    references=st.lists(words.map(lambda w: f"<{w}@a.example>"), max_size=4).map(tuple),
    list_unsubscribe=links,
    one_click=st.booleans(),
    list_id=st.none() | words.map(lambda w: f"<{w}.agency.example>"),
    feedback_id=st.none() | words.map(lambda w: f"{w}:a:3:b"),
    automatic=st.booleans(),
    attachments=attachments,
)


@given(first=mails, second=mails)
@settings(max_examples=60 * LONGER, deadline=None)
@example(first=mail(text="", html=""), second=mail(subject="x" * 69))
@example(first=mail(subject="x" * 70), second=mail(subject="a" * 30 + " " + "b" * 60))
@example(first=mail(subject="=?utf-8?q?a?="), second=mail(to_name="Maria (home)"))
def test_the_fast_way_makes_the_bytes_of_the_standard_library(first: Mail, second: Mail) -> None:
    skeleton = Skeleton()
    for one in (first, second, first):
        made = skeleton.fill(one)
        assert made == compose(one)
        Envelope(one.message_id, one.from_address, one.to_address, made)
        assert all(len(line) <= 998 for line in made.split(b"\r\n"))


@given(one=mails)
@settings(max_examples=40 * LONGER, deadline=None)
def test_what_is_written_is_read_again(one: Mail) -> None:
    made = Skeleton().fill(one)
    read = message_from_bytes(made, policy=policy.default)
    assert isinstance(read, EmailMessage)
    assert not read.defects
    assert not any(part.defects for part in read.walk())
    assert str(read["Message-ID"]) == one.message_id
    assert read["Date"].datetime == one.date
    assert read["To"].addresses[0].addr_spec == one.to_address
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert text.get_content().replace("\r\n", "\n") == lined(one.text)
    assert (html is None) == (one.html is None)
    if html is not None and one.html is not None:
        assert html.get_content().replace("\r\n", "\n") == lined(one.html)
    assert len(list(read.iter_attachments())) == len(one.attachments)


def lined(text: str) -> str:
    """A text with its lines ended as email ends them."""
    return b"\n".join([*(text.encode().splitlines() or [b""]), b""]).decode()


def quoted_printable(raw: bytes) -> bytes:
    """RFC 2045 read by the letter, sharing nothing with the standard library."""
    out = b""
    for line in raw.split(b"\r\n"):
        assert len(line) <= 76
        assert not line.endswith((b" ", b"\t"))
        assert re.fullmatch(rb"(?:[ -<>-~\t]|=[0-9A-F]{2})*=?", line), line
        soft = line.endswith(b"=")
        body = line[:-1] if soft else line
        out += re.sub(rb"=([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), body) + (b"" if soft else b"\n")
    return out[:-1]


@given(one=mails.filter(lambda one: one.html is not None and not one.attachments))
@settings(max_examples=40 * LONGER, deadline=None)
def test_another_parser_reads_the_same(one: Mail) -> None:
    head, _, body = Skeleton().fill(one).partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        assert re.fullmatch(rb"(?:[A-Za-z-]+:(?: |$)|[ \t])[ -~\t]*", line), line
    separator = f"--=_a{one.boundary}".encode()
    before, text, html, end = (b"\r\n" + body).split(b"\r\n" + separator)
    assert (before, end) == (b"", b"--\r\n")
    for part, wanted in ((text, one.text), (html, one.html or "")):
        _, _, content = part.partition(b"\r\n\r\n")
        assert quoted_printable(content) == lined(wanted).encode()


evil = [
    "a\r\nBcc: you@evil.example",
    "a\nBcc: x",
    "a\rBcc: x",
    "a\u2028Bcc: x",
    "a\x85Bcc: x",
    "a\x0bBcc: x",
    "a\x00b",
]


@pytest.mark.parametrize("text", evil)
@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
def test_no_header_gets_in_through_a_name_or_a_subject(field: str, text: str) -> None:
    one = mail(**{field: one_line(text)})
    read = message_from_bytes(Skeleton().fill(one), policy=policy.default)
    assert read["Bcc"] is None
    assert len(read.keys()) == len(build(mail()).keys())


@pytest.mark.parametrize(
    "field", ["to_address", "from_address", "reply_to", "message_id", "list_id", "feedback_id"]
)
@pytest.mark.parametrize(
    "text", ["a@b.example\r\nBcc: x@y.example", "a@b.example\nX: y", "a b@c.example\x00"]
)
def test_what_is_for_machines_is_refused_with_a_line_break(field: str, text: str) -> None:
    one = mail(**{field: text})
    for way in (compose, Skeleton().fill):
        with pytest.raises((ValueError, InputError)):
            way(one)


def test_links_stay_in_one_piece() -> None:
    url = "https://mail.example.com/u/" + "k" * 120
    made = compose(mail(list_unsubscribe=(url, "mailto:a@b.example"), one_click=True))
    assert f"List-Unsubscribe: <{url}>,\r\n <mailto:a@b.example>\r\n".encode() in made
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in made


def test_a_follow_up_is_in_the_thread() -> None:
    read = message_from_bytes(
        compose(mail(references=("<1@a.example>", "<2@a.example>"))), policy=policy.default
    )
    assert (str(read["In-Reply-To"]), str(read["References"])) == (
        "<2@a.example>",
        "<1@a.example> <2@a.example>",
    )


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("a@b.example", "a@b.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        (" a@b.example ", "a@b.example"),
    ],
)
def test_an_address_as_servers_take_it(given_: str, expected: str) -> None:
    assert reachable(given_) == expected


@pytest.mark.parametrize(
    "wrong", ["", "a", "a@", "@b.example", "é@b.example", "a b@c.example", "a@b..example", "a@b@c.example"]
)
def test_an_address_nobody_takes(wrong: str) -> None:
    with pytest.raises(InputError):
        reachable(wrong)


def test_the_date_is_the_moment_given() -> None:
    assert b"Date: Sun, 01 Mar 2026 15:30:00 +0000\r\n" in compose(
        mail(date=datetime(2026, 3, 1, 15, 30, tzinfo=UTC))
    )
