"""The SMTP transport against servers that are good, that refuse, that break and that talk nonsense."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope as Received

from carillon.errors import InputError, SettingsError
from carillon.send.outcomes import Deferred, Delivered, Outcome, Rejected, Unknown
from carillon.send.transports.settings import read_settings
from carillon.send.transports.smtp import ONE_WRITE, SmtpSettings
from tests.doubles.smtp_server import EXTENSIONS, Act, SmtpServer
from tests.send.smtp_letters import certificates, letter, outcomes, soon, transport, with_server

PLAIN = tuple(one for one in EXTENSIONS if one != "PIPELINING")


@pytest.fixture(params=["pipelining", "plain"])
def offers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What the server can do."""
    return EXTENSIONS if request.param == "pipelining" else PLAIN


def one(outcome_of: list[Outcome]) -> Any:
    (outcome,) = outcome_of
    return outcome


# ---- what goes well ----


class Box:
    """Keeps what aiosmtpd receives."""

    def __init__(self) -> None:
        self.received: list[Received] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Received) -> str:
        self.received.append(envelope)
        return "250 2.0.0 Ok: queued as 4711"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_ordinary_server_gets_the_same_bytes() -> None:
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:

        async def work() -> list[Outcome]:
            connection = transport(controller.port).connection()
            found = [await connection.deliver(letter(n, ".\n..\nx\n."), soon()) for n in (1, 2)]
            await connection.close()
            return found

        assert asyncio.run(work()) == [Delivered("4711"), Delivered("4711")]
    finally:
        controller.stop()
    assert [each.content for each in box.received] == [letter(n, ".\n..\nx\n.").data for n in (1, 2)]
    assert box.received[0].rcpt_tos == ["bob@example.org"]


def test_one_connection_carries_many(offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers)
    letters = [letter(n, f".dot {n}\n") for n in range(20)]
    assert {type(found) for found in outcomes(server, *letters)} == {Delivered}
    assert [(each.message_id, each.data) for each in server.accepted] == [
        (each.message_id, each.data) for each in letters
    ]
    assert (server.connections, server.impatient) == (1, 0)
    assert server.commands[-1] == "QUIT"
    assert server.record.taken == server.record.answered


def test_a_large_message_arrives_whole(offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers)
    large = letter(1, ".x\n" * 300_000)
    assert len(large.data) > ONE_WRITE
    assert one(outcomes(server, large)) == Delivered("1")
    assert server.accepted[0].data == large.data


def test_the_server_is_told_size_and_eight_bits() -> None:
    server = SmtpServer()
    eight = letter(1).data + "Grüße\r\n".encode()
    outcomes(server, letter(1, data=eight), letter(2, recipient="bob@bücher.example"))
    mails = [line for line in server.commands if line.startswith(("MAIL", "RCPT"))]
    assert mails == [
        f"MAIL FROM:<ann@example.com> SIZE={len(eight)} BODY=8BITMIME",
        "RCPT TO:<bob@example.org>",
        f"MAIL FROM:<ann@example.com> SIZE={len(letter(2).data)}",
        "RCPT TO:<bob@xn--bcher-kva.example>",
    ]


def test_letters_outside_ascii_need_a_server_that_takes_them() -> None:
    foreign = letter(1, recipient="jürgen@example.org")
    server = SmtpServer()
    assert isinstance(one(outcomes(server, foreign)), Delivered)
    assert server.accepted[0].recipient == "jürgen@example.org"
    assert "SMTPUTF8" in server.commands[1]
    found = one(outcomes(SmtpServer(extensions=()), foreign))
    assert (found.code, found.suppress, "SMTPUTF8" in found.why) == ("5.6.7", False, True)
    found = one(outcomes(SmtpServer(extensions=()), letter(1, data=letter(1).data + b"\xff\r\n")))
    assert (found.code, "8BITMIME" in found.why) == ("5.6.3", True)


def test_a_message_that_is_too_large_is_not_offered() -> None:
    server = SmtpServer(extensions=("PIPELINING", "SIZE 100"))
    found = one(outcomes(server, letter(1)))
    assert found == Rejected(found.why, "5.3.4", suppress=False, blocked=False)
    assert "100 at most" in found.why
    assert not any(line.startswith("MAIL") for line in server.commands)


