"""Rendering: `python -m bench.render`. A table on standard error, one JSON document on standard output.

Measured against Jinja itself: the same HTML, subject and text compiled by a plain environment, with the
same values. Beside it, the way from a contact to the bytes of the message, and what the standard library's
`EmailMessage` needs for the same bytes. Every figure is the best of several rounds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from time import perf_counter

from jinja2 import Environment

from carillon.accounts import Account
from carillon.send.inline import inline
from carillon.send.message import compose
from carillon.send.plaintext import text_source
from carillon.send.sandbox import HTML, TEXT, date_text
from carillon.send.skeleton import Skeleton
from carillon.send.template import Compiled
from carillon.send.variables import Occasion, values
from carillon.send.writer import Writer
from carillon.settings import settings_of
from carillon.store.recipients import Recipient
from carillon.templates import Source, defaults
from carillon.tokens import LinkKeys

GOAL = 3.0
"""Times the bare template (09-performance)."""
CONTACTS, ROUNDS = 2_000, 7
SETTINGS = "sending: {public_url: 'https://mail.example.com', postal_address: '12 Main Street'}"
PEOPLE = [
    Recipient(
        number,
        f"person{number}@example.com",
        {"email": f"person{number}@example.com", "first_name": f"Ann{number}", "last_name": "Lee"},
    )
    for number in range(1, CONTACTS + 1)
]
OCCASION = Occasion("birthday", date(2026, 6, 4), date(2026, 6, 18))
NOW = datetime(2026, 6, 4, 13, 30, tzinfo=UTC)


def micros(work: Callable[[Recipient], object]) -> float:
    """Microseconds per contact."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for person in PEOPLE:
            work(person)
        best = min(best, perf_counter() - began)
    return best / CONTACTS * 1e6


def bare(source: Source) -> Callable[[dict[str, object]], object]:
    """The same parts, compiled by Jinja as it comes."""
    assert source.html is not None
    page, plain = Environment(autoescape=True), Environment()
    for environment in (page, plain):
        environment.filters["date"] = date_text
    parts = [
        page.from_string(inline(HTML, source.html).source),
        plain.from_string(text_source(TEXT, source.html) or ""),
        plain.from_string(source.subject or ""),
    ]
    return lambda known: [part.render(known) for part in parts]


def main() -> None:
    settings = settings_of(SETTINGS, {})
    account = Account(1, "main", "ann@agency.example", "smtp", display_name="Ann Agency")
    writer = Writer.of(account, settings, LinkKeys({"k": b"k" * 32}))
    source = next(iter(defaults()))
    compiled, skeleton, jinja = Compiled(source, "12 Main Street"), Skeleton(), bare(source)
    known = {
        one.id: values(one, OCCASION, writer.sender)
        | {"unsubscribe_url": "https://mail.example.com/u/x", "view_url": "https://mail.example.com/v/x"}
        for one in PEOPLE
    }
    mails = {one.id: writer.write(compiled, one, OCCASION, one.id, NOW) for one in PEOPLE}
    size = len(skeleton.fill(mails[1]))
    found = {
        "jinja": micros(lambda one: jinja(known[one.id])),
        "render": micros(lambda one: compiled.render(known[one.id])),
        "write": micros(lambda one: writer.write(compiled, one, OCCASION, one.id, NOW)),
        "fill": micros(lambda one: skeleton.fill(mails[one.id])),
        "whole": micros(lambda one: skeleton.fill(writer.write(compiled, one, OCCASION, one.id, NOW))),
    }
    few = list(mails.values())[:100]
    began = perf_counter()
    for one in few:
        compose(one)
    found["email_message"] = (perf_counter() - began) / len(few) * 1e6
    ratio = found["render"] / found["jinja"]
    rows = [
        ("Jinja alone: HTML, text, subject", found["jinja"]),
        ("the same, by Carillon", found["render"]),
        ("with values, links and headers", found["write"]),
        ("its bytes", found["fill"]),
        ("contact to bytes", found["whole"]),
        ("bytes by EmailMessage", found["email_message"]),
    ]
    for name, took in rows:
        print(f"{name:<36}{took:>10.1f} us{1e6 / took:>12,.0f}/s", file=sys.stderr)
    print(f"{ratio:.2f} x Jinja (goal: {GOAL:g}); {size:,} bytes an email", file=sys.stderr)
    document = {"microseconds": found, "ratio": ratio, "goal": GOAL, "bytes": size, "met": ratio <= GOAL}
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
