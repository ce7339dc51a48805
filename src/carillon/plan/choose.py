"""Conflicts and frequency: which of a contact's emails stay when there are too many (01-plan §5, §8)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from carillon.columns import Index
from carillon.days import FAR
from carillon.limits import would_exceed
from carillon.plan.ledger import Ledger
from carillon.plan.rules import Rules
from carillon.words import SkipReason

_DAY_BITS = 22
"""Enough for any distance between two day numbers, so that contact and day sort as one integer."""


def choose(ledger: Ledger, rules: Rules) -> npt.NDArray[np.uint8]:
    """Decide anew, from scratch, what is kept; returns each entry's skip reason.

    The order is: what has left, what was pinned, then by priority, day, kind and event.
    """
    reason = np.zeros(len(ledger), np.uint8)
    ledger.kept[:] = True
    concerned = np.zeros(len(ledger.people), bool)
    concerned[crowded(ledger, rules)] = True
    concerned[_clashing(ledger)] = True
    entries = np.flatnonzero(concerned[ledger.who] & ledger.limited)
    if len(entries) == 0:
        return reason
    turn = np.where(ledger.row[entries] < 0, 0, np.where(ledger.fixed[entries], 1, 2))
    settled = turn < 2
    order = np.lexsort(
        (
            ledger.key[entries],
            np.where(settled, 0, ledger.send[entries]),
            np.where(settled, 0, ledger.priority[entries]),
            turn,
            ledger.who[entries],
        )
    )
    entries = entries[order]
    who, place = np.unique(ledger.who[entries], return_inverse=True)
    rank = np.arange(len(entries)) - np.searchsorted(place, np.arange(len(who)))[place]

    width = int(rank.max()) + 1
    taken = np.full((len(who), width), FAR, np.int32)
    campaigns = np.full((len(who), width), FAR, np.int32)
    for turn_of in range(width):
        now = np.flatnonzero(rank == turn_of)
        mine, at = entries[now], place[now]
        day = ledger.send[mine]
        clash = ledger.campaign[mine] & (campaigns[at] == day[:, None]).any(axis=1)
        too_many = would_exceed(taken[at], day, rules.emails_per_period, rules.period_days)
        why = np.where(clash, SkipReason.CAMPAIGN_CONFLICT, np.where(too_many, SkipReason.FREQUENCY_LIMIT, 0))
        why = np.where(ledger.fixed[mine], 0, why)
        kept = why == 0
        taken[at[kept], turn_of] = day[kept]
        some = kept & ledger.campaign[mine]
        campaigns[at[some], turn_of] = day[some]
        reason[mine] = why
        ledger.kept[mine] = kept
    return reason


def crowded(ledger: Ledger, rules: Rules) -> Index:
    """Contacts whose kept emails are more in some period than the limit allows, ascending.

    Who has no more emails than that at all is not asked, and who has one more needs no sorting: these
    two are nearly everybody.
    """
    limit, period = rules.emails_per_period, rules.period_days
    counted = ledger.limited & ledger.kept
    edge = ledger.edges(counted)
    emails = np.diff(edge)
    send = ledger.send[counted]

    one_more = np.flatnonzero(emails == limit + 1)
    first = last = send[edge[one_more]]
    for nth in range(1, limit + 1):
        day = send[edge[one_more] + nth]
        first, last = np.minimum(first, day), np.maximum(last, day)

    many = emails > limit + 1
    moments = _moments(ledger, np.flatnonzero(counted & many[ledger.who]))
    close = moments[limit:] - moments[:-limit] < period
    return np.union1d(one_more[last - first < period], moments[limit:][close] >> _DAY_BITS)


def _clashing(ledger: Ledger) -> Index:
    """Contacts with two campaign emails on one day, ascending."""
    moments = _moments(ledger, np.flatnonzero(ledger.campaign & ledger.kept))
    return np.unique(moments[1:][moments[1:] == moments[:-1]] >> _DAY_BITS)


def _moments(ledger: Ledger, entries: Index) -> npt.NDArray[np.int64]:
    """Contact and day of entries as sorted integers, a long way apart between contacts."""
    day = ledger.send[entries] - np.int64(FAR) + (1 << _DAY_BITS)
    return np.sort((ledger.who[entries] << _DAY_BITS) + day)
