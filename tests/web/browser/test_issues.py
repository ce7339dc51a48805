"""Doubts & issues in Chromium: an email in doubt is settled by a person; a viewer only looks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import expect
from sqlalchemy import text

from carillon.clock import SystemClock
from carillon.store.engine import Connection
from carillon.workspace import Workspace, open_workspace
from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site
from tests.web.browser.test_shell import serious

HOSTILE = '=cmd() <script>document.title = "broken"</script> ' + "y" * 10_000


@contextmanager
def opened(site: Site) -> Iterator[Workspace]:
    workspace = open_workspace(site.folder, {}, SystemClock())
    yield workspace
    workspace.close()


def make_doubts(site: Site, many: int) -> list[int]:
    """Emails that were sent are in doubt, as if the answer of their server had been lost."""

    def work(connection: Connection) -> list[int]:
        ids = connection.execute(
            text("select id from outbox where status = 'sent' order by id limit :n"), {"n": many}
        ).scalars()
        found = [int(one) for one in ids]
        for one in found:
            connection.execute(
                text(
                    "update outbox set status = 'in_doubt', last_error = :why,"
                    " intent_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-3 hours') where id = :id"
                ),
                {"why": HOSTILE, "id": one},
            )
        return found

    with opened(site) as workspace:
        return workspace.database.write(work)


def statuses(site: Site, ids: list[int]) -> list[str]:
    with opened(site) as workspace, workspace.database.snapshot() as connection:
        rows = {int(row[0]): row[1] for row in connection.execute(text("select id, status from outbox"))}
    return [rows[one] for one in ids]


def test_doubts_are_settled_one_and_all(open_page: OpenPage, demo_site: Site) -> None:
    ids = make_doubts(demo_site, 3)
    page = open_page("/issues")
    table = page.get_by_role("table").first
    expect(table).to_contain_text("=cmd() <script>")
    assert page.title() == "Doubts & issues · Carillon"
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    table.locator("tbody .q-checkbox").first.click()
    expect(page.get_by_text("1 chosen:")).to_be_visible()
    page.get_by_role("button", name="Count as not sent").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is never sent again.")
    dialog.get_by_role("button", name="Cancel").click()
    assert statuses(demo_site, ids) == ["in_doubt"] * 3
    page.get_by_role("button", name="Count as sent").click()
    page.get_by_role("dialog").get_by_role("button", name="Count as sent").click()
    expect(page.get_by_text("1 count as sent.")).to_be_visible()
    assert statuses(demo_site, ids).count("in_doubt") == 2
    page.get_by_role("button", name="Count as sent").click()
    expect(page.get_by_role("dialog")).to_contain_text("all 2 emails in doubt")
    page.get_by_role("dialog").get_by_role("button", name="Count as sent").click()
    expect(page.get_by_text("2 count as sent.")).to_be_visible()
    assert statuses(demo_site, ids) == ["sent"] * 3


def test_a_viewer_looks_and_settles_nothing(open_page: OpenPage, demo_site: Site) -> None:
    ids = make_doubts(demo_site, 1)
    page = open_page("/issues", user="vic", width=390)
    expect(page.get_by_role("table").first).to_be_visible()
    expect(page.get_by_role("button", name="Count as sent")).to_be_hidden()
    assert not serious(page)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    demo_site.carillon("doubts", "--sent", str(ids[0]))


def test_issues_lead_to_their_contacts(open_page: OpenPage) -> None:
    page = open_page("/issues")
    row = page.locator('[data-code="invalid_zip"]')
    expect(row).to_contain_text(re.compile(r"[1-9]\d* contacts"))
    row.get_by_role("link", name="Show them").click()
    page.wait_for_url("**/contacts?issue=invalid_zip")
