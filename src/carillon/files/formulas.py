"""Cells that a spreadsheet would run as formulas, made harmless on the way out and restored on the way in.

A CSV cell that starts with = + - @, a tab or a line break gets an apostrophe in front (OWASP's advice).
Plain numbers and E.164 phone numbers (-12.5, +15551234567) are left alone: no spreadsheet can run them, and
a phone list full of apostrophes helps nobody. A cell that already starts with apostrophes before such
a sign gets one more, so taking one away always gives back what was written.
"""

from __future__ import annotations

import polars as pl

# The full-width forms are taken for the plain ones by East Asian versions of Excel.
_RISKY = r"^'*[=+\-@\t\r\n＝＋－＠]"
_NUMBER = r"^[+-][0-9]+(?:\.[0-9]+)?$"


def disarmed(texts: pl.Series) -> pl.Series:
    """Text as it may stand in a CSV file."""
    risky = texts.str.contains(_RISKY) & ~texts.str.contains(_NUMBER)
    return texts.str.replace("^", "'").zip_with(risky, texts) if risky.any() else texts


def rearmed(texts: pl.Series) -> pl.Series:
    """What `disarmed` was given."""
    if not texts.str.starts_with("'").any():
        return texts
    return texts.str.replace(r"^'('*[=+\-@\t\r\n＝＋－＠])", "$1")
