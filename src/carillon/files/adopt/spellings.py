"""What older schedulers call their columns: our name -> their names, the first that is there counts."""

from __future__ import annotations

from carillon.campaigns import TYPE_FIELDS

Asked = dict[str, tuple[str, ...]]

EMAILS: Asked = {
    "contact": ("contact_id",),
    "type": ("email_type",),
    "status": ("status",),
    "send": ("scheduled_send_date", "scheduled_date", "send_date"),
    "actual": ("actual_send_datetime", "sent_at"),
    "created": ("created_at",),
    "year": ("event_year",),
    "month": ("event_month",),
    "day": ("event_day",),
    "event": ("event_date",),
    "instance": ("campaign_instance_id",),
}
TYPES: Asked = {field: (field,) for field in ("name", *TYPE_FIELDS)}
INSTANCES: Asked = {
    "id": ("id",),
    "type": ("campaign_type", "campaign_type_name", "type"),
    "name": ("instance_name", "name"),
    "email_template": ("email_template",),
    "sms_template": ("sms_template",),
    "status": ("status",),
    "active": ("active", "is_active"),
    "start": ("active_start_date", "start_date"),
    "end": ("active_end_date", "end_date"),
    "metadata": ("metadata",),
    "created": ("created_at",),
}
TARGETS: Asked = {
    "contact": ("contact_id",),
    "instance": ("campaign_instance_id",),
    "day": ("trigger_date",),
    "status": ("status",),
    "metadata": ("metadata",),
    "created": ("created_at",),
}
EVENTS: Asked = {
    "email": ("email_id", "email_schedule_id", "schedule_id"),
    "contact": ("contact_id",),
    "type": ("event_type",),
    "moment": (
        "created_at", "event_timestamp", "event_time", "timestamp", "occurred_at", "clicked_at", "event_at",
    ),
    "data": ("event_data", "data", "metadata"),
    "url": ("url", "link_url", "link"),
    "ip": ("ip_address",),
    "agent": ("user_agent",),
}  # fmt: skip
SUPPRESSIONS: Asked = {"address": ("address", "email"), "reason": ("reason",)}
