"""The calendar and the campaigns: made, targeted, planned, looked at, explained; and who may not."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.web.browser.conftest import OpenPage, ready
from tests.web.browser.site import Site
from tests.web.browser.test_shell import go

HOSTILE = "<script>document.title='x'</script>=cmd()"


def test_import_make_a_campaign_target_it_look_at_the_calendar_see_why_one_is_skipped(
    open_page: OpenPage, demo_site: Site, tmp_path: Path
) -> None:
    """The whole way by hand: nothing of it needs the command line."""
    about = date.today() + timedelta(days=107)
    born = (about + timedelta(days=10)).replace(year=1964)  # a leap year has every day
    people = tmp_path / "people.csv"
    people.write_text(f"Email,Last Name,ZIP,Birth Date\nida.journey@example.com,Journey,90210,{born}\n")
    page = open_page("/contacts", user="ed")
    page.get_by_role("link", name="Import").click()
    page.wait_for_url("**/contacts/import")
    ready(page)
    page.set_input_files("input[type=file]", people)
    page.get_by_role("button", name="Check the list").click()
    page.get_by_role("button", name="Import 1 contact").click()
    page.get_by_role("dialog").get_by_role("button", name="Import 1").click()
    expect(page.get_by_text("1 contact is in")).to_be_visible()

    go(page, "/campaigns")
    page.get_by_role("button", name="New campaign").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("journey")
    form.get_by_label("Type", exact=True).click()
    page.get_by_role("option", name="seasonal promo", exact=True).click()
    form.get_by_role("button", name="Make it").click()
    page.wait_for_url("**/campaigns/*?tab=targets")
    ready(page)
    expect(page.get_by_role("heading", name="journey")).to_be_visible()
    expect(page.get_by_text("It goes to nobody yet")).to_be_visible()

    page.get_by_role("button", name="Find contacts").click()
    search = page.get_by_role("dialog")
    search.get_by_placeholder("How the address or the last name begins").fill("ida.journey@")
    line = search.get_by_role("row").filter(has_text="ida.journey@example.com")
    line.get_by_role("checkbox").click()
    search.get_by_label("The day it is about").fill(str(about))
    search.get_by_role("button", name="Add the chosen").click()
    expect(page.get_by_role("heading", name="1 added.")).to_be_visible()
    page.get_by_role("button", name="Later").click()
    expect(page.get_by_role("region", name="Targets by name")).to_be_visible()
    ready(page)

    names = tmp_path / "names.csv"
    names.write_text("email\nwebers@example.com\nnobody@nowhere.example\nida.journey@example.com\n")
    page.get_by_role("button", name="Upload a list").click()
    page.set_input_files("input[type=file]", names)
    expect(page.get_by_text("nobody@nowhere.example")).to_be_visible()
    page.get_by_role("button", name="Cancel").last.click()
    assert campaign(demo_site, "journey")["targets"] == {"pending": 1}

    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_text("The plan is made")).to_be_visible()
    go(page, f"/campaigns/{campaign(demo_site, 'journey')['id']}?tab=skipped")
    page.get_by_role("link", name="ida.journey@example.com").click()
    expect(
        page.get_by_role("dialog").get_by_text("its day lies in the birthday window").first
    ).to_be_visible()
    assert campaign(demo_site, "journey")["targets"] == {"skipped": 1}
    assert "birthday" in demo_site.carillon("explain", "ida.journey@example.com")

    go(page, "/calendar")
    page.get_by_role("link", name="Month", exact=True).click()
    page.wait_for_url("**view=month**")
    page.get_by_role("link", name="Today").click()
    page.wait_for_url("**view=day**")
    ready(page)
    expect(page.get_by_role("region", name="By type and status")).to_be_visible()
    page.get_by_role("region", name="Emails", exact=True).get_by_role("link").first.click()
    page.wait_for_url("**/contacts/*")


def test_pause_edit_and_archive(open_page: OpenPage, demo_site: Site) -> None:
    """Each is asked about, is in the log with who did it, and can be taken back."""
    number = made(demo_site, "to change")["id"]
    page = open_page(f"/campaigns/{number}", user="ed")
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert campaign(demo_site, "to change")["status"] == "active"
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_text("It is paused: its emails are skipped until it is resumed.")).to_be_visible()
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    page.get_by_role("button", name="Edit").click()
    form = page.get_by_role("dialog")
    form.get_by_label("First day").fill("2030-05-04")
    form.get_by_label("Last day").fill("2030-05-01")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("is before the first day")).to_be_visible()
    form.get_by_label("Last day").fill("2030-06-01")
    form.get_by_label("Further metadata").fill("no object")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("is not JSON")).to_be_visible()
    form.get_by_label("Further metadata").fill(json.dumps({"note": HOSTILE}))
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    found = campaign(demo_site, "to change")
    assert (found["start"], found["end"]) == ("2030-05-04", "2030-06-01")
    assert found["metadata"] == {"note": HOSTILE}
    log = json.loads(demo_site.carillon("campaign", "log", "to change", "--json"))
    assert {one["changed_by"] for one in log if one["field"] != "created"} == {"ed"}
    assert page.title().endswith("to change · Carillon")


def test_a_type_with_every_flag(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/campaigns?tab=types", user="ed")
    page.get_by_role("button", name="New type").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("Not A Name")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("cannot be like this")).to_be_visible()
    form.get_by_label("Name").fill("house_visit")
    form.get_by_label("Days before the event").fill("-3")
    form.get_by_label("Priority").fill("7")
    form.get_by_role("switch", name="Follow-ups").click()
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="house_visit")).to_be_visible()
    types = json.loads(demo_site.carillon("campaign", "types", "--json"))
    found = next(one for one in types if one["name"] == "house_visit")
    assert (found["days_before_event"], found["priority"], found["enable_followups"]) == (-3, 7, False)
    assert (found["respect_exclusion_windows"], found["active"]) == (True, True)


def test_outreach(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/campaigns?tab=outreach", user="ed")
    page.get_by_role("button", name="New outreach campaign").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name", exact=True).fill("brokers")
    form.get_by_label("Days to each follow-up").fill("5, 2")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_text("each must be more than the one before it")).to_be_visible()
    form.get_by_label("Days to each follow-up").fill("2, 5")
    form.get_by_role("button", name="Save").click()
    card = page.get_by_role("region", name="brokers")
    expect(card.get_by_text("2, 5 days after the first email")).to_be_visible()
    card.get_by_role("button", name="Archive").click()
    page.get_by_role("dialog").get_by_role("button", name="Archive").click()
    expect(card.get_by_text("archived", exact=True)).to_be_visible()
    found = json.loads(demo_site.carillon("outreach", "list", "--json"))
    brokers = next(one for one in found if one["name"] == "brokers")
    assert (brokers["status"], brokers["defaults"]["followup_delays"]) == ("archived", [2, 5])


def test_a_viewer_looks_and_no_more(open_page: OpenPage) -> None:
    page = open_page("/campaigns/1?tab=targets", user="vic")
    for name in ("Edit", "Pause", "Archive", "Find contacts", "Upload a list", "Make the plan"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_hidden()
    go(page, "/campaigns?tab=types&edit=rate_increase")
    expect(page.get_by_role("heading", name="What wins against what")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_wrong_addresses_are_told_in_words(open_page: OpenPage) -> None:
    page = open_page("/campaigns/999999")
    expect(page.get_by_text("there is no campaign 999999")).to_be_visible()
    for at, words in (("tomorrow", "is no day"), ("1800-01-01", "outside the calendar")):
        go(page, f"/calendar?at={at}")
        expect(page.get_by_text(words)).to_be_visible()
    go(page, f"/calendar?view=day&type={HOSTILE}&status={HOSTILE}&campaign={HOSTILE}")
    expect(page.get_by_role("heading", name="Calendar")).to_be_visible()
    assert page.title().endswith("Calendar · Carillon")


def campaign(site: Site, name: str) -> dict[str, object]:
    """A campaign as the command line shows it."""
    found: dict[str, object] = json.loads(site.carillon("campaign", "show", name, "--json"))
    return found


def made(site: Site, name: str) -> dict[str, object]:
    """A new one."""
    site.carillon("campaign", "create", "rate_increase", name, "--email-template", "rate_increase_v1")
    return campaign(site, name)
