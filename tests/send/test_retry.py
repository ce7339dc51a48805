"""When an email that was put off is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from carillon.send.retry import LONGEST_SECONDS, pause, retry_at

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = NOW + timedelta(hours=12)


def test_pauses_double_up_to_an_hour_and_differ_between_emails() -> None:
    for attempts, least in ((1, 60), (2, 120), (3, 240), (7, LONGEST_SECONDS), (500, LONGEST_SECONDS)):
        found = [pause(attempts, number).total_seconds() for number in range(200)]
        assert all(least <= one <= least * 1.5 for one in found)
        assert len({round(one) for one in found}) > 20
        assert found == [pause(attempts, number).total_seconds() for number in range(200)]


def test_a_server_may_ask_for_more_but_not_for_less() -> None:
    assert pause(1, 7, asked=600.0).total_seconds() == 600
    assert pause(1, 7, asked=1.0) == pause(1, 7)


def test_there_is_no_retry_after_the_last_attempt_or_after_midnight() -> None:
    assert retry_at(NOW, 5, 7, MIDNIGHT, 5, None) is None
    assert retry_at(NOW, 4, 7, MIDNIGHT, 5, None) == NOW + pause(4, 7)
    assert retry_at(MIDNIGHT - timedelta(seconds=59), 1, 7, MIDNIGHT, 5, None) is None
    assert retry_at(NOW, 1, 7, MIDNIGHT, 5, 13 * 3600.0) is None
