"""Tables of any length: searched, sorted and paged by the database, one page in the browser at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nicegui import ui
from nicegui.element import Element

from carillon.errors import CarillonError
from carillon.store.engine import Connection
from carillon.web.parts.deeds import fault, read
from carillon.web.parts.texts import text

PAGE = 50
"""Rows."""


@dataclass(frozen=True)
class Column:
    """A column: the value of `name` in each row is shown as text.

    `link`: the name of the row's value that holds a path, which the text becomes a link to. `badge`: the name
    of the row's value that holds a tone (good, warn, bad, info or empty). `wide`: not on phones.
    """

    name: str
    label: str
    number: bool = False
    sort: bool = False
    link: str = ""
    badge: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Query:
    """What is asked for."""

    search: str = ""
    sort: str = ""
    descending: bool = False
    filters: Mapping[str, Any] = field(default_factory=dict)
    cursor: Any = None
    """Where the page begins: what the page before gave as `next`; None: at the beginning."""
    limit: int = PAGE


@dataclass(frozen=True)
class Rows:
    """One page."""

    rows: Sequence[Mapping[str, Any]]
    """Texts and numbers by column name, and an `id` of its own for each row."""
    next: Any = None
    """The cursor of the page after it; None: there is none."""
    total: int | None = None
    """How many there are in all, where that is known."""
    about: bool = False
    """Whether the total is an estimate."""


class Table:
    """A table on the page. `show()` reads and draws it; call it once after it is made, and after changes."""

    def __init__(
        self,
        columns: Sequence[Column],
        fetch: Callable[[Connection, Query], Rows],
        *,
        search: str = "",
        sort: str = "",
        descending: bool = False,
        on_open: Callable[[Mapping[str, Any]], Any] | None = None,
        select: bool = False,
        limit: int = PAGE,
        filters: Mapping[str, Any] | None = None,
        nothing: str = "Nothing found.",
        label: str = "Table",
    ) -> None:
        """`fetch` runs in a thread, on a snapshot. `search`: the hint in the search field; without: no field.

        `on_open` is called with the row that is clicked. `tools` is the place for filters beside the search.
        """
        self._columns, self._fetch, self._limit = columns, fetch, limit
        self._filters: dict[str, Any] = dict(filters or {})
        self._search, self._sort, self._descending = "", sort, descending
        self._cursors: list[Any] = [None]
        self._next: Any = None
        self._asked = 0
        with ui.element("div").classes("c-tools") as self.tools:
            if search:
                ui.input(placeholder=search, on_change=lambda e: self.find(str(e.value or ""))).props(
                    f'outlined dense clearable debounce=250 type=search aria-label="{_quoted(search)}"'
                ).classes("c-search")
        self.tools.set_visibility(bool(search))
        with _scrolling(label):
            self.table = ui.table(
                columns=[_column(one) for one in columns],
                rows=[],
                row_key="id",
                selection="multiple" if select else None,
                pagination={
                    "rowsPerPage": 0,
                    "sortBy": sort or None,
                    "descending": descending,
                    "rowsNumber": 0,
                },
            )
        self.table.props("flat binary-state-sort hide-pagination").classes(
            f"w-full {'c-clicks' if on_open else ''}"
        )
        self.table.props["no-data-label"] = nothing
        self.table.props["aria-label"] = label
        self.table.on("request", self._asked_for)
        if select:
            for place, words in (("header", "Choose all of this page"), ("body", "Choose this row")):
                self.table.add_slot(
                    f"{place}-selection",
                    f'<q-checkbox v-model="props.selected" dense aria-label="{words}" />',
                )
        for one in columns:
            if one.link or one.badge:
                self.table.add_slot(f"body-cell-{one.name}", _cell(one))
        if on_open is not None:
            self.table.on("row-click", lambda e: on_open(e.args[1]), args=[[], None, None])
        with ui.element("div").classes("c-pager"):
            self._count = text("span", "").props('role="status"')
            ui.element("span").classes("c-grow")
            self._back = self._turn("chevron_left", "Previous page", self.back)
            self._on = self._turn("chevron_right", "Next page", self.on)

    @property
    def selected(self) -> list[dict[str, Any]]:
        return list(self.table.selected)

    async def show(self) -> None:
        """Read the page that is shown again. Only the last one asked for is drawn."""
        self._asked += 1
        mine, query = self._asked, self.query
        try:
            found = await read(lambda connection: self._fetch(connection, query))
        except CarillonError as error:
            fault(error)
            return
        if mine != self._asked:
            return
        self._next = found.next
        self.table.selected.clear()
        self.table.rows = [dict(one) for one in found.rows]
        self.table.pagination = {
            "rowsPerPage": 0,
            "sortBy": self._sort or None,
            "descending": self._descending,
            "rowsNumber": len(found.rows),
        }
        self._count.set_text(self._words(found))
        self._back.set_enabled(len(self._cursors) > 1)
        self._on.set_enabled(found.next is not None)

    @property
    def query(self) -> Query:
        """What is asked for now."""
        return Query(
            self._search,
            self._sort,
            self._descending,
            dict(self._filters),
            self._cursors[-1],
            self._limit,
        )

    async def find(self, words: str) -> None:
        """Search."""
        if words.strip() != self._search:
            self._search = words.strip()
            await self.from_the_top()

    async def filter(self, **values: Any) -> None:
        """Set filters; None takes one away."""
        self._filters |= values
        self._filters = {name: value for name, value in self._filters.items() if value is not None}
        await self.from_the_top()

    async def from_the_top(self) -> None:
        """Show the first page."""
        self._cursors = [None]
        await self.show()

    async def on(self) -> None:
        """Show the next page."""
        if self._next is not None:
            self._cursors.append(self._next)
            await self.show()

    async def back(self) -> None:
        """Show the page before."""
        if len(self._cursors) > 1:
            self._cursors.pop()
            await self.show()

    async def _asked_for(self, event: Any) -> None:
        wanted = event.args["pagination"]
        self._sort, self._descending = wanted.get("sortBy") or "", bool(wanted.get("descending"))
        await self.from_the_top()

    def _turn(self, symbol: str, label: str, do: Callable[[], Any]) -> ui.button:
        made = ui.button(icon=f"sym_o_{symbol}", color=None, on_click=do).props("unelevated")
        made.props["aria-label"] = label
        return made.classes("c-plain c-icon")

    def _words(self, found: Rows) -> str:
        if not found.rows:
            return ""
        first = (len(self._cursors) - 1) * self._limit + 1
        span = f"{first:,} to {first + len(found.rows) - 1:,}"
        if found.total is None:
            return span
        return f"{span} of {'about ' if found.about else ''}{found.total:,}"


def _scrolling(label: str) -> Element:
    """What a table too wide for its place is moved in: with the keyboard, too."""
    made = ui.element("div").classes("c-sideways").props('tabindex="0" role="group"')
    made.props["aria-label"] = f"{label}: scrolls sideways where it is wide"
    return made


def _column(one: Column) -> dict[str, Any]:
    wide = "c-wide" if one.wide else ""
    return {
        "name": one.name,
        "label": one.label,
        "field": one.name,
        "align": "right" if one.number else "left",
        "sortable": one.sort,
        "classes": f"{wide} {'c-num' if one.number else ''}",
        "headerClasses": wide,
    }


def _cell(one: Column) -> str:
    """The template of a cell; values are bound, so that nothing in them is HTML."""
    inside = "{{ props.value }}"
    if one.badge:
        tone = f"props.row.{one.badge}"
        inside = (
            f'<span v-if="props.value" class="c-badge" :class="{tone} ? \'c-is-\' + {tone} : \'\'">'
            f"{inside}</span>"
        )
    if one.link:
        path = f"props.row.{one.link}"
        inside = f'<a v-if="{path}" :href="{path}">{inside}</a><span v-else>{inside}</span>'
    return f'<q-td :props="props">{inside}</q-td>'


def _quoted(words: str) -> str:
    return words.replace("\\", "").replace('"', "'")


def simple(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], label: str = "Table") -> Element:
    """A short table that is there as a whole."""
    with _scrolling(label):
        made = (
            ui.table(
                columns=[_column(one) for one in columns],
                rows=[{"id": place, **row} for place, row in enumerate(rows)],
                row_key="id",
                pagination=0,
            )
            .props("flat hide-pagination hide-bottom")
            .classes("w-full")
        )
    made.props["aria-label"] = label
    for one in columns:
        if one.link or one.badge:
            made.add_slot(f"body-cell-{one.name}", _cell(one))
    return made
