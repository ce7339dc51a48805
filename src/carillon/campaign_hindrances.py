"""What keeps a campaign's emails from leaving: told when it is changed, and wherever it is looked at.

Pure: a campaign, the settings and a day.
"""

from __future__ import annotations

from datetime import date

from carillon.campaigns import Campaign, Outlook, outlook, usual_trigger
from carillon.settings import Settings
from carillon.words import InstanceStatus


def hindrances(
    settings: Settings,
    campaign: Campaign,
    today: date,
    since: date | None = None,
    resume: str = "it is resumed",
) -> list[str]:
    """A sentence each. `since`: the day from which the campaign is as it is now; None: since it was made.

    `resume`: how a paused campaign is let go on, in the words of the face that tells it.
    """
    instance = campaign.instance
    found = []
    if not settings.features.campaigns:
        found.append("features.campaigns is off in carillon.yaml: no campaign is planned.")
    if instance.status == InstanceStatus.PAUSED:
        found.append(f"It is paused: its emails are skipped until {resume}.")
    elif instance.status == InstanceStatus.ARCHIVED:
        found.append("It is archived: nothing is planned for it.")
    elif not campaign.active:
        found.append(f"Its type {instance.campaign_type} is not active: its emails are skipped.")
    if instance.end is not None and instance.end < today:
        found.append(f"Its end date {instance.end} is past: no email of it leaves any more.")
    elif instance.start is not None and (whom := _missed(settings, campaign, today, since)):
        found.append(f"Its start date {instance.start} is too long past to catch up: {whom} are missed.")
    return found


def _missed(settings: Settings, campaign: Campaign, today: date, since: date | None) -> str:
    """Whom a start date in the past leaves out, if anybody."""
    created = campaign.instance.created
    if since is None and created is not None and campaign.target_all_contacts:
        since = created.astimezone(settings.workspace.zone).date()
    shift = settings.load_balancing.max_shift_days
    if outlook(campaign, usual_trigger(campaign, today), since or today, shift) is not Outlook.MISSED:
        return ""
    if campaign.target_all_contacts:
        return "all contacts that were there by then"
    return "targets added without a trigger date of their own"
