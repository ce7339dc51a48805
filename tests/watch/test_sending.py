"""What keeps mail from leaving, in words."""

from __future__ import annotations

from carillon.accounts import Account
from carillon.watch.sending import about_sending
from carillon.words import AccountStatus


def sender(name: str, status: AccountStatus, why: str | None = None) -> Account:
    return Account(1, name, f"{name}@example.com", "maildir", status=status.value, last_error=why)


def test_nothing_to_tell() -> None:
    assert about_sending([sender("ann", AccountStatus.ACTIVE)], 0, False) == []


def test_each_thing_is_told_with_its_remedy() -> None:
    accounts = [
        sender("ann", AccountStatus.ACTIVE),
        sender("bea", AccountStatus.ERROR, "535 wrong password"),
        sender("cid", AccountStatus.PAUSED),
    ]
    assert about_sending(accounts, 1200, True) == [
        "the workspace is paused: nothing is sent until `carillon resume`",
        "account bea has stopped: 535 wrong password (`carillon account resume bea`)",
        "account cid is paused (`carillon account resume cid`)",
        "1,200 emails are in doubt: settle them with `carillon doubts`",
    ]
