"""Secrets go in encrypted and come out only with the key."""

from __future__ import annotations

import pickle
import stat
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from carillon.errors import SettingsError, WorkspaceError
from carillon.vault import KEY_FILE, KEY_VARIABLE, SecretText, Vault

SECRET = SecretText("pass wörd")


def test_a_secret_comes_back_and_the_key_is_for_the_owner_only(tmp_path: Path) -> None:
    stored = Vault(tmp_path, {}).encrypt(SECRET)
    assert "pass" not in stored
    assert Vault(tmp_path, {}).decrypt(stored).reveal() == "pass wörd"
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]
    assert Vault(tmp_path, {}).encrypt(SECRET) != stored


def test_a_key_in_the_environment_needs_no_file(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {KEY_VARIABLE: Fernet.generate_key().decode()})
    assert vault.decrypt(vault.encrypt(SECRET)) == SECRET
    assert not (tmp_path / KEY_FILE).exists()


def test_without_its_key_a_secret_stays_one(tmp_path: Path) -> None:
    stored = Vault(tmp_path, {}).encrypt(SECRET)
    other = Vault(tmp_path, {KEY_VARIABLE: Fernet.generate_key().decode()})
    with pytest.raises(WorkspaceError, match=r"another key.*account set"):
        other.decrypt(stored)
    with pytest.raises(SettingsError, match=f"{KEY_VARIABLE} is not one"):
        Vault(tmp_path, {KEY_VARIABLE: "short"}).decrypt(stored)
    (tmp_path / KEY_FILE).write_text("damaged")
    with pytest.raises(SettingsError, match=f"{KEY_FILE} is not one"):
        Vault(tmp_path, {}).encrypt(SECRET)
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(WorkspaceError, match="key to the stored passwords is missing"):
        Vault(tmp_path, {}).decrypt(stored)
    # Reading never makes a key: that would hide that the right one is missing.
    assert not (tmp_path / KEY_FILE).exists()


def test_a_folder_that_cannot_take_the_key(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be written"):
        Vault(tmp_path / "missing", {}).encrypt(SECRET)


def test_many_who_make_the_key_at_once_have_the_same(tmp_path: Path) -> None:
    start, stored = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        stored.append(Vault(tmp_path, {}).encrypt(SECRET))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [Vault(tmp_path, {}).decrypt(one) for one in stored] == [SECRET] * 8
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]


def test_a_secret_shows_itself_to_nobody() -> None:
    assert f"{SECRET} {SECRET!r} {[SECRET]}" == "<secret> <secret> [<secret>]"
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)
    assert not hasattr(SECRET, "__dict__")
    assert SecretText("other") != SECRET
    assert not SecretText("")


def test_where_a_secret_is_found(tmp_path: Path) -> None:
    vault = Vault(tmp_path, {"PW": "pass wörd"})
    assert vault.find(None, None) is None
    assert vault.find(None, "PW") == SECRET
    assert vault.find(vault.encrypt(SecretText("old")), "PW") == SECRET
    assert vault.find(vault.encrypt(SECRET), None) == SECRET
    with pytest.raises(SettingsError, match="variable OTHER, which is not set"):
        vault.find(None, "OTHER")
