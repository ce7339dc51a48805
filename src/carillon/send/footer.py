"""What is added to a template's source: the footer the law asks for, and the text mail programs preview.

Only what the template does not have itself: whoever writes `{{ unsubscribe_url }}` or
`{{ postal_address }}` somewhere has taken care of it.
"""

from __future__ import annotations

import re

_BODY, _END = re.compile(r"<body[^>]*>", re.IGNORECASE), re.compile(r"</body\s*>", re.IGNORECASE)
ADDRESS = frozenset({"postal_address", "sender_line"})
"""Variables that show where the sender is."""
_HTML_ADDRESS = "{{ sender_line }}"
_HTML_LINK = '<a href="{{ unsubscribe_url }}" style="color:#6b7280">Unsubscribe</a>'
_TEXT_ADDRESS = "{{ sender_line }}\n"
_TEXT_LINK = "Unsubscribe: {{ unsubscribe_url }}\n"


def of_html(html: str, has_link: bool, has_address: bool) -> str:
    """The source with a footer before the end of its body."""
    pieces = [piece for piece, there in ((_HTML_ADDRESS, has_address), (_HTML_LINK, has_link)) if not there]
    if not pieces:
        return html
    footer = (
        '<div style="max-width:560px;margin:24px auto;padding:0 16px;text-align:center;'
        f'font:13px/1.5 sans-serif;color:#6b7280">{"<br>".join(pieces)}</div>'
    )
    end = next(iter(reversed(list(_END.finditer(html)))), None)
    return f"{html[: end.start()]}{footer}{html[end.start() :]}" if end else html + footer


def of_text(text: str, has_link: bool, has_address: bool) -> str:
    """The source with a footer at its end."""
    footer = ("" if has_address else _TEXT_ADDRESS) + ("" if has_link else _TEXT_LINK)
    return f"{text.rstrip()}\n\n-- \n{footer}" if footer else text


def with_preheader(html: str, preheader: str | None) -> str:
    """The source with a line that mail programs show beside the subject, and nobody sees in the email."""
    if not preheader:
        return html
    # Without a line break: lines in errors stay those of the author.
    hidden = (
        '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">'
        f"{' '.join(preheader.split())}</div>"
    )
    body = _BODY.search(html)
    return f"{html[: body.end()]}{hidden}{html[body.end() :]}" if body else hidden + html
