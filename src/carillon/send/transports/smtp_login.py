"""Connecting to an SMTP server: TLS, greeting, login; and in words what keeps it from happening.

What belongs here: everything aiosmtplib does for us, and its exceptions, which end here. All of it is
about the account: whatever fails here would fail for every message.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Protocol, cast

from aiosmtplib import SMTP, SMTPAuthenticationError, SMTPException, SMTPHeloError, SMTPResponseException

from carillon.connection_faults import (
    Remedies,
    about_name_or_encryption,
    chain_of,
    reason_not_connected,
    was_closed,
)
from carillon.oauth import Access, AccessTokens, Credentials, NoToken
from carillon.send.outcomes import Deferred
from carillon.send.transports.smtp_replies import wait_asked
from carillon.send.transports.smtp_wire import Reply
from carillon.vault import SecretText

_NOT_KNOWN = {500, 501, 502, 503, 504}
"""The server does not have this command."""
_OTHER_METHOD = _NOT_KNOWN | {534}
"""The server does not do this kind of login after all. 535 is a wrong password: asking again may lock out."""
_NOT_BELIEVED = 535
"""Who we are: RFC 4954, for a token as for a password."""
_REMEDIES = Remedies(
    encryption="Check --security and --port: starttls is usual on 587, tls on 465.",
    trust="--set ca_file=FILE",
    host="--host",
)


class LoginSettings(Protocol):
    """What is needed to log in."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def security(self) -> str: ...
    @property
    def username(self) -> str | None: ...
    @property
    def hello(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection after login, and what the server can do."""

    transport: asyncio.Transport
    pipelining: bool
    eight_bit: bool
    utf8: bool
    size: int | None
    """Bytes of a message at most, where the server says so."""


async def log_in(
    settings: LoginSettings,
    tls: ssl.SSLContext | None,
    secret: Credentials | None,
    where: str,
    seconds: float,
) -> Session | Deferred:
    """A new connection, within `seconds`. `tls`: None without encryption; `where`: the server, in words."""
    client = SMTP(
        hostname=settings.host,
        port=settings.port,
        local_hostname=settings.hello or _own_name(),
        timeout=seconds,
        use_tls=settings.security == "tls",
        start_tls=False,
        tls_context=tls,
    )
    words = _Words(settings, where, seconds, by_token=isinstance(secret, AccessTokens))
    try:
        async with asyncio.timeout(seconds):
            await _log_in(client, settings, secret, words)
    except (SMTPException, NoToken, OSError, ValueError) as error:
        client.close()
        return Deferred(words.of(error), words.wait(error), account=True)
    except BaseException:
        client.close()
        raise
    return _session(client)


async def _log_in(client: SMTP, settings: LoginSettings, secret: Credentials | None, words: _Words) -> None:
    access = None
    if isinstance(secret, AccessTokens):
        words.step = "token"
        access = await asyncio.to_thread(secret.get)
    words.step = "connect"
    await client.connect()
    if settings.security == "starttls":
        words.step = "starttls"
        await client.starttls()
    words.step = "hello"
    try:
        await client.ehlo()
    except SMTPHeloError as error:
        if error.code not in _NOT_KNOWN:
            raise
        await client.helo()
    if settings.username is not None and secret is not None:
        words.step = "login"
        if isinstance(secret, AccessTokens):
            assert access is not None
            await _authenticate_by_token(client, settings.username, secret, access)
        else:
            await _authenticate(client, settings.username, secret)


async def _authenticate(client: SMTP, username: str, secret: SecretText) -> None:
    """Log in with the first method that the server really does, and try a wrong password only once."""
    offered = client.supported_auth_methods
    methods = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    last: SMTPAuthenticationError | None = None
    for name, method in methods.items():
        if name not in offered:
            continue
        try:
            await method(username, secret.reveal())
        except SMTPAuthenticationError as error:
            if error.code not in _OTHER_METHOD:
                raise
            last = error
        else:
            return
    raise last or SMTPException("no login")


async def _authenticate_by_token(client: SMTP, username: str, tokens: AccessTokens, access: Access) -> None:
    """Log in with a token. One that was kept for a while may be withdrawn by now: then with another, once."""
    if "xoauth2" not in client.server_auth_methods:
        raise SMTPException("no login")
    try:
        await client.auth_xoauth2(username, access.token.reveal())
    except SMTPAuthenticationError as error:
        if access.is_new or error.code != _NOT_BELIEVED:
            raise
        token = await asyncio.to_thread(tokens.instead_of, access.token)
        await client.auth_xoauth2(username, token.reveal())


def _session(client: SMTP) -> Session:
    offers = client.esmtp_extensions
    size = offers.get("size", "")
    return Session(
        cast(asyncio.Transport, client.transport),
        pipelining="pipelining" in offers,
        eight_bit="8bitmime" in offers,
        utf8="smtputf8" in offers,
        size=int(size) if size.isdecimal() and int(size) > 0 else None,
    )


def _own_name() -> str:
    """This machine's full name; without one the form that says so. Never asks the network."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


@dataclass
class _Words:
    """What went wrong at which step, and what to do about it."""

    settings: LoginSettings
    where: str
    seconds: float
    by_token: bool
    step: str = "connect"

    def wait(self, error: BaseException) -> float | None:
        """What the server asked for, if it refused for the moment only."""
        if isinstance(error, NoToken):
            return error.wait
        if isinstance(error, SMTPResponseException) and 400 <= error.code < 500:
            return wait_asked(Reply(error.code, error.message))
        return None

    def of(self, error: BaseException) -> str:
        if isinstance(error, SMTPResponseException):
            return self._refusal(error)
        if isinstance(error, NoToken):
            return str(error)
        chain = chain_of(error)
        found = about_name_or_encryption(chain, self.where, self.settings.host, _REMEDIES)
        if found is not None:
            return found
        if self.step == "token":
            return f"no access token for {self.where} came within {self.seconds:.0f} s."
        if any(isinstance(one, TimeoutError) for one in chain):
            return (
                f"{self.where} does not answer within {self.seconds:.0f} s ({self._doing()}). "
                "Check host and port, and whether a firewall is in the way."
            )
        return self._broken(chain)

    def _broken(self, chain: list[BaseException]) -> str:
        if self.step == "connect":
            reason = reason_not_connected(chain)
            return f"cannot connect to {self.where}: {reason}. Check host and port, and that the server runs."
        if self.step == "starttls" and not was_closed(chain):
            return (
                f"{self.where} offers no STARTTLS. If it encrypts from the start, use --security tls "
                "(port 465 as a rule)."
            )
        if self.step == "login" and not was_closed(chain):
            if self.by_token:
                return f"{self.where} offers no login by XOAUTH2. Check --host, --security and --port."
            return (
                f"{self.where} offers no login we know (PLAIN, LOGIN, CRAM-MD5). Check --security and "
                "--port, or take the user name away if it needs none."
            )
        return f"{self.where} closed the connection ({self._doing()}). Check --security and --port."

    def _refusal(self, error: SMTPResponseException) -> str:
        said = str(Reply(error.code, " ".join(error.message.split()))).rstrip(".")
        if error.code < 0:
            return f"{self.where} does not speak SMTP ({error.message[:80]!r}). Check host and port."
        if self.step == "login" and error.code >= 500:
            return f"{self.where} refuses the login of {self.settings.username}: {said}. " + (
                "Check the user name, what the sign-in allows, and that the mailbox may send by SMTP."
                if self.by_token
                else "Check user name and password; some providers want a password made for programs."
            )
        if self.step == "starttls":
            return f"{self.where} refuses STARTTLS: {said}."
        if self.step == "login":
            return f"{self.where} cannot check the login now: {said}."
        return f"{self.where} does not take our mail now: {said}."

    def _doing(self) -> str:
        return {
            "connect": "while connecting",
            "starttls": "while encryption was agreed on",
            "hello": "after our greeting",
            "login": "while logging in",
        }[self.step]
