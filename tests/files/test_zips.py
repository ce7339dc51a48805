"""ZIP codes against the packaged data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import zipcodes
from hypothesis import given
from hypothesis import strategies as st

from carillon.zips import STATES, state_indices, state_of


def records() -> list[dict[str, str]]:
    found: list[dict[str, str]] = zipcodes.filter_by()  # type: ignore[no-untyped-call]
    return found


def test_the_states_are_those_of_the_data() -> None:
    assert sorted({record["state"] for record in records()}) == list(STATES)


def test_every_zip_of_the_data_has_its_state() -> None:
    known = records()
    found = state_indices(pl.Series([record["zip_code"] for record in known]))
    assert [STATES[i - 1] for i in found] == [record["state"] for record in known]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("90210", "CA"),
        ("90210-1234", "CA"),
        ("902101234", "CA"),
        (" 02108\t", "MA"),
        ("00501", "NY"),
        ("20001", "DC"),
        ("00901", "PR"),
        ("09012", "AE"),
        ("00000", None),
        ("99999", None),
        ("2108", None),
        ("9021", None),
        ("90210-", None),
        ("90210-123", None),
        ("90210 1234", None),
        ("90210-12345", None),
        ("9021O", None),
        ("９０２１０", None),
        ("90210\n1", None),
        ("", None),
    ],
)
def test_only_the_strict_forms_count(text: str, state: str | None) -> None:
    assert state_of(text) == state


def test_null_has_no_state() -> None:
    found = state_indices(pl.Series([None, "90210", None], dtype=pl.String))
    assert found.dtype == np.uint8
    assert found.tolist() == [0, STATES.index("CA") + 1, 0]


def test_an_empty_or_untyped_column_is_no_error() -> None:
    assert state_indices(pl.Series([], dtype=pl.String)).tolist() == []
    assert state_indices(pl.Series([None, None])).tolist() == [0, 0]


@given(st.text(max_size=12))
def test_any_text_has_a_state_or_none(text: str) -> None:
    assert state_of(text) is None or text.strip()[:5].isdigit()
