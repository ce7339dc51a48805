"""Exports: whole or not at all, harmless in a spreadsheet, and back again unchanged."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import fastexcel
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xlsxwriter.worksheet import Worksheet

from carillon.errors import InputError, WorkspaceError
from carillon.files import writers
from carillon.files.formulas import disarmed, rearmed
from carillon.files.sources import open_source
from carillon.files.writers import write_table

FRAME = pl.DataFrame(
    {
        "email": ["a@x.co", "b@x.co", "c@x.co"],
        "note": ["=HYPERLINK(\"http://x\")", "two\nlines, \"quoted\"", None],
        "n": [1, None, 12345678901234567],
        "share": [0.5, float("inf"), None],
        "ok": [True, None, False],
        "day": [date(2026, 3, 1), None, date(1980, 1, 5)],
        "kind": pl.Series(["=x", "y", None], dtype=pl.Categorical),
    }
)  # fmt: skip
FORMATS = [".csv", ".xlsx", ".parquet"]


def back(path: Path) -> pl.DataFrame:
    source = open_source(path, lambda _: True)
    frame = pl.concat([batch.frame for batch in source.batches(1000)])
    source.close()
    return frame.select(pl.all().replace("", None))


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_written_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write_table([FRAME[:2], FRAME[2:]], path) == 3
    found = back(path)
    assert found.columns == FRAME.columns
    assert found["note"].to_list() == FRAME["note"].to_list()
    assert found["kind"].to_list() == ["=x", "y", None]
    assert found["n"].to_list() == ["1", None, "12345678901234567"]
    assert found["day"].to_list() == ["2026-03-01", None, "1980-01-05"]
    assert found["ok"].to_list() == ["true", None, "false"]
    assert list(tmp_path.iterdir()) == [path]


_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=6
) | st.sampled_from(
    ["=1", "'=1", "''=", "-5", "'-5", "+15551234567", "+1 (555) 1", "@x", "-", "'tis", "＝1", "-1+1", "+1.5"]
)


@given(st.lists(_TEXT.filter(lambda text: text == text.strip()), min_size=1, max_size=8))
def test_csv_loses_nothing(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "out.csv"
    write_table([pl.DataFrame({"key": ["k"] * len(texts), "text": texts})], path)
    assert back(path)["text"].to_list() == texts


@given(st.text(max_size=6))
def test_disarming_can_be_undone(text: str) -> None:
    safe = disarmed(pl.Series([text, None]))
    assert rearmed(safe).to_list() == [text, None]
    first = safe[0][:1]
    assert first not in tuple("=@\t\r\n＝＋－＠")
    assert first not in tuple("+-") or safe[0][1:].replace(".", "", 1).isdigit()


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+1", "'+1+1"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-12.5", "-12.5"),
        ("+15551234567", "+15551234567"),
        ("+1 (555) 123", "'+1 (555) 123"),
        ("'=1", "''=1"),
        ("plain", "plain"),
        ("a=1", "a=1"),
    ],
)
def test_cells(text: str, cell: str) -> None:
    assert disarmed(pl.Series([text])).to_list() == [cell]


def test_headers_are_disarmed_too(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table([pl.DataFrame({"=1": ["x"], "b,c": ["y"]})], path)
    assert path.read_bytes() == b'\'=1,"b,c"\nx,y\n'
    assert back(path).columns == ["=1", "b,c"]


def test_xlsx_holds_no_formulas(tmp_path: Path) -> None:
    path = tmp_path / "out.xlsx"
    write_table([FRAME], path)
    sheet = fastexcel.read_excel(path).load_sheet(0).to_polars()
    assert sheet["note"][0] == '=HYPERLINK("http://x")'
    assert sheet.schema["share"] == pl.String  # because of the infinity, which a cell cannot hold
    assert sheet.schema["ok"] == pl.Boolean


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_rows_is_a_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    assert write_table([FRAME.clear()], path) == 0
    source = open_source(path, lambda _: True)
    assert source.columns == FRAME.columns
    source.close()


@pytest.mark.parametrize("suffix", FORMATS)
def test_nothing_half_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    path.write_bytes(b"what was there")

    def frames() -> Iterator[pl.DataFrame]:
        yield FRAME
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError, match="went away"):
        write_table(frames(), path)
    assert path.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_frames_at_all(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(InputError, match="nothing to write"):
        write_table([], tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceError, match=rf"out{suffix}: the disk is full. Nothing was written"):
        write_table([FRAME], tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_disk_that_fills_while_writing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "with_name", lambda *_: Path("/dev/full"))
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    large = pl.DataFrame({"n": [str(i * 7919) for i in range(20_000)]})
    with pytest.raises(WorkspaceError, match="the disk is full"):
        write_table([large], tmp_path / f"out{suffix}")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "cannot be written to"),
        (errno.EROFS, "cannot be written to"),
        (errno.EIO, r"cannot be written \(Input/output error\)"),
    ],
)
def test_unwritable(tmp_path: Path, code: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WorkspaceError, match=rf"out\.csv: .*{words}"):
        write_table([FRAME], tmp_path / "out.csv")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=r"does not exist\. Create it first"):
        write_table([FRAME], tmp_path / "none" / "out.csv")
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="cannot be written to"):
        write_table([FRAME], tmp_path / "file" / "out.csv")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(InputError, match="this is a folder"):
        write_table([FRAME], tmp_path / "out.csv")


@pytest.mark.parametrize("name", ["out", "out.txt", "out.xls"])
def test_unknown_formats(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"\.csv, \.xlsx or \.parquet"):
        write_table([FRAME], tmp_path / name)


def test_more_rows_than_a_sheet_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_SHEET_ROWS", 3)
    with pytest.raises(InputError, match="a sheet ends at 3 rows"):
        write_table([FRAME], tmp_path / "out.xlsx")
    assert not list(tmp_path.iterdir())


def test_longer_texts_than_a_cell_holds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the text in row 2, column 1 is longer"):
        write_table([pl.DataFrame({"a": ["x" * 32_768]})], tmp_path / "out.xlsx")
    assert not list(tmp_path.iterdir())


def test_the_private_part_of_xlsxwriter_we_use_is_there() -> None:
    assert callable(Worksheet._opt_close)


def test_frames_with_columns_in_another_order(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write_table([pl.DataFrame({"a": ["1"], "b": ["2"]}), pl.DataFrame({"b": ["4"], "a": ["3"]})], path)
    assert path.read_text() == "a,b\n1,2\n3,4\n"
