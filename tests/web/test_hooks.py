"""Webhooks over the wire: SendGrid, Twilio, and any sender that signs by HMAC."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from carillon.listen.hooks import Call, moment
from carillon.listen.hooks.sendgrid import SendGrid
from carillon.listen.hooks.twilio import Twilio
from carillon.settings import settings_of
from carillon.vault import SecretText
from carillon.web.hooks import troubles
from carillon.workspace import Workspace
from tests.web.conftest import SCHEDULE, Site, serving
from tests.web.hook_cases import HookCases, Post

PUBLIC = "https://mail.example.com"
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
SECRETS = ["one secret", "another secret"]
HOOKS = (
    "webhooks: {sendgrid_key_env: SG, twilio_token_env: TW,"
    " hmac_secret_env: {mailer: MAILER, second: SECOND, closed: NOT_SET}}\n"
)


def verification_key(number: int) -> str:
    key = KEYS[number].public_key()
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.fixture
def hooked(workspace: Workspace) -> Iterator[Site]:
    file = workspace.folder / "carillon.yaml"
    settings = settings_of(file.read_text() + HOOKS, {})
    environ = {"SG": verification_key(0), "TW": SECRETS[0], "MAILER": SECRETS[0], "SECOND": "a third"}
    with serving(replace(workspace, settings=settings), environ) as site:
        yield site


def events(site: Site) -> list[tuple[object, ...]]:
    return site.rows(
        "select contact_id, event_type, email_schedule_id, source, dedupe_key from contact_events order by id"
    )


def message_id(site: Site, schedule: int = SCHEDULE) -> str:
    return f"<{site.keys.mark(schedule)}@mail.example.com>"


def seconds(site: Site) -> str:
    return str(int(site.workspace.clock.now().timestamp()))


class TestSendGrid(HookCases):
    signature = "x-twilio-email-event-webhook-signature"

    def sign(self, site: Site, body: bytes, key: int = 0, path: str | None = None) -> Post:
        stamp = seconds(site)
        proof = KEYS[key].sign(stamp.encode() + body, ec.ECDSA(SHA256()))
        headers = {
            "Content-Type": "application/json;charset=utf-8",
            self.signature: b64encode(proof).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        }
        return Post(path or "/hooks/sendgrid", body, headers)

    def good(self, site: Site) -> bytes:
        return json.dumps([self.item(site, "e1", "delivered")]).encode()

    def item(self, site: Site, key: str, event: str, **more: object) -> dict[str, object]:
        at = int(site.workspace.clock.now().timestamp()) - 60
        found = {"email": "mar@example.com", "timestamp": at, "event": event, "sg_event_id": key}
        return found | {"smtp-id": message_id(site), "sg_message_id": "abc.filter"} | more

    def post(self, site: Site, *items: object) -> dict[str, object]:
        post = self.sign(site, json.dumps(items).encode())
        answer = site.client.post(post.path, content=post.body, headers=post.headers)
        assert answer.status_code in (200, 207)
        return dict(answer.json()) | {"code": answer.status_code}

    def test_each_word_of_theirs_has_its_match_or_is_unknown(self, hooked: Site) -> None:
        words = {
            "processed": "unknown", "delivered": "delivered", "deferred": "delayed", "open": "opened",
            "click": "clicked", "spamreport": "complained", "unsubscribe": "unsubscribed",
            "group_unsubscribe": "unsubscribed", "group_resubscribe": "unknown", "bounce": "bounced",
            "dropped": "bounced", "account_status_change": "unknown",
        }  # fmt: skip
        report = self.post(hooked, *(self.item(hooked, f"id {word}", word) for word in words))
        assert report == {"stored": 12, "repeated": 0, "unmatched": 0, "rejected": [], "code": 200}
        found = {str(row[4]): row for row in events(hooked)}
        for word, kind in words.items():
            assert found[f"id {word}"] == (1, kind, SCHEDULE, "sendgrid", f"id {word}")

    @pytest.mark.parametrize(
        ("item", "kind", "suppressed"),
        [
            ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, "hard", True),
            ({"event": "bounce", "type": "bounce", "status": "5.2.2"}, "soft", False),
            ({"event": "bounce", "type": "bounce", "status": "4.4.1"}, "soft", False),
            ({"event": "bounce", "type": "blocked", "status": "5.7.1"}, "blocked", False),
            ({"event": "dropped", "reason": "Bounced Address"}, "hard", True),
            ({"event": "dropped", "reason": "Spam Reporting Address"}, "blocked", False),
        ],
    )
    def test_bounces(self, hooked: Site, item: dict[str, str], kind: str, suppressed: bool) -> None:
        self.post(hooked, self.item(hooked, "b1", **item))
        ((data,),) = hooked.rows("select event_data from contact_events")
        assert json.loads(str(data))["bounce"] == kind
        assert hooked.rows(f"select status from outbox where id = {SCHEDULE}") == [("bounced",)]
        assert bool(hooked.rows("select * from suppressions")) == suppressed

    def test_a_good_batch_with_bad_items(self, hooked: Site) -> None:
        good, also = (
            self.item(hooked, "g1", "open"),
            self.item(hooked, "g2", "click", url="https://a.example"),
        )
        nameless = {name: value for name, value in good.items() if name != "sg_event_id"}
        report = self.post(hooked, good, 7, nameless, also, good | {"sg_event_id": "g3", "email": None})
        assert report["code"] == 207
        assert report["stored"] == 2
        assert report["rejected"] == [
            {"index": 1, "why": "not an object"},
            {"index": 2, "why": "sg_event_id is missing"},
            {"index": 4, "why": "email is missing"},
        ]
        assert [row[4] for row in events(hooked)] == ["g1", "g2"]
        assert hooked.rows("select url from tracking_clicks") == [("https://a.example",)]

    def test_without_our_message_id_the_address_says_whom(self, hooked: Site) -> None:
        plain = self.item(hooked, "p1", "spamreport", **{"smtp-id": "<14c5d75ce93@ismtpd-555>"})
        stranger = plain | {"sg_event_id": "p2", "email": "nobody@example.com", "event": "open"}
        assert self.post(hooked, plain, stranger)["unmatched"] == 1
        assert events(hooked) == [(1, "complained", None, "sendgrid", "p1")]
        assert hooked.rows("select address, scope from suppressions") == [("mar@example.com", "all")]

    def test_machines_that_open_do_not_count(self, hooked: Site) -> None:
        self.post(hooked, self.item(hooked, "o1", "open", sg_machine_open=True))
        ((data,),) = hooked.rows("select event_data from contact_events")
        assert json.loads(str(data))["automatic"] is True

    def test_what_is_signed_but_cannot_be_read(self, hooked: Site) -> None:
        for body in (b"{", b"\xff\xfe", b"[" * 100_000):
            self.refused(hooked, self.sign(hooked, body), 400)

    def test_the_signature_that_sendgrids_own_library_is_tested_with(self) -> None:
        """From sendgrid-nodejs, packages/eventwebhook/src/eventwebhook.spec.js."""
        key = (
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQGhHPT"
            "nlvFYPAZFceEu/1FwCM/QmGUhA=="
        )
        proof = (
            "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsbVRamr2nlxFDWYNH2j/0="
        )
        body = b'{"category":"example_payload","event":"test_event","message_id":"message_id"}'
        headers = {self.signature: proof, "x-twilio-email-event-webhook-timestamp": "1588788367"}
        now = datetime.fromtimestamp(1588788367, UTC)
        call = Call("", {}, headers, body, now)
        framed = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"
        for text in (key, framed):
            assert SendGrid(SecretText(text)).is_genuine(call)
        assert not SendGrid(SecretText(key)).is_genuine(replace(call, body=body + b"\n"))
        assert not SendGrid(SecretText(verification_key(0))).is_genuine(call)


class TestTwilio(HookCases):
    signature = "x-twilio-signature"
    has_time = False

    def sign(self, site: Site, body: bytes, key: int = 0, path: str | None = None) -> Post:
        path = path or f"/hooks/twilio?email={site.keys.mark(SCHEDULE)}"
        fields = [part.split("=", 1) for part in body.decode().strip().split("&")]
        text = "".join(name + value for name, value in sorted(fields))
        proof = hmac.digest(SECRETS[key].encode(), f"{PUBLIC}{path}{text}".encode(), "sha1")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
            self.signature: b64encode(proof).decode(),
        }
        return Post(path, body, headers)

    def good(self, site: Site) -> bytes:
        del site
        return b"MessageSid=SMmar1&MessageStatus=delivered&To=15550100001"

    def form(self, site: Site, path: str = "/hooks/twilio", **fields: str) -> int:
        text = "".join(name + fields[name] for name in sorted(fields))
        proof = hmac.digest(SECRETS[0].encode(), f"{PUBLIC}{path}{text}".encode(), "sha1")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            self.signature: b64encode(proof).decode(),
        }
        answer = site.client.post(path, content=urlencode(fields), headers=headers)
        if answer.status_code == 200:
            assert answer.headers["content-type"].startswith("text/xml")
            assert answer.text.endswith("<Response></Response>")
        return answer.status_code

    @pytest.mark.parametrize(
        ("status", "kind"),
        [("queued", "unknown"), ("sent", "sms_sent"), ("delivered", "sms_delivered"),
         ("undelivered", "sms_failed"), ("failed", "sms_failed"), ("canceled", "unknown")],
    )  # fmt: skip
    def test_what_became_of_an_sms(self, hooked: Site, status: str, kind: str) -> None:
        path = f"/hooks/twilio?email={hooked.keys.mark(SCHEDULE)}"
        for _ in range(2):
            assert self.form(hooked, path, MessageSid="SM1", MessageStatus=status, ErrorCode="30003") == 200
        assert events(hooked) == [(1, kind, SCHEDULE, "twilio", f"SM1:{status}")]

    def test_each_status_is_an_event(self, hooked: Site) -> None:
        path = f"/hooks/twilio?email={hooked.keys.mark(SCHEDULE)}"
        for status in ("sent", "delivered", "sent"):
            self.form(hooked, path, MessageSid="SM1", MessageStatus=status)
        assert [row[4] for row in events(hooked)] == ["SM1:sent", "SM1:delivered"]

    def test_without_a_mark_the_number_says_whom(self, hooked: Site) -> None:
        hooked.workspace.database.write(
            lambda c: c.exec_driver_sql("update contacts set phone_number = '+1 (555) 010-0001' where id = 2")
        )
        forged = "/hooks/twilio?email=3e8.00000000000000000000"
        assert self.form(hooked, forged, MessageSid="SM2", MessageStatus="sent", To="+15550100001") == 200
        assert events(hooked) == [(2, "sms_sent", None, "twilio", "SM2:sent:2")]

    @pytest.mark.parametrize("text", ["STOP", " stop ", "Unsubscribe.", "End"])
    def test_who_says_stop_gets_no_more_sms_but_email(self, hooked: Site, text: str) -> None:
        hooked.workspace.database.write(
            lambda c: c.exec_driver_sql(
                "update contacts set phone_number = '+15550100001', sms_consent_at = '2026-01-01T00:00:00Z'"
            )
        )
        for _ in range(2):
            assert self.form(hooked, MessageSid="SM3", From="+15550100001", To="+1999", Body=text) == 200
        assert hooked.rows("select address, scope from suppressions") == [("+15550100001", "all")]
        assert sorted((row[0], row[1]) for row in events(hooked)) == [
            (0, "sms_opted_out"), (1, "sms_opted_out"), (2, "sms_opted_out"),
        ]  # fmt: skip
        assert hooked.rows("select distinct status, sms_consent_at from contacts") == [("active", None)]

    def test_an_answer_is_noted(self, hooked: Site) -> None:
        hooked.workspace.database.write(
            lambda c: c.exec_driver_sql("update contacts set phone_number = '+15550100001' where id = 1")
        )
        said = "Please stop by at nine ü"
        assert self.form(hooked, MessageSid="SM4", From="+15550100001", Body=said) == 200
        ((data,),) = hooked.rows("select event_data from contact_events")
        assert json.loads(str(data))["text"] == said
        assert hooked.rows("select * from suppressions") == []

    def test_an_address_may_be_signed_with_its_port(self, hooked: Site) -> None:
        path, fields = "/hooks/twilio", {"MessageSid": "SM5", "From": "+1", "Body": "hello"}
        text = "".join(name + fields[name] for name in sorted(fields))
        proof = hmac.digest(SECRETS[0].encode(), f"{PUBLIC}:443{path}{text}".encode(), "sha1")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        headers[self.signature] = b64encode(proof).decode()
        assert hooked.client.post(path, content=urlencode(fields), headers=headers).status_code == 200

    def test_the_signature_that_twilio_documents(self) -> None:
        """From twilio.com/docs/usage/security, as its own libraries are tested."""
        fields = {
            "CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234",
            "From": "+12349013030", "To": "+18005551212",
        }  # fmt: skip
        call = Call(
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            {},
            {self.signature: "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
            urlencode(fields).encode(),
            datetime.now(UTC),
        )
        assert Twilio(SecretText("12345")).is_genuine(call)
        assert not Twilio(SecretText("12346")).is_genuine(call)
        assert not Twilio(SecretText("12345")).is_genuine(replace(call, url=call.url + "&x=1"))


class TestSigned(HookCases):
    signature = "x-webhook-signature"

    def sign(self, site: Site, body: bytes, key: int = 0, path: str | None = None) -> Post:
        stamp = seconds(site)
        proof = hmac.digest(SECRETS[key].encode(), stamp.encode() + b"." + body, "sha256").hex()
        headers = {
            "Content-Type": "application/json",
            self.signature: proof,
            "X-Webhook-Timestamp": stamp,
        }
        return Post(path or "/hooks/mailer", body, headers)

    def good(self, site: Site) -> bytes:
        del site
        return b'{"event": "opened", "email": "mar@Example.com", "id": "m1"}'

    def post(self, site: Site, body: bytes) -> dict[str, object]:
        post = self.sign(site, body)
        answer = site.client.post(post.path, content=post.body, headers=post.headers)
        return dict(answer.json()) | {"code": answer.status_code}

    def test_words_and_severities(self, hooked: Site) -> None:
        items = [
            {"id": "1", "event": "failed", "severity": "permanent", "message_id": message_id(hooked)},
            {"id": "2", "event": "failed", "severity": "temporary", "email": "tom@example.com"},
            {"id": "3", "event": "stored", "email": "tom@example.com"},
        ]
        assert self.post(hooked, json.dumps(items).encode())["stored"] == 3
        assert [row[:3] for row in events(hooked)] == [
            (1, "bounced", SCHEDULE), (2, "bounced", None), (2, "unknown", None),
        ]  # fmt: skip
        assert hooked.rows("select address, scope from suppressions") == [("mar@example.com", "all")]

    def test_without_an_id_the_body_is_one(self, hooked: Site) -> None:
        body = json.dumps(
            [{"event": "opened", "email": f"{name}@example.com"} for name in ("mar", "tom")]
        ).encode()
        digest = hashlib.sha256(body).hexdigest()
        assert self.post(hooked, body)["stored"] == 2
        assert self.post(hooked, body) == {
            "stored": 0, "repeated": 2, "unmatched": 0, "rejected": [], "code": 200,
        }  # fmt: skip
        assert [row[3:] for row in events(hooked)] == [("mailer", f"{digest}:0"), ("mailer", f"{digest}:1")]
        assert self.post(hooked, body + b" ")["stored"] == 2

    def test_bad_items_are_named(self, hooked: Site) -> None:
        forged = {"event": "bounced", "severity": "hard", "message_id": "<3e8.00000000000000000000@x>"}
        report = self.post(hooked, json.dumps([forged, {"email": "mar@example.com"}]).encode())
        assert report["code"] == 207
        assert [one["why"] for one in report["rejected"]] == [  # type: ignore[attr-defined]
            "email is missing, and message_id is none of ours",
            "event is missing",
        ]
        assert events(hooked) == []

    def test_senders_do_not_know_each_others_ids(self, hooked: Site) -> None:
        body = self.good(hooked)
        assert self.post(hooked, body)["stored"] == 1
        stamp = seconds(hooked)
        proof = hmac.digest(b"a third", stamp.encode() + b"." + body, "sha256").hex()
        headers = {
            "Content-Type": "application/json", self.signature: proof, "X-Webhook-Timestamp": stamp
        }  # fmt: skip
        assert hooked.client.post("/hooks/second", content=body, headers=headers).json()["stored"] == 1


def test_a_webhook_without_its_secret_is_not_set_up(hooked: Site) -> None:
    before = hooked.everything()
    answer = hooked.client.post("/hooks/closed", json={"event": "opened"})
    assert answer.status_code == 503
    assert "NOT_SET" not in answer.text
    assert hooked.everything() == before
    found = troubles(hooked.workspace.settings, {"SG": "no key", "TW": "x", "MAILER": "x"})
    assert len(found) == 3
    assert any("no verification key" in one for one in found)
    assert any("NOT_SET is not set" in one for one in found)


def test_moments_from_outside() -> None:
    now = datetime(2026, 6, 4, 15, 30, tzinfo=UTC)
    assert moment(now.timestamp() - 60, now).minute == 29
    assert moment("2026-06-04T15:29:00Z", now).minute == 29
    assert moment("2026-06-04T15:29:00", now).minute == 29
    for odd in (None, "soon", 1e30, float("nan"), True, [], now.timestamp() + 999, "2099-01-01T00:00:00Z"):
        assert moment(odd, now) == now


def test_the_keys_of_tests_are_keys() -> None:
    assert b64decode(verification_key(0)) != b64decode(verification_key(1))
