"""The sections of the configuration: their keys, defaults, units and limits.

What belongs here: what can be set, and what a value must be. What does not: how a single value is read and
refused (`settings_checks`), how a file is read (`settings_load`), what a rule means for a plan (the
planner). A key exists only if something uses it. What must change with it: `data/carillon.yaml`, which has
every key with a comment (a test compares the two). Import from `carillon.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from carillon import settings_checks as checks
from carillon.limits import FOLLOWUP_GRACE_DAYS
from carillon.settings_checks import Misfit, Misfits, decimal, one_of, whole

NO_MAIL = "0 would block all mail; use a whole number of emails from 1 to 1000 (2 is the default)"

Days = Annotated[int, whole(0, 364, "days")]
SomeDays = Annotated[int, whole(1, 364, "days")]
Rank = Annotated[int, whole(0, 99)]
Flag = Annotated[bool, BeforeValidator(checks.truth)]
Text = Annotated[str, BeforeValidator(checks.text)]
Share = Annotated[Decimal, decimal("0", "1", "a share above 0 and up to 1, like 0.07 for 7 %")]
Factor = Annotated[Decimal, decimal("1", "100", "a factor from 1 to 100, like 1.2")]
MailCount = Annotated[int, whole(1, 1000, "emails", refused={0: NO_MAIL})]
State = Annotated[str, BeforeValidator(checks.state)]
Day = Annotated[date, BeforeValidator(checks.day)]
Weekday = Annotated[str, BeforeValidator(checks.weekday)]
Year = Annotated[int, whole(2000, 2120)]
Age = Annotated[int, whole(1, 120, "years")]
States = Annotated[tuple[State, ...], AfterValidator(lambda found: tuple(sorted(set(found))))]

Name = Annotated[str, BeforeValidator(checks.identifier)]

LONGEST_WINDOW = 364
"""Days before + after + extension of a window; what is longer is a year-round exclusion."""


class Section(BaseModel):
    """What all sections have in common: nothing changes after loading, nothing unknown is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Workspace(Section):
    """The workspace as a whole."""

    name: Text = "My workspace"
    """What people call it."""
    timezone: Annotated[str, BeforeValidator(checks.zone)] = "America/Chicago"
    """IANA time zone of all dates."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Database(Section):
    """Where contacts and the plan are kept."""

    # Not in the model's repr: the URL may hold a password.
    url: Annotated[str, BeforeValidator(checks.database_url)] = Field(
        default="sqlite:///carillon.db", repr=False
    )
    """SQLite (the path is relative to the workspace folder) or PostgreSQL."""


class TimingConstants(Section):
    """When mail goes, relative to its event."""

    send_time: Annotated[time, BeforeValidator(checks.time_of_day)] = time(8, 30)
    """Time of day, in the workspace's time zone."""
    birthday_email_days_before: Days = 14
    """Days from the birthday email to the birthday."""
    effective_date_days_before: Days = 30
    """Days from the effective-date email to the anniversary."""
    pre_window_exclusion_days: Days = 60
    """Days by which every window begins earlier than its state's rule says."""
    followup_days_after: Annotated[int, whole(1, 30, "days")] = 2
    """Days from an email to its follow-up."""
    # Always checked: with its default it may still be too short for the key above.
    followup_lookback_days: SomeDays = Field(default=35, validate_default=True)
    """Days after its sending during which an email may still get its follow-up."""
    blackout_dates: Annotated[tuple[Day, ...], AfterValidator(lambda found: tuple(sorted(set(found))))] = ()
    """Dates on which planner mail never goes, ascending."""
    blackout_weekdays: tuple[Weekday, ...] = ()
    """Weekdays on which planner mail never goes: English names in lower case, Monday first."""

    @field_validator("followup_lookback_days", mode="after")
    @classmethod
    def _forget_nothing(cls, days: int, info: ValidationInfo) -> int:
        after = info.data.get("followup_days_after")
        least = (after or 0) + FOLLOWUP_GRACE_DAYS
        if after is not None and days < least:
            text = (
                f"{days} is less than followup_days_after ({after}) and {FOLLOWUP_GRACE_DAYS} days, so that "
                f"follow-ups which may still go would be forgotten; use at least {least}"
            )
            raise Misfits([Misfit((), text, ("timing_constants", "followup_days_after"))])
        return days

    @field_validator("blackout_weekdays", mode="after")
    @classmethod
    def _leave_a_day(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) == len(checks.WEEKDAYS):
            raise ValueError("all seven weekdays are named, so no mail could ever go; leave at least one out")
        return tuple(name for name in checks.WEEKDAYS if name in names)


