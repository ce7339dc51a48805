"""Everything that happened to a contact, the newest first."""

from __future__ import annotations

from nicegui import ui

from carillon.store import timeline
from carillon.store.timeline import EMAIL, ENROLLED, EVENT, Entry
from carillon.web.pages.contacts.words import plain
from carillon.web.parts import button, card, empty, icon, read, text, when

PAGE = 25
_EMAILS = {
    "sent": ("Email sent", "outgoing_mail", ""),
    "delivered": ("Email delivered", "mark_email_read", "good"),
    "bounced": ("Email bounced", "report", "bad"),
    "failed": ("Email failed", "error", "bad"),
    "cancelled": ("Email cancelled", "cancel", "warn"),
    "skipped": ("Email skipped", "skip_next", "warn"),
    "in_doubt": ("Email in doubt", "help", "bad"),
}
_EVENTS = {
    "delivered": ("Delivered", "mark_email_read", "good"),
    "delayed": ("Delayed, still tried", "hourglass_top", ""),
    "opened": ("Opened an email", "drafts", ""),
    "clicked": ("Clicked a link", "ads_click", "good"),
    "replied": ("Replied", "reply", "good"),
    "auto_replied": ("Automatic reply", "beach_access", ""),
    "bounced": ("Mail came back", "report", "bad"),
    "complained": ("Complained", "report", "bad"),
    "unsubscribed": ("Unsubscribed", "unsubscribe", "warn"),
    "opted_out": ("Opted out", "block", "warn"),
    "eligibility_answered": ("Answered the health questions", "quiz", ""),
}
_DATA = ("subject", "url", "link", "reason", "kind", "diagnostic", "snippet", "text")
"""Of an event, what says most about it; in this order."""
_LONGEST = 240


async def story(contact: int, zone: str | None) -> None:
    """The card; more of it on demand."""
    shown = {"n": PAGE}
    found = await read(lambda c: timeline.of(c, contact, PAGE + 1))

    async def more() -> None:
        shown["n"] += 4 * PAGE
        entries.refresh(await read(lambda c: timeline.of(c, contact, shown["n"] + 1)))

    @ui.refreshable
    def entries(all_of: list[Entry]) -> None:
        if not all_of:
            with empty("history", "Nothing yet", "What is sent and what comes back stands here."):
                pass
            return
        with ui.element("div").classes("c-list"):
            for one in all_of[: shown["n"]]:
                _entry(one, zone)
        if len(all_of) > shown["n"]:
            with ui.element("div").classes("c-foot"):
                button("Show more", "expand_more", more, look="quiet")

    with card("What happened", flush=True):
        entries(found)


def _entry(one: Entry, zone: str | None) -> None:
    title, symbol, tone = _title(one)
    with ui.element("div").classes("c-item"):
        icon(symbol).classes(f"c-{tone}" if tone else "c-muted").style("font-size: 20px")
        with ui.element("div").classes("c-grow"):
            text("div", title, "c-strong")
            if detail := _detail(one):
                text("div", detail, "c-muted c-small c-break")
        when(one.at, zone).classes("c-muted c-small")


def _title(one: Entry) -> tuple[str, str, str]:
    if one.kind == EMAIL:
        title, symbol, tone = _EMAILS.get(one.what, (f"Email {plain(one.what)}", "mail", ""))
        return f"{title}: {plain(one.about or '')}", symbol, tone
    if one.kind == EVENT:
        return _EVENTS.get(one.what, (plain(one.what).capitalize(), "info", ""))
    if one.kind == ENROLLED:
        return f"Enrolled in {one.what}", "account_tree", ""
    return f"Left {one.what}: {plain(one.about or 'ended')}", "logout", ""


def _detail(one: Entry) -> str:
    if one.kind == EMAIL:
        return plain(one.detail or "")
    if one.kind != EVENT:
        return ""
    data = one.data or {}
    said = [str(data[name]) for name in _DATA if data.get(name) not in (None, "", [], {})]
    if one.about:
        said.append(f"by {one.about}")
    words = " · ".join(said)
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
