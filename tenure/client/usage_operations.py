"""Entitlements and usage.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Iterable
from dataclasses import replace

from tenure.client.core import Core, Steps, new_key
from tenure.client.entitlements import (
    Batch,
    Entitlement,
    Entitlements,
    Event,
    History,
    Recorded,
    Released,
    Standing,
    Usage,
    Used,
)
from tenure.client.requests import Call, body_of, of_customer

SLICE = 1000
"""Maximum number of events in one request."""
STANDING = "standing"


def standing(core: Core, customer: str) -> Steps[Standing]:
    """Return what entitles the customer: plan and subscription. Cached briefly."""
    call = Call("GET", of_customer(customer, "entitlements"), Standing)
    return (yield from core.remembered(customer, STANDING, call, lambda _: True))


def entitlements(core: Core, customer: str) -> Steps[Entitlements]:
    """Return all entitlements of the customer with current usage. Also for customers who never signed up.

    Entitlements that are not counted are cached briefly, so that the next checks need no request.
    """
    asked = core.memory.asking()
    found = yield from core.ask(Call("GET", of_customer(customer, "entitlements"), Entitlements))
    of = Standing(found.customer, found.plan, found.basis, found.subscription)
    core.memory.keep(customer, STANDING, of, asked)
    for feature, one in found.entitlements.items():
        if not one.is_counted:
            whole = replace(one, customer=of.customer, plan=of.plan, basis=of.basis, subscription=of.subscription)
            core.memory.keep(customer, (feature, None, None), whole, asked)
    return found


def check(
    core: Core, customer: str, feature: str, *, quantity: int | None = None, value: str | None = None
) -> Steps[Entitlement]:
    """Check whether the customer may do this now: a quantity, or a value of a set or level. Nothing is counted.

    Answers for switches, sets, levels and numbers that are not counted are cached briefly; for counters never.
    """
    question = body_of(quantity=quantity, value=value)
    call = Call("GET", of_customer(customer, "entitlements", feature), Entitlement, query=question)
    return (
        yield from core.remembered(customer, (feature, quantity, value), call, lambda answer: not answer.is_counted)
    )


def consume(
    core: Core, customer: str, feature: str, quantity: int = 1, *, key: str | None = None, value: str | None = None
) -> Steps[Used]:
    """Check and count usage in one step. The same *key* is counted once.

    Without a key each call counts as new usage; retries within the call are still counted once.

    Raises:
        LimitReached, FeatureNotInPlan, NoPlan, AccessLimited: it is not allowed; nothing was counted.
    """
    body = body_of(feature=feature, quantity=quantity, key=key or new_key(), value=value)
    return core.ask(Call("POST", of_customer(customer, "consume"), Used, body=body))


def release(core: Core, customer: str, feature: str, quantity: int = 1, *, key: str | None = None) -> Steps[Used]:
    """Release a quantity of a gauge.

    Raises:
        Conflict: code `nothing_to_release`; less than that is in use.
    """
    body = body_of(feature=feature, quantity=quantity, key=key or new_key())
    return core.ask(Call("POST", of_customer(customer, "release"), Used, body=body))


def give_back(core: Core, customer: str, feature: str, key: str) -> Steps[Released]:
    """Give back usage counted over a period, by the *key* under which it was consumed or recorded.

    For work that failed, so that it costs no quota. Safe to repeat, with the same answer. The key cannot be reused: the
    next attempt needs a new one. (`Used.key` has the key, even if `consume` was given none.)

    Raises:
        NotFound: code `unknown_use`; the customer has no usage under the key.
        Conflict: code `period_over`; the period it was counted in has ended.
    """
    body = body_of(feature=feature, key=key)
    return core.ask(Call("POST", of_customer(customer, "release"), Released, body=body))


def set_usage(core: Core, customer: str, feature: str, quantity: int, *, key: str | None = None) -> Steps[Used]:
    """Set how much of a gauge is in use, as counted by you."""
    body = body_of(quantity=quantity, key=key or new_key())
    return core.ask(Call("POST", of_customer(customer, "usage", feature, "set"), Used, body=body))


def reset_usage(
    core: Core, customer: str, feature: str, reason: str, *, used: int | None = None, key: str | None = None
) -> Steps[Used]:
    """Reset the usage of the current period to 0, or lower it to *used*; requires an API key of an operator's role.

    Raises:
        Conflict: code `overage_billed`: usage beyond the limit is billed in this period.
        Malformed: it is a gauge, or *used* is more than is counted.

    """
    body = body_of(reason=reason, used=used, key=key or new_key())
    return core.ask(Call("POST", of_customer(customer, "usage", feature, "reset"), Used, body=body))


def record(core: Core, events: Iterable[Event]) -> Steps[Batch]:
    """Record past usage; it is counted regardless of limits. A bad event does not affect the others.

    Sent in batches of 1,000. If it fails half-way, record the same events again: their keys ensure each counts once.
    """
    waiting, results = list(events), list[Recorded]()
    counted = repeated = refused = 0
    for start in range(0, len(waiting), SLICE):
        part = waiting[start : start + SLICE]
        entries = [
            body_of(
                customer=event.customer,
                meter=event.meter,
                quantity=event.quantity,
                key=event.key,
                at=event.at,
                action=event.action,
            )
            for event in part
        ]
        batch = yield from core.ask(Call("POST", "/v1/usage", Batch, body={"events": entries}, takes_time=True))
        results += map(_named, batch.results, part)
        counted, repeated, refused = counted + batch.counted, repeated + batch.repeated, refused + batch.refused
    return Batch(counted, repeated, refused, tuple(results))


def _named(result: Recorded, event: Event) -> Recorded:
    """The result with the event's own key and customer, which are missing if they are not valid text."""
    return replace(result, key=result.key or event.key, customer=result.customer or event.customer)


def usage(core: Core, customer: str) -> Steps[Usage]:
    """Return the customer's usage in the current periods."""
    return core.ask(Call("GET", of_customer(customer, "usage"), Usage))


def usage_history(core: Core, customer: str, feature: str, *, periods: int = 12) -> Steps[History]:
    """Return the usage of a feature in the last *periods*, for charts."""
    return core.ask(Call("GET", of_customer(customer, "usage", feature), History, query={"periods": periods}))
