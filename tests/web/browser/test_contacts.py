"""Contacts: found, added, edited, suppressed, enrolled; a list imported; one contact's explained year."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
from playwright.sync_api import Page, expect

from carillon.clock import SystemClock
from carillon.store import contact_search, people, suppressions
from carillon.store.contact_search import Found
from carillon.workspace import open_workspace
from tests.web.browser.conftest import OpenPage, ready
from tests.web.browser.site import Site

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_found_and_filtered(open_page: OpenPage, demo_site: Site) -> None:
    """What is looked for stands in the address, so that a view can be linked to."""
    page = open_page("/contacts", user="vic")
    expect(page.get_by_role("status").filter(has_text="1 to 50 of 3,100")).to_be_visible()
    page.get_by_label("Next page").click()
    expect(page.get_by_role("status").filter(has_text="51 to 100")).to_be_visible()
    page.get_by_label("Find by email, last name or id").fill("lucia del")
    expect(page.get_by_role("cell", name="Lucia Delgado").first).to_be_visible()
    page.wait_for_url("**/contacts?q=lucia+del")
    expect(page.get_by_role("cell", name="Hugo Vogel")).to_have_count(0)
    page = open_page("/contacts?issue=invalid_zip&status=active", user="vic")
    expect(page.locator("tbody tr")).to_have_count(len(_with_issue(demo_site)))
    page = open_page("/contacts?q=nobody-is-called-so", user="vic")
    expect(page.get_by_text("Nobody is like that")).to_be_visible()


def test_added_and_edited(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/contacts", user="ed")
    page.get_by_role("button", name="Add contact").click()
    dialog = page.get_by_role("dialog", name="Add a contact")
    dialog.get_by_label("Email").fill("not an address")
    dialog.get_by_label("ZIP code").fill("99")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_text("not an email address")).to_be_visible()
    expect(dialog.get_by_text("not a US ZIP code")).to_be_visible()
    dialog.get_by_label("Email").fill("New.Person@example.com")
    dialog.get_by_label("ZIP code").fill("90210")
    dialog.get_by_label("Birth date").fill("1960-06-15")
    dialog.get_by_label("First name").fill(HOSTILE)
    dialog.get_by_label("Company").fill("=cmd()")
    dialog.get_by_label("Last name").fill("y" * 10_000)
    dialog.get_by_role("button", name="Add").click()
    page.wait_for_url("**/contacts/*")
    ready(page)
    expect(page.locator("h1")).to_contain_text(HOSTILE)
    expect(page.get_by_text("=cmd()").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    stored = _contact(demo_site, "new.person@example.com")
    assert (stored.texts["state"], stored.texts["first_name"]) == ("CA", HOSTILE)

    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit the contact")
    dialog.get_by_label("Email").fill("lucia.delgado0@example.com")
    dialog.get_by_label("External id").fill("P-10001")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("has this external id already")).to_be_visible()
    dialog.get_by_label("External id").fill("")
    dialog.get_by_label("Email").fill("new.person@example.com")
    dialog.get_by_label("First name").fill("Nora")
    dialog.get_by_label("Last name").fill("New")
    dialog.get_by_label("Tags").fill("gold, silver")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Nora New")
    assert _contact(demo_site, "new.person@example.com").tags == ["gold", "silver"]
    page.goto(f"{demo_site.url}/contacts?tag=silver")
    expect(page.get_by_role("cell", name="Nora New")).to_be_visible()


def test_suppressed_and_let_go(open_page: OpenPage, demo_site: Site) -> None:
    page = open_page("/contacts/7", user="ed")
    email = _by_id(demo_site, 7).texts["email"] or ""
    page.get_by_role("button", name="Suppress").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Suppress").click()
    expect(dialog.get_by_text("is needed")).to_be_visible()
    dialog.get_by_label("Why").fill("asked by phone")
    dialog.get_by_role("button", name="Suppress").click()
    expect(page.get_by_role("alert").filter(has_text="Cannot be written to").first).to_be_visible()
    assert [one.reason for one in _suppressions(demo_site, email)] == ["asked by phone"]
    listed = open_page("/contacts?status=suppressed", user="vic")
    expect(listed.get_by_role("link", name=email)).to_be_visible()
    page.get_by_role("button", name="Lift").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Why it may be written to again").fill("asked again")
    dialog.get_by_role("button", name="Let it be written to").click()
    expect(page.get_by_role("button", name="Lift")).to_have_count(0)
    assert _suppressions(demo_site, email) == []


def test_the_year_is_explained(open_page: OpenPage, demo_site: Site) -> None:
    """Closed days are shaded, and each email stands on its day with its reason."""
    person = next(one for one in _people(demo_site) if one.texts["state"] == "CA" and one.texts["birth_date"])
    page = open_page(f"/contacts/{person.id}", user="vic")
    expect(page.locator(".c-day.c-shut").first).to_be_attached()
    expect(page.locator(".c-windows")).to_contain_text("no mail")
    day = page.locator("a.c-day.c-mail").first
    target = day.get_attribute("href") or ""
    assert day.get_attribute("aria-label")
    expect(page.locator(target)).to_be_visible()


def test_a_list_is_imported(open_page: OpenPage, demo_site: Site, tmp_path: Path) -> None:
    """Its columns are said, its problems seen, and only then it is stored."""
    file = tmp_path / "people.xlsx"
    pl.DataFrame(
        {
            "Kontakt": ["ann.import@example.com", "broken", "bob.import@example.com"],
            "PLZ": ["90210", "10001", "nowhere"],
            "Note": [HOSTILE, "=cmd()", "fine"],
        }
    ).write_excel(file)
    page = open_page("/contacts/import", user="ed")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("2. The columns")).to_be_visible()
    expect(page.get_by_text(HOSTILE[:40])).to_be_visible()
    page.get_by_role("button", name="Check the list").click()
    expect(page.get_by_text("no column with email addresses")).to_be_visible()
    _choose(page, "Take Kontakt for", "Email")
    _choose(page, "Take PLZ for", "Zip code")
    page.get_by_role("button", name="Check the list").click()
    expect(page.get_by_text("3. What would happen")).to_be_visible()
    problems = page.get_by_role("region", name="Problems")
    expect(problems.get_by_role("row", name="rejected")).to_contain_text("broken")
    expect(problems.get_by_role("row", name="warning")).to_contain_text("not a US ZIP code")
    with page.expect_download() as got:
        page.get_by_role("button", name="Download all").click()
    assert "broken" in Path(got.value.path()).read_text(encoding="utf-8")
    assert not _find(demo_site, "ann.import@example.com")
    page.get_by_role("button", name="Import 2 contacts").click()
    page.get_by_role("dialog").get_by_role("button", name="Import 2").click()
    expect(page.get_by_text("2 contacts are in")).to_be_visible()
    assert _contact(demo_site, "ann.import@example.com").attributes == {"Note": HOSTILE}


def test_what_is_no_list_is_refused(open_page: OpenPage) -> None:
    """Also an archive that unpacks to more than it seems to hold, under the name it came with."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "x")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 300_000_000)
    page = open_page("/contacts/import", user="ed")
    page.locator("input[type=file]").set_input_files(
        {"name": "../../bomb.xlsx", "mimeType": "application/zip", "buffer": bomb.getvalue()}
    )
    expect(page.get_by_text("refused for safety")).to_be_visible()
    expect(page.get_by_text("2. The columns")).to_have_count(0)


