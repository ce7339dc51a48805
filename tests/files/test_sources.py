"""Files as they come: encodings, delimiters, quotes, workbooks, and what is refused."""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from carillon.errors import InputError
from carillon.files import delimited, sheets
from carillon.files.mapping import has_email
from carillon.files.sources import Problem, Source, open_source

Read = tuple[list[str], list[tuple[int, tuple[str | None, ...]]], list[Problem]]


_sources: list[Source] = []


@pytest.fixture(autouse=True)
def _all_closed() -> Iterator[None]:
    yield
    while _sources:
        _sources.pop().close()


def opened(path: Path) -> Source:
    _sources.append(open_source(path, lambda columns: has_email(columns, {})))
    return _sources[-1]


def read(path: Path, rows: int = 50_000) -> Read:
    """Columns, (line, row) pairs and problems of a whole file."""
    source = opened(path)
    found: list[tuple[int, tuple[str | None, ...]]] = []
    problems: list[Problem] = []
    for batch in source.batches(rows):
        found += zip(batch.lines.tolist(), batch.frame.iter_rows(), strict=True)
        problems += batch.problems
        assert source.position <= source.total
    return source.columns, found, problems


@pytest.fixture
def text(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str | bytes, name: str = "list.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


File = Callable[..., Path]


class TestEncodings:
    CONTENT = "email,name\nj@x.co,Jörg\na@x.co,Łukasz\n"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_unicode(self, text: File, encoding: str) -> None:
        content = self.CONTENT.encode(encoding)
        columns, rows, _ = read(text(content))
        assert columns == ["email", "name"]
        assert [row[1] for _, row in rows] == ["Jörg", "Łukasz"]

    def test_big_endian_with_a_mark(self, text: File) -> None:
        assert read(text(b"\xfe\xff" + self.CONTENT.encode("utf-16-be")))[0] == ["email", "name"]

    def test_windows(self, text: File) -> None:
        path = text("email,name\nj@x.co,CAFÉ’S €\n".encode("cp1252"))
        assert read(path)[1] == [(2, ("j@x.co", "CAFÉ’S €"))]
        assert "Windows-1252" in opened(path).notes[0]

    def test_latin_1_where_windows_has_no_sign(self, text: File) -> None:
        assert read(text(b"email,name\nj@x.co,J\xf6rg\x81\n"))[1] == [(2, ("j@x.co", "Jörg\x81"))]

    def test_the_only_accent_may_be_in_the_last_row(self, text: File) -> None:
        content = b"email,name\n" + b"a@x.co,Ann\n" * 200_000 + b"j@x.co,J\xf6rg\n"
        assert read(text(content))[1][-1] == (200_002, ("j@x.co", "Jörg"))

    def test_one_foreign_byte_does_not_spoil_a_utf8_file(self, text: File) -> None:
        path = text("email,name\nj@x.co,Jörg\na@x.co,Łukasz\n".encode() + b"b@x.co,J\xf6rg\n")
        assert [row[1] for _, row in read(path)[1]] == ["Jörg", "Łukasz", "Jörg"]
        assert "1 bytes are not UTF-8" in opened(path).notes[0]

    def test_cut_off_utf16(self, text: File) -> None:
        with pytest.raises(InputError, match="damaged or cut off"):
            opened(text(self.CONTENT.encode("utf-16")[:-1]))


class TestDelimiters:
    @pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
    def test_each(self, text: File, sign: str) -> None:
        columns, rows, _ = read(text(f"email{sign}name\na@x.co{sign}Ann\n"))
        assert columns == ["email", "name"]
        assert rows == [(2, ("a@x.co", "Ann"))]

    def test_other_signs_in_the_text(self, text: File) -> None:
        content = 'email;"name, first";note\na@x.co;Ann;1,5|2\nb@x.co;Bob;2,5|3\n'
        assert read(text(content))[0] == ["email", "name, first", "note"]

    def test_more_signs_of_another_kind_than_of_the_right_one(self, text: File) -> None:
        content = "email|address\n" + "a@x.co|1 Main St, Town, State, USA\n" * 5
        assert len(read(text(content))[1]) == 5

    def test_a_few_bad_rows_do_not_mislead(self, text: File) -> None:
        content = "email,name,zip\n" + "a@x.co,Ann,90210\n" * 8 + "a;b;c\n" * 2
        columns, rows, problems = read(text(content))
        assert (len(columns), len(rows), len(problems)) == (3, 8, 2)

    def test_one_column(self, text: File) -> None:
        assert read(text("email\na@x.co\nb@x.co\n"))[1] == [(2, ("a@x.co",)), (3, ("b@x.co",))]

    @pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
    def test_excels_own_sep_line(self, text: File, first: str) -> None:
        columns, rows, _ = read(text(f"{first}\r\nemail;name\r\na@x.co;Ann\r\n"))
        assert columns == ["email", "name"]
        assert rows == [(3, ("a@x.co", "Ann"))]


class TestLines:
    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_numbers_are_physical_lines(self, text: File, end: str) -> None:
        lines = ["", "email,note", 'a@x.co,"one', "two", 'three"', "", "b@x.co,x", ",", "c@x.co,y"]
        rows = read(text(end.join(lines)))[1]
        assert rows == [
            (3, ("a@x.co", end.join(["one", "two", "three"]))),
            (7, ("b@x.co", "x")),
            (9, ("c@x.co", "y")),
        ]

    def test_ragged_rows_are_reported_and_never_shifted(self, text: File) -> None:
        _, rows, problems = read(
            text("email,name,zip\na@x.co,Ann\nb@x.co,Bob,1,2\nc@x.co,C,90210\nd@x.co,D,,\n")
        )
        assert rows == [(4, ("c@x.co", "C", "90210"))]
        assert [each.line for each in problems] == [2, 3, 5]
        assert problems[0].reason == "2 fields where the header has 3"
        assert problems[0].value == "a@x.co,Ann"
        assert "quotation marks" in problems[1].reason

    def test_an_unterminated_quote_costs_one_line(self, text: File) -> None:
        _, rows, problems = read(text('email,name\na@x.co,"Ann\nb@x.co,Bob\nc@x.co,"Smith, C"\nd@x.co,D\n'))
        assert [line for line, _ in rows] == [3, 4, 5]
        assert [each.line for each in problems] == [2]
        assert "quotation mark" in problems[0].reason

    def test_an_unterminated_quote_to_the_end(self, text: File) -> None:
        content = 'email,name\na@x.co,"Ann\n' + "b@x.co,Bob\n" * 2000
        _, rows, problems = read(text(content))
        assert len(rows) == 2000
        assert rows[-1][0] == 2002
        assert [(each.line, each.reason) for each in problems] == [
            (2, "a quotation mark is opened and never closed")
        ]

    def test_a_value_too_long_to_be_one(self, text: File) -> None:
        content = 'email,name\na@x.co,"Ann\n' + "b@x.co,Bob\n" * 20_000 + f"c@x.co,{'x' * 200_000}\n"
        _, rows, problems = read(text(content))
        assert len(rows) == 20_000
        assert [each.line for each in problems] == [2, 20_003]
        assert "131,072 characters" in problems[0].reason

    def test_text_after_a_closing_quote(self, text: File) -> None:
        _, rows, problems = read(text('email,name\na@x.co,"Ann" Lee\nb@x.co,Bob "B" Lee\n'))
        assert rows == [(3, ("b@x.co", 'Bob "B" Lee'))]
        assert [each.line for each in problems] == [2]

    def test_blanks_before_a_quote(self, text: File) -> None:
        assert read(text('email, name\na@x.co, "Lee, Ann"\n'))[1] == [(2, ("a@x.co", "Lee, Ann"))]

    def test_batches_are_bounded_and_lose_nothing(self, text: File) -> None:
        path = text("email\n" + "".join(f"a{i}@x.co\n" for i in range(1000)))
        batches = list(opened(path).batches(64))
        assert max(len(batch.lines) for batch in batches) == 64
        assert [line for batch in batches for line in batch.lines.tolist()] == list(range(2, 1002))

    def test_the_apostrophe_of_exports_is_taken_away(self, text: File) -> None:
        _, rows, _ = read(text("email,'=note\na@x.co,'=1+1\nb@x.co,''=1\nc@x.co,'tis\n"))
        assert [row[1] for _, row in rows] == ["=1+1", "'=1", "'tis"]

    @given(
        st.lists(
            st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)] * 3),
            max_size=8,
        ),
        st.sampled_from(",;\t|"),
        st.sampled_from(["\n", "\r\n"]),
    )
    def test_what_python_writes_is_read(
        self, tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], sign: str, end: str
    ) -> None:
        out = io.StringIO()
        writer = csv.writer(out, delimiter=sign, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerow(["email", "a", "b"])
        writer.writerows(rows)
        path = tmp_path_factory.getbasetemp() / "written.csv"
        path.write_bytes(out.getvalue().encode())
        found, problems = read(path)[1:]
        kept = [row for row in rows if "".join(row).strip()]
        risky = tuple("'")
        assert [row for _, row in found if not any(str(cell).startswith(risky) for cell in row)] == [
            row for row in kept if not any(cell.startswith(risky) for cell in row)
        ]
        assert problems == []


class TestHeaders:
    def test_empty(self, text: File) -> None:
        for content in (b"", b"\n\n", b"\xef\xbb\xbf", b" , \n,\n"):
            with pytest.raises(InputError, match=r"list\.csv: the file is empty"):
                opened(text(content))

    def test_header_only(self, text: File) -> None:
        assert read(text("email,name\n")) == (["email", "name"], [], [])

    def test_none(self, text: File) -> None:
        with pytest.raises(InputError, match=r"the columns have no names\. Put a header row"):
            opened(text("ann@x.co,Ann\nbob@x.co,Bob\n"))

    def test_twice_the_same(self, text: File) -> None:
        with pytest.raises(InputError, match='columns 2 and 4 are both named "Note"'):
            opened(text("email,Note,a,Note\n"))

    def test_nameless_columns_are_numbered(self, text: File) -> None:
        assert read(text("email,,x,\na@x.co,1,2,3\n"))[0] == ["email", "column 2", "x", "column 4"]

    def test_a_broken_header(self, text: File) -> None:
        with pytest.raises(InputError, match="line 1, the header, cannot be read"):
            opened(text('email,"name" x\na@x.co,Ann\n'))


class TestRefused:
    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file"):
            opened(tmp_path / "none.csv")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="this is a folder"):
            opened(tmp_path)

    def test_unreadable(self, text: File, monkeypatch: pytest.MonkeyPatch) -> None:
        path = text("email\n")

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(InputError, match=r"no permission to read it.*chmod"):
            opened(path)

    def test_a_broken_disk(self, text: File, monkeypatch: pytest.MonkeyPatch) -> None:
        path = text("email\n")

        def fail(*_: object, **__: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(Path, "open", fail)
        with pytest.raises(InputError, match="cannot be read \\(Input/output error\\)"):
            opened(path)

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("list.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old .* or password-protected workbook"),
            ("list.csv", b"\x1f\x8b\x08\x00", "gunzip"),
            ("list.csv", b"%PDF-1.7", "PDF"),
            ("list.xlsx", b"email\na@x.co\n", "not an Excel workbook"),
            ("list.parquet", b"email\na@x.co\n", "not a Parquet file"),
            ("list.xlsx", b"PK\x03\x04 and then nothing", "damaged or cut off"),
            ("list.parquet", b"PAR1 and then nothing", "damaged or cut off"),
            ("list.csv", b"x" * (1 << 20), "no line break"),
        ],
    )
    def test_other_formats(self, text: File, name: str, content: bytes, words: str) -> None:
        with pytest.raises(InputError, match=rf"{name}.*{words}"):
            opened(text(content, name))


