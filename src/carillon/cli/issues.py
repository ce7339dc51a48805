"""`carillon issues`: what is wrong with contacts' data."""

from __future__ import annotations

import typer

from carillon.cli.output import number, plain_word
from carillon.cli.session import session
from carillon.errors import UsageError
from carillon.words import ISSUE_MEANINGS, IssueCode


def issues(
    context: typer.Context,
    code: str = typer.Option(None, "--code", metavar="C", help="Only issues of this code."),
    limit: int = typer.Option(20, "--limit", min=1, metavar="N", help="Contacts listed at most."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List what is wrong with contacts' data.

    As the last plan found it. A contact with an issue is left out of what the issue makes impossible.
    """
    here, known = session(context), [one.value for one in IssueCode]
    if code is not None and code not in known:
        raise UsageError(f"--code {code!r} is not a code of an issue; there are {', '.join(known)}.")
    with here.workspace() as workspace:
        from carillon.store import issues as store

        with workspace.database.snapshot() as connection:
            counts = store.counts(connection)
            found = store.listing(connection, code, limit)
    screen = here.screen
    if as_json:
        screen.json({"counts": counts, "issues": [one.__dict__ for one in found]})
        return
    if not counts:
        screen.say("No issues: nothing was wrong with any contact at the last plan.")
        return
    screen.table(
        ["contacts", "code", "what it means"],
        [(number(n), word, ISSUE_MEANINGS[IssueCode(word)]) for word, n in counts.items()],
        right="contacts",
        whole="code",
    )
    screen.say()
    screen.table(
        ["contact", "email", "code", "detail"],
        [(str(one.contact_id), one.email or "", one.code, one.detail or "") for one in found],
        right="contact",
        whole="email code",
    )
    rest = (counts.get(code, 0) if code else sum(counts.values())) - len(found)
    if rest > 0:
        what = f" of {plain_word(code)}" if code else ""
        screen.say(f"  [dim]and {number(rest)} more{what}: --limit shows more of them[/]")
