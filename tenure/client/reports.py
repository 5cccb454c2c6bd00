"""What has happened, as Tenure returns it: timelines, invoices, usage statistics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.subscriptions import NextAction


@dataclass(frozen=True)
class Cause:
    """Why something happened."""

    kind: str
    """command, timer, webhook, provider, step or usage"""
    ref: str = ""
    """A digest of the command's key, the webhook's event id, or the action that was due."""
    actor: str = ""
    """Who gave the command."""


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened to a subscription."""

    at: datetime
    kind: str
    summary: str
    cause: Cause
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Timeline:
    """A subscription's history with causes, and what happens next."""

    past: tuple[TimelineEntry, ...]
    next_actions: tuple[NextAction, ...] = ()


@dataclass(frozen=True)
class TimelinePage(Timeline):
    """Part of a history that is too long for one answer."""

    next_cursor: str | None = None
    """None: this is the last part."""


@dataclass(frozen=True)
class Invoice:
    """An invoice of the payment provider, as last seen; amounts are in minor units."""

    id: str
    """The provider's id."""
    subscription: str
    status: str
    amount: int
    """`total` if it is a credit, else `amount_due`."""
    currency: str
    number: str = ""
    total: int = 0
    """Billed, including taxes and discounts; negative for a credit."""
    amount_due: int = 0
    """To pay, after the customer's balance."""
    amount_paid: int = 0
    credit_applied: int = 0
    """The part of the total paid from the credit balance."""
    amount_refunded: int = 0
    issued_at: datetime | None = None
    paid_at: datetime | None = None
    url: str = ""
    """The provider's page of the invoice, on which it can be paid."""
    pdf: str = ""
    attempts: int = 0
    period_start: datetime | None = None
    period_end: datetime | None = None
    at: datetime | None = None
    """When this state was last seen, in the subscription's own time."""


@dataclass(frozen=True)
class InvoicePage:
    """One page of invoices."""

    data: tuple[Invoice, ...]
    next_cursor: str | None = None
    """None: this is the last page."""


@dataclass(frozen=True)
class ProviderRefs:
    """A customer's ids at the payment provider, which has data of its own about them."""

    customers: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()


@dataclass(frozen=True)
class CustomerExport:
    """Everything that Tenure stores about a customer."""

    exported_at: datetime
    customer: str
    """Tenure's id; empty: nobody has signed up, and all that is known is what was used."""
    provider: ProviderRefs
    tables: Mapping[str, tuple[Mapping[str, object], ...]] = field(default_factory=dict)
    """Every row about the customer, by table."""


@dataclass(frozen=True)
class Erasure:
    """What has become of an erasure."""

    finished: bool = True
    """False: erased from the database; the rest follows by itself, and a repeat tells whether it has."""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def covers_restores(self) -> bool:
        """Whether a restored backup is erased again."""
        return self.headers.get("tenure-restores") == "covered"


@dataclass(frozen=True)
class UsageStatistic:
    """Usage of one feature by the customers of one plan, in their current periods."""

    feature: str
    plan: str | None = None
    """None: customers without a plan."""
    customers: int = 0
    """Who have begun to use it in their current period."""
    used: int = 0
    """The total of all customers."""
    highest: int = 0
    """The highest of one customer."""
    near_limit: int = 0
    """Of these customers: at 80 % of their limit or more."""
    at_limit: int = 0


@dataclass(frozen=True)
class UsageStatistics:
    """The latest statistics, which are updated every six hours."""

    taken_at: datetime | None
    """None: there are none yet."""
    statistics: tuple[UsageStatistic, ...] = ()
