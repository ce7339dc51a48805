"""`imap`: a mailbox on an IMAP server, read without a trace.

Folders are opened read-only and messages fetched with PEEK, so nothing is marked as read, except for warm-up
mail between our own accounts (`put_right`). What is new is
found by UID: everything above the mark, in windows of numbers so that no answer is too long for a line. A
folder whose UIDVALIDITY is another was numbered anew; it is read again by date, and events that are known
are known by what they are, not by their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from threading import Event
from typing import Annotated, Any, ClassVar, Literal

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError
from imapclient.imapclient import JUNK, SEEN
from pydantic import BeforeValidator, model_validator

from carillon.clock import monotonic
from carillon.connection_faults import certificates
from carillon.connection_settings import (
    Host,
    Variable,
    keep_the_password,
    with_usual_security,
)
from carillon.listen.sources.imap_login import cut, hang_up, log_in, translated
from carillon.listen.sources.mail import BATCH, MOST_BYTES, Arrived, Batch, Mark, Marked, NotReached
from carillon.oauth import Credentials
from carillon.oauth_settings import OAuthSettings
from carillon.settings_checks import one_of, text, whole

INBOX = "INBOX"
SPAM = {"spam", "junk"}
"""A folder of one of these names that is not there is the server's own folder for such mail."""
WINDOW = 50_000
"""UIDs asked for at a time: an answer is one line, and a line is a megabyte at most."""
HEADERS_AT_ONCE = 500
"""Messages of which one header is asked for at a time."""
FIRST_SPELL_SECONDS = 0.5
"""IDLE begins with a short spell, and each that passes without news is followed by one twice as long."""
TICK_SECONDS = 0.5
"""While waiting, how often is looked whether to stop."""
NEWS = (b"EXISTS", b"RECENT")
WHOLE, HEADERS = f"BODY.PEEK[]<0.{MOST_BYTES}>", f"BODY.PEEK[HEADER]<0.{MOST_BYTES}>"

Seconds = Annotated[int, whole(1, 600, "seconds")]


class ImapSettings(OAuthSettings):
    """What an account says about the server its mailbox lies on.

    `auth` and what OAuth needs, where not given: as for sending, unless there is a password of its own.
    """

    PORTS: ClassVar = {"none": 143, "starttls": 143, "tls": 993}

    host: Host
    port: Annotated[int, whole(1, 65535)] = 993
    security: Annotated[Literal["none", "starttls", "tls"], one_of("none", "starttls", "tls")] = "tls"
    """Not given: what is usual for the port; none if the server is this machine."""
    username: Annotated[str, BeforeValidator(text)]
    password_env: Variable | None = None
    """The variable that holds the password, if it is neither stored nor the one for sending."""
    ca_file: Annotated[str, BeforeValidator(text)] | None = None
    """Certificates (PEM) to trust besides the system's; a relative path counts from the workspace."""
    connect_timeout: Seconds = 20
    answer_timeout: Seconds = 60

    needs_secret: ClassVar = True

    @property
    def secret_variable(self) -> str | None:
        return self.password_env

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"

    @model_validator(mode="before")
    @classmethod
    def _as_usual(cls, values: dict[str, Any]) -> dict[str, Any]:
        return with_usual_security(values, cls.PORTS, "tls")

    @model_validator(mode="after")
    def _keep_the_password(self) -> ImapSettings:
        keep_the_password(self.host, self.username, self.security)
        return self


