"""`carillon plan`: decide which email goes to whom on which day."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from carillon.cli.backup import back_up_if_due
from carillon.cli.charts import CALM, standing
from carillon.cli.forecast import tell_above
from carillon.cli.output import Screen, cap_words, count, day, listed, number
from carillon.cli.session import day_option, session
from carillon.errors import UsageError
from carillon.words import PLAN_STAGES

if TYPE_CHECKING:
    from carillon.plan.report import PlanReport
    from carillon.workspace import Workspace

CHART_DAYS, CHART_HEIGHT = 60, 6
CHANGES_LISTED = 12


def plan(
    context: typer.Context,
    today: str = typer.Option(
        None, "--today", metavar="D", help="Plan as if it were this day (default: today)."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Write nothing; show what would change."),
    fresh: bool = typer.Option(False, "--fresh", help="Forget the days of the current plan; place all anew."),
    rules: Path = typer.Option(
        None,
        "--with",
        metavar="FILE",
        help="With --dry-run: plan with another carillon.yaml in place of the workspace's own.",
    ),
    verify: bool = typer.Option(
        False, "--verify", help="Read everyone and check that the database is as the last run left it."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Decide which email goes to whom on which day.

    Planned emails keep their day from run to run; only contacts that changed are looked at. Readers see
    the old plan or the new one, never a half. Before the first run of a day the database is backed up.
    A change of the rules can be tried out on a copy of carillon.yaml first: --dry-run --with FILE.
    """
    day_asked = day_option(today, "--today")
    if rules is not None and not dry_run:
        raise UsageError(
            "--with only shows what other rules would change: add --dry-run. To plan with them, put them "
            "into the workspace's carillon.yaml."
        )
    here = session(context)
    screen = here.screen
    with here.workspace() as workspace:
        if rules is not None:
            workspace = _with_rules(workspace, screen, rules, as_json)
        if not dry_run:
            back_up_if_due(workspace, screen)
        report = run_planner(workspace, screen, day_asked, dry_run, fresh, verify)
        if as_json:
            screen.json(report.as_json())
        elif dry_run:
            show_difference(screen, report, float(workspace.settings.load_balancing.overage_threshold))
        else:
            show_summary(screen, workspace, report)


def _with_rules(workspace: Workspace, screen: Screen, file: Path, silent: bool) -> Workspace:
    """The workspace as it would be with another carillon.yaml, on the same database; says what differs."""
    from carillon.cli.config import show_changes
    from carillon.settings import load_settings_file
    from carillon.settings_values import changes, values_of

    own = workspace.settings
    other = load_settings_file(file, os.environ).model_copy(update={"database": own.database})
    differing = changes(values_of(own), values_of(other))
    if differing and not silent:
        screen.say(f"[bold]{count(len(differing), 'setting')} of {escape(str(file))} would be new:[/]")
        show_changes(screen, differing)
        screen.say()
    elif not differing:
        screen.note(escape(f"{file} has the same settings as the workspace."))
    return replace(workspace, settings=other)


def run_planner(
    workspace: Workspace,
    screen: Screen,
    today: date | None = None,
    dry_run: bool = False,
    fresh: bool = False,
    verify: bool = False,
) -> PlanReport:
    """One run with a progress bar; says so if it has to wait for another one."""
    from carillon.plan.run import Request, run

    request = Request(today or workspace.today(), dry_run, fresh, verify)
    with screen.progress(PLAN_STAGES["read"]) as tell:
        return run(
            workspace,
            request,
            lambda stage, done, total: tell(PLAN_STAGES[stage], done, total),
            lambda words: screen.note(words[0].upper() + words[1:]),
        )


