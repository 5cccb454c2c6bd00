"""Routes provider events to subscriptions: by agreement first, then by customer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.errors import GatewayRefused
from domain.provider.event_ports import Owners
from domain.provider.events import NOTHING_NEW, Address, Directory, Disposition, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import MONEY_WENT_BACK, EventKind
from services.webhooks.answers import in_time

UNKNOWN_CUSTOMER_GRACE = timedelta(minutes=5)
"""How long a customer may be unknown to us: at sign-up the provider's event can be faster than our own record."""

FIRST_PAYMENT_GRACE = timedelta(seconds=5)
"""How long a paid invoice of an unknown agreement waits: usually it is the first payment, whose answer the workflow is
just recording. Once it is recorded, the event says nothing new; otherwise it is delivered."""

Route = str | Routing | None
"""A subscription's id; or the outcome of an event without one; None: not known yet."""

NO_CUSTOMER = Routing(Disposition.SET_ASIDE, "set aside: concerns no customer")
UNKNOWN_CUSTOMER = Routing(Disposition.SET_ASIDE, "set aside: the customer is not known here")


def needs_owner_lookup(event: ProviderEvent, directory: Directory) -> bool:
    """True if only the provider knows the owner: the event names no customer, or one with several agreements."""
    if event.news is None or event.agreement_ref:
        return False
    if not event.customer_ref:
        return True
    return event.news in MONEY_WENT_BACK and len(directory.by_customer.get(event.customer_ref, ())) > 1


async def with_owner(event: ProviderEvent, owners: Owners) -> ProviderEvent | Routing:
    """Return the event with the owner that the provider names; a final outcome if it refuses to name one.

    Raises:
        GatewayUnavailable: the provider does not respond.
    """
    assert event.news is not None  # noqa: S101 - events of other kinds are not looked up
    try:
        found = await in_time(owners.owner_of(event.news, event.object_id), "the owner")
    except GatewayRefused as error:
        why = f"set aside: the provider does not tell whose it is ({error.code})"
        return Routing(Disposition.SET_ASIDE, why)
    return replace(event, customer_ref=event.customer_ref or found.customer_ref, agreement_ref=found.agreement_ref)


def route(message: KeptEvent, directory: Directory) -> Route:
    """Return where an event goes, by what is known now."""
    event = message.event
    if event.news is None:
        return NOTHING_NEW
    if event.agreement_ref in directory.by_agreement:
        known = directory.by_agreement[event.agreement_ref]
        return NOTHING_NEW if known.has_recorded(event) else known.subscription
    if not event.customer_ref:
        return NO_CUSTOMER
    age, all_known = datetime.now(UTC) - message.received_at, directory.by_customer.get(event.customer_ref)
    if not all_known:
        return UNKNOWN_CUSTOMER if age >= UNKNOWN_CUSTOMER_GRACE else None
    return _to_newest(event, age, all_known[-1])


def _to_newest(event: ProviderEvent, age: timedelta, newest: Address) -> Route:
    """Where an event goes that only its customer is known of."""
    if event.agreement_ref and newest.agreement_ref:
        return Routing(Disposition.SET_ASIDE, f"set aside: agreement {event.agreement_ref} is not ours")
    is_first_payment = bool(event.agreement_ref) and event.news is EventKind.INVOICE_PAID
    # The payment of one that waits for the customer's bank has no answer: nobody else reports that it was confirmed.
    if is_first_payment and event.agreement_ref != newest.awaited_agreement and age < FIRST_PAYMENT_GRACE:
        return None
    # The subscription has no agreement yet: the event may be about the one it is about to get.
    return newest.subscription


def tenant_of(event: ProviderEvent, directory: Directory) -> str:
    """Return whose an event is; empty: nobody's that we know of."""
    known = directory.by_customer.get(event.customer_ref)
    address = directory.by_agreement.get(event.agreement_ref) or (known[-1] if known else None)
    return address.tenant if address is not None else ""
