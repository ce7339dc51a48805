"""Templates: what is rendered, what is refused, what is told, and that nothing grows without end."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carillon.errors import TemplateFault
from carillon.send.inline import inline, styled
from carillon.send.lint import Finding, lint
from carillon.send.plaintext import text_of
from carillon.send.sandbox import HTML
from carillon.send.template import Compiled, Rendered
from carillon.send.variables import KNOWN, values
from carillon.store.recipients import About, Recipient
from carillon.templates import Source, defaults
from tests.send.letters import BIRTHDAY, MARIA, SENDER, known

ADDRESS = "12 Main Street\nSpringfield, IL"


def rendered(values: dict[str, Any] | None = None, **parts: str) -> Rendered:
    """A template of these parts, rendered."""
    given_ = {"subject": "Hello", **parts}
    return Compiled(Source("mine", 1, **given_), ADDRESS).render(known(**(values or {})))  # type: ignore[arg-type]


def text(source: str, **more: Any) -> str:
    """What a text part becomes, without its footer."""
    return rendered(more, text=source + "{{ unsubscribe_url[:0] }}{{ postal_address[:0] }}").text


def found(**parts: str) -> list[str]:
    """What lint says about these parts."""
    source = Source("mine", 1, **{"subject": "Hello", **parts})  # type: ignore[arg-type]
    return [str(one) for one in lint(source, ("plan", "doctor"), ADDRESS) if one.is_error]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ first_name }} {{ name }}", "María María Núñez"),
        ("{{ company }}", "A & B <i>"),
        ("{{ plan }} {{ doctor.name }} {{ doctor['name'] }} {{ doctor.age }}!", "Gold Dr. No Dr. No !"),
        ("{{ attributes['plan'] }}", "Gold"),
        ("{{ phone_number | default('none') }}", "none"),
        ("{{ phone_number | default('none') | upper }}", "NONE"),
        ("{{ nothing | default('none') }}", "none"),
        ("{{ event_date | date }} {{ event_date | date('short') }}", "June 18, 2026 Jun 18"),
        ("{{ event_date | date('weekday') }}", "Thursday, June 18"),
        ("{{ '1960-06-08' | date('%-d. %B %d %%') }} {{ 'soon' | date }}", "8. June 08 % soon"),
        ("{{ event_year }}-{{ event_month }}-{{ event_day }} {{ event_date.year }}", "2026-6-18 2026"),
        ("{{ sender_name }} {{ sender_email }}", "Ann's Agency ann@agency.example"),
        ("{{ postal_address }}", "12 Main Street\nSpringfield, IL"),
        ("{% for n in range(3) %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{% endfor %}", "1a2b3a"),
        ("{% set a = 2 %}{{ a * 3 + 1 }} {{ 7 % 4 }} {{ 'a' ~ 1 }} {{ 'a' + 'b' }}", "7 3 a1 ab"),
        ("{{ ['b', 'a'] | sort | join(', ') }} {{ 'aXa' | replace('X', 'Y') }}", "a, b aYa"),
        ("{{ first_name[:3] }} {{ first_name[99] }}", "Mar "),
    ],
)
def test_what_a_template_can_say(source: str, expected: str) -> None:
    assert text(source) == expected


def test_html_is_escaped_and_nothing_else_is() -> None:
    one = rendered(
        subject="{{ company }}", html="<p>{{ company }}</p>", text="{{ company }}", sms="{{ company }}"
    )
    assert one.html is not None
    assert "A &amp; B &lt;i&gt;" in one.html
    assert one.subject == one.sms == "A & B <i>"
    assert one.text.startswith("A & B <i>\n")


def test_ours_win_over_attributes_of_the_same_name() -> None:
    person = Recipient(
        1, "a@b.example", {"email": "a@b.example"}, {"email": "x", "unsubscribe_url": "evil", "name": 1}
    )
    got = values(person, BIRTHDAY, SENDER)
    assert (got["email"], got["name"]) == ("a@b.example", "")
    assert set(got) - {"unsubscribe_url"} == set(KNOWN) - {"unsubscribe_url", "view_url"} - (
        {
            "first_name",
            "last_name",
            "phone_number",
            "zip_code",
            "state",
            "birth_date",
            "effective_date",
            "company",
        }
        | {"industry", "title", "timezone", "external_id"}
    )


def test_the_campaign_is_there() -> None:
    from dataclasses import replace

    occasion = replace(BIRTHDAY, campaign=About("spring", "promo", {"percent": 7}))
    compiled = Compiled(
        Source("a", 1, subject="x", text="{{ campaign_name }} {{ campaign.percent }} {{ campaign.no }}!")
    )
    assert compiled.render(values(MARIA, occasion, SENDER)).text.startswith("spring 7 !")


def test_a_subject_is_one_line_without_control_characters() -> None:
    assert rendered(
        {"company": "a\r\nBcc: b\x00\x85\u2028c"}, subject=" {{ company }}\n\t", text="x"
    ).subject == ("a Bcc: b c")


@given(value=st.text(max_size=50))
@settings(max_examples=60, deadline=None)
def test_any_value_can_be_rendered(value: str) -> None:
    one = rendered({"company": value}, subject="{{ company }}", html="<p>{{ company }}</p>")
    assert one.html is not None
    (one.html + one.text + one.subject).encode()
    assert one.subject.isprintable()


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            {"text": "a\n{{ frist_name }}"},
            'text, line 2: there is no variable "frist_name"; did you mean "first_name"?',
        ),
        (
            {"subject": "{{ plam }}", "text": "x"},
            'subject, line 1: there is no variable "plam"; did you mean "plan"?',
        ),
        (
            {"html": "<p>\n{{ name | uper }}</p>"},
            'html, line 2: there is no filter "uper"; did you mean "upper"?',
        ),
        (
            {"text": "{% if name is evn %}{% endif %}"},
            'text, line 1: there is no test "evn"; did you mean "even"?',
        ),
        ({"text": "a\n\n{% if name %}"}, "text, line 3: unexpected end of template."),
        ({"text": "{{ name }"}, "text, line 1: unexpected '}'"),
        (
            {"text": "{{ name.upper() }}"},
            "text, line 1: .upper() cannot be called: use a filter, like name | upper",
        ),
        (
            {"text": "{{ event_date.yaer }}"},
            'text, line 1: "event_date" has no part "yaer"; did you mean "year"?',
        ),
        ({"text": "{{ first_name.x }}"}, 'text, line 1: "first_name" has no parts like "x"'),
        ({"text": "{% include 'x' %}"}, "text, line 1: {% include %} cannot be used in templates"),
        ({"text": "x", "subject": ""}, "it has no subject"),
        ({}, "it has neither HTML nor text nor SMS"),
    ],
)
def test_what_is_wrong_is_told_with_part_line_and_name(parts: dict[str, str], expected: str) -> None:
    assert any(one.startswith(expected) for one in found(**parts)), found(**parts)


def test_several_faults_are_told_at_once_in_order() -> None:
    said = found(subject="{{ a1 }}", html="{{ b1 }}\n{{ c1 | x }}", text="{{ d1 }}")
    assert [one.partition(": ")[0] for one in said] == [
        "subject, line 1", "html, line 1", "html, line 2", "html, line 2", "text, line 1",
    ]  # fmt: skip


def test_what_is_missing_is_told_and_added() -> None:
    def said(source: Source, address: str | None) -> list[str]:
        return [one.text.partition(":")[0] for one in lint(source, (), address) if not one.is_error]

    bare = Source("a", 1, subject="x", html="<p>Hi</p>")
    assert said(bare, ADDRESS) == ["no link to unsubscribe", "no physical address"]
    full = Source("a", 1, subject="x", html="<p>{{ sender_line }} {{ unsubscribe_url }}</p>")
    assert said(full, ADDRESS) == []
    assert said(full, None) == ["no physical address"]
    assert said(Source("a", 1, subject="x", html="12 Main Street {{ unsubscribe_url }}"), ADDRESS) == []
    assert said(Source("a", 1, sms="Hi"), None) == []
    one = rendered(html="<body><p>Hi</p></body>")
    assert one.html is not None
    for part in (one.html.replace("&#39;", "'"), one.text):
        assert part.count("Ann's Agency, 12 Main Street, Springfield, IL") == 1
        assert part.count("https://mail.example.com/u/1") == 1
    assert one.html.endswith("</div></body>")
    own = rendered(
        html="<p>12 Main Street <a href='{{ unsubscribe_url }}'>no more</a></p>", text="{{ name }}"
    )
    assert "Ann" not in (own.html or "")
    assert (
        own.text
        == "María Núñez\n\n-- \nAnn's Agency, 12 Main Street, Springfield, IL\nUnsubscribe: https://mail.example.com/u/1\n"
    )


BOMBS = [
    "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    "{% for a in range(1000) %}{% for b in range(9) %}" + "x" * 200 + "{% endfor %}{% endfor %}",
    "{% for a in range(10000000000) %}{% endfor %}",
    "{{ 'a' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40,
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a + a %}" * 40,
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = a | replace('a', a) %}" * 40,
    "{% set a = 'aaaaaaaaaa' %}" + "{% set a = [a, a, a] | join %}" * 40,
    "{% set a = 99 %}" + "{% set a = a * a %}" * 60,
]
ESCAPES = [
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ first_name.format }}",
    "{{ range.__globals__ }}",
    "{{ self }}",
    "{{ first_name | attr('__class__') }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ [1] | map('attr', 'x') }}",
    "{{ name | safe }}",
    "{{ cycler.__init__ }}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% set a %}{{ name }}{% endset %}",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{{ 2 ** 9999999 }}",
]


@pytest.mark.parametrize("source", BOMBS)
def test_nothing_grows_without_end(source: str) -> None:
    with pytest.raises(TemplateFault, match=r"^template mine version 1, text(, line 1)?: "):
        text(source)


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_of_python_is_reached(source: str) -> None:
    try:
        assert "class" not in text(source)
    except TemplateFault:
        return


def test_a_fault_while_rendering_names_the_line_its_author_wrote() -> None:
    page = "<html><style>\np{color:red}\n\n</style><body>\n<p>a</p>\n<p>{{ 1 / zero }}</p></body></html>"
    with pytest.raises(TemplateFault, match=r"^template mine version 1, html, line 6: division by zero$"):
        rendered({"zero": 0}, html=page, preheader="look")


STYLED = (
    "<html><head><style>p{color:red}.b{font-weight:bold}@media (max-width:9px){p{color:blue}}</style></head>"
    "<body>%s</body></html>"
)
AT_ONCE = [
    "<p>{{ name }}</p>",
    "{% if name %}<p class='b'>{{ name }}</p>{% else %}<p>x</p>{% endif %}",
    "{% for n in range(3) %}<p>{{ n }}</p>{% endfor %}",
    "<table><tbody>{% for n in range(2) %}<tr><td><p>{{ n }}</p></td></tr>{% endfor %}</tbody></table>",
    '<a href=\'{{ view_url }}?a=1&b=2\' title="{{ name | default("x") }}">{{ company }}</a><p>a &amp; b</p>',
    "<!-- {{ name }} --><p>{# remark #}{% raw %}{{ x }}{% endraw %}</p>",
    "<ul>{% if name %}<li><p>x</p></li>{% endif %}</ul>",
]
LATER = [
    "<p class='{{ company }}'>x</p>",
    "<p {% if name %}class='b'{% endif %}>x</p>",
    "<table>{% for n in range(2) %}<tr><td>{{ n }}</td></tr>{% endfor %}</table>",
    "{% if name %}<div><p>a{% else %}<div class='b'><p>b{% endif %}</p></div>",
    "<style>p + p{color:green}</style>{% for n in range(2) %}<p>x</p>{% endfor %}",
    "<style>p:first-child{color:green}</style>{% if name %}<p>x</p>{% endif %}<p>y</p>",
    "<style>a{color:{{ company }}}</style><p>x</p>",
]


class Shape(HTMLParser):
    """Elements, attributes in any order, and words: what two pages must have in common to be the same."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, sorted((name, re.sub(r"\s", "", value or "")) for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.seen.append(data.split())

    @classmethod
    def of(cls, page: str) -> list[object]:
        reader = cls()
        reader.feed(page)
        return reader.seen