def show_summary(screen: Screen, workspace: Workspace, report: PlanReport) -> None:
    """What the plan now holds, and what this run did to it."""
    from carillon.store import forecast, issues

    with workspace.database.snapshot() as connection:
        skips = forecast.skips(connection)
        found = issues.counts(connection)
    dot, took = screen.glyphs.dot, sum(report.seconds.values())
    screen.say(f"[bold]Planned for {day(report.today)}[/] [dim]in {took:.1f} s[/]")
    screen.say()
    reasons = listed(skips, dot)
    capped = workspace.settings.features.load_balancing
    share = float(workspace.settings.load_balancing.daily_send_percentage_cap * 100)
    until = day(max(report.per_day, default=report.today))
    facts = [
        ("Contacts", number(report.contacts), f"{number(report.eligible)} of them can be written to"),
        ("Daily cap", cap_words(report.cap), f"[dim]emails a day: {share:g} % of those[/]" if capped else ""),
        ("Planned", number(report.planned), f"[dim]emails until {until}[/]" if report.planned else ""),
        ("Skipped", number(report.skipped), f"[dim]{reasons}[/]"),
        ("This run", "", changes(report)),
    ]  # fmt: skip
    if found:
        facts.append(
            (
                "Issues",
                number(sum(found.values())),
                f"[bold]carillon issues[/] shows them[dim]: {listed(found, dot)}[/]",
            )
        )
    screen.facts(facts)
    tell_above(screen, report.over_cap, report.cap)
    if report.contacts == 0:
        screen.say("\nNo contacts yet: [bold]carillon import contacts FILE[/] brings some in.")


def changes(report: PlanReport) -> str:
    """The run's changes in one line of markup."""
    parts = [
        f"[green]+ {number(report.added)}[/] added",
        f"[yellow]~ {number(report.moved)}[/] moved",
        f"[red]- {number(report.removed)}[/] removed",
    ]
    if report.newly_skipped:
        parts.append(f"{number(report.newly_skipped)} newly skipped")
    if report.newly_planned:
        parts.append(f"{number(report.newly_planned)} newly planned")
    return "   ".join(parts)


def show_difference(screen: Screen, report: PlanReport, overage: float) -> None:
    """What a run would change, the way infrastructure tools tell it. `overage`: tolerated times the cap."""
    dot = screen.glyphs.dot
    screen.say(f"[bold]Dry run for {day(report.today)}:[/] nothing was written.")
    screen.say()
    skipped = sum(report.skips_by_reason.values())
    rows = [
        ("[green]+[/]", report.added, "added", listed(report.by_type, dot)),
        ("[yellow]~[/]", report.moved, "moved to another day", ""),
        ("[red]-[/]", report.removed, "removed", ""),
        ("[green]>[/]", report.newly_planned, "planned that were skipped", ""),
        ("[yellow]<[/]", report.newly_skipped, "skipped that were planned", ""),
        ("x", skipped, "skipped, of those added or changed", listed(report.skips_by_reason, dot)),
    ]
    screen.facts(
        [
            (sign, number(n), what + (f"[dim]: {words}[/]" if words else ""))
            for sign, n, what, words in rows
            if n or what in ("added", "moved to another day", "removed")
        ]
    )
    screen.say()
    if not any(row[1] for row in rows):
        screen.say("The plan is up to date: there is nothing to do.")
        return
    screen.say(
        f"Afterwards [bold]{number(report.planned)}[/] emails are planned and {number(report.skipped)} "
        f"skipped; the cap is {cap_words(report.cap)} a day."
    )
    _chart(screen, report, overage)
    _changed_days(screen, report)
    tell_above(screen, report.over_cap, report.cap)


def _chart(screen: Screen, report: PlanReport, overage: float) -> None:
    days = [report.today + timedelta(days=offset) for offset in range(CHART_DAYS)]
    values = [report.per_day.get(one, 0) for one in days]
    if not any(values):
        return
    ticks = {at: f"{one:%b %d}" for at, one in enumerate(days) if one.day == 1 or at == 0}
    screen.say(f"\nEmails a day afterwards [dim](the next {CHART_DAYS} days)[/]")
    for line in standing(values, ticks, report.cap, overage, CHART_HEIGHT, screen.glyphs):
        screen.show(line)


def _changed_days(screen: Screen, report: PlanReport) -> None:
    before, after = report.per_day_before, report.per_day
    if not before:
        return
    every = sorted(set(before) | set(after))
    changed = [one for one in every if before.get(one, 0) != after.get(one, 0)]
    if not changed:
        return
    screen.say("\nDays that change")
    width = max(len(number(after.get(one, 0))) for one in changed)
    for one in changed[:CHANGES_LISTED]:
        was, will = before.get(one, 0), after.get(one, 0)
        colour = "green" if will > was else "red"
        screen.say(
            f"  {day(one)}  {number(was):>{width}} {screen.glyphs.arrow} [{CALM}]{number(will):>{width}}[/]"
            f"  [{colour}]{will - was:+,}[/]"
        )
    if len(changed) > CHANGES_LISTED:
        screen.say(f"  [dim]and {count(len(changed) - CHANGES_LISTED, 'more day')}[/]")