class TestStandardInput:
    def test_csv(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BytesIO("email;name\nj@x.co;Jörg\n".encode("cp1252")))
        )
        source = open_source("-", lambda _: True)
        (batch,) = source.batches(10)
        source.close()
        assert batch.frame.rows() == [("j@x.co", "Jörg")]

    def test_other_formats_want_a_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"PK\x03\x04....")))
        with pytest.raises(InputError, match="standard input: this is an Excel workbook"):
            open_source("-", lambda _: True)

    def test_a_named_pipe(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        end = os.open(path, os.O_RDWR)
        os.write(end, b"email\na@x.co\n")
        # The reader sees the end once no writer is left; it opens before this one closes.
        real = Path.open

        def open_then_close(self: Path, mode: str) -> object:
            stream = real(self, mode)
            os.close(end)
            return stream

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "open", open_then_close)
            source = opened(path)
        assert next(source.batches(10)).frame.rows() == [("a@x.co",)]


class TestWorkbooks:
    def book(self, path: Path, **sheets_: Sequence[Sequence[object]]) -> Path:
        with xlsxwriter.Workbook(path) as book:
            day = book.add_format({"num_format": "mm/dd/yyyy"})
            for name, rows in sheets_.items():
                sheet = book.add_worksheet(name)
                for r, row in enumerate(rows):
                    for c, cell in enumerate(row):
                        if isinstance(cell, date | datetime | time):
                            sheet.write_datetime(r, c, cell, day)
                        elif cell is not None:
                            sheet.write(r, c, cell)
        return path

    def test_values_are_text_as_people_see_it(self, tmp_path: Path) -> None:
        path = self.book(
            tmp_path / "a.xlsx",
            One=[
                [],
                [None, "email", "zip", "dob", "id"],
                [None, "a@x.co", 7302, date(1980, 1, 5), 5551234567],
                [],
                [None, "b@x.co", "07302", 29221, 123456789012345],
                [None, "c@x.co", 7302.5, datetime(1980, 1, 5, 13, 30), True],
            ],
        )
        columns, rows, _ = read(path)
        assert columns == ["email", "zip", "dob", "id"]
        assert rows == [
            (3, ("a@x.co", "7302", "1980-01-05", "5551234567")),
            (5, ("b@x.co", "07302", "29221", "123456789012345")),
            (6, ("c@x.co", "7302.5", "1980-01-05 13:30:00", "true")),
        ]

    def test_the_first_sheet_with_email(self, tmp_path: Path) -> None:
        path = self.book(tmp_path / "a.xlsx", A=[["E-Mail"], ["a@x.co"]], B=[["email"], ["b@x.co"]])
        assert read(path)[1] == [(2, ("a@x.co",))]

    def test_the_only_sheet_with_email(self, tmp_path: Path) -> None:
        path = self.book(tmp_path / "a.xlsx", Cover=[["Report"]], Empty=[], People=[["email"], ["b@x.co"]])
        assert read(path)[1] == [(2, ("b@x.co",))]
        assert 'sheet "People"' in opened(path).notes[0]

    def test_several_other_sheets_with_email(self, tmp_path: Path) -> None:
        path = self.book(tmp_path / "a.xlsx", Cover=[["Report"]], A=[["email"]], B=[["email"]])
        with pytest.raises(InputError, match="several others have one: A, B"):
            opened(path)

    def test_no_sheet_with_email_reads_the_first(self, tmp_path: Path) -> None:
        path = self.book(tmp_path / "a.xlsx", A=[["who"], ["a@x.co"]], B=[["x"]])
        assert read(path)[0] == ["who"]

    def test_an_empty_sheet(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="the sheet is empty"):
            opened(self.book(tmp_path / "a.xlsx", A=[]))

    def test_batches(self, tmp_path: Path) -> None:
        path = self.book(tmp_path / "a.xlsx", A=[["email"], *([f"a{i}@x.co"] for i in range(25))])
        assert [len(batch.lines) for batch in opened(path).batches(10)] == [10, 10, 5]

    @pytest.mark.parametrize("kept", [0.3, 0.9, 0.99])
    def test_cut_off(self, tmp_path: Path, kept: float) -> None:
        path = self.book(tmp_path / "a.xlsx", A=[["email"], *([f"a{i}@x.co"] for i in range(999))])
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * kept)])
        with pytest.raises(InputError, match=r"a.xlsx: the workbook is damaged.*again"):
            opened(path)

    def test_a_bit_flipped(self, tmp_path: Path) -> None:
        path = self.book(tmp_path / "a.xlsx", A=[["email"], *([f"a{i}@x.co"] for i in range(999))])
        content = bytearray(path.read_bytes())
        content[content.index(b"xl/worksheets/sheet1.xml") + 200] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            opened(path)

    def test_broken_xml_in_a_sound_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "a.xlsx"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("xl/workbook.xml", "<workbook><sheets>")
        with pytest.raises(InputError, match="the workbook is damaged"):
            opened(path)

    def test_another_archive(self, tmp_path: Path) -> None:
        path = tmp_path / "list.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("list.csv", "email\n")
        with pytest.raises(InputError, match=r"no Excel workbook\. Unpack it first"):
            opened(path)

    def test_a_bomb(self, tmp_path: Path) -> None:
        path = tmp_path / "bomb.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", b" " * (100 << 20))
        with pytest.raises(InputError, match="unpacks to 100 MB, which is refused for safety"):
            opened(path)

    def test_a_large_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = self.book(tmp_path / "a.xlsx", A=[["email"]])
        monkeypatch.setattr(sheets, "MAX_UNPACKED", 1000)
        with pytest.raises(InputError, match="refused for safety"):
            opened(path)

    def test_a_bomb_that_lies_about_its_size(self, tmp_path: Path) -> None:
        path = tmp_path / "bomb.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", b" " * (100 << 20))
        size = (100 << 20).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
        with pytest.raises(InputError, match="damaged"):
            opened(path)


