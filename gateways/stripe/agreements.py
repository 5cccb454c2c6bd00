"""Stripe subscriptions as agreements: listed for reconciliation, inspected and claimed for imports."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import stripe
from stripe.params import InvoiceListParams, SubscriptionListParams, SubscriptionListParamsCreated

from domain.provider.agreements import (
    ALL_AGREEMENTS,
    AgreedItem,
    Agreement,
    AgreementFilter,
    AgreementPage,
    AgreementState,
)
from domain.provider.payments import Invoice
from gateways.stripe import mapping, metadata
from gateways.stripe.billing import LATEST
from gateways.stripe.errors import MISSING, translated
from gateways.stripe.minimum_charges import SMALLEST_CHARGES

CONTINUES_AS = "It goes on in Tenure as subscription "
"""Prefix of a cancellation comment, before our subscription's id. Set in the same call, so that none lacks it."""

STATES: Mapping[str, AgreementState] = {
    "active": AgreementState.BILLING,
    "past_due": AgreementState.OWING,
    "trialing": AgreementState.IN_TRIAL,
    "incomplete": AgreementState.UNBEGUN,
    "canceled": AgreementState.ENDED,
    "incomplete_expired": AgreementState.ENDED,
}
"""Any other status (`unpaid`, `paused`, future ones) counts as stopped."""


class StripeAgreements:
    """The port `Agreements`."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        params: SubscriptionListParams = {"limit": limit, "expand": [f"data.{LATEST}"], **_filter(among)}
        if cursor is not None:
            params["starting_after"] = cursor
        with translated():
            listed = await self._api.subscriptions.list_async(params)
        found = tuple(agreement_of(each.to_dict()) for each in listed.data)
        return AgreementPage(found, found[-1].ref if listed.has_more and found else None)

    async def find(self, agreement_ref: str) -> Agreement | None:
        with translated():
            try:
                found = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            except stripe.InvalidRequestError as error:
                if error.code != MISSING:
                    raise
                return None
        return agreement_of(found.to_dict())

    async def invoices(self, agreement_ref: str, customer_ref: str, since: datetime) -> Sequence[Invoice]:
        # By the customer: invoices of our own for a change are not of the Stripe subscription.
        params: InvoiceListParams = {"customer": customer_ref, "created": {"gte": int(since.timestamp())}, "limit": 100}
        with translated():
            listed = await self._api.invoices.list_async(params)
            found = [each.to_dict() async for each in listed.auto_paging_iter()]
        its = [each for each in found if mapping.agreement_of_invoice(each) == agreement_ref]
        return [mapping.invoice_of(each) for each in reversed(its) if each.get("status") != "draft"]

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        with translated():
            await self._api.subscriptions.update_async(
                agreement_ref, {"metadata": {metadata.SUBSCRIPTION: subscription}}, {"idempotency_key": key}
            )


def _filter(among: AgreementFilter) -> SubscriptionListParams:
    params: SubscriptionListParams = {}
    made: SubscriptionListParamsCreated = {}
    if among.made_since is not None:
        made["gte"] = math.floor(among.made_since.timestamp())
    if among.made_before is not None:
        made["lt"] = math.ceil(among.made_before.timestamp())
    if made:
        params["created"] = made
    if among.begun_since is not None:
        params["current_period_start"] = {"gte": math.floor(among.begun_since.timestamp())}
    return params


def agreement_of(found: dict[str, Any]) -> Agreement:
    """Maps a Stripe subscription whose latest invoice is expanded."""
    start, end = mapping.period(found)
    status = found.get("status") or ""
    ends_at = mapping.instant(found.get("cancel_at")) or (end if found.get("cancel_at_period_end") else None)
    return Agreement(
        ref=found["id"],
        customer_ref=mapping.id_of(found.get("customer")),
        state=STATES.get(status, AgreementState.STOPPED),
        items=tuple(_item(each) for each in found["items"]["data"]),
        created_at=mapping.moment(found["created"]),
        subscription=mapping.note(found, metadata.SUBSCRIPTION),
        is_held=bool(found.get("pause_collection")),
        ends_at=ends_at,
        trial_ends_at=mapping.instant(found.get("trial_end")) if status == "trialing" else None,
        period_start=start,
        period_end=end,
        latest=mapping.charge_of(found, found.get(LATEST)),
        ended_for=_ended_for(found),
        hindrances=tuple(_hindrances(found)),
    )


def _ended_for(found: dict[str, Any]) -> str:
    comment = (found.get("cancellation_details") or {}).get("comment") or ""
    return comment.removeprefix(CONTINUES_AS) if comment.startswith(CONTINUES_AS) else ""


def _item(found: dict[str, Any]) -> AgreedItem:
    price = found["price"]
    recurring = price.get("recurring") or {}
    return AgreedItem(
        price_ref=price["id"],
        lookup_key=price.get("lookup_key") or "",
        quantity=found.get("quantity") or 0,
        unit_amount=price.get("unit_amount"),
        currency=price.get("currency") or "",
        interval=recurring.get("interval") or "",
        interval_count=recurring.get("interval_count") or 1,
        is_sold=price.get("active") is not False,
        is_by_use=mapping.is_by_use(price),
    )


def _hindrances(found: dict[str, Any]) -> Iterator[str]:
    yield from _collection_hindrances(found)
    items = found["items"]
    prices = [each["price"] for each in items["data"]]
    if items.get("has_more"):
        yield "it has more items than fit on one page"
    if (found.get("billing_mode") or {}).get("type") == "classic" and any(map(mapping.is_by_use, prices)):
        yield "its billing mode is classic, which drops the usage of removed items: migrate it to flexible first"
    if any(price.get("unit_amount") is None for price in prices):
        yield "an item has no fixed price"
    total = sum((each["price"].get("unit_amount") or 0) * (each.get("quantity") or 0) for each in items["data"])
    if 0 < total < SMALLEST_CHARGES.get(found.get("currency") or "", 0):
        yield "a period costs less than the smallest amount that Stripe charges"


def _collection_hindrances(found: dict[str, Any]) -> Iterator[str]:
    if found.get("collection_method") == "send_invoice":
        yield "its invoices are sent, not charged to a card"
    if found.get("schedule"):
        yield "a subscription schedule changes it"
    if found.get("pending_update"):
        yield "a pending change waits for a payment"
    items = found["items"]["data"]
    if found.get("discounts") or any(each.get("discounts") for each in items):
        yield "it has a discount"
    if any(each.get("tax_rates") for each in items):
        # Items added later would be billed without them.
        yield "an item has its own tax rates: make them the subscription's default"
    if found.get("on_behalf_of") or found.get("transfer_data"):
        yield "its money goes to a connected account"
    if found.get("default_source"):
        yield "its card is a legacy source: ask the customer to enter it again"
    if found.get("status") == "trialing":
        yield from _trial_hindrances(found)


def _trial_hindrances(found: dict[str, Any]) -> Iterator[str]:
    """Settings of the subscription that are lost when the first payment creates a new one."""
    if (found.get("automatic_tax") or {}).get("enabled"):
        yield "Stripe calculates its tax, which the conversion of a trial would lose"
    if found.get("default_tax_rates"):
        yield "it has tax rates, which the conversion of a trial would lose: run this again once it is paid for"
    if found.get("application_fee_percent"):
        yield "it has an application fee, which the conversion of a trial would lose"
