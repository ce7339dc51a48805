"""A contact added and edited: what is wrong with a value is told at its field."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui

from carillon.errors import InputError
from carillon.files.edit_run import FieldFaults, add_contact, edit_contact
from carillon.store.contact_search import Found
from carillon.web.parts import all_right, answer, button, dialog, field, needed, toast, visit, work, wrong
from carillon.words import Role
from carillon.workspace import Workspace

_LABELS = {
    "email": "Email",
    "external_id": "External id",
    "first_name": "First name",
    "last_name": "Last name",
    "zip_code": "ZIP code",
    "state": "State",
    "birth_date": "Birth date",
    "effective_date": "Effective date",
    "phone_number": "Phone",
    "timezone": "Time zone",
    "company": "Company",
    "title": "Title",
    "industry": "Industry",
    "sms_consent_at": "SMS consent since",
    "tags": "Tags",
    "attributes": "Attributes",
}
_HINTS = {
    "zip_code": "It decides the state, and with it the rules",
    "state": "Two letters; only without a ZIP code",
    "birth_date": "Like 1958-03-14",
    "effective_date": "Like 2023-07-01",
    "timezone": "Like America/Chicago",
    "external_id": "What another program calls this contact",
    "sms_consent_at": "Like 2026-01-05 10:00",
    "tags": "With commas between them",
    "attributes": 'JSON, like {"plan": "G"}',
}


def texts_of(one: Found) -> dict[str, str]:
    """A contact as the form shows it."""
    found = {name: one.texts.get(name) or "" for name in _LABELS}
    found["tags"] = ", ".join(str(tag) for tag in one.tags)
    found["attributes"] = json.dumps(one.attributes, ensure_ascii=False) if one.attributes else ""
    since = one.sms_consent_at
    found["sms_consent_at"] = f"{since:%Y-%m-%dT%H:%M:%SZ}" if since else ""
    return found


async def add() -> None:
    """Ask for a new contact, and open its page."""
    by = visit().name

    def store(workspace: Workspace, given: Mapping[str, str | None]) -> Found | None:
        return add_contact(workspace, given, by)

    if found := await _ask("Add a contact", dict.fromkeys(_LABELS, ""), "Add", store):
        ui.navigate.to(f"/contacts/{found.id}")


async def edit(one: Found) -> Found | None:
    """Edit a contact; returns it as it is then, None where nothing was changed."""
    by = visit().name

    def store(workspace: Workspace, given: Mapping[str, str | None]) -> Found | None:
        return edit_contact(workspace, one.id, given, by)

    found = await _ask("Edit the contact", texts_of(one), "Save", store)
    if found is not None:
        toast("Saved. The next plan sees to what follows.")
    return found


async def _ask(
    title: str,
    old: Mapping[str, str],
    yes: str,
    store: Callable[[Workspace, Mapping[str, str | None]], Found | None],
) -> Found | None:
    made, place = dialog(title, wide=True)
    fields: dict[str, Any] = {}

    async def save() -> None:
        if not all_right(*fields.values()):
            return
        given = {name: str(one.value or "").strip() for name, one in fields.items()}
        changed: dict[str, str | None] = {
            name: _stored(name, value) or None for name, value in given.items() if value != old[name]
        }
        if not changed:
            made.close()
            return
        try:
            made.submit(await work(lambda workspace: store(workspace, changed)))
        except FieldFaults as error:
            for name, why in reversed(error.faults.items()):
                wrong(fields[name] if name in fields else fields["email"], why)
        except InputError as error:
            wrong(fields["external_id" if "external id already" in str(error) else "email"], str(error))

    with place:
        with ui.element("div").classes("c-form-grid"):
            for name, label in _LABELS.items():
                fields[name] = field(
                    label, old[name], hint=_HINTS.get(name, ""), check=needed if name == "email" else None
                )
        fields["email"].props("type=email autofocus")
        with ui.element("div").classes("c-actions"):
            button("Cancel", do=made.close)
            button(yes, do=save, role=Role.EDITOR, look="primary")
    found = await answer(made)
    return found if isinstance(found, Found) else None


def _stored(name: str, value: str) -> str:
    """Tags are a JSON list, as lists have them."""
    if name != "tags" or not value or value.startswith("["):
        return value
    return json.dumps([one.strip() for one in value.split(",") if one.strip()], ensure_ascii=False)
