"""How long somebody waits who has guessed wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from pyotp import TOTP

from carillon.web import auth_totp
from carillon.web.auth_lock import FIRST, FREE, MOST, Strikes, wait_after

NOW = datetime(2026, 6, 4, 15, 30, tzinfo=UTC)
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@given(st.integers(0, 10_000))
def test_the_wait_grows_to_an_end(failures: int) -> None:
    wait, longer = wait_after(failures), wait_after(failures + 1)
    assert timedelta() <= wait <= longer <= MOST
    assert (wait == timedelta()) == (failures <= FREE)
    assert failures != FREE + 1 or wait == FIRST


def test_names_that_nobody_has_wait_as_long_as_others() -> None:
    strikes, now = Strikes(), NOW
    for n in range(1, 12):
        assert strikes.until("nobody", now) is None
        strikes.note("nobody", now)
        wait = wait_after(n)
        assert strikes.until("nobody", now) == (now + wait if wait else None)
        assert strikes.until("somebody else", now) is None
        now += wait
    strikes.forget("nobody")
    strikes.note("nobody", now)
    assert strikes.until("nobody", now) is None


def test_what_was_long_ago_is_forgotten() -> None:
    strikes = Strikes()
    for _ in range(10):
        strikes.note("nobody", NOW)
    later = NOW + timedelta(days=2)
    strikes.note("nobody", later)
    assert strikes.until("nobody", later) is None


def test_codes() -> None:
    """By RFC 6238: this step and its neighbours, and none that was used."""
    at = int(NOW.timestamp()) // auth_totp.STEP

    def code(moment: datetime) -> str:

        return TOTP(KEY).at(moment)

    for seconds, step in ((0, at), (-30, at - 1), (30, at + 1)):
        found = code(NOW + timedelta(seconds=seconds))
        assert auth_totp.step_of(KEY, f" {found[:3]} {found[3:]} ", NOW, None) == step
        assert auth_totp.step_of(KEY, found, NOW, step) is None
    assert auth_totp.step_of(KEY, code(NOW - timedelta(seconds=90)), NOW, None) is None
    assert auth_totp.step_of(KEY, "", NOW, None) is None
    assert auth_totp.step_of(KEY, "ééé", NOW, None) is None
