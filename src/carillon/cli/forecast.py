"""`carillon forecast`: how much mail goes when, against the daily cap."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.charts import Bar, lying, standing
from carillon.cli.output import Screen, count, day, listed, number, plain_word
from carillon.cli.session import day_option, session
from carillon.errors import UsageError
from carillon.words import By

if TYPE_CHECKING:
    from carillon.plan.forecast import Forecast, Period

YEAR = 365
DAYS = 60
"""How many days are shown by day unless --to says otherwise; all else is shown for a year."""
OTHER = {By.CAMPAIGN: "other mail", By.STATE: "state not known"}
"""What mail without a name of the kind asked for is called."""
MAX_LISTED, MAX_NAMED = 10, 8


def forecast(
    context: typer.Context,
    first: str = typer.Option(None, "--from", metavar="D", help="First day (default: today)."),
    last: str = typer.Option(
        None, "--to", metavar="D", help="Last day (default: 60 days by day, else a year)."
    ),
    by: By = typer.Option(By.DAY, "--by", help="What to add up by."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Show how much mail goes when, against the cap.

    Names the days that stay above it and what goes on them: what cannot fit. Counts what is planned and what
    was sent; a campaign's follow-ups count as its own. Days are dates of the workspace's time zone. By state
    every planned email is looked at, which takes a second or two a million.
    """
    begin, end = day_option(first, "--from"), day_option(last, "--to")
    here = session(context)
    with here.workspace() as workspace:
        from carillon.plan.inquire import forecast as ask

        begin = begin or workspace.today()
        end = end or begin + timedelta(days=(DAYS if by is By.DAY else YEAR) - 1)
        if end < begin:
            raise UsageError(f"--to {end} is before the first day, {begin}.")
        with here.screen.progress("Counting"):
            found = ask(workspace, begin, end, by)
    if as_json:
        here.screen.json(found.as_json())
    else:
        show(here.screen, found)


def show(screen: Screen, found: Forecast) -> None:
    """The forecast as a chart, with totals and what cannot fit."""
    if found.planned_for is None:
        screen.say("No plan yet: [bold]carillon plan[/] makes one.")
        return
    most = "without a daily cap"
    if _cap(found) is not None:
        most = f"at most [bold]{number(found.cap)}[/] a day [dim](the daily cap)[/]"
    screen.say(f"[bold]{count(found.total, 'email')}[/] from {day(found.first)} to {day(found.last)}, {most}")
    if found.total:
        screen.say()
        for line in lying(_bars(found), float(found.overage), screen.width, screen.glyphs):
            screen.show(line)
        _legend(screen, found)
    holds = {when: {_name(name, found): n for name, n in of.items()} for when, of in found.above_by.items()}
    tell_above(screen, found.above, found.cap, holds)


def _legend(screen: Screen, found: Forecast) -> None:
    if found.by == By.TYPE:
        return
    screen.say()
    screen.indented(f"[dim]By type:[/] {listed(found.by_type, screen.glyphs.dot)}")
    cap = {
        By.DAY: "the daily cap",
        By.WEEK: "the daily cap times the days of the week",
        By.MONTH: "the daily cap times the days of the month",
    }.get(found.by)
    if cap and _cap(found) is not None:
        screen.say(f"  [dim]{screen.glyphs.cap} marks {cap}.[/]")


def tell_above(
    screen: Screen, above: dict[date, int], cap: int, holds: dict[date, dict[str, int]] | None = None
) -> None:
    """The days that stay above what the cap tolerates, and why that can be. `holds`: what goes on them."""
    if not above:
        return
    screen.say()
    screen.say(
        f"[yellow]{count(len(above), 'day')} above the cap.[/] Their emails could only go on another day by "
        "missing their deadline, lying in an exclusion window or breaking a contact's frequency limit, so "
        "they stay:"
    )
    for when, n in sorted(above.items())[:MAX_LISTED]:
        screen.say(
            f"  {day(when)}  {number(n)} [dim]({number(n - cap)} more than the cap of {number(cap)})[/]"
        )
        if holds is not None:
            shown = sorted(holds[when].items(), key=lambda item: (-item[1], item[0]))
            parts = [f"{escape(name)} {number(m)}" for name, m in shown[:MAX_NAMED]]
            more = [f"{len(shown) - MAX_NAMED} more"] if len(shown) > MAX_NAMED else []
            screen.indented(f"  [dim]{f' {screen.glyphs.dot} '.join(parts + more)}[/]")
    if len(above) > MAX_LISTED:
        screen.say(f"  [dim]and {number(len(above) - MAX_LISTED)} more[/]")


def _cap(found: Forecast) -> int | None:
    """The daily cap; with load balancing off there is none."""
    from carillon.limits import NO_CAP

    return None if found.cap >= NO_CAP else found.cap


def _bars(found: Forecast) -> list[Bar]:
    """One bar a period; in a forecast by day also for the days without mail, long gaps as one line."""
    if found.by in (By.TYPE, *OTHER):
        ranked = sorted(found.periods, key=lambda period: -period.n)
        return [Bar(_name(period.name, found), period.n) for period in ranked]
    if found.by == By.DAY:
        return _days(found)
    return [_bar_of(period, found) for period in found.periods]


def _name(name: str | None, found: Forecast) -> str:
    """A type, campaign or state as people say it."""
    if name is None:
        return OTHER[found.by]
    return name if found.by in OTHER else plain_word(name)


def _bar_of(period: Period, found: Forecast) -> Bar:
    begin = date.fromisoformat(period.name or "")
    label = f"week of {begin}" if found.by == By.WEEK else f"{begin:%Y-%m %b}"
    cap = _cap(found)
    return Bar(label, period.n, cap and cap * period.days, f"busiest day {number(period.busiest)}")


def _days(found: Forecast) -> list[Bar]:
    bars, at = [], found.first
    last = max(found.per_day, default=found.first)
    while at <= min(last, found.last):
        n = found.per_day.get(at, 0)
        gap = 0
        while at + timedelta(days=gap) < last and not found.per_day.get(at + timedelta(days=gap), 0):
            gap += 1
        if gap > 3:
            bars.append(Bar(f"({gap} days)", 0))
            at += timedelta(days=gap)
            continue
        bars.append(Bar(day(at), n, _cap(found)))
        at += timedelta(days=1)
    return bars


def year(screen: Screen, found: Forecast, height: int = 8) -> None:
    """A forecast by day in few lines: a column for each few days, as high as the fullest of them."""
    length = (found.last - found.first).days + 1
    room = min(screen.width, 110) - 14
    step = max(1, -(-length // room))
    columns = []
    ticks: dict[int, str] = {}
    for begin in range(0, length, step):
        days = [found.first + timedelta(days=offset) for offset in range(begin, min(begin + step, length))]
        columns.append(max(found.per_day.get(one, 0) for one in days))
        firsts = [one for one in days if one.day == 1]
        if firsts:
            ticks[len(columns) - 1] = f"{firsts[0]:%b}"
    for line in standing(columns, ticks, found.cap, float(found.overage), height, screen.glyphs):
        screen.show(line)
    if step > 1:
        screen.say(f"  [dim]Each column stands for {step} days and is as high as the fullest of them.[/]")
