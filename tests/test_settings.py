"""The configuration: what is read, what is refused and in which words, and where each value came from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from carillon import states, zips
from carillon.errors import InputError, SettingsError
from carillon.settings import (
    CampaignType,
    LoadBalancing,
    Origin,
    Purpose,
    Settings,
    Window,
    load_settings,
    write_default_settings,
)
from carillon.settings_checks import distance, nearest

TEMPLATE = resources.files("carillon").joinpath("data", "carillon.yaml").read_text(encoding="utf-8")
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def load(folder: Path, text: str | bytes = "", **environ: str) -> Settings:
    raw = text.encode() if isinstance(text, str) else text
    (folder / "carillon.yaml").write_bytes(raw)
    return load_settings(folder, environ)


def problems(folder: Path, text: str | bytes = "", **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder, text, **environ)
    return str(caught.value).splitlines()


def problems_if_any(folder: Path, text: str | bytes) -> list[str]:
    try:
        load(folder, text)
    except SettingsError as error:
        return str(error).split("\n")
    return []


def value_at(config: Settings, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


def cases(table: str) -> list[tuple[str, str]]:
    """Blocks of what is given and, after `=>`, what is said (without the name of the file)."""
    blocks = [block.split("\n=> ") for block in table.strip("\n").split("\n\n")]
    return [(given, " ".join(said.split())) for given, said in blocks]


# ---- what is read ----


def test_a_folder_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    config = load_settings(tmp_path, {})
    assert config == Settings()
    assert config.workspace.zone == ZoneInfo("America/Chicago")
    assert config.timing_constants.send_time == time(8, 30)
    assert config.aep_config.month_days == ((9, 15),)
    assert config.load_balancing.daily_send_percentage_cap == Decimal("0.07")
    assert config.origin("load_balancing.period_days") == Origin("default", None)


def test_the_default_rules_are_those_of_the_specification() -> None:
    rules = Settings().state_rules
    assert rules.year_round_exclusion == ("CT", "MA", "NY", "WA")
    windows = {
        state: (window.window_before_days, window.window_after_days, window.use_month_start)
        for state, window in rules.birthday_windows.items()
    }
    assert windows == {
        "CA": (30, 60, False), "ID": (0, 63, False), "KY": (0, 60, False), "OK": (0, 60, False),
        "NV": (0, 60, True), "MD": (0, 30, False), "VA": (0, 30, False), "OR": (0, 31, False),
    }  # fmt: skip
    assert rules.effective_date_windows == {"MO": Window(window_before_days=30, window_after_days=33)}
    assert not rules.age_exclusion
    assert rules.unknown_anchor == "plan"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "---\n",
        "state_rules:\n",
        "audit:\nemail_templates:\n  birthday:\n",
        "\ufeff",
        "{}",
    ],
)
def test_what_is_left_out_keeps_its_default(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == Settings()


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "load_balancing:\n  period_days: 10\n  max_shift_days: 40\n",
        CARILLON_LOAD_BALANCING__PERIOD_DAYS="7",
        CARILLON_WORKSPACE="/somewhere",
        CARILLONX_A__B="1",
        PATH="/bin",
    )
    balance = config.load_balancing
    assert (balance.period_days, balance.max_shift_days, balance.catch_up_spread_days) == (7, 40, 7)
    assert config.origin("load_balancing.period_days") == Origin(
        "environment", "CARILLON_LOAD_BALANCING__PERIOD_DAYS"
    )
    assert config.origin("load_balancing.max_shift_days") == Origin("file", "carillon.yaml:3")
    assert config.origin("load_balancing.catch_up_spread_days") == Origin("default")


def test_a_value_inside_a_map_has_the_origin_of_its_line_or_its_map(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "state_rules:\n  birthday_windows:\n    ca: {window_before_days: 1, window_after_days: 2}\n",
        CARILLON_STATE_RULES__AGE_EXCLUSION='{"MO": 76}',
    )
    assert config.origin("state_rules.birthday_windows.CA") == Origin("file", "carillon.yaml:3")
    assert config.origin("state_rules.birthday_windows") == Origin("file", "carillon.yaml:2")
    assert config.origin("state_rules.effective_date_windows.MO") == Origin("default")
    assert config.origin("state_rules.age_exclusion.MO").kind == "environment"
    with pytest.raises(SettingsError, match=r'did you mean "load_balancing\.period_days"'):
        config.origin("load_balancing.period_day")


def test_the_environment_gives_lists_and_maps_as_json(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "state_rules:\n  year_round_exclusion: [TX]\n",
        CARILLON_STATE_RULES__YEAR_ROUND_EXCLUSION='["ny", "MA", "NY"]',
        CARILLON_STATE_RULES__BIRTHDAY_WINDOWS='{"CA": {"window_before_days": 1, "window_after_days": 2}}',
        CARILLON_AEP_CONFIG__DEFAULT_DATES='["10-01", {"month": 2, "day": 29}]',
        CARILLON_EMAIL_TEMPLATES__BIRTHDAY__SMS="",
        CARILLON_AUDIT__BACKUPS="no",
    )
    assert config.state_rules.year_round_exclusion == ("MA", "NY")
    assert list(config.state_rules.birthday_windows) == ["CA"]
    assert config.aep_config.month_days == ((2, 29), (10, 1))
    assert config.email_templates.birthday.sms is None
    assert config.audit.backups is False


def test_campaign_types_come_from_the_file_or_the_environment(tmp_path: Path) -> None:
    config = load(tmp_path, "campaign_types:\n  promo: {priority: 4}\n  plain: {}\n")
    assert config.campaign_types == {"promo": CampaignType(priority=4), "plain": CampaignType()}
    assert config.origin("campaign_types.promo.priority") == Origin("file", "carillon.yaml:2")
    config = load(tmp_path, CARILLON_CAMPAIGN_TYPES='{"other": {"active": false}}')
    assert config.campaign_types == {"other": CampaignType(active=False)}
    assert config.origin("campaign_types").where == "CARILLON_CAMPAIGN_TYPES"


def test_a_map_in_the_file_replaces_the_default_map_and_states_may_be_small(tmp_path: Path) -> None:
    rules = load(
        tmp_path,
        "state_rules:\n"
        "  birthday_windows:\n"
        "    tx: {window_before_days: 1, window_after_days: 2, pre_window_extension_days: 0}\n"
        "  age_exclusion: {MO: 76}\n",
    ).state_rules
    own = Window(window_before_days=1, window_after_days=2, pre_window_extension_days=0)
    assert rules.birthday_windows == {"TX": own}
    assert rules.age_exclusion == {"MO": 76}
    assert rules.effective_date_windows == Settings().state_rules.effective_date_windows


def test_a_template_keeps_its_sms_when_only_the_email_is_given(tmp_path: Path) -> None:
    templates = load(tmp_path, "email_templates: {birthday: {email: mine}, effective_date: {sms: null}}")
    assert (templates.email_templates.birthday.email, templates.email_templates.birthday.sms) == (
        "mine", "birthday_sms_v1",
    )  # fmt: skip
    assert templates.email_templates.effective_date.sms is None


@given(hour=st.integers(0, 23), minute=st.integers(0, 59), quote=st.sampled_from(["", '"', "'"]))
@same_folder
def test_a_time_is_read_as_written_quoted_or_not(tmp_path: Path, hour: int, minute: int, quote: str) -> None:
    for written in (f"{hour:02}:{minute:02}", f"{hour}:{minute:02}"):
        config = load(tmp_path, f"timing_constants:\n  send_time: {quote}{written}{quote}\n")
        assert config.timing_constants.send_time == time(hour, minute)


@given(share=st.integers(1, 1_000_000))
@same_folder
def test_a_share_is_exactly_what_is_written(tmp_path: Path, share: int) -> None:
    written = f"{share / 1_000_000:.6f}"
    for config in (
        load(tmp_path, f"load_balancing: {{daily_send_percentage_cap: {written}}}"),
        load(tmp_path, CARILLON_LOAD_BALANCING__DAILY_SEND_PERCENTAGE_CAP=written),
    ):
        assert Fraction(config.load_balancing.daily_send_percentage_cap) == Fraction(share, 1_000_000)


def test_lists_are_sorted_and_each_value_stands_once(tmp_path: Path) -> None:
    timing = load(
        tmp_path,
        "timing_constants:\n"
        "  blackout_dates: [2026-12-25, 2026-07-04, 2026-12-25]\n"
        "  blackout_weekdays: [Sunday, sat, sunday]\n",
    ).timing_constants
    assert timing.blackout_dates == (date(2026, 7, 4), date(2026, 12, 25))
    assert timing.blackout_weekdays == ("saturday", "sunday")


@pytest.mark.parametrize(
    "url", ["sqlite:///carillon.db", "sqlite:////var/x.db", "postgresql://me@h/n", "postgresql+psycopg:///n"]
)
def test_sqlite_files_and_postgresql_are_accepted(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, f"database:\n  url: {url}\n").database.url == url


def test_nothing_changes_after_loading(tmp_path: Path) -> None:
    config = load(tmp_path)
    with pytest.raises(ValidationError):
        config.load_balancing.period_days = 3
    assert "password" not in repr(load(tmp_path, "database: {url: 'postgresql://me:password@h/n'}"))


# ---- what is refused ----


WRONG_VALUES = """
load_balancing:
  perod_days: 7
