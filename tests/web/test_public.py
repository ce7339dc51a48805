"""The public endpoints over the wire: looking changes nothing, one POST unsubscribes, no more gets in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from carillon.clock import ManualClock
from carillon.tokens import Purpose
from tests.web.conftest import SCHEDULE, Site

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def test_looking_at_a_link_to_unsubscribe_changes_nothing(site: Site) -> None:
    before, link = site.everything(), site.link(Purpose.UNSUBSCRIBE)
    for _ in range(2):
        answer = site.client.get(link)
        assert answer.status_code == 200
        assert '<form method="post"><button' in answer.text
        assert "m***@example.com" in answer.text
    assert site.client.head(link).status_code == 405
    assert site.client.put(link).status_code == 405
    assert site.everything() == before


@pytest.mark.parametrize(
    "body", [{"data": ONE_CLICK}, {"files": {"List-Unsubscribe": (None, "One-Click")}}, {}]
)
def test_one_post_unsubscribes_at_once(site: Site, body: dict[str, object]) -> None:
    for _ in range(3):
        answer = site.client.post(site.link(Purpose.UNSUBSCRIBE), **body)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert "You are unsubscribed" in answer.text
    assert site.rows("select address, scope, reason from suppressions") == [
        ("mar@example.com", "marketing", "unsubscribed")
    ]
    assert site.rows("select id, status, skip_reason from outbox order by id") == [
        (SCHEDULE, "sent", None),
        (SCHEDULE + 1, "cancelled", "suppressed"),
        (SCHEDULE + 2, "scheduled", None),
    ]
    assert site.rows("select event_type, email_schedule_id, source from contact_events") == [
        ("unsubscribed", SCHEDULE, "link")
    ]


def test_a_link_of_a_contact_that_is_gone_still_answers(site: Site) -> None:
    link = site.link(Purpose.UNSUBSCRIBE, contact=99, schedule=99)
    assert site.client.get(link).status_code == site.client.post(link).status_code == 200
    assert site.rows("select * from suppressions") == []


@pytest.mark.parametrize("purpose", [Purpose.UNSUBSCRIBE, Purpose.VIEW])
def test_the_links_of_a_test_change_nothing(site: Site, purpose: Purpose) -> None:
    before, link = site.everything(), site.link(purpose, 0, 0)
    assert "This was a test" in site.client.get(link).text
    if purpose is Purpose.UNSUBSCRIBE:
        assert "This was a test" in site.client.post(link).text
    assert site.everything() == before


@pytest.mark.parametrize("path", list("uvoc"))
def test_a_wrong_token_is_not_found_and_leaves_no_trace(site: Site, path: str) -> None:
    before = site.everything()
    good = site.link(Purpose(path), url="https://a.example/" if path == "c" else "")
    others = [site.link(one) for one in Purpose if one.value != path]
    wrong = [f"/{path}/{one.rpartition('/')[2]}" for one in others]
    wrong += [
        good[:-1],
        good + "A",
        f"/{path}/x",
        f"/{path}/k.a.b",
        f"/{path}/..%2f..%2fetc",
        f"/{path}/" + "a" * 7000,
    ]
    for link in wrong:
        for method in ("GET", "POST"):
            answer = site.client.request(method, link)
            assert answer.status_code in ((404,) if method == "GET" or path == "u" else (404, 405)), link
            assert "location" not in answer.headers
    assert site.everything() == before


def test_an_email_is_shown_again_without_tracking(site: Site) -> None:
    answer = site.client.get(site.link(Purpose.VIEW))
    assert answer.status_code == 200
    assert "Maria&lt;b&gt;" in answer.text
    assert "June 18" in answer.text
    assert "https://mail.example.com/u/" in answer.text
    assert "/o/" not in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script" not in answer.headers["content-security-policy"].replace("default-src", "")
    assert site.client.get(site.link(Purpose.VIEW, contact=2)).status_code == 404
    assert site.client.get(site.link(Purpose.VIEW, schedule=5)).status_code == 404
    assert site.rows("select * from contact_events") == []


def test_an_open_is_noted_once_a_minute(site: Site) -> None:
    clock = site.workspace.clock
    assert isinstance(clock, ManualClock)
    for _ in range(3):
        answer = site.client.get(site.link(Purpose.OPEN))
        assert answer.content.startswith(b"GIF89a")
        assert answer.headers["content-type"] == "image/gif"
    assert len(site.rows("select * from contact_events")) == 1
    clock.advance(timedelta(minutes=1))
    site.client.get(site.link(Purpose.OPEN))
    events = site.rows("select email_schedule_id, event_data from contact_events")
    assert [(one, json.loads(str(data))["automatic"]) for one, data in events] == [(SCHEDULE, False)] * 2


def test_a_click_is_noted_and_leads_where_it_was_signed_to(site: Site) -> None:
    target = "https://shop.example/a?b=1&c=ü"
    link = site.link(Purpose.CLICK, url=target)
    for _ in range(2):
        answer = site.client.get(link, params={"url": "https://evil.example"})
        assert answer.status_code == 302
        assert answer.headers["location"] == "https://shop.example/a?b=1&c=%C3%BC"
    assert site.rows("select contact_id, email_schedule_id, url, ip_address from tracking_clicks") == [
        (1, SCHEDULE, target, "127.0.0.1")
    ]
    assert site.rows("select event_type from contact_events") == [("clicked",)]


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0"},
        {"User-Agent": "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))"},
        {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"},
        {"User-Agent": ""},
        {"Sec-Purpose": "prefetch;prerender"},
        {"X-Moz": "prefetch"},
    ],
)
def test_scanners_are_marked_and_not_counted(site: Site, headers: dict[str, str]) -> None:
    link = site.link(Purpose.CLICK, url="https://shop.example/")
    assert site.client.get(link, headers=headers).status_code == 302
    assert site.client.get(site.link(Purpose.OPEN), headers=headers).status_code == 200
    assert site.rows("select * from tracking_clicks") == []
    events = [json.loads(str(row[0])) for row in site.rows("select event_data from contact_events")]
    assert [one["automatic"] for one in events] == [True, True]
    site.client.get(link)
    assert len(site.rows("select * from tracking_clicks")) == 1


def test_every_answer_has_its_guards(site: Site) -> None:
    for link in (site.link(Purpose.UNSUBSCRIBE), "/", "/u/wrong", "/docs", "/openapi.json"):
        answer = site.client.get(link)
        assert answer.status_code == (
            200 if "." in link.rpartition("/")[2][1:] and link.startswith("/u/") else 404
        )
        assert "set-cookie" not in answer.headers
        assert "server" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "<script" not in answer.text


def test_a_large_body_is_not_read(site: Site) -> None:
    answer = site.client.post(site.link(Purpose.UNSUBSCRIBE), content=b"x" * 3_000_000)
    assert answer.status_code == 200
    assert len(site.rows("select * from suppressions")) == 1


def test_what_cannot_be_noted_stops_nobody(site: Site) -> None:
    site.workspace.database.write(lambda c: c.exec_driver_sql("drop table contact_events"))
    assert site.client.get(site.link(Purpose.CLICK, url="https://shop.example/")).status_code == 302
    assert site.client.get(site.link(Purpose.OPEN)).status_code == 200
    site.workspace.database.write(lambda c: c.exec_driver_sql("drop table suppressions"))
    answer = site.client.post(site.link(Purpose.UNSUBSCRIBE))
    assert answer.status_code == 503
    assert "Please try again" in answer.text
