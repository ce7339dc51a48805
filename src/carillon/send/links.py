"""The links in an email: to unsubscribe, to read it in a browser, and those that tell what was read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import quote

from carillon.tokens import LinkKeys, Purpose, Ticket, trackable

_HREF = re.compile(r"(<a\b[^>]*?\shref=)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Links:
    """Makes links for one account."""

    keys: LinkKeys
    mailbox: str
    """The account's address: who cannot be given a link to unsubscribe writes there."""
    public_url: str | None
    opens: bool = False
    clicks: bool = False

    def unsubscribe(self, ticket: Ticket) -> str:
        """Where to unsubscribe: a page or, without a public address, an email to write."""
        token = self.keys.sign(Purpose.UNSUBSCRIBE, ticket)
        if self.public_url is None:
            return f"mailto:{quote(self.mailbox, safe='@')}?subject=unsubscribe%20{token}"
        return f"{self.public_url}/u/{token}"

    def view(self, ticket: Ticket) -> str:
        """Where to read the email in a browser; empty without a public address."""
        return "" if self.public_url is None else self._to(Purpose.VIEW, ticket)

    def tracked(self, html: str, ticket: Ticket) -> str:
        """HTML whose links and picture tell what was read, as far as that is wanted."""
        if self.public_url is None or not ticket.schedule:
            return html
        if self.clicks:
            html = _HREF.sub(lambda found: self._click(found, ticket), html)
        if self.opens:
            address = self._to(Purpose.OPEN, ticket)
            pixel = f'<img src="{address}" width="1" height="1" alt="" style="display:block;border:0">'
            last = next(iter(reversed(list(_END.finditer(html)))), None)
            html = f"{html[: last.start()]}{pixel}{html[last.start() :]}" if last else html + pixel
        return html

    def _click(self, found: re.Match[str], ticket: Ticket) -> str:
        target = unescape(found[2][1:-1]).strip()
        if not trackable(target) or target.startswith(f"{self.public_url}/"):
            return found[0]
        address = self._to(Purpose.CLICK, Ticket(ticket.contact, ticket.schedule, target))
        return f'{found[1]}"{escape(address)}"'

    def _to(self, purpose: Purpose, ticket: Ticket) -> str:
        return f"{self.public_url}/{purpose.value}/{self.keys.sign(purpose, ticket)}"
