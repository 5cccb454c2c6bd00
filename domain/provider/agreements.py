"""Agreements as the provider tells of them, ours and others': what reconciliation compares and take-overs adopt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.provider.payments import Charge


class AgreementState(StrEnum):
    """How an agreement stands at the provider."""

    BILLING = "billing"
    """Periods are billed, and the newest bill is not overdue."""
    OWING = "owing"
    """A renewal was not paid; the provider bills on."""
    IN_TRIAL = "in_trial"
    """In a trial of the provider's own."""
    UNBEGUN = "unbegun"
    """Its first bill was not paid."""
    STOPPED = "stopped"
    """The provider has stopped billing by itself, or by a word that was not ours."""
    ENDED = "ended"


@dataclass(frozen=True)
class AgreedItem:
    """One line of an agreement."""

    price_ref: str
    lookup_key: str
    """Empty when the price has none."""
    quantity: int
    unit_amount: int | None
    """In minor units; None when it is no fixed amount, as with tiers."""
    currency: str
    interval: str
    """day, week, month or year."""
    interval_count: int = 1
    product_ref: str = ""
    is_sold: bool = True
    """Whether a new agreement could be made about its price."""
    is_by_use: bool = False
    """Whether what was used is billed when a period is over; then there is no quantity."""


@dataclass(frozen=True)
class Agreement:
    """An agreement as it is at the provider now."""

    ref: str
    customer_ref: str
    state: AgreementState
    items: tuple[AgreedItem, ...]
    created_at: datetime
    subscription: str = ""
    """The id of the subscription of ours that it was made for; empty: it was not made by us."""
    is_held: bool = False
    """Whether billing is on hold."""
    ends_at: datetime | None = None
    """When it will end by itself; None: it goes on."""
    trial_ends_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    latest: Charge | None = None
    """The newest bill and what has come of it."""
    ended_for: str = ""
    """The subscription of ours on which it goes on, should it have been ended for that."""
    hindrances: tuple[str, ...] = ()
    """What about it we have no way to carry on, in words for an operator."""

    @property
    def is_over(self) -> bool:
        return self.state is AgreementState.ENDED


@dataclass(frozen=True)
class AgreementPage:
    """Some agreements, and where the next page begins; None: it was the last."""

    agreements: tuple[Agreement, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class KnownCustomer:
    """A customer as the provider knows them. Never put this into a workflow's history."""

    customer_ref: str
    email: str
    name: str | None
    locale: str
    metadata: Mapping[str, str] = field(default_factory=dict)
