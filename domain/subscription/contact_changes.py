"""Who customers are, as it changes: what was changed, who must be told, and what the provider says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from unicodedata import category

from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.reminders import Reminder
from domain.subscription.state import Notice, Recovery, Subscription

CHANGEABLE = ("email", "name", "timezone", "locale", "metadata")
CARRIED = frozenset({"email", "name", "locale"})
"""What the provider keeps of a customer too."""
LONGEST_NAME = 200
UNUSABLE_ADDRESS = "unusable_address"
"""The provider was given an address for the customer that no mail could be sent to."""


@dataclass(frozen=True)
class Untold:
    """A change of which the customer's subscription is to be told. Names what has changed, never to what."""

    id: str
    fields: tuple[str, ...]
    cause: Cause
    subscription: str
    """The live one; empty: there is none."""


@dataclass(frozen=True)
class Uncarried:
    """What the provider is to be told of a customer. Never put this into a workflow's history."""

    id: str
    customer_ref: str
    email: str
    name: str | None
    locale: str


@dataclass(frozen=True)
class KnownContact:
    """Who a customer is here, in what the provider may tell us too. Never put this into a workflow's history."""

    customer_ref: str
    """Empty: they are not known there."""
    email: str
    name: str | None
    is_changing: bool
    """Whether a change of ours is on its way: what the provider says is older."""


@dataclass(frozen=True)
class Trouble:
    """What an operator must see to about a customer. Names no address."""

    customer: str
    tenant: str
    subscription: str
    customer_ref: str
    code: str
    """`unusable_address`, or that with which the provider refused to be told."""


class ContactChanges(Protocol):
    """The changes of customers that somebody is still to be told of."""

    async def untold(self, customer: str) -> Sequence[Untold]:
        """Those of which the subscription was not told yet, oldest first."""
        ...

    async def mark_told(self, change: str) -> None: ...

    async def uncarried(self, customer: str) -> Uncarried | None:
        """The newest that the provider is to be told; None: it knows all, or does not know the customer."""
        ...

    async def mark_carried(self, customer: str, change: str) -> None:
        """Note that the provider knows this change and all before it."""
        ...

    async def mark_refused(self, change: str, code: str) -> None:
        """Note that the provider refused to be told; it is tried again in an hour."""
        ...

    async def known(self, customer: str) -> KnownContact | None: ...

    async def take_over(
        self, customer: str, was: KnownContact, found: KnownContact, cause: Cause, trouble: str
    ) -> None:
        """Have the customer be as the provider says, unless they were changed since they were *was*."""
        ...


def fit_name(name: str | None) -> str | None:
    """A name of the provider's as we keep them; None: it has none that fits on one line."""
    kept = (name or "").strip()
    is_fit = 0 < len(kept) <= LONGEST_NAME and all(category(letter) not in ("Cc", "Cs", "Zl", "Zp") for letter in kept)
    return kept if is_fit else None


def reminders_moved(had: Sequence[Reminder], anchored: Sequence[Reminder]) -> tuple[Reminder, ...]:
    """The reminders that were not sent yet, as *anchored* in another zone; where that is past, as it was."""
    moved = {each.days: each for each in anchored}
    return tuple(sorted((moved.get(each.days, each) for each in had), key=lambda each: each.at))


def notices_moved(had: Sequence[Notice], anchored: Sequence[Notice]) -> tuple[Notice, ...]:
    """As `reminders_moved`, for the notices before a renewal."""
    moved = {(each.kind, each.days): each for each in anchored}
    kept = (moved.get((each.kind, each.days), each) for each in had)
    return tuple(sorted(kept, key=lambda each: (each.at, each.kind)))


def rungs_moved(recovery: Recovery, anchored: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """The steps of a recovery that are still ahead as *anchored* in another zone; where that is past, as it was.

    Each stays after the one before. Those that were taken stay where they were.
    """
    had = recovery.rungs
    if len(anchored) != len(had):
        return had  # the policy knows no decent hours any more
    moved = list(had[: recovery.step])
    for was, at in zip(had[recovery.step :], anchored[recovery.step :], strict=True):
        last = moved[-1] if moved else now
        moved.append(next((each for each in (at, was) if each > max(now, last)), max(was, at)))
    return tuple(moved)


def customer_changed(
    subscription: Subscription,
    fields: Sequence[str],
    reminders: tuple[Reminder, ...],
    notices: tuple[Notice, ...],
    rungs: tuple[datetime, ...],
    now: datetime,
    cause: Cause,
) -> Step:
    """Who the customer is has changed; what is due by their own day moves with it."""
    recovery = subscription.recovery
    if recovery is not None and rungs:
        recovery = replace(recovery, rungs=rungs)
    after = replace(subscription.after(Event.NOTED), reminders=reminders, notices=notices, recovery=recovery)
    words = ", ".join("address" if name == "email" else name for name in fields)
    entry = Entry("customer_changed", now, f"The customer was changed: {words}", cause, {"fields": ",".join(fields)})
    return Step(after, (entry,))
