"""Sender accounts: what one is, and what it may be.

What belongs here: the shape all rooms share and the rules about one account alone. What does not: the
settings of a transport (each transport has its own model), or how an account is stored (`store.accounts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from carillon import settings_checks as checks
from carillon.addresses import is_valid
from carillon.holiday_days import country
from carillon.settings_pacing import faults_of_own
from carillon.words import AccountKind, AccountStatus

DEFAULT_GROUP = "default"
LONGEST_NAME = 100
MOST = {
    "daily_limit": 10_000_000,
    "max_per_hour": 10_000_000,
    "max_per_minute": 1_000_000,
    "max_per_second": 100_000,
    "max_per_domain_per_minute": 1_000_000,
}
"""The limits an account can have and the highest value of each; None is no limit."""
LONGEST_DELAY = 86_400
LAST_WARMUP_DAY = 100_000


@dataclass(frozen=True)
class Account:
    """One address that mail is sent from, and how. The id of one that is not stored yet is 0."""

    id: int
    name: str
    address: str
    transport: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the transport; never a secret, but it may name the variable that holds one."""
    secret: str | None = field(default=None, repr=False)
    """Encrypted by the vault."""
    inbox: Mapping[str, Any] | None = None
    """Where its mail arrives: `source`, one of listen.sources, and that one's settings; None: not read."""
    inbox_secret: str | None = field(default=None, repr=False)
    """Encrypted by the vault; None: the secret for sending is the one for reading, too."""
    kind: str = AccountKind.RELAY.value
    display_name: str | None = None
    reply_to: str | None = None
    group: str = DEFAULT_GROUP
    """What campaigns, types and sequences name to have their mail sent by some accounts only."""
    timezone: str | None = None
    """IANA name; None: the workspace's."""
    daily_limit: int | None = None
    max_per_hour: int | None = None
    max_per_minute: int | None = None
    max_per_second: int | None = None
    max_per_domain_per_minute: int | None = None
    """To one recipient domain."""
    send_delay_seconds: int = 0
    """Least gap between two emails."""
    warmup_enabled: bool = False
    """It begins with few emails a day and sends more with every day."""
    warmup_day: int = 1
    """How far it has come: the first day is 1."""
    warmup: Mapping[str, Any] | None = None
    """Figures of its own for the ramp, keys as in `settings.Warmup`; the workspace's hold for the rest."""
    pacing: Mapping[str, Any] | None = None
    """What its days look like, keys as in `settings_pacing.DayPattern`; the same."""
    holidays: str | None = None
    """The country, or country and region like US-CA, whose holidays are days off."""
    status: str = AccountStatus.ACTIVE.value
    last_error: str | None = None
    resumed: datetime | None = None
    """When it was last let go on: what came back before does not count against it any more."""
    created: datetime | None = None
    """Aware, in UTC."""
    updated: datetime | None = None

    @property
    def is_active(self) -> bool:
        return self.status == AccountStatus.ACTIVE


def in_status(account: Account, status: AccountStatus) -> Account:
    """The account, paused or let go on; whoever lets it go on has seen its error, and that is forgotten."""
    error = None if status == AccountStatus.ACTIVE else account.last_error
    return replace(account, status=status.value, last_error=error)


def account_faults(account: Account) -> list[str]:
    """Why the account cannot be, one sentence each. The transport and its settings are not looked at."""
    found = [_name_fault(account.name), _address_fault("address", account.address)]
    if account.reply_to is not None:
        found.append(_address_fault("reply-to", account.reply_to))
    if account.kind not in list(AccountKind):
        found.append(f"the kind {account.kind!r} is none of {', '.join(AccountKind)}")
    if account.status not in list(AccountStatus):
        found.append(f"the status {account.status!r} is none of {', '.join(AccountStatus)}")
    found += [_limit_fault(name, getattr(account, name), most) for name, most in MOST.items()]
    if not 0 <= account.send_delay_seconds <= LONGEST_DELAY:
        found.append(
            f"send_delay_seconds must be from 0 to {LONGEST_DELAY}, not {account.send_delay_seconds}"
        )
    if not 1 <= account.warmup_day <= LAST_WARMUP_DAY:
        found.append(f"warmup_day must be from 1 to {LAST_WARMUP_DAY:,}, not {account.warmup_day:,}")
    if account.warmup_enabled and account.kind == AccountKind.RELAY:
        found.append("warm-up is for mailboxes and this is a relay, without slots; make its kind mailbox")
    found += faults_of_own(account.pacing, account.warmup)
    for check, value in (
        (checks.identifier, account.group),
        (checks.text, account.display_name),
        (checks.zone, account.timezone),
        (country, account.holidays),
    ):
        try:
            if value is not None:
                check(value)
        except ValueError as error:
            found.append(str(error))
    return [one for one in found if one]


def _name_fault(name: str) -> str:
    if not name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        return (
            f"the account's name {name[:LONGEST_NAME]!r} must have 1 to {LONGEST_NAME} characters on one "
            "line, without blanks at its ends"
        )
    return ""


def _address_fault(what: str, address: str) -> str:
    return "" if is_valid(address) else f"the {what} {address!r} is not an email address"


def _limit_fault(name: str, value: int | None, most: int) -> str:
    if value is None or 1 <= value <= most:
        return ""
    if value == 0:
        return f"{name} 0 would block all mail; `carillon account pause` does that, none is no limit"
    return f"{name} must be from 1 to {most:,}, not {value:,}"