# ---- refusals, stage by stage ----

GREYLISTED = "450 4.2.0 <bob@example.org>: Recipient address rejected: Greylisted, try again in 600 seconds"
REFUSALS = [
    ("mail", "451 4.3.0 Try later", Deferred("", account=True)),
    ("mail", "550 5.7.1 Not your address", Deferred("", account=True)),
    ("mail", "552 5.3.4 Message size exceeds limit", Rejected("", "5.3.4", False, False)),
    ("rcpt", "450 4.2.1 Mailbox busy", Deferred("")),
    ("rcpt", GREYLISTED, Deferred("", 600.0)),
    ("rcpt", "451 4.7.1 Greylisting in action, please come back later", Deferred("", 300.0)),
    ("rcpt", "450 4.7.1 Please retry in 00:04:30", Deferred("", 270.0)),
    ("rcpt", "450 4.2.0 retry in 2 s", Deferred("", 30.0)),
    ("rcpt", "452 4.2.2 Mailbox full", Deferred("")),
    ("rcpt", "552 5.2.2 Mailbox full", Rejected("", "5.2.2", False, False)),
    ("rcpt", "550 5.1.1 User unknown", Rejected("", "5.1.1", True, False)),
    ("rcpt", "550 5.1.10 Recipient has a null MX", Rejected("", "5.1.10", True, False)),
    ("rcpt", "550 5.2.1 Mailbox disabled", Rejected("", "5.2.1", True, False)),
    ("rcpt", "550 No such user here", Rejected("", "550", True, False)),
    (
        "rcpt",
        "550 The email account that you tried to reach does not exist",
        Rejected("", "550", True, False),
    ),
    ("rcpt", "550 Administrative prohibition", Rejected("", "550", False, False)),
    ("rcpt", "550 5.7.1 User unknown to our policy", Rejected("", "5.7.1", False, True)),
    ("rcpt", "550 4.1.1 User unknown", Rejected("", "550", True, False)),
    ("rcpt", "550 5.1.8 Sender address rejected: Domain not found", Deferred("", account=True)),
    ("rcpt", "550 5.1.0 Sender address rejected", Deferred("", account=True)),
    ("rcpt", "554 5.7.1 <bob@example.org>: Relay access denied", Deferred("", account=True)),
    ("rcpt", "530 5.7.0 Authentication required", Deferred("", account=True)),
    ("data", "451 4.3.2 Not now", Deferred("")),
    ("data", "554 5.7.1 Blocked", Rejected("", "5.7.1", False, True)),
    ("data", "554 5.3.0 No", Rejected("", "5.3.0", False, False)),
    ("dot", "452 4.3.1 Insufficient system storage", Deferred("")),
    ("dot", "554 5.7.1 Looks like spam", Rejected("", "5.7.1", False, True)),
    ("dot", "550 5.1.1 Unknown user", Rejected("", "5.1.1", True, False)),
    ("dot", "421 4.3.2 Shutting down", Deferred("")),
]


@pytest.mark.parametrize(("stage", "answer", "expected"), REFUSALS, ids=lambda value: str(value)[:40])
def test_a_refusal(stage: str, answer: str, expected: Outcome, offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers).on(stage, answer, times=1)
    found, again = outcomes(server, letter(1), letter(2))
    why = found.why  # type: ignore[union-attr]
    assert answer in why
    assert why.startswith(
        f"127.0.0.1:{server.port} refuses the {'sender' if stage == 'mail' else ''}".rstrip()
    )
    assert type(found) is type(expected)
    fields = [name for name in expected.__slots__ if name != "why"]
    assert [getattr(found, name) for name in fields] == [getattr(expected, name) for name in fields]
    # The next email is not harmed by it, and needs no new connection.
    assert isinstance(again, Delivered)
    assert server.connections == (2 if answer.startswith("421") else 1)
    assert list(server.record.taken) == ["<2@example.com>"]


