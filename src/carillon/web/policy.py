"""What a browser may do with a page of ours: the headers of answers, and the policy in them.

Scripts run where they carry the mark (nonce) of the very answer they stand in, or come from a file of this
server. So markup that somebody smuggled in runs nothing: neither a script of its own nor a handler in an
attribute. Three things stay open, because the pages are made by NiceGUI: it compiles its templates in the
browser and runs what the server sends over the socket ('unsafe-eval'), and it and Quasar write styles into
elements ('unsafe-inline' for styles). Styles can load nothing from elsewhere either.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.types import Scope

NONCE = "carillon.nonce"
"""Where the mark of an answer is in its request's scope."""
_POLICY = (
    "default-src 'none'; script-src 'self'{nonce} 'unsafe-eval'; script-src-attr 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "frame-src 'none'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Emails are previewed in a frame that has no address of its own, which `frame-src` leaves alone."""
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}


def mark(scope: Scope) -> None:
    """Give the answer to a request a mark of its own."""
    scope[NONCE] = secrets.token_urlsafe(18)


def headers_for(scope: Scope) -> dict[str, str]:
    """The headers of an answer."""
    found = scope.get(NONCE)
    nonce = "" if found is None else f" 'nonce-{found}'"
    return {"Content-Security-Policy": _POLICY.format(nonce=nonce), **_HEADERS}


def marked(source: str) -> str:
    """A template of NiceGUI's whose scripts carry the mark of the request they are rendered for.

    The template is changed before anything is put into it: a script that comes in with a value has none.
    """
    return source.replace("<script", f"<script nonce=\"{{{{ request.scope['{NONCE}'] }}}}\"")


def mark_templates(environment: Any) -> None:
    """Let a Jinja environment read its templates so."""
    loader = environment.loader
    found = loader.get_source

    def get_source(*asked: Any) -> Any:
        source, *rest = found(*asked)
        return (marked(source), *rest)

    loader.get_source = get_source
