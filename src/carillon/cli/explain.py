"""`carillon explain`: one contact's year in words and dates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from carillon.cli.output import Screen, day, plain_word
from carillon.cli.session import session

if TYPE_CHECKING:
    from carillon.plan.explain import Email, Explanation
    from carillon.store.people import Profile

STYLES = {
    "pre-scheduled": "green",
    "scheduled": "green",
    "sent": "green",
    "delivered": "green",
    "skipped": "yellow",
    "not_considered": "dim",
}


def explain(
    context: typer.Context,
    contact: str = typer.Argument(..., metavar="CONTACT", help="An email address, an id or an external id."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Tell what a contact gets and when, and why.

    Every email of the next year and of the last 90 days, campaigns and follow-ups too: planned or sent, moved
    from which day, skipped by which window or other email, or not considered. The answer comes from the same
    code that plans.
    """
    here = session(context)
    with here.workspace() as workspace:
        from carillon.plan.inquire import explain as ask

        found = ask(workspace, contact)
    if as_json:
        here.screen.json({"contacts": [one.as_json() for one in found]})
        return
    if len(found) > 1:
        ids = ", ".join(str(one.contact.id) for one in found)
        here.screen.say(f"{len(found)} contacts share this address, with the ids {ids}.\n")
    for at, one in enumerate(found):
        if at:
            here.screen.say()
        show(here.screen, one)


def show(screen: Screen, found: Explanation) -> None:
    """Profile, windows, emails ahead and behind."""
    _profile(screen, found)
    for note in found.notes:
        screen.say(f"[yellow]{escape(note)}[/]")
    if found.windows:
        screen.say("\n[bold]No mail[/]")
        _rows(
            screen,
            [
                (Text(day(span.first)), Text(f"to {day(span.last)}" if span.last else "on"), Text(span.words))
                for span in found.windows
            ],
        )
    screen.say("\n[bold]The next year[/]")
    _emails(screen, found.emails)
    if found.past:
        screen.say("\n[bold]The last 90 days[/]")
        _emails(screen, found.past)


def _profile(screen: Screen, found: Explanation) -> None:
    who, dot = found.contact, f" {screen.glyphs.dot} "
    name = " ".join(part for part in (who.first_name, who.last_name) if part)
    first = [f"[bold]{escape(name or who.email or 'Contact')}[/]"]
    if name and who.email:
        first.append(escape(who.email))
    first.append(f"contact {who.id}")
    if who.external_id:
        first.append(escape(who.external_id))
    screen.say(dot.join(first))
    screen.say(escape(", ".join(_facts(who))))
    if found.eligible:
        screen.say("[green]Can be written to[/]" + "".join(f"; but {escape(why)}" for why in found.why_not))
    else:
        screen.say(f"[red]Cannot be written to:[/] {escape('; '.join(found.why_not))}")


def _facts(who: Profile) -> list[str]:
    place = " ".join(part for part in (who.state, who.zip_code) if part)
    facts = [place] if place else []
    facts.append(f"born {who.birth_date}" if who.birth_date else "no birth date")
    facts.append(f"policy effective {who.effective_date}" if who.effective_date else "no effective date")
    return facts


def _emails(screen: Screen, emails: list[Email]) -> None:
    rows = []
    for email in emails:
        words = Text(email.words)
        verdict = re.match(r"[a-z ]*?(?= on its|[:;,(]|$)", email.words)
        words.stylize(STYLES.get(email.status, "yellow"), 0, verdict.end() if verdict else 0)
        if about := _about(email):
            words.append(f"\n{screen.glyphs.corner} {about}", "dim")
        if email.next_run:
            words.append(f"\n{screen.glyphs.corner} {email.next_run}", "yellow")
        rows.append((Text(day(email.day) if email.day else ""), Text(plain_word(email.email_type)), words))
    _rows(screen, rows)


def _about(email: Email) -> str:
    """The campaign an email belongs to, unless its words say it, and the template it takes."""
    if email.campaign is None:
        return ""
    told = f'"{email.campaign}"' in email.words
    parts = [] if told else [f'campaign "{email.campaign}"']
    if email.template:
        parts.append(f"template {email.template}{f' ({email.variant})' if email.variant else ''}")
    return ", ".join(parts)


def _rows(screen: Screen, rows: list[tuple[Text, Text, Text]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for first, second, third in rows:
        table.add_row(Text("  ") + first, second, third)
    screen.show(table)
