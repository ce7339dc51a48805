"""`carillon contact`: one contact added, edited, handed out and forgotten."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_a_contacts_life(empty: Path, run: Run, tmp_path: Path) -> None:
    made = run("-w", empty, "contact", "add", "zoe@example.com", "--set", "zip_code=90210", "--json")
    number = json.loads(made.out)["id"]
    assert run("-w", empty, "contact", "add", "ZOE@example.com").code == 1
    edited = run(
        "-w", empty, "contact", "edit", "zoe@example.com", "--set", "first_name=Zoe", "--set", "tags=a, b"
    )
    assert "first_name, tags" in edited.out
    wrong = run("-w", empty, "contact", "edit", str(number), "--set", "zip_code=1")
    assert wrong.code == 1
    assert "zip_code: not a US ZIP code" in wrong.err
    found = json.loads(run("-w", empty, "contact", "export", "zoe@example.com").out)
    assert found["contact"]["first_name"] == "Zoe"
    assert found["contact"]["tags"] == ["a", "b"]
    file = tmp_path / "zoe.json"
    assert run("-w", empty, "contact", "export", str(number), "--out", file).code == 0
    assert json.loads(file.read_text(encoding="utf-8")) == found
    assert "forgotten" in run("-w", empty, "contact", "forget", "zoe@example.com", "--yes").out
    assert run("-w", empty, "contact", "export", "zoe@example.com").code == 1
    again = json.loads(run("-w", empty, "contact", "add", "zoe@example.com", "--json").out)
    assert again["id"] == number
    assert "suppressed: forgotten" in run("-w", empty, "explain", "zoe@example.com").out


def test_misuse(empty: Path, run: Run) -> None:
    for words in (("edit", "1"), ("edit", "1", "--set", "nonsense"), ("add", "a@b.co", "--set", "id=3")):
        assert run("-w", empty, "contact", *words).code == 2
    assert "no contact" in run("-w", empty, "contact", "forget", "1", "--yes").err
