"""Secrets: in, never out. What is stored is encrypted; the key lives outside the database.

What belongs here: the key, encryption, and where a secret is found. What does not: who needs one. The key
is CARILLON_KEY or, without it, `carillon.key` in the workspace's folder, made when the first secret is
stored. A copy of the database alone gives nothing away; a copy of the workspace without the key has to be
told its secrets again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from carillon.errors import SettingsError, WorkspaceError
from carillon.keyfile import make_once

KEY_FILE = "carillon.key"
KEY_VARIABLE = "CARILLON_KEY"
_AGAIN = (
    "give the account its password again with `carillon account set NAME --password-stdin` (a refresh token "
    "with --oauth-refresh-token-stdin)"
)


class SecretText:
    """A text that shows itself only where it is asked to, never in a log, a message or a traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the moment of its use."""
        return self._text

    def __repr__(self) -> str:
        return "<secret>"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


class Vault:
    """Encrypts what a workspace keeps, and finds what its environment holds."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._file, self._environ = folder / KEY_FILE, environ

    def encrypt(self, secret: SecretText) -> str:
        """The secret as it may be stored. Makes the key file if there is no key yet.

        Raises WorkspaceError where the file cannot be made or read, SettingsError for a key that is none.
        """
        if not self._environ.get(KEY_VARIABLE) and not self._file.exists():
            try:
                make_once(self._file, Fernet.generate_key().decode() + "\n")
            except OSError as error:
                raise WorkspaceError(
                    f"the key for passwords cannot be written to {self._file}: {error.strerror or error}. "
                    f"Give yourself write permission on its folder, or set {KEY_VARIABLE}."
                ) from None
        return self._fernet().encrypt(secret.reveal().encode()).decode()

    def decrypt(self, stored: str) -> SecretText:
        """The secret that was stored. Raises SettingsError or WorkspaceError without the key it needs."""
        try:
            return SecretText(self._fernet().decrypt(stored.encode()).decode())
        except InvalidToken:
            raise WorkspaceError(
                f"a stored password cannot be read with the key of {self._where()}: it was stored under "
                f"another key. Put the right key back, or {_AGAIN}."
            ) from None

    def find(
        self,
        stored: str | None,
        variable: str | None,
        option: str = "--password-stdin",
        what: str = "password",
    ) -> SecretText | None:
        """The secret that is stored or, if a variable is named, in the environment; None: there is none.

        Raises SettingsError where the variable is not set, naming `what` it is and the option that gives one.
        """
        if variable is not None:
            if not (value := self._environ.get(variable)):
                raise SettingsError(
                    f"the {what} is to come from the environment variable {variable}, which is not set. "
                    f"Set it where Carillon runs, or give the account a {what} with "
                    f"`carillon account set NAME {option}`."
                )
            return SecretText(value)
        return None if stored is None else self.decrypt(stored)

    def _fernet(self) -> Fernet:
        try:
            text = self._environ.get(KEY_VARIABLE)
            return Fernet((text or self._file.read_text(encoding="ascii")).strip())
        except FileNotFoundError:
            raise WorkspaceError(
                f"the key to the stored passwords is missing: there is no {self._file} and no "
                f"{KEY_VARIABLE}. Put the key back from where you keep it (no backup of the database holds "
                f"it), or {_AGAIN}."
            ) from None
        except OSError as error:
            raise WorkspaceError(f"{self._file} cannot be read: {error.strerror or error}.") from None
        except ValueError:
            raise SettingsError(
                f"the key of {self._where()} is not one: a key is 32 bytes in URL-safe base64, 44 "
                f"characters. Put the right key back, or {_AGAIN}."
            ) from None

    def _where(self) -> str:
        return KEY_VARIABLE if self._environ.get(KEY_VARIABLE) else str(self._file)