class ImapMailbox:
    """A connection, logged in. See `listen.sources.Mailbox`."""

    def __init__(self, settings: ImapSettings, folder: Path, secret: Credentials | None) -> None:
        assert secret is not None
        ca_file = folder / settings.ca_file if settings.ca_file else None
        tls = None if settings.security == "none" else certificates(ca_file)
        self._settings = settings
        self._client = log_in(settings, tls, secret)
        with translated(settings):
            self.pushes = bool(self._client.has_capability("IDLE"))
        self._client.normalise_times = False  # times as they are, with their zone
        self._looked: dict[str, tuple[int, int]] = {}
        """By folder: its UIDVALIDITY, and up to which UID it was looked for marked messages."""

    def folders(self, wanted: tuple[str, ...]) -> list[str]:
        with translated(self._settings):
            there = [found for one in wanted if (found := self._named(one))]
        if not there:
            raise NotReached(
                f"{self._settings.place} has no folder {' or '.join(wanted)}: see listening.folders in "
                "carillon.yaml."
            )
        first, *others = dict.fromkeys(there)
        return [*others, first]

    def _named(self, name: str) -> str | None:
        if name.upper() == INBOX:
            return INBOX
        if self._client.folder_exists(name):
            return name
        return self._client.find_special_folder(JUNK) if name.lower() in SPAM else None

    def news(self, folder: str, mark: Mark, since: date) -> Iterator[Batch]:
        with translated(self._settings):
            found = self._client.select_folder(folder, readonly=True)
            uidvalidity = int(found.get(b"UIDVALIDITY", 1))
            known = mark.last_uid if mark.uidvalidity == uidvalidity else 0
            by_date = [] if mark.uidvalidity == uidvalidity else ["SINCE", since]
            last = known
            for uids in self._windows(known, found.get(b"UIDNEXT"), by_date):
                for at in range(0, len(uids), BATCH):
                    part = uids[at : at + BATCH]
                    last = part[-1]
                    yield self._batch(folder, Mark(uidvalidity, last), part)
            # What is older than `since` need not be asked about again.
            end = max(last, int(found.get(b"UIDNEXT", 1)) - 1)
            if Mark(uidvalidity, end) != Mark(uidvalidity, last) or by_date:
                yield Batch(Mark(uidvalidity, end))

    def _windows(self, known: int, following: int | None, by_date: list[Any]) -> Iterator[list[int]]:
        """UIDs above `known`, ascending, window by window. `following`: the next that will be given."""
        if following is None:
            # `*` is the last message there is, also where its number is below the first one asked for.
            uids = self._client.search(["UID", f"{known + 1}:*", *by_date])
            yield sorted(uid for uid in uids if uid > known)
            return
        for low in range(known + 1, following, WINDOW):
            high = min(low + WINDOW, following) - 1
            yield sorted(self._client.search(["UID", f"{low}:{high}", *by_date]))

    def _batch(self, folder: str, mark: Mark, uids: list[int]) -> Batch:
        try:
            found = self._fetch(uids, WHOLE)
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            # A server may be unable to hand out one broken message; the others are not to wait for it.
            found = {}
            for uid in uids:
                found |= self._one(folder, uid)
        messages = (_message(f"{folder} {uid}", parts) for uid, parts in sorted(found.items()))
        return Batch(mark, tuple(one for one in messages if one is not None))

    def _one(self, folder: str, uid: int) -> dict[int, dict[bytes, Any]]:
        """A message by itself: all of it or, where it is broken, its headers."""
        try:
            try:
                return self._fetch([uid], WHOLE)
            except IMAPClientAbortError:
                raise
            except IMAPClientError:
                return self._fetch([uid], HEADERS)
        except IMAPClientAbortError:
            raise
        except IMAPClientError as error:
            raise NotReached(
                f"{self._settings.place} does not hand out message {uid} of {folder}: {error}. Move it to "
                "another folder or delete it; until then nothing after it is read."
            ) from None

    def _fetch(self, uids: list[int], what: str) -> dict[int, dict[bytes, Any]]:
        return dict(self._client.fetch(uids, [what, "INTERNALDATE"]))

    def stored(self, batch: Batch) -> None:
        """Nothing is to be done: the mark says it all."""

    def marked(self, header: str, spam: str | None, since: date) -> list[Marked]:
        with translated(self._settings):
            junk = self._named(spam) if spam else self._client.find_special_folder(JUNK)
            found = self._marked(INBOX, False, header, ["UNSEEN", "SINCE", since])
            if junk is not None and junk != INBOX:
                found += self._marked(junk, True, header, ["SINCE", since])
            return found

    def _marked(self, folder: str, is_spam: bool, header: str, which: list[Any]) -> list[Marked]:
        uidvalidity = int(self._client.select_folder(folder, readonly=True).get(b"UIDVALIDITY", 1))
        before, known = self._looked.get(folder, (0, 0))
        known = known if before == uidvalidity else 0
        uids = [uid for uid in self._client.search([*which, "UID", f"{known + 1}:*"]) if uid > known]
        found = []
        for at in range(0, len(uids), HEADERS_AT_ONCE):
            # Not SEARCH HEADER: some servers look for the headers they have indexed only.
            part = uids[at : at + HEADERS_AT_ONCE]
            fetched = self._client.fetch(part, [f"BODY.PEEK[HEADER.FIELDS ({header})]"])
            for uid, parts in sorted(fetched.items()):
                raw = next((value for name, value in parts.items() if name.startswith(b"BODY[")), None)
                name, _, value = (raw or b"").decode("ascii", "replace").partition(":")
                if name.strip().lower() == header.lower():
                    found.append(Marked(folder, uid, is_spam, " ".join(value.split())))
        self._looked[folder] = uidvalidity, max(uids, default=known)
        return found

    def put_right(self, found: Sequence[Marked]) -> None:
        with translated(self._settings):
            for folder in dict.fromkeys(one.folder for one in found):
                here = [one for one in found if one.folder == folder]
                self._client.select_folder(folder)
                self._client.add_flags([one.number for one in here], [SEEN], silent=True)
                if spam := [one.number for one in here if one.is_spam]:
                    self._to_inbox(spam)

    def _to_inbox(self, uids: list[int]) -> None:
        if self._client.has_capability("MOVE"):
            self._client.move(uids, INBOX)
            return
        self._client.copy(uids, INBOX)
        self._client.delete_messages(uids, silent=True)
        if self._client.has_capability("UIDPLUS"):
            # Without it, EXPUNGE would also take away what others have marked for it.
            self._client.uid_expunge(uids)

    def wait(self, seconds: float, stop: Event) -> None:
        if not self.pushes:
            stop.wait(seconds)
            return
        with translated(self._settings):
            end, spell = monotonic() + seconds, FIRST_SPELL_SECONDS
            while not stop.is_set() and monotonic() < end:
                self._client.idle()
                news = self._until_news(min(end, monotonic() + spell), stop)
                # What is told in one breath with the permission to wait comes to light only now.
                _, told = self._client.idle_done()
                if news or _is_news(told):
                    return
                spell *= 2

    def _until_news(self, end: float, stop: Event) -> bool:
        while not stop.is_set() and (left := end - monotonic()) > 0:
            began = monotonic()
            told = self._client.idle_check(timeout=min(left, TICK_SECONDS))
            if _is_news(told):
                return True
            if not told and monotonic() - began < min(left, TICK_SECONDS) / 2:
                # Readable, and nothing to read: the other side has left, as the next command will show.
                break
        return False

    def close(self) -> None:
        try:
            self._client.logout()
        except Exception:
            hang_up(self._client)

    def abort(self) -> None:
        cut(self._client)


def _is_news(told: list[tuple[Any, ...]]) -> bool:
    return any(len(one) > 1 and one[1] in NEWS for one in told)


def _message(place: str, parts: dict[bytes, Any]) -> Arrived | None:
    """None: it was deleted meanwhile."""
    raw = next((value for name, value in parts.items() if name.startswith(b"BODY[")), None)
    if not isinstance(raw, bytes):
        return None
    arrived = parts.get(b"INTERNALDATE")
    return Arrived(place, arrived if isinstance(arrived, datetime) else None, raw)
