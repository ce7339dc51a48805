"""Which of our emails a received one is about: what proves it, and what only makes it likely.

Our Message-IDs hold a signed mark, so that one which comes back in any header proves the email it was made
for; no index of sent Message-IDs is needed, and nobody can invent one. What is only likely never says that
an email bounced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from carillon.listen.subjects import made_from
from carillon.listen.verdict import Sort, Verdict
from carillon.store.correspondence import Written
from carillon.tokens import LinkKeys

_MARK = re.compile(r"(?<![0-9a-f])[0-9a-f]{1,16}\.[0-9a-f]{20}(?![0-9a-f])")


def proven(verdict: Verdict, keys: LinkKeys) -> int | None:
    """The email that a received one is about for certain: by a Message-ID of ours or a mark in an address."""
    places = [one[1:].partition("@")[0] for one in verdict.answers]
    places += [one.partition("@")[0] for one in verdict.recipients]
    for place in places:
        for mark in _MARK.findall(place):
            schedule = keys.marked(mark)
            if schedule is not None:
                return schedule
    return None


def likely(verdict: Verdict, written: Mapping[str, Sequence[Written]]) -> int | None:
    """The email that a person seems to answer: by sender and subject, among those lately sent there.

    Who asks for no more mail need not say below which email. `written`: by address, the newest first.
    """
    candidates = written.get(verdict.sender or "", ())
    for one in candidates:
        if any(made_from(verdict.subject, source) for source in one.subjects):
            return one.schedule
    if verdict.sort in (Sort.OPT_OUT, Sort.UNSUBSCRIBE) and candidates:
        return candidates[0].schedule
    return None