=> 2: load_balancing.perod_days: unknown key; did you mean "period_days"?

load_balancing:
  retry_delay: 7
=> 2: load_balancing.retry_delay: unknown key here; it belongs under processing

load_balancng: {}
=> 1: load_balancng: unknown key; did you mean "load_balancing"?

period_days: 7
=> 1: period_days: unknown key here; it belongs under load_balancing

state_rules:
  birthday_windows:
    CAA: {window_before_days: 1, window_after_days: 1}
=> 3: state_rules.birthday_windows.CAA: not a state; did you mean "CA"?

state_rules:
  year_round_exclusion:
    - NY
    - California
=> 4: state_rules.year_round_exclusion: "California" is not a state; did you mean "CA"?

state_rules:
  age_exclusion: {QQ: 76}
=> 2: state_rules.age_exclusion.QQ: not a state; use a postal code like "CA"

state_rules: {birthday_windows: {CA: {window_before_days: 1}}}
=> 1: state_rules.birthday_windows.CA.window_after_days: is missing; add "window_after_days: ..."

state_rules: {birthday_windows: {CA: {window_before_days: -1, window_after_days: 1}}}
=> 1: state_rules.birthday_windows.CA.window_before_days: -1 is out of range; use a whole number of days
   from 0 to 364

state_rules:
  effective_date_windows:
    CA: {window_before_days: 1, window_after_days: 1, window_length: 3}
=> 3: state_rules.effective_date_windows.CA.window_length: unknown key; remove it, or use one of:
   window_before_days, window_after_days, pre_window_extension_days, use_month_start

state_rules: {unknown_anchor: plam}
=> 1: state_rules.unknown_anchor: "plam" is not known; use plan or exclude; did you mean "plan"?

load_balancing: {period_days: two}
=> 1: load_balancing.period_days: "two" is not a whole number; use a whole number of days from 1 to 364