@pytest.mark.parametrize("body", AT_ONCE + LATER)
def test_inlining_the_source_is_as_inlining_what_is_rendered(body: str) -> None:
    page = STYLED % body
    done = inline(HTML, page)
    assert done.at_rendering == (body in LATER)
    plain = HTML.from_string(page).render(known())
    ours = HTML.from_string(done.source).render(known())
    assert Shape.of(styled(ours) if done.at_rendering else ours) == Shape.of(styled(plain))
    whole = rendered(html=page).html or ""
    assert "@media" in whole
    assert 'style="color:' in whole or "<p" not in body


def test_a_page_without_styles_stays_as_it_is() -> None:
    page = "<P>Hi {{ name }}<br>"
    assert inline(HTML, page).source == page


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<h1>A</h1><p>b\n  c</p>", "A\n\nb c\n"),
        ("a<br>b<br/>c", "a\nb\nc\n"),
        ("<ul><li>a</li><li>b <b>c</b></li></ul>d", "- a\n- b c\n\nd\n"),
        ('<a href="https://x.example">here</a>', "here (https://x.example)\n"),
        ('<a href="https://x.example">https://x.example</a>', "https://x.example\n"),
        ('<a href="mailto:a@b.example">a@b.example</a> <a href="#top">up</a>', "a@b.example up\n"),
        ('<img src="x" alt="A logo"><style>p{}</style><script>x</script><title>t</title>', "A logo\n"),
        ('<div style="display:none">no<img src="x"><p>x</p></div><p>yes</p>', "yes\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("a &amp; b&nbsp;&lt;c&gt;", "a & b <c>\n"),
    ],
)
def test_text_out_of_html(page: str, expected: str) -> None:
    assert text_of(page) == expected


