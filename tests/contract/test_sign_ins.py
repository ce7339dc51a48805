"""A renewed refresh token takes the stored one's place, and never another's, on both databases."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from carillon.accounts import Account
from carillon.store import accounts as store
from carillon.store.sign_ins import keeper
from carillon.vault import SecretText, Vault
from carillon.workspace import Workspace
from tests.contract.conftest import NOW
from tests.contract.lists import query


def test_only_the_token_it_follows_is_replaced(workspace: Workspace, tmp_path: Path) -> None:
    vault = Vault(tmp_path, {})
    old, new, given = (SecretText(name) for name in ("old", "new", "given"))
    account = Account(0, "main", "ann@example.com", "smtp", secret=vault.encrypt(old))
    made = workspace.database.write(lambda c: store.create(c, account, NOW, "ann"))
    other = replace(account, name="other")
    workspace.database.write(lambda c: store.create(c, other, NOW, "ann"))

    def stored(name: str = "main") -> SecretText | None:
        with workspace.database.snapshot() as connection:
            found = store.find(connection, name).secret
        return None if found is None else vault.decrypt(found)

    keep = keeper(workspace.database, vault, made.id)
    entries = query(workspace, "select id from audit_log")
    keep(old, new)
    assert (stored(), stored("other")) == (new, old)
    assert query(workspace, "select id from audit_log") == entries

    def give(secret: str | None) -> None:
        workspace.database.write(
            lambda c: store.change(c, "main", lambda one: replace(one, secret=secret), NOW, "ann")
        )

    give(vault.encrypt(given))
    keep(new, SecretText("late"))
    assert stored() == given
    give(None)
    keep(given, new)
    assert stored() is None
