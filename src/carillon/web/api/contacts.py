"""Contacts: stored many at a time, looked for, looked at, edited."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from carillon.files.edit_run import edit_contact
from carillon.files.run import import_records
from carillon.plan.inquire import explain as ask
from carillon.store import contact_search, event_listing
from carillon.store.contact_search import Wanted
from carillon.web.api.access import Here, Reader, Writer
from carillon.web.api.contact_models import (
    MOST_CONTACTS,
    Contact,
    ContactIn,
    ContactPatch,
    Explained,
    Upserted,
    record_of,
)
from carillon.web.api.etags import KNOWN, IfMatch, IfNoneMatch, require, tag, unless_known
from carillon.web.api.events import EventOut
from carillon.web.api.paging import Cursor, Id, Limit, Page, Text, after, after_key, next_of
from carillon.web.api.problems import Problem, missing, said
from carillon.words import ContactStatus

router = APIRouter(prefix="/contacts", tags=["contacts"])

Contacts = Annotated[
    list[ContactIn],
    Body(max_length=MOST_CONTACTS, examples=[[{"email": "maria@example.com", "zip_code": "90210"}]]),
]


@router.post("/bulk")
def upsert_contacts(
    here: Here,
    _caller: Writer,
    contacts: Contacts,
    dry_run: Annotated[bool, Query(description="Store nothing; say what would happen.")] = False,
) -> Upserted:
    """Store up to 10,000 contacts, new ones and known ones, in one transaction.

    A contact is known by its external id, else by its address. Who cannot be stored is reported by place.
    """
    records = [record_of(one, sorted(one.model_fields_set)) for one in contacts]
    return Upserted.of(import_records(here, records, dry_run=dry_run))


@router.get("")
def list_contacts(
    here: Here,
    _caller: Reader,
    email: Annotated[Text | None, Query(description="How the address begins.")] = None,
    last_name: Annotated[Text | None, Query(description="How it begins.")] = None,
    state: Annotated[str | None, Query(min_length=2, max_length=2)] = None,
    status: ContactStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Contact]:
    """List contacts by id; looked for by address or last name, by that."""
    wanted = Wanted(email, last_name, state, None if status is None else status.value)
    with here.database.snapshot() as connection:
        if email or last_name:
            found = contact_search.search(connection, wanted, after_key(cursor), limit)
        else:
            found = contact_search.page(connection, wanted, after(cursor), limit)
    return Page(items=[Contact.of(one) for one in found.items], next=next_of(found))


@router.get("/{contact_id}", response_model=Contact, responses=said(404) | KNOWN)
def get_contact(
    here: Here, _caller: Reader, contact_id: Id, response: Response, if_none_match: IfNoneMatch = None
) -> Contact | Response:
    """One contact."""
    with here.database.snapshot() as connection:
        found = contact_search.find(connection, contact_id)
    if found is None:
        raise missing("contact with this id")
    shown = Contact.of(found)
    return unless_known(if_none_match, response, shown) or shown


@router.patch("/{contact_id}", responses=said(404, 412))
def edit_one_contact(
    here: Here,
    caller: Writer,
    contact_id: Id,
    changes: ContactPatch,
    response: Response,
    if_match: IfMatch = None,
) -> Contact:
    """Edit a contact. The next plan sees to what follows."""
    given = record_of(changes, changes.model_fields_set)
    found = edit_contact(here, contact_id, given, caller.name, lambda old: require(if_match, Contact.of(old)))
    if found is None:
        raise missing("contact with this id")
    shown = Contact.of(found)
    tag(response, shown)
    return shown


@router.get("/{contact_id}/events", responses=said(404))
def contact_events(
    here: Here, _caller: Reader, contact_id: Id, cursor: Cursor = None, limit: Limit = 50
) -> Page[EventOut]:
    """What happened to a contact, the oldest first. Answers to health questions are not told."""
    with here.database.snapshot() as connection:
        if contact_search.find(connection, contact_id) is None:
            raise missing("contact with this id")
        found = event_listing.page(connection, after(cursor), limit, contact=contact_id)
    return Page(items=[EventOut.of(one) for one in found.items], next=next_of(found))


@router.get("/{contact_id}/explain", responses=said(404))
def explain_contact(here: Here, _caller: Reader, contact_id: Id) -> Explained:
    """What a contact gets in the next year and why: asked of the code that plans."""
    with here.database.snapshot() as connection:
        if contact_search.find(connection, contact_id) is None:
            raise missing("contact with this id")
    found = next((one for one in ask(here, str(contact_id)) if one.contact.id == contact_id), None)
    if found is None:
        raise Problem(404, "there is no contact with this id")
    document = found.as_json()
    return Explained.model_validate({**document, "contact_id": contact_id})
