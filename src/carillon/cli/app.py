"""The command line put together: global options, commands, and the one place where errors become words."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperGroup
from typer.main import get_command

from carillon import __version__
from carillon.cli import (
    account,
    account_views,
    advance,
    apikey,
    backup,
    campaign,
    campaign_types,
    config,
    config_change,
    contact,
    demo,
    explain,
    exports,
    failed,
    forecast,
    health,
    imports,
    init,
    issues,
    listen,
    outreach,
    pauses,
    plan,
    previews,
    replies,
    restore,
    run,
    send,
    sequence,
    sequence_runs,
    sequence_views,
    slots,
    suppress,
    targets,
    template,
    timing,
    user,
    web,
)
from carillon.cli.output import Screen, screen
from carillon.cli.session import Session
from carillon.errors import CarillonError

START, PLAN, SEND, CARE = "Begin", "Plan", "Send", "Look after"
GLOBAL_WITH_VALUE, GLOBAL_FLAGS = ("-w", "--workspace", "--now"), ("--debug",)
INTERRUPTED = 130
"""What shells expect of a command stopped by Ctrl-C."""


class Sections(TyperGroup):
    """A group whose help lists its commands under headings, in the order in which they were added."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        panels: dict[str, list[tuple[str, str]]] = {}
        width = formatter.width - 6 - max(map(len, self.commands))
        for name, command in self.commands.items():
            panel = str(getattr(command, "rich_help_panel", None) or "Commands")
            panels.setdefault(panel, []).append((name, command.get_short_help_str(width)))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(
        cls=Sections, help=help_text, no_args_is_help=True, rich_markup_mode=None, add_completion=False
    )


