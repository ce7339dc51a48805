"""`carillon health`: how the workspace is doing."""

from __future__ import annotations

import typer
from rich.markup import escape

from carillon.cli.output import number
from carillon.cli.session import session

COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}


def health(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Say how the workspace is doing, and why.

    Healthy, degraded or unhealthy, by what can be measured now. Exits with 1 where it is unhealthy (no
    database), else with 0.
    """
    from carillon.watch.health import Health, check

    here = session(context)
    report = check(here.folder, here.clock(here.folder))
    if as_json:
        here.screen.json(report.as_json())
    else:
        here.screen.say(f"[bold {COLOURS[report.status]}]{report.status.value}[/]")
        for issue in report.issues:
            here.screen.say(f"  [yellow]![/] {escape(issue)}")
        if report.database_connected:
            last = report.last_successful_run
            facts = [
                ("Contacts", number(report.contacts or 0), ""),
                ("Pending emails", number(report.pending_schedules or 0), ""),
                ("Overdue", number(report.overdue_schedules or 0), ""),
            ]
            if last is not None:
                facts.append(
                    ("Last plan", f"{last:%Y-%m-%d %H:%M} UTC", f"{report.last_run_age_hours} h ago")
                )
            if report.error_rate_24h is not None:
                facts.append(("Failed", f"{report.error_rate_24h:.1%}", "of the last 24 hours"))
            facts += [
                ("Waiting", number(n), f"contacts of sequences, for the mailbox of {escape(name)} to be read")
                for name, n in report.waiting_for_inbox.items()
            ]
            if report.disk_free_bytes is not None:
                facts.append(("Free disk space", f"{report.disk_free_bytes / 1e9:,.1f} GB", ""))
            here.screen.facts(facts)
    if report.status == Health.UNHEALTHY:
        raise typer.Exit(1)
