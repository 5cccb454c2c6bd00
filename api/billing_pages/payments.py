"""Leaving for the provider's pages: to pay what is owed, to confirm it, or to put a card on file."""

from collections.abc import Mapping
from typing import Final

from fastapi import Response

from api.billing_pages.visits import SEQUENCE, Visit
from api.payment_pages.card_pages import open_card_page, shared_card_page
from domain.billing_flows import BillingFlow
from domain.errors import Rejected
from domain.subscription import guards
from domain.subscription.state import Subscription

AFTER: Final = "after"
"""The query parameter of the overview: the step before the customer left, so that it can wait for the next one."""


def check_leaving(subscription: Subscription) -> None:
    """Reject if there is no page to leave for. A payment that waits for the bank can always be confirmed.

    Raises:
        Rejected: why no card is taken.
    """
    if subscription.confirmation is None:
        guards.check_checkout(subscription)


def check_pay(subscription: Subscription) -> None:
    """Reject a payment if nothing is owed.

    Raises:
        Rejected: code `nothing_to_retry`, or why no payment is taken.
    """
    check_leaving(subscription)
    if subscription.recovery is None and subscription.confirmation is None:
        raise Rejected("nothing is owed", code="nothing_to_retry")


async def leave_to_pay(visit: Visit, flow: BillingFlow, fields: Mapping[str, str]) -> Response:
    """Return a page that leads on to where the customer pays or gives a card."""
    check_leaving(visit.subscription)
    return visit.leaving(flow, await _url(visit, flow, fields))


async def _url(visit: Visit, flow: BillingFlow, fields: Mapping[str, str]) -> str:
    subscription, account = visit.subscription, visit.account
    if subscription.confirmation is not None:
        return subscription.confirmation.url
    if account.invoice_url and subscription.recovery is not None:
        return account.invoice_url
    if visit.link:
        known = await visit.repositories.pay_pages.of(subscription.id, subscription.tenant)
        if known is None:
            raise Rejected("there is no such subscription", code="unknown_subscription")
        return await shared_card_page(known, visit.dependencies, visit.repositories)
    urls = visit.way_back(f"/billing?{AFTER}={subscription.sequence}", "/billing")
    key = f"{subscription.id}/card/{visit.context(flow, fields.get(SEQUENCE, '')).key}"
    return await open_card_page(subscription, urls, key, visit.dependencies, visit.repositories)
