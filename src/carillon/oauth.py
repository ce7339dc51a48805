"""Access tokens for logins without a password (OAuth 2.0): got by refresh, kept in memory, renewed in time.

What belongs here: the request to the token endpoint (RFC 6749 section 6) and what its answers mean, in words.
What does not: where the refresh token is kept (`vault`), and what is said to a mail server with an access
token (each transport and source). Time is real time: `--now` makes no token older.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, TypeAlias

import httpx

from carillon.clock import monotonic
from carillon.connection_faults import (
    Remedies,
    about_name_or_encryption,
    certificates,
    chain_of,
    reason_not_connected,
)
from carillon.errors import CarillonError, Refused
from carillon.vault import SecretText

TIMEOUT = 10.0
"""Seconds; less than what a login may take, so that the fault is told as what it is."""
EARLY_SECONDS = 120.0
"""A token is not used in its last two minutes, or in the second half of a shorter life."""
UNTOLD_SECONDS = 300.0
"""The life of a token whose endpoint does not tell it."""
FAULT_SECONDS = 5.0
"""For so long after a failure nobody asks again: whoever waited for it fails with it."""
MOST_KNOWN = 1000
_AGAIN = "`carillon account set NAME --oauth-refresh-token-stdin`"
_REMEDIES = Remedies(
    encryption="Check --oauth-token-url.", trust="SSL_CERT_FILE in the environment", host="--oauth-token-url"
)


class NoToken(Refused):
    """No access token was to be had; the text says why and what to do."""

    def __init__(self, why: str, *, refused: bool = False, wait: float | None = None) -> None:
        """`refused`: the other side said no, and will until a person does something. `wait`: seconds."""
        super().__init__(why)
        self.refused, self.wait = refused, wait


@dataclass(frozen=True)
class Grant:
    """What an access token is asked for with."""

    token_url: str
    client_id: str
    scope: str | None
    """None: what was granted at the sign-in."""
    refresh_token: SecretText
    client_secret: SecretText | None = None

    @property
    def place(self) -> str:
        """The endpoint's host, for people."""
        return httpx.URL(self.token_url).host

    def form(self) -> dict[str, str]:
        """The request's fields."""
        found = {
            "grant_type": "refresh_token",
            "refresh_token": self.refresh_token.reveal(),
            "client_id": self.client_id,
        }
        if self.client_secret:
            found["client_secret"] = self.client_secret.reveal()
        return found if self.scope is None else found | {"scope": self.scope}


@dataclass(frozen=True, slots=True)
class Access:
    """A token, and whether it was made for who asked: then another one would fare no better."""

    token: SecretText
    is_new: bool


Keep: TypeAlias = Callable[[SecretText, SecretText], None]
"""Is told the refresh token there was, and the one that the endpoint has handed out in its place."""


