"""What pages are made of. A page imports from here, by name, and from `carillon.web.shell`.

- Deeds: `visit()`, `read(fn)`, `write(fn)`, `work(fn)`, `work_long(fn)`, `act(fn, role=, done=)`,
  `every(fn)`, `button(words, icon, do, role=, look=)`, `toast(words)`, `fault(error)`,
  `leave(words, path)`: another page, which says what was done.
- Texts: `text(tag, words)`, `link(words, path)`, `icon(name)`, `badge(words, tone)`, `dot(tone)`,
  `note(words, tone)`, `facts({...})`, `number(n)`, `percent(share)`, `when(moment, contact_zone)`,
  `when_words`, `ago(moment)`, `day_words(day)`.
- Cards: `card(title)`, `stat(name, value)`, `grid(least)`, `split()`, `row()`, `column()`, `empty(...)`,
  `way(label, path)`, `tabs({key: label})`.
- Tables: `Table(columns, fetch)` with `Column`, `Query`, `Rows`; `simple(columns, rows)`.
- Forms: `field`, `number_field`, `choice`, `needed`, `all_right(*fields)`, `wrong(field, words)`,
  `upload(label, take, kinds, largest)`.
- Dialogs: `dialog(title)` and `await answer(made)`, `await confirm(title, words, yes, danger=)`,
  `await busy(title, fn)`.
- What follows what it shows: `Drawn(place, draw)`, whose `show(*found)` draws only what has changed.
- Days of mailboxes: `day_strip(view)`, `slot_bar(counts)`, `strip_time()`.
- Charts: `chart(options, label)`, `show(chart, options)`, `palette()`, `ink()`.

Tones are good, warn, bad, info. Classes of the style sheet that pages may use: c-muted, c-small, c-strong,
c-mono, c-num, c-grow, c-cut, c-list (rows with lines between them), c-wide (not on phones); Tailwind's, too,
for distances and widths, but never its colours: those have to follow the theme (`var(--ink)`, `var(--line)`).
"""

from carillon.web.parts.cards import card, column, empty, grid, row, split, stat, tabs, way
from carillon.web.parts.charts import chart, ink, palette, show
from carillon.web.parts.daystrip import day_strip, slot_bar, strip_time
from carillon.web.parts.deeds import (
    act,
    button,
    every,
    fault,
    leave,
    read,
    toast,
    visit,
    work,
    work_long,
    write,
)
from carillon.web.parts.dialogs import answer, busy, confirm, dialog
from carillon.web.parts.drawn import Drawn
from carillon.web.parts.forms import all_right, choice, field, needed, number_field, wrong
from carillon.web.parts.tables import Column, Query, Rows, Table, simple
from carillon.web.parts.texts import (
    ago,
    badge,
    day_words,
    dot,
    facts,
    icon,
    link,
    note,
    number,
    percent,
    text,
    when,
    when_words,
)
from carillon.web.parts.uploads import upload

__all__ = [
    "Column",
    "Drawn",
    "Query",
    "Rows",
    "Table",
    "act",
    "ago",
    "all_right",
    "answer",
    "badge",
    "busy",
    "button",
    "card",
    "chart",
    "choice",
    "column",
    "confirm",
    "day_strip",
    "day_words",
    "dialog",
    "dot",
    "empty",
    "every",
    "facts",
    "fault",
    "field",
    "grid",
    "icon",
    "ink",
    "leave",
    "link",
    "needed",
    "note",
    "number",
    "number_field",
    "palette",
    "percent",
    "read",
    "row",
    "show",
    "simple",
    "slot_bar",
    "split",
    "stat",
    "strip_time",
    "tabs",
    "text",
    "toast",
    "upload",
    "visit",
    "way",
    "when",
    "when_words",
    "work",
    "work_long",
    "write",
    "wrong",
]
