"""`smtp`: mail handed to an SMTP server, one recipient at a time, over connections that are kept.

What belongs here: the settings, and what is said to the server in which order. What does not: connecting
and logging in (`smtp_login`), what replies mean (`smtp_replies`), the bytes (`smtp_wire`).

The final dot is the line between "not sent" and "may have been sent". All before it is `Deferred`; once it
is on the wire only an answer tells, and nothing else is said until it is there. Where the server offers
PIPELINING, sender, recipient and DATA travel in one write. After DATA was answered there is no way back
but to drop the connection: RSET would be a line of the message.
"""

from __future__ import annotations

import ssl
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import BeforeValidator, model_validator

from carillon.clock import monotonic
from carillon.connection_faults import certificates
from carillon.connection_settings import (
    Host,
    Variable,
    is_this_machine,
    keep_the_password,
    with_usual_security,
)
from carillon.oauth import Credentials
from carillon.oauth_settings import NEEDED, XOAUTH2, Auth, OAuthSettings, oauth_keys
from carillon.send.outcomes import Deferred, Envelope, Outcome, Rejected, Unknown
from carillon.send.transports.settings import TransportSettings
from carillon.send.transports.smtp_login import Session, log_in
from carillon.send.transports.smtp_replies import Stage, accepted, refused
from carillon.send.transports.smtp_wire import Fault, Reply, Wire
from carillon.settings_checks import one_of, shown, text, whole
from carillon.tokens import LONGEST_MARK, LinkKeys

ONE_WRITE = 16_384
"""Bytes of a message that go out together with its final dot: the operating system takes them at once."""
QUIT_SECONDS = 2.0
PATIENCE = 5.0
"""Seconds of silence that say something about a server; less was not time enough."""
PORTS = {"none": 25, "starttls": 587, "tls": 465}

BEFORE, AFTER = "before the message was sent", "after the message was sent"

LONGEST_NAME = 64 - 1 - LONGEST_MARK
"""Characters before the @ of `bounce_address`: 64 with plus sign and mark (RFC 5321, 4.5.3.1.1)."""


def _bounce_address(value: object) -> str:
    address = text(value)
    name = address.rpartition("@")[0]
    try:
        validate_email(address, check_deliverability=False, test_environment=True, allow_smtputf8=False)
    except EmailNotValidError:
        raise ValueError(f"{shown(address)} is not an address; write it like bounces@example.com") from None
    if len(name) > LONGEST_NAME:
        raise ValueError(
            f"{shown(address)} is too long: a mark follows the name, which may have {LONGEST_NAME} characters"
        )
    return address


Seconds = Annotated[int, whole(1, 600, "seconds")]


class SmtpSettings(OAuthSettings, TransportSettings):
    """What an account of this transport says about its server."""

    host: Host
    port: Annotated[int, whole(1, 65535)] = 587
    security: Annotated[Literal["none", "starttls", "tls"], one_of("none", "starttls", "tls")] = "starttls"
    """Not given: what is usual for the port; none if the server is this machine."""
    username: Annotated[str, BeforeValidator(text)] | None = None
    password_env: Variable | None = None
    """The variable that holds the password, if it is not stored."""
    auth: Auth = "password"
    ca_file: Annotated[str, BeforeValidator(text)] | None = None
    """Certificates (PEM) to trust besides the system's; a relative path counts from the workspace."""
    hello: Host | None = None
    """What to call this machine; None: its full name."""
    bounce_address: Annotated[str, BeforeValidator(_bounce_address)] | None = None
    """Where delivery reports go, each to an address of its own: bounces+MARK@... for bounces@.... None: to
    the account's address."""
    connections: Annotated[int, whole(1, 100)] = 4
    """How many at a time."""
    connect_timeout: Seconds = 20
    """For connecting, encryption and login together."""
    command_timeout: Seconds = 30
    answer_timeout: Seconds = 300
    """For the answer to a complete message: too short a time leaves emails in doubt."""

    @property
    def secret_variable(self) -> str | None:
        return self.oauth_refresh_token_env if self.auth == XOAUTH2 else self.password_env

    @property
    def needs_secret(self) -> bool:
        return self.username is not None

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the server is this machine."""
        return is_this_machine(self.host)

    @model_validator(mode="before")
    @classmethod
    def _as_usual(cls, values: dict[str, Any]) -> dict[str, Any]:
        return with_usual_security(values, PORTS, "starttls")

    @model_validator(mode="after")
    def _keep_the_password(self) -> SmtpSettings:
        keep_the_password(self.host, self.username, self.security)
        return self

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> SmtpSettings:
        given = oauth_keys(self.model_dump())
        if self.auth != XOAUTH2:
            if given:
                raise ValueError(f"{min(given)} is of no use without auth xoauth2")
            return self
        if self.password_env is not None:
            raise ValueError("auth xoauth2 needs no password: leave password_env out")
        needed = {"username": self.username} | {key: given.get(key) for key in NEEDED}
        if missing := [key for key, value in needed.items() if value is None]:
            raise ValueError(f"auth xoauth2 needs {', '.join(missing)} as well")
        return self


class SmtpTransport:
    """A server and how to reach it. Raises SettingsError where `ca_file` cannot be used."""

    def __init__(self, settings: SmtpSettings, folder: Path, secret: Credentials | None) -> None:
        self.settings, self.secret = settings, secret
        self.connections, self.is_local = settings.connections, settings.is_local
        self._ca_file = folder / settings.ca_file if settings.ca_file else None
        if self._ca_file is not None:
            _ = self.tls

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Made once: reading the system's certificates takes tens of milliseconds."""
        return certificates(self._ca_file)

    def connection(self) -> SmtpConnection:
        return SmtpConnection(self)


