"""The pages of those who are not signed in: plain HTML, without scripts."""

from __future__ import annotations

from html import escape

from carillon.web.words import page


def needs_token() -> str:
    return page(
        "Open the link in the terminal",
        "<p>There are no users yet. The terminal where Carillon runs shows a link that lets you in once; "
        "start <code>carillon web</code> again for another.</p><p>To let people sign in with a password, "
        "make the first user: <code>carillon user add NAME --role admin</code></p>",
    )


def no_users(why: str) -> str:
    return page(
        "Not from here",
        "<p>There are no users yet, so only the machine that Carillon runs on may come in, and "
        f"{escape(why)}.</p><p>Make the first user there: "
        "<code>carillon user add NAME --role admin</code></p>",
    )


def lost() -> str:
    return page("There is no such page", '<p>It may have been removed. <a href="/">Back to Home</a></p>')


def trouble(why: str) -> str:
    return page("This cannot be shown just now", f"<p>{escape(why)}</p>")


def sign_in(workspace: str, token: str, wanted: str, trouble: str = "") -> str:
    """The form for name and password."""
    return page(
        f"Sign in to {workspace}",
        f'{_alert(trouble)}<form method="post" action="/login">{_hidden(token=token, next=wanted)}'
        '<label>Name<input name="name" autocomplete="username" autocapitalize="none" spellcheck="false" '
        'required autofocus maxlength="100"></label>'
        '<label>Password<input name="password" type="password" autocomplete="current-password" required '
        'maxlength="200"></label><button type="submit">Sign in</button></form>',
        _FORM,
    )


def ask_code(token: str, ticket: str, wanted: str, trouble: str = "") -> str:
    """The form for the code of the second factor."""
    return page(
        "One more step",
        f"<p>Enter the code that your authenticator app shows now.</p>{_alert(trouble)}"
        f'<form method="post" action="/login/code">{_hidden(token=token, ticket=ticket, next=wanted)}'
        '<label>Code<input name="code" inputmode="numeric" autocomplete="one-time-code" '
        'pattern="[0-9 ]{6,8}" required autofocus></label><button type="submit">Sign in</button></form>',
        _FORM,
    )


_FORM = (
    "label{display:block;font-weight:600;font-size:15px;margin:0 0 16px}input{display:block;"
    "box-sizing:border-box;width:100%;margin-top:5px;font:inherit;font-weight:400;padding:11px 13px;"
    "border:1px solid #b9c1bd;"
    "border-radius:10px;background:transparent;color:inherit}input:focus-visible{outline:3px solid #6fae9a;"
    "outline-offset:1px}button{width:100%;margin-top:4px}[role=alert]{padding:11px 14px;border-radius:10px;"
    "background:#fae6e4;color:#8c2129;font-size:16px}"
    "@media(prefers-color-scheme:dark){input{border-color:#55625d}[role=alert]{background:#412322;color:#f5b0ae}}"
)


def _alert(trouble: str) -> str:
    return f'<p role="alert">{escape(trouble)}</p>' if trouble else ""


def _hidden(**fields: str) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items()
    )
