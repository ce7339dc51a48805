"""Logs in Chromium: filters in the address, hostile lines as text, new lines by themselves, the audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from playwright.sync_api import expect

from tests.web.browser.conftest import OpenPage
from tests.web.browser.site import Site
from tests.web.browser.test_shell import serious

HOSTILE = '<script>document.title = "broken"</script>'


def write(site: Site, event: str, level: str = "info", **details: object) -> None:
    file = site.folder / "logs" / "app.log"
    file.parent.mkdir(exist_ok=True)
    line = {"timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event}
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line | details) + "\n")


def test_lines_are_filtered_and_lead_to_rows(open_page: OpenPage, demo_site: Site) -> None:
    write(demo_site, "email deferred", "warning", email=42 << 31, contact=42, account="maildir")
    write(demo_site, f"{HOSTILE} =cmd()", "error", words=HOSTILE + "z" * 10_000)
    page = open_page("/logs")
    lines = page.locator(".l-line")
    expect(lines.filter(has_text="email deferred")).to_have_count(1)
    expect(lines.filter(has_text="plan completed").first).to_be_visible()
    assert page.title().endswith("Logs · Carillon")
    page.goto(f"{demo_site.url}/logs?level=warning&q=deferred")
    expect(lines).to_have_count(1)
    expect(lines.locator("summary")).to_contain_text("contact 42")
    lines.locator("summary .l-event").click()
    expect(lines.locator("dl")).to_contain_text("maildir")
    expect(lines.get_by_role("link", name="42", exact=True)).to_have_attribute("href", "/contacts/42")
    page.goto(f"{demo_site.url}/logs?level=error")
    expect(lines.first).to_contain_text(HOSTILE)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.goto(f"{demo_site.url}/logs?q=nothing+like+this")
    expect(page.get_by_text("No line fits")).to_be_visible()


def test_the_audit_log_is_for_admins(open_page: OpenPage, demo_site: Site) -> None:
    demo_site.carillon("suppress", "somebody.else@example.com", "--reason", "asked")
    page = open_page("/logs?tab=audit&q=SUPPRESS")
    assert not serious(page)
    expect(page.locator(".l-line").first).to_contain_text("suppress")
    page.goto(f"{demo_site.url}/logs?tab=audit&day=2001-01-01")
    expect(page.get_by_text("No deed fits")).to_be_visible()
    other = open_page("/logs?tab=audit", user="vic", width=390)
    expect(other.get_by_text("The audit log takes the role admin.")).to_be_visible()