class AccessTokens:
    """The access tokens of one grant, one after the other. For any number of threads."""

    def __init__(
        self,
        grant: Grant,
        keep: Keep | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.keep = keep
        self._grant, self._now = grant, now
        self._lock = Lock()
        self._token: SecretText | None = None
        self._good_until = 0.0
        self._fault: tuple[float, NoToken] | None = None

    def get(self) -> Access:
        """A token that is good for a while. Asks the endpoint where there is none. Raises NoToken."""
        with self._lock:
            if self._token is not None and self._now() < self._good_until:
                return Access(self._token, is_new=False)
            return Access(self._refreshed(), is_new=True)

    def instead_of(self, refused: SecretText) -> SecretText:
        """Another token than the one that a server refused. Raises NoToken."""
        with self._lock:
            if self._token is not None and self._token != refused:
                return self._token
            return self._refreshed()

    def _refreshed(self) -> SecretText:
        if self._fault is not None and self._now() < self._fault[0] + FAULT_SECONDS:
            known = self._fault[1]
            raise NoToken(str(known), refused=known.refused, wait=known.wait)
        try:
            answer = _ask(self._grant)
        except NoToken as fault:
            self._fault = (self._now(), fault)
            raise
        self._token, self._fault = SecretText(answer["access_token"]), None
        life = _seconds(answer.get("expires_in")) or UNTOLD_SECONDS
        self._good_until = self._now() + life - min(EARLY_SECONDS, life / 2)
        renewed = answer.get("refresh_token")
        if isinstance(renewed, str) and renewed and renewed != self._grant.refresh_token.reveal():
            self._renew(SecretText(renewed))
        return self._token

    def _renew(self, refresh_token: SecretText) -> None:
        old = self._grant.refresh_token
        self._grant = replace(self._grant, refresh_token=refresh_token)
        _know(self._grant, self)
        if self.keep is not None:
            # What cannot be stored now is used all the same, and the next one is stored instead of it.
            with suppress(CarillonError):
                self.keep(old, refresh_token)


Credentials: TypeAlias = SecretText | AccessTokens
"""What an account logs in with: a password, or tokens in its place."""

_known: dict[Grant, AccessTokens] = {}
_known_lock = Lock()


def tokens_of(grant: Grant, keep: Keep | None = None) -> AccessTokens:
    """The tokens of a grant: everybody in this process shares them, sender and listener alike."""
    with _known_lock:
        found = _known.get(grant)
    if found is None:
        found = AccessTokens(grant)
        _know(grant, found)
    found.keep = keep or found.keep
    return found


def _know(grant: Grant, tokens: AccessTokens) -> None:
    with _known_lock:
        _known[grant] = tokens
        while len(_known) > MOST_KNOWN:
            del _known[next(iter(_known))]


def _ask(grant: Grant) -> dict[str, Any]:
    """What the endpoint answers, with an access token in it. Raises NoToken."""
    verify = certificates(None) if grant.token_url.startswith("https:") else True
    try:
        # The environment could name a proxy or a password for this host: neither is meant for a secret.
        with httpx.Client(timeout=TIMEOUT, verify=verify, trust_env=False) as client:
            response = client.post(grant.token_url, data=grant.form(), headers={"Accept": "application/json"})
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise NoToken(_not_reached(error, grant.place)) from None
    answer = _document(response)
    if response.status_code == 200 and _is_token(answer.get("access_token")):
        return answer
    raise _no(response, answer, grant)


def _no(response: httpx.Response, answer: dict[str, Any], grant: Grant) -> NoToken:
    where, status = grant.place, response.status_code
    if status == 429 or status >= 500:
        wait = response.headers.get("Retry-After", "")
        return NoToken(
            f"{where} gives out no access token now (status {status}).",
            wait=float(wait) if wait.isdecimal() else None,
        )
    error = answer.get("error")
    if status == 200 or not isinstance(error, str):
        return NoToken(
            f"{where} does not answer as a token endpoint does (status {status}). Check --oauth-token-url.",
            refused=True,
        )
    said = _said(error, answer.get("error_description"), grant)
    remedy = {
        "invalid_grant": f"Sign in again, and give the account its new refresh token with {_AGAIN}.",
        "invalid_client": "Check --oauth-client-id and the client's secret.",
        "unauthorized_client": "Check --oauth-client-id, and what the provider allows this client.",
        "invalid_scope": "Check --oauth-scope; without one it is what was granted at the sign-in.",
    }.get(error, "Check --oauth-token-url, --oauth-client-id and the client's secret.")
    return NoToken(f"{where} gives out no access token: {said}. {remedy}", refused=True)


def _said(error: str, description: object, grant: Grant) -> str:
    """The endpoint's words on one line, without any secret it may repeat."""
    told = description if isinstance(description, str) else ""
    words = " ".join(f"{error}: {told}".split()).removesuffix(":")
    for secret in (grant.refresh_token, grant.client_secret):
        if secret:
            words = words.replace(secret.reveal(), repr(secret))
    return words[:300].rstrip(" .")


def _not_reached(error: Exception, where: str) -> str:
    chain = chain_of(error)
    if found := about_name_or_encryption(chain, where, where, _REMEDIES):
        return found
    if isinstance(error, httpx.TimeoutException):
        return f"{where} gives out no access token: it does not answer within {TIMEOUT:.0f} s."
    reason = reason_not_connected(chain)
    return f"{where} gives out no access token: {reason}. Check --oauth-token-url and the network."


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_token(value: object) -> bool:
    """RFC 6749 appendix A.12: visible characters. Nothing else may get into the words of a login."""
    return isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]+", value) is not None


def _seconds(value: object) -> float | None:
    """A number, or a text that is one, as some endpoints write it."""
    text = str(value)
    return float(text) if text.isdecimal() and len(text) < 10 else None
