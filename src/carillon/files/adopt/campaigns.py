"""Campaigns of an older scheduler: types, instances and targets, as far as they fit.

What belongs here: reading them out of text. A campaign must never reach more people here than it did there:
what its type said there goes along with each instance, and one whose standing is not clear is paused.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from carillon.campaigns import TYPE_FIELDS, Campaign, CampaignType, Instance, effective, type_from
from carillon.columns import Bools
from carillon.days import NO_DAY
from carillon.files import values
from carillon.files.adopt import words
from carillon.files.adopt.emails import day_part, iso_days
from carillon.files.adopt.history import Targets
from carillon.files.consents import in_utc
from carillon.files.dates import DateColumn, DateFault, nearest, read_date
from carillon.keys import EVENT_MASK
from carillon.words import LAST_INSTANCE, InstanceStatus

TYPE_COLUMNS = ("name", *TYPE_FIELDS)
RATE_INCREASE_DAYS = 14
LONGEST_NAME = 100


@dataclass
class OldCampaigns:
    """What is brought over."""

    types: dict[str, CampaignType]
    """Those that the settings do not define."""
    instances: list[Campaign]
    """With ids, ascending; their types as they hold here."""
    aside: Counter[str]
    """Why instances are not taken or not as they were."""

    def days_before(self) -> dict[int, int]:
        return {one.instance.id: one.days_before_event for one in self.instances}

    def type_names(self) -> dict[int, str]:
        return {one.instance.id: one.instance.campaign_type for one in self.instances}


def read_types(
    rows: Iterable[Mapping[str, str | None]], our_types: Mapping[str, CampaignType]
) -> dict[str, CampaignType]:
    """Old types by name; a field that is missing is that of our type of the name, or of a new one."""
    found = {}
    for row in rows:
        name = words.plain(row["name"] or "")
        if name:
            base = our_types.get(name, CampaignType(name))
            usual = {field: getattr(base, field) for field in TYPE_FIELDS}
            given = {field: _value(field, row[field]) for field in TYPE_FIELDS}
            known = {field: value for field, value in given.items() if value is not None}
            found[name] = type_from(name, usual | known)
    return found


def read_instances(
    rows: Iterable[Mapping[str, str | None]],
    old_types: Mapping[str, CampaignType],
    our_types: Mapping[str, CampaignType],
    fixed: frozenset[str],
    today: date,
) -> OldCampaigns:
    """Old instances. `our_types`: those that are here already; `fixed`: names of those in the settings."""
    types = {name: type for name, type in old_types.items() if name not in fixed}
    here = {**our_types, **types}
    aside: Counter[str] = Counter()
    found: dict[int, Campaign] = {}
    taken: set[str] = set()
    for row in rows:
        number = _whole(row["id"])
        if number is None or not 0 < number <= LAST_INSTANCE or number in found:
            aside["campaign instances whose id is none"] += 1
            continue
        type_name = words.plain(row["type"] or "") or "unknown"
        if type_name not in here:
            # What it was like is not known, so it is not planned by itself.
            types[type_name] = here[type_name] = CampaignType(type_name, active=False)
        name = " ".join((row["name"] or "").split())[:LONGEST_NAME] or f"adopted_{number}"
        if name in taken:
            name = f"{name[: LONGEST_NAME - 8]} ({number})"
        taken.add(name)
        end = _date(row["end"], today)
        status = _status(row, end, today)
        if status is InstanceStatus.PAUSED:
            aside["campaign instances paused"] += 1
        instance = Instance(
            id=number,
            campaign_type=type_name,
            name=name,
            email_template=row["email_template"],
            sms_template=row["sms_template"],
            status=status.value,
            start=_date(row["start"], today),
            end=end,
            metadata=_metadata(row["metadata"]),
            created=_moment(row["created"]),
        )
        found[number] = _as_it_was(instance, here[type_name], old_types.get(type_name))
    return OldCampaigns(types, [found[number] for number in sorted(found)], aside)


def with_rate_increase(
    old: OldCampaigns, our_types: Mapping[str, CampaignType], template: str | None, now: datetime
) -> tuple[OldCampaigns, int]:
    """With the instance for rate increases that had none, and its id."""
    name = words.ADOPTED_RATE_INCREASE
    for one in old.instances:
        if one.instance.name == name:
            return old, one.instance.id
    number = max((one.instance.id for one in old.instances), default=0) + 1
    usual = CampaignType(words.RATE_INCREASE, days_before_event=RATE_INCREASE_DAYS, priority=1)
    kind = {**our_types, **old.types}.get(words.RATE_INCREASE, usual)
    made = Instance(number, words.RATE_INCREASE, name, email_template=template, created=now)
    return replace(old, instances=[*old.instances, Campaign(kind, made)]), number


class ReadingTargets:
    """Old targets, block by block."""

    def __init__(self, known: np.ndarray, instances: Iterable[int], today: date) -> None:
        """`known`: ids of contacts, ascending."""
        self._known, self._instances = known, np.array(sorted(instances), np.int64)
        self._dates = DateColumn("mdy", nearest(today))
        self.aside: Counter[str] = Counter()

    def block(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, Targets, Bools]:
        """A block of `contact`, `instance`, `day`, `status`, `metadata` and `created` as text: rows for
        `contact_campaigns`, the same as numbers, and which were written to by their own account."""
        day = iso_days(self._dates.read(day_part(frame["day"]))[0])
        contact, instance = (
            frame[name].cast(pl.Int64, strict=False).fill_null(0).to_numpy()
            for name in ("contact", "instance")
        )
        status = frame["status"].fill_null("")
        meant = {text: words.plain(text) for text in status.unique()}
        sent = status.is_in([text for text, word in meant.items() if word in words.TARGETS_SENT]).to_numpy()
        open_ = status.is_in(
            [text for text, word in meant.items() if not word or word in words.TARGETS_OPEN]
        ).to_numpy()
        fine = np.ones(frame.height, bool)
        for why, right in (
            ("targets whose contact is gone", np.isin(contact, self._known)),
            ("targets of no known campaign", np.isin(instance, self._instances)),
            ("targets without a readable date", (day > 0) & (day <= EVENT_MASK)),
            ("targets that were called off", sent | open_),
        ):
            if n := int((fine & ~right).sum()):
                self.aside[why] += n
            fine &= right
        created = in_utc(frame["created"], ZoneInfo("UTC"))
        rows = pl.DataFrame(
            {
                "contact_id": contact,
                "campaign_instance_id": instance,
                "trigger_date": pl.Series(np.where(day == NO_DAY, 0, day)).cast(pl.Date).cast(pl.String),
                "status": pl.Series(np.where(sent, "sent", "pending")),
                "metadata": _objects(frame["metadata"]),
                "created_at": created,
            }
        ).filter(pl.Series(fine))
        return rows, Targets(contact, instance, day).take(fine), sent[fine]


def stored(one: Campaign) -> dict[str, object]:
    """An instance as a row of `campaign_instances`."""
    instance = one.instance
    return {
        "id": instance.id,
        "campaign_type": instance.campaign_type,
        "instance_name": instance.name,
        "email_template": instance.email_template,
        "sms_template": instance.sms_template,
        "status": instance.status,
        "active_start_date": instance.start.isoformat() if instance.start else None,
        "active_end_date": instance.end.isoformat() if instance.end else None,
        "metadata": json.dumps(instance.metadata, ensure_ascii=False) if instance.metadata else None,
        "created_at": instance.created.strftime("%Y-%m-%dT%H:%M:%SZ") if instance.created else None,
    }


def _as_it_was(instance: Instance, here: CampaignType, there: CampaignType | None) -> Campaign:
    """The instance with what its type said there, where the settings say otherwise."""
    if there is not None:
        was, now = asdict(effective(there, instance)), asdict(here)
        differs = {name: was[name] for name in TYPE_FIELDS if was[name] != now[name]}
        instance = replace(instance, metadata={**instance.metadata, **differs})
    return Campaign(here, instance)


def _status(row: Mapping[str, str | None], end: date | None, today: date) -> InstanceStatus:
    if end is not None and end < today:
        return InstanceStatus.ARCHIVED
    given = row["status"] if row["status"] is not None else row["active"]
    word = words.plain(given or "")
    if not word or word in words.INSTANCES_OPEN:
        return InstanceStatus.ACTIVE
    return InstanceStatus.ARCHIVED if word in words.INSTANCES_OVER else InstanceStatus.PAUSED


def _value(field: str, text: str | None) -> object:
    if text is None:
        return None
    if field in ("days_before_event", "priority"):
        return _whole(text)
    word = text.strip().lower()
    return True if word in ("1", "true", "t", "yes", "y") else False if word in words.NO else None


def _whole(text: str | None) -> int | None:
    try:
        return int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None


def _date(text: str | None, today: date) -> date | None:
    try:
        return read_date(text, "mdy", nearest(today)) if text else None
    except DateFault:
        return None


def _moment(text: str | None) -> datetime | None:
    read = in_utc(pl.Series([text], dtype=pl.String), ZoneInfo("UTC"))[0]
    return datetime.fromisoformat(read) if read else None


def _metadata(text: str | None) -> dict[str, object]:
    try:
        return values.json_object(text) if text else {}
    except values.ValueFault:
        return {}


def _objects(texts: pl.Series) -> pl.Series:
    found = {text: text if _metadata(text) else None for text in texts.drop_nulls().unique()}
    return texts.replace_strict(found, default=None, return_dtype=pl.String)
