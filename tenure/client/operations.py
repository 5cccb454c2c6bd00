"""Entitlements and use: what a product asks all day.

Each operation is said once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
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
"""Events that one request may hold."""
STANDING = "standing"


def standing(core: Core, customer: str) -> Steps[Standing]:
    """By what the customer is entitled to anything: plan and subscription. Remembered for a moment."""
    call = Call("GET", of_customer(customer, "entitlements"), Standing)
    return (yield from core.remembered(customer, STANDING, call, lambda _: True))


def entitlements(core: Core, customer: str) -> Steps[Entitlements]:
    """All that the customer is entitled to, with use as it is this moment. Who never signed up is asked for as well.

    What is not counted is remembered for a moment: checks that follow need not ask.
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
    """Whether the customer may do this now: so many of it, or this value of a set or level. Nothing is counted.

    Answers of switches, sets, levels and numbers that are not counted are remembered for a moment; of counters never.
    """
    question = body_of(quantity=quantity, value=value)
    call = Call("GET", of_customer(customer, "entitlements", feature), Entitlement, query=question)
    return (
        yield from core.remembered(customer, (feature, quantity, value), call, lambda answer: not answer.is_counted)
    )


def consume(
    core: Core, customer: str, feature: str, quantity: int = 1, *, key: str | None = None, value: str | None = None
) -> Steps[Used]:
    """Use up so much, if it may be; decided and counted at once. The same *key* is counted once.

    Without a key each call is a use of its own, however often it is sent on the way.

    Raises:
        LimitReached, FeatureNotInPlan, NoPlan, AccessLimited: it may not be; nothing was counted.
    """
    body = body_of(feature=feature, quantity=quantity, key=key or new_key(), value=value)
    return core.ask(Call("POST", of_customer(customer, "consume"), Used, body=body))


def release(core: Core, customer: str, feature: str, quantity: int = 1, *, key: str | None = None) -> Steps[Used]:
    """Give back so much of a gauge.

    Raises:
        Conflict: code `nothing_to_release`; so much is not in use.
    """
    body = body_of(feature=feature, quantity=quantity, key=key or new_key())
    return core.ask(Call("POST", of_customer(customer, "release"), Used, body=body))


def give_back(core: Core, customer: str, feature: str, key: str) -> Steps[Released]:
    """Give back a use of what is counted over a time, by the *key* under which it was consumed or recorded.

    For work that failed: it costs no quota then. Safe to repeat; the answer is the same. The key is used up then: the
    next try is a use of its own, under another one. (`Used.key` is the key, also where `consume` was given none.)

    Raises:
        NotFound: code `unknown_use`; nothing was used by the customer under the key.
        Conflict: code `period_over`; the period that it counted in has ended.
    """
    body = body_of(feature=feature, key=key)
    return core.ask(Call("POST", of_customer(customer, "release"), Released, body=body))


def set_usage(core: Core, customer: str, feature: str, quantity: int, *, key: str | None = None) -> Steps[Used]:
    """Say how much of a gauge is in use: what you count yourself is what counts."""
    body = body_of(quantity=quantity, key=key or new_key())
    return core.ask(Call("POST", of_customer(customer, "usage", feature, "set"), Used, body=body))


def reset_usage(core: Core, customer: str, feature: str, reason: str, *, key: str | None = None) -> Steps[Used]:
    """Have it count from 0 in the period that runs; takes a key of an operator's role."""
    body = body_of(reason=reason, key=key or new_key())
    return core.ask(Call("POST", of_customer(customer, "usage", feature, "reset"), Used, body=body))


def record(core: Core, events: Iterable[Event]) -> Steps[Batch]:
    """Report what has happened; it is counted whatever the limits say. A bad event does not spoil the others.

    Sent by the thousand. When it fails half-way, report the same events again: by their keys each is counted once.
    """
    waiting, results = list(events), list[Recorded]()
    counted = repeated = refused = 0
    for start in range(0, len(waiting), SLICE):
        part = waiting[start : start + SLICE]
        told = [
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
        batch = yield from core.ask(Call("POST", "/v1/usage", Batch, body={"events": told}, takes_time=True))
        results += map(_named, batch.results, part)
        counted, repeated, refused = counted + batch.counted, repeated + batch.repeated, refused + batch.refused
    return Batch(counted, repeated, refused, tuple(results))


def _named(result: Recorded, event: Event) -> Recorded:
    """A result with the event's own names: one that is no text comes back without."""
    return replace(result, key=result.key or event.key, customer=result.customer or event.customer)


def usage(core: Core, customer: str) -> Steps[Usage]:
    """All that is counted for the customer, in the periods that run."""
    return core.ask(Call("GET", of_customer(customer, "usage"), Usage))


def usage_history(core: Core, customer: str, feature: str, *, periods: int = 12) -> Steps[History]:
    """What was used of a feature in so many periods, for charts."""
    return core.ask(Call("GET", of_customer(customer, "usage", feature), History, query={"periods": periods}))