load_balancing: {period_days: 1.5}
=> 1: load_balancing.period_days: 1.5 is not a whole number; use a whole number of days from 1 to 364

load_balancing: {period_days: true}
=> 1: load_balancing.period_days: "true" is not a whole number; use a whole number of days from 1 to 364

load_balancing: {period_days: [1]}
=> 1: load_balancing.period_days: a list is not a whole number; use a whole number of days from 1 to 364

load_balancing: {period_days: }
=> 1: load_balancing.period_days: there is no value; write one, or remove the key to use the default

load_balancing: {max_emails_per_contact_per_period: 0}
=> 1: load_balancing.max_emails_per_contact_per_period: 0 would block all mail; use a whole number of
   emails from 1 to 1000 (2 is the default)

load_balancing: {ed_smoothing_window_days: 4}
=> 1: load_balancing.ed_smoothing_window_days: 4 is even; use an odd whole number of days from 1 to 61, so
   that as many days lie before as after

load_balancing: {daily_send_percentage_cap: 7}
=> 1: load_balancing.daily_send_percentage_cap: 7 is out of range; use a share above 0 and up to 1, like
   0.07 for 7 %

load_balancing: {daily_send_percentage_cap: 7%}
=> 1: load_balancing.daily_send_percentage_cap: "7%" is not a number; use a share above 0 and up to 1, like
   0.07 for 7 %

load_balancing: {daily_send_percentage_cap: 0}
=> 1: load_balancing.daily_send_percentage_cap: 0 is out of range; use a share above 0 and up to 1, like
   0.07 for 7 %

load_balancing: {daily_send_percentage_cap: 1e-999999}
=> 1: load_balancing.daily_send_percentage_cap: "1e-999999" has more than six decimals; use a share above 0
   and up to 1, like 0.07 for 7 %

load_balancing: {overage_threshold: 0.9}
=> 1: load_balancing.overage_threshold: 0.9 is out of range; use a factor from 1 to 100, like 1.2

load_balancing: {overage_threshold: .nan}
=> 1: load_balancing.overage_threshold: ".nan" is not a number; use a factor from 1 to 100, like 1.2

priorities: {aep: 100}
=> 1: priorities.aep: 100 is out of range; use a whole number from 0 to 99

processing: {batch_size: 99}
=> 1: processing.batch_size: 99 is out of range; use a whole number of contacts from 100 to 1000000

timing_constants:
  send_time: 24:00
=> 2: timing_constants.send_time: "24:00" is not a time of day; write hours and minutes like "08:30"

timing_constants: {blackout_dates: [2026-02-30]}
=> 1: timing_constants.blackout_dates: "2026-02-30" is not a day of the calendar

timing_constants: {blackout_dates: [12/25/2026]}
=> 1: timing_constants.blackout_dates: "12/25/2026" is not a date; write year, month and day like
   "2026-12-25"

timing_constants: {blackout_dates: 2026-12-25}
=> 1: timing_constants.blackout_dates: "2026-12-25" stands where a list like "[one, two]" is meant

timing_constants: {blackout_dates: }
=> 1: timing_constants.blackout_dates: there is no value; write [] for none, or remove the key to use the
   default

timing_constants: {blackout_weekdays: [sunnday]}
=> 1: timing_constants.blackout_weekdays: "sunnday" is not a weekday; did you mean "sunday"?

timing_constants: {blackout_weekdays: [mon, tue, wed, thu, fri, sat, sun]}
=> 1: timing_constants.blackout_weekdays: all seven weekdays are named, so no mail could ever go; leave at
   least one out

timing_constants: {followup_lookback_days: 11}
=> 1: timing_constants.followup_lookback_days: 11 is less than followup_days_after (2) and 10 days, so that
   follow-ups which may still go would be forgotten; use at least 12

timing_constants:
  followup_days_after: 30
=> 2: timing_constants.followup_lookback_days: 35 is less than followup_days_after (30) and 10 days, so that
   follow-ups which may still go would be forgotten; use at least 40

pacing:
  send_interval: 10
=> 2: pacing.missed_slot_minutes: 5 is not more than send_interval (10), so that slots would be missed before
   anybody looks; use at least 11

timing_constants: {followup_days_after: 31}
=> 1: timing_constants.followup_days_after: 31 is out of range; use a whole number of days from 1 to 30

features: {campaign: no}
=> 1: features.campaign: unknown key; did you mean "campaigns"?

campaign_types:
  Rate Increase: {priority: 1}
=> 2: campaign_types.Rate Increase: not a name; use lower-case letters, digits and _, at most 60 of them, like
   "rate_increase"

campaign_types:
  promo: {days_before: 1}
=> 2: campaign_types.promo.days_before: unknown key; did you mean "days_before_event"?

campaign_types: {promo: {days_before_event: -365}}
=> 1: campaign_types.promo.days_before_event: -365 is out of range; use a whole number of days
   from -364 to 364

campaign_types: [promo]
=> 1: campaign_types: a list stands where a map like "key: value" is meant

aep_config: {default_dates: ['02-30']}
=> 1: aep_config.default_dates: month 2 has no day 30

aep_config: {default_dates: [Sep 15]}
=> 1: aep_config.default_dates: "Sep 15" is not a day of the year; write month and day like "09-15"

aep_config: {default_dates: [{month: 13, day: 1}]}
=> 1: aep_config.default_dates.month: 13 is out of range; use a whole number from 1 to 12

aep_config: {years: [26]}
=> 1: aep_config.years: 26 is out of range; use a whole number from 2000 to 2120

workspace: {timezone: chicago}
=> 1: workspace.timezone: "chicago" is not a time zone; did you mean "America/Chicago"?

