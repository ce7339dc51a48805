"""Which templates a day's emails take, and which of those nothing can be made of.

Asked when a day is released, and by whoever tells why emails still wait. Reads on the connection it is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from sqlalchemy import Connection, text

from carillon.campaigns import Campaign
from carillon.keys import KIND_MASK, is_followup
from carillon.store.bulk import is_sqlite
from carillon.templates import defaults
from carillon.variants import templates_for

Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Lacking:
    """Emails that stay planned because there is nothing to make them of."""

    template: str
    """Empty: none is named."""
    campaign: str | None
    """The name of the campaign that they are of, where it is one's and it names no template."""
    emails: int
    has_versions: bool = False
    """Whether there is a template of the name that has something to send, only not in force."""

    @property
    def words(self) -> str:
        """What is wrong, and the remedy."""
        name = self.template
        if not name:
            return (
                f'the campaign "{self.campaign}" names no email template; name one with '
                f'`carillon campaign set "{self.campaign}" --email-template NAME`'
            )
        if self.has_versions:
            return (
                f"the template {name} has no version in force that is an email; "
                f"`carillon template activate {name}` puts its newest in force"
            )
        return (
            f"there is no template {name}; make it with `carillon template new {name} --html FILE --subject "
            f"TEXT` and `carillon template activate {name}`, or name another one in its place"
        )

    def as_json(self) -> dict[str, object]:
        """Plain values only."""
        return {
            "template": self.template or None,
            "campaign": self.campaign,
            "emails": self.emails,
            "why": self.words,
        }


def chosen(due: pl.DataFrame, campaigns: Sequence[Campaign], testing: bool) -> Names:
    """The template of each email of `release.due`, shape (n,); empty where none is named.

    `testing`: `features.ab_testing`, which has contacts share out the variants of a campaign's template.
    """
    names = due["template"].to_numpy().astype(np.object_)
    if not testing or not len(due):
        return names
    instance, first = due["campaign_instance_id"].to_numpy(), ~is_followup(due["id"].to_numpy())
    seeds = due["seed"].to_numpy().astype(np.uint64)
    for campaign in campaigns:
        mine = np.flatnonzero((instance == str(campaign.instance.id)) & first) if campaign.variants else ()
        if len(mine):
            names[mine] = templates_for(campaign, seeds[mine], testing)
    return names


def lacking(
    connection: Connection, due: pl.DataFrame, names: Names, campaigns: Sequence[Campaign]
) -> tuple[npt.NDArray[np.bool_], list[Lacking]]:
    """Which emails have no template that can be sent, shape (n,), and what is to be said of them."""
    stored = _stored(connection, names.tolist())
    usable = [name for name, is_usable in stored.items() if is_usable]
    missing = ~np.isin(names.astype(str), usable)
    titles = {str(one.instance.id): one.instance.name for one in campaigns}
    of = zip(names[missing].tolist(), due["campaign_instance_id"].to_numpy()[missing].tolist(), strict=True)
    counts = Counter((name, None if name else titles.get(instance)) for name, instance in of)
    told = [Lacking(name, title, n, name in stored) for (name, title), n in counts.items()]
    return missing, sorted(told, key=lambda one: (-one.emails, one.template, one.campaign or ""))


def ahead(connection: Connection, today: int, campaigns: Sequence[Campaign], testing: bool) -> list[Lacking]:
    """What is planned from today on and would not be released; of follow-ups that is seen when they are due.

    Of a campaign whose variants are tested, each variant stands for all of its emails.
    """
    rows = connection.execute(
        text(
            "select k.email_template, k.campaign_instance_id, sum(d.n) from plan_days d"
            " join plan_kinds k on k.kind = d.kind where d.reason = 0 and d.day >= :today"
            f" and d.kind <= {KIND_MASK} group by k.email_template, k.campaign_instance_id"
        ),
        {"today": today},
    )
    known = {one.instance.id: one for one in campaigns}
    emails: Counter[tuple[str, str | None]] = Counter()
    for template, instance, n in rows:
        campaign = known.get(instance)
        variants = [one.template for one in campaign.variants] if campaign and testing else []
        for name in variants or [template or ""]:
            emails[name, None if name or campaign is None else campaign.instance.name] += int(n)
    stored = _stored(connection, [name for name, _ in emails])
    return [
        Lacking(name, title, n, name in stored)
        for (name, title), n in sorted(emails.items(), key=lambda item: (-item[1], item[0][0]))
        if not stored.get(name)
    ]


def _stored(connection: Connection, names: Iterable[str]) -> dict[str, bool]:
    """Of these templates those there are, and whether one has a version in force that is an email."""
    marks = {f"n{place}": name for place, name in enumerate(sorted(set(names)))}
    if not marks:
        return {}
    true = "1" if is_sqlite(connection) else "true"
    rows = connection.execute(
        text(
            f"select name, max(case when active = {true} and (html <> '' or text <> '') then 1 else 0 end)"
            f" from templates where name in ({', '.join(f':{mark}' for mark in marks)}) group by name"
        ),
        marks,
    )
    found = {str(name): bool(usable) for name, usable in rows}
    if len(found) < len(marks):
        # The templates that come with Carillon are put there with the first release.
        coming = {source.name: source.is_email for source in defaults()}
        found |= {name: coming[name] for name in marks.values() if name in coming and name not in found}
    return found
