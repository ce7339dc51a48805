"""Who is looking at a page, and with what right: found at the door (`auth`), asked everywhere behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from carillon.errors import CarillonError, Refused
from carillon.store import sessions
from carillon.store.sessions import Session
from carillon.user import user_name
from carillon.web.remembered import Remembered
from carillon.words import Role
from carillon.workspace import Workspace

SCOPE = "carillon.visit"
"""Where the door leaves it in a request's scope."""
CURRENT: ContextVar[Visit] = ContextVar("visit")
"""The visit of the request that is answered now."""


class SignedOut(CarillonError):
    """The session is over: sign in again."""


@dataclass
class Site:
    """What is served: one workspace, whose settings may change while it is."""

    current: Callable[[], Workspace]
    environ: Mapping[str, str]
    token: str | None = None
    """Lets in whoever has it, once, as long as there is no user; None: used."""
    local_only: bool = False
    """Send only through accounts that keep mail on this machine: the clock is not the real one."""
    remembered: Remembered = field(default_factory=Remembered)

    def entrance(self, host: str, port: int) -> str:
        """The address to open in a browser on this machine."""
        shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
        place = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
        return place if self.token is None else f"{place}enter?token={self.token}"


@dataclass
class Visit:
    """One page in one browser."""

    site: Site
    session: Session
    browser_zone: str | None = None
    browser_is_dark: bool = False

    @property
    def workspace(self) -> Workspace:
        """As its settings are now."""
        return self.site.current()

    @property
    def name(self) -> str:
        """Who it is, for the books and the screen."""
        return user_name() if self.session.user is None else self.session.user.name

    @property
    def role(self) -> Role:
        """Without users, whoever sits at the machine may do everything."""
        return Role.ADMIN if self.session.user is None else self.session.user.role

    @property
    def preferences(self) -> Mapping[str, Any]:
        return self.session.preferences

    @property
    def theme(self) -> str:
        """light, dark or system."""
        found = self.preferences.get("theme")
        return found if found in ("light", "dark") else "system"

    @property
    def is_dark(self) -> bool:
        """Whether the page is drawn dark: what is drawn on a canvas has to know."""
        return self.theme == "dark" or (self.theme == "system" and self.browser_is_dark)

    @property
    def zone(self) -> ZoneInfo:
        """In which times are shown: chosen, or the browser's, or the workspace's."""
        for name in (self.preferences.get("timezone"), self.browser_zone):
            try:
                if name:
                    return ZoneInfo(str(name))
            except (ValueError, OSError):
                continue
        return self.workspace.settings.workspace.zone

    def may(self, role: Role) -> bool:
        return self.role.may(role)

    def look_again(self) -> None:
        """Read the session anew. Raises SignedOut where it is over.

        Blocks for a moment: for threads.
        """
        workspace = self.workspace
        with workspace.database.snapshot() as connection:
            found = sessions.find(connection, self.session.hash, workspace.clock.now())
        if found is None:
            raise SignedOut("you are signed out: open the page again and sign in")
        self.session = found

    def require(self, role: Role) -> None:
        """Look again, and raise Refused where the role is not enough any more."""
        self.look_again()
        if not self.may(role):
            raise Refused(f"this takes the role {role.value}; {self.name} has the role {self.role.value}")

    def prefer(self, **values: object) -> None:
        """Store preferences beside those there are. Blocks for a moment: for threads."""
        self.look_again()
        wanted = {**self.preferences, **values}
        self.workspace.database.write(lambda c: sessions.set_preferences(c, self.session, wanted))
        self.look_again()
