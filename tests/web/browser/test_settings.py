"""Settings in Chromium: a state rule tried out, applied and taken back; faults told at their fields."""

from __future__ import annotations

import re

from playwright.sync_api import expect
from sqlalchemy import text

from carillon.clock import SystemClock
from carillon.settings import Settings, load_settings
from carillon.store import apikeys, users, versions
from carillon.workspace import open_workspace
from tests.web.browser.conftest import OpenPage, ready
from tests.web.browser.site import Site
from tests.web.browser.test_shell import serious

LONG = "x" * 10_000
HOSTILE = '<script>document.title = "broken"</script>'


def settings_of(site: Site) -> Settings:
    return load_settings(site.folder, {})


def birthdays_of_texas(site: Site) -> dict[str, int]:
    """How many birthday emails there are to people in Texas, by status, or why they are skipped.

    Of days to come: a skip is final once its day has passed.
    """
    workspace = open_workspace(site.folder, {}, SystemClock())
    with workspace.database.snapshot() as connection:
        rows = connection.execute(
            text(
                "select coalesce(e.skip_reason, e.status), count(*) from email_schedules e"
                " join contacts c on c.id = e.contact_id"
                " where c.state = 'TX' and e.email_type = 'birthday'"
                " and coalesce(e.original_send_date, e.scheduled_send_date) > :today group by 1"
            ),
            {"today": str(workspace.today())},
        )
        found = {row[0]: int(row[1]) for row in rows}
    workspace.close()
    return found


def test_a_state_rule_is_tried_out_applied_and_taken_back(open_page: OpenPage, demo_site: Site) -> None:
    """What it would move is shown before anything is written; then it holds, and can be taken back."""
    before, planned = settings_of(demo_site), birthdays_of_texas(demo_site)
    assert planned.get("pre-scheduled", 0) > 0
    assert "year_round_exclusion" not in planned
    page = open_page("/settings", width=1024)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not serious(page)
    page.get_by_role("button", name="Add a state").click()
    dialog = page.get_by_role("dialog", name="Add a state")
    dialog.get_by_label("State", exact=True).fill("Texas")
    page.get_by_role("option", name="TX · Texas").click()
    dialog.get_by_text("No mail on any day of the year").click()
    dialog.get_by_role("button", name="Take over").click()
    expect(page.locator('[data-state="TX"]')).to_contain_text("No mail on any day.")
    page.get_by_role("button", name="See what it would move").click()
    shown = page.get_by_role("dialog", name="What this would move")
    skipped = shown.locator(".c-stat", has_text="Newly skipped").locator(".c-value")
    expect(skipped).to_have_text(re.compile(r"^[1-9][0-9,]*$"))
    expect(shown.get_by_role("table")).to_contain_text("is skipped")
    expect(shown).to_contain_text("CT, MA, NY, TX, WA")
    assert (settings_of(demo_site), birthdays_of_texas(demo_site)) == (before, planned)
    shown.get_by_role("button", name="Apply and plan now").click()
    expect(page.get_by_text(re.compile("Saved, and the plan is made anew"))).to_be_visible()
    assert "TX" in settings_of(demo_site).state_rules.year_round_exclusion
    assert set(birthdays_of_texas(demo_site)) == {"year_round_exclusion"}
    file = (demo_site.folder / "carillon.yaml").read_text(encoding="utf-8")
    assert "# States in which no day is allowed." in file

    other = open_page("/settings/history")
    newest = other.locator(".s-version").nth(0)
    expect(newest).to_contain_text("ada: state rules changed")
    other.locator(".s-version").nth(1).get_by_role("button", name="Go back to this").click()
    other.get_by_role("dialog").get_by_role("button", name="Go back").click()
    expect(other.get_by_text(re.compile("The settings are those of version"))).to_be_visible()
    assert settings_of(demo_site) == before
    workspace = open_workspace(demo_site.folder, {}, SystemClock())
    with workspace.database.snapshot() as connection:
        found = versions.every(connection)
    workspace.close()
    assert "rollback" in found[-1].created_by
    demo_site.carillon("plan")
    after = birthdays_of_texas(demo_site)
    assert after.get("pre-scheduled", 0) > 0
    assert "year_round_exclusion" not in after


def test_faults_stand_at_their_fields(open_page: OpenPage, demo_site: Site) -> None:
    """As `carillon config` tells them; nothing is saved then."""
    before = settings_of(demo_site)
    page = open_page("/settings/load_balancing")
    days = page.get_by_label("Period days", exact=True)
    days.fill("365")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("use a whole number of days from 1 to 364")).to_be_visible()
    page.goto(demo_site.url + "/settings/workspace")
    page.get_by_label("Name", exact=True).fill(HOSTILE + LONG)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("is too long or has line breaks"))).to_be_visible()
    assert settings_of(demo_site) == before


def test_a_name_with_markup_is_shown_as_text(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/settings/workspace")
    before = settings_of(demo_site).workspace.name
    for name in (HOSTILE, before):
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Save").click()
        with page.expect_navigation():
            page.get_by_role("dialog").get_by_role("button", name="Save").click()
        ready(page)
        assert settings_of(demo_site).workspace.name == name
        expect(page.get_by_label("Name", exact=True)).to_have_value(name)
        assert page.title().startswith("Workspace")


def test_a_key_is_shown_once_and_revoked(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/settings/api-keys", width=390)
    page.get_by_role("button", name="Make a key").click()
    page.get_by_label("Name", exact=True).fill("crm-test")
    page.get_by_role("button", name="Make it").click()
    secret = page.locator(".s-secret").inner_text()
    page.get_by_role("button", name="I have kept it").click()
    workspace = open_workspace(demo_site.folder, {}, SystemClock())
    with workspace.database.snapshot() as connection:
        key = apikeys.find(connection, secret)
        assert key is not None
        assert key.scopes == ("read",)
        row = page.locator(f'[data-key="{key.prefix}"]')
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row.get_by_text("revoked", exact=True)).to_be_visible()
    with workspace.database.snapshot() as connection:
        assert apikeys.find(connection, secret) is None
    workspace.close()


def test_a_user_is_made_and_removed(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/settings/users")
    page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog", name="Add a user")
    dialog.get_by_label("Name", exact=True).fill("nia")
    dialog.get_by_label("Password", exact=True).fill("short")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("12 to 200 characters").first).to_be_visible()
    dialog.get_by_label("Password", exact=True).fill("five words in a row")
    dialog.get_by_role("button", name="Add").click()
    expect(page.get_by_text("nia may sign in as viewer.")).to_be_visible()
    page.get_by_role("button", name="More for nia").click()
    page.locator(".q-menu .q-item", has_text="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("nia is no user any more.")).to_be_visible()
    workspace = open_workspace(demo_site.folder, {}, SystemClock())
    with workspace.database.snapshot() as connection:
        assert users.named(connection, "nia") is None
    workspace.close()


def test_settings_are_for_admins(open_page: OpenPage) -> None:
    page = open_page("/settings/users", user="ed")
    expect(page.get_by_text("This page takes the role admin; you have the role editor.")).to_be_visible()
    assert not page.get_by_role("button", name="Add a user").count()
