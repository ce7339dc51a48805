"""Connecting to an IMAP server: TLS, greeting, login; and in words what keeps it from happening.

What belongs here: everything imapclient raises, which ends here as NotReached.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from imaplib import IMAP4
from typing import Protocol

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import CapabilityError, IMAPClientError, LoginError

from carillon.connection_faults import (
    Remedies,
    about_name_or_encryption,
    chain_of,
    reason_not_connected,
    was_closed,
)
from carillon.listen.sources.mail import NotReached
from carillon.oauth import Access, AccessTokens, Credentials, NoToken

_REMEDIES = Remedies(
    encryption="Check --imap-security and --imap-port: tls is usual on 993, starttls on 143.",
    trust="--set imap_ca_file=FILE",
    host="--imap-host",
)
_FOR_NOW = re.compile(r"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]|too many|try again|temporar", re.IGNORECASE)
"""RFC 5530, and words of servers that do not know it: the login was not refused for what it is."""

# It would write down every line of the conversation.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class LoginSettings(Protocol):
    """What is needed to log in."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def security(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def connect_timeout(self) -> int: ...
    @property
    def answer_timeout(self) -> int: ...


def log_in(settings: LoginSettings, tls: ssl.SSLContext | None, secret: Credentials) -> IMAPClient:
    """A new connection, logged in. `tls`: None without encryption. Raises NotReached."""
    words = _Words(settings, by_token=isinstance(secret, AccessTokens))
    access = None
    if isinstance(secret, AccessTokens):
        with words.translated("token"):
            access = secret.get()
    with words.translated("connect"):
        client = IMAPClient(
            settings.host,
            settings.port,
            ssl=settings.security == "tls",
            ssl_context=tls,
            timeout=SocketTimeout(settings.connect_timeout, settings.answer_timeout),
        )
    try:
        if settings.security == "starttls":
            with words.translated("starttls"):
                client.starttls(tls)
        with words.translated("login"):
            if isinstance(secret, AccessTokens):
                assert access is not None
                _log_in_by_token(client, settings.username, secret, access)
            else:
                # PLAIN takes characters beyond ASCII, LOGIN does not.
                login = client.plain_login if client.has_capability("AUTH=PLAIN") else client.login
                login(settings.username, secret.reveal())
    except BaseException:
        hang_up(client)
        raise
    return client


def _log_in_by_token(client: IMAPClient, username: str, tokens: AccessTokens, access: Access) -> None:
    """With a token. One that was kept for a while may be withdrawn by now: then with another, once."""
    if not client.has_capability("AUTH=XOAUTH2"):
        raise LoginError("it offers no login by XOAUTH2")
    try:
        client.oauth2_login(username, access.token.reveal())
    except LoginError as error:
        if access.is_new or _passing(error):
            raise
        client.oauth2_login(username, tokens.instead_of(access.token).reveal())


def hang_up(client: IMAPClient) -> None:
    """Close the connection without a word."""
    with suppress(OSError, IMAP4.error):
        client.shutdown()


def cut(client: IMAPClient) -> None:
    """Break the connection off while another thread may be waiting for an answer, which then fails."""
    with suppress(OSError):
        # Not `shutdown`, which would wait for that thread; and not the one of TLS, which it is using.
        socket.socket.shutdown(client.socket(), socket.SHUT_RDWR)


@contextmanager
def translated(settings: LoginSettings) -> Iterator[None]:
    """What is raised within, of an open mailbox, comes out as NotReached."""
    with _Words(settings, by_token=False).translated("read"):
        yield


@dataclass
class _Words:
    """What went wrong at which step, and what to do about it."""

    settings: LoginSettings
    by_token: bool

    @contextmanager
    def translated(self, step: str) -> Iterator[None]:
        try:
            yield
        except NoToken as fault:
            raise NotReached(str(fault), login=fault.refused) from None
        except (OSError, ValueError, IMAP4.error) as error:
            login = step == "login" and isinstance(error, LoginError) and not _passing(error)
            raise NotReached(self.of(error, step), login=login) from None

    def of(self, error: Exception, step: str) -> str:
        where = self.settings.place
        chain = chain_of(error)
        if found := about_name_or_encryption(chain, where, self.settings.host, _REMEDIES):
            return found
        if any(isinstance(one, TimeoutError) for one in chain):
            seconds = self.settings.connect_timeout if step == "connect" else self.settings.answer_timeout
            return (
                f"{where} does not answer within {seconds} s ({_DOING[step]}). Check host and port, and "
                "whether a firewall is in the way."
            )
        said = " ".join(str(error).split())[:300]
        if step == "connect":
            if isinstance(error, IMAP4.error) and not was_closed(chain) and "EOF" not in said:
                return f"{where} does not speak IMAP ({said[:80]!r}). Check host and port."
            why = reason_not_connected(chain)
            return f"cannot connect to {where}: {why}. Check host and port, and that the server runs."
        if isinstance(error, CapabilityError):
            return (
                f"{where} offers no STARTTLS. If it encrypts from the start, use --imap-security tls "
                "(port 993 as a rule)."
            )
        if _closed(chain):
            return f"{where} closed the connection ({_DOING[step]})."
        if step == "login" and isinstance(error, IMAPClientError):
            if _passing(error):
                return f"{where} cannot check the login now: {said}."
            return f"{where} refuses the login of {self.settings.username}: {said}. " + (
                "Check the user name, what the sign-in allows, and that the mailbox may be read by IMAP."
                if self.by_token
                else "Check user name and password; some providers want a password made for programs."
            )
        return f"{where} does not do what it was asked for ({_DOING[step]}): {said}."


_DOING = {
    "connect": "while connecting",
    "starttls": "while encryption was agreed on",
    "login": "while logging in",
    "read": "while mail was read",
}


def _passing(error: Exception) -> bool:
    return _closed(chain_of(error)) or bool(_FOR_NOW.search(str(error)))


def _closed(chain: list[BaseException]) -> bool:
    return was_closed(chain) or any(isinstance(one, IMAP4.abort) for one in chain)
