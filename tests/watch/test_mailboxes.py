"""Mailboxes that nobody reads, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from carillon.accounts import Account
from carillon.store.inboxes import Folder
from carillon.watch.mailboxes import LAG, about_mailboxes

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = Account(1, "ann", "ann@example.com", "maildir", inbox={"source": "maildir", "path": "in"})


def folder(read_at: datetime | None, error: str | None = None) -> Folder:
    return Folder(1, "INBOX", 1, 1, read_at, error, None)


def test_one_that_is_read_is_not_worth_a_word_even_if_somebody_waits_a_moment() -> None:
    assert about_mailboxes([ANN], {1: [folder(NOW - LAG)]}, NOW, {1: 3}) == []


def test_who_waits_is_told_with_the_mailbox_that_is_not_read() -> None:
    known = {1: [folder(NOW - LAG - timedelta(minutes=1), "the login was refused.")]}
    since = "the mailbox of account ann has not been read since 2026-03-01 10:59 UTC: the login was refused"
    assert about_mailboxes([ANN], known, NOW, {}) == [f"{since}."]
    assert about_mailboxes([ANN], known, NOW, {1: 1}) == [f"{since}; 1 contact waits for it in sequences"]
    assert about_mailboxes([ANN], {}, NOW, {1: 1200}) == [
        "the mailbox of account ann has not been read yet: run `carillon listen`;"
        " 1,200 contacts wait for it in sequences"
    ]