workspace: {timezone: America/Chicgo}
=> 1: workspace.timezone: "America/Chicgo" is not a time zone; did you mean "America/Chicago"?

workspace: {timezone: America}
=> 1: workspace.timezone: "America" is not a time zone; use a name like "America/Chicago"

workspace: {timezone: ../../etc/passwd}
=> 1: workspace.timezone: "../../etc/passwd" is not a time zone; use a name like "America/Chicago"

workspace: {name: ''}
=> 1: workspace.name: the text is empty; write a name

workspace: [a]
=> 1: workspace: a list stands where a map like "key: value" is meant

workspace: Mine
=> 1: workspace: "Mine" stands where a map like "key: value" is meant

audit: {backups: maybe}
=> 1: audit.backups: "maybe" is neither true nor false; write one of the two

database: {url: 'mysql://me:secret@h/n'}
=> 1: database.url: this kind of database is not supported; the URL must begin with "sqlite:///",
   "postgresql://" or "postgresql+psycopg://"

database: {url: 'postgres://me:secret@h/n'}
=> 1: database.url: this kind of database is not supported (write "postgresql://", not "postgres://"); the
   URL must begin with "sqlite:///", "postgresql://" or "postgresql+psycopg://"

database: {url: 'sqlite:///:memory:'}
=> 1: database.url: a SQLite URL must name a file; write it like "sqlite:///carillon.db"
"""


@pytest.mark.parametrize(("text", "expected"), cases(WRONG_VALUES))
def test_a_wrong_key_or_value_is_told_in_plain_words(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [f"carillon.yaml:{expected}"]


BAD_YAML = """
- a
- b
=> 1: a list stands where sections are meant; write them like "workspace:"

hello
=> 1: "hello" stands where sections are meant; write them like "workspace:"

workspace:
\tname: x
=> 2:1: a tab stands where only spaces may; indent with spaces

workspace:
  name: a: b
=> 2:10: a colon stands where none is possible; check the indentation, and put a text with ": " in it in
   quotes

workspace:
  name: @me
=> 2:9: a value cannot begin with @; put the text in quotes

workspace:
  name: *me
=> 2:9: a value that begins with * refers to another, which is not there; put a text in quotes

workspace:
  name: "me
=> 2:9: a quotation mark is opened here and not closed