class MonthDay(Section):
    """A day of every year, written "09-15" or {month: 9, day: 15}.

    29 February is meant as 28 February in other years.
    """

    month: Annotated[int, whole(1, 12)]
    day: Annotated[int, whole(1, 31)]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        month, dash, day = value.strip().partition("-")
        if not (dash and 0 < len(month) < 3 and 0 < len(day) < 3 and (month + day).isdecimal()):
            raise ValueError(
                f'{checks.shown(value)} is not a day of the year; write month and day like "09-15"'
            )
        return {"month": month, "day": day}

    @model_validator(mode="after")
    def _exists(self) -> MonthDay:
        try:
            date(2024, self.month, self.day)
        except ValueError:
            raise ValueError(f"month {self.month} has no day {self.day}") from None
        return self


class AepConfig(Section):
    """The annual enrollment period."""

    default_dates: Annotated[
        tuple[MonthDay, ...],
        AfterValidator(lambda found: tuple(sorted(set(found), key=lambda one: (one.month, one.day)))),
    ] = (MonthDay(month=9, day=15),)
    """The days of the year on which AEP mail is due, ascending; none means no AEP mail."""
    years: Annotated[tuple[Year, ...], AfterValidator(lambda found: tuple(sorted(set(found))))] = ()
    """The years in which it goes, ascending; empty means every year."""

    @property
    def month_days(self) -> tuple[tuple[int, int], ...]:
        """`default_dates` as (month, day)."""
        return tuple((one.month, one.day) for one in self.default_dates)


class Priorities(Section):
    """Who goes first where not all can go: the lower number, 0 to 99."""

    birthday: Rank = 5
    effective_date: Rank = 5
    aep: Rank = 3
    post_window: Rank = 8


class LoadBalancing(Section):
    """How much mail a day carries and a contact gets. Shares are exact decimals: 0.07 is 7/100."""

    daily_send_percentage_cap: Share = Decimal("0.07")
    """Share of the eligible contacts that may be written to on one day."""
    ed_daily_soft_limit: Annotated[int, whole(1, 1_000_000_000, "emails")] = 15
    """Effective-date emails a day above which that day's are spread."""
    ed_soft_limit_percentage: Share = Decimal("0.3")
    """The same limit as a share of the daily cap; the lower of the two holds."""
    ed_smoothing_window_days: Annotated[int, whole(1, 61, "days", odd=True)] = 5
    """Days over which they are spread, the ideal day in the middle: odd."""
    overage_threshold: Factor = Decimal("1.2")
    """A day above this many times the cap is brought back to the cap."""
    catch_up_spread_days: SomeDays = 7
    """Days over which overdue mail is spread, from tomorrow on."""
    max_shift_days: Days = 45
    """Days an email without a later event of its own may go after its ideal day."""
    max_emails_per_contact_per_period: MailCount = 2
    """Emails one contact may get in any `period_days` consecutive days."""
    period_days: SomeDays = 14
    """Length of that period, in days."""


class Window(Section):
    """Days around a contact's anchor on which nothing is sent; the effective-date kind as it is."""

    window_before_days: Days
    """Days before the anchor that belong to it."""
    window_after_days: Days
    """Days after the anchor that belong to it."""
    pre_window_extension_days: Days | None = None
    """Days it begins earlier; None: `timing_constants.pre_window_exclusion_days`."""
    use_month_start: Flag = False
    """The anchor is the first day of the month in which the date lies."""

    def too_long(self, extension: int) -> str:
        """Why a window with this extension (days) cannot be, or nothing."""
        days = self.window_before_days + self.window_after_days + extension
        if days <= LONGEST_WINDOW:
            return ""
        return (
            f"the window is {days} days long ({self.window_before_days} before + {self.window_after_days}"
            f" after + {extension} of extension) and at most {LONGEST_WINDOW} are possible; make it shorter,"
            " or list the state in state_rules.year_round_exclusion to exclude the whole year"
        )

    @model_validator(mode="after")
    def _fits_a_year(self) -> Window:
        if problem := self.too_long(self.pre_window_extension_days or 0):
            raise ValueError(problem)
        return self


def _window(before: int, after: int, month_start: bool = False) -> Window:
    return Window(window_before_days=before, window_after_days=after, use_month_start=month_start)


