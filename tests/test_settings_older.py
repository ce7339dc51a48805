"""The configuration of an older scheduler in our words: what is taken, changed and dropped."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.errors import SettingsError
from carillon.settings import Settings, settings_of
from carillon.settings_older import Translation, translate
from carillon.settings_rewrite import tree_of
from carillon.settings_values import values_of
from carillon.settings_yaml import parse_yaml
from tests.test_settings import TEMPLATE


def read(text: str) -> Translation:
    return translate(parse_yaml(text, "scheduler_config.yaml"))


def dropped(found: Translation) -> dict[str, str]:
    return {line.key: line.why for line in found.lines if line.became is None}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("timing_constants: {send_time: '08:30:00'}", "timing_constants.send_time", "08:30"),
        ("TIMING_CONSTANTS: {Send-Time: 9:05}", "timing_constants.send_time", "09:05"),
        ("timing: {send_time_hour: 9, send_time_minute: 5}", "timing_constants.send_time", "09:05"),
        ("timing: {send_time_minute: 5, send_time_hour: 9}", "timing_constants.send_time", "09:05"),
        ("send_time_hour: 7", "timing_constants.send_time", "07:00"),
        ("birthday_days_before: 10", "timing_constants.birthday_email_days_before", 10),
        ("timing_constants: {followup_days_after: 3}", "timing_constants.followup_days_after", 3),
        ("aep_config: {default_dates: [{month: 9, day: 15}]}", "aep_config.default_dates", ["09-15"]),
        ("aep_config: {default_dates: [[9, 15], [[8, 1]]]}", "aep_config.default_dates", ["08-01", "09-15"]),
        ("aep_config: {default_dates: {2026: [2026-09-15], 2027: [9/16]}}", "aep_config.default_dates",
         ["09-15", "09-16"]),
        ("aep_config: {default_dates: 09-15}", "aep_config.default_dates", ["09-15"]),
        ("{aep_month: 9, aep_day: 1}", "aep_config.default_dates", ["09-01"]),
        ("aep_config: {years: 2026}", "aep_config.years", [2026]),
        ("daily_cap: 0.05", "load_balancing.daily_send_percentage_cap", "0.05"),
        ("{daily_send_percentage_cap: 5}", "load_balancing.daily_send_percentage_cap", "0.05"),
        ("{daily_send_percentage_cap: 0.5 %}", "load_balancing.daily_send_percentage_cap", "0.005"),
        ("load_balancing: {overage_threshold: 120}", "load_balancing.overage_threshold", "1.2"),
        ("load_balancing: {ed_smoothing_window_days: 2}", "load_balancing.ed_smoothing_window_days", 5),
        ("load_balancing: {smoothing_window: 3}", "load_balancing.ed_smoothing_window_days", 7),
        ("frequency: {max_emails_per_period: 3}", "load_balancing.max_emails_per_contact_per_period", 3),
        ("batch_size: 5000", "processing.batch_size", 5000),
        ("organization: {timezone: UTC}", "workspace.timezone", "UTC"),
        ("features: {sms: false}", "features.sms", False),
        ("state_rules: {NY: year_round, CT: {type: year_round_enrollment}}",
         "state_rules.year_round_exclusion", ["CT", "NY"]),
        ("state_rules: {year_round_states: [NY, ct]}", "state_rules.year_round_exclusion", ["CT", "NY"]),
        ("state_rules: {birthday_window: {ca: {window_before: 1, window_after: 2}}}",
         "state_rules.birthday_windows", {"CA": {"window_before_days": 1, "window_after_days": 2}}),
        ("state_rules: {NV: {type: birthday, window_after: 60, special_rules: {use_month_start: true}}}",
         "state_rules.birthday_windows",
         {"NV": {"window_before_days": 0, "window_after_days": 60, "use_month_start": True}}),
        ("state_rules: {MO: {type: Effective_Date_Window, window_before: 30, window_after: 33}}",
         "state_rules.effective_date_windows", {"MO": {"window_before_days": 30, "window_after_days": 33}}),
        ("campaign_types: {Rate Increase: {days_before_event: 14, timing: {priority: 1}, active: yes}}",
         "campaign_types", {"rate_increase": {"days_before_event": 14, "priority": 1}}),
        ("campaign_types: [{name: promo, priority: 1}, {name: other}]",
         "campaign_types", {"promo": {"priority": 1}, "other": {}}),
        ("email_templates: {BIRTHDAY: mine}", "email_templates.birthday.email", "mine"),
        ("email_templates: {aep: {sms_template: s}}", "email_templates.aep.sms", "s"),
        ("email_templates: {birthday_sms: null}", "email_templates.birthday.sms", None),
    ],
)  # fmt: skip
def test_what_is_taken(text: str, key: str, value: object) -> None:
    found = read(text)
    assert found.values == {key: value}
    assert not dropped(found)


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("load_balancing: {period_day: 1}", "load_balancing.period_day", 'did you mean "period_days"?'),
        ("load_balancing: {max_emails_per_period: 0}", "load_balancing.max_emails_per_period",
         "0 would block all mail"),
        ("database: {path: /x}", "database", "init --adopt FILE"),
        ("logging: {file: a.log}", "logging.file", "no such setting here"),
        ("state_rules: {ZZ: {type: birthday}}", "state_rules.ZZ", "not a state"),
        ("state_rules: {CA: 5}", "state_rules.CA", "neither a state with a rule"),
        ("state_rules: {CA: {type: birthday, window_after: 999}}", "state_rules.CA", "out of range"),
        ("state_rules: {CA: {type: birthday, colour: red}}", "state_rules.CA.colour", "no such field"),
        ("campaign_types: {a: {prioritee: 1}}", "campaign_types.a.prioritee", 'did you mean "priority"?'),
        ("campaign_types: {a: {priority: 100}}", "campaign_types.a", "out of range"),
        ("email_templates: {rate_increase: x}", "email_templates.rate_increase", "campaign create"),
        ("timing_constants: {send_time: noon}", "timing_constants.send_time", "is not a time of day"),
        ("contact_rules: {'502': {force_aep: true}}", "contact_rules", "single contacts"),
    ],
)  # fmt: skip
def test_what_is_dropped_is_told_with_its_reason(text: str, key: str, why: str) -> None:
    assert why in dropped(read(text))[key]


def test_each_key_is_told_with_its_line_and_a_changed_value_with_how() -> None:
    found = read("a:\n  b: 1\nload_balancing:\n  ed_smoothing_window_days: 2\n  period_days: 9\n")
    assert [(line.line, line.key, line.became) for line in found.lines] == [
        (2, "a.b", None),
        (4, "load_balancing.ed_smoothing_window_days", "load_balancing.ed_smoothing_window_days"),
        (5, "load_balancing.period_days", "load_balancing.period_days"),
    ]
    assert found.lines[1].why == "2 days to either side are 5 in all"


def test_a_file_that_is_no_yaml_is_told_with_its_line() -> None:
    with pytest.raises(SettingsError, match=r"^scheduler_config\.yaml:2"):
        read("a: 1\na: 2\n")


def test_a_file_of_ours_comes_through_but_for_its_database_and_the_width_of_smoothing() -> None:
    found = read(TEMPLATE)
    assert list(dropped(found)) == ["database", "campaign_types"]
    assert dropped(found)["campaign_types"] == "there is nothing in it"
    changed = {"load_balancing.ed_smoothing_window_days": 11}
    own = {
        key: value
        for key, value in values_of(Settings()).items()
        if key.partition(".")[0] not in dropped(found)
    }
    assert found.values == own | changed


scalars = st.none() | st.booleans() | st.integers(0, 200) | st.floats() | st.text(max_size=6) | st.dates()
words = st.sampled_from(
    ["CA", "type", "birthday", "month", "day", "window_before", "name", "promo", "email", "timing",
     "priority",
     *sorted({part for path in Settings.paths() for part in path.split(".")})]
)  # fmt: skip
trees: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=10,
)
sections = st.sampled_from(
    ["state_rules", "campaign_types", "email_templates", "aep_config", "load_balancing"]
)


@given(tree=st.dictionaries(sections | words, trees, max_size=3))
@settings(deadline=None, max_examples=60)
def test_whatever_it_says_the_outcome_can_be_used_and_no_key_is_passed_over(tree: dict[str, Any]) -> None:
    found = read(yaml.safe_dump(tree))
    for key, value in found.values.items():
        try:
            assert values_of(settings_of(json.dumps(tree_of({key: value})), {}))[key] == value
        except SettingsError as error:
            # It may not go with other settings as they are; that is told where it is written.
            blamed = {line.split(": ")[1] for line in str(error).splitlines()}
            if key in blamed:
                raise
    told = {line.key.split(".")[0] for line in found.lines}
    assert told >= set(tree)