class SmtpConnection:
    """One connection, opened when first needed and again after an error. For one task at a time."""

    def __init__(self, transport: SmtpTransport) -> None:
        self._transport, self._settings = transport, transport.settings
        self._where = self._settings.place
        self._wire: Wire | None = None
        self._session: Session | None = None
        self._must_reset = False

    async def deliver(self, envelope: Envelope, deadline: float) -> Outcome:
        """Hand over one message. If this is cancelled, the message may have been sent."""
        if monotonic() >= deadline:
            return _too_late()
        try:
            outcome = None
            if self._wire is not None and self._wire.is_quiet:
                outcome = await self._transaction(self._wire, envelope, deadline, used=True)
            if outcome is None:
                wire = await self._connect(deadline)
                if isinstance(wire, Deferred):
                    return wire
                outcome = await self._transaction(wire, envelope, deadline, used=False)
            assert outcome is not None
            return outcome
        except BaseException:
            self._drop()
            raise

    async def close(self) -> None:
        """Say goodbye and close; a server that does not answer is left alone."""
        if self._wire is None:
            return
        wire, self._wire = self._wire, None
        if wire.is_quiet:
            wire.write(b"QUIT\r\n")
            await wire.replies(1, QUIT_SECONDS)
        await wire.close(QUIT_SECONDS)

    async def _connect(self, deadline: float) -> Wire | Deferred:
        self._drop()
        left, allowed = deadline - monotonic(), float(self._settings.connect_timeout)
        if left <= 0:
            return _too_late()
        secret = self._transport.secret
        tls = self._transport.tls if self._settings.security != "none" else None
        found = await log_in(self._settings, tls, secret, self._where, min(left, allowed))
        if isinstance(found, Deferred):
            in_a_hurry = left < min(allowed, PATIENCE) and monotonic() >= deadline
            return _too_late() if in_a_hurry else found
        self._session, self._must_reset = found, False
        self._wire = Wire.take_over(found.transport)
        return self._wire

    async def _transaction(
        self, wire: Wire, envelope: Envelope, deadline: float, *, used: bool
    ) -> Outcome | None:
        """One message; None: a connection used before was no good any more, and nothing was said."""
        assert self._session is not None
        commands = opening(envelope, self._session, self._where, self._settings.bounce_address)
        if isinstance(commands, Rejected):
            return commands
        left = deadline - monotonic()
        got = await self._say(wire, commands, deadline)
        if used and wire.fault is not Fault.SILENT and (wire.fault if not got else got[0].code == 421):
            # A server may close a connection that was idle or has carried enough: that is no error.
            return None
        for stage, reply in zip((Stage.MAIL, Stage.RCPT, Stage.DATA), got, strict=False):
            if reply.code >= 400:
                return self._refused(wire, stage, reply, got)
            if (reply.code == 354) is not (stage is Stage.DATA):
                self._drop()
                why = f"{self._where} answers {stage.value} with {reply}, which is not SMTP."
                return Deferred(why, account=stage is Stage.MAIL)
        if len(got) == 3:
            return await self._body(wire, envelope.data, deadline)
        if wire.fault is None:
            return _too_late()
        in_a_hurry = wire.fault is Fault.SILENT and left < min(PATIENCE, self._settings.command_timeout)
        outcome = _too_late() if in_a_hurry else Deferred(self._broken(wire, BEFORE), account=not got)
        self._drop()
        return outcome

    async def _say(self, wire: Wire, commands: list[bytes], deadline: float) -> list[Reply]:
        """Replies to sender, recipient and DATA, in order; fewer if one was refused, or none came."""
        assert self._session is not None
        reset, self._must_reset = self._must_reset, False
        if reset:
            commands = [b"RSET\r\n", *commands]
        groups = [commands] if self._session.pipelining else [[one] for one in commands]
        got: list[Reply] = []
        for group in groups:
            left = deadline - monotonic()
            if left <= 0:
                self._must_reset = True
                break
            wire.write(b"".join(group))
            got += await wire.replies(len(group), min(float(self._settings.command_timeout), left))
            if wire.fault is not None or got[-1].code >= 400:
                break
        if reset and got and got[0].code >= 300:
            wire.abort()
            return []
        return got[1:] if reset else got

    async def _body(self, wire: Wire, data: bytes, deadline: float) -> Outcome:
        """After DATA was welcomed: the message and its final dot, and the answer to it."""
        rest = data.replace(b"\r\n.", b"\r\n..")
        if rest.startswith(b"."):
            rest = b"." + rest
        if len(rest) > ONE_WRITE:
            wire.write(rest)
            rest = b""
            await wire.flushed(max(0.0, deadline - monotonic()))
        if monotonic() >= deadline or not wire.is_quiet:
            outcome = Deferred(self._broken(wire, BEFORE)) if not wire.is_quiet else _too_late()
            self._drop()
            return outcome
        wire.write(rest + b".\r\n")
        got = await wire.replies(1, float(self._settings.answer_timeout))
        if got and got[0].code < 300:
            return accepted(got[0])
        if got and got[0].code >= 400:
            return self._refused(wire, Stage.DOT, got[0], got)
        why = f"{self._where} answers the message with {got[0]}" if got else self._broken(wire, AFTER)
        self._drop()
        return Unknown(f"{why}: it may have been accepted.")

    def _refused(self, wire: Wire, stage: Stage, reply: Reply, got: list[Reply]) -> Deferred | Rejected:
        """After a refusal, begin anew next time: on a new connection if this one is no good any more."""
        closing = any(one.code == 421 for one in got)
        # It waits for a message although it refused the recipient. An empty one must not be sent.
        waiting = any(one.code == 354 for one in got)
        if wire.fault is not None or closing or waiting:
            self._drop()
        self._must_reset = True
        return refused(stage, reply, self._where)

    def _broken(self, wire: Wire, when: str) -> str:
        fault = wire.fault or Fault.GARBAGE
        detail = f" ({wire.detail})" if wire.detail else ""
        return f"{self._where}: {fault.value} {when}{detail}"

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.abort()
            self._wire = None


