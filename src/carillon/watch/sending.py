"""What keeps mail from leaving, for the health report: pauses, accounts at fault, doubts."""

from __future__ import annotations

from collections.abc import Iterable

from carillon.accounts import Account
from carillon.words import AccountStatus


def about_sending(accounts: Iterable[Account], doubts: int, is_paused: bool) -> list[str]:
    """One sentence for each thing a person should look at."""
    issues = ["the workspace is paused: nothing is sent until `carillon resume`"] if is_paused else []
    for one in accounts:
        if one.status == AccountStatus.ERROR:
            why = one.last_error or "it failed"
            issues.append(f"account {one.name} has stopped: {why} (`carillon account resume {one.name}`)")
        elif one.status == AccountStatus.PAUSED:
            why = f": {one.last_error}" if one.last_error else ""
            issues.append(f"account {one.name} is paused{why} (`carillon account resume {one.name}`)")
    if doubts:
        emails = "1 email is" if doubts == 1 else f"{doubts:,} emails are"
        issues.append(f"{emails} in doubt: settle them with `carillon doubts`")
    return issues
