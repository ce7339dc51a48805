"""The message as the standard library makes it: `EmailMessage`, and the bytes of it.

What belongs here: which headers an email has and in which order, and its parts. What does not: where the
values come from (`letters`). `skeleton` makes the same bytes faster; what is changed here is changed there,
and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from carillon.send.headers import BUILD, WIRE, address
from carillon.templates import Attachment

BOUNDARY_LENGTH = 16
"""Characters of `Mail.boundary`: folding depends on it."""


@dataclass(slots=True)
class Mail:
    """Everything that is in one email. Names, subject and bodies are any text; the rest is for machines.

    Never changed; a frozen one takes three times as long to make.
    """

    boundary: str
    """`BOUNDARY_LENGTH` letters and digits, of the schedule id; see `boundaries`."""
    from_name: str
    from_address: str
    to_name: str
    to_address: str
    subject: str
    text: str
    html: str | None
    date: datetime
    message_id: str
    reply_to: str | None = None
    references: tuple[str, ...] = ()
    """Message-IDs of the thread, oldest first; the last is what it answers."""
    list_unsubscribe: tuple[str, ...] = ()
    """Links, the one to be used first."""
    one_click: bool = False
    """Whether the first of them takes the POST of RFC 8058."""
    list_id: str | None = None
    feedback_id: str | None = None
    automatic: bool = True
    """Whether machines should not answer (RFC 3834)."""
    attachments: tuple[Attachment, ...] = ()


def machine_headers(mail: Mail) -> Iterator[tuple[str, str]]:
    """Headers made for machines, in their order."""
    yield "Message-ID", mail.message_id
    if mail.references:
        yield "In-Reply-To", mail.references[-1]
        yield "References", " ".join(mail.references)
    if mail.list_unsubscribe:
        yield "List-Unsubscribe", ", ".join(f"<{link}>" for link in mail.list_unsubscribe)
    if mail.one_click:
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    if mail.list_id:
        yield "List-Id", mail.list_id
    if mail.feedback_id:
        yield "Feedback-ID", mail.feedback_id
    if mail.automatic:
        yield "Auto-Submitted", "auto-generated"


def boundaries(key: str) -> tuple[str, str]:
    """What separates the bodies, and what the attachments. `=_` never stands in quoted-printable text."""
    return f"=_a{key}", f"=_m{key}"


def build(mail: Mail) -> EmailMessage:
    """The message. Raises InputError for an address that cannot be written to."""
    message = EmailMessage(policy=BUILD)
    message["From"] = address(mail.from_name, mail.from_address)
    message["To"] = address(mail.to_name, mail.to_address)
    if mail.reply_to:
        message["Reply-To"] = address("", mail.reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.date)
    for name, value in machine_headers(mail):
        message[name] = value
    message.set_content(mail.text, cte="quoted-printable")
    bodies, files = boundaries(mail.boundary)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        message.set_boundary(bodies)
    if mail.attachments:
        for one in mail.attachments:
            kind, _, below = one.type.partition("/")
            message.add_attachment(one.data, maintype=kind, subtype=below, filename=one.name)
        message.set_boundary(files)
    return message


def compose(mail: Mail) -> bytes:
    """The message as it goes to a server, without the doubling of leading dots."""
    return build(mail).as_bytes(policy=WIRE)
