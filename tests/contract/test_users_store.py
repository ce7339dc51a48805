"""Users and their sessions, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from carillon.errors import InputError
from carillon.store import sessions, users
from carillon.store.sessions import Session
from carillon.store.users import User
from carillon.words import Role
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.lists import query


def add(workspace: Workspace, name: str = "ann", role: Role = Role.EDITOR) -> User:
    return workspace.database.write(lambda c: users.add(c, name, "hash", role, NOW, "root"))


def begin(workspace: Workspace, user: User | None) -> str:
    secret = workspace.database.write(lambda c: sessions.begin(c, user, "Firefox", NOW))
    return sessions.hash_of(secret)


def find(workspace: Workspace, hashed: str, later: timedelta = timedelta()) -> Session | None:
    with workspace.database.snapshot() as connection:
        return sessions.find(connection, hashed, NOW + later)


def test_names_are_told_apart_whatever_their_case(workspace: Workspace) -> None:
    add(workspace)
    with pytest.raises(InputError, match="there is a user 'ANN' already"):
        add(workspace, "ANN")
    for name in ("", "a b", "-a", "a" * 101, "a\n"):
        with pytest.raises(InputError, match="is not a name"):
            add(workspace, name)
    with workspace.database.snapshot() as connection:
        assert users.named(connection, "Ann") == users.require(connection, "ann")
        with pytest.raises(InputError, match='did you mean "ann"'):
            users.require(connection, "anne")


def test_a_session_ends_in_time(workspace: Workspace) -> None:
    """After so long without a click, after so long in any case, and only one that is known is one at all."""
    hashed = begin(workspace, add(workspace))
    short = timedelta(seconds=1)
    assert find(workspace, hashed, sessions.IDLE - short) is not None
    assert find(workspace, hashed, sessions.IDLE + short) is None
    assert find(workspace, "other") is None
    found = find(workspace, hashed)
    assert found is not None
    late = sessions.LONGEST - short
    workspace.database.write(lambda c: sessions.touch(c, found, NOW + late))
    assert find(workspace, hashed, late) is not None
    assert find(workspace, hashed, late + 2 * short) is None


@pytest.mark.parametrize("deed", ["disable", "remove", "password", "end"])
def test_a_session_ends_with_its_user(workspace: Workspace, deed: str) -> None:
    user, other = add(workspace), add(workspace, "tom")
    mine, theirs = begin(workspace, user), begin(workspace, other)
    deeds = {
        "disable": lambda c: users.disable(c, "ann", True, NOW, "root"),
        "remove": lambda c: users.remove(c, "ann", NOW, "root"),
        "password": lambda c: users.set_password(c, "ann", "new", NOW, "root"),
        "end": lambda c: sessions.end(c, mine),
    }
    workspace.database.write(deeds[deed])
    assert find(workspace, mine) is None
    assert find(workspace, theirs) is not None


def test_a_new_password_keeps_the_session_it_came_from(workspace: Workspace) -> None:
    user = add(workspace)
    mine, elsewhere = begin(workspace, user), begin(workspace, user)
    workspace.database.write(lambda c: users.set_password(c, "ann", "new", NOW, "ann", mine))
    assert find(workspace, mine) is not None
    assert find(workspace, elsewhere) is None


def test_a_session_without_a_user_ends_with_the_first_user(workspace: Workspace) -> None:
    hashed = begin(workspace, None)
    found = find(workspace, hashed)
    assert found is not None
    workspace.database.write(lambda c: sessions.set_preferences(c, found, {"theme": "dark"}))
    again = find(workspace, hashed)
    assert again is not None
    assert again.preferences == {"theme": "dark"}
    add(workspace)
    assert find(workspace, hashed) is None


def test_a_role_holds_at_once(workspace: Workspace) -> None:
    hashed = begin(workspace, add(workspace))
    workspace.database.write(lambda c: users.set_role(c, "ann", Role.VIEWER, NOW, "root"))
    found = find(workspace, hashed)
    assert found is not None
    assert found.user is not None
    assert found.user.role is Role.VIEWER


def test_failures_lock_and_are_forgotten(workspace: Workspace) -> None:
    user, until = add(workspace), NOW + timedelta(seconds=30)
    workspace.database.write(lambda c: users.note_failure(c, user, until))
    with workspace.database.snapshot() as connection:
        found = users.require(connection, "ann")
    assert (found.failures, found.locked_until) == (1, until)
    workspace.database.write(lambda c: users.note_login(c, user, NOW))
    with workspace.database.snapshot() as connection:
        found = users.require(connection, "ann")
    assert (found.failures, found.locked_until, found.last_login) == (0, None, NOW)


def test_a_step_counts_once(workspace: Workspace) -> None:
    user = add(workspace)
    used = [workspace.database.write(lambda c, n=n: users.use_step(c, user, n)) for n in (7, 7, 6, 8)]
    assert used == [True, False, False, True]


def test_nothing_secret_is_in_the_books(workspace: Workspace) -> None:
    """Neither in the audit log nor in what an object shows of itself; the cookie's secret is nowhere."""
    user = add(workspace)
    secret = workspace.database.write(lambda c: sessions.begin(c, user, "Firefox", NOW))
    workspace.database.write(lambda c: users.set_password(c, "ann", "argon-of-new", NOW, "root"))
    workspace.database.write(lambda c: users.set_totp(c, "ann", "encrypted-key", NOW, "ann"))
    rows = str(query(workspace, "select * from audit_log"))
    assert "argon" not in rows
    assert "encrypted-key" not in rows
    assert "password of user set" in rows
    assert secret not in str(query(workspace, "select * from sessions"))
    with workspace.database.snapshot() as connection:
        assert "argon" not in repr(users.require(connection, "ann"))