def test_refused_for_a_viewer(open_page: OpenPage) -> None:
    page = open_page("/contacts/import", user="vic")
    expect(page.get_by_text("takes the role editor")).to_be_visible()
    page = open_page("/contacts/8", user="vic")
    for name in ("Edit", "Suppress", "Enroll"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    page = open_page("/contacts/987654321", user="vic")
    expect(page.get_by_text("There is no such contact")).to_be_visible()


def _choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label).click()
    page.get_by_role("option", name=option, exact=True).click()


def _read(site: Site, ask: Any) -> Any:
    workspace = open_workspace(site.folder, {}, SystemClock())
    try:
        with workspace.database.snapshot() as connection:
            return ask(connection)
    finally:
        workspace.close()


def _find(site: Site, email: str) -> list[people.Profile]:
    found: list[people.Profile] = _read(site, lambda c: people.find(c, email))
    return found


def _contact(site: Site, email: str) -> Found:
    return _by_id(site, _find(site, email)[0].id)


def _by_id(site: Site, number: int) -> Found:
    found: Found = _read(site, lambda c: contact_search.find(c, number))
    return found


def _people(site: Site) -> list[Found]:
    wanted = contact_search.Wanted()
    return list(_read(site, lambda c: contact_search.page(c, wanted, 0, 200)).items)


def _with_issue(site: Site) -> list[Found]:
    wanted = contact_search.Wanted(issue="invalid_zip", status="active")
    return list(_read(site, lambda c: contact_search.page(c, wanted, 0, 50)).items)


def _suppressions(site: Site, email: str) -> list[suppressions.Suppression]:
    return list(_read(site, lambda c: suppressions.of(c, email)))
