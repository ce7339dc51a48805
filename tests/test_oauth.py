"""Access tokens: asked for once, kept until shortly before their end; what is said where there is none."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carillon import oauth
from carillon.connection_settings import read_settings
from carillon.errors import InputError
from carillon.oauth import EARLY_SECONDS, FAULT_SECONDS, AccessTokens, Grant, NoToken, tokens_of
from carillon.oauth_settings import OAuthSettings
from carillon.vault import SecretText
from tests.doubles.token_endpoint import (
    CLIENT_SECRET,
    REFRESH_TOKEN,
    TokenEndpoint,
    refusal,
    token_endpoint,
)


class Time:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    with token_endpoint() as found:
        yield found


@pytest.fixture
def now() -> Time:
    return Time()


def grant(endpoint: TokenEndpoint | str, **more: Any) -> Grant:
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    values = {"client_id": "c-1", "scope": None, "refresh_token": SecretText(REFRESH_TOKEN)} | more
    return Grant(token_url=url, **values)


def fault(tokens: AccessTokens) -> NoToken:
    with pytest.raises(NoToken) as caught:
        tokens.get()
    for secret in (REFRESH_TOKEN, CLIENT_SECRET):
        assert secret not in str(caught.value) + repr(caught.value.__context__)
    return caught.value


def test_what_is_asked_for(endpoint: TokenEndpoint) -> None:
    AccessTokens(grant(endpoint)).get()
    AccessTokens(grant(endpoint, scope="mail send", client_secret=SecretText(CLIENT_SECRET))).get()
    plain = {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN, "client_id": "c-1"}
    assert endpoint.asked == [plain, plain | {"scope": "mail send", "client_secret": CLIENT_SECRET}]


@pytest.mark.parametrize(
    ("expires_in", "used_for"),
    [(3600, 3600 - EARLY_SECONDS), ("3600", 3600 - EARLY_SECONDS), (60, 30), (None, 180), ("soon", 180)],
)
def test_a_token_is_kept_until_shortly_before_its_end(
    endpoint: TokenEndpoint, now: Time, expires_in: Any, used_for: float
) -> None:
    endpoint.expires_in = expires_in
    tokens = AccessTokens(grant(endpoint), now=now)
    first = tokens.get()
    assert (first.token.reveal(), first.is_new) == ("access-1", True)
    now.seconds += used_for - 1
    assert (tokens.get().token, tokens.get().is_new) == (first.token, False)
    now.seconds += 1
    assert tokens.get().token.reveal() == "access-2"
    assert len(endpoint.asked) == 2


def test_many_threads_ask_once(endpoint: TokenEndpoint) -> None:
    endpoint.delay = 0.1
    tokens, got = AccessTokens(grant(endpoint)), []
    threads = [threading.Thread(target=lambda: got.append(tokens.get())) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert {one.token.reveal() for one in got} == {"access-1"}
    assert sum(one.is_new for one in got) == 1
    assert len(endpoint.asked) == 1


def test_a_refused_token_is_replaced_once_for_all(endpoint: TokenEndpoint) -> None:
    tokens = AccessTokens(grant(endpoint))
    first = tokens.get().token
    assert tokens.instead_of(first).reveal() == "access-2"
    assert tokens.instead_of(first).reveal() == "access-2"
    assert len(endpoint.asked) == 2


def test_a_renewed_refresh_token_is_used_and_kept(endpoint: TokenEndpoint, now: Time) -> None:
    endpoint.renewing = True
    kept: list[tuple[str, str]] = []
    tokens = AccessTokens(grant(endpoint), lambda old, new: kept.append((old.reveal(), new.reveal())), now)
    for _ in range(3):
        assert tokens.get().is_new
        now.seconds += 3600
    names = [REFRESH_TOKEN, *(f"{REFRESH_TOKEN}-{number}" for number in (1, 2, 3))]
    assert [one["refresh_token"] for one in endpoint.asked] == names[:3]
    assert kept == list(pairwise(names))
    # Whoever reads the new one where it was stored gets the same tokens.
    assert tokens_of(grant(endpoint, refresh_token=SecretText(names[3]))) is tokens


def test_everybody_with_one_grant_shares_its_tokens(endpoint: TokenEndpoint) -> None:
    assert tokens_of(grant(endpoint)) is tokens_of(grant(endpoint))
    assert tokens_of(grant(endpoint)) is not tokens_of(grant(endpoint, scope="mail"))


@pytest.mark.parametrize(
    ("answer", "words", "refused", "wait"),
    [
        (refusal("invalid_grant", f"{REFRESH_TOKEN} is\nover"), "<secret> is over. Sign in", True, None),
        (refusal("invalid_client", CLIENT_SECRET), "<secret>. Check --oauth-client-id", True, None),
        (refusal("invalid_scope"), "Check --oauth-scope", True, None),
        (refusal("something_else"), "something_else. Check --oauth-token-url", True, None),
        ((503, {"Retry-After": "90"}, b"busy"), "no access token now (status 503)", False, 90.0),
        ((429, {}, b""), "(status 429)", False, None),
        ((404, {}, b"<html>"), "does not answer as a token endpoint does (status 404)", True, None),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "(status 302)", True, None),
        ((200, {}, b"[1]"), "does not answer as a token endpoint", True, None),
        ((200, {}, b'{"access_token": "a\\u0001b"}'), "does not answer as a token endpoint", True, None),
        ((200, {}, b'{"access_token": 7}'), "does not answer as a token endpoint", True, None),
    ],
)  # fmt: skip
def test_no_token(
    endpoint: TokenEndpoint, now: Time, answer: Any, words: str, refused: bool, wait: float | None
) -> None:
    endpoint.answers = [answer]
    tokens = AccessTokens(grant(endpoint, client_secret=SecretText(CLIENT_SECRET)), now=now)
    found = fault(tokens)
    assert words in str(found)
    assert (found.refused, found.wait) == (refused, wait)
    # Who waited meanwhile fails with it; later it is asked again.
    assert str(fault(tokens)) == str(found)
    assert len(endpoint.asked) == 1
    now.seconds += FAULT_SECONDS
    assert tokens.get().is_new


def test_no_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setattr(oauth, "TIMEOUT", 0.2)
        found = fault(AccessTokens(grant(f"http://127.0.0.1:{port}/")))
        assert "does not answer within" in str(found)
        assert not found.refused
        tls = fault(AccessTokens(grant(f"https://127.0.0.1:{port}/")))
        assert "127.0.0.1" in str(tls)
    found = fault(AccessTokens(grant(f"http://127.0.0.1:{port}/")))
    assert "Connection refused. Check --oauth-token-url" in str(found)
    assert not found.refused
    assert "there is no host no.such.host.invalid" in str(
        fault(AccessTokens(grant("https://no.such.host.invalid/")))
    )


@given(st.dictionaries(st.text(max_size=20), st.text() | st.integers() | st.none(), max_size=4), st.binary())
def test_words_of_any_answer_hold_no_secret(answer: dict[str, Any], more: bytes) -> None:
    """Whatever stands in the answer, read as the endpoint's."""
    secret = SecretText(REFRESH_TOKEN)
    said = oauth._said(REFRESH_TOKEN, json.dumps(answer) + REFRESH_TOKEN + repr(more), grant("https://a/"))
    assert secret.reveal() not in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://login.example.com/token", "use https"),
        ("login.example.com/token", "not the address of a token endpoint"),
        ("ftp://login.example.com/", "not the address"),
        ("https://me:pw@login.example.com/", "not the address"),
        ("https://login.example.com/#x", "not the address"),
        ("https://[::1/", "not the address"),
    ],
)
def test_a_refresh_token_goes_only_where_nobody_reads_along(url: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_settings(OAuthSettings, "it", {"oauth_token_url": url})
    for good in (
        "https://login.example.com/t",
        "http://127.0.0.1:8000/t",
        "http://localhost/t",
        "http://[::1]/t",
    ):
        assert read_settings(OAuthSettings, "it", {"oauth_token_url": good}).oauth_token_url == good