class StateRules(Section):
    """On which days the law of a contact's state forbids mail. States are postal codes in capitals."""

    year_round_exclusion: States = ("CT", "MA", "NY", "WA")
    """States whose contacts get no mail that respects windows, sorted."""
    birthday_windows: Mapping[State, Window] = Field(
        default_factory=lambda: {
            "CA": _window(30, 60),
            "ID": _window(0, 63),
            "KY": _window(0, 60),
            "MD": _window(0, 30),
            "NV": _window(0, 60, month_start=True),
            "OK": _window(0, 60),
            "OR": _window(0, 31),
            "VA": _window(0, 30),
        }
    )
    """State -> window around the birthday, in days."""
    effective_date_windows: Mapping[State, Window] = Field(
        default_factory=lambda: {"MO": Window(window_before_days=30, window_after_days=33)}
    )
    """State -> window around the anniversary of the effective date, in days."""
    age_exclusion: Mapping[State, Age] = Field(default_factory=dict)
    """State -> age in years from which on its contacts get no such mail."""
    unknown_anchor: Annotated[Literal["plan", "exclude"], one_of("plan", "exclude")] = "plan"
    """What becomes of a contact whose state has a window but whose date for it is unknown."""


class BirthdayTemplates(Section):
    """Names of the birthday templates."""

    email: Text = "birthday_standard_v1"
    sms: Text | None = "birthday_sms_v1"


class EffectiveDateTemplates(Section):
    """Names of the effective-date templates."""

    email: Text = "effective_date_standard_v1"
    sms: Text | None = "effective_date_sms_v1"


class AepTemplates(Section):
    """Names of the AEP templates."""

    email: Text = "aep_standard_v1"
    sms: Text | None = None


class PostWindowTemplates(Section):
    """Names of the post-window templates."""

    email: Text = "post_window_catchup_v1"
    sms: Text | None = None


class ColdTemplates(Section):
    """Names of the templates of a follow-up where nothing came back."""

    email: Text = "followup_cold_v1"
    sms: Text | None = "followup_cold_sms_v1"


class ClickedTemplates(Section):
    """Names of the templates of a follow-up after a click."""

    email: Text = "followup_clicked_v1"
    sms: Text | None = None


class HealthyTemplates(Section):
    """Names of the templates of a follow-up after health answers without conditions."""

    email: Text = "followup_healthy_v1"
    sms: Text | None = None


class ConditionsTemplates(Section):
    """Names of the templates of a follow-up after health answers with conditions."""

    email: Text = "followup_conditions_v1"
    sms: Text | None = None


class EmailTemplates(Section):
    """Template names per email type; None: that type has no SMS."""

    birthday: BirthdayTemplates = BirthdayTemplates()
    effective_date: EffectiveDateTemplates = EffectiveDateTemplates()
    aep: AepTemplates = AepTemplates()
    post_window: PostWindowTemplates = PostWindowTemplates()
    followup_1_cold: ColdTemplates = ColdTemplates()
    followup_2_clicked_no_hq: ClickedTemplates = ClickedTemplates()
    followup_3_hq_no_yes: HealthyTemplates = HealthyTemplates()
    followup_4_hq_with_yes: ConditionsTemplates = ConditionsTemplates()


class CampaignType(Section):
    """What the campaigns of one type have in common; an instance's metadata may override each field."""

    respect_exclusion_windows: Flag = True
    """Whether its emails keep out of exclusion windows."""
    enable_followups: Flag = True
    """Whether its emails get follow-ups."""
    days_before_event: Annotated[int, whole(-364, 364, "days")] = 0
    """Days from the email to its event; negative: after it."""
    target_all_contacts: Flag = False
    """Whether it goes to everyone rather than to named targets."""
    priority: Rank = 10
    """Who goes first where not all can go: the lower number."""
    active: Flag = True
    """Whether its campaigns send at all."""


class Features(Section):
    """What can be switched off as a whole."""

    campaigns: Flag = True
    """Plan campaign emails."""
    followups: Flag = True
    """Plan follow-ups."""
    load_balancing: Flag = True
    """Smooth effective-date emails and keep to the daily cap."""
    sms: Flag = True
    """Let SMS templates go along."""
    ab_testing: Flag = False
    """Choose among the variants of a template by their weights."""


class Processing(Section):
    """How work is cut up and tried again."""

    batch_size: Annotated[int, whole(100, 1_000_000, "contacts")] = 10_000
    """Contacts read or rows written at a time."""
    max_retry_attempts: Annotated[int, whole(0, 100)] = 3
    """How often a failed step on the database is tried again."""
    retry_delay: Annotated[int, whole(0, 3600, "seconds")] = 5
    """Seconds between two tries."""


class Audit(Section):
    """Backups of the database before it is changed."""

    backups: Flag = True
    """Whether they are made."""
    backup_retention_days: Annotated[int, whole(1, 3650, "days")] = 7
    """Days a backup is kept."""
    backup_folder: Text = "backups"
    """Where they go, relative to the workspace folder."""
    backup_max_megabytes: Annotated[int, whole(1, 1_000_000_000, "megabytes")] = 20_480
    """Megabytes all backups together may take: the oldest go first, the newest always stays."""