aep_config:
  years: [2026
priorities:
=> 2:10: a comma or the closing bracket is missing after the bracket that opens here

workspace:
   name: x
  timezone: y
=> 3:3: the indentation does not fit the lines above; give the keys of one section the same number of
   spaces

workspace:
  name
priorities:
  aep: 3
=> 1: workspace: "name" stands where a map like "key: value" is meant

workspace:
  name: a
  timezone
=> 3:11: a ":" is missing after a key, here or on the line before

a: 1
---
b: 2
=> 2:1: a second document begins here; keep one and remove the line "---"

workspace:
  name: !!python/name:os.system x
=> 2: workspace.name: the tag tag:yaml.org,2002:python/name:os.system is not used here; remove it

workspace: &w
  name: *w
=> 1: values are nested too deeply, or a value contains itself; write them out

workspace:
  ? [a]
  : b
=> 2: workspace: a key must be a single word; write it like "key: value"

workspace:
  name: a\0b
=> 2:10: an unprintable character; remove it

workspace:
  name: a
  timezone: UTC
  name: b
=> 4: workspace.name: given twice, first on line 2; remove one of the two

state_rules:
  age_exclusion:
    MO: 76
    mo: 77
=> 4: state_rules.age_exclusion.mo: given twice, first on line 3; remove one of the two

workspace: {}
audit: {}
workspace: {}
=> 3: workspace: given twice, first on line 1; remove one of the two
"""


@pytest.mark.parametrize(("text", "expected"), cases(BAD_YAML))
def test_bad_yaml_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [f"carillon.yaml:{expected}"]


def test_a_file_that_is_no_text_or_has_no_end_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path, b"workspace:\n  name: Caf\xe9\n") == [
        "carillon.yaml:2:12: the file is not UTF-8; save it as that"
    ]
    (problem,) = problems(tmp_path, "[" * 5000)
    assert problem.startswith("carillon.yaml:1: values are nested too deeply")


def test_aliases_may_be_used_but_not_to_blow_the_file_up(tmp_path: Path) -> None:
    rule = "{window_before_days: 0, window_after_days: 9}"
    windows = load(
        tmp_path, f"state_rules: {{birthday_windows: {{KY: &k {rule}, OK: *k}}}}"
    ).state_rules.birthday_windows
    assert windows["KY"] == windows["OK"]
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    assert any("nested too deeply" in line for line in problems(tmp_path, bomb))


def test_several_problems_are_all_told_in_the_order_of_lines(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "audit:\n  backups: maybe\n  backups: yes\nload_balancing:\n  period_days: 0\n"
        "state_rules:\n  age_exclusion: {CAA: old}\nnonsense: 1\n",
        CARILLON_PRIORITIES__AEP="first",
        CARILLON_PRIORITIES__APE="1",
    )
    assert [line.split(" ")[0] for line in found] == [
        "carillon.yaml:2:", "carillon.yaml:3:", "carillon.yaml:5:", "carillon.yaml:7:", "carillon.yaml:7:",
        "carillon.yaml:8:", "CARILLON_PRIORITIES__AEP:", "CARILLON_PRIORITIES__APE:",
    ]  # fmt: skip
    assert not any("pydantic" in line or "Traceback" in line for line in found)


WRONG_VARIABLES = """
CARILLON_LOAD_BALANCING__PERIOD_DAY=7
=> no setting has this variable; did you mean "CARILLON_LOAD_BALANCING__PERIOD_DAYS"?

CARILLON_load_balancing__period_days=7
=> no setting has this variable; did you mean "CARILLON_LOAD_BALANCING__PERIOD_DAYS"?

CARILLON_QUUX__FROBNICATION_OF_EVERYTHING=7
=> no setting has this variable

CARILLON__X=7
=> no setting has this variable

CARILLON_STATE_RULES__AGE_EXCLUSION__MO=76
=> a map is given as a whole; use CARILLON_STATE_RULES__AGE_EXCLUSION with JSON for
   state_rules.age_exclusion

CARILLON_STATE_RULES__AGE_EXCLUSION=76
=> state_rules.age_exclusion: 76 is not a map; a map is given as JSON, like {"CA": ...}

CARILLON_STATE_RULES__AGE_EXCLUSION={"MO": 70, "mo": 71}
=> state_rules.age_exclusion: "mo" is given twice; remove one of the two

CARILLON_STATE_RULES__AGE_EXCLUSION={"MOO": 70}
=> state_rules.age_exclusion.MOO: not a state; did you mean "MO"?

CARILLON_STATE_RULES__YEAR_ROUND_EXCLUSION=NY, MA
=> state_rules.year_round_exclusion: "NY, MA" is not JSON; a list is given as JSON, like ["...", "..."]

CARILLON_AUDIT__BACKUP_FOLDER=
=> audit.backup_folder: the text is empty; write a name
"""


@pytest.mark.parametrize(("assignment", "expected"), cases(WRONG_VARIABLES))
def test_wrong_variables_name_themselves(tmp_path: Path, assignment: str, expected: str) -> None:
    name, _, value = assignment.partition("=")
    assert problems(tmp_path, **{name: value}) == [f"{name}: {expected}"]


def test_long_values_are_cut_in_messages(tmp_path: Path) -> None:
    assert load(tmp_path, CARILLON_PROCESSING__BATCH_SIZE="1_000").processing.batch_size == 1000
    (number,) = problems(tmp_path, CARILLON_PROCESSING__BATCH_SIZE="1" * 5000)
    assert f'"{"1" * 57}..." is not a whole number' in number
    (nested,) = problems(tmp_path, CARILLON_AEP_CONFIG__YEARS="[" * 100_000)
    assert f'"{"[" * 57}..." is not JSON' in nested


def test_a_variable_does_not_hide_that_its_section_is_no_map(tmp_path: Path) -> None:
    found = problems(tmp_path, "audit: [a]", CARILLON_AUDIT__BACKUPS="no")
    assert found == ['carillon.yaml:1: audit: a list stands where a map like "key: value" is meant']


def test_no_message_shows_the_password_of_a_database(tmp_path: Path) -> None:
    for url in ("mysql://me:secret@h/n", "secret", "postgres://me:secret@h", "sqlite://secret"):
        for found in (
            problems(tmp_path, f"database: {{url: '{url}'}}"),
            problems(tmp_path, CARILLON_DATABASE__URL=url),
        ):
            assert not any("secret" in line for line in found)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "carillon.yaml").mkdir()
    with pytest.raises(SettingsError, match=r"^carillon\.yaml: cannot be read: it is a folder"):
        load_settings(tmp_path, {})
    (tmp_path / "carillon.yaml").rmdir()
    (tmp_path / "carillon.yaml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="a link to a file that does not exist"):
        load_settings(tmp_path, {})
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="is not a folder"):
        load_settings(tmp_path / "file", {})

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SettingsError, match="you have no permission to read it; change its owner or mode"):
        load_settings(tmp_path, {})


# ---- the length of windows ----


@given(before=st.integers(0, 364), after=st.integers(0, 364), own=st.none() | st.integers(0, 364),
       common=st.integers(0, 364))  # fmt: skip
@same_folder
def test_a_window_is_at_most_364_days_long(
    tmp_path: Path, before: int, after: int, own: int | None, common: int
) -> None:
    rule = {"window_before_days": before, "window_after_days": after, "pre_window_extension_days": own}
    kinds = ("birthday_windows", "effective_date_windows")
    for kind, other in (kinds, kinds[::-1]):
        text = json.dumps(
            {
                "timing_constants": {"pre_window_exclusion_days": common},
                "state_rules": {kind: {"TX": rule}, other: {}},
            }
        )
        if before + after + (common if own is None else own) <= 364:
            load(tmp_path, text)
        else:
            (problem,) = problems(tmp_path, text)
            assert problem.startswith(f"carillon.yaml:1: state_rules.{kind}.TX: the window is ")
            assert "state_rules.year_round_exclusion" in problem


def test_a_default_window_that_becomes_too_long_points_at_the_cause(tmp_path: Path) -> None:
    found = problems(tmp_path, "timing_constants:\n\n  pre_window_exclusion_days: 303\n")
    assert [line.partition(": the window")[0] for line in found] == [
        "carillon.yaml:3: state_rules.birthday_windows.CA",
        "carillon.yaml:3: state_rules.birthday_windows.ID",
        "carillon.yaml:3: state_rules.effective_date_windows.MO",
    ]
    (found_too,) = problems(tmp_path, CARILLON_TIMING_CONSTANTS__PRE_WINDOW_EXCLUSION_DAYS="275")
    assert found_too.startswith(
        "CARILLON_TIMING_CONSTANTS__PRE_WINDOW_EXCLUSION_DAYS: state_rules.birthday_w"
    )


# ---- misspelt ----

LETTERS = "abcdefghijklmnopqrstuvwxyz_"


@st.composite
def one_edit(draw: st.DrawFn, word: str) -> str:
    at = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from(LETTERS))
    return draw(
        st.sampled_from(
            [
                word[:at] + letter + word[at:],
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
                word[:at] + word[at].upper() + word[at + 1 :],
            ]
        )
    )


@given(data=st.data())
@settings(same_folder, max_examples=300)
def test_a_key_misspelt_by_one_edit_is_answered_with_the_right_one(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from(Settings.paths())).split(".")
    at = data.draw(st.integers(0, len(path) - 1))
    wrong = data.draw(one_edit(path[at]))
    value: object = {}
    for part in reversed([*path[:at], wrong]):
        value = {part: value}
    text = json.dumps(value)
    if wrong == path[at]:
        return
    assert problems(tmp_path, text) == [
        f'carillon.yaml:1: {".".join([*path[:at], wrong])}: unknown key; did you mean "{path[at]}"?'
    ]


@given(data=st.data())
@same_folder
def test_a_misspelt_variable_is_answered_with_the_right_one(tmp_path: Path, data: st.DataObject) -> None:
    right = "CARILLON_" + data.draw(st.sampled_from(Settings.paths())).upper().replace(".", "__")
    wrong = "CARILLON_" + data.draw(one_edit(right.removeprefix("CARILLON_")))
    if "__" in wrong and wrong != right:
        (problem,) = problems(tmp_path, **{wrong: "x"})
        assert problem == f'{wrong}: no setting has this variable; did you mean "{right}"?'


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_counts_edits_alike_both_ways(a: str, b: str) -> None:
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) == distance(b, a) <= max(len(a), len(b))
    assert abs(len(a) - len(b)) <= distance(a, b)


@pytest.mark.parametrize(
    ("word", "right"),
    [
        ("window_days_before", "window_before_days"),
        ("window_before", "window_before_days"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_word_knows_how_keys_are_confused(word: str, right: str | None) -> None:
    assert nearest(word, ["window_before_days", "window_after_days", "use_month_start"]) == right


@given(st.sampled_from(sorted(states.STATES)), st.sampled_from([str.lower, str.upper, str.title]))
@same_folder
def test_every_state_is_known_by_its_code_and_answered_by_its_name(
    tmp_path: Path, code: str, spell: Any
) -> None:
    config = load(tmp_path, f"state_rules: {{year_round_exclusion: ['{spell(code)}']}}")
    assert config.state_rules.year_round_exclusion == (code,)
    name = spell(states.STATES[code])
    (problem,) = problems(tmp_path, f"state_rules: {{year_round_exclusion: ['{name}']}}")
    assert problem.endswith(f'did you mean "{code}"?')


def test_settings_and_zip_codes_know_the_same_states() -> None:
    assert set(states.STATES) == set(zips.STATES)


# ---- never a traceback ----

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
words = st.sampled_from(["CA", "NY", "ZZ", "month", "day", "use_month_start", "window_before_days", ""])
known_words = st.sampled_from(sorted({part for path in Settings.paths() for part in path.split(".")}))
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | known_words, inner, max_size=3),
    max_leaves=12,
)


@given(raw=st.binary(max_size=60) | st.text(" \n\t:-[]{}&*!|>'\"#%@,?abNY0", max_size=40).map(str.encode))
@settings(same_folder, max_examples=300)
def test_any_bytes_are_settings_or_problems_with_a_place(tmp_path: Path, raw: bytes) -> None:
    # A value's odd characters are not shown, so a line of the message is a problem.
    for line in problems_if_any(tmp_path, raw):
        assert line.startswith("carillon.yaml:")


@given(data=st.data())
@settings(same_folder, max_examples=300)
def test_any_tree_is_settings_or_problems_with_a_place(tmp_path: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(Settings.paths())).split(".")
    tree: object = data.draw(trees)
    for part in reversed(path[: data.draw(st.integers(0, len(path)))]):
        tree = {part: tree}
    for line in problems_if_any(tmp_path, yaml.safe_dump(tree, allow_unicode=True)):
        assert line.startswith("carillon.yaml:")
        assert not re.search(r"pydantic|Input should|validation error", line)


# ---- what a plan depends on ----

OTHER: Mapping[str, object] = {
    "workspace.name": "Other",
    "workspace.timezone": "UTC",
    "features.campaigns": "no",
    "features.followups": "no",
    "features.load_balancing": "no",
    "features.sms": "no",
    "features.ab_testing": "yes",
    "database.url": "sqlite:///other.db",
    "timing_constants.send_time": "09:00",
    "timing_constants.birthday_email_days_before": 15,
    "timing_constants.effective_date_days_before": 31,
    "timing_constants.pre_window_exclusion_days": 61,
    "timing_constants.followup_days_after": 3,
    "timing_constants.followup_lookback_days": 36,
    "timing_constants.blackout_dates": ["2026-12-25"],
    "timing_constants.blackout_weekdays": ["sunday"],
    "aep_config.default_dates": ["09-16"],
    "aep_config.years": [2026],
    "priorities.birthday": 6,
    "priorities.effective_date": 6,
    "priorities.aep": 6,
    "priorities.post_window": 6,
    "load_balancing.daily_send_percentage_cap": "0.08",
    "load_balancing.ed_daily_soft_limit": 16,
    "load_balancing.ed_soft_limit_percentage": "0.31",
    "load_balancing.ed_smoothing_window_days": 7,
    "load_balancing.overage_threshold": "1.3",
    "load_balancing.catch_up_spread_days": 8,
    "load_balancing.max_shift_days": 46,
    "load_balancing.max_emails_per_contact_per_period": 3,
    "load_balancing.period_days": 15,
    "state_rules.year_round_exclusion": ["NY"],
    "state_rules.birthday_windows": {},
    "state_rules.effective_date_windows": {},
    "state_rules.age_exclusion": {"MO": 76},
    "state_rules.unknown_anchor": "exclude",
    "campaign_types": {"promo": {"priority": 4}},
    "email_templates.birthday.email": "other",
    "email_templates.birthday.sms": "other",
    "email_templates.effective_date.email": "other",
    "email_templates.effective_date.sms": "other",
    "email_templates.aep.email": "other",
    "email_templates.aep.sms": "other",
    "email_templates.post_window.email": "other",
    "email_templates.post_window.sms": "other",
    "email_templates.followup_1_cold.email": "other",
    "email_templates.followup_1_cold.sms": "other",
    "email_templates.followup_2_clicked_no_hq.email": "other",
    "email_templates.followup_2_clicked_no_hq.sms": "other",
    "email_templates.followup_3_hq_no_yes.email": "other",
    "email_templates.followup_3_hq_no_yes.sms": "other",
    "email_templates.followup_4_hq_with_yes.email": "other",
    "email_templates.followup_4_hq_with_yes.sms": "other",
    "sending.public_url": "https://mail.example.com",
    "sending.postal_address": "12 Main Street, Springfield, IL 62701",
    "sending.sender_name": "Ann",
    "sending.quiet_hours": "21:00-08:00",
    "sending.account_groups": {"birthday": "birthdays"},
    "pacing.business_hours": "08:00-17:00",
    "pacing.periods": ["peak 09:00-12:00", "low 13:00-17:00"],
    "pacing.weights.peak": 61,
    "pacing.weights.normal": 31,
    "pacing.weights.low": 11,
    "pacing.working_days": "mon-sat",
    "pacing.min_gap_seconds": 60,
    "pacing.jitter_seconds": [120],
    "pacing.send_interval": 3,
    "pacing.missed_slot_minutes": 6,
    "pacing.slot_retention_days": 8,
    "warmup.start": 6,
    "warmup.step": 3,
    "warmup.most": 41,
    "warmup.hold_bounce_rate": "0.06",
    "warmup.pause_bounce_rate": "0.11",
    "warmup.least_bounces": 4,
    "warmup.rate_days": 8,
    "warmup.pool": True,
    "warmup.pool_share": "0.4",
    "warmup.pool_answers": "0.7",
    "warmup.pool_spam_folder": "Bulk",
    "smart_scheduling.enabled": "yes",
    "smart_scheduling.strategy": "best",
    "smart_scheduling.outcome": "click",
    "smart_scheduling.analysis_window_days": 30,
    "smart_scheduling.min_delay_hours": 2,
    "smart_scheduling.max_delay_hours": 24,
    "smart_scheduling.min_sample_size": 6,
    "smart_scheduling.preferred_send_times": ["10:00", 15],
    "smart_scheduling.preferred_days": ["tuesday"],
    "smart_scheduling.business_hours_start": "08:00",
    "smart_scheduling.business_hours_end": 17,
    "smart_scheduling.avoid_holidays": "us",
    "smart_scheduling.target_timezone": "Asia/Tokyo",
    "smart_scheduling.hold_out_percent": 0,
    "sequences.count_in_frequency_limit": True,
    "safety.dry_run": True,
    "safety.confirm_before_send": True,
    "safety.allow_private_webhooks": True,
    "safety.brake_bounce_rate": "0.06",
    "safety.brake_complaint_rate": "0.002",
    "safety.on_doubt": "resend",
    "tracking.opens": True,
    "tracking.clicks": True,
    "listening.poll_minutes": 6,
    "listening.soft_bounces": 4,
    "listening.inbox_scan_days": 7,
    "listening.folders": ["INBOX", "Spam"],
    "listening.raw_retention_days": 30,
    "processing.batch_size": 20_000,
    "processing.max_retry_attempts": 4,
    "processing.retry_delay": 6,
    "audit.backups": "no",
    "audit.backup_retention_days": 8,
    "audit.backup_folder": "other",
    "audit.backup_max_megabytes": 1,
    "web.host": "0.0.0.0",
    "web.port": 8324,
    "web.api_calls_per_minute": 601,
    "logging.level": "debug",
    "logging.format": "console",
    "logging.retention_days": 31,
    "webhooks.sendgrid_key_env": "SENDGRID_KEY",
    "webhooks.twilio_token_env": "TWILIO_TOKEN",
    "webhooks.hmac_secret_env": {"mailer": "MAILER_SECRET"},
}
PLANNING = (
    "timing_constants.", "aep_config.", "priorities.", "load_balancing.", "state_rules.",
    "features.campaigns", "features.followups", "features.load_balancing",
    "sequences.count_in_frequency_limit",
)  # fmt: skip


def tree_of(paths: list[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        level = tree
        *above, last = path.split(".")
        for part in above:
            level = level.setdefault(part, {})
        level[last] = OTHER[path]
    return tree


def test_every_key_has_another_value_to_be_tried_with() -> None:
    assert set(OTHER) == set(Settings.paths())


@pytest.mark.parametrize("path", OTHER)
def test_the_fingerprint_changes_exactly_with_what_a_plan_depends_on(tmp_path: Path, path: str) -> None:
    changed = load(tmp_path, yaml.safe_dump(tree_of([path])))
    assert value_at(changed, path) != value_at(Settings(), path)
    assert changed != Settings()
    same = changed.planning_fingerprint() == Settings().planning_fingerprint()
    assert same != path.startswith(PLANNING)


@given(data=st.data())
@same_folder
def test_the_fingerprint_knows_no_order(tmp_path: Path, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(sorted(OTHER)), unique=True))
    one = load(tmp_path, yaml.safe_dump(tree_of(chosen), sort_keys=False))
    other = load(tmp_path, yaml.safe_dump(tree_of(data.draw(st.permutations(chosen))), sort_keys=False))
    assert one == other
    assert one.planning_fingerprint() == other.planning_fingerprint()


def test_the_fingerprint_knows_no_spelling(tmp_path: Path) -> None:
    one = load(
        tmp_path,
        "load_balancing: {daily_send_percentage_cap: 0.07}\nstate_rules:\n  year_round_exclusion: [NY, TX]\n"
        "  age_exclusion: {MO: 76, TX: 80}\n",
    )
    other = load(
        tmp_path,
        "load_balancing: {daily_send_percentage_cap: 7.0e-2}\nstate_rules:\n  year_round_exclusion: [tx,ny]\n"
        "  age_exclusion: {tx: 80, mo: 76}\n",
    )
    assert one.planning_fingerprint() == other.planning_fingerprint() != Settings().planning_fingerprint()
    assert re.fullmatch("[0-9a-f]{64}", one.planning_fingerprint())


def test_the_fingerprint_of_the_defaults_stays() -> None:
    """It is stored with every run: if this fails on purpose, every workspace is planned anew once."""
    assert Settings().planning_fingerprint() == (
        "f3806543da74ed0cebe61fd0753a7dc26d018b9cedea4fa89384520d43083e1e"
    )


def test_settings_can_be_made_in_code() -> None:
    balance = LoadBalancing(daily_send_percentage_cap=Decimal("0.5"), period_days=7)
    config = Settings(load_balancing=balance)
    assert config.load_balancing.daily_send_percentage_cap == Decimal("0.5")
    assert config.origin("load_balancing.period_days") == Origin("default")
    with pytest.raises(ValidationError):
        LoadBalancing(period_days=0)


# ---- the file that is written ----


def test_the_file_for_insurance_equals_the_defaults(tmp_path: Path) -> None:
    assert write_default_settings(tmp_path, "insurance") == tmp_path / "carillon.yaml"
    config = load_settings(tmp_path, {})
    assert config == Settings()
    assert {config.origin(path).kind for path in Settings.paths()} == {"file"}


@pytest.mark.parametrize("purpose", ["outreach", "product"])
def test_the_file_for_anything_else_has_no_rules(tmp_path: Path, purpose: Purpose) -> None:
    text = write_default_settings(tmp_path, purpose).read_text(encoding="utf-8")
    rules = load_settings(tmp_path, {}).state_rules
    assert (rules.year_round_exclusion, rules.birthday_windows) == ((), {})
    assert (rules.effective_date_windows, rules.age_exclusion) == ({}, {})
    assert f"No rules are filled in: this workspace is for {purpose}." in text
    for line in ("year_round_exclusion: []", "birthday_windows: {}", "effective_date_windows: {}"):
        assert f"\n  {line}\n" in text
    assert load_settings(tmp_path, {}) == Settings(state_rules=rules)


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "carillon.yaml").write_text("mine")
    with pytest.raises(InputError, match="exists already and is left as it is"):
        write_default_settings(tmp_path, "insurance")
    assert (tmp_path / "carillon.yaml").read_text() == "mine"
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_default_settings(tmp_path / "nowhere", "insurance")
    with pytest.raises(InputError, match='"insurence" is not a purpose'):
        write_default_settings(tmp_path, "insurence")  # type: ignore[arg-type]


def test_every_key_stands_in_the_template_with_a_comment(tmp_path: Path) -> None:
    (tmp_path / "carillon.yaml").write_text(TEMPLATE, encoding="utf-8")
    config, lines = load_settings(tmp_path, {}), TEMPLATE.splitlines()
    for path in Settings.paths():
        origin = config.origin(path)
        assert origin.kind == "file", f"{path} is missing in carillon.yaml"
        number = int(str(origin.where).rpartition(":")[2])
        comment = lines[number - 2]
        assert comment.strip().startswith("# "), f"{path} has no comment in carillon.yaml"
    for key in (*Window.model_fields, *CampaignType.model_fields):
        assert re.search(rf"(?m)^ *# .*\b{key}\b", TEMPLATE), f"{key} is explained nowhere"


def test_the_comments_are_true(tmp_path: Path) -> None:
    """Ranges told in a comment are those that hold, and its examples are accepted."""
    no_windows = "state_rules: {birthday_windows: {}, effective_date_windows: {}}\n"
    beside = {
        "followup_days_after": ", followup_lookback_days: 364",
        "min_delay_hours": ", max_delay_hours: 336",
        "max_delay_hours": ", min_delay_hours: 0",
        "send_interval": ", missed_slot_minutes: 120",
        "missed_slot_minutes": ", send_interval: 1",
    }
    found = re.findall(r"# ([^\n]*)\n  (\w+): [\d.]+\n", TEMPLATE)
    checked = 0
    for comment, key in found:
        if bounds := re.search(r"(\d+) to (\d+)", comment):
            path = next(path for path in Settings.paths() if path.endswith(f".{key}"))
            section = path.split(".")[0]
            low, high = int(bounds[1]), int(bounds[2])
            for good in (low, high):
                load(tmp_path, f"{no_windows}{section}: {{{key}: {good}{beside.get(key, '')}}}")
            for bad in (low - 1, high + 1):
                assert problems(tmp_path, f"{section}: {{{key}: {bad}}}")
            checked += 1
    assert checked >= 10
    load(
        tmp_path,
        "timing_constants:\n"
        "  blackout_dates: [2026-12-25, 2027-01-01]\n"
        "  blackout_weekdays: [saturday, sunday]\n"
        "aep_config: {years: [2026, 2027], default_dates: [02-29]}\n"
        "state_rules: {age_exclusion: {MO: 76}}\n",
    )
