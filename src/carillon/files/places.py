"""ZIP codes and states as people and spreadsheets write them.

What belongs here: putting back what a spreadsheet took from a ZIP, and the names of states. Which ZIP lies
in which state is known by `carillon.zips`.
"""

from __future__ import annotations

import polars as pl

from carillon.zips import STATES

_NAMES = {
    "AA": "Armed Forces Americas", "AE": "Armed Forces Europe", "AK": "Alaska", "AL": "Alabama",
    "AP": "Armed Forces Pacific", "AR": "Arkansas", "AS": "American Samoa", "AZ": "Arizona",
    "CA": "California", "CO": "Colorado", "CT": "Connecticut", "DC": "District of Columbia",
    "DE": "Delaware", "FL": "Florida", "FM": "Micronesia", "GA": "Georgia", "GU": "Guam", "HI": "Hawaii",
    "IA": "Iowa", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "MA": "Massachusetts", "MD": "Maryland", "ME": "Maine", "MH": "Marshall Islands",
    "MI": "Michigan", "MN": "Minnesota", "MO": "Missouri", "MP": "Northern Mariana Islands",
    "MS": "Mississippi", "MT": "Montana", "NC": "North Carolina", "ND": "North Dakota", "NE": "Nebraska",
    "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NV": "Nevada", "NY": "New York",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "PR": "Puerto Rico",
    "PW": "Palau", "RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee",
    "TX": "Texas", "UT": "Utah", "VA": "Virginia", "VI": "Virgin Islands", "VT": "Vermont",
    "WA": "Washington", "WI": "Wisconsin", "WV": "West Virginia", "WY": "Wyoming",
}  # fmt: skip

_CODE_BY_TEXT = {code.lower(): code for code in STATES}
_CODE_BY_TEXT |= {name.lower(): code for code, name in _NAMES.items()}
_CODE_BY_TEXT |= {"washington dc": "DC", "us virgin islands": "VI", "federated states of micronesia": "FM"}


def state_code(text: str) -> str | None:
    """The postal code of a state given by code or name, in any case, or None."""
    return _CODE_BY_TEXT.get(" ".join(text.replace(".", "").lower().split()))


def restored_zips(texts: pl.Series) -> pl.Series:
    """ZIP codes as 12345 or 12345-6789 where they can be; anything else as it is.

    A spreadsheet that takes ZIPs for numbers writes 7302, 7302.0 or 73021234: ZIPs have lost at most two
    leading zeros, so three digits and more can be told, fewer cannot.
    """
    if texts.str.contains(r"^[0-9]{5}$").all():
        return texts
    zip_code = pl.col("zip")
    tidy = zip_code.str.replace(r"^'", "").str.replace(r"^([0-9]+)(?:\.0*|[-–—]+)$", "$1")
    halves = tidy.str.extract_groups(r"^([0-9]{3,5}) ?[-‐‑–—]? ?([0-9]{4})$")
    five, four = halves.struct.field("1"), halves.struct.field("2")
    restored = (
        pl.when(tidy.str.contains(r"^[0-9]{3,5}$"))
        .then(tidy.str.zfill(5))
        .when(five.is_not_null())
        .then(five.str.zfill(5) + "-" + four)
        .otherwise(tidy)
    )
    return texts.alias("zip").to_frame().select(restored.alias(texts.name)).to_series()
