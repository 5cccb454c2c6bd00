"""The lines of a life: what the journal, the mailbox and watching tell, in one order and in plain words."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.money import Money, formatted

A_DAY = timedelta(days=1)
ROUNDING = timedelta(minutes=5)
"""A step that is due after whole days may happen a moment before or after them, and belongs to the day it was due."""

TOLD_BY_MAIL = frozenset({"trial_ending"})
"""Entries of the journal that say no more than the mail they come with."""

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|\+00:00)")
_PAID = {
    "converted": "first period",
    "renewed": "renewal",
    "recovered": "recovered",
    "paid_while_suspended": "while suspended",
    "plan_changed": "change of plan",
    "waived_bill_paid": "after it was written off",
}


class Kind(StrEnum):
    """What a line tells of."""

    STATUS = "status"
    CHARGE = "charge"
    MAIL = "mail"
    NOTE = "note"


@dataclass(frozen=True)
class Line:
    """One thing that happened; *day* counts whole days since the sign-up, *facts* are for programs."""

    at: datetime
    day: int
    kind: Kind
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """Where the subscription stood from a moment on."""

    at: datetime
    status: str
    access: str
    reason: str = ""


@dataclass(frozen=True)
class Records:
    """What is left of a life when it has been played, as the API and the mailbox show it."""

    started_at: datetime
    past: Sequence[Mapping[str, Any]]
    bills: Sequence[Mapping[str, Any]]
    mails: Sequence[Mapping[str, Any]]
    seen: Sequence[Seen]
    price: Money
    """What one period costs."""
    notes: Sequence[tuple[datetime, str]] = ()
    """What was tried and refused."""


def day_of(at: datetime, started_at: datetime) -> int:
    """The day of a life on which something happened; the first is 0."""
    return max((at - started_at + ROUNDING) // A_DAY, 0)


def lines(records: Records) -> tuple[Line, ...]:
    """All that happened, oldest first; a change of status stands behind what it came from."""
    told = [*_from_journal(records), *_from_notes(records), *_from_watching(records)]
    return tuple(sorted(told, key=lambda line: line.at))


def _from_journal(records: Records) -> Iterator[Line]:
    subjects = {mail["message_id"]: mail["subject"] for mail in records.mails}
    occasions = {mail["message_id"]: mail["headers"].get("X-Tenure-Occasion", "") for mail in records.mails}
    names = {bill["number"]: f"#{bill['number'].rpartition('-')[2].lstrip('0')}" for bill in records.bills}
    for entry in records.past:
        at, details = datetime.fromisoformat(entry["at"]), entry["details"]
        day = day_of(at, records.started_at)
        if entry["kind"].startswith("mail_"):
            mail = details.get("message_id")
            text = plain(subjects[mail], names) if mail in subjects else str(entry["summary"])
            yield Line(at, day, Kind.MAIL, text, {"occasion": occasions.get(mail, ""), "state": details["status"]})
        elif (charge := _charge(entry, records.price)) is not None:
            yield Line(at, day, Kind.CHARGE, *charge)
        elif entry["kind"] not in TOLD_BY_MAIL:
            yield Line(at, day, Kind.NOTE, plain(entry["summary"], names), {"entry": entry["kind"]})


def _charge(entry: Mapping[str, Any], price: Money) -> tuple[str, dict[str, Any]] | None:
    """Text and facts of an entry that tells of a try to take money."""
    details = entry["details"]
    if entry["kind"] in _PAID and _has_cost(entry):
        money = Money(int(details.get("amount", price.amount)), details.get("currency", price.currency))
        told = {"outcome": "paid", "amount": money.amount, "currency": money.currency}
        return f"{formatted(money)} paid: {_PAID[entry['kind']]}", told
    if code := details.get("decline_code"):
        tries = f", try {details['try']}" if "try" in details else ""
        told = {"outcome": "declined", "amount": price.amount, "currency": price.currency, "decline_code": code}
        return f"{formatted(price)} declined: {code}{tries}", told
    return None


def _has_cost(entry: Mapping[str, Any]) -> bool:
    """A change of plan may cost nothing now, or be credited."""
    return entry["kind"] != "plan_changed" or int(entry["details"].get("amount", 0)) > 0


def _from_notes(records: Records) -> Iterator[Line]:
    for at, text in records.notes:
        yield Line(at, day_of(at, records.started_at), Kind.NOTE, text, {"entry": "refused"})


def _from_watching(records: Records) -> Iterator[Line]:
    for seen in changes(records.seen):
        reason = f" ({seen.reason})" if seen.reason else ""
        facts = {"status": seen.status, "access": seen.access, "reason": seen.reason}
        day = day_of(seen.at, records.started_at)
        yield Line(seen.at, day, Kind.STATUS, f"{seen.status}, access {seen.access}{reason}", facts)


def changes(seen: Iterable[Seen]) -> Iterator[Seen]:
    """Those of *seen* that differ in status or access from the one before."""
    before = None
    for one in seen:
        if (one.status, one.access) != before:
            yield one
        before = (one.status, one.access)


def plain(text: str, names: Mapping[str, str]) -> str:
    """*text* with days instead of moments, and bills by their number in this life: the same in every run."""
    for number, name in names.items():
        text = text.replace(number, name)
    return _MOMENT.sub(r"\1", text)
