"""What every webhook must stand: calls that are forged, old, cut off, too large or of another kind.

A test class of a webhook inherits `HookCases` and says how a good call looks. Each bad one has to be refused
and may leave no trace anywhere in the data.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from carillon.clock import ManualClock
from tests.web.conftest import Site

FIVE_MINUTES = timedelta(minutes=5)


@dataclass(frozen=True)
class Post:
    """A call."""

    path: str
    body: bytes
    headers: dict[str, str]
    """With the signature."""

    def to(self, site: Site) -> int:
        return site.client.post(self.path, content=self.body, headers=self.headers).status_code


class HookCases:
    """To be inherited."""

    signature: str
    """The header that it stands in."""
    has_time = True
    """Whether the moment of a call is signed with it."""

    def sign(self, site: Site, body: bytes, key: int = 0, path: str | None = None) -> Post:
        """A call with this body, signed now with the right key (0) or another (1)."""
        raise NotImplementedError

    def good(self, site: Site) -> bytes:
        """A body with at least one event about somebody."""
        raise NotImplementedError

    def refused(self, site: Site, post: Post, *codes: int) -> None:
        before = site.everything()
        assert post.to(site) in codes
        assert site.everything() == before

    def test_a_good_call_is_stored(self, hooked: Site) -> None:
        before = hooked.everything()
        assert self.sign(hooked, self.good(hooked)).to(hooked) == 200
        assert hooked.everything() != before
        assert hooked.rows("select content from raw_messages") == [(self.good(hooked),)]

    def test_without_a_signature(self, hooked: Site) -> None:
        post = self.sign(hooked, self.good(hooked))
        headers = {name: value for name, value in post.headers.items() if name.lower() != self.signature}
        self.refused(hooked, replace(post, headers=headers), 401)
        self.refused(hooked, replace(post, headers=post.headers | {self.signature: ""}), 401)

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda good: good[::-1],
            lambda good: good[:-2],
            lambda good: good + "A",
            lambda _good: "x",
            lambda _good: "\xfc\xff",
            lambda _good: "A" * 8000,
        ],
        ids=["turned", "cut", "longer", "short", "bytes", "huge"],
    )
    def test_a_wrong_signature(self, hooked: Site, spoil: Callable[[str], str]) -> None:
        post = self.sign(hooked, self.good(hooked))
        spoiled = spoil(post.headers[self.signature]).encode("latin-1")
        before = hooked.everything()
        headers = {name.encode(): value.encode() for name, value in post.headers.items()}
        headers[self.signature.encode()] = spoiled
        assert hooked.client.post(post.path, content=post.body, headers=headers).status_code == 401  # type: ignore[arg-type]
        assert hooked.everything() == before

    def test_signed_with_another_key(self, hooked: Site) -> None:
        self.refused(hooked, self.sign(hooked, self.good(hooked), key=1), 401)

    def test_a_body_that_was_changed(self, hooked: Site) -> None:
        post = self.sign(hooked, self.good(hooked))
        self.refused(hooked, replace(post, body=post.body.replace(b"mar", b"tom")), 401)
        self.refused(hooked, replace(post, body=post.body[:-1]), 401)
        self.refused(hooked, replace(post, body=post.body + b" "), 401)
        self.refused(hooked, replace(post, body=b""), 401)

    def test_a_body_that_was_cut_off(self, hooked: Site) -> None:
        """The caller announces more than it sends, and is gone."""
        post, before = self.sign(hooked, self.good(hooked)), hooked.everything()
        place = urlsplit(str(hooked.client.base_url))
        head = [
            f"POST {post.path} HTTP/1.1",
            f"Host: {place.netloc}",
            f"Content-Length: {len(post.body) + 50}",
        ]
        head += [f"{name}: {value}" for name, value in post.headers.items()]
        with socket.create_connection((place.hostname or "", place.port or 0)) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + post.body)
        assert hooked.client.get("/").status_code == 404
        assert hooked.everything() == before

    def test_an_old_call(self, hooked: Site) -> None:
        clock = hooked.workspace.clock
        assert isinstance(clock, ManualClock)
        post = self.sign(hooked, self.good(hooked))
        clock.advance(FIVE_MINUTES + timedelta(seconds=1))
        if self.has_time:
            self.refused(hooked, post, 401)
            stale = {name: "9" * 20 if value.isdecimal() else value for name, value in post.headers.items()}
            self.refused(hooked, replace(post, headers=stale), 401)
        assert self.sign(hooked, self.good(hooked)).to(hooked) == 200

    def test_a_call_that_is_sent_again_changes_nothing(self, hooked: Site) -> None:
        post = self.sign(hooked, self.good(hooked))
        assert post.to(hooked) == 200
        before = hooked.everything()
        for again in (post, self.sign(hooked, self.good(hooked))):
            assert again.to(hooked) == 200
            assert hooked.everything() == before

    def test_a_huge_body(self, hooked: Site) -> None:
        post = self.sign(hooked, self.good(hooked) + b" " * 1_000_001)
        self.refused(hooked, post, 413)

        def parts():  # type: ignore[no-untyped-def]
            yield post.body[:400_000]
            yield post.body[400_000:]

        before = hooked.everything()
        answer = hooked.client.post(post.path, content=parts(), headers=post.headers)
        assert answer.status_code == 413
        assert hooked.everything() == before

    @pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "", "application/xml"])
    def test_another_kind_of_body(self, hooked: Site, kind: str) -> None:
        post = self.sign(hooked, self.good(hooked))
        self.refused(hooked, replace(post, headers=post.headers | {"Content-Type": kind}), 415)

    def test_a_signature_for_another_webhook(self, hooked: Site) -> None:
        post = self.sign(hooked, self.good(hooked))
        for name in ("sendgrid", "twilio", "mailer", "second"):
            if not post.path.startswith(f"/hooks/{name}"):
                self.refused(hooked, replace(post, path=f"/hooks/{name}"), 401, 415)
        self.refused(hooked, replace(post, path="/hooks/nobody"), 404)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    def test_other_methods(self, hooked: Site, method: str) -> None:
        post, before = self.sign(hooked, self.good(hooked)), hooked.everything()
        answer = hooked.client.request(method, post.path, content=post.body, headers=post.headers)
        assert answer.status_code == 405
        assert hooked.everything() == before

    def test_what_cannot_be_stored_is_asked_for_again(self, hooked: Site) -> None:
        hooked.workspace.database.write(lambda c: c.exec_driver_sql("drop table contact_events"))
        post = self.sign(hooked, self.good(hooked))
        answer = hooked.client.post(post.path, content=post.body, headers=post.headers)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "contact_events" not in answer.text
