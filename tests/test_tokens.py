"""Signed links: what is signed is read, and nothing else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon.errors import SettingsError, WorkspaceError
from carillon.tokens import KEY_FILE, LinkKeys, Purpose, Ticket, open_keys, trackable

OLD, NEW = {"k1": b"1" * 32}, {"k2": b"2" * 32}
KEYS = LinkKeys(OLD)
ids = st.integers(-(2**63), 2**63 - 1)


@given(contact=ids, schedule=ids, purpose=st.sampled_from(Purpose))
def test_what_is_signed_is_read_for_its_purpose_only(contact: int, schedule: int, purpose: Purpose) -> None:
    ticket = Ticket(contact, schedule)
    token = KEYS.sign(purpose, ticket)
    for other in Purpose:
        assert KEYS.read(other, token) == (ticket if other is purpose else None)


@given(schedule=ids)
def test_a_mark_proves_its_schedule(schedule: int) -> None:
    mark = KEYS.mark(schedule)
    assert KEYS.marked(mark) == schedule
    assert KEYS.marked(mark[:-1] + ("0" if mark[-1] != "0" else "1")) is None
    assert LinkKeys(NEW).marked(mark) is None
    both = LinkKeys(NEW | OLD)
    assert (both.mark(schedule), both.marked(mark)) == (mark, schedule)


def test_old_keys_go_on_verifying_and_the_first_signs() -> None:
    old = KEYS.sign(Purpose.UNSUBSCRIBE, Ticket(1, 2))
    both = LinkKeys(NEW | OLD)
    new = both.sign(Purpose.UNSUBSCRIBE, Ticket(1, 2))
    assert new.startswith("k2.")
    assert both.read(Purpose.UNSUBSCRIBE, old) == both.read(Purpose.UNSUBSCRIBE, new) == Ticket(1, 2)
    assert KEYS.read(Purpose.UNSUBSCRIBE, new) is None


@given(at=st.integers(0, 60), letter=st.sampled_from("ABCxyz019-_.=~ "))
def test_a_token_that_was_touched_is_none(at: int, letter: str) -> None:
    token = KEYS.sign(Purpose.CLICK, Ticket(7, 9, "https://a.example/"))
    changed = token[: at % len(token)] + letter + token[at % len(token) + 1 :]
    assert changed == token or KEYS.read(Purpose.CLICK, changed) is None
    assert KEYS.read(Purpose.CLICK, token + letter) is None
    assert KEYS.read(Purpose.CLICK, token[:-1]) is None


@given(token=st.text(max_size=100))
def test_anything_else_is_none(token: str) -> None:
    assert KEYS.read(Purpose.VIEW, token) is None
    assert KEYS.marked(token) is None


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "//evil.example", "/local", "ftp://a.example", "https://", "https://a@b.example",
     "https://a.example/\r\nX: y", "data:text/html,x", "https://a.example/ b", "http:\\\\a.example",
     "https://a.example/" + "x" * 4000],
)  # fmt: skip
def test_only_plain_links_are_signed(url: str) -> None:
    assert not trackable(url)
    with pytest.raises(ValueError, match="http"):
        KEYS.sign(Purpose.CLICK, Ticket(1, 2, url))


@pytest.mark.parametrize("url", ["https://a.example", "http://a.example:8080/ü?x=1&y=%20#z"])
def test_a_link_comes_back_as_it_was(url: str) -> None:
    assert KEYS.read(Purpose.CLICK, KEYS.sign(Purpose.CLICK, Ticket(1, 2, url))) == Ticket(1, 2, url)


def test_keys_are_made_once_and_only_for_the_owner(tmp_path: Path) -> None:
    token = open_keys(tmp_path, {}).sign(Purpose.VIEW, Ticket(1, 2))
    file = tmp_path / KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert open_keys(tmp_path, {}).read(Purpose.VIEW, token) == Ticket(1, 2)
    added = "new:" + "A" * 43 + "=\n" + file.read_text()
    file.write_text(added)
    assert open_keys(tmp_path, {}).read(Purpose.VIEW, token) == Ticket(1, 2)
    assert open_keys(tmp_path, {}).sign(Purpose.VIEW, Ticket(1, 2)).startswith("new.")
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]


def test_keys_may_come_from_the_environment(tmp_path: Path) -> None:
    line = "a:" + "A" * 43 + "="
    token = open_keys(tmp_path, {"CARILLON_LINK_KEYS": f"b:{'B' * 43}=, {line}"}).sign(
        Purpose.VIEW, Ticket(1, 2)
    )
    assert token.startswith("b.")
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError, match="CARILLON_LINK_KEYS holds no keys"):
        open_keys(tmp_path, {"CARILLON_LINK_KEYS": "nonsense"})


def test_a_file_without_a_key_is_told(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("nonsense\n")
    with pytest.raises(WorkspaceError, match="holds no key"):
        open_keys(tmp_path, {})
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(WorkspaceError, match="cannot be read"):
        open_keys(tmp_path, {})
