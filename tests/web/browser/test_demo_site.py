"""The demo has something to show on every page: all the states of affairs that pages tell apart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from carillon.clock import SystemClock
from carillon.store import replies
from carillon.watch.health import check
from carillon.words import EventKind, SequenceStatus
from carillon.workspace import Workspace, open_workspace
from tests.web.browser.site import Site


@pytest.fixture
def demo(demo_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """As it was made, whatever other tests did to their copy of it."""
    del demo_site
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    found = open_workspace(shared / "browser-demo", {}, SystemClock())
    yield found
    found.close()


def column(workspace: Workspace, statement: str) -> list[object]:
    with workspace.database.snapshot() as connection:
        return list(connection.execute(text(statement)).scalars())


def test_pages_have_something_to_tell(demo: Workspace) -> None:
    wanted = set(SequenceStatus) - {SequenceStatus.ARCHIVED}
    assert set(column(demo, "select status from sequences")) == wanted
    assert set(column(demo, "select status from outbox")) >= {
        "scheduled", "sent", "bounced", "failed", "in_doubt"
    }  # fmt: skip
    heard = {"opened", "clicked", "replied", "auto_replied", "bounced", "unsubscribed", "opted_out"}
    assert set(column(demo, "select event_type from contact_events")) >= {EventKind(one) for one in heard}
    assert column(demo, "select max(warmup_day) from accounts where status = 'active'") > [4]
    assert column(demo, "select count(*) from send_outcomes") > [3000]
    with demo.database.snapshot() as connection:
        read = {one.read_at is not None for one in replies.replies(connection, None, 1000)}
    assert read == {True, False}


def test_books_and_mail_agree(demo: Workspace) -> None:
    """What is said to have left lies in the Maildirs, and nothing else; two things want looking after."""
    left = column(demo, "select id from outbox where status in ('sent', 'delivered', 'bounced')")
    assert len(left) == len(list((demo.folder / "mail").glob("*/new/*.eml")))
    issues = [one for one in check(demo.folder, SystemClock()).issues if "carillon run" not in one]
    assert [one.split()[:3] for one in issues] == [["account", "dan", "is"], ["2", "emails", "are"]]
