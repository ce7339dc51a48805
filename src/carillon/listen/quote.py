"""What is new in a reply: quotations, what introduces them, and signatures are cut away.

Works on text as `body.text_of` gives it. Programs quote in three ways: with `>` before each line, with a
block of headers above the whole old message, or with a line that says where it begins.
"""

from __future__ import annotations

import re

from carillon.listen.body import REST

LONGEST = 20_000
"""Characters that are kept of what is new."""
_WRAPPED = 4
"""Lines over which an introduction may be broken."""
_LONGEST_INTRODUCTION = 500
_QUOTE = re.compile(r"^\s{0,3}(?:>|\|\s>)")
_SAYS = re.compile(
    r"^(?:"
    r"on\b.{4,300}\bwrote\s*:"
    r"|(?:am|den)\b.{4,300}\bschrieb\b.{0,200}:|.{3,200}\bschrieb am\b.{4,120}:"
    r"|le\b.{4,300}\ba [ée]crit\s*:|el\b.{4,300}\bescribi[óo]\s*:"
    r"|(?:il|in data)\b.{4,300}\bha scritto\s*:|(?:em|a|no dia)\b.{4,300}\bescreveu\s*:"
    r"|op\b.{4,300}\b(?:schreef|het volgende geschreven)\b.{0,200}:"
    r"|(?:den|p[åa])\b.{4,300}\bskrev\b.{0,200}:"
    r"|.{0,200}<[^<>\s]+@[^<>\s]+>.{0,60}:"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.{0,200}<?[^<>\s]+@[^<>\s]+>?\s*:"
    r")\s*$",
    re.IGNORECASE | re.DOTALL,
)
"""The line above a quotation; it may be wrapped."""
_BELOW = re.compile(
    r"^\s*(?:"
    r"-{2,}\s*(?:original message|original appointment|forwarded message|urspr[üu]ngliche nachricht"
    r"|originalnachricht|weitergeleitete nachricht|message d['’]origine|message original"
    r"|message transf[ée]r[ée]"
    r"|mensaje original|messaggio originale|mensagem original|oorspronkelijk bericht)\s*-{2,}"
    r"|-{2,}\s*(?:on|am|le|el|il|op|em)\b.{4,300}\b(?:wrote|schrieb|a [ée]crit|escribi[óo]|ha scritto|schreef"
    r"|escreveu)\s*-{2,}"
    r"|begin forwarded message:|anfang der weitergeleiteten nachricht:|"
    r"d[ée]but du message (?:transf[ée]r[ée]|r[ée]exp[ée]di[ée])\s*:"
    r")\s*$",
    re.IGNORECASE,
)
_FROM = re.compile(r"^\s*\*?(?:from|von|de|da|van|fra|från)\s?\*?\s?:\s?\*?\s*\S", re.IGNORECASE)
_OTHERS = re.compile(
    r"^\s*\*?(?:sent|date|to|subject|gesendet|datum|an|betreff|envoy[ée]|[àa]|objet|enviado(?: el| em)?|fecha"
    r"|para|asunto|assunto|inviato|data|a|oggetto|verzonden|aan|onderwerp|cc)\s?\*?\s?:",
    re.IGNORECASE,
)
_RULE = re.compile(r"^\s*[_*=-]{10,}\s*$")
_MOBILE = re.compile(
    r"^\s*(?:sent (?:from|via|with|using)\b.{2,80}|get outlook for\b.{2,60}"
    r"|(?:von meinem|gesendet (?:von|mit|aus))\b.{2,80}(?:gesendet)?|(?:outlook f[üu]r)\b.{2,60}"
    r"|(?:envoy[ée] (?:de|depuis|avec|à partir))\b.{2,80}|(?:t[ée]l[ée]charger|obtenir) outlook\b.{2,60}"
    r"|enviado (?:desde|do|via|pelo)\b.{2,80}|obtener outlook\b.{2,60}|inviato da\b.{2,80}"
    r"|verstuurd vanaf\b.{2,80}|verzonden (?:vanaf|met)\b.{2,80})\s*$",
    re.IGNORECASE,
)
_BLANKS = re.compile(r"\n{3,}")


def new_text(text: str) -> str:
    """What the writer added; empty where everything is quoted."""
    lines = [line.replace("\xa0", " ").rstrip() for line in text.split("\n")]
    lines = lines[: _below(lines)]
    kept = _without_signature(_without_quotes(lines))
    return _BLANKS.sub("\n\n", "\n".join(kept)).strip()[:LONGEST]


def _below(lines: list[str]) -> int:
    """Where a quotation begins that goes to the end."""
    for place, line in enumerate(lines):
        if line == REST or _BELOW.match(line):
            return place
        if _FROM.match(line) and _headers(lines[place + 1 : place + 9]) >= 2:
            before = place - 1
            while before >= 0 and not lines[before]:
                before -= 1
            return before if before >= 0 and _RULE.match(lines[before]) else place
    return len(lines)


def _headers(lines: list[str]) -> int:
    return sum(1 for line in lines if _OTHERS.match(line))


def _without_quotes(lines: list[str]) -> list[str]:
    kept: list[str] = []
    place = 0
    while place < len(lines):
        if _QUOTE.match(lines[place]):
            place += 1
            continue
        length = _introduction(lines, place)
        if length:
            place += length
            continue
        kept.append(lines[place])
        place += 1
    return kept


def _introduction(lines: list[str], place: int) -> int:
    """How many lines from here on introduce a quotation that follows, or was lost; 0: none."""
    if not lines[place]:
        return 0
    for length in range(1, _WRAPPED + 1):
        some = lines[place : place + length]
        if len(some) < length or not some[-1] or _QUOTE.match(some[-1]):
            return 0
        said = " ".join(one.strip() for one in some)
        if said.endswith(":") and len(said) <= _LONGEST_INTRODUCTION and _SAYS.match(said):
            after = next((line for line in lines[place + length :] if line), None)
            return length if after is None or _QUOTE.match(after) else 0
    return 0


def _without_signature(lines: list[str]) -> list[str]:
    for place, line in enumerate(lines):
        if line in ("--", "-- ") and any(lines[:place]):
            lines = lines[:place]
            break
    while lines and (not lines[-1] or _MOBILE.match(lines[-1])):
        lines.pop()
    return lines
