"""What forms know of the configuration: words for every key, and values read as `carillon config` does."""

from __future__ import annotations

import pytest

from carillon.settings import Settings
from carillon.settings_described import Described, Kind, described, sections

KEYS = described()


@pytest.mark.parametrize("one", KEYS.values(), ids=KEYS)
def test_every_key_has_words_and_reads_its_default(one: Described) -> None:
    assert one.words
    if not (one.kind is Kind.LIST and one.default is None):
        assert one.read(one.default) == one.default


def test_every_section_has_a_heading() -> None:
    assert set(sections()) == set(Settings.model_fields)
    assert all(sections().values())


@pytest.mark.parametrize(
    ("path", "given", "value"),
    [
        ("load_balancing.period_days", " 21 ", 21),
        ("load_balancing.daily_send_percentage_cap", "0.070", "0.07"),
        ("aep_config.default_dates", "10-1, 09-15", ["09-15", "10-01"]),
        ("timing_constants.send_time", "7:05", "07:05"),
        ("sending.quiet_hours", "  ", None),
        ("sending.account_groups", "birthday: people\naep: bulk", {"aep": "bulk", "birthday": "people"}),
        ("features.sms", False, False),
    ],
)
def test_what_people_type_is_read(path: str, given: object, value: object) -> None:
    assert KEYS[path].read(given) == value


@pytest.mark.parametrize(
    ("path", "given", "words"),
    [
        ("load_balancing.period_days", "365", "from 1 to 364"),
        ("load_balancing.period_days", "<script>", "is not a whole number"),
        ("workspace.timezone", "Chicago", "America/Chicago"),
        ("workspace.name", "", "empty"),
        ("state_rules.birthday_windows", {"CA": {"window_before_days": "9"}}, "CA.window_after_days"),
        ("timing_constants.send_time", "25:00", "not a time of day"),
        ("aep_config.years", "[[", "."),
    ],
)
def test_what_cannot_be_is_told(path: str, given: object, words: str) -> None:
    with pytest.raises(Exception, match=words):
        KEYS[path].read(given)
