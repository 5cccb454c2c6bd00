"""Changes of customers' contact data: what has changed, who must be notified, and what the provider has."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from unicodedata import category

from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.reminders import Reminder
from domain.subscription.state import Notice, Recovery, Subscription

CHANGEABLE = ("email", "name", "timezone", "locale", "metadata")
PROVIDER_FIELDS = frozenset({"email", "name", "locale"})
"""Fields that the provider stores as well."""
LONGEST_NAME = 200
UNUSABLE_ADDRESS = "unusable_address"
"""The provider has an address for the customer that cannot receive mail."""


@dataclass(frozen=True)
class SubscriptionNotification:
    """A change that the customer's subscription must be notified of. Names the fields, never their values."""

    id: str
    fields: tuple[str, ...]
    cause: Cause
    subscription: str
    """The live one; empty: there is none."""


@dataclass(frozen=True)
class ProviderUpdate:
    """A change that must be sent to the provider. Never put this into a workflow's history."""

    id: str
    customer_ref: str
    email: str
    name: str | None
    locale: str


@dataclass(frozen=True)
class KnownContact:
    """A customer's contact data here, as far as the provider has it too. Never put this into a workflow's history."""

    customer_ref: str
    """Empty: the provider does not know them."""
    email: str
    name: str | None
    is_changing: bool
    """Whether a change is being sent to the provider, whose data is then outdated."""


@dataclass(frozen=True)
class CustomerProblem:
    """A problem with a customer that needs an operator. Contains no address."""

    customer: str
    tenant: str
    subscription: str
    customer_ref: str
    code: str
    """`unusable_address`, or the code of the provider's refusal."""


def fit_name(name: str | None) -> str | None:
    """Returns the provider's name for a customer as we store it; None: none that fits on one line."""
    kept = (name or "").strip()
    is_fit = 0 < len(kept) <= LONGEST_NAME and all(category(letter) not in ("Cc", "Cs", "Zl", "Zp") for letter in kept)
    return kept if is_fit else None


def reminders_moved(had: Sequence[Reminder], anchored: Sequence[Reminder]) -> tuple[Reminder, ...]:
    """Returns the unsent reminders as *anchored* in the new time zone; unchanged where that is in the past."""
    moved = {each.days: each for each in anchored}
    return tuple(sorted((moved.get(each.days, each) for each in had), key=lambda each: each.at))


def notices_moved(had: Sequence[Notice], anchored: Sequence[Notice]) -> tuple[Notice, ...]:
    """Like `reminders_moved`, for the notices before a renewal."""
    moved = {(each.kind, each.days): each for each in anchored}
    kept = (moved.get((each.kind, each.days), each) for each in had)
    return tuple(sorted(kept, key=lambda each: (each.at, each.kind)))


def rungs_moved(recovery: Recovery, anchored: Sequence[datetime], now: datetime) -> tuple[datetime, ...]:
    """Returns the upcoming steps of a recovery as *anchored* in the new time zone; unchanged where that is past.

    Each stays after the previous one. Steps already taken do not move.
    """
    had = recovery.rungs
    if len(anchored) != len(had):
        return had  # the policy no longer has contact hours
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
    """The customer's contact data changed; what is due in their time zone moves along."""
    recovery = subscription.recovery
    if recovery is not None and rungs:
        recovery = replace(recovery, rungs=rungs)
    after = replace(subscription.after(Event.NOTED), reminders=reminders, notices=notices, recovery=recovery)
    words = ", ".join("address" if name == "email" else name for name in fields)
    entry = Entry("customer_changed", now, f"The customer was changed: {words}", cause, {"fields": ",".join(fields)})
    return Step(after, (entry,))
