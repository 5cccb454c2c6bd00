"""Customers, subscriptions and plans.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypedDict, Unpack

from tenure.client.catalog import Comparison, Plan, Plans, Suggested
from tenure.client.core import Core, Steps, new_key
from tenure.client.requests import Call, body_of, of_customer, of_subscription, step_of
from tenure.client.subscriptions import Checkout, Customer, Person, Portal, Preview, Subscription
from tenure.client.values import CancelAt, ChangeAt, ConvertAt, Interval

NOBODY = ""
"""Used instead of a customer for answers that are the same for all."""


class SigningUp(TypedDict, total=False):
    """Optional arguments of a sign-up."""

    interval: Interval
    quantity: int
    add_ons: Mapping[str, int]
    metadata: Mapping[str, str]
    allow_another_trial: bool
    key: str


class Changing(TypedDict, total=False):
    """What to change; anything left out stays as it is."""

    plan: str
    interval: Interval
    quantity: int
    add_ons: Mapping[str, int]
    when: ChangeAt
    accept_misfits: bool


def customer(core: Core, external_id: str) -> Steps[Customer]:
    """Return the customer, their plan and subscription, and whether they may start a trial.

    Raises:
        NotFound: the customer never signed up.
    """
    return core.ask(Call("GET", of_customer(external_id), Customer))


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


def subscription(core: Core, subscription_id: str) -> Steps[Subscription]:
    return core.ask(Call("GET", of_subscription(subscription_id), Subscription))


def change_plan(
    core: Core, subscription_id: str, *, key: str | None = None, **to: Unpack[Changing]
) -> Steps[Subscription]:
    """Change plan, interval, quantity or add-ons; without `when` the policy decides when.

    Raises:
        UsageDoesNotFit: `misfits` lists the usage that exceeds the new plan.
        PaymentDeclined: nothing changed.
    """
    return _command(core, subscription_id, "change-plan", key, **to)


def preview_change(core: Core, subscription_id: str, **to: Unpack[Changing]) -> Steps[Preview]:
    """Preview a change: what it would bill and when, and which current usage would not fit."""
    path = of_subscription(subscription_id, "preview-change")
    return core.ask(Call("POST", path, Preview, body=body_of(**to), key=new_key(), takes_time=True))


def withdraw_change(core: Core, subscription_id: str, *, key: str | None = None) -> Steps[Subscription]:
    """Withdraw a planned change."""
    return _command(core, subscription_id, "withdraw-change", key)


def convert(
    core: Core,
    subscription_id: str,
    *,
    payment_method: str | None = None,
    when: ConvertAt | None = None,
    key: str | None = None,
) -> Steps[Subscription]:
    """Make a trial a paid subscription: `now`, or at `trial_end`.

    Raises:
        PaymentDeclined: the trial continues.
    """
    return _command(core, subscription_id, "convert", key, payment_method=payment_method, when=when)


def put_payment_method(
    core: Core, subscription_id: str, payment_method: str, *, key: str | None = None
) -> Steps[Subscription]:
    """Put a card on file; open invoices are charged to it."""
    return _command(core, subscription_id, "payment-method", key, payment_method=payment_method)


def cancel(
    core: Core,
    subscription_id: str,
    *,
    at: CancelAt | None = None,
    reason_code: str | None = None,
    comment: str | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Steps[Subscription]:
    """End it at `period_end`, or `now`.

    *reason_code* is why the customer leaves, as `too_expensive`; *comment* says it in free words, and *reason* is an
    older name of that.
    """
    return _command(core, subscription_id, "cancel", key, at=at, reason_code=reason_code, comment=comment or reason)


def uncancel(core: Core, subscription_id: str, *, key: str | None = None) -> Steps[Subscription]:
    """Go on after all."""
    return _command(core, subscription_id, "uncancel", key)


def pause(
    core: Core, subscription_id: str, *, resumes_at: datetime | None = None, key: str | None = None
) -> Steps[Subscription]:
    """Pause until a date, or until resumed."""
    return _command(core, subscription_id, "pause", key, resumes_at=resumes_at)


def resume(core: Core, subscription_id: str, *, key: str | None = None) -> Steps[Subscription]:
    return _command(core, subscription_id, "resume", key)


def checkout(
    core: Core, customer: str, *, success_url: str | None = None, cancel_url: str | None = None
) -> Steps[Checkout]:
    """Open a page on which a signed-up customer gives a card."""
    body = body_of(customer=customer, success_url=success_url, cancel_url=cancel_url)
    return core.ask(Call("POST", "/v1/checkout-sessions", Checkout, body=body, key=new_key(), takes_time=True))


def portal(core: Core, customer: str, *, return_url: str | None = None) -> Steps[Portal]:
    """Open the page on which customers see their invoices and manage their card."""
    body = body_of(customer=customer, return_url=return_url)
    return core.ask(Call("POST", "/v1/portal-sessions", Portal, body=body, key=new_key(), takes_time=True))


def plans(core: Core) -> Steps[Plans]:
    """Return everything for sale, with the entitlements of each plan. Cached briefly."""
    return core.remembered(NOBODY, "plans", Call("GET", "/v1/plans", Plans), lambda _: True)


def plan(core: Core, code: str) -> Steps[Plan]:
    return core.ask(Call("GET", f"/v1/plans/{step_of('plan', code)}", Plan))


def compare(core: Core, before: str, after: str) -> Steps[Comparison]:
    """Compare two plans."""
    return core.ask(Call("GET", "/v1/plans/compare", Comparison, query={"from": before, "to": after}))


def suggest(
    core: Core, customer: str | None, feature: str, *, quantity: int | None = None, value: str | None = None
) -> Steps[Suggested]:
    """Suggest what to buy for a wanted usage, the cheapest option included; the customer may be None."""
    query = body_of(customer=customer, feature=feature, quantity=quantity, value=value)
    return core.ask(Call("GET", "/v1/plans/suggest", Suggested, query=query))


def _sign_up(core: Core, person: Person, plan: str, more: Mapping[str, Any]) -> Steps[Subscription]:
    said = dict(more)
    key = said.pop("key", None) or new_key()
    of_customer(person.external_id)  # reject an id that could not be looked up afterwards
    body = body_of(customer=body_of(**asdict(person)), plan=plan, **said)
    made = yield from core.ask(Call("POST", "/v1/subscriptions", Subscription, body=body, key=key, takes_time=True))
    core.memory.forget(person.external_id)
    return made


def _command(core: Core, subscription_id: str, name: str, key: str | None, **body: Any) -> Steps[Subscription]:
    """Send a command; later questions are answered by the state after it."""
    path = of_subscription(subscription_id, name)
    call = Call("POST", path, Subscription, body=body_of(**body), key=key or new_key(), takes_time=True)
    after = yield from core.ask(call)
    core.memory.forget(after.customer.external_id)
    return after
