"""From a file's text to contacts: columns, emails, dates, places, attributes and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from carillon import addresses
from carillon.errors import InputError, UsageError
from carillon.files.contacts import ContactBatch, ContactReader, read_contacts
from carillon.files.dates import DateColumn, DateFault, nearest, never_future, read_date
from carillon.files.duplicates import Seen
from carillon.files.mapping import resolve
from carillon.files.places import _NAMES, restored_zips, state_code
from carillon.words import IssueCode
from carillon.zips import STATES

TODAY = date(2026, 3, 1)
Import = Callable[..., ContactBatch]


@pytest.fixture
def reader(tmp_path: Path) -> Callable[..., ContactReader]:
    def read(content: str, mapping: Mapping[str, str] | None = None, **options: Any) -> ContactReader:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode())
        return read_contacts(path, mapping=mapping or {}, today=TODAY, **options)

    return read


@pytest.fixture
def imported(reader: Callable[..., ContactReader]) -> Import:
    """A small file as its only batch."""

    def read(content: str, mapping: Mapping[str, str] | None = None, **options: Any) -> ContactBatch:
        (batch,) = reader(content, mapping, **options)
        return batch

    return read


def reports(problems: list[Any]) -> list[tuple[int, str, str, str]]:
    return [tuple(each) for each in problems]


class TestColumns:
    def test_spellings(self) -> None:
        columns = [
            "E-Mail", "First Name", "LAST_NAME", "Mobile", "Postal Code", "State", "Date of Birth",
            "Policy Effective Date", "Company Name", "Industry", "Job Title", "Time Zone", "External ID",
            "SMS Consent At", "Tags", "Attributes",
        ]  # fmt: skip
        assert list(resolve(columns, {}, "f").values()) == [
            "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date",
            "effective_date", "company", "industry", "title", "timezone", "external_id",
            "sms_consent_at", "tags", "attributes",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("column", "target"),
        [
            ("Email Address", "email"),
            ("Zip", "zip_code"),
            ("DOB", "birth_date"),
            ("Birthday", "birth_date"),
            ("Phone", "phone_number"),
            ("Effective Date", "effective_date"),
            ("Agent", "attributes.Agent"),
            ("id", "attributes.id"),
        ],
    )
    def test_more_spellings(self, column: str, target: str) -> None:
        mail = {} if target == "email" else {"mail": "email"}
        assert resolve([column, *mail], {}, "f")[column] == target

    def test_the_user_wins(self) -> None:
        mapping = {"work mail": "Email", "Email": "", "Colour": "attributes.colour", "Nick": "First-Name"}
        assert resolve(["Email", "Work Mail", "Colour", "Nick"], mapping, "f") == {
            "Email": "",
            "Work Mail": "email",
            "Colour": "attributes.colour",
            "Nick": "first_name",
        }

    def test_unknown_source(self) -> None:
        with pytest.raises(
            InputError, match=r'column "Emial".*Did you mean "Email"\? Its columns are: Email, x'
        ):
            resolve(["Email", "x"], {"Emial": "email"}, "f")

    @pytest.mark.parametrize(
        ("target", "nearest_name"), [("frist_name", "first_name"), ("zipcode", "zip_code")]
    )
    def test_unknown_target(self, target: str, nearest_name: str) -> None:
        with pytest.raises(UsageError, match=rf'no target "{target}". Did you mean "{nearest_name}"\?'):
            resolve(["Email", "x"], {"x": target}, "f")

    def test_attribute_without_a_name(self) -> None:
        with pytest.raises(UsageError, match=r'no target "attributes\."'):
            resolve(["Email", "x"], {"x": "attributes."}, "f")

    def test_two_columns_for_one_target(self) -> None:
        with pytest.raises(InputError, match=r'"Phone" and "Mobile" are both phone_number.*--map "Mobile="'):
            resolve(["Email", "Phone", "Mobile"], {}, "f")
        with pytest.raises(InputError, match=r"both attributes\.x"):
            resolve(["Email", "x", "y"], {"y": "attributes.x"}, "f")

    def test_no_email_column(self) -> None:
        with pytest.raises(InputError, match=r'columns are: who, where.*--map "COLUMN=email"'):
            resolve(["who", "where"], {}, "f")

    @pytest.mark.parametrize("name", ["Name", "unsubscribe_url", "view_url"])
    def test_names_with_a_meaning_in_templates(self, name: str) -> None:
        with pytest.raises(InputError, match=f'"{name}" cannot become an attribute.*--map "{name}='):
            resolve(["Email", name], {}, "f")
        assert resolve(["Email", name], {name: "attributes.other"}, "f")[name] == "attributes.other"
        with pytest.raises(InputError, match="cannot become an attribute"):
            resolve(["Email", "x"], {"x": f"attributes.{name}"}, "f")

    def test_a_replaced_email_column_needs_a_place(self) -> None:
        with pytest.raises(InputError, match='"Email" cannot become an attribute'):
            resolve(["Email", "Work"], {"Work": "email"}, "f")

    def test_errors_come_before_reading(self, reader: Callable[..., ContactReader]) -> None:
        with pytest.raises(InputError, match=r"list\.csv: no column with email addresses"):
            reader("a,b\n1,2\n")


class TestEmails:
    def test_kept_as_given_and_unwrapped(self, imported: Import) -> None:
        batch = imported(
            "email\n Ann@X.co \nmailto:b@x.co\nMAILTO:c@x.co?subject=Hi\nDee Lee <d@x.co>\n<mailto:e@x.co>\n"
            "\u200bf@x.co\ufeff\n\xa0jörg@x.co\n"
        )
        assert batch.frame["email"].to_list() == [
            "Ann@X.co", "b@x.co", "c@x.co", "d@x.co", "e@x.co", "f@x.co", "jörg@x.co",
        ]  # fmt: skip
        assert batch.frame["identity"][0] == "ann@x.co"
        assert batch.frame["seed"][0] == addresses.seed("ann@x.co")
        assert batch.frame["line"].to_list() == list(range(2, 9))
        assert batch.rejected == []

    def test_unusable(self, imported: Import) -> None:
        batch = imported(
            'E-Mail,x\n,1\nann,2\na b@x.co,3\n"a@x.co; b@x.co",4\na@x,5\nnull@\0x.co,6\nok@x.co,\0\n'
        )
        assert batch.frame.is_empty()
        assert reports(batch.rejected) == [
            (2, "E-Mail", "", "no email address"),
            (3, "E-Mail", "ann", "not an email address: it has no @"),
            (4, "E-Mail", "a b@x.co", "not a valid email address: it has a blank in it"),
            (5, "E-Mail", "a@x.co; b@x.co", "more than one email address; keep one"),
            (6, "E-Mail", "a@x", "not a valid email address"),
            (7, "E-Mail", "null@␀x.co", "the row holds NUL bytes, so it is not text"),
            (8, "E-Mail", "ok@x.co", "the row holds NUL bytes, so it is not text"),
        ]

    def test_long_values_are_cut_in_the_report(self, imported: Import) -> None:
        (found,) = imported("email\n" + "x" * 1000 + "\n").rejected
        assert len(found.value) == 80
        assert found.value.endswith("…")

    def test_ragged_rows_are_rejected_in_line_order(self, imported: Import) -> None:
        batch = imported("email,x\nbad,1\na@x.co\nbad,2\n")
        assert [each.line for each in batch.rejected] == [2, 3, 4]


class TestIdentity:
    def test_external_ids(self, imported: Import) -> None:
        batch = imported("email,external_id\nann@x.co,C-1\nAnn@x.co,C-2\nann@x.co,\nBOB@x.co, \n")
        assert batch.frame["identity"].to_list() == ["C-1", "C-2", "ann@x.co", "bob@x.co"]
        assert batch.frame["seed"].to_list() == addresses.seeds(batch.frame["identity"]).tolist()
        assert batch.rejected == []

    def test_the_first_of_an_identity_is_kept(self, imported: Import) -> None:
        batch = imported("email,x\nann,0\nann@x.co,1\nbob@x.co,2\nANN@X.co,3\nann@x.co,4\n")
        assert batch.frame["line"].to_list() == [3, 4]
        assert reports(batch.rejected)[1:] == [
            (5, "email", "ANN@X.co", "duplicate of line 3"),
            (6, "email", "ann@x.co", "duplicate of line 3"),
        ]

    def test_duplicates_by_external_id_name_it(self, imported: Import) -> None:
        batch = imported("email,external_id\na@x.co,7\nb@x.co,7\n")
        assert reports(batch.rejected) == [(3, "external_id", "7", "duplicate of line 2")]

    def test_across_batches(self, reader: Callable[..., ContactReader]) -> None:
        rows = [f"a{i % 70}@x.co" for i in range(200)]
        batches = list(reader("email\n" + "\n".join(rows) + "\n", batch_rows=16))
        assert len(batches) > 10
        assert [line for batch in batches for line in batch.frame["line"]] == list(range(2, 72))
        found = [each for batch in batches for each in batch.rejected]
        assert [(each.line, each.reason) for each in found] == [
            (i + 2, f"duplicate of line {i % 70 + 2}") for i in range(70, 200)
        ]

    @given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=20))
    def test_seen_remembers_like_a_dict(self, batches: list[list[int]]) -> None:
        seen, known, line = Seen(), dict[int, int](), 0
        for batch in batches:
            lines = np.arange(line, line + len(batch), dtype=np.int64)
            line += len(batch)
            found = seen.first_lines(np.array(batch, dtype=np.uint64), lines)
            assert found.tolist() == [
                known.setdefault(each, int(at)) for each, at in zip(batch, lines, strict=True)
            ]
        assert len(seen._runs) < 12


class TestDates:
    @pytest.mark.parametrize(
        ("text", "iso"),
        [
            ("1980-01-05", "1980-01-05"),
            ("1980-1-5", "1980-01-05"),
            ("1980/01/05", "1980-01-05"),
            ("19800105", "1980-01-05"),
            ("1980-01-05T10:30:00Z", "1980-01-05"),
            ("1980-01-05 00:00:00.000", "1980-01-05"),
            ("1/5/1980", "1980-01-05"),
            ("01/05/1980", "1980-01-05"),
            ("1/5/1980 0:00", "1980-01-05"),
            ("1-5-1980", "1980-01-05"),
            ("1/5/80", "1980-01-05"),
            ("3/1/26", "2026-03-01"),
            ("3/2/26", "1926-03-02"),
            ("5.1.1980", "1980-01-05"),
            ("05.01.80", "1980-01-05"),
            ("Jan 5, 1980", "1980-01-05"),
            ("January 5th 1980", "1980-01-05"),
            ("Sept. 3, 1980", "1980-09-03"),
            ("5 Jan 1980", "1980-01-05"),
            ("05-JAN-80", "1980-01-05"),
            ("29225", "1980-01-05"),
            ("29225.75", "1980-01-05"),
            ("2/29/1980", "1980-02-29"),
        ],
    )
    def test_forms(self, text: str, iso: str) -> None:
        assert read_date(text, "mdy", never_future(TODAY)).isoformat() == iso
        read, faults = DateColumn("mdy", never_future(TODAY)).read(pl.Series([text, None]))
        assert (read.to_list(), faults) == ([iso, None], {})

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("N/A", "not a date"),
            ("1980", "not a date"),
            ("0000-00-00", "no such day"),
            ("2/30/1980", "no such day"),
            ("13/13/1980", "no such day"),
            ("2023-02-29", "no such day"),
            ("25/1/1980", "--date-order dmy"),
            ("1849-12-31", "outside 1850 to 2120"),
            ("1/1/2121", "outside 1850 to 2120"),
            ("99999", "outside 1850 to 2120"),
            ("Foo 5, 1980", 'no month "foo"'),
            ("１/5/1980", "not a date"),
        ],
    )
    def test_faults(self, text: str, reason: str) -> None:
        with pytest.raises(DateFault, match=reason):
            read_date(text, "mdy", never_future(TODAY))
        read, faults = DateColumn("mdy", never_future(TODAY)).read(pl.Series([text]))
        assert read.to_list() == [text]
        assert reason in faults[text]

    def test_day_first(self) -> None:
        column = DateColumn("dmy", never_future(TODAY))
        read, faults = column.read(pl.Series(["25/1/1980", "5/1/80", "1/25/1980"]))
        assert read.to_list() == ["1980-01-25", "1980-01-05", "1/25/1980"]
        assert "--date-order mdy" in faults["1/25/1980"]

    @pytest.mark.parametrize(
        ("text", "year"), [("3/1/46", 2046), ("3/2/46", 1946), ("1/1/99", 1999), ("1/1/00", 2000)]
    )
    def test_two_digit_effective_years(self, text: str, year: int) -> None:
        assert read_date(text, "mdy", nearest(TODAY)).year == year

    @given(st.dates(date(1926, 3, 2), TODAY))
    def test_birth_dates_with_two_digits_come_back(self, day: date) -> None:
        assert read_date(f"{day:%m/%d/%y}", "mdy", never_future(TODAY)) == day

    @given(
        st.dates(date(1850, 1, 1), date(2120, 12, 31)),
        st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%b %d, %Y", "%d %B %Y", "%Y-%m-%dT%H:%M:%S"]),
    )
    def test_every_day_comes_back(self, day: date, form: str) -> None:
        text = datetime(day.year, day.month, day.day).strftime(form)
        read, faults = DateColumn("mdy", nearest(TODAY)).read(pl.Series([text]))
        assert (read.to_list(), faults) == ([day.isoformat()], {})

    @given(st.integers(10_000, 80_000))
    def test_serials(self, serial: int) -> None:
        day = date(1899, 12, 30) + timedelta(days=serial)
        assert read_date(str(serial), "mdy", nearest(TODAY)) == day

    @given(st.text("0123456789/-. janfebT:", max_size=12))
    def test_no_text_breaks_it(self, text: str) -> None:
        DateColumn("mdy", nearest(TODAY)).read(pl.Series([text]))

    def test_unreadable_dates_stay_and_are_reported(self, imported: Import) -> None:
        batch = imported(
            "email,DOB,Effective Date\nbad,1/1/1980,\na@x.co,31/1/1980,1/1/20\n"
            "b@x.co,3/2/2026,soon\nc@x.co,3/1/2026,\n"
        )
        assert batch.frame["birth_date"].to_list() == ["31/1/1980", "2026-03-02", "2026-03-01"]
        assert batch.frame["effective_date"].to_list() == ["2020-01-01", "soon", None]
        assert reports(batch.warnings) == [
            (
                3,
                "DOB",
                "31/1/1980",
                "there is no month 31; for day and month the other way: --date-order dmy",
            ),
            (4, "DOB", "2026-03-02", "a birth date in the future"),
            (4, "Effective Date", "soon", "not a date; write it as 1980-01-31"),
        ]
        assert [(row, code) for row, code, _ in batch.issues] == [
            (0, IssueCode.INVALID_BIRTH_DATE),
            (1, IssueCode.INVALID_BIRTH_DATE),
            (1, IssueCode.INVALID_EFFECTIVE_DATE),
        ]

    def test_consent_is_certain_or_empty(self, imported: Import) -> None:
        batch = imported(
            "email,sms_consent_at\na@x.co,2024-01-05T10:30:00-06:00\nb@x.co,1/5/2024\nc@x.co,yes\nd@x.co,\n"
        )
        assert batch.frame["sms_consent_at"].to_list() == [
            "2024-01-05T10:30:00-06:00", "2024-01-05", None, None,
        ]  # fmt: skip
        assert [each.line for each in batch.warnings] == [4]
        assert batch.issues == []


class TestPlaces:
    @pytest.mark.parametrize(
        ("text", "zip_code"),
        [
            ("07302", "07302"),
            ("7302", "07302"),
            ("7302.0", "07302"),
            ("12345.0", "12345"),
            ("501", "00501"),
            ("73021234", "07302-1234"),
            ("5011234", "00501-1234"),
            ("123456789", "12345-6789"),
            ("12345-6789", "12345-6789"),
            ("12345 6789", "12345-6789"),
            ("12345–6789", "12345-6789"),
            ("7302-1234", "07302-1234"),
            ("12345-", "12345"),
            ("'07302", "07302"),
            ("12", "12"),
            ("123456", "123456"),
            ("12345-678", "12345-678"),
            ("SW1A 1AA", "SW1A 1AA"),
        ],
    )
    def test_zips(self, text: str, zip_code: str) -> None:
        assert restored_zips(pl.Series([text, None])).to_list() == [zip_code, None]

    @given(st.integers(0, 99_999), st.none() | st.integers(0, 9999))
    def test_lost_zeros(self, five: int, four: int | None) -> None:
        whole = f"{five:05}" if four is None else f"{five:05}-{four:04}"
        number = whole.replace("-", "").lstrip("0")
        if len(number) >= (3 if four is None else 7):
            assert restored_zips(pl.Series([number])).to_list() == [whole]

    def test_state_names(self) -> None:
        assert tuple(_NAMES) == STATES
        for code, name in _NAMES.items():
            assert state_code(name.upper()) == state_code(code.lower()) == code
        assert state_code(" d.c. ") == state_code("Washington, DC".replace(",", "")) == "DC"
        assert state_code("Ontario") is None

    def test_the_zip_decides(self, imported: Import) -> None:
        batch = imported(
            "email,Zip,State\na@x.co,90210,ca\nb@x.co,2108,Massachusetts\nc@x.co,90210,NY\nd@x.co,90210,Ontario\n"
            "e@x.co,,Nevada\nf@x.co,99999,Elsewhere\ng@x.co,90210,\nh@x.co,x,\n"
        )
        assert batch.frame["state"].to_list() == ["CA", "MA", "CA", "CA", "NV", None, "CA", None]
        assert batch.frame["zip_code"].to_list()[:2] == ["90210", "02108"]
        assert reports(batch.warnings) == [
            (4, "State", "NY", "the ZIP code lies in CA, which counts"),
            (5, "State", "Ontario", "the ZIP code lies in CA, which counts"),
            (6, "Zip", "", "no ZIP code"),
            (7, "State", "Elsewhere", "not a US state; left empty"),
            (7, "Zip", "99999", "not a US ZIP code"),
            (9, "Zip", "x", "not a US ZIP code"),
        ]
        assert batch.issues == [
            (2, IssueCode.STATE_MISMATCH, "NY: the ZIP code lies in CA, which counts"),
            (3, IssueCode.STATE_MISMATCH, "Ontario: the ZIP code lies in CA, which counts"),
            (4, IssueCode.MISSING_ZIP, "no ZIP code"),
            (5, IssueCode.INVALID_ZIP, "99999: not a US ZIP code"),
            (7, IssueCode.INVALID_ZIP, "x: not a US ZIP code"),
        ]

    def test_without_columns_for_them(self, imported: Import) -> None:
        batch = imported("email\na@x.co\nb@x.co\n")
        assert batch.frame.columns == ["line", "identity", "seed", "email", "state"]
        assert batch.frame["state"].to_list() == [None, None]
        assert batch.frame.schema["state"] == pl.String
        assert batch.issues == []


class TestOtherValues:
    def test_names_are_one_line(self, imported: Import) -> None:
        batch = imported('email,First Name,Company,Phone\na@x.co," Ann\r\nBcc: x ","A\tB", +1 (555) 1 \n')
        assert batch.frame.select("first_name", "company", "phone_number").rows() == [
            ("Ann Bcc: x", "A B", "+1 (555) 1")
        ]

    def test_timezones(self, imported: Import) -> None:
        batch = imported(
            "email,timezone\na@x.co,America/New York\nb@x.co,Mars/Base\nc@x.co,../etc/passwd\n"
            "d@x.co,America\ne@x.co,\n"
        )
        assert batch.frame["timezone"].to_list() == ["America/New_York", None, None, None, None]
        assert [each.line for each in batch.warnings] == [3, 4, 5]
        assert "America/Chicago" in batch.warnings[0].reason

    def test_tags(self, imported: Import) -> None:
        batch = imported('email,Tags\na@x.co,"b, a;b ;"\nb@x.co,"[""ü"", 1]"\nc@x.co,[1\nd@x.co,;\ne@x.co,\n')
        assert batch.frame["tags"].to_list() == ['["b", "a"]', '["ü", "1"]', None, None, None]
        assert [each.line for each in batch.warnings] == [4]

    def test_unmapped_columns_become_attributes(self, imported: Import) -> None:
        batch = imported(
            'email,Agent,Ünit "x",Skip\na@x.co,"J ""Q""\nLee",7,1\nb@x.co,,,1\nc@x.co,,0,1\n', {"Skip": ""}
        )
        found = [json.loads(text) if text else None for text in batch.frame["attributes"]]
        assert found == [{"Agent": 'J "Q"\nLee', 'Ünit "x"': "7"}, None, {'Ünit "x"': "0"}]

    def test_names_that_mean_something_to_polars(self, imported: Import) -> None:
        batch = imported("email,*,^.*$\na@x.co,1,2\n")
        assert json.loads(batch.frame["attributes"][0]) == {"*": "1", "^.*$": "2"}

    def test_json_attributes(self, imported: Import) -> None:
        def cell(text: str) -> str:
            return '"' + text.replace('"', '""') + '"'

        texts = [
            '{"a": 1, "Agent": "old", "n": [null]}', "{}", "", "{", "[1]", '{"x": NaN}', '{"Name": "x"}',
            '{"x": "\\u0000"}', '{"x": "\\ud800"}', "[" * 5000,
        ]  # fmt: skip
        rows = [f"a{i}@x.co,{cell(text)},{'Lee' if i in (0, 3) else ''}" for i, text in enumerate(texts)]
        batch = imported("email,attributes,Agent\n" + "\n".join(rows) + "\n")
        assert batch.frame["attributes"].to_list() == [
            '{"a":1,"Agent":"Lee","n":[null]}', None, None, '{"Agent":"Lee"}', *[None] * 6,
        ]  # fmt: skip
        assert [each.line for each in batch.warnings] == [5, 6, 7, 8, 9, 10, 11]
        assert all(each.reason.endswith("; left out") for each in batch.warnings)

    @given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(codec="utf-8")), max_size=3))
    def test_any_text_can_be_an_attribute(self, given_: dict[str, str]) -> None:
        from carillon.files.values import attribute_objects

        names = [f"attributes.{name}" for name in given_]
        row = {"line": [1]} | {f"attributes.{name}": [text] for name, text in given_.items()}
        (found,) = attribute_objects(pl.DataFrame(row), names).to_list()
        assert (json.loads(found) if found else {}) == given_


class TestReader:
    def test_columns_and_progress(self, reader: Callable[..., ContactReader]) -> None:
        seen: list[int] = []
        found = reader("E-Mail,Agent\na@x.co,1\nb@x.co,2\n", progress=seen.append, batch_rows=1)
        assert found.columns == {"E-Mail": "email", "Agent": "attributes.Agent"}
        assert sum(batch.frame.height for batch in found) == 2
        assert len(seen) == 2
        assert seen[-1] == found.total

    def test_the_frame(self, imported: Import) -> None:
        batch = imported("Agent,DOB,Zip,email\nx,1/5/1980,90210,a@x.co\n")
        assert batch.frame.schema == {
            "line": pl.Int64,
            "identity": pl.String,
            "seed": pl.UInt64,
            "email": pl.String,
            "zip_code": pl.String,
            "state": pl.String,
            "birth_date": pl.String,
            "attributes": pl.String,
        }

    def test_nothing_but_a_header(self, reader: Callable[..., ContactReader]) -> None:
        assert list(reader("email,zip\n")) == []

    def test_a_batch_of_rejects_only(self, imported: Import) -> None:
        batch = imported("email,zip,state,DOB,tags,attributes,x\nbad,1,1,1,1,1,1\n")
        assert batch.frame.is_empty()
        assert len(batch.rejected) == 1

    def test_a_workbook(self, tmp_path: Path) -> None:
        path = tmp_path / "list.xlsx"
        with xlsxwriter.Workbook(path) as book:
            sheet = book.add_worksheet()
            day = book.add_format({"num_format": "m/d/yy"})
            sheet.write_row(0, 0, ["Email", "Zip", "DOB", "Phone", "Renewal"])
            sheet.write_row(1, 0, ["a@x.co", 7302])
            sheet.write_datetime(1, 2, date(1980, 1, 5), day)
            sheet.write(1, 3, 5551234567)
            sheet.write_datetime(1, 4, date(2026, 1, 5), day)
            sheet.write_row(2, 0, ["b@x.co", 73021234, 29225, "555-1234"])
            sheet.write_row(3, 0, ["c@x.co", "07302", "01/05/1980"])
        (batch,) = read_contacts(path, mapping={}, today=TODAY)
        assert batch.frame["birth_date"].to_list() == ["1980-01-05"] * 3
        assert batch.frame["zip_code"].to_list() == ["07302", "07302-1234", "07302"]
        assert batch.frame["state"].to_list() == ["NJ"] * 3
        assert batch.frame["phone_number"].to_list() == ["5551234567", "555-1234", None]
        assert batch.frame["attributes"].to_list() == ['{"Renewal":"2026-01-05"}', None, None]
        assert batch.warnings == []

    def test_a_parquet_file(self, tmp_path: Path) -> None:
        path = tmp_path / "list.parquet"
        pl.DataFrame({"email": ["a@x.co"], "zip": [7302], "dob": [date(1980, 1, 5)]}).write_parquet(path)
        (batch,) = read_contacts(path, mapping={}, today=TODAY)
        assert batch.frame.select("line", "zip_code", "birth_date").rows() == [(1, "07302", "1980-01-05")]
