"""Doubts & issues in Chromium: an email in doubt is settled by a person; a viewer only looks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
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


def make_doubts(site: Site, many: int, status: str = "in_doubt") -> list[int]:
    """Emails that were sent are in doubt, as if the answer of their server had been lost; or have failed."""

    def work(connection: Connection) -> list[int]:
        connection.execute(
            text("update outbox set status = 'sent' where status in ('in_doubt', 'failed')")
        )  # the demo's own
        # The first are of sequences, with ids that a browser has no numbers for; those that failed are of the
        # plan: sequences have gone on since.
        which = "" if status == "in_doubt" else " and enrollment_id is null"
        ids = connection.execute(
            text(f"select id from outbox where status = 'sent'{which} order by id limit :n"), {"n": many}
        ).scalars()
        found = [int(one) for one in ids]
        for one in found:
            connection.execute(
                text(
                    "update outbox set status = :status, last_error = :why,"
                    " intent_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-3 hours') where id = :id"
                ),
                {"status": status, "why": HOSTILE, "id": one},
            )
        return found

    with opened(site) as workspace:
        return workspace.database.write(work)


def put_back(site: Site, ids: list[int]) -> None:
    """They were sent, as before."""
    some = ", ".join(map(str, ids))
    with opened(site) as workspace:
        workspace.database.write(
            lambda c: c.execute(
                text(f"update outbox set status = 'sent', last_error = null where id in ({some})")
            )
        )


def audited(site: Site, what: str) -> list[str]:
    """What was written down of deeds, the first that was done first."""
    with opened(site) as workspace, workspace.database.snapshot() as connection:
        return list(
            connection.execute(
                text('select "after" from audit_log where what like :what order by id'), {"what": what}
            ).scalars()
        )


def statuses(site: Site, ids: list[int]) -> list[str]:
    with opened(site) as workspace, workspace.database.snapshot() as connection:
        rows = {int(row[0]): row[1] for row in connection.execute(text("select id, status from outbox"))}
    return [rows[one] for one in ids]


@pytest.mark.parametrize(
    ("width", "verdict", "becomes"),
    [
        (1440, "Count as sent", "sent"),
        (1024, "Count as not sent", "failed"),
        (390, "Send again", "scheduled"),
    ],
)
def test_doubts_are_settled_one_and_all(
    open_page: OpenPage, demo_site: Site, width: int, verdict: str, becomes: str
) -> None:
    """One by one verdict, asked about first; the others at once, as sent."""
    ids = make_doubts(demo_site, 3)
    page = open_page("/issues", width=width)
    bar = page.get_by_role("region", name="Emails in doubt")
    table = bar.get_by_role("table")
    expect(table).to_contain_text("=cmd() <script>")
    assert page.title().endswith("Doubts & issues · Carillon")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    table.locator("tbody .q-checkbox").first.click()
    expect(page.get_by_text("1 chosen:")).to_be_visible()
    bar.get_by_role("button", name=verdict).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(
        {"sent": "Nothing more", "failed": "It is never sent again."}.get(
            becomes, "It leaves with the next dispatch"
        )
    )
    dialog.get_by_role("button", name="Cancel").click()
    assert statuses(demo_site, ids) == ["in_doubt"] * 3
    bar.get_by_role("button", name=verdict).click()
    page.get_by_role("dialog").get_by_role("button", name=verdict).click()
    expect(page.get_by_text(re.compile("^1 (count as|are sent again)"))).to_be_visible()
    assert sorted(statuses(demo_site, ids)) == sorted([becomes, "in_doubt", "in_doubt"])
    bar.get_by_role("button", name="Count as sent").click()
    expect(page.get_by_role("dialog")).to_contain_text("all 2 emails in doubt")
    page.get_by_role("dialog").get_by_role("button", name="Count as sent").click()
    expect(page.get_by_text("2 count as sent.")).to_be_visible()
    assert sorted(statuses(demo_site, ids)) == sorted([becomes, "sent", "sent"])
    assert [json.loads(one)["emails"] for one in audited(demo_site, "doubts settled%")][-2:] == [1, 2]
    put_back(demo_site, ids)


def test_what_failed_is_sent_again(open_page: OpenPage, demo_site: Site) -> None:
    """Those that are chosen, or all; asked first; for nobody who only looks."""
    ids = make_doubts(demo_site, 3, status="failed")
    assert not open_page("/issues", user="vic").get_by_role("button", name="Send all again").is_visible()
    page = open_page("/issues", user="ed")
    card = page.get_by_role("region", name="Failed emails")
    expect(card).to_contain_text("=cmd() <script>")
    card.locator("tbody .q-checkbox").first.click()
    card.get_by_role("button", name="Send 1 again").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert statuses(demo_site, ids) == ["failed"] * 3
    card.get_by_role("button", name="Send 1 again").click()
    page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    expect(page.get_by_text("1 leave with the next dispatch.")).to_be_visible()
    assert sorted(statuses(demo_site, ids)) == ["failed", "failed", "scheduled"]
    card.get_by_role("button", name="Send all again").click()
    page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    expect(page.get_by_text("2 leave with the next dispatch.")).to_be_visible()
    assert statuses(demo_site, ids) == ["scheduled"] * 3
    assert len(audited(demo_site, "failed emails sent again")) == 2
    put_back(demo_site, ids)


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
