"""What each column of a file is.

What belongs here: the names of targets, the spellings people give them, and `--map`. A column no one
claims becomes an attribute of the contact under its own name, so nothing in a file is lost unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from carillon.errors import InputError, UsageError
from carillon.templates import RESERVED as TEMPLATE_NAMES

TARGETS = (
    "email", "first_name", "last_name", "phone_number", "zip_code", "state", "birth_date", "effective_date",
    "company", "industry", "title", "timezone", "external_id", "sms_consent_at", "tags", "attributes",
)  # fmt: skip
"""What a column can be, in the order of the contact's own columns."""

ATTRIBUTE = "attributes."
"""Prefix of a target that is one attribute: `attributes.favourite_colour`."""

OWN_COLUMNS = ("id", "status", "created_at", "updated_at")
"""What our own export has besides targets. A file with all of them is one, and no import sets them."""

RESERVED = frozenset({*TARGETS, *TEMPLATE_NAMES})
"""Names templates give a meaning of their own. An attribute called so would never be seen in an email."""

# Compared without case, blanks and punctuation, so that one entry serves "E-Mail", "e mail" and "EMAIL".
_SPELLINGS = {
    "email": "email emailaddress emailid mail mailaddress primaryemail",
    "first_name": "firstname first fname givenname forename",
    "last_name": "lastname last lname surname familyname",
    "phone_number": "phonenumber phone telephone tel mobile mobilephone mobilenumber cell cellphone",
    "zip_code": "zipcode zip zip5 postalcode postal postcode zippostalcode mailingzip mailingzipcode",
    "state": "state statecode stateprovince usstate mailingstate",
    "birth_date": "birthdate dateofbirth dob birthday birth bday",
    "effective_date": "effectivedate policyeffectivedate effective effdate policyeffective",
    "company": "company companyname organization organisation organizationname employer",
    "industry": "industry",
    "title": "title jobtitle",
    "timezone": "timezone tz",
    "external_id": "externalid extid",
    "sms_consent_at": "smsconsentat smsconsentdate",
    "tags": "tags tag labels",
    "attributes": "attributes customattributes",
}
_TARGET_BY_SPELLING = {
    spelling: target for target, spellings in _SPELLINGS.items() for spelling in spellings.split()
}


def target_of(column: str) -> str | None:
    """The target a header means by itself, or None."""
    return _TARGET_BY_SPELLING.get("".join(filter(str.isalnum, column.lower())))


def has_email(columns: Sequence[str], mapping: Mapping[str, str]) -> bool:
    """Whether a header has an email column, by itself or by `--map`."""
    mapped = {source.strip().lower() for source, to in mapping.items() if to.strip().lower() == "email"}
    return any(target_of(column) == "email" or column.strip().lower() in mapped for column in columns)


def resolve(columns: Sequence[str], mapping: Mapping[str, str], place: str) -> dict[str, str]:
    """Source column -> target: one of `TARGETS`, `attributes.NAME`, or "" for a column to ignore.

    `mapping` is what the user said and wins over what the names say.
    """
    said = _said(columns, mapping, place)
    chosen: dict[str, str] = {}
    exported = set(columns) >= {*TARGETS, *OWN_COLUMNS}
    for column in columns:
        meant = target_of(column)
        if column in said:
            chosen[column] = said[column]
        elif exported and column in OWN_COLUMNS:
            chosen[column] = ""
        elif meant and meant not in said.values():
            chosen[column] = meant
        else:
            chosen[column] = ATTRIBUTE + column
    _check_targets(chosen, place)
    return chosen


def _said(columns: Sequence[str], mapping: Mapping[str, str], place: str) -> dict[str, str]:
    """The user's mapping, by the file's own spelling of its columns."""
    by_name = {column.lower(): column for column in columns}
    said: dict[str, str] = {}
    for source, target in mapping.items():
        name = source.strip()
        column = name if name in columns else by_name.get(name.lower())
        if column is None:
            raise InputError(
                f'{place}: --map names a column "{name}", which the file does not have.'
                f"{_nearest(name, columns)} Its columns are: {', '.join(columns)}."
            )
        said[column] = _target(target.strip())
    return said


def _target(target: str) -> str:
    if target.lower().startswith(ATTRIBUTE) and len(target) > len(ATTRIBUTE):
        return ATTRIBUTE + target[len(ATTRIBUTE) :].strip()
    plain = target.lower().replace(" ", "_").replace("-", "_")
    if plain and plain not in TARGETS:
        raise UsageError(
            f'--map: there is no target "{target}".{_nearest(plain, TARGETS)} Targets are: '
            f"{', '.join(TARGETS)}; attributes.NAME; or nothing, to ignore the column."
        )
    return plain


def _nearest(name: str, names: Sequence[str]) -> str:
    found = get_close_matches(name.lower(), [each.lower() for each in names], n=1)
    if not found:
        return ""
    right = next(each for each in names if each.lower() == found[0])
    return f' Did you mean "{right}"?'


def _check_targets(chosen: Mapping[str, str], place: str) -> None:
    by_target: dict[str, str] = {}
    for column, target in chosen.items():
        other = by_target.setdefault(target, column)
        if target and other != column:
            raise InputError(
                f'{place}: the columns "{other}" and "{column}" are both {target}. Keep one: '
                f'--map "{column}=" ignores it, --map "{column}=attributes.NAME" keeps it under another name.'
            )
        name = target.removeprefix(ATTRIBUTE)
        if target.startswith(ATTRIBUTE) and name.lower() in RESERVED:
            raise InputError(
                f'{place}: the column "{column}" cannot become an attribute called "{name}": that name has '
                f'a meaning in templates. Say what it is: --map "{column}=first_name" (or another target), '
                f'--map "{column}=attributes.NAME" for another name, or --map "{column}=" to ignore it.'
            )
    if "email" not in by_target:
        raise InputError(
            f"{place}: no column with email addresses. The columns are: {', '.join(chosen)}. "
            'If one of them holds the addresses, say so: --map "COLUMN=email". '
            "If these are not names, the file has no header row: put one above it."
        )