def opening(
    envelope: Envelope, session: Session, where: str, bounces: str | None = None
) -> list[bytes] | Rejected:
    """The commands before the message, or why this server cannot take it at all.

    `bounces`: where reports are to go (`bounce_address`); None: to the envelope's sender.
    """
    size = len(envelope.data)
    if session.size is not None and size > session.size:
        why = f"the message has {size:,} bytes, {where} takes {session.size:,} at most"
        return Rejected(why, "5.3.4", suppress=False, blocked=False)
    returns = envelope.sender if bounces is None else marked(bounces, envelope.message_id)
    sender, recipient = _on_the_wire(returns), _on_the_wire(envelope.recipient)
    plain = envelope.data.isascii()
    utf8 = not (sender.isascii() and recipient.isascii() and (plain or _header(envelope.data).isascii()))
    if utf8 and not session.utf8:
        why = f"{where} does not take addresses or headers with letters outside ASCII (SMTPUTF8)"
        return Rejected(why, "5.6.7", suppress=False, blocked=False)
    if not plain and not session.eight_bit:
        why = f"{where} takes 7-bit messages only (no 8BITMIME)"
        return Rejected(why, "5.6.3", suppress=False, blocked=False)
    options = b" SIZE=%d" % size if session.size is not None else b""
    options += b"" if plain else b" BODY=8BITMIME"
    options += b" SMTPUTF8" if utf8 else b""
    return [
        b"MAIL FROM:<%b>%b\r\n" % (sender.encode(), options),
        b"RCPT TO:<%b>\r\n" % recipient.encode(),
        b"DATA\r\n",
    ]


def marked(bounces: str, message_id: str) -> str:
    """The address for reports about one message: with the mark of its Message-ID, if that has one of ours.

    The mark behind the plus sign is what `tokens.LinkKeys.mark` signed, and what the listener looks for in
    the addresses that a report was sent to: servers that return no headers return at least that.
    """
    mark = message_id.removeprefix("<").partition("@")[0]
    name, _, domain = bounces.rpartition("@")
    return f"{name}+{mark}@{domain}" if LinkKeys.is_mark(mark) else bounces


def _on_the_wire(address: str) -> str:
    """In ASCII where only the domain has other letters: every server understands that."""
    if address.isascii():
        return address
    try:
        found = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return address
    return found.ascii_email or address


def _header(data: bytes) -> bytes:
    return data[: data.find(b"\r\n\r\n")]


def _too_late() -> Deferred:
    return Deferred("not sent: the time allowed for it was over before it could be")