def test_the_text_part_is_made_of_the_html_where_there_is_none() -> None:
    page = "<p>Hi {{ first_name }},</p>{% if company %}<p>{{ company }}</p>{% endif %}<p>bye</p>"
    assert rendered(html=page).text.startswith("Hi María,\n\nA & B <i>\n\nbye\n")
    assert rendered({"company": ""}, html=page).text.startswith("Hi María,\n\nbye\n")
    tricky = "<p {% if company %}title='{{ company }}'{% endif %}>&#123;&#123; {{ name }}</p>"
    assert rendered(html=tricky).text.startswith("{{ María Núñez\n")


@pytest.mark.parametrize("source", list(defaults()), ids=lambda one: one.name)
def test_our_own_templates_are_without_fault(source: Source) -> None:
    faults: list[Finding] = lint(source, (), ADDRESS)
    assert faults == []
    compiled = Compiled(source, ADDRESS)
    for more in ({}, {"first_name": "", "last_name": "", "name": ""}, {"view_url": ""}):
        one = compiled.render(known(**more))
        if source.is_email:
            assert one.html is not None
            assert "https://mail.example.com/u/1" in one.html
            assert "https://mail.example.com/u/1" in one.text
            assert "12 Main Street" in one.text
            assert one.subject[0].isupper()
            assert len(one.html) < 10_000
            assert "prefers-color-scheme" in one.html
            assert "{" not in one.text + one.subject
        else:
            assert one.sms is not None
            assert len(one.sms) <= 160
            assert "STOP" in one.sms


def test_there_is_a_template_for_every_type() -> None:
    from carillon.settings import Settings

    wanted = {name for _, one in Settings().email_templates for name in (one.email, one.sms) if name}
    assert {source.name for source in defaults()} == wanted
    assert date(2026, 6, 18) == BIRTHDAY.event
