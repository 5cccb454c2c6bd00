"""Commands, and which subscription they are for: by its id, or by its customer."""

from dataclasses import dataclass
from typing import Any, TypeVar

from tenure.client.core import Core, Steps, new_key
from tenure.client.errors import NotFound
from tenure.client.requests import Call, body_of, of_customer, of_subscription
from tenure.client.subscriptions import Customer, Subscription

T = TypeVar("T")


@dataclass(frozen=True)
class OfCustomer:
    """The customer's subscription, by your own id for them: the live one, or else the last.

    It stands in place of a subscription's id, and costs one more request: `cancel(OfCustomer("user-1815"))`.
    """

    external_id: str


Target = str | OfCustomer
"""A subscription, by its id or by its customer."""


def resolve(core: Core, subscription: Target) -> Steps[str]:
    """Return the subscription's id.

    The last one counts if none is live, so that a repeated command gets its first answer although it ended the
    subscription; any other command is refused by Tenure then, with the reason.

    Raises:
        NotFound: code `unknown_customer`, or `no_subscription`: the customer never had one.
    """
    if isinstance(subscription, str):
        return subscription
    owner = subscription.external_id
    found = yield from core.ask(Call("GET", of_customer(owner), Customer))
    if found.subscription is None:
        raise _no_subscription(owner)
    return found.subscription.id


def command(core: Core, subscription: Target, name: str, key: str | None = None, **body: Any) -> Steps[Subscription]:
    """Send a command and return the subscription after it; the customer's cached entitlements are dropped."""
    after = yield from ask_about(core, subscription, name, Subscription, key, **body)
    core.memory.forget(after.customer.external_id)
    return after


def ask_about(
    core: Core, subscription: Target, name: str, kind: type[T], key: str | None = None, **body: Any
) -> Steps[T]:
    """Post to a subscription, and return the answer as a *kind*."""
    found = yield from resolve(core, subscription)
    path, content = of_subscription(found, name), body_of(**body)
    return (yield from core.ask(Call("POST", path, kind, body=content, key=key or new_key(), takes_time=True)))


def _no_subscription(customer: str) -> NotFound:
    code, status, detail = "no_subscription", 404, f"customer {customer!r} has never had a subscription"
    problem = {
        "type": f"urn:tenure:error:{code}",
        "title": "No subscription",
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
    }
    return NotFound(detail, code=code, status=status, problem=problem)
