"""Target lists as files: columns, dates, and what is reported of a row."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from carillon.errors import InputError
from carillon.files.targets import TargetBatch, read_targets

TODAY = date(2026, 3, 10)


def read(tmp_path: Path, text: str, **options: object) -> TargetBatch:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    reader = read_targets(path, today=TODAY, **options)  # type: ignore[arg-type]
    batches = list(reader.batches(1000, lambda _done: None))
    frame = pl.concat(batch.frame for batch in batches)
    return TargetBatch(frame, [one for batch in batches for one in batch.rejected])


def test_all_columns_and_both_ways_to_write_a_date(tmp_path: Path) -> None:
    batch = read(
        tmp_path,
        "Contact ID,External Id,E-Mail,Trigger Date\n"
        "7.0,,,2026-05-01\n"
        ",X1,,5/1/2026\n"
        ',,Ann <ANN@Example.com> ,"May 1, 2026"\n'
        ",,bob@example.com,\n",
    )
    assert batch.rejected == []
    assert batch.frame.select("line", "contact", "external_id", "email", "trigger_date").rows() == [
        (2, 7, None, None, "2026-05-01"),
        (3, None, "X1", None, "2026-05-01"),
        (4, None, None, "ann@example.com", "2026-05-01"),
        (5, None, None, "bob@example.com", None),
    ]


def test_what_cannot_be_used_is_rejected_with_its_place(tmp_path: Path) -> None:
    batch = read(
        tmp_path,
        "contact_id,email,trigger\n"
        "x,ann@example.com,\n"
        ",nobody,\n"
        ",,2026-05-01\n"
        ",ann@example.com,someday\n"
        ",ann@example.com,30/4/2026\n"
        ",an\0n@example.com,\n"
        ",bob@example.com,2026-05-01,more\n"
        ",zoe@example.com,5/1/43\n",
    )
    assert [(one.line, one.column, one.reason) for one in batch.rejected] == [
        (2, "contact_id", "not a contact's id: those are whole numbers"),
        (3, "email", "not an email address: it has no @"),
        (4, "email", "no email address"),
        (5, "trigger", "not a date; write it as 1980-01-31"),
        (6, "trigger", "there is no month 30; for day and month the other way: --date-order dmy"),
        (7, "contact_id", "the row holds NUL bytes; not text"),
        (
            8,
            "",
            "4 fields where the header has 3; a value that holds the delimiter must stand in quotation marks",
        ),
    ]
    assert batch.frame.rows(named=True)[0]["trigger_date"] == "2043-05-01"


def test_a_list_without_addresses(tmp_path: Path) -> None:
    batch = read(tmp_path, "external_id,note\nX1,a\n,b\n")
    assert batch.frame["external_id"].to_list() == ["X1"]
    assert [(one.line, one.column, one.reason) for one in batch.rejected] == [
        (3, "external_id", "no external_id")
    ]


def test_day_first(tmp_path: Path) -> None:
    batch = read(tmp_path, "email,trigger_date\nann@example.com,30/4/2026\n", date_order="dmy")
    assert batch.frame["trigger_date"].to_list() == ["2026-04-30"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,date\nAnn,2026-05-01\n", "no column says who is meant"),
        ("email,mail\na@example.com,b@example.com\n", "are both email"),
        ("", "empty"),
    ],
)
def test_a_file_that_cannot_be_a_list(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)


def test_a_workbook_whose_second_sheet_has_the_targets(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("notes").write_row(0, 0, ["about", "this"])
        sheet = book.add_worksheet("targets")
        sheet.write_row(0, 0, ["external_id", "trigger_date"])
        sheet.write(1, 0, "X1")
        sheet.write_datetime(1, 1, date(2026, 5, 1), book.add_format({"num_format": "m/d/yyyy"}))
    reader = read_targets(path, today=TODAY)
    (batch,) = reader.batches(10, lambda _done: None)
    assert batch.frame.select("external_id", "trigger_date").rows() == [("X1", "2026-05-01")]
    assert reader.columns == {"external_id": "external_id", "trigger_date": "trigger_date"}
