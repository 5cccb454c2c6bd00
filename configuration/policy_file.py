"""Policies as YAML files: how trials run and how failed payments are recovered."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

from configuration.validation import Faults, Strict, check
from configuration.yaml_source import read
from domain.agenda import describe
from domain.errors import Malformed
from domain.policy import DEFAULT_POLICY, Access, LadderStep, Policy, TrialEnd, TrialMark, TrialPolicy, validate_ladder
from domain.reminders import CLOSING_MARGIN

MAX_DAYS = 366
_DEFAULT = DEFAULT_POLICY
_MARKS = {TrialMark.CUSTOMER: "customer", TrialMark.EMAIL: "mail address", TrialMark.CARD: "card"}


def _is_hour(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f"must be a time of the day, written as 09:00, not {text!r}")
    return text


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

    @field_validator("reminders")
    @classmethod
    def _each_once(cls, reminders: list[int]) -> list[int]:
        twice = [number for number, days in enumerate(reminders) if days in reminders[:number]]
        if twice:
            raise Faults(((number,), f"day {reminders[number]} stands here twice") for number in twice)
        return sorted(reminders, reverse=True)

    @field_validator("one_per")
    @classmethod
    def _each_mark_once(cls, marks: list[TrialMark]) -> list[TrialMark]:
        twice = [number for number, mark in enumerate(marks) if mark in marks[:number]]
        if twice:
            raise Faults(((number,), f"{marks[number].value!r} stands here twice") for number in twice)
        return [mark for mark in TrialMark if mark in marks]

    @field_validator("latest")
    @classmethod
    def _leaves_time(cls, latest: str, info: ValidationInfo) -> str:
        earliest = info.data.get("earliest")
        if earliest is not None and _time(latest) - _time(earliest) <= CLOSING_MARGIN:
            minutes = CLOSING_MARGIN // timedelta(minutes=1)
            raise ValueError(f"must be more than {minutes} minutes after the earliest hour, {earliest}")
        return latest


class _StepEntry(Strict):
    day: Annotated[int, Field(ge=0, le=MAX_DAYS)]
    retry: bool = False
    mail: bool = False
    access: Annotated[Access, Field(strict=False)] | None = None
    suspend: bool = False
    cancel: bool = False

    def step(self) -> LadderStep:
        return LadderStep(self.day, self.retry, self.mail, self.access, self.suspend, self.cancel)


class _PolicyEntry(Strict):
    version: Annotated[str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=60)]
    trial: _TrialEntry = Field(default_factory=_TrialEntry)
    recovery: list[_StepEntry] | None = None
    ask_after_hours: _Hours = _DEFAULT.ask_after_hours
    ask_every_hours: _Hours = _DEFAULT.ask_every_hours

    @field_validator("recovery")
    @classmethod
    def _is_a_ladder(cls, entries: list[_StepEntry] | None) -> list[_StepEntry] | None:
        if entries is None:
            return None
        steps = tuple(entry.step() for entry in entries)
        idle = [number for number, step in enumerate(steps) if step == LadderStep(step.day)]
        if idle:
            raise Faults(((number,), "does nothing: say retry, mail, access, suspend or cancel") for number in idle)
        try:
            validate_ladder(steps)
        except Malformed as error:
            inner = tuple(int(part) for part in error.field.split(".")[1:] if entries)
            raise Faults([(inner, error.message)]) from None
        return entries


def load_policy(path: Path) -> Policy:
    """Read a policy; what the file leaves out is as in the default policy.

    Raises:
        ConfigurationError: the file cannot be used; the message has a line for each thing to mend.
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
    )
    return replace(policy, recovery=tuple(one.step() for one in entry.recovery)) if entry.recovery else policy


def check_policy(path: Path) -> str:
    """Read a policy and tell people what it says.

    Raises:
        ConfigurationError: the file cannot be used.
    """
    return "\n".join(_summary(load_policy(path)))


def _summary(policy: Policy) -> Iterator[str]:
    yield f"Policy {policy.version!r}"
    yield from _trial_summary(policy.trial)
    yield "Recovery of a failed payment, in days after the first decline"
    for step in policy.recovery:
        yield f"  day {step.day}: {describe(step)}"
    yield (
        f"The payment provider is asked {_count(policy.ask_after_hours, 'hour')} after a period's end if it has not "
        f"reported, then every {_count(policy.ask_every_hours, 'hour')}"
    )


def _trial_summary(trial: TrialPolicy) -> Iterator[str]:
    yield f"Trial of {_count(trial.days, 'day')}, where the plan does not say otherwise"
    window = f"between {trial.earliest} and {trial.latest} customer time"
    for days in trial.reminders:
        yield f"  reminder {_count(days, 'day')} before its end, {window}"
    if not trial.reminders:
        yield "  no reminders"
    if trial.without_card is TrialEnd.CANCEL:
        yield "  at its end without a card: canceled"
    else:
        yield f"  at its end without a card: suspended, canceled {_count(trial.cancel_after_days, 'day')} later"
    yield f"  an operator's reactivation opens it again for {_count(trial.reopen_days, 'day')}"
    for mark in trial.one_per:
        yield f"  one per {_MARKS[mark]}, unless an operator allows another"
    if not trial.one_per:
        yield "  anew whenever a customer signs up again"


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - only differences are looked at


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"
