"""What a bulk run would do, in counts: subscriptions that would be changed, and those that would refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from domain.bulk.actions import BulkAction, check
from domain.errors import Rejected
from domain.subscription.state import Subscription

EXAMPLES: Final = 3
"""How many subscriptions of each kind a preview names."""


@dataclass(frozen=True)
class Verdict:
    """Whether one subscription allows the action now."""

    subscription: str
    status: str
    code: str = ""
    """Why it refuses; empty: it would be done."""

    @property
    def would_be_done(self) -> bool:
        return not self.code


@dataclass(frozen=True)
class StatusCounts:
    """Of the subscriptions in one status."""

    would_be_done: int = 0
    refused: int = 0


@dataclass(frozen=True)
class BulkPreview:
    """What a run would do if it were started now."""

    chosen: int = 0
    would_be_done: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """By code, the most frequent first."""
    by_status: dict[str, StatusCounts] = field(default_factory=dict)
    examples: tuple[Verdict, ...] = ()
    """A few that would be done, and a few of each code."""


@dataclass(frozen=True)
class Choice:
    """What is to be done to which subscriptions."""

    action: BulkAction
    verdicts: Sequence[Verdict]
    filter: Mapping[str, object] = field(default_factory=dict)
    """By what they were chosen, without what names a customer."""
    inverse_of: str | None = None
    """The run that it undoes."""

    @property
    def preview(self) -> BulkPreview:
        return preview(self.verdicts)


def verdict(action: BulkAction, subscription: Subscription, *, has_mail_given_up: bool = False) -> Verdict:
    """Return whether a subscription allows an action."""
    status = subscription.status.value
    try:
        check(action, subscription, has_mail_given_up=has_mail_given_up)
    except Rejected as refusal:
        return Verdict(subscription.id, status, refusal.code)
    return Verdict(subscription.id, status)


def preview(verdicts: Sequence[Verdict]) -> BulkPreview:
    """Return the counts of these verdicts."""
    by_code: dict[str, int] = {}
    by_status: dict[str, StatusCounts] = {}
    examples: list[Verdict] = []
    for each in verdicts:
        seen = by_code[each.code] = by_code.get(each.code, 0) + 1
        if seen <= EXAMPLES:
            examples.append(each)
        known = by_status.get(each.status, StatusCounts())
        by_status[each.status] = StatusCounts(
            known.would_be_done + each.would_be_done, known.refused + (not each.would_be_done)
        )
    would_be_done = by_code.pop("", 0)
    refused = dict(sorted(by_code.items(), key=lambda pair: (-pair[1], pair[0])))
    ordered = sorted(examples, key=lambda each: (each.code != "", each.code))
    return BulkPreview(len(verdicts), would_be_done, refused, dict(sorted(by_status.items())), tuple(ordered))
