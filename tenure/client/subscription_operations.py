"""Subscriptions: reading them, and what a product does to them.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
A subscription is given by its id, or by its customer: `OfCustomer("user-1815")`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict, Unpack

from tenure.client.core import Core, Steps
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.reports import Timeline, TimelinePage
from tenure.client.requests import Call, body_of, of_subscription
from tenure.client.subscriptions import CancellationPreview, Preview, Subscription, SubscriptionPage
from tenure.client.targets import Target, ask_about, command, resolve
from tenure.client.values import CancelAt, ChangeAt, ConvertAt, Interval, ReasonCode, Status


class Filters(Listing, total=False):
    """Which subscriptions to list."""

    status: Status
    plan: str
    customer: str
    """By your own id for them: all their subscriptions, ended ones included."""
    q: str
    """Part of an email address, name or external id, or the beginning of an id, yours or the payment provider's."""
    blocked: bool
    """True: those with a step that waits for an operator or the end of an outage."""


class Changing(TypedDict, total=False):
    """What to change; anything left out stays as it is."""

    plan: str
    interval: Interval
    quantity: int
    add_ons: Mapping[str, int]
    when: ChangeAt
    expected_due: int
    """`due_now` of the preview that the customer has seen: if more would be due, nothing is changed."""
    preview_at: datetime
    """`preview_at` of that preview: for 15 minutes the change costs what it said."""
    accept_misfits: bool


def subscription(core: Core, subscription: Target) -> Steps[Subscription]:
    """Return a subscription: by its id, or the customer's live one, else their last."""
    found = yield from resolve(core, subscription)
    return (yield from core.ask(Call("GET", of_subscription(found), Subscription)))


def list_subscriptions(
    core: Core, *, cursor: str | None = None, limit: int | None = None, **filters: Unpack[Filters]
) -> Steps[SubscriptionPage]:
    """Return one page of subscriptions, newest first unless *sort* says otherwise."""
    query = body_of(cursor=cursor, limit=limit, **filters)
    return core.ask(Call("GET", "/v1/subscriptions", SubscriptionPage, query=query))


def subscriptions(core: Core, **filters: Unpack[Filters]) -> Pages[Subscription]:
    """Iterate over all subscriptions, newest first unless *sort* says otherwise; pages are fetched as needed."""
    return lambda cursor: list_subscriptions(core, cursor=cursor, limit=PAGE_SIZE, **filters)


def timeline(core: Core, subscription: Target, **part: Unpack[Listing]) -> Steps[Timeline]:
    """Return everything that happened to a subscription, with causes, and what happens next.

    It begins with the oldest, unless *sort* says otherwise.
    """
    path = of_subscription((yield from resolve(core, subscription)), "timeline")
    page = yield from core.ask(Call("GET", path, TimelinePage, query=body_of(**part)))
    past = page.past
    while page.next_cursor is not None:
        page = yield from core.ask(Call("GET", path, TimelinePage, query=body_of(cursor=page.next_cursor, **part)))
        past += page.past
    return Timeline(past, page.next_actions)


def change_plan(
    core: Core, subscription: Target, *, key: str | None = None, **to: Unpack[Changing]
) -> Steps[Subscription]:
    """Change plan, interval, quantity or add-ons; without `when` the policy decides when.

    Raises:
        UsageDoesNotFit: `misfits` lists the usage that exceeds the new plan.
        PaymentDeclined: nothing changed.
    """
    return command(core, subscription, "change-plan", key, **to)


def preview_change(core: Core, subscription: Target, **to: Unpack[Changing]) -> Steps[Preview]:
    """Preview a change: what it would bill and when, and which current usage would not fit."""
    return ask_about(core, subscription, "preview-change", Preview, **to)


def withdraw_change(core: Core, subscription: Target, *, key: str | None = None) -> Steps[Subscription]:
    """Withdraw a planned change."""
    return command(core, subscription, "withdraw-change", key)


def convert(
    core: Core,
    subscription: Target,
    *,
    payment_method: str | None = None,
    when: ConvertAt | None = None,
    key: str | None = None,
) -> Steps[Subscription]:
    """Make a trial a paid subscription: `now`, or at `trial_end`.

    Raises:
        PaymentDeclined: the trial continues.
    """
    return command(core, subscription, "convert", key, payment_method=payment_method, when=when)


def put_payment_method(
    core: Core, subscription: Target, payment_method: str, *, key: str | None = None
) -> Steps[Subscription]:
    """Put a card on file; an open payment is retried with it."""
    return command(core, subscription, "payment-method", key, payment_method=payment_method)


def cancel(
    core: Core,
    subscription: Target,
    *,
    at: CancelAt | None = None,
    reason_code: ReasonCode | None = None,
    comment: str | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> Steps[Subscription]:
    """Cancel at `period_end`, or `now`.

    *reason_code* is why the customer leaves; *comment* is free text, and *reason* its former name.
    """
    return command(core, subscription, "cancel", key, at=at, reason_code=reason_code, comment=comment or reason)


def preview_cancel(core: Core, subscription: Target, *, at: CancelAt | None = None) -> Steps[CancellationPreview]:
    """Preview a cancellation: when access would end, and what would be lost."""
    return ask_about(core, subscription, "preview-cancel", CancellationPreview, at=at)


def uncancel(core: Core, subscription: Target, *, key: str | None = None) -> Steps[Subscription]:
    """Undo a scheduled cancellation."""
    return command(core, subscription, "uncancel", key)


def pause(
    core: Core, subscription: Target, *, resumes_at: datetime | None = None, key: str | None = None
) -> Steps[Subscription]:
    """Pause until a date, or until resumed."""
    return command(core, subscription, "pause", key, resumes_at=resumes_at)


def resume(core: Core, subscription: Target, *, key: str | None = None) -> Steps[Subscription]:
    """Resume a paused subscription; no paid day is lost."""
    return command(core, subscription, "resume", key)


def retry_payment(core: Core, subscription: Target, *, key: str | None = None) -> Steps[Subscription]:
    """Retry the open payment now.

    Raises:
        PaymentDeclined: the bank declined it again.
        Conflict: there is nothing to pay.
    """
    return command(core, subscription, "retry-payment", key)
