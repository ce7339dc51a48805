"""Wording: who wants out, who is away and until when, which subject answers which."""

from __future__ import annotations

from datetime import date

import pytest

from carillon.listen.body import text_of_page
from carillon.listen.bounce import kind_of
from carillon.listen.phrases import back_on, languages, says_away, wants_out
from carillon.listen.quote import new_text
from carillon.listen.subjects import bare, made_from, own_words
from carillon.refusals import ENHANCED

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "Stop. Thanks", "Please unsubscribe.", "Remove me please", "Unsubscribe!!!",
        "Please take me off your list. Thank you, Bob", "Hi Anna, please stop emailing me",
        "How do I unsubscribe from this?", "Bitte abmelden.", "bitte nehmen sie mich aus ihrem verteiler",
        "Ne m’envoyez plus rien", "DESABONNER", "Por favor dénme de baja", "Graag afmelden",
        "non voglio più ricevere queste mail", "Não quero mais receber e-mails",
    ],
)  # fmt: skip
def test_asking_for_no_more_mail(text: str) -> None:
    assert wants_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "please don't stop sending these!", "Don't unsubscribe me", "I did not want to unsubscribe",
        "we never want to unsubscribe from this", "Why did you unsubscribe me?", "I'll stop by tomorrow",
        "Can you remove the second driver?", "Ich möchte mich nicht abmelden", "ne me désabonnez pas svp",
        "no me den de baja", "non cancellatemi dalla lista", "The bus stop is at the corner", "Halt!",
        "Stop " + "word " * 50,
    ],
)  # fmt: skip
def test_not_asking_for_no_more_mail(text: str) -> None:
    assert not wants_out(text)


def test_a_subject_counts_only_if_it_is_the_writers_own() -> None:
    assert wants_out("", own_words("unsubscribe"))
    assert not wants_out("", own_words("Re: How to unsubscribe me"))
    assert not wants_out("See you on Friday", "unsubscribe")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("I will be back on March 15", date(2026, 3, 15)),
        ("I will return on Monday, March 9th.", date(2026, 3, 9)),
        ("I am out until 15 March 2026", date(2026, 3, 16)),
        ("until 2026-03-20", date(2026, 3, 21)),
        ("from March 3 through March 10 with limited access", date(2026, 3, 11)),
        ("back on 03/14", date(2026, 3, 14)),
        ("back on 03/04", None),
        ("returning Monday", date(2026, 3, 9)),
        ("until further notice", None),
        ("I was away until March 1", None),
        ("back on January 7", None),
        ("back on December 28", date(2026, 12, 28)),
        ("bis zum 20.03.2026 nicht im Büro. Ab dem 23.3. bin ich wieder da", date(2026, 3, 23)),
        ("Ich bin ab dem 9. März wieder da", date(2026, 3, 9)),
        ("bis Freitag", date(2026, 3, 7)),
        ("bis 31.02.2026", None),
        ("de retour le 16 mars", date(2026, 3, 16)),
        ("absent jusqu'au 12/03/2026", date(2026, 3, 13)),
        ("hasta el 20 de marzo", date(2026, 3, 21)),
        ("volveré el 5 de abril de 2026", date(2026, 4, 5)),
        ("call me on March 15", None),
    ],
)
def test_the_day_of_return(text: str, day: date | None) -> None:
    assert back_on("", text, MONDAY) == day


def test_a_return_without_its_year_may_be_in_the_next() -> None:
    assert back_on("", "I will be back on January 7", date(2026, 12, 20)) == date(2027, 1, 7)


def test_being_away_by_words() -> None:
    assert says_away("Abwesenheitsnotiz: Ihr Termin", "")
    assert says_away("Re: x", "I am currently out of the office.")
    assert not says_away("Re: x", "Come to my office, please.")
    assert {len(one.months) >= 12 and len(one.weekdays) == 7 for one in languages()} == {True}


@pytest.mark.parametrize(
    ("subject", "source", "answers"),
    [
        ("Re: Happy birthday, Tom!", "Happy birthday, {{ first_name }}!", True),
        ("AW: WG: RE[2]: Happy birthday, Tom!", "Happy birthday, {{ first_name }}!", True),
        ("[EXTERNAL] Re: Happy birthday, !", "Happy birthday, {{ first_name }}!", True),
        ("Happy birthday", "Happy birthday, {{ first_name }}!", True),
        ("Réponse automatique: Votre contrat", "Votre contrat", True),
        ("Re: Happy New Year, Tom!", "Happy birthday, {{ first_name }}!", False),
        ("Re: anything", "{{ subject }}", False),
        ("Re: Hi Tom", "Hi {{ first_name }}", False),
        ("Re: Two plans", "{% if a %}Two{% else %}Three{% endif %} plans", False),
        ("Re: Two Three plans", "{% if a %}Two{% else %}Three{% endif %} plans", True),
    ],
)
def test_which_subject_answers_which(subject: str, source: str, answers: bool) -> None:
    assert made_from(subject, source) == answers


def test_prefixes_come_off() -> None:
    assert bare("Re: Fwd: [EXT] SV: 回复：Hello  there") == "Hello there"
    assert bare("Regarding: Hello") == "Regarding: Hello"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a<br>b &amp; c", "a\nb & c"),
        ("<p>a</p><p>b</p>", "a\n\nb\n"),
        ("<style>p{}</style><script>if (a<b) x()</script>said", "said"),
        ('<div style="display:none">no<div>no</div>no</div>yes', "yes"),
        ("<blockquote>old<blockquote>older</blockquote></blockquote>new", "> old\n> > older\nnew"),
        ("1 < 2 and <b>3", "1 < 2 and 3"),
        ('<img src=x onerror="alert(1)">', ""),
        ("<!-- no --><!DOCTYPE html>yes<!-- open", "yes"),
    ],
)
def test_pages_become_words(page: str, text: str) -> None:
    assert text_of_page(page) == text


def test_text_without_quotation_stays() -> None:
    text = "On the way home I thought:\n\nFrom: here to there is not far.\n2 > 1"
    assert new_text(text) == text


@pytest.mark.parametrize(
    ("words", "bounce"),
    [
        ("550 5.1.1 no", "hard"),
        ("host 10.5.1.1 said: connection timed out", "soft"),
        ("550 user unknown", "hard"),
        ("552 mailbox full", "soft"),
        ("554 rejected as spam", "blocked"),
        ("550 5.7.1 access denied by policy", "blocked"),
        ("550 5.0.0 Recipient address rejected: User unknown", "hard"),
        ("something odd", "soft"),
    ],
)
def test_words_of_servers(words: str, bounce: str) -> None:
    found = ENHANCED.search(words)
    assert kind_of(found and found[0], words) == bounce
