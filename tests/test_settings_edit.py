"""Values put into the text of a carillon.yaml: they arrive, and all the rest of the text stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from carillon.errors import SettingsError
from carillon.settings import Settings, load_settings, settings_of
from carillon.settings_edit import edited, written
from carillon.settings_rewrite import prepare
from carillon.settings_values import values_of
from tests.test_settings import OTHER, TEMPLATE, tree_of

DEFAULTS = values_of(Settings())
PLAIN_OTHER = values_of(settings_of(json.dumps(tree_of(list(OTHER))), {}))
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

window = st.fixed_dictionaries(
    {"window_before_days": st.integers(0, 90), "window_after_days": st.integers(0, 90)},
    optional={"pre_window_extension_days": st.integers(0, 90), "use_month_start": st.just(True)},
)
windows = st.dictionaries(st.sampled_from(["CA", "MO", "NV", "TX", "VA"]), window, max_size=4)
names = st.text("abcdefgh .:#'\"-_[]{}&*!|>%@0123456789é", min_size=1, max_size=20).filter(
    lambda n: n == n.strip()
)
campaign_types = st.dictionaries(
    st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True),
    st.fixed_dictionaries({}, optional={"priority": st.integers(0, 9), "target_all_contacts": st.just(True)}),
    max_size=3,
)


@st.composite
def wanted(draw: st.DrawFn) -> dict[str, object]:
    """Some keys with other values, as `values_of` spells them."""
    keys = draw(st.lists(st.sampled_from(sorted(PLAIN_OTHER)), unique=True, max_size=8))
    values = {key: draw(st.sampled_from([PLAIN_OTHER[key], DEFAULTS[key]])) for key in keys}
    if draw(st.booleans()):
        values["state_rules.birthday_windows"] = draw(windows)
    if draw(st.booleans()):
        values["campaign_types"] = draw(campaign_types)
    if draw(st.booleans()):
        values["email_templates.aep.sms"] = draw(st.none() | names)
    return values


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Files as people may have them: ours, part of ours, or their own way of writing YAML."""
    tree: dict[str, Any] = tree_of(draw(st.lists(st.sampled_from(sorted(OTHER)), unique=True, max_size=8)))
    text = draw(
        st.sampled_from(
            [
                TEMPLATE,
                TEMPLATE.replace("\n", "\r\n"),
                "",
                "# nothing but this\n",
                json.dumps(tree),
                json.dumps(tree, indent=2),
                yaml.safe_dump(tree),
                yaml.safe_dump(tree, default_flow_style=False),
                yaml.safe_dump(tree, default_flow_style=False).rstrip(),
                "state_rules:\nemail_templates:\n  aep: # none\n",
            ]
        )
    )
    if text is TEMPLATE:
        for line in draw(st.lists(st.sampled_from(TEMPLATE.splitlines()), max_size=4)):
            if line.startswith("  ") and line.strip() and not line.endswith(":"):
                text = text.replace(f"{line}\n", "", 1)
        # A map that has lost its only entry is no settings any more.
        assume(_is_right(text))
    return text


def _is_right(text: str) -> bool:
    try:
        settings_of(text, {})
    except SettingsError:
        return False
    return True


@given(text=texts(), values=wanted())
@settings(same_folder, max_examples=80)
def test_what_is_put_in_is_there_and_nothing_else_changes(text: str, values: dict[str, object]) -> None:
    before = values_of(settings_of(text, {}))
    after = edited(text, values)
    assert values_of(settings_of(after, {})) == {**before, **values}
    if text.startswith("# The settings"):
        comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
        kept = [line.strip() for line in after.splitlines() if line.strip().startswith("#")]
        assert kept == comments, "comments stay, in their order"
    assert ("\r\n" in after) == ("\r\n" in text) or text.count("\n") == 0


def test_only_the_differing_lines_change() -> None:
    values: dict[str, object] = {
        "load_balancing.period_days": 7,
        "timing_constants.send_time": "09:00",
        "state_rules.birthday_windows": {
            **dict(DEFAULTS["state_rules.birthday_windows"]),  # type: ignore[call-overload]
            "CA": {"window_before_days": 1, "window_after_days": 2},
        },
        "email_templates.aep.sms": "aep: s",
    }
    before, after = TEMPLATE.splitlines(), edited(TEMPLATE, values).splitlines()
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        '  send_time: "09:00"',
        "  period_days: 7",
        "    CA: {window_before_days: 1, window_after_days: 2}",
        '  aep: {email: aep_standard_v1, sms: "aep: s"}',
    ]


def test_what_is_missing_is_added_where_it_belongs() -> None:
    text = "# mine\nload_balancing:\n    period_days: 9 # days\n\n# the end\n"
    values: dict[str, object] = {
        "load_balancing.max_shift_days": 3,
        "email_templates.aep.sms": None,
        "campaign_types": {"promo": {"priority": 1}},
    }
    assert edited(text, values) == (
        "# mine\nload_balancing:\n    period_days: 9 # days\n    max_shift_days: 3\n\n# the end\n"
        "\nemail_templates:\n  aep:\n    sms: null\n"
        "\ncampaign_types:\n  promo: {priority: 1}\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (7, "7"), ("0.07", "0.07"), ("2026-12-25", "2026-12-25"),
        ("birthday_v1", "birthday_v1"), ("America/Chicago", "America/Chicago"), ("08:30", '"08:30"'),
        ("NO", '"NO"'), ("null", '"null"'), ("09-15", '"09-15"'), ("a b", '"a b"'), ("", '""'), ([], "[]"),
        ({}, "{}"), ({"CA": {"a": 1}}, "{CA: {a: 1}}"), (["NY", "ON"], '[NY, "ON"]'),
    ],
)  # fmt: skip
def test_how_a_value_is_written(value: object, text: str) -> None:
    assert written(value) == text


def test_a_file_keeps_its_mark_its_line_ends_its_mode_and_its_place(tmp_path: Path) -> None:
    real = tmp_path / "kept" / "rules.yaml"
    real.parent.mkdir()
    real.write_bytes(b"\xef\xbb\xbf# mine\r\nload_balancing: {period_days: 9}\r\n")
    real.chmod(0o640)
    (tmp_path / "carillon.yaml").symlink_to(real)
    rewrite = prepare(tmp_path, {"load_balancing.period_days": 7, "features.sms": False}, {})
    rewrite.write()
    assert real.read_bytes() == (
        b"\xef\xbb\xbf# mine\r\nload_balancing: {period_days: 7}\r\n\r\nfeatures:\r\n  sms: false\r\n"
    )
    assert real.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "carillon.yaml").is_symlink()
    assert load_settings(tmp_path, {}) == rewrite.settings


def test_values_that_do_not_fit_each_other_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "carillon.yaml").write_text("timing_constants:\n  pre_window_exclusion_days: 60\n")
    with pytest.raises(
        SettingsError, match=r"nothing was changed:\ncarillon\.yaml:2: .*the window is 39\d days"
    ):
        prepare(tmp_path, {"timing_constants.pre_window_exclusion_days": 300}, {})
    assert "60" in (tmp_path / "carillon.yaml").read_text()
