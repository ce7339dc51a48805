"""Where templates are named: by the campaigns and sequences there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, text

from carillon.campaigns import FOLLOWUP_TEMPLATES, VARIANTS
from carillon.store.json_values import object_of


def uses(connection: Connection) -> dict[str, list[str]]:
    """By template, who takes it: "campaign NAME" and "sequence NAME", each once, campaigns first.

    What no longer sends, because it is over, still counts: it can be started again.
    """
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for name, email, sms, stored in connection.execute(
        text(
            "select instance_name, email_template, sms_template, metadata from campaign_instances order by 1"
        )
    ):
        own = object_of(stored) or {}
        for template in (email, sms, *_values(own.get(FOLLOWUP_TEMPLATES)), *_variants(own)):
            if template:
                found[template][f"campaign {name}"] = None
    for name, stored in connection.execute(
        text(
            "select q.name, s.settings from sequence_steps s join sequences q on q.id = s.sequence_id"
            " order by q.name"
        )
    ):
        own = object_of(stored) or {}
        for template in (own.get("template"), *_variants(own)):
            if isinstance(template, str):
                found[template][f"sequence {name}"] = None
    return {template: list(names) for template, names in found.items()}


def _values(given: object) -> Iterator[str]:
    if isinstance(given, Mapping):
        yield from (one for one in given.values() if isinstance(one, str))


def _variants(own: Mapping[str, Any]) -> Iterator[str]:
    given = own.get(VARIANTS)
    for one in given if isinstance(given, list) else ():
        if isinstance(one, Mapping) and isinstance(one.get("template"), str):
            yield one["template"]
