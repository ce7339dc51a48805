"""Templates as they are stored, and those a workspace begins with.

What belongs here: the shape that store, sending and faces share. What does not: the language they are
written in, and rendering (`send.template`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from yaml import safe_load

PARTS = ("subject", "html", "text", "sms", "from_name", "preheader")
"""What a template is written of, in the order it is shown."""
EVENT = ("event_date", "event_year", "event_month", "event_day")
RESERVED = (
    "name", *EVENT, "send_date", "email_type", "campaign", "campaign_name", "campaign_type", "sender_name",
    "sender_email", "sender_line", "postal_address", "attributes", "unsubscribe_url", "view_url",
)  # fmt: skip
"""Variables that are no columns of contacts: no attribute can have such a name."""
_HERE = "<!-- BODY -->\n"


@dataclass(frozen=True)
class Attachment:
    """A file that goes with an email."""

    name: str
    type: str
    """Like application/pdf."""
    data: bytes


@dataclass(frozen=True)
class Source:
    """One version of a template."""

    name: str
    version: int
    subject: str | None = None
    html: str | None = None
    text: str | None = None
    sms: str | None = None
    from_name: str | None = None
    preheader: str | None = None
    """What mail programs show beside the subject."""
    attachments: tuple[Attachment, ...] = ()

    @property
    def is_email(self) -> bool:
        return bool(self.html or self.text)

    def parts(self) -> dict[str, str]:
        """Those there are, by name."""
        return {part: text for part in PARTS if (text := getattr(self, part))}


@cache
def defaults() -> tuple[Source, ...]:
    """The templates that come with Carillon, each as version 1."""
    folder = resources.files("carillon").joinpath("data", "templates")

    def read(name: str) -> str:
        return folder.joinpath(name).read_text(encoding="utf-8")

    def source(name: str, said: Mapping[str, str] | None) -> Source:
        if not said:
            return Source(name, 1, sms=read(f"{name}.txt").strip())
        html = layout.replace(_HERE, read(f"{name}.html"))
        return Source(name, 1, said["subject"], html, preheader=said["preheader"])

    layout = read("layout.html")
    return tuple(source(name, said) for name, said in safe_load(read("index.yaml")).items())