class TestParquet:
    def test_types_become_text(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pl.DataFrame(
            {
                "email": ["a@x.co", "b@x.co"],
                "zip": [7302.0, None],
                "ratio": [0.5, float("nan")],
                "dob": [date(1980, 1, 5), None],
                "at": [datetime(2024, 1, 5, 13, 30), None],
                "day": [datetime(2024, 1, 5), None],
                "n": [5551234567, None],
                "ok": [True, None],
                "tags": [["x", "y"], None],
                "more": [{"k": 1}, None],
                "kind": pl.Series(["p", None], dtype=pl.Categorical),
                "raw": pl.Series([b"bytes", None]),
                "nothing": [None, None],
            }
        ).with_columns(zoned=pl.col("at").dt.replace_time_zone("America/Chicago")).write_parquet(path)
        columns, rows, _ = read(path)
        assert rows[0][0] == 1
        assert dict(zip(columns, rows[0][1], strict=True)) == {
            "email": "a@x.co",
            "zip": "7302",
            "ratio": "0.5",
            "dob": "1980-01-05",
            "at": "2024-01-05T13:30:00",
            "day": "2024-01-05",
            "n": "5551234567",
            "ok": "true",
            "tags": "x,y",
            "more": '{"k": 1}',
            "kind": "p",
            "raw": "bytes",
            "nothing": None,
            "zoned": "2024-01-05T13:30:00-06:00",
        }
        assert rows[1] == (2, ("b@x.co", *[None] * 13))

    def test_batches(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pl.DataFrame({"email": [f"a{i}@x.co" for i in range(25)]}).write_parquet(path)
        batches = list(opened(path).batches(10))
        assert [batch.lines.tolist()[0] for batch in batches] == [1, 11, 21]

    def test_damaged_in_the_middle(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pl.DataFrame({"email": [f"a{i * 7919}@x.co" for i in range(5000)]}).write_parquet(path)
        content = bytearray(path.read_bytes())
        content[4:2000] = b"\xff" * 1996
        path.write_bytes(content)
        source = opened(path)
        with pytest.raises(InputError, match="damaged or cut off"):
            list(source.batches(1000))


def test_the_largest_sample_is_no_limit() -> None:
    """A header longer than the sample the delimiter is told from."""
    names = ",".join(["email", *(f"a column with a long name {i}" for i in range(5000))])
    assert len(names) > delimited._SAMPLE
    assert delimited._delimiter(names[: delimited._SAMPLE], complete=False) == ","