def test_a_server_that_wants_a_message_for_nobody_gets_none() -> None:
    server = SmtpServer().on("rcpt", "550 5.1.1 User unknown", times=1)
    server.on("data", "354 Go ahead", times=1)
    found, again = outcomes(server, letter(1), letter(2))
    assert isinstance(found, Rejected)
    assert isinstance(again, Delivered)
    assert (server.connections, list(server.record.taken)) == (2, ["<2@example.com>"])


# ---- broken connections ----


@pytest.mark.parametrize(
    ("stage", "account"), [("mail", True), ("rcpt", False), ("data", False)], ids=["mail", "rcpt", "data"]
)
@pytest.mark.parametrize("act", [Act.DROP, Act.HANG, Act.GARBAGE])
def test_before_the_final_dot_nothing_was_sent(
    stage: str, account: bool, act: Act, offers: tuple[str, ...]
) -> None:
    server = SmtpServer(extensions=offers).on(stage, act, times=1)
    found, again = outcomes(server, letter(1), letter(2), command_timeout=1)
    assert isinstance(found, Deferred)
    assert found.account is account
    words = {Act.DROP: "closed before", Act.HANG: "no answer in time before", Act.GARBAGE: "not SMTP before"}
    assert words[act] in found.why
    assert isinstance(again, Delivered)
    assert list(server.record.taken) == ["<2@example.com>"]


@pytest.mark.parametrize("act", [Act.DROP, Act.TAKE_AND_DROP, Act.HANG, Act.GARBAGE, "354 more?"])
def test_after_the_final_dot_it_is_unknown(act: Act | str, offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers).on("dot", act, times=1)
    found, again = outcomes(server, letter(1), letter(2), answer_timeout=1)
    assert isinstance(found, Unknown)
    assert "may have been accepted" in found.why
    assert isinstance(again, Delivered)
    assert ("<1@example.com>" in server.record.taken) is (act is Act.TAKE_AND_DROP)
    assert list(server.record.answered) == ["<2@example.com>"]


@pytest.mark.parametrize("stage", ["dot", "data", "mail"])
def test_a_connection_closed_between_two_messages_is_opened_again(
    stage: str, offers: tuple[str, ...]
) -> None:
    server = SmtpServer(extensions=offers)
    if stage == "dot":
        server.on("dot", Act.ANSWER_AND_DROP)
    else:
        # The server says that it has had enough only when it is asked for the next one.
        server.on("mail", "421 4.7.0 Too many messages on this connection", times=1, skip=1)
    assert {type(found) for found in outcomes(server, letter(1), letter(2), letter(3))} == {Delivered}
    assert server.connections == (3 if stage == "dot" else 2)


def test_a_server_that_always_says_421_is_not_asked_for_ever() -> None:
    server = SmtpServer().on("mail", "421 4.7.0 Go away", skip=1)
    first, second = outcomes(server, letter(1), letter(2))
    assert isinstance(first, Delivered)
    assert isinstance(second, Deferred)
    assert (second.account, server.connections) == (True, 2)


def test_a_refused_reset_only_costs_a_connection(offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers).on("rcpt", "450 4.2.1 Busy", times=1).on("rset", "502 No", times=1)
    assert [type(found) for found in outcomes(server, letter(1), letter(2))] == [Deferred, Delivered]
    assert server.connections == 2


# ---- in time or not at all ----


def test_after_its_deadline_a_message_is_not_sent(offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers)

    async def work(running: SmtpServer) -> list[Outcome]:
        connection = transport(running).connection()
        found = [
            await connection.deliver(letter(n), soon(s)) for n, s in ((1, -1.0), (2, 20), (3, -1), (4, 20))
        ]
        await connection.close()
        return found

    late, fine, late_too, fine_too = with_server(server, work)
    assert isinstance(late, Deferred)
    assert (late == late_too, late.why.startswith("not sent:"), late.account) == (True, True, False)
    assert isinstance(fine, Delivered)
    assert isinstance(fine_too, Delivered)
    assert (list(server.record.taken), server.connections) == (["<2@example.com>", "<4@example.com>"], 1)


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("stage", ["greeting", "mail", "rcpt", "data"])
def test_a_deadline_that_passes_on_the_way_stops_it(stage: str, size: int, offers: tuple[str, ...]) -> None:
    server = SmtpServer(extensions=offers).on(stage, Act.HANG, times=1)
    found, again = outcomes(server, letter(1, "x\n" * size), letter(2), seconds=0.5)
    assert isinstance(found, Deferred)
    assert (found.why.startswith("not sent:"), found.account) == (True, False)
    assert isinstance(again, Delivered)
    assert list(server.record.taken) == ["<2@example.com>"]


