"""`carillon timing`: how emails did by the hour they left in, and how that hour is chosen."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.charts import heat
from carillon.cli.output import Screen, count, number, title
from carillon.cli.sequence import JSON
from carillon.cli.session import session
from carillon.errors import UsageError
from carillon.user import user_name

if TYPE_CHECKING:
    from carillon.watch.timing import Lift, Line, TimingReport

CAMPAIGN = typer.Option(None, "--campaign", metavar="C", help="Only of this campaign.")
SEQUENCE = typer.Option(None, "--sequence", metavar="S", help="Only of this sequence.")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def report(
    context: typer.Context,
    campaign: str = CAMPAIGN,
    sequence: str = SEQUENCE,
    days: int = typer.Option(
        None, "--days", metavar="N", min=1, help="Of the last days (default: the window that is learnt from)."
    ),
    outcome: str = typer.Option(
        None, "--outcome", metavar="WHAT", help="What counts as an answer: reply, open or click."
    ),
    as_json: bool = JSON,
) -> None:
    """Show how emails did by weekday and hour on their readers' clocks, and what choosing the hour gained."""
    from carillon.store.outcomes import COLUMNS
    from carillon.watch.timing import timing_report

    if outcome is not None and outcome not in COLUMNS:
        raise UsageError(f"--outcome {outcome!r} is not known; use {', '.join(COLUMNS)}.")
    here = session(context)
    with here.workspace() as workspace:
        found = timing_report(workspace, days, campaign, sequence, outcome)
    if as_json:
        here.screen.json(asdict(found))
    elif not found.total.emails:
        here.screen.say(f"Nothing that left in the last {count(found.days, 'day')} is on record.")
    else:
        _tell(here.screen, found)


def show(
    context: typer.Context,
    account: str = typer.Option(None, "--account", metavar="A", help="For emails through this account."),
    campaign: str = typer.Option(None, "--campaign", metavar="C", help="For emails of this campaign."),
    sequence: str = typer.Option(None, "--sequence", metavar="S", help="For emails of this sequence."),
    as_json: bool = JSON,
) -> None:
    """Show the settings that choose the hour of an email, and where each one comes from."""
    here = session(context)
    with here.workspace() as workspace:
        from carillon.settings_values import words
        from carillon.watch.timing import settings_in_force

        found, faults = settings_in_force(workspace, account, campaign, sequence)
    if as_json:
        here.screen.json({"settings": [asdict(one) for one in found], "faults": list(faults)})
        return
    here.screen.table(
        ["key", "value", "from"], [(one.key, words(one.value), one.origin) for one in found], whole="key"
    )
    for fault in faults:
        here.screen.say(f"[yellow]{escape(fault)}[/]")


def change(
    context: typer.Context,
    settings: list[str] = typer.Argument(
        ..., metavar="KEY=VALUE...", help="What is to hold; KEY= takes back what was said."
    ),
    account: str = typer.Option(None, "--account", metavar="A", help="For emails through this account."),
    campaign: str = typer.Option(None, "--campaign", metavar="C", help="For emails of this campaign."),
) -> None:
    """Let an account or a campaign choose hours in its own way; sequences say so in their file."""
    if (account is None) == (campaign is None):
        raise UsageError("say for what: --account or --campaign, one of the two.")
    pairs = {}
    for one in settings:
        key, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"{one!r} is no KEY=VALUE, like enabled=true.")
        pairs[key.strip()] = value.strip()
    here = session(context)
    with here.workspace() as workspace:
        from carillon.store import timing_edit
        from carillon.watch.timing import settings_in_force

        now = workspace.clock.now()
        workspace.database.write(lambda c: timing_edit.change(c, account, campaign, pairs, now, user_name()))
        _, faults = settings_in_force(workspace, account, campaign)
    here.screen.say(f"Changed [bold]{escape(account or campaign)}[/].")
    for fault in faults:
        here.screen.say(f"[yellow]{escape(fault)}[/]")


def _tell(screen: Screen, found: TimingReport) -> None:
    total, answered = found.total, {"reply": "replies", "open": "opens", "click": "clicks"}[found.outcome]
    screen.say(f"[bold]{count(total.emails, 'email')}[/] in the last {count(found.days, 'day')}")
    screen.facts(
        [
            (answered, number(total.answers), _rate(total)),
            ("hours to reply", _hours(total.mean_hours), _ends(total)),
            ("best day", (total.best_day or "not enough data").capitalize(), ""),
            ("best hour", _hour(total), ""),
        ]
    )
    screen.say(f"  [dim]chosen hours[/]  {escape(_lift(total.lift))}")
    title(screen, f"{answered} by weekday and hour, in % of the emails")
    cells = {(one.weekday, one.hour): (one.emails, one.rate) for one in found.cells}
    for line in heat(cells, _DAYS, screen.glyphs):
        screen.show(line)
    screen.say(
        f"  [dim]{screen.glyphs.dot}: not enough data, below {found.min_sample_size} emails;"
        " under each rate the number of emails[/]"
    )
    if len(found.campaigns) > 1 or found.campaigns[0].campaign:
        title(screen, "Campaigns")
        screen.table(
            ["campaign", "emails", answered, "rate", "hours to reply", "best day", "best hour", "lift"],
            [
                (
                    one.campaign or "none",
                    number(one.emails),
                    number(one.answers),
                    _rate(one),
                    f"{_hours(one.mean_hours)} {_ends(one)}".strip(),
                    (one.best_day or "").capitalize(),
                    _hour(one) if one.best_hour is not None else "",
                    _short(one.lift),
                )
                for one in found.campaigns
            ],
            right=f"emails {answered} rate lift",
            whole="campaign",
        )


def _rate(line: Line) -> str:
    return "" if line.rate is None else f"{line.rate:.1%}"


def _hours(hours: float | None) -> str:
    return "" if hours is None else f"{hours:.1f}"


def _ends(line: Line) -> str:
    if line.min_hours is None or line.max_hours is None:
        return ""
    return f"({line.min_hours:.1f} to {line.max_hours:.1f})"


def _hour(line: Line) -> str:
    return "not enough data" if line.best_hour is None else f"{line.best_hour:02}:00"


def _short(lift: Lift) -> str:
    return "" if lift.lift is None else f"{lift.lift:+.0%}"


def _lift(lift: Lift) -> str:
    if not lift.chosen:
        return "none: no hours were chosen"
    if lift.lift is None or lift.low is None or lift.high is None:
        return f"nothing can be said yet ({number(lift.chosen)} chosen, {number(lift.held_out)} held out)"
    sure = "" if lift.is_sure else ", which may be chance"
    return (
        f"{lift.lift:+.0%} against those held out, 95 % interval {lift.low:+.0%} to {lift.high:+.0%}{sure}"
        f" ({number(lift.chosen)} chosen, {number(lift.held_out)} held out)"
    )
