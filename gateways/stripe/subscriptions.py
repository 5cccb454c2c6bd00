"""Stripe subscriptions as agreements: listed for reconciliation, looked at and claimed for take-overs."""

from collections.abc import Iterator, Mapping
from typing import Any

import stripe
from stripe.params import SubscriptionListParams

from domain.provider.agreements import AgreedItem, Agreement, AgreementPage, AgreementState, KnownCustomer
from gateways.stripe import mapping as shapes
from gateways.stripe.base import LATEST, SUBSCRIPTION, StripeAccount
from gateways.stripe.errors import translated
from gateways.stripe.minimum_charges import SMALLEST_CHARGES

GOES_ON = "It goes on in Tenure as subscription "
"""In the comment of a cancellation, before that subscription's id: said in the same call, so that none lacks it."""

STATES: Mapping[str, AgreementState] = {
    "active": AgreementState.BILLING,
    "past_due": AgreementState.OWING,
    "trialing": AgreementState.IN_TRIAL,
    "incomplete": AgreementState.UNBEGUN,
    "canceled": AgreementState.ENDED,
    "incomplete_expired": AgreementState.ENDED,
}
"""Any other (`unpaid`, `paused`, what may come) has been stopped."""


class StripeAgreements(StripeAccount):
    """What there is of subscriptions at Stripe."""

    async def agreements(self, cursor: str | None, *, limit: int = 100) -> AgreementPage:
        params: SubscriptionListParams = {"limit": limit, "expand": [f"data.{LATEST}"]}
        if cursor is not None:
            params["starting_after"] = cursor
        with translated():
            listed = await self._api.subscriptions.list_async(params)
        found = tuple(agreement_of(each.to_dict()) for each in listed.data)
        return AgreementPage(found, found[-1].ref if listed.has_more and found else None)

    async def agreement(self, agreement_ref: str) -> Agreement | None:
        with translated():
            try:
                found = await self._api.subscriptions.retrieve_async(agreement_ref, {"expand": [LATEST]})
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise
                return None
        return agreement_of(found.to_dict())

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        with translated():
            try:
                found = (await self._api.customers.retrieve_async(customer_ref)).to_dict()
            except stripe.InvalidRequestError as error:
                if error.code != "resource_missing":
                    raise
                return None
        if found.get("deleted"):
            return None
        locales = found.get("preferred_locales") or [""]
        return KnownCustomer(
            found["id"], found.get("email") or "", found.get("name"), locales[0], found.get("metadata") or {}
        )

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        with translated():
            await self._api.subscriptions.update_async(
                agreement_ref, {"metadata": {SUBSCRIPTION: subscription}}, {"idempotency_key": key}
            )


def agreement_of(found: dict[str, Any]) -> Agreement:
    """A Stripe subscription whose newest invoice is expanded."""
    start, end = shapes.period(found)
    status = found.get("status") or ""
    ends_at = shapes.instant(found.get("cancel_at")) or (end if found.get("cancel_at_period_end") else None)
    return Agreement(
        ref=found["id"],
        customer_ref=shapes.id_of(found.get("customer")),
        state=STATES.get(status, AgreementState.STOPPED),
        items=tuple(_item(each) for each in found["items"]["data"]),
        created_at=shapes.moment(found["created"]),
        subscription=(found.get("metadata") or {}).get(SUBSCRIPTION) or "",
        is_held=bool(found.get("pause_collection")),
        ends_at=ends_at,
        trial_ends_at=shapes.instant(found.get("trial_end")) if status == "trialing" else None,
        period_start=start,
        period_end=end,
        latest=shapes.charge_of(found, found.get(LATEST)),
        ended_for=_ended_for(found),
        hindrances=tuple(_hindrances(found)),
    )


def _ended_for(found: dict[str, Any]) -> str:
    comment = (found.get("cancellation_details") or {}).get("comment") or ""
    return comment.removeprefix(GOES_ON) if comment.startswith(GOES_ON) else ""


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
        product_ref=shapes.id_of(price.get("product")),
        is_sold=price.get("active") is not False,
        is_by_use=shapes.is_by_use(price),
    )


def _hindrances(found: dict[str, Any]) -> Iterator[str]:
    yield from _of_collection(found)
    items = found["items"]
    prices = [each["price"] for each in items["data"]]
    if items.get("has_more"):
        yield "it has more items than a page shows"
    if (found.get("billing_mode") or {}).get("type") == "classic" and any(map(shapes.is_by_use, prices)):
        yield "its billing mode is classic, in which use is not billed when its item goes: migrate it to flexible first"
    if any(price.get("unit_amount") is None for price in prices):
        yield "an item has no fixed price"
    total = sum((each["price"].get("unit_amount") or 0) * (each.get("quantity") or 0) for each in items["data"])
    if 0 < total < SMALLEST_CHARGES.get(found.get("currency") or "", 0):
        yield "a period costs less than Stripe charges at once"


def _of_collection(found: dict[str, Any]) -> Iterator[str]:
    if found.get("collection_method") == "send_invoice":
        yield "its bills are sent, not charged to a card"
    if found.get("schedule"):
        yield "a subscription schedule changes it"
    if found.get("pending_update"):
        yield "a change of it waits for a payment"
    items = found["items"]["data"]
    if found.get("discounts") or any(each.get("discounts") for each in items):
        yield "it has a discount"
    if any(each.get("tax_rates") for each in items):
        # What is added later would be billed without.
        yield "an item has tax rates of its own: make them the subscription's default"
    if found.get("on_behalf_of") or found.get("transfer_data"):
        yield "its money goes to a connected account"
    if found.get("default_source"):
        yield "its card is a source, of the older kind: have the customer give it again"
    if found.get("status") == "trialing":
        yield from _of_trial(found)


def _of_trial(found: dict[str, Any]) -> Iterator[str]:
    """What is the subscription's own, and would be lost as the first payment makes a new one."""
    if (found.get("automatic_tax") or {}).get("enabled"):
        yield "Stripe works out its tax, and a trial of ours would be converted without"
    if found.get("default_tax_rates"):
        yield "it has tax rates, and a trial of ours would be converted without: run this again when it is paid for"
    if found.get("application_fee_percent"):
        yield "a fee is taken of it, and a trial of ours would be converted without"
