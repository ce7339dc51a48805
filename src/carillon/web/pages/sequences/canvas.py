"""The steps as they are seen: under each other, conditions with their two ways side by side.

Steps are dragged with the mouse, by HTML's own means; a keyboard moves the chosen one with Alt and the
arrows, and every place has a button that adds a step there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import ui

from carillon.advance.draft import OTHERWISE, Way
from carillon.advance.layout import Lane, Node, laid_out
from carillon.web.pages.sequences.words import KINDS, summary
from carillon.web.parts import act, icon, number, text
from carillon.words import Role

if TYPE_CHECKING:
    from carillon.web.pages.sequences.builder import Builder

_GRAB = (
    "(e) => { e.dataTransfer.setData('text/plain', e.currentTarget.dataset.drag);"
    " e.dataTransfer.effectAllowed = 'move';"
    " setTimeout(() => document.body.classList.add('c-dragging')) }"
)
_LEAVE_ALL = "() => document.body.classList.remove('c-dragging')"
_OVER = "(e) => { e.preventDefault(); e.currentTarget.classList.add('c-over') }"
_OUT = "(e) => e.currentTarget.classList.remove('c-over')"
_DROP = (
    "(e) => { e.preventDefault(); document.body.classList.remove('c-dragging');"
    " emit(e.dataTransfer.getData('text/plain')) }"
)
_KEYS = (
    "(e) => { if (e.target !== e.currentTarget) return;"
    " const key = e.altKey && e.key.startsWith('Arrow') ? 'Alt' + e.key : e.key;"
    " if (['Enter', ' ', 'Delete', 'AltArrowUp', 'AltArrowDown'].includes(key)) {"
    " e.preventDefault(); emit(key) } }"
)


def palette() -> None:
    """What can be put in."""
    with ui.element("div").classes("c-flow-palette"):
        text("h2", "Steps")
        text("p", "Drag one to where it belongs.", "c-muted c-small")
        for kind, (name, symbol, words) in KINDS.items():
            with _draggable(f"new:{kind}").classes(f"c-flow-kind c-flow-{kind}"):
                icon(symbol)
                with ui.element("span"):
                    text("strong", name)
                    text("span", words, "c-muted c-small")


def draw(builder: Builder) -> None:
    """All steps of a draft."""
    if not builder.draft.items:
        _nothing(builder)
        return
    main, loose = laid_out(builder.draft)
    with ui.element("div").classes("c-flow-lane"):
        waiting = builder.here.get("", 0)
        begin = "Everybody begins here"
        text("div", f"{begin} · {number(waiting)} waiting" if waiting else begin, "c-flow-chip")
        _lane(builder, main, None)
    if loose:
        with ui.element("div").classes("c-flow-loose"):
            text("h3", "No way leads here")
            text("p", "Drag these to where they belong, or remove them.", "c-muted c-small")
            for one in loose:
                with ui.element("div").classes("c-flow-lane"):
                    _lane(builder, one, None)


def _nothing(builder: Builder) -> None:
    with _target(builder, Way()).classes("c-empty c-flow-first"):
        with ui.element("div").classes("c-disc"):
            icon("account_tree")
        text("h2", "Drag the first step here")
        text("p", "Most sequences begin with an email, wait some days, and ask whether there was a reply.")
        _adder(builder, Way(), "Add the first step")


def _lane(builder: Builder, lane: Lane, meet: str | None) -> None:
    for place, node in enumerate(lane.nodes):
        if node.before is not None:
            _gap(builder, node.before)
        elif place:
            ui.element("div").classes("c-flow-line" if _comes_down(lane.nodes[place - 1]) else "c-flow-pause")
        _card(builder, node)
        if node.lanes is not None:
            _fork(builder, node, node.lanes)
    if lane.end is not None:
        _gap(builder, lane.end)
        _end(lane, meet)
    elif lane.to is not None and lane.to != meet:
        _end(lane, meet)


def _end(lane: Lane, meet: str | None) -> None:
    if lane.to is None:
        text("div", "End", "c-flow-chip")
    elif lane.to != meet:
        text("div", f"goes to {lane.to}", "c-flow-chip c-is-way")


def _fork(builder: Builder, node: Node, lanes: tuple[Lane, Lane]) -> None:
    """Both ways side by side; one without steps beside the other, which reads on below."""
    drawn = list(zip(("Yes", "No"), lanes, ("good", "warn"), strict=True))
    empty = [one for one in drawn if not one[1].nodes]
    if not empty:
        with ui.element("div").classes("c-flow-fork"):
            for words, lane, tone in drawn:
                with ui.element("div").classes("c-flow-lane c-flow-branch") as made:
                    made.props["role"] = "group"
                    made.props["aria-label"] = f"{node.item.key}: {words.lower()}"
                    text("div", words, f"c-badge c-is-{tone}")
                    _lane(builder, lane, node.meet)
        return
    for words, lane, tone in empty:
        with ui.element("div").classes("c-flow-side"):
            text("div", words, f"c-badge c-is-{tone}")
            if lane.end is not None:
                _gap(builder, lane.end)
            _end(lane, None)
    for words, lane, tone in drawn:
        if lane.nodes:
            ui.element("div").classes("c-flow-line c-is-short")
            text("div", words, f"c-badge c-is-{tone}")
            _lane(builder, lane, node.meet)


def _comes_down(node: Node) -> bool:
    """Whether what is drawn last of a fork leads to what is drawn below it."""
    assert node.lanes is not None
    last = [lane for lane in node.lanes if lane.nodes] or list(node.lanes)
    return any(lane.to is not None and lane.to == node.meet and _leads_on(lane) for lane in last)


def _leads_on(lane: Lane) -> bool:
    """Whether the last thing that is drawn of a lane is its way on."""
    return lane.end is not None or (lane.nodes[-1].lanes is not None and _comes_down(lane.nodes[-1]))


def _card(builder: Builder, node: Node) -> None:
    item = node.item
    name, symbol, _ = KINDS[item.type]
    faults = builder.faults_of(item.key)
    classes = f"c-flow-step c-flow-{item.type}"
    classes += " c-flow-on" if builder.selected == item.key else ""
    classes += " c-flow-wrong" if faults else ""
    made = _draggable(f"step:{item.key}") if builder.may_edit else ui.element("div")

    async def pressed(event: Any) -> None:
        key = str(event.args)
        if key in ("Enter", " ") or not builder.may_edit:
            builder.select(item.key)
        elif key == "Delete":
            await builder.change(builder.draft.remove(item.key))
        else:
            moved = builder.draft.up if key == "AltArrowUp" else builder.draft.down
            await builder.change(moved(item.key), item.key)
        builder.focus(item.key)

    made.classes(classes).props('role="button" tabindex="0"')
    made.props["aria-label"] = f"{name} {item.key}: {summary(item)}"
    made.props["aria-pressed"] = "true" if builder.selected == item.key else "false"
    made.props["data-step"] = item.key
    made.on("click", lambda: builder.select(item.key))
    made.on("keydown", act(pressed, role=Role.VIEWER), js_handler=_KEYS)
    with made:
        icon(symbol)
        with ui.element("span").classes("c-grow"):
            text("strong", item.key, "c-cut")
            text("span", summary(item), "c-small c-muted c-flow-sum")
            if faults:
                text("span", faults[0].text, "c-small c-bad c-flow-sum")
        if waiting := builder.here.get(item.key):
            text("span", f"{number(waiting)} here", "c-badge c-is-info")


def _gap(builder: Builder, way: Way) -> None:
    if not builder.may_edit:
        ui.element("div").classes("c-flow-line")
        return
    with _target(builder, way).classes("c-flow-gap"):
        where = "at the beginning" if way.source is None else f"after {way.source}"
        where += ", where the answer is no" if way.name == OTHERWISE else ""
        _adder(builder, way, f"Add a step {where}")


def _adder(builder: Builder, way: Way, words: str) -> None:
    async def ask() -> None:
        await builder.ask_kind(way)

    made = ui.element("button").props('type="button"').classes("c-flow-add")
    made.props["aria-label"] = words
    made.props["title"] = words
    made.on("click", act(ask, role=Role.VIEWER))
    with made:
        icon("add")


def _target(builder: Builder, way: Way) -> ui.element:
    """A place where something can be let go."""

    async def dropped(event: Any) -> None:
        await builder.dropped(str(event.args), way)

    made = ui.element("div")
    made.props["data-way"] = f"{way.source or ''}.{way.name}"
    made.on("dragover", js_handler=_OVER).on("dragenter", js_handler=_OVER).on("dragleave", js_handler=_OUT)
    made.on("drop", act(dropped, role=Role.VIEWER), js_handler=_DROP)
    return made


def _draggable(what: str) -> ui.element:
    made = ui.element("div").props('draggable="true"')
    made.props["data-drag"] = what
    return made.on("dragstart", js_handler=_GRAB).on("dragend", js_handler=_LEAVE_ALL)


def focusing(key: str) -> str:
    """A script that gives a step the focus, unless the person has gone on to something else."""
    return (
        "setTimeout(() => document.activeElement === document.body"
        " && [...document.querySelectorAll('[data-step]')]"
        f".find((one) => one.dataset.step === {_js(key)})?.focus(), 50)"
    )


def _js(words: str) -> str:
    """A text in a script, whatever is in it."""
    return "'" + "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else "" for one in words) + "'"
