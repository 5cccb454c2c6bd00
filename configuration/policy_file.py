"""Policies as YAML files: how trials run and how failed payments are recovered."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from configuration.validation import Faults, Strict, check, shown
from configuration.yaml_source import read
from domain.access import Access, Basis
from domain.errors import Malformed
from domain.subscription.contact_hours import CLOSING_MARGIN
from domain.subscription.policy import (
    DEFAULT_POLICY,
    ChangeAt,
    LadderStep,
    Policy,
    Reaction,
    SelfCancel,
    SelfService,
    TrialEnd,
    TrialMark,
    TrialPolicy,
    validate_ladder,
)

MAX_DAYS = 366
_DEFAULT = DEFAULT_POLICY


def _is_hour(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f"must be a time of day like 09:00, not {text!r}")
    return text


def _is_delay(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9]{1,4}[hd]", text) or _offset(text) > timedelta(days=MAX_DAYS):
        wanted = f"hours or days after the first decline, at most {MAX_DAYS}d, like 12h or 3d"
        raise ValueError(f"must be {wanted}, not {shown(value)}")
    return text


def _delay(text: str) -> tuple[int, int]:
    """Whole days, and the hours on top of them."""
    number = int(text[:-1])
    return (number, 0) if text.endswith("d") else divmod(number, 24)


def _offset(text: str) -> timedelta:
    days, hours = _delay(text)
    return timedelta(days=days, hours=hours)


def _each_once(days: list[int]) -> list[int]:
    twice = [number for number, day in enumerate(days) if day in days[:number]]
    if twice:
        raise Faults(((number,), f"day {days[number]} is listed twice") for number in twice)
    return sorted(days, reverse=True)


def _leaves_time(latest: str, info: ValidationInfo) -> str:
    earliest = info.data.get("earliest")
    if earliest is not None and _time(latest) - _time(earliest) <= CLOSING_MARGIN:
        minutes = CLOSING_MARGIN // timedelta(minutes=1)
        raise ValueError(f"must be more than {minutes} minutes after the earliest hour, {earliest}")
    return latest


def _as_text(version: object) -> object:
    return str(version) if isinstance(version, int) and not isinstance(version, bool) else version


_Hour = Annotated[str, AfterValidator(_is_hour)]
_Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]
_Hours = Annotated[int, Field(ge=1, le=24 * 7)]


class _TrialEntry(Strict):
    days: Annotated[int, Field(ge=1, le=90)] = _DEFAULT.trial.days
    reminders: list[_Days] = Field(default_factory=lambda: list(_DEFAULT.trial.reminders))
    earliest: _Hour = _DEFAULT.trial.earliest
    latest: _Hour = Field(default=_DEFAULT.trial.latest, validate_default=True)
    without_card: Annotated[TrialEnd, Field(strict=False)] = _DEFAULT.trial.without_card
    cancel_after_days: _Days = _DEFAULT.trial.cancel_after_days
    reopen_days: _Days = _DEFAULT.trial.reopen_days
    one_per: list[Annotated[TrialMark, Field(strict=False)]] = Field(
        default_factory=lambda: list(_DEFAULT.trial.one_per)
    )

    _each_once = field_validator("reminders")(_each_once)

    @field_validator("one_per")
    @classmethod
    def _each_mark_once(cls, marks: list[TrialMark]) -> list[TrialMark]:
        twice = [number for number, mark in enumerate(marks) if mark in marks[:number]]
        if twice:
            raise Faults(((number,), f"{marks[number].value!r} is listed twice") for number in twice)
        return [mark for mark in TrialMark if mark in marks]

    _leaves_time = field_validator("latest")(_leaves_time)


class _StepEntry(Strict):
    day: Annotated[int, Field(ge=0, le=MAX_DAYS)] | None = None
    after: Annotated[str, BeforeValidator(_is_delay)] | None = None
    """Alternative to `day`: "12h" or "3d"."""
    retry: bool = False
    mail: bool = False
    access: Annotated[Access, Field(strict=False)] | None = None
    suspend: bool = False
    cancel: bool = False

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.day is None and self.after is None:
            raise ValueError("has no time: add `day: 3` or `after: 12h`")
        if self.day is not None and self.after is not None:
            raise ValueError("has two times: remove either day or after")
        return self

    def step(self) -> LadderStep:
        days, hours = (self.day, 0) if self.after is None else _delay(self.after)
        return LadderStep(days or 0, self.retry, self.mail, self.access, self.suspend, self.cancel, hours)


class _HoursEntry(Strict):
    earliest: _Hour = _DEFAULT.retry_earliest
    latest: _Hour = Field(default=_DEFAULT.retry_latest, validate_default=True)

    _leaves_time = field_validator("latest")(_leaves_time)


class _NoticesEntry(Strict):
    card_expiring: list[_Days] = Field(default_factory=lambda: list(_DEFAULT.card_expiring))
    renewal_ahead: list[_Days] = Field(default_factory=lambda: list(_DEFAULT.renewal_ahead))

    _each_once = field_validator("card_expiring", "renewal_ahead")(_each_once)


class _ChangesEntry(Strict):
    upgrade: Annotated[ChangeAt, Field(strict=False)] = _DEFAULT.upgrade
    downgrade: Annotated[ChangeAt, Field(strict=False)] = _DEFAULT.downgrade


class _ReversalsEntry(Strict):
    disputed_access: Annotated[Access, Field(strict=False)] = _DEFAULT.disputed_access
    dispute_lost: Annotated[Reaction, Field(strict=False)] = _DEFAULT.dispute_lost
    fully_refunded: Annotated[Reaction, Field(strict=False)] = _DEFAULT.fully_refunded


class _EntitlementsEntry(Strict):
    limited: Annotated[Basis, Field(strict=False)] = _DEFAULT.limited
    suspended: Annotated[Basis, Field(strict=False)] = _DEFAULT.suspended


class _SelfServiceEntry(Strict):
    change: bool = _DEFAULT.self_service.change
    pause: bool = _DEFAULT.self_service.pause
    pause_longest_days: _Days = _DEFAULT.self_service.pause_longest_days
    cancel: Annotated[SelfCancel, Field(strict=False)] = _DEFAULT.self_service.cancel
    switch_to: list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] | None = None

    @field_validator("switch_to")
    @classmethod
    def _each_plan_once(cls, plans: list[str] | None) -> list[str] | None:
        known = plans or []
        twice = [number for number, plan in enumerate(known) if plan in known[:number]]
        if twice:
            raise Faults(((number,), f"{known[number]!r} is listed twice") for number in twice)
        return plans

    def rules(self) -> SelfService:
        plans = None if self.switch_to is None else tuple(self.switch_to)
        return SelfService(self.change, self.pause, self.pause_longest_days, self.cancel, plans)


class _PolicyEntry(Strict):
    version: Annotated[str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=60)]
    trial: _TrialEntry = Field(default_factory=_TrialEntry)
    recovery: list[_StepEntry] | None = None
    retries: _HoursEntry = Field(default_factory=_HoursEntry)
    notices: _NoticesEntry = Field(default_factory=_NoticesEntry)
    changes: _ChangesEntry = Field(default_factory=_ChangesEntry)
    reversals: _ReversalsEntry = Field(default_factory=_ReversalsEntry)
    entitlements: _EntitlementsEntry = Field(default_factory=_EntitlementsEntry)
    self_service: _SelfServiceEntry = Field(default_factory=_SelfServiceEntry)
    paused_counts: bool = _DEFAULT.paused_counts
    refund_limit: Annotated[int, Field(ge=0)] = _DEFAULT.refund_limit
    ask_after_hours: _Hours = _DEFAULT.ask_after_hours
    ask_every_hours: _Hours = _DEFAULT.ask_every_hours

    @field_validator("recovery")
    @classmethod
    def _is_a_ladder(cls, entries: list[_StepEntry] | None) -> list[_StepEntry] | None:
        if entries is None:
            return None
        steps = tuple(entry.step() for entry in entries)
        idle = [number for number, step in enumerate(steps) if step == LadderStep(step.day, hours=step.hours)]
        if idle:
            raise Faults(((number,), "does nothing: add retry, mail, access, suspend or cancel") for number in idle)
        try:
            validate_ladder(steps)
        except Malformed as error:
            inner = tuple(int(part) for part in error.field.split(".")[1:] if entries)
            raise Faults([(inner, error.message)]) from None
        return entries


def load_policy(path: Path) -> Policy:
    """Read a policy; keys that are left out take the values of the default policy.

    Raises:
        ConfigurationError: the file is invalid; the message has one line per error.
    """
    entry = check(read(path), _PolicyEntry)
    trial = entry.trial
    policy = Policy(
        entry.version,
        TrialPolicy(
            days=trial.days,
            reminders=tuple(trial.reminders),
            earliest=trial.earliest,
            latest=trial.latest,
            without_card=trial.without_card,
            cancel_after_days=trial.cancel_after_days,
            reopen_days=trial.reopen_days,
            one_per=tuple(trial.one_per),
        ),
        ask_after_hours=entry.ask_after_hours,
        ask_every_hours=entry.ask_every_hours,
        retry_earliest=entry.retries.earliest,
        retry_latest=entry.retries.latest,
        card_expiring=tuple(entry.notices.card_expiring),
        renewal_ahead=tuple(entry.notices.renewal_ahead),
        upgrade=entry.changes.upgrade,
        downgrade=entry.changes.downgrade,
        disputed_access=entry.reversals.disputed_access,
        dispute_lost=entry.reversals.dispute_lost,
        fully_refunded=entry.reversals.fully_refunded,
        limited=entry.entitlements.limited,
        suspended=entry.entitlements.suspended,
        paused_counts=entry.paused_counts,
        refund_limit=entry.refund_limit,
        self_service=entry.self_service.rules(),
    )
    return replace(policy, recovery=tuple(one.step() for one in entry.recovery)) if entry.recovery else policy


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - only differences matter
