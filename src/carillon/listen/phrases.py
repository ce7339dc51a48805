"""Wording: who wants no more mail, who is away, and until when. The phrases are in `data/phrases.yaml`.

What belongs here: reading texts of people. What does not: what is known without reading (`automatic`).
A phrase counts only in a short text, and not behind a word that turns it into its opposite.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources

import yaml

SHORT = 40
"""Words: whoever writes more has something to say besides."""
AWAY_LINES = 60
LONGEST_ABSENCE = timedelta(days=366)
_NEAR = 40
"""Characters between "back on" and the day."""
_NOT_LETTERS = re.compile(r"[^\w]+|_+")
_APOSTROPHES = re.compile(r"(?<=\w)['’‘`´](?=\w)")
_ISO = re.compile(r"\b(20\d\d)-(\d\d)-(\d\d)\b")
_NUMBERS = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})(?:\2(\d{4}|\d{2}))?(?![\d])")


@dataclass(frozen=True)
class Language:
    """The phrases of one language, as `plain` writes them; dates as patterns."""

    whole: frozenset[str]
    phrases: re.Pattern[str]
    negations: re.Pattern[str]
    polite: re.Pattern[str]
    away_subjects: tuple[str, ...]
    away: re.Pattern[str]
    back: re.Pattern[str]
    months: Mapping[str, int]
    day_of_month: re.Pattern[str]
    weekdays: Mapping[str, int]
    weekday: re.Pattern[str]
    day_first: bool
    """Whether 3/4 is a day of April; not known of English."""


def plain(text: str) -> str:
    """A text as it is compared: small letters without accents, words apart by one blank."""
    text = _APOSTROPHES.sub("", text)
    split = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(character for character in split if not unicodedata.combining(character))
    return _NOT_LETTERS.sub(" ", bare).strip()


def wants_out(text: str, subject: str = "") -> bool:
    """Whether a person asks for no more mail. `text`: what is new in a reply; `subject`: its own words."""
    words = plain(text)
    if words.count(" ") >= SHORT:
        return False
    # Without a word of text the subject speaks, if the person wrote it.
    return any(_asks(words or plain(subject), language) for language in languages())


def _asks(words: str, language: Language) -> bool:
    if not words:
        return False
    if words in language.whole or language.polite.sub(" ", f" {words} ").strip() in language.whole:
        return True
    for found in language.phrases.finditer(words):
        before = words[: found.start()].split()[-4:]
        if not language.negations.search(" ".join(before)):
            return True
    return False


def says_away(subject: str, text: str) -> bool:
    """Whether a text is an out-of-office reply by its wording alone."""
    begins = plain(subject)
    head = plain(" ".join(text.splitlines()[:8]))
    return any(begins.startswith(language.away_subjects) for language in languages()) or (
        head.count(" ") < 4 * SHORT and any(bool(language.away.search(head)) for language in languages())
    )


def back_on(subject: str, text: str, sent: date) -> date | None:
    """The first day on which somebody who was away on `sent` reads mail again, where that is clearly said."""
    words = _spaced("\n".join([subject, *text.splitlines()[:AWAY_LINES]]))
    found = [one for language in languages() for one in _returns(words, language, sent)]
    # "Away until Friday, back on Monday": the day of the return says it better.
    returns = [day for is_last, day in found if not is_last]
    return min(returns, default=None) or max((day for _, day in found), default=None)


def _returns(words: str, language: Language, sent: date) -> Iterator[tuple[bool, date]]:
    """Whether it was named as the last day of an absence, and the first day after that."""
    for said in language.back.finditer(words):
        rest = words[said.end() : said.end() + _NEAR]
        day = _day(rest, language, sent)
        if day is None:
            continue
        if said["until"]:
            day += timedelta(days=1)
        if sent < day <= sent + LONGEST_ABSENCE:
            yield bool(said["until"]), day


def _day(words: str, language: Language, sent: date) -> date | None:
    """The first day that a text names, if it names one near its beginning."""
    places: list[tuple[int, date | None]] = []
    if found := _ISO.search(words):
        places.append((found.start(), _date(int(found[1]), int(found[2]), int(found[3]))))
    if found := language.day_of_month.search(words):
        month = language.months[found["month"] or found["month2"]]
        places.append(
            (found.start(), _with_year(int(found["day"] or found["day2"]), month, found["year"], sent))
        )
    if (found := _NUMBERS.search(words)) and not _ISO.search(words):
        places.append((found.start(), _numbers(found, language, sent)))
    if not places and (found := language.weekday.match(words)):
        ahead = (language.weekdays[found[1]] - sent.weekday() - 1) % 7 + 1
        places.append((found.start(), sent + timedelta(days=ahead)))
    return min(places, key=lambda place: place[0])[1] if places else None


def _numbers(found: re.Match[str], language: Language, sent: date) -> date | None:
    first, second = int(found[1]), int(found[3])
    if found[2] == "." or language.day_first or first > 12:
        day, month = first, second
    elif second > 12 or first == second:
        day, month = second, first
    else:
        return None
    return _with_year(day, month, found[4], sent)


def _with_year(day: int, month: int, year: str | None, sent: date) -> date | None:
    if year:
        return _date(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = _date(sent.year, month, day)
    if this is None or this >= sent - timedelta(days=60):
        return this
    return _date(sent.year + 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _spaced(text: str) -> str:
    """As `plain`, but with the marks that dates are written with."""
    split = unicodedata.normalize("NFKD", _APOSTROPHES.sub(" ", text).casefold())
    bare = "".join(character for character in split if not unicodedata.combining(character))
    return re.sub(r"[^\w./-]+", " ", bare)


@cache
def languages() -> tuple[Language, ...]:
    """All languages of the list."""
    source = resources.files("carillon").joinpath("data", "phrases.yaml").read_text(encoding="utf-8")
    # All words are text: YAML would take "no" for a truth value.
    given = yaml.load(source, Loader=yaml.BaseLoader)
    return tuple(_language(name, words) for name, words in given.items())


def _language(name: str, given: Mapping[str, Mapping[str, Sequence[str]] | Sequence[str]]) -> Language:
    out, away = given["opt_out"], given["away"]
    assert isinstance(out, Mapping)
    assert isinstance(away, Mapping)
    months = {plain(word): place for place, word in enumerate(given["months"], 1)}
    months |= {short: place for word, place in list(months.items()) for short in (word[:3], word[:4])}
    weekdays = {plain(word): place for place, word in enumerate(given["weekdays"])}
    month, year = _either(months), r"(?:[ ,]*(?:de |del )?(?P<year>20\d\d))?"
    the = r"(?:st|nd|rd|th|er|o|\.)?"
    return Language(
        whole=frozenset(plain(one) for one in out["whole"]),
        phrases=_words(out["phrases"]),
        negations=_words(out["not"]),
        polite=_words([*given["polite"], "e"]),
        away_subjects=tuple(plain(one) for one in away["subjects"]),
        away=_words(away["phrases"]),
        back=re.compile(
            rf"\b(?:(?P<until>{_either(map(plain, away['until']))})|{_either(map(plain, away['back']))})\b"
        ),
        months=months,
        day_of_month=re.compile(
            rf"\b(?:(?P<day>\d{{1,2}}){the} (?:de )?(?P<month>{month})"
            rf"|(?P<month2>{month})\.? (?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b){year}"
        ),
        weekdays=weekdays,
        weekday=re.compile(rf" ?(?:next |el |le |am |on )?({_either(weekdays)})\b"),
        day_first=name != "en",
    )


def _either(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


def _words(phrases: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_either(map(plain, phrases))})\b")
