"""`carillon sequence`, `enroll` and `outreach`, and what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import NOW, Result, Run

HELLO = """\
name: hello
settings: {drip_per_day: 2}
steps:
  - {key: first, type: email, template: greeting}
  - {key: wait, type: delay, amount: 2, unit: days}
  - {key: second, type: email, template: greeting}
"""


class Sequences:
    """Runs commands in a workspace with four contacts and a template `greeting`."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder = run, folder

    def __call__(self, *words: str | Path, now: str = NOW, **options: Any) -> Result:
        return self.run("-w", self.folder, "--now", now, *words, **options)

    def ok(self, *words: str | Path, **options: Any) -> str:
        result = self(*words, **options)
        assert result.code == 0, result.err
        return result.out

    def json(self, *words: str | Path, **options: Any) -> Any:
        return json.loads(self.ok(*words, "--json", **options))

    def refused(self, *words: str | Path, **options: Any) -> str:
        result = self(*words, **options)
        assert result.code in (1, 2)
        assert "Traceback" not in result.err
        return result.err

    def file(self, text: str, name: str = "hello.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def carillon(run: Run, planned: Path) -> Sequences:
    found = Sequences(run, planned)
    html = found.file("<p>Hello {{ first_name }}</p>", "greeting.html")
    found.ok("template", "new", "greeting", "--html", html, "--subject", "Hello")
    found.ok("template", "activate", "greeting")
    return found


@pytest.fixture
def hello(carillon: Sequences) -> Sequences:
    """With the sequence `hello`."""
    carillon.ok("sequence", "apply", carillon.file(HELLO))
    return carillon


def test_a_new_file_can_be_applied_and_comes_back_to_the_letter(carillon: Sequences) -> None:
    for name, more in (("My welcome", ()), ("two", ("--steps",))):
        path = carillon.folder / f"{name}.yaml"
        carillon.ok("sequence", "new", name, *more, "--out", path)
        assert "is left as it is" in carillon.refused("sequence", "new", name, "--out", path)
        result = carillon("sequence", "apply", path)
        assert f"Made the sequence {name} with" in result.out
        assert "is in force: make it with" in result.err
        assert carillon.ok("sequence", "export", name) == path.read_text(encoding="utf-8")
        copy = carillon.folder / "copy.yaml"
        carillon.ok("sequence", "export", name, "--out", copy)
        assert copy.read_bytes() == path.read_bytes()
        assert "does the same as before" in carillon.ok("sequence", "apply", copy)
    assert [one["name"] for one in carillon.json("sequence", "list")] == ["My welcome", "two"]


def test_mistakes_in_a_file_are_told_and_nothing_is_stored(carillon: Sequences) -> None:
    said = carillon.refused("sequence", "apply", carillon.file(HELLO.replace("days", "dys", 1)))
    assert 'hello.yaml:5: wait.unit: "dys" is not known' in said
    said = carillon.refused("sequence", "apply", "-", stdin=HELLO.replace("wait", "").encode())
    assert "standard input:5: key" in said or "standard input:5: steps: key is missing" in said
    assert "cannot be read" in carillon.refused("sequence", "apply", carillon.folder / "none.yaml")
    assert "not UTF-8" in carillon.refused("sequence", "apply", "-", stdin=b"name: \xff\n")
    assert carillon.json("sequence", "list") == []
    assert "There are no sequences yet" in carillon.ok("sequence", "list")
    assert "There are no sequences yet" in carillon.ok("sequence", "report")


def test_a_sequence_is_shown(hello: Sequences) -> None:
    out = hello.ok("sequence", "show", "hello")
    assert "hello  draft, version 1" in out
    assert "drip per day  2" in out
    assert "wait    delay  amount: 2, unit: days" in out
    found = hello.json("sequence", "show", "hello")
    assert found["steps"][1] == {
        "key": "wait",
        "type": "delay",
        "settings": {"amount": 2, "unit": "days"},
        "next": "second",
        "otherwise": None,
    }
    assert found["settings"]["drip_per_day"] == 2
    assert 'Did you mean "hello"' in hello.refused("sequence", "show", "helo")


def test_a_template_that_is_missing_or_cannot_be_rendered_keeps_it_from_beginning(hello: Sequences) -> None:
    hello.ok("sequence", "apply", hello.file(HELLO.replace("template: greeting}", "template: later}", 1)))
    assert "no version of later is in force" in hello.refused("sequence", "start", "hello")
    html = hello.file("<p>{{ first_nam }}</p>", "later.html")
    hello("template", "new", "later", "--html", html, "--subject", "S")
    hello.ok("sequence", "apply", hello.file(HELLO))
    # A version in force whose variables are gone meanwhile, as after an import without an attribute.
    import sqlite3

    with sqlite3.connect(hello.folder / "carillon.db") as connection:
        connection.execute("update templates set html = '<p>{{ firstname }}</p>' where name = 'greeting'")
    said = hello.refused("sequence", "start", "hello")
    assert 'greeting version 1, html, line 1: there is no variable "firstname"' in said
    assert "cannot begin before its templates are mended" in said
    assert hello.json("sequence", "status", "hello")["status"] == "draft"


def test_people_begin_in_drips_and_the_first_emails_are_foreseen(hello: Sequences) -> None:
    path = hello.file("email\nmaria@example.com\ntom@example.com\nlee@example.com\n", "people.csv")
    out = hello.ok("enroll", "hello", "--file", path)
    assert "Enrolled 3 contacts in hello." in out
    assert "carillon sequence start hello" in out
    result = hello("sequence", "start", "hello", "--at", "2026-03-12T08:00", "--json")
    assert json.loads(result.out) == {
        "sequence": "hello",
        "status": "scheduled",
        "scheduled_start_at": "2026-03-12T08:00:00-05:00",
        "on_their_way": 3,
        "begin": {"2026-03-12": 2, "2026-03-13": 1},
        "first_emails_at": "2026-03-12T13:00:00+00:00",
        "warnings": [
            "There is no active account in the group default: its emails wait for one. "
            "`carillon account add` makes it."
        ],
    }
    hello.ok("account", "add", "box", "--transport", "maildir", "--path", "mail", "--from", "me@example.com")
    again = hello("sequence", "start", "hello")
    assert "hello is running with 3 contacts" in again.out
    assert "The first emails go from 2026-03-10 09:00 on" in again.out
    assert "Warning" not in again.err
    assert "not a moment" in hello.refused("sequence", "start", "hello", "--at", "soon")
    assert hello.json("sequence", "report")["total"]["by_status"] == {"scheduled": 3}


def test_who_is_enrolled_and_who_is_refused(hello: Sequences) -> None:
    assert "exactly one of" in hello.refused("enroll", "hello")
    assert "there is no contact 'zoe@example.com'" in hello.refused(
        "enroll", "hello", "--contact", "zoe@example.com"
    )
    hello.ok("suppress", "lee@example.com", "--reason", "asked")
    found = hello.json("enroll", "hello", "--contact", "maria@example.com", "--contact", "lee@example.com")
    assert found["enrolled"] == 1
    assert found["problems"] == [{"contact": "lee@example.com", "reason": "suppressed"}]
    assert found["refused"] == {"suppressed": 1}
    result = hello("enroll", "hello", "--contact", "lee@example.com")
    assert result.code == 1
    assert "lee@example.com was not enrolled: its address is suppressed." in result.err
    # Again is no mistake.
    assert hello("enroll", "hello", "--contact", "maria@example.com").code == 0
    rows = b"email\nMARIA@example.com\n"
    assert hello.json("enroll", "hello", "--file", "-", stdin=rows)["refused"] == {"already_enrolled": 1}
    report = hello(
        "enroll", "hello", "--file", "-", "--json", stdin=b"email\nlee@example.com\nx@example.com\n"
    )
    assert report.code == 1
    document = json.loads(report.out)
    assert (document["read"], document["enrolled"], document["rejected"]) == (2, 0, 1)
    assert [one["line"] for one in document["problems"]] == [2, 3]
    assert Path(document["report"]).is_file()


def test_somebody_is_taken_out(hello: Sequences) -> None:
    hello.ok("enroll", "hello", "--contact", "maria@example.com", "--contact", "tom@example.com")
    assert "say who" in hello.refused("sequence", "exit", "hello")
    assert "Took 1 contact out of hello" in hello.ok(
        "sequence", "exit", "hello", "--contact", "tom@example.com"
    )
    assert "Nobody of these" in hello.ok("sequence", "exit", "hello", "--contact", "tom@example.com")
    status = hello.json("sequence", "status", "hello")
    assert status["by_status"] == {"pending": 1, "completed": 1}
    assert [(one["email"], one["exit_reason"]) for one in status["contacts"]] == [
        ("tom@example.com", "manual"),
        ("maria@example.com", None),
    ]
    assert "latest 1 of 2" in hello.ok("sequence", "status", "hello", "--limit", "1")
    (only,) = hello.json("sequence", "log", "hello", "--contact", "tom@example.com")
    assert (only["outcome"], only["step_key"]) == ("exited", "")
    assert hello.json("sequence", "log", "hello", "--contact", "maria@example.com") == []
    assert "Nothing has been done yet" in hello.ok(
        "sequence", "log", "hello", "--contact", "maria@example.com"
    )


def test_it_is_held_up_and_ended(hello: Sequences) -> None:
    assert "nothing to hold up" in hello.refused("sequence", "pause", "hello")
    hello.ok("enroll", "hello", "--contact", "maria@example.com")
    hello.ok("sequence", "start", "hello")
    for pause, resume in (
        (("sequence", "pause"), ("sequence", "resume")),
        (("pause", "sequence"), ("resume", "sequence")),
    ):
        assert "hello is paused" in hello.ok(*pause, "hello")
        assert hello.json("sequence", "list")[0]["status"] == "paused"
        assert "hello is active" in hello.ok(*resume, "hello")
    assert "it ended for 1 contact" in hello.ok("sequence", "archive", "hello")
    assert "is archived" in hello.refused("enroll", "hello", "--contact", "tom@example.com")
    assert "is archived" in hello.refused("sequence", "apply", hello.folder / "hello.yaml")


def test_an_outreach_campaign_gives_its_sequences_what_they_lack(carillon: Sequences) -> None:
    carillon.ok(
        "outreach", "create", "spring", "--subject", "Hi", "--template", "initial=greeting",
        "--template", "followup_1=greeting", "--followup-delays", "4,9", "--max-followups", "1",
        "--sender-name", "Ann", "--description", "of this year",
    )  # fmt: skip
    carillon.ok("sequence", "apply", "-", stdin=b"name: mine\ncampaign: spring\nfollowup_delays: [5]\n")
    steps = carillon.json("sequence", "show", "mine")["steps"]
    assert steps[0]["settings"] == {"template": "greeting", "subject": "Hi"}
    assert [step["settings"]["amount"] for step in steps if step["type"] == "delay"] == [5]
    carillon.ok("enroll", "mine", "--contact", "maria@example.com")
    assert "outreach campaign spring is paused" in carillon.ok("outreach", "pause", "spring").replace(
        "The ", ""
    ) + (carillon("sequence", "start", "mine").err)
    (found,) = carillon.json("outreach", "list")
    assert (found["sequences"], found["total"], found["status"]) == (1, 1, "paused")
    assert found["defaults"]["followup_delays"] == [4, 9]
    report = carillon.json("sequence", "report")
    assert report["campaigns"][0]["name"] == "spring"
    carillon.ok("outreach", "archive", "spring")
    assert "archived" in carillon.refused(
        "sequence", "apply", "-", stdin=b"name: x\ncampaign: spring\nsubject: a\n"
    )
    carillon.ok("outreach", "resume", "spring")
    said = carillon.refused("sequence", "apply", "-", stdin=b"name: x\ncampaign: spring\nmax_followups: 2\n")
    assert "followup_2" in said
    for wrong in (("--template", "initial"), ("--followup-delays", "9,3"), ("--template", "folowup_1=a")):
        assert wrong[0] in carillon.refused("outreach", "create", "other", *wrong)
    assert "already" in carillon.refused("outreach", "create", "spring")