app = _group("Who gets which email on which day, and never on a day the law forbids.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"carillon {__version__}")
        raise typer.Exit


@app.callback(epilog="Global options may stand before or after the command.")
def options(
    context: typer.Context,
    workspace: Path = typer.Option(
        Path(),
        "-w",
        "--workspace",
        metavar="DIR",
        envvar="CARILLON_WORKSPACE",
        show_default=False,
        help="The workspace folder (default: the current one).",
    ),
    now: str = typer.Option(
        None, "--now", metavar="ISO", help="Start the clock of this command here, like 2026-03-01T08:30."
    ),
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Who gets which email on which day, and never on a day the law forbids."""
    del debug, version
    context.obj = Session(workspace, now, screen())


def _add(group: typer.Typer, command: Callable[..., None], name: str, panel: str | None = None) -> None:
    group.command(name, rich_help_panel=panel)(command)


_imports, _exports, _config = (
    _group("Bring contacts in."),
    _group("Write contacts or the plan to a file."),
    _group("Look at the settings, go back to earlier ones, or take over an older scheduler's."),
)
_contacts = _group("Add, edit, hand out and forget one contact.")
_campaigns = _group("Make campaigns, say who they go to, and look at them.")
_accounts = _group("Make accounts to send from, try them out, and look at them.")
_keys = _group("Make, list and revoke keys for programs that call.")
_users = _group("Make users of the web, and say what each may do.")
_sequences = _group("Make sequences of emails, start them, and look at how they do.")
_outreach = _group("Make outreach campaigns, which sequences belong to.")
_templates = _group("Make templates, look at them, and put versions in force.")
_timing = _group("See how emails did by the hour they left in, and how that hour is chosen.")
_pauses, _resumes = (
    _group("Hold something up; without a name, all mail of the workspace."),
    _group("Let go on what was held up; without a name, all mail of the workspace."),
)
_add(_imports, imports.contacts, "contacts")
_add(_exports, exports.contacts, "contacts")
_add(_exports, exports.plan, "plan")
_add(_contacts, contact.add, "add")
_add(_contacts, contact.edit, "edit")
_add(_contacts, contact.export, "export")
_add(_contacts, contact.forget, "forget")
_add(_campaigns, campaign_types.types, "types")
_add(_campaigns, campaign_types.type_, "type")
_add(_campaigns, campaign.create, "create")
_add(_campaigns, campaign.change, "set")
_add(_campaigns, targets.target, "target")
_add(_campaigns, campaign.instances, "list")
_add(_campaigns, campaign.show, "show")
_add(_campaigns, campaign.pause, "pause")
_add(_campaigns, campaign.resume, "resume")
_add(_campaigns, campaign.archive, "archive")
_add(_campaigns, campaign_types.log, "log")
_add(_accounts, account.add, "add")
_add(_accounts, account.trial, "test")
_add(_accounts, account.change, "set")
_add(_accounts, account_views.accounts, "list")
_add(_accounts, account_views.show, "show")
_add(_accounts, account.pause, "pause")
_add(_accounts, account.resume, "resume")
_add(_accounts, account.remove, "remove")
_add(_templates, template.templates, "list")
_add(_templates, template.show, "show")
_add(_templates, template.new, "new")
_add(_templates, template.edit, "edit")
_add(_templates, template.activate, "activate")
_add(_templates, previews.preview, "preview")
_add(_templates, previews.send_test, "send-test")
_add(_keys, apikey.create, "create")
_add(_keys, apikey.keys, "list")
_add(_keys, apikey.revoke, "revoke")
_add(_users, user.add, "add")
_add(_users, user.users, "list")
_add(_users, user.set_role, "set-role")
_add(_users, user.password, "password")
_add(_users, user.disable, "disable")
_add(_users, user.enable, "enable")
_add(_users, user.remove, "remove")
_add(_users, user.totp_reset, "totp-reset")
_add(_sequences, sequence.new, "new")
_add(_sequences, sequence.apply, "apply")
_add(_sequences, sequence.export, "export")
_add(_sequences, sequence_runs.start, "start")
_add(_sequences, sequence_runs.pause, "pause")
_add(_sequences, sequence_runs.resume, "resume")
_add(_sequences, sequence_runs.archive, "archive")
_add(_sequences, sequence_runs.exit_, "exit")
_add(_sequences, sequence.sequences, "list")
_add(_sequences, sequence.show, "show")
_add(_sequences, sequence_views.status, "status")
_add(_sequences, sequence_views.report, "report")
_add(_sequences, sequence_views.log, "log")
_add(_outreach, outreach.create, "create")
_add(_outreach, outreach.campaigns, "list")
_add(_outreach, outreach.pause, "pause")
_add(_outreach, outreach.resume, "resume")
_add(_outreach, outreach.archive, "archive")
_add(_timing, timing.report, "report")
_add(_timing, timing.show, "show")
_add(_timing, timing.change, "set")
_add(_pauses, campaign.pause, "campaign")
_add(_pauses, sequence_runs.pause, "sequence")
_add(_pauses, account.pause, "account")
_add(_resumes, campaign.resume, "campaign")
_add(_resumes, sequence_runs.resume, "sequence")
_add(_resumes, account.resume, "account")
_pauses.info.no_args_is_help = _resumes.info.no_args_is_help = False
_pauses.callback(invoke_without_command=True)(pauses.pause)
_resumes.callback(invoke_without_command=True)(pauses.resume)
_add(_config, config.show, "show")
_add(_config, config.check, "check")
_add(_config, config.history, "history")
_add(_config, config_change.rollback, "rollback")
_add(_config, config_change.import_, "import")

_add(app, init.init, "init", START)
_add(app, demo.demo, "demo", START)
app.add_typer(_imports, name="import", rich_help_panel=START)
app.add_typer(_contacts, name="contact", rich_help_panel=START)
app.add_typer(_campaigns, name="campaign", rich_help_panel=PLAN)
_add(app, plan.plan, "plan", PLAN)
_add(app, forecast.forecast, "forecast", PLAN)
_add(app, explain.explain, "explain", PLAN)
app.add_typer(_exports, name="export", rich_help_panel=PLAN)
app.add_typer(_accounts, name="account", rich_help_panel=SEND)
app.add_typer(_templates, name="template", rich_help_panel=SEND)
app.add_typer(_sequences, name="sequence", rich_help_panel=SEND)
_add(app, sequence_runs.enroll, "enroll", SEND)
app.add_typer(_outreach, name="outreach", rich_help_panel=SEND)
app.add_typer(_timing, name="timing", rich_help_panel=SEND)
_add(app, suppress.suppress, "suppress", SEND)
_add(app, run.run, "run", SEND)
_add(app, web.web, "web", SEND)
_add(app, advance.advance, "advance", SEND)
_add(app, slots.slots, "slots", SEND)
_add(app, send.release, "release", SEND)
_add(app, send.send, "send", SEND)
# Ids of sequences' emails begin with a minus, which would be taken for an option.
for _name, _command in (("doubts", send.doubts), ("failed", failed.failed)):
    app.command(_name, rich_help_panel=SEND, context_settings={"ignore_unknown_options": True})(_command)
_add(app, listen.listen, "listen", SEND)
_add(app, replies.replies, "replies", SEND)
app.add_typer(_pauses, name="pause", rich_help_panel=CARE)
app.add_typer(_resumes, name="resume", rich_help_panel=CARE)
_add(app, issues.issues, "issues", CARE)
_add(app, health.health, "health", CARE)
_add(app, backup.backup, "backup", CARE)
_add(app, restore.restore, "restore", CARE)
app.add_typer(_users, name="user", rich_help_panel=CARE)
app.add_typer(_keys, name="apikey", rich_help_panel=CARE)
app.add_typer(_config, name="config", rich_help_panel=CARE)


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code: 0 ok, 1 failed, 2 usage."""
    arguments = _globals_first(list(sys.argv[1:] if argv is None else argv))
    debug = "--debug" in arguments[: _end_of_options(arguments)]
    try:
        code = _run(arguments, debug)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left; what is still buffered must not fail at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _run(arguments: list[str], debug: bool) -> int:
    try:
        code = get_command(app).main(arguments, prog_name="carillon", standalone_mode=False)
    except BrokenPipeError:
        raise
    except CarillonError as error:
        if debug:
            traceback.print_exc()
        return _complain(str(error), error.exit_code)
    except typer.TyperException as error:
        return _misused(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
            return 1
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _complain(
            f"This is a defect in Carillon ({said}). Run the command again with --debug to see the "
            "traceback, and please report it.",
            1,
        )
    if code == INTERRUPTED:
        screen().err.print("\nInterrupted.", highlight=False)
    return int(code or 0)


def _complain(text: str, code: int) -> int:
    _told(screen(), text)
    return code


def _told(on: Screen, text: str) -> None:
    on.err.print(f"[bold red]Error:[/] {escape(text)}", highlight=False)


def _misused(error: typer.TyperException) -> int:
    text = error.format_message().replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(text, err=True)
        return error.exit_code
    on = screen()
    _told(on, text)
    if context is not None:
        on.note(f"See `{context.command_path} --help`.")
    return error.exit_code


def _globals_first(arguments: list[str]) -> list[str]:
    """Global options in front of the command, wherever they were typed."""
    end = _end_of_options(arguments)
    front, rest, at = [], [], 0
    while at < end:
        word = arguments[at]
        if word in GLOBAL_WITH_VALUE and at + 1 < end:
            front += arguments[at : at + 2]
            at += 1
        elif word in GLOBAL_FLAGS or word.startswith(("--workspace=", "--now=")):
            front.append(word)
        else:
            rest.append(word)
        at += 1
    return front + rest + arguments[end:]


def _end_of_options(arguments: list[str]) -> int:
    return arguments.index("--") if "--" in arguments else len(arguments)
