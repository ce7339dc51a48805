"""What each job does: a room's `run`, and what of its report is worth keeping in the books.

A report has only what happened: a job that found nothing to do returns an empty one, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from carillon.advance.run import advance as advance_sequences
from carillon.listen.announce import announce
from carillon.log import put_away
from carillon.pace.brakes import brake_relays, judge_days
from carillon.pace.days import make_days
from carillon.pace.pool_run import plan_pool
from carillon.pace.run import release as pace_release
from carillon.plan.run import Request
from carillon.plan.run import run as run_planner
from carillon.store import backup as store_backup
from carillon.store import idempotency as store_idempotency
from carillon.store import retention as store_retention
from carillon.store import slots as store_slots
from carillon.store import timing as store_timing
from carillon.store import warmup_mail as store_warmup
from carillon.store import webhooks as store_webhooks
from carillon.store.checkpoints import any_changes
from carillon.watch.accounts import status_report
from carillon.workspace import Workspace


def backup(workspace: Workspace) -> Mapping[str, object]:
    """The day's backup. PostgreSQL's are its administrator's, who has better means."""
    if not workspace.database.is_sqlite:
        return {}
    audit = workspace.settings.audit
    made = store_backup.backup_if_due(
        workspace.database, workspace.folder / audit.backup_folder, workspace.clock.now(), audit
    )
    return {} if made is None else {"file": made.path.name, "bytes": made.size, "removed": len(made.removed)}


def plan(workspace: Workspace) -> Mapping[str, object]:
    """The day's plan."""
    report = run_planner(
        workspace, Request(workspace.today()), lambda _stage, _done, _total: None, lambda _words: None
    )
    names = ("mode", "planned", "added", "moved", "removed", "newly_skipped", "newly_planned")
    return {name: getattr(report, name) for name in names}


def plan_changes(workspace: Workspace) -> Mapping[str, object]:
    """A plan in between, if contacts, campaigns or what was sent have changed since the last one."""
    with workspace.database.snapshot() as connection:
        if not any_changes(connection):
            return {}
    return plan(workspace)


def warmup(workspace: Workspace) -> Mapping[str, object]:
    """The days of mailboxes that warm up are judged, once they have ended."""
    report = judge_days(workspace)
    return report.as_json() if report.judged else {}


def slots(workspace: Workspace) -> Mapping[str, object]:
    """Mailboxes get their slots of today and tomorrow."""
    report = make_days(workspace)
    return report.as_json() if report.days else {}


def brakes(workspace: Workspace) -> Mapping[str, object]:
    """Relays whose mail is refused too often are paused."""
    stopped = brake_relays(workspace)
    return {"paused": stopped} if stopped else {}


def outcomes(workspace: Workspace) -> Mapping[str, object]:
    """Emails that left are put on record, by the clocks of those they went to."""
    recorded = store_timing.record(workspace.database, workspace.settings, workspace.clock.now())
    return {"recorded": recorded} if recorded else {}


def release(workspace: Workspace) -> Mapping[str, object]:
    """Today's planned emails get an account and a minute."""
    report = pace_release(workspace)
    return report.as_json() if report.released or report.taken_back or report.no_room else {}


def warmup_mail(workspace: Workspace) -> Mapping[str, object]:
    """Slots that are left over carry mail between our own accounts, where the settings want it."""
    report = plan_pool(workspace).as_json()
    return report if any(report.values()) else {}


def advance(workspace: Workspace) -> Mapping[str, object]:
    """Everybody who is due goes on in their sequence."""
    report = advance_sequences(workspace).as_json()
    return report if any(report.values()) else {}


def webhooks(workspace: Workspace) -> Mapping[str, object]:
    """Programs are told what happened."""
    return dict(announce(workspace))


def status(workspace: Workspace) -> Mapping[str, object]:
    """How the accounts are doing."""
    accounts = status_report(workspace)
    return {"accounts": accounts} if accounts else {}


def retention(workspace: Workspace) -> Mapping[str, object]:
    """What was received is kept as it came for so long only, as is whom it was told to; answers of the API
    for a day. Old backups go when a new one is made."""
    before = workspace.clock.now() - timedelta(days=workspace.settings.listening.raw_retention_days)
    gone = 0
    while batch := workspace.database.write(lambda c: store_retention.forget_raw(c, before)):
        gone += batch
    now = workspace.clock.now()
    talks = workspace.database.write(lambda c: store_warmup.forget(c, now))
    oldest = workspace.today() - timedelta(days=workspace.settings.pacing.slot_retention_days)
    old_slots = workspace.database.write(lambda c: store_slots.forget(c, oldest))
    late = store_timing.record(workspace.database, workspace.settings, now, sweep=True)
    unlearnt = store_timing.forget(workspace.database, workspace.settings, now)
    found = {"outcomes_recorded_late": late, "outcomes": unlearnt}
    found |= {"received_messages": gone, "warmup_messages": talks, "slots": old_slots}
    found["webhook_deliveries"] = workspace.database.write(lambda c: store_webhooks.forget(c, before))
    found["answers"] = workspace.database.write(lambda c: store_idempotency.forget(c, now))
    found["logs"] = put_away(workspace.folder, now.date(), workspace.settings.logging.retention_days)
    return {name: n for name, n in found.items() if n}
