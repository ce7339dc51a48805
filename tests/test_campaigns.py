"""Rules about one campaign alone: effective fields, what is refused, and what dates mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.campaigns import (
    TYPE_FIELDS,
    Campaign,
    CampaignType,
    Instance,
    Outlook,
    Variant,
    effective,
    instance_faults,
    metadata_faults,
    outlook,
    type_faults,
    type_from,
    usual_trigger,
)
from carillon.words import Tier

TYPE = CampaignType("rate_increase", days_before_event=14, priority=1)
TODAY = date(2026, 3, 10)
anything = (
    st.none() | st.booleans() | st.integers(-500, 500) | st.floats() | st.text(max_size=3) | st.just([])
)


def instance(**fields: object) -> Instance:
    return replace(Instance(1, "rate_increase", "spring"), **fields)  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from([*TYPE_FIELDS, "mine"]), anything))
def test_an_override_holds_if_it_is_of_the_right_kind(metadata: dict[str, object]) -> None:
    found = Campaign(TYPE, instance(metadata=metadata))
    for name in TYPE_FIELDS:
        value = metadata.get(name)
        wanted = int if name in ("days_before_event", "priority") else bool
        fits = type(value) is wanted and (name != "priority" or 0 <= value <= 255)  # type: ignore[operator]
        assert getattr(found, name) == (value if fits else getattr(TYPE, name))
        assert (name in found.overridden) == fits
    assert found.effective == effective(TYPE, found.instance)


@given(st.dictionaries(st.sampled_from(TYPE_FIELDS), anything))
def test_what_is_taken_is_also_what_holds(metadata: dict[str, object]) -> None:
    """Our own commands never store an override that would be ignored."""
    if not metadata_faults(metadata):
        assert Campaign(TYPE, instance(metadata=metadata)).overridden == set(metadata)


@given(st.dictionaries(st.sampled_from(TYPE_FIELDS), anything))
def test_a_type_can_be_read_whatever_is_stored(values: dict[str, object]) -> None:
    found = type_from("x", values)
    assert type(found.days_before_event) is int
    assert 0 <= found.priority <= 255
    assert {type(getattr(found, name)) for name in ("active", "enable_followups")} == {bool}


def test_flags_of_a_type_may_be_numbers() -> None:
    assert type_from("x", {"active": 0, "enable_followups": 1}) == CampaignType("x", active=False)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": " spring"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"email_template": "a/b"}, "email template"),
        ({"sms_template": "a b"}, "SMS template"),
        ({"status": "asleep"}, "asleep"),
        ({"start": date(2026, 5, 2), "end": date(2026, 5, 1)}, "before the start date"),
        ({"start": date(1969, 5, 2)}, "1970-01-02"),
        ({"metadata": {"priority": 100}}, "0 to 99"),
        ({"metadata": {"priority": True}}, "priority"),
        ({"metadata": {"days_before_event": 365}}, "-364 to 364"),
        ({"metadata": {"active": 1}}, "true or false"),
        ({"metadata": {"followup_templates": []}}, "followup_1_cold"),
        ({"metadata": {"followup_templates": {"cold": "x"}}}, "'cold'"),
        ({"metadata": {"followup_templates": {"followup_1_cold": "a b"}}}, "plain name"),
        ({"metadata": {"variants": []}}, "list"),
        ({"metadata": {"variants": [{"template": "a"}]}}, "number 1"),
        ({"metadata": {"variants": [{"template": "a", "weight": 0}]}}, "weight"),
        ({"metadata": {"variants": [{"template": "a", "weight": 1}] * 2}}, "twice"),
        ({"metadata": {"mine": "\0"}}, "NUL"),
        ({"metadata": {"mine": float("nan")}}, "numbers"),
    ],
)
def test_what_an_instance_cannot_be(fields: dict[str, object], said: str) -> None:
    (fault,) = instance_faults(instance(**fields))
    assert said in fault


def test_what_an_instance_can_be() -> None:
    metadata = {
        "days_before_event": -3,
        "followup_templates": {"followup_1_cold": "my_cold.v2"},
        "variants": [{"template": "a", "weight": 2}, {"template": "b", "weight": 1}],
        "mine": {"anything": [1, None]},
    }
    found = instance(name="Spring 2026", start=TODAY, end=TODAY, email_template="rate_v1", metadata=metadata)
    assert instance_faults(found) == []
    campaign = Campaign(TYPE, found)
    assert campaign.followup_templates == {Tier.COLD: "my_cold.v2"}
    assert campaign.variants == (Variant("a", 2), Variant("b", 1))


def test_templates_of_the_wrong_kind_are_ignored_when_read() -> None:
    wrong = {"followup_templates": {"followup_1_cold": 1, "followup_2_clicked_no_hq": "ok"}, "variants": [1]}
    campaign = Campaign(TYPE, instance(metadata=wrong))
    assert campaign.followup_templates == {Tier.CLICKED: "ok"}
    assert campaign.variants == ()


def test_what_a_type_cannot_be() -> None:
    assert type_faults(TYPE) == []
    assert len(type_faults(CampaignType("No Name", priority=100, days_before_event=400))) == 3


def test_a_campaign_is_open_while_it_and_its_type_are_active() -> None:
    assert Campaign(TYPE, instance()).is_open
    assert not Campaign(replace(TYPE, active=False), instance()).is_open
    assert Campaign(replace(TYPE, active=False), instance(metadata={"active": True})).is_open
    assert not Campaign(TYPE, instance(status="paused")).is_open
    assert Campaign(TYPE, instance(status="archived")).is_archived


@pytest.mark.parametrize(
    ("trigger", "fields", "wanted"),
    [
        (TODAY + timedelta(14), {}, Outlook.GOES),
        (TODAY + timedelta(1), {}, Outlook.GOES),  # the deadline is today
        (TODAY, {}, Outlook.MISSED),
        (TODAY - timedelta(1), {}, Outlook.MISSED),
        (TODAY - timedelta(1), {"metadata": {"days_before_event": -10}}, Outlook.GOES),
        (TODAY, {"metadata": {"days_before_event": 0}}, Outlook.GOES),
        (TODAY + timedelta(20), {"start": TODAY + timedelta(7)}, Outlook.INACTIVE),
        (TODAY + timedelta(20), {"end": TODAY + timedelta(5)}, Outlook.INACTIVE),
        (TODAY + timedelta(2), {"end": TODAY - timedelta(2)}, Outlook.MISSED),
        (date(1970, 1, 10), {}, Outlook.NEVER),
        (date(2121, 1, 1), {}, Outlook.NEVER),
    ],
)
def test_the_outlook_of_a_trigger_date(trigger: date, fields: dict[str, object], wanted: Outlook) -> None:
    assert outlook(Campaign(TYPE, instance(**fields)), trigger, TODAY, 45) is wanted


def test_the_usual_trigger_lets_the_email_leave_on_the_start_date() -> None:
    assert usual_trigger(Campaign(TYPE, instance()), TODAY) == TODAY + timedelta(14)
    start = date(2026, 5, 1)
    assert usual_trigger(Campaign(TYPE, instance(start=start)), TODAY) == start + timedelta(14)
