"""The few pages the public sees: plain HTML without scripts, readable on any phone, light and dark."""

from __future__ import annotations

from html import escape

_STYLE = (
    ":root{color-scheme:light dark}body{margin:0;font:18px/1.55 -apple-system,'Segoe UI',Helvetica,Arial,"
    "sans-serif;background:#f4f4f1;color:#23302c}main{max-width:30em;margin:12vh auto;padding:30px;"
    "background:#fff;border-radius:14px}h1{font-size:26px;line-height:1.25;margin:0 0 16px}p{margin:0 0 16px}"
    "button{font:inherit;font-weight:600;padding:12px 22px;border:0;border-radius:10px;background:#2f5d50;"
    "color:#fff;cursor:pointer}button:focus-visible{outline:3px solid #6fae9a;outline-offset:3px}"
    "@media(max-width:520px){main{margin:0;border-radius:0;min-height:100vh;box-sizing:border-box}}"
    "@media(prefers-color-scheme:dark){body{background:#151a18;color:#dfe6e3}main{background:#1f2624}"
    "button{background:#6fae9a;color:#10201b}}"
)


def page(title: str, body: str, style: str = "") -> str:
    """A page; `body` is HTML, `style` CSS of its own."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><style>{_STYLE}{style}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def ask(address: str, sender: str) -> str:
    """The page that a link to unsubscribe opens."""
    body = (
        f"<p>{escape(masked(address))} will get no more marketing email from {escape(sender)}.</p>"
        '<form method="post"><button type="submit">Unsubscribe</button></form>'
    )
    return page("Unsubscribe?", body)


def done(sender: str) -> str:
    return page("You are unsubscribed", f"<p>You will get no more marketing email from {escape(sender)}.</p>")


def trial() -> str:
    """Where the links of previews and tests lead."""
    return page("This was a test", "<p>The link works. In a test email it changes nothing.</p>")


def unknown() -> str:
    return page(
        "This link is not valid", "<p>It may have been cut off. Please open it from the email again.</p>"
    )


def later() -> str:
    return page("Please try again", "<p>This could not be done just now. Try again in a minute.</p>")


def plain(text: str) -> str:
    """An email that has no HTML."""
    return page("Your email", f'<div style="white-space:pre-wrap">{escape(text)}</div>')


def masked(address: str) -> str:
    """Enough of an address for its owner to know it."""
    place, _, domain = address.rpartition("@")
    return f"{place[:1]}***@{domain}"
