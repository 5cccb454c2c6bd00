"""Agreements as the provider reports them, ours and others': reconciliation compares them, imports adopt them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.catalog.plans import Item
from domain.provider.payments import Charge


class AgreementState(StrEnum):
    """The state of an agreement at the provider."""

    BILLING = "billing"
    """Periods are billed, and the latest invoice is not overdue."""
    OWING = "owing"
    """A renewal was not paid; the provider continues billing."""
    IN_TRIAL = "in_trial"
    """In a trial run by the provider."""
    UNBEGUN = "unbegun"
    """Its first invoice was not paid."""
    STOPPED = "stopped"
    """The provider stopped billing by itself, or somebody other than us asked it to."""
    ENDED = "ended"


@dataclass(frozen=True)
class NewAgreement:
    """What the provider is to bill every period from now on."""

    subscription: str
    customer_ref: str
    card_ref: str
    items: tuple[Item, ...]
    present: bool = False
    """Whether the customer is present and could confirm the payment with their bank."""


@dataclass(frozen=True)
class AgreedItem:
    """One line of an agreement."""

    price_ref: str
    lookup_key: str
    """Empty when the price has none."""
    quantity: int
    unit_amount: int | None
    """In minor units; None when there is no fixed amount, as with tiers."""
    currency: str
    interval: str
    """day, week, month or year."""
    interval_count: int = 1
    is_sold: bool = True
    """Whether a new agreement could use its price."""
    is_by_use: bool = False
    """Whether usage is billed at the end of a period; then there is no quantity."""


@dataclass(frozen=True)
class Agreement:
    """An agreement as it is at the provider now."""

    ref: str
    customer_ref: str
    state: AgreementState
    items: tuple[AgreedItem, ...]
    created_at: datetime
    subscription: str = ""
    """The id of our subscription that it was created for; empty: we did not create it."""
    is_held: bool = False
    """Whether billing is on hold."""
    ends_at: datetime | None = None
    """When it will end by itself; None: it continues."""
    trial_ends_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    latest: Charge | None = None
    """The latest invoice and its outcome."""
    ended_for: str = ""
    """The id of our subscription that continues it, if it was ended for that."""
    hindrances: tuple[str, ...] = ()
    """What about it we cannot continue, in words for an operator."""

    @property
    def is_over(self) -> bool:
        return self.state is AgreementState.ENDED


@dataclass(frozen=True)
class AgreementPage:
    """A page of agreements, and the cursor of the next page; None: this is the last page."""

    agreements: tuple[Agreement, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class AgreementFilter:
    """Which agreements are listed, by times to the second; None: whenever."""

    made_since: datetime | None = None
    made_before: datetime | None = None
    """Those made at this moment are not listed."""
    begun_since: datetime | None = None
    """Their current period has begun at this moment or later."""


ALL_AGREEMENTS = AgreementFilter()


@dataclass(frozen=True)
class KnownCustomer:
    """A customer as the provider knows them. Never put this into a workflow's history."""

    customer_ref: str
    email: str
    name: str | None
    locale: str
    metadata: Mapping[str, str] = field(default_factory=dict)
