"""Timing: the heat map with the emails behind it, the rules and who says them, days of slots, warm-up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from carillon.clock import SystemClock
from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site
from tests.web.browser.test_shell import choose, serious

SENT = ((14, 200, 50, "explore"), (9, 100, 10, "holdout"), (17, 3, 3, "best"))
"""Hour, emails, answers, and how the hour was chosen."""


@pytest.fixture(scope="module")
def rich(demo_site: Site) -> Iterator[Site]:
    """The demo with a mailbox that warms up and with answers to what left at two hours, and no others."""
    demo_site.carillon("account", "add", "tia", "--transport", "maildir", "--from", "tia@agency.example",
                       "--path", str(demo_site.folder / "mail-tia"), "--kind", "mailbox", "--warmup",
                       "--warmup-day", "4", "--timezone", "America/New_York")  # fmt: skip
    now = SystemClock().now()
    kept = ("send_outcomes", "warmup_days")
    with sqlite3.connect(demo_site.folder / "carillon.db", timeout=20) as connection:
        for table in kept:
            connection.execute(f"create table kept_{table} as select * from {table}")
            connection.execute(f"delete from {table}")
        for hour, emails, answers, chosen in SENT:
            for one in range(emails):
                at = (now - timedelta(days=5)).isoformat()
                connection.execute(
                    "insert into send_outcomes (contact_id, sent_at, timezone, weekday, hour, chosen,"
                    " replied_at, hours_to_reply) values (7, ?, 'America/Chicago', 2, ?, ?, ?, ?)",
                    (at, hour, chosen, at if one < answers else None, 2.0 if one < answers else None),
                )
        account = connection.execute("select id from accounts where name = 'tia'").fetchone()[0]
        for day, verdict in ((1, "advance"), (2, "hold")):
            on = (now - timedelta(days=5 - day)).date().isoformat()
            connection.execute(
                "insert into warmup_days values (?, ?, ?, ?, 'some came back', ?)",
                (account, on, day, verdict, now.isoformat()),
            )
    yield demo_site
    with sqlite3.connect(demo_site.folder / "carillon.db", timeout=20) as connection:
        for table in kept:
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} select * from kept_{table}")
            connection.execute(f"drop table kept_{table}")
    demo_site.carillon("account", "remove", "tia")


@pytest.mark.usefixtures("rich")
def test_report(open_page: OpenPage) -> None:
    """Each cell tells its share and the emails behind it; too few are no data; the lift has its interval."""
    page = open_page("/timing")
    best = page.get_by_title("Wednesday 14:00: 25.0%, 50 replies to 200 emails")
    expect(best).to_contain_text("25%")
    expect(best).to_contain_text("200")
    expect(page.get_by_title("Wednesday 17:00: 3 emails, not enough data")).to_be_visible()
    expect(page.get_by_text("against 100 held out")).to_be_visible()
    assert not serious(page)


def test_rules(rich: Site, open_page: OpenPage) -> None:
    """The cascade: an account says otherwise, it is seen where from, and taken back."""
    page = open_page("/timing?tab=rules&account=tia", user="ed")
    expect(page.get_by_text("Hours are chosen: emails leave")).to_be_visible()
    page.get_by_role("button", name="Change for tia").click()
    choose(page, "Value", "no")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Hours are not chosen")).to_be_visible()
    expect(page.get_by_text("the account's", exact=True)).to_have_count(1)
    page.get_by_role("button", name="Change for tia").click()
    choose(page, "Setting", "Percent that keep their time, to compare with")
    page.get_by_label("Value", exact=True).fill("99")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("hold_out_percent")
    page.keyboard.press("Escape")
    rich.carillon("timing", "set", "--account", "tia", "enabled=")


@pytest.mark.usefixtures("rich")
def test_days_and_warmup(open_page: OpenPage) -> None:
    """Today and tomorrow of a mailbox, slot by slot; the curve with the day on which it was held."""
    page = open_page("/timing?tab=days&account=tia", user="vic", width=390)
    expect(page.get_by_text("11 emails at most, day 4 of its warm-up").first).to_be_visible()
    page.get_by_role("link", name="Tomorrow").click()
    page.wait_for_url("**day=**")
    expect(page.get_by_role("link", name="Tomorrow")).to_have_attribute("aria-current", "page")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert not serious(page)
    curve = open_page("/timing?tab=warmup", user="vic", theme="dark")
    expect(curve.get_by_role("img", name="Warm-up of tia: planned and sent by day")).to_be_visible()
    expect(curve.get_by_text("last day: held")).to_be_visible()
    expect(curve.get_by_text("some came back")).to_be_visible()
    assert not serious(curve)


@pytest.mark.parametrize(
    "query", ["campaign=<script>", "sequence==cmd()", "tab=nothing", f"account={'x' * 10_000}"]
)
def test_hostile_addresses(open_page: OpenPage, query: str) -> None:
    """What there is not is told in words, or passed over."""
    page = open_page(f"/timing?{query}", user="vic")
    expect(page.locator("h1")).to_have_text("Timing")
    expect(page.get_by_text("This is a defect")).to_have_count(0)
