"""What there is to set, in the order in which people look for it, and the way from one to another."""

from __future__ import annotations

from nicegui import ui

from carillon.settings_described import sections
from carillon.web.parts import choice, icon, link, text

GROUPS: dict[str, dict[str, str]] = {
    "The plan": {
        "workspace": "Workspace",
        "features": "What is planned",
        "timing_constants": "Timing",
        "state_rules": "State rules",
        "load_balancing": "Daily volume",
        "priorities": "Priorities",
        "aep_config": "Enrollment period",
        "campaign_types": "Campaign types",
        "email_templates": "Templates by type",
    },
    "Sending": {
        "sending": "Sender",
        "pacing": "Mailbox days",
        "warmup": "Warm-up",
        "smart_scheduling": "Smart hours",
        "sequences": "Sequences",
        "safety": "Safety",
        "tracking": "Tracking",
        "listening": "Reading mailboxes",
    },
    "The program": {
        "processing": "Processing",
        "audit": "Backups",
        "logging": "Logs",
        "web": "Server",
        "webhooks": "Incoming webhooks",
        "database": "Database",
    },
    "Access": {
        "users": "Users",
        "api-keys": "API keys",
        "outgoing": "Outgoing webhooks",
        "history": "History",
    },
}
NAMES = {key: name for group in GROUPS.values() for key, name in group.items()}
LEADS = {
    "users": "Who may sign in, and what each may do.",
    "api-keys": "Keys of programs that call the API.",
    "outgoing": "Servers that are told what happens.",
    "history": "Every version of the settings, what it changed, and the way back to it.",
}


def lead(section: str) -> str:
    """The line under a section's title."""
    words = LEADS.get(section) or sections().get(section, "")
    return words[:1].upper() + words[1:]


def ways(here: str) -> None:
    """The list of what there is; a field to choose from on a phone."""
    with ui.element("nav").classes("s-ways").props('aria-label="Settings"'):
        for group, names in GROUPS.items():
            text("div", group, "s-group")
            for key, name in names.items():
                with link("", f"/settings/{key}", "s-way", key == here):
                    text("span", name)
                    if key == here:
                        icon("chevron_right")
    with ui.element("div").classes("s-choose"):
        choice("Settings", NAMES, here, on_change=lambda e: ui.navigate.to(f"/settings/{e.value}"))
