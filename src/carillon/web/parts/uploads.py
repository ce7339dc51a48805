"""Where a file is dropped or chosen."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from nicegui import ui

from carillon.web.parts.deeds import act, toast
from carillon.words import Role

_HEADER = """
<div class="c-upload-head">
  <span class="c-grow">LABEL</span>
  <q-btn v-if="props.canAddFiles" unelevated no-caps class="c-plain" icon="sym_o_upload_file"
         label="Choose a file" @click="props.pickFiles" />
  <q-spinner v-else-if="props.isUploading" size="20px" />
  <span hidden><q-uploader-add-trigger /></span>
</div>
"""
"""In place of Quasar's own, whose buttons are pictures without a name."""


def upload(
    label: str, take: Callable[..., Any], kinds: Sequence[str], largest: int, *, refused: str
) -> ui.upload:
    """A place for one file, which goes to `take` (as NiceGUI's event) as soon as it is there.

    `kinds`: endings like .csv; `largest`: in bytes; `refused`: said of a file that is neither.
    """

    async def received(event: Any) -> None:
        made.reset()  # for another one
        found = take(event)
        if inspect.isawaitable(found):
            await found

    made = ui.upload(
        auto_upload=True,
        max_file_size=largest,
        max_files=1,
        on_upload=act(received, role=Role.EDITOR),
        on_rejected=lambda: toast(refused, "bad"),
    )
    made.props(f'accept="{",".join(kinds)}" flat').classes("c-upload")
    made.add_slot("header", _HEADER.replace("LABEL", escape(label)))
    return made
