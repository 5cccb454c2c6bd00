"""Customers: who they are, signing up, invoices, and the payment provider's pages.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypedDict, Unpack

from tenure.client.core import Core, Steps, new_key
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.reports import Invoice, InvoicePage
from tenure.client.requests import Call, body_of, of_customer
from tenure.client.subscriptions import (
    Banner,
    BillingSession,
    Checkout,
    Customer,
    CustomerBanner,
    CustomerPage,
    ListedCustomer,
    Person,
    Portal,
    Subscription,
)
from tenure.client.values import Interval


class Buying(TypedDict, total=False):
    """Optional arguments of a purchase."""

    interval: Interval
    quantity: int
    add_ons: Mapping[str, int]
    metadata: Mapping[str, str]
    key: str


class SigningUp(Buying, total=False):
    """Optional arguments of a sign-up."""

    allow_another_trial: bool


def customer(core: Core, external_id: str) -> Steps[Customer]:
    """Return the customer, their plan and subscription, and whether they may start a trial.

    Raises:
        NotFound: the customer never signed up.
    """
    return core.ask(Call("GET", of_customer(external_id), Customer))


def banner(core: Core, external_id: str, *, locale: str | None = None) -> Steps[Banner | None]:
    """Return the one thing to say to the customer now, in *locale* or else their own language; None: nothing.

    Raises:
        NotFound: the customer never signed up.
    """
    path = f"{of_customer(external_id)}/banner"
    found = yield from core.ask(Call("GET", path, CustomerBanner, query=body_of(locale=locale)))
    return found.banner


def start_trial(
    core: Core,
    person: Person,
    plan: str,
    *,
    days: int | None = None,
    payment_method: str | None = None,
    **more: Unpack[SigningUp],
) -> Steps[Subscription]:
    """Sign a customer up for a trial of *days*, else of the length that plan and policy set.

    Raises:
        Conflict: code `trial_used`, or `already_subscribed`.
    """
    return _sign_up(core, person, plan, {**more, "trial_days": days, "payment_method": payment_method})


def subscribe(
    core: Core, person: Person, plan: str, payment_method: str, **more: Unpack[SigningUp]
) -> Steps[Subscription]:
    """Sign a customer up and charge the card at once, without a trial.

    Raises:
        PaymentDeclined: no subscription was created.
        Conflict: code `already_subscribed`.
    """
    return _sign_up(core, person, plan, {**more, "trial_days": 0, "payment_method": payment_method})


def update_customer(  # noqa: PLR0913 - each is a field of the request
    core: Core,
    external_id: str,
    *,
    email: str | None = None,
    name: str | None = None,
    timezone: str | None = None,
    locale: str | None = None,
    metadata: Mapping[str, str] | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Steps[Customer]:
    """Change what is known of a customer; anything left out stays as it is.

    *metadata* is merged into what is there; an empty value removes its key. *reason* is for the audit.

    Raises:
        NotFound: the customer never signed up.
    """
    body = body_of(email=email, name=name, timezone=timezone, locale=locale, metadata=metadata, reason=reason)
    call = Call("PATCH", of_customer(external_id), Customer, body=body, key=key or new_key(), takes_time=True)
    after = yield from core.ask(call)
    core.memory.forget(external_id)
    return after


def list_customers(
    core: Core,
    *,
    q: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[CustomerPage]:
    """Return one page of customers, newest first unless *sort* says otherwise.

    *q* is part of an email address, name or external id, or of the payment provider's id for the customer.
    """
    query = body_of(q=q, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/customers", CustomerPage, query=query))


def customers(core: Core, *, q: str | None = None, **part: Unpack[Listing]) -> Pages[ListedCustomer]:
    """Iterate over all customers, newest first unless *sort* says otherwise; pages are fetched as needed."""
    return lambda cursor: list_customers(core, q=q, cursor=cursor, limit=PAGE_SIZE, **part)


def list_invoices(
    core: Core,
    customer: str | None = None,
    *,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[InvoicePage]:
    """Return one page of invoices, of one customer or of all: newest first unless *sort* says otherwise."""
    query = body_of(customer=customer, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/invoices", InvoicePage, query=query))


def all_invoices(core: Core, customer: str | None = None, **part: Unpack[Listing]) -> Pages[Invoice]:
    """Iterate over all invoices, of one customer or of all; pages are fetched as needed."""
    return lambda cursor: list_invoices(core, customer, cursor=cursor, limit=PAGE_SIZE, **part)


def invoices(
    core: Core, customer: str | None = None, *, limit: int | None = None, **part: Unpack[Listing]
) -> Steps[tuple[Invoice, ...]]:
    """Return the first invoices, newest first unless *sort* says otherwise: of one customer, or of all. At most 100."""
    return (yield from list_invoices(core, customer, limit=limit, **part)).data


def checkout(
    core: Core, customer: str, *, success_url: str | None = None, cancel_url: str | None = None
) -> Steps[Checkout]:
    """Open a page on which a signed-up customer gives a card."""
    body = body_of(customer=customer, success_url=success_url, cancel_url=cancel_url)
    return core.ask(Call("POST", "/v1/checkout-sessions", Checkout, body=body, key=new_key(), takes_time=True))


def purchase(
    core: Core,
    person: Person,
    plan: str,
    *,
    success_url: str,
    cancel_url: str,
    trial_days: int | None = None,
    **more: Unpack[Buying],
) -> Steps[Checkout]:
    """Open a page on which a customer without a subscription buys one, or gives a card for its trial.

    They are signed up once the page is completed, and not before.

    Args:
        core: the client's core.
        person: who buys.
        plan: its code.
        success_url: where they go once the subscription has begun.
        cancel_url: where they go if they leave the page.
        trial_days: 0 is paid on the page; what plan and policy set if not given.
        **more: interval, quantity, add_ons, metadata and key.

    Raises:
        Conflict: code `already_subscribed`, or `trial_used`.

    """
    said: dict[str, Any] = dict(more)
    key = said.pop("key", None) or new_key()
    of_customer(person.external_id)  # reject an id that could not be looked up afterwards
    said |= {"trial_days": trial_days, "success_url": success_url, "cancel_url": cancel_url}
    body = body_of(customer=body_of(**asdict(person)), plan=plan, **said)
    return core.ask(Call("POST", "/v1/checkout-sessions", Checkout, body=body, key=key, takes_time=True))


def portal(core: Core, customer: str, *, return_url: str | None = None) -> Steps[Portal]:
    """Open the page on which customers see their invoices and manage their card."""
    body = body_of(customer=customer, return_url=return_url)
    return core.ask(Call("POST", "/v1/portal-sessions", Portal, body=body, key=new_key(), takes_time=True))


def billing_session(
    core: Core,
    customer: str,
    *,
    return_url: str | None = None,
    locale: str | None = None,
    flow: str | None = None,
    embed: bool | None = None,
    expires_in: int | None = None,
) -> Steps[BillingSession]:
    """Open the pages on which customers see and change their own subscription.

    Args:
        core: the client's core.
        customer: their external id.
        return_url: where the pages link back to.
        locale: the language of the pages; the customer's own if not given.
        flow: the page to open first, as `cancel`; the overview if not given.
        embed: whether the pages are shown in a frame on your own.
        expires_in: seconds within which the customer must follow the link; 300 if not given.

    """
    body = body_of(
        customer=customer, return_url=return_url, locale=locale, flow=flow, embed=embed, expires_in=expires_in
    )
    return core.ask(Call("POST", "/v1/billing-sessions", BillingSession, body=body, key=new_key()))


def _sign_up(core: Core, person: Person, plan: str, more: Mapping[str, Any]) -> Steps[Subscription]:
    said = dict(more)
    key = said.pop("key", None) or new_key()
    of_customer(person.external_id)  # reject an id that could not be looked up afterwards
    body = body_of(customer=body_of(**asdict(person)), plan=plan, **said)
    made = yield from core.ask(Call("POST", "/v1/subscriptions", Subscription, body=body, key=key, takes_time=True))
    core.memory.forget(person.external_id)
    return made
