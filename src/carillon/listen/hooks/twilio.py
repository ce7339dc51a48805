"""Twilio's webhooks: what became of an SMS, and what people answer.

`X-Twilio-Signature` is HMAC-SHA1, under the auth token, of the address that Twilio called and all parameters
of the form, sorted by name, without anything between them. The address may have been signed with its port.
Source: twilio.com/docs/usage/security, "Validating signatures from Twilio". There is no moment in it: what
is sent once more is stored no second time.
"""

from __future__ import annotations

from base64 import b64encode
from hmac import compare_digest
from hmac import digest as hmac
from urllib.parse import parse_qsl, urlsplit

from carillon.events import Event
from carillon.listen.hooks import LONGEST_TEXT, BadCall, Call, Found, Misfit
from carillon.tokens import LinkKeys
from carillon.vault import SecretText
from carillon.words import EventKind

SOURCE = "twilio"
SIGNATURE = "x-twilio-signature"
MARK = "email"
"""The parameter of a callback's address that proves which row it is about: `LinkKeys.mark`."""
_KINDS = {
    "sent": EventKind.SMS_SENT,
    "delivered": EventKind.SMS_DELIVERED,
    "undelivered": EventKind.SMS_FAILED,
    "failed": EventKind.SMS_FAILED,
}
_RECEIVED = "received"
_STOPS = frozenset(("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"))
"""Twilio's default opt-out keywords."""
_MOST_FIELDS = 1_000


class Twilio:
    """The webhook."""

    media_types: tuple[str, ...] = ("application/x-www-form-urlencoded",)
    answer = ('<?xml version="1.0" encoding="UTF-8"?><Response></Response>', "text/xml")

    def __init__(self, token: SecretText) -> None:
        self._token = token

    def is_genuine(self, call: Call) -> bool:
        try:
            fields = sorted(set(_fields(call.body)))
        except BadCall:
            return False
        rest = "".join(name + value for name, value in fields)
        given = call.header(SIGNATURE).encode()
        key = self._token.reveal().encode()
        ours = [b64encode(hmac(key, (url + rest).encode(), "sha1")) for url in _spellings(call.url)]
        return any(compare_digest(one, given) for one in ours)

    def read(self, call: Call, keys: LinkKeys) -> Found:
        fields = dict(_fields(call.body))
        sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
        status = (fields.get("MessageStatus") or fields.get("SmsStatus") or _RECEIVED).lower()
        if not sid:
            return Found(misfits=[Misfit(0, "MessageSid is missing")])
        key = f"{sid[:200]}:{status[:50]}"
        if status == _RECEIVED:
            return _received(fields, key, call)
        data = {"said": status, "code": fields.get("ErrorCode"), "text": fields.get("ErrorMessage")}
        event = Event(
            _KINDS.get(status, EventKind.UNKNOWN),
            SOURCE,
            key,
            call.now,
            schedule=keys.marked(call.query.get(MARK, "")),
            data={name: value[:LONGEST_TEXT] for name, value in data.items() if value},
            raw=call.body,
        )
        if event.schedule is not None:
            return Found([event])
        return Found(phones={fields.get("To", ""): event})


def _received(fields: dict[str, str], key: str, call: Call) -> Found:
    """Somebody wrote. Who says stop gets no more SMS; their email is another matter."""
    phone, text = fields.get("From", ""), fields.get("Body", "")
    if not phone:
        return Found(misfits=[Misfit(0, "From is missing")])
    stops = fields.get("OptOutType", "").upper() == "STOP"
    stops = stops or "".join(text.lower().split()).strip(".!") in _STOPS
    reply = Event(
        EventKind.SMS_OPTED_OUT if stops else EventKind.SMS_REPLIED,
        SOURCE,
        key,
        call.now,
        data={"from": phone[:LONGEST_TEXT], "text": text[:LONGEST_TEXT]},
        raw=call.body,
    )
    found = Found(phones={phone: reply})
    if stops:
        stop = Event(EventKind.SMS_OPTED_OUT, SOURCE, f"{key}:stop", call.now, address=phone, raw=call.body)
        found.events.append(stop)
    return found


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadCall("the body is not a form") from None


def _spellings(url: str) -> tuple[str, str]:
    """The address as it is, and with the port it does not say or without the one it does."""
    try:
        parts = urlsplit(url)
        port = {"https": 443, "http": 80}.get(parts.scheme)
        if parts.port is None:
            other = parts._replace(netloc=f"{parts.netloc}:{port}")
        else:
            other = parts._replace(netloc=parts.netloc.rpartition(":")[0])
    except ValueError:
        return url, url
    return url, other.geturl()
