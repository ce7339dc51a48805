"""Templates: their versions, which is in force, and how one looks to a contact."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Response

from carillon.errors import InputError
from carillon.send import preview as previews
from carillon.store import templates as store
from carillon.store.engine import Connection
from carillon.store.templates import Version
from carillon.templates import Source
from carillon.web.api.access import Here, Reader, Writer
from carillon.web.api.etags import KNOWN, IfMatch, IfNoneMatch, require, unless_known
from carillon.web.api.location import located
from carillon.web.api.problems import Problem, missing, said
from carillon.web.api.template_models import (
    FindingOut,
    PreviewOut,
    TemplateIn,
    TemplateOut,
    VersionOut,
    VersionWhole,
)
from carillon.workspace import Workspace

router = APIRouter(prefix="/templates", tags=["templates"])

Name = Annotated[str, Path(min_length=1, max_length=100, examples=["birthday_standard_v1"])]
Number = Annotated[int, Path(ge=1, le=1_000_000_000)]


@router.get("")
def list_templates(here: Here, _caller: Reader) -> list[VersionOut]:
    """List all templates: of each the version in force, else the newest."""
    _complete(here)
    with here.database.snapshot() as connection:
        found: dict[str, Version] = {}
        for one in store.versions(connection):
            if one.active or not (one.source.name in found and found[one.source.name].active):
                found[one.source.name] = one
    return [VersionOut.of(one) for one in found.values()]


@router.get("/{name}", response_model=TemplateOut, responses=said(404) | KNOWN)
def get_template(
    here: Here, _caller: Reader, name: Name, response: Response, if_none_match: IfNoneMatch = None
) -> TemplateOut | Response:
    """One template with its versions."""
    _complete(here)
    with here.database.snapshot() as connection:
        shown = _template(here, connection, name)
    return unless_known(if_none_match, response, shown) or shown


@router.get("/{name}/versions/{version}", responses=said(404))
def get_version(here: Here, _caller: Reader, name: Name, version: Number) -> VersionWhole:
    """One version with its parts and what is wrong with it."""
    _complete(here)
    with here.database.snapshot() as connection:
        return _whole(here, connection, _find(connection, name, version))


@router.post("/{name}/versions", status_code=201, responses=said(412))
def make_version(
    here: Here, caller: Writer, name: Name, wanted: TemplateIn, response: Response, if_match: IfMatch = None
) -> VersionWhole:
    """Make a template, or a new version of one. It is in force only once it is activated."""
    _complete(here)

    def work(connection: Connection) -> VersionWhole:
        if if_match is not None:
            require(if_match, _template(here, connection, name))
        made = store.add(connection, Source(name, 0, **wanted.model_dump()), here.clock.now(), caller.name)
        return _whole(here, connection, store.find(connection, name, made.version))

    made = here.database.write(work)
    located(response, f"{router.prefix}/{quote(name, safe='')}/versions/{made.version}")
    return made


@router.post("/{name}/versions/{version}/activate", responses=said(404))
def activate_version(here: Here, caller: Writer, name: Name, version: Number) -> VersionOut:
    """Check a version, and let emails take it from now on."""
    _complete(here)
    with here.database.snapshot() as connection:
        _find(connection, name, version)
    previews.put_in_force(here, name, version, caller.name)
    with here.database.snapshot() as connection:
        return VersionOut.of(_find(connection, name, version))


@router.get("/{name}/preview", responses=said(404))
def preview_template(
    here: Here,
    _caller: Reader,
    name: Name,
    contact: Annotated[
        str | None, Query(max_length=300, description="An address or id; without it the first contact.")
    ] = None,
    version: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
) -> PreviewOut:
    """A template as one contact would get it. Nothing is sent."""
    _complete(here)
    with here.database.snapshot() as connection:
        source = _find(connection, name, version).source
    made = previews.preview(here, source, contact, None)
    mail = made.mail
    return PreviewOut(
        name=source.name,
        version=source.version,
        contact=made.email,
        subject=mail.subject if mail else None,
        html=mail.html if mail else None,
        text=mail.text if mail else None,
        sms=made.sms,
    )


def _complete(here: Workspace) -> None:
    """Make the templates that come with Carillon, where they are missing."""
    store.complete(here.database, here.clock.now())


def _find(connection: Connection, name: str, version: int | None) -> Version:
    try:
        return store.find(connection, name, version)
    except InputError as error:
        raise Problem(404, str(error)) from None


def _template(here: Workspace, connection: Connection, name: str) -> TemplateOut:
    several = store.versions(connection, name)
    if not several:
        raise missing("template with this name")
    shown = next((one for one in several if one.active), several[-1])
    whole = _whole(here, connection, shown)
    return TemplateOut(**whole.model_dump(), versions=[VersionOut.of(one) for one in several])


def _whole(here: Workspace, connection: Connection, one: Version) -> VersionWhole:
    source, found = one.source, previews.findings(here, connection, one.source)
    return VersionWhole(
        **VersionOut.of(one).model_dump(),
        html=source.html,
        text=source.text,
        sms=source.sms,
        from_name=source.from_name,
        preheader=source.preheader,
        findings=[FindingOut.of(each) for each in found],
    )
