"""Whose a message of the provider is: by its agreement first, then by its customer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.events import NOTHING_NEW, Directory, Disposition, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import MONEY_WENT_BACK, EventKind
from domain.provider.ports import Belonging

UNKNOWN_FOR = timedelta(minutes=5)
"""How long a customer may be unknown to us: at sign-up the provider's message can be faster than our own record."""

ANSWER_TIMEOUT = 5.0
"""Seconds in which the provider must tell whose something is."""

Whose = Callable[[EventKind, str], Awaitable[Belonging]]
Route = str | Routing | None
"""A subscription's id; or what came of the message without one; None: that cannot be known yet."""

NOBODYS = Routing(Disposition.SET_ASIDE, "set aside: concerns no customer")
UNKNOWN = Routing(Disposition.SET_ASIDE, "set aside: the customer is not known here")


def needs_asking(event: ProviderEvent, directory: Directory) -> bool:
    """Whether only the provider can tell whose it is: it names nobody, or somebody with several agreements."""
    if event.news is None or event.agreement_ref:
        return False
    if not event.customer_ref:
        return True
    return event.news in MONEY_WENT_BACK and len(directory.by_customer.get(event.customer_ref, ())) > 1


async def with_owner(event: ProviderEvent, whose: Whose) -> ProviderEvent | Routing:
    """The message with what the provider says of whose it is; a verdict when it does not say.

    Raises:
        GatewayUnavailable: it gives no answer now.
    """
    assert event.news is not None  # noqa: S101 - what has no news is nobody's business
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            found = await whose(event.news, event.object_id)
    except TimeoutError as error:
        raise GatewayUnavailable("the provider did not tell in time whose it is") from error
    except GatewayRefused as error:
        words = f"set aside: the provider does not tell whose it is ({error.code})"
        return Routing(Disposition.SET_ASIDE, words)
    return replace(event, customer_ref=event.customer_ref or found.customer_ref, agreement_ref=found.agreement_ref)


def route(message: KeptEvent, directory: Directory) -> Route:
    """Where a message goes, as things are known now."""
    event = message.event
    if event.news is None:
        return NOTHING_NEW
    if event.agreement_ref in directory.by_agreement:
        return directory.by_agreement[event.agreement_ref]
    if not event.customer_ref:
        return NOBODYS
    known = directory.by_customer.get(event.customer_ref)
    if not known:
        return UNKNOWN if datetime.now(UTC) - message.received_at >= UNKNOWN_FOR else None
    newest = known[-1]
    if event.agreement_ref and newest.agreement_ref:
        return Routing(Disposition.SET_ASIDE, f"set aside: agreement {event.agreement_ref} is none of ours")
    # While it has no agreement yet, this one may be what it is about to have.
    return newest.subscription
