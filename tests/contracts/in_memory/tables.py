"""The rows of a database that keeps everything in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from domain.customers import Contact
from domain.errors import Rejected
from domain.events.outbound import OutboundEvent
from domain.notifications.mail_types import Mail
from domain.provider.payments import Invoice, Reversal
from domain.revenue.movements import Movement
from domain.subscription.journal import Entry, Step
from domain.subscription.state import Subscription

if TYPE_CHECKING:
    from tests.contracts.in_memory.sign_ups import PendingSignUp


@dataclass(frozen=True)
class Customer:
    tenant: str
    contact: Contact
    former_refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredMail:
    """A mail, and what has become of it: `queued`, `withdrawn`, `sent` or `refused`."""

    id: str
    subscription: str
    mail: Mail
    status: str = "queued"
    message_id: str = ""
    why_not: str = ""
    claimed_by: str = ""


@dataclass
class Rows:
    """Everything that is stored. Each value is immutable, so that a copy of the tables is a copy of all."""

    customers: dict[str, Customer]
    pending: "dict[str, PendingSignUp]"
    """By the subscription that is signed up for."""
    steps: dict[str, Step]
    """The latest step of each subscription: its projection."""
    journal: dict[tuple[str, int, int], Entry]
    """By subscription, sequence and position."""
    mails: dict[str, StoredMail]
    invoices: dict[tuple[str, str], tuple[str, Invoice]]
    """By tenant and reference: whose it is, and its latest state."""
    movements: dict[tuple[str, int, int], Movement]
    """By subscription, sequence and position."""
    trials: dict[tuple[str, str, str], str]
    """By tenant, mark and digest: the subscription that used it."""
    reversals: dict[tuple[str, str], tuple[str, Reversal]]
    events: dict[str, OutboundEvent]
    """What products are told of steps, by id."""


class Tables(Rows):
    """The tables, and what is found in them."""

    def __init__(self) -> None:
        super().__init__({}, {}, {}, {}, {}, {}, {}, {}, {}, {})

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is stored, or nothing."""
        before = {each.name: copy(getattr(self, each.name)) for each in fields(Rows)}
        try:
            yield
        except BaseException:
            for name, table in before.items():
                setattr(self, name, table)
            raise

    def known_by(self, tenant: str, external_id: str) -> Customer | None:
        whose = (tenant, external_id)
        found = (each for each in self.customers.values() if (each.tenant, each.contact.external_id) == whose)
        return next(found, None)

    def live_of(self, customer: str) -> Subscription | None:
        """The customer's subscription that is not over."""
        theirs = (step.subscription for step in self.steps.values() if step.subscription.customer == customer)
        return next((each for each in theirs if not each.is_over), None)

    def known(self, customer: str) -> Customer:
        if customer not in self.customers:
            raise Rejected(f"there is no customer {customer}", code="unknown_customer")
        return self.customers[customer]
