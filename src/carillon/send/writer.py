"""One email put together: template, contact, occasion and links become a `Mail`.

Pure: what is read of the store is handed in (`letters`, `preview`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from carillon.accounts import Account
from carillon.send.headers import one_line, reachable
from carillon.send.links import Links
from carillon.send.message import BOUNDARY_LENGTH, Mail
from carillon.send.template import Compiled, Rendered
from carillon.send.variables import Occasion, Sender, values
from carillon.settings import Settings
from carillon.store.recipients import About, Recipient
from carillon.tokens import LinkKeys, Ticket
from carillon.words import SEQUENCE_EMAIL

NOT_AUTOMATIC = (SEQUENCE_EMAIL,)
"""Email types that are to look written by a person, whom machines may answer."""
NO_TRACKING = "no_tracking"
"""A contact's attribute, or a key of a campaign's metadata, that keeps its emails untracked."""


@dataclass(frozen=True)
class Writer:
    """Writes the emails of one account."""

    account: Account
    sender: Sender
    links: Links
    slug: str
    """The workspace's name as machines take it."""

    @classmethod
    def of(cls, account: Account, settings: Settings, keys: LinkKeys) -> Writer:
        """The writer of an account as the settings want it."""
        sending, tracking = settings.sending, settings.tracking
        sender = Sender(
            sending.sender_name or account.display_name or account.address,
            account.address,
            tuple((sending.postal_address or "").split("\n")) if sending.postal_address else (),
        )
        links = Links(keys, account.address, sending.public_url, tracking.opens, tracking.clicks)
        slug = re.sub(r"[^a-z0-9]+", "-", settings.workspace.name.lower()).strip("-")[:40].strip("-")
        return cls(account, sender, links, slug or "carillon")

    def named(self, sender: object) -> Writer:
        """The same with another name for the sender; without one, itself."""
        return replace(self, sender=replace(self.sender, name=str(sender))) if sender else self

    def render(
        self, compiled: Compiled, recipient: Recipient, occasion: Occasion, schedule: int
    ) -> tuple[Rendered, str]:
        """The parts, and the link to unsubscribe. `schedule` 0: a preview, whose links change nothing."""
        ticket = Ticket(recipient.id if schedule else 0, schedule)
        unsubscribe = self.links.unsubscribe(ticket)
        known = values(recipient, occasion, self.sender)
        known["unsubscribe_url"] = unsubscribe
        known["view_url"] = self.links.view(ticket) if "view_url" in compiled.names else ""
        rendered = compiled.render(known)
        if rendered.html is not None and _may_track(recipient, occasion.campaign):
            html = self.links.tracked(rendered.html, ticket)
            rendered = rendered if html == rendered.html else replace(rendered, html=html)
        return rendered, unsubscribe

    def write(
        self,
        compiled: Compiled,
        recipient: Recipient,
        occasion: Occasion,
        schedule: int,
        now: datetime,
        references: tuple[str, ...] = (),
    ) -> Mail:
        """The email. Raises TemplateFault where it cannot be rendered, InputError for an address that
        cannot be written to."""
        rendered, unsubscribe = self.render(compiled, recipient, occasion, schedule)
        domain = self.account.address.rpartition("@")[2]
        first, last = recipient.fields.get("first_name", ""), recipient.fields.get("last_name", "")
        kind = occasion.email_type
        campaign = occasion.campaign.name if occasion.campaign else kind
        sender = rendered.from_name or one_line(self.sender.name)
        return Mail(
            boundary=f"{schedule & 0xFFFF_FFFF_FFFF_FFFF:0{BOUNDARY_LENGTH}x}",
            # Who has no name is not called by the address twice.
            from_name="" if sender == self.account.address else sender,
            from_address=reachable(self.account.address),
            to_name=one_line(f"{first} {last}"),
            to_address=reachable(recipient.email),
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            date=now,
            message_id=f"<{self.links.keys.mark(schedule)}@{reachable(f'x@{domain}')[2:]}>",
            reply_to=reachable(self.account.reply_to) if self.account.reply_to else None,
            references=references,
            list_unsubscribe=(unsubscribe,),
            one_click=self.links.public_url is not None,
            list_id=f"<{_word(kind)}.{self.slug}.{reachable(f'x@{domain}')[2:]}>",
            feedback_id=f"{_word(campaign)}:{_word(kind)}:{self.account.id}:{self.slug}",
            automatic=kind not in NOT_AUTOMATIC,
            attachments=compiled.source.attachments,
        )


def _may_track(recipient: Recipient, campaign: About | None) -> bool:
    refused = recipient.attributes.get(NO_TRACKING), campaign and campaign.metadata.get(NO_TRACKING)
    return not any(refused)


@lru_cache(maxsize=1024)
def _word(text: str) -> str:
    """A name as a part of a header for machines."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60] or "0"