def test_a_message_that_does_not_get_through_in_time_is_not_sent() -> None:
    """The server stops reading in the middle of a large message: its final dot must not leave later."""

    async def work() -> tuple[Outcome, bytes]:
        received = bytearray()
        go_on, done = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 slow\r\n")
            await reader.readline()
            writer.write(b"250-slow\r\n250 PIPELINING\r\n")
            for reply in (b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                await reader.readline()
                writer.write(reply)
            await go_on.wait()
            try:
                while data := await reader.read(65536):
                    received.extend(data)
            except ConnectionError:
                pass
            writer.transport.abort()
            done.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
        connection = transport(server.sockets[0].getsockname()[1]).connection()
        outcome = await connection.deliver(letter(1, data=letter(1).data + b"y\r\n" * 5_000_000), soon(2))
        go_on.set()
        await done.wait()
        server.close()
        return outcome, bytes(received)

    outcome, received = asyncio.run(work())
    assert isinstance(outcome, Deferred)
    assert outcome.why.startswith("not sent:")
    assert not received.endswith(b"\r\n.\r\n")


def test_whoever_cancels_a_delivery_gets_a_new_connection() -> None:
    server = SmtpServer().on("dot", Act.HANG, times=1)

    async def work(running: SmtpServer) -> Outcome:
        connection = transport(running).connection()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await connection.deliver(letter(1), soon())
        found = await connection.deliver(letter(2), soon())
        await connection.close()
        return found

    assert isinstance(with_server(server, work), Delivered)
    assert server.connections == 2


# ---- connecting, encryption, login ----


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def refused(server: SmtpServer, *words: str, **options: Any) -> Deferred:
    """The account's fault, in these words."""
    found = one(outcomes(server, letter(1), **options))
    assert isinstance(found, Deferred)
    assert found.account
    for word in words:
        assert word in found.why
    assert not server.accepted
    return found


@pytest.mark.parametrize("stage", ["greeting", "ehlo"])
@pytest.mark.parametrize(
    ("act", "words"),
    [
        (Act.DROP, "closed"),
        (Act.HANG, "does not answer within 1 s"),
        (Act.GARBAGE, "does not speak SMTP"),
        ("421 4.3.2 Not now, try again in 10 minutes", "Not now"),
        ("554 5.3.2 Go away", "Go away"),
    ],
    ids=["drop", "hang", "garbage", "421", "554"],
)
def test_a_server_that_does_not_let_us_in(stage: str, act: Act | str, words: str) -> None:
    found = refused(SmtpServer().on(stage, act), words, "127.0.0.1:", connect_timeout=1)
    assert found.retry_after == (600.0 if "10 minutes" in str(act) else None)


def test_no_server_and_no_host() -> None:
    async def deliver(**settings: Any) -> Outcome:
        return await transport(free_port(), **settings).connection().deliver(letter(1), soon())

    found = asyncio.run(deliver())
    assert isinstance(found, Deferred)
    assert "Connection refused. Check host and port" in found.why
    found = asyncio.run(deliver(host="no.such.host.invalid"))
    assert isinstance(found, Deferred)
    assert "there is no host no.such.host.invalid" in found.why


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_logged_in(tmp_path: Path, security: str, offers: tuple[str, ...]) -> None:
    tls, authority = certificates(tmp_path)
    server = SmtpServer(
        extensions=offers, tls=tls, implicit_tls=security == "tls", users={"ann": "pass word"}
    )
    options = {"security": security, "ca_file": str(authority), "username": "ann", "password": "pass word"}
    found = outcomes(server, letter(1), letter(2, "x\n" * 50_000), **options)  # type: ignore[arg-type]
    assert [type(each) for each in found] == [Delivered, Delivered]
    assert "AUTH" in server.commands


def test_a_certificate_nobody_knows_and_one_for_another(tmp_path: Path) -> None:
    tls, authority = certificates(tmp_path, "mail.example.com")
    for security in ("starttls", "tls"):
        server = SmtpServer(tls=tls, implicit_tls=security == "tls")
        refused(server, "cannot be trusted", "ca_file", security=security)
        server = SmtpServer(tls=tls, implicit_tls=security == "tls")
        refused(server, "cannot be trusted", "mismatch", security=security, ca_file=str(authority))


def test_starttls_that_fails() -> None:
    refused(SmtpServer(), "offers no STARTTLS", security="starttls")
    offer = (*EXTENSIONS, "STARTTLS")
    refused(
        SmtpServer(extensions=offer).on("starttls", "454 4.7.0 TLS not available"),
        "refuses STARTTLS: 454",
        security="starttls",
    )
    refused(SmtpServer(extensions=offer).on("starttls", Act.DROP), "while encryption", security="starttls")
    refused(
        SmtpServer(extensions=offer).on("starttls", "220 Go").on("ehlo", Act.HANG, skip=1),
        security="starttls",
        connect_timeout=1,
    )
    refused(SmtpServer(), "no encryption could be agreed on", "--security", security="tls", connect_timeout=2)


def test_a_wrong_password_is_tried_once() -> None:
    server = SmtpServer(users={"ann": "right"})
    found = refused(server, "refuses the login of ann: 535 5.7.8", username="ann", password="wrong")
    assert server.commands.count("AUTH") == 1
    assert "wrong" not in found.why


def test_logins_that_are_not_offered_or_fail_otherwise() -> None:
    refused(SmtpServer(), "offers no login", username="ann", password="x")
    refused(SmtpServer(users={"ann": "x"}, auth="GSSAPI"), "offers no login", username="ann", password="x")
    server = SmtpServer(users={"ann": "x"}).on("auth", "454 4.7.0 Temporary authentication failure")
    refused(server, "cannot check the login now", username="ann", password="x")
    server = SmtpServer(users={"ann": "x"}).on("auth", "504 5.5.4 Unrecognized authentication type", times=1)
    assert isinstance(one(outcomes(server, letter(1), username="ann", password="x")), Delivered)
    assert server.commands.count("AUTH") == 2
    refused(
        SmtpServer(users={"ann": "x"}).on("auth", Act.DROP), "while logging in", username="ann", password="x"
    )


def test_a_server_of_the_last_century() -> None:
    server = SmtpServer(extensions=()).on("ehlo", "502 5.5.1 Not implemented", times=1)
    assert isinstance(one(outcomes(server, letter(1))), Delivered)
    assert server.commands[1].startswith("HELO")


# ---- settings ----


def settings(**values: Any) -> SmtpSettings:
    return read_settings(SmtpSettings, "smtp", {"host": "mail.example.com"} | values)


def test_port_and_security_suggest_each_other() -> None:
    assert (settings().security, settings().port) == ("starttls", 587)
    assert (settings(port="465").security, settings(security="tls").port) == ("tls", 465)
    assert (settings(host="localhost").security, settings(host="::1").port) == ("none", 25)
    assert settings(host="127.0.0.1", security="starttls").port == 587
    assert [settings(host=host).is_local for host in ("127.1.2.3", "10.0.0.1")] == [True, False]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"hots": "x"}, 'did you mean "host"'),
        ({"host": "mail example"}, "not a host name"),
        ({"port": 70000}, "port: 70000 is out of range"),
        ({"security": "ssl"}, "none or starttls or tls"),
        ({"username": "ann", "security": "none"}, "could be read on its way"),
        ({"connections": "many"}, "connections"),
        ({"password_env": "p w"}, "not the name of an environment variable"),
    ],
)
def test_settings_that_cannot_be(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match="the transport smtp cannot be set up like this") as raised:
        settings(**values)
    assert words in str(raised.value)
    assert "p w" not in str(raised.value)


def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(SettingsError, match="ca_file"):
            transport(25, tmp_path, ca_file=name)
