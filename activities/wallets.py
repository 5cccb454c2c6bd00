"""Customers' wallets at the provider, one each, and the cards in them: activities on the payments queue."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.errors import GatewayRefused
from domain.provider.payments import NO_SUCH_THING, Card, Wallet
from domain.provider.ports import Wallets
from domain.subscription.ports import Records

R = TypeVar("R")


@dataclass(frozen=True)
class CardRequest:
    """Put a card on file for a customer, who is created at the provider if needed."""

    customer: str
    customer_ref: str
    agreement_ref: str
    payment_method: str | None
    key: str
    signing_up: str = ""
    """The subscription that is not stored yet, for which the card is provided; empty: it is stored already."""


@dataclass(frozen=True)
class DeletedRequest:
    """A customer that the provider has deleted."""

    customer: str
    customer_ref: str


@dataclass(frozen=True)
class CheckoutRequest:
    customer: str
    customer_ref: str
    subscription: str
    success_url: str
    cancel_url: str
    key: str


@dataclass(frozen=True)
class AdoptRequest:
    session_ref: str
    agreement_ref: str
    newer_than: datetime | None = None
    key: str = ""
    """Empty: derived from the checkout alone, for workflows of an earlier release."""


async def open_wallet(
    wallets: Wallets,
    records: Records,
    customer: str,
    payment_method: str | None,
    *,
    key: str,
    signing_up: str = "",
) -> Wallet:
    """Returns the customer's wallet, the same for concurrent callers: sign-ups, a checkout, a portal.

    All create it under the same key at the provider, and the database keeps the first one stored.
    With *signing_up*, a subscription that is not stored yet, the sign-up first takes its turn, and the customer's
    existing default card stays.

    Raises:
        Rejected: code `unknown_customer`.
        GatewayRefused: the payment method is unknown or its bank declines it.
        GatewayUnavailable: the provider does not respond.
    """
    contact = await (records.take_turn(customer, signing_up) if signing_up else records.contact(customer))
    opening = f"{contact.email}\n{contact.name}\n{payment_method}".encode()
    new_key = f"{customer}/wallet/{hashlib.sha256(opening).hexdigest()[:16]}"

    async def opened(known: str, key: str) -> Wallet:
        owner = replace(contact, customer_ref=known)
        return await wallets.open_wallet(owner, payment_method, key=key, keeps_default=bool(signing_up))

    if contact.customer_ref:
        _, wallet = await call_with_wallet(wallets, records, customer, contact.customer_ref, opened, key)
    else:
        wallet = await opened("", new_key)
    kept = await records.remember_wallet(customer, wallet.customer_ref, signing_up)
    if kept == wallet.customer_ref:
        return wallet
    card = await wallets.put_card(kept, "", payment_method, key=key) if payment_method else None
    return Wallet(kept, card)


async def customer_ref(wallets: Wallets, records: Records, customer: str, *, key: str) -> str:
    """Returns the customer's provider id, creating a wallet without a card if needed; raises like `open_wallet`."""
    known = (await records.contact(customer)).customer_ref
    return known or (await open_wallet(wallets, records, customer, None, key=key)).customer_ref


async def recreated_if_deleted(wallets: Wallets, records: Records, customer: str, deleted_ref: str) -> str | None:
    """Recreates a customer whom the provider has deleted, once and without a card, and returns their new id.

    Returns None if the provider does not report them as deleted. Concurrent callers get the same id.

    Raises:
        GatewayRefused: the provider does not know the id: it may be another account's.
        GatewayUnavailable: the provider does not respond.
    """
    if not await wallets.is_deleted(deleted_ref):
        return None
    contact = await records.contact(customer)
    known = contact.customer_ref
    if known and known != deleted_ref:
        # Another caller has replaced it already; that one may be deleted as well by now.
        return await recreated_if_deleted(wallets, records, customer, known) or known
    again = await wallets.open_wallet(replace(contact, customer_ref=""), None, key=f"{customer}/again/{deleted_ref}")
    return await records.replace_wallet(customer, deleted_ref, again.customer_ref)


async def call_with_wallet(
    wallets: Wallets,
    records: Records,
    customer: str,
    reference: str,
    call: Callable[[str, str], Awaitable[R]],
    key: str,
) -> tuple[str, R]:
    """Calls *call* with a customer's wallet (its id and a key), or with a new one if it was deleted.

    Raises:
        GatewayRefused: *call* was refused and the customer was not deleted.
    """
    try:
        return reference, await call(reference, key)
    except GatewayRefused as error:
        if error.code != NO_SUCH_THING:
            raise
        again = await recreated_if_deleted(wallets, records, customer, reference)
        if again is None:
            raise
    return again, await call(again, f"{key}/again")


class WalletActivities:
    """The activities of customers' cards; one per worker."""

    def __init__(self, wallets: Wallets, records: Records) -> None:
        self._wallets = wallets
        self._records = records

    @activity.defn(name="put_card")
    async def put_card(self, request: CardRequest) -> Wallet:
        """Put the card in the customer's wallet. Idempotent by ``request.key`` at the provider."""
        with as_temporal_failures():
            if request.customer_ref and request.payment_method:
                reference, card = await self._put_card(request, request.payment_method)
                return Wallet(reference, card)
            return await open_wallet(
                self._wallets,
                self._records,
                request.customer,
                request.payment_method,
                key=request.key,
                signing_up=request.signing_up,
            )

    async def _put_card(self, request: CardRequest, payment_method: str) -> tuple[str, Card]:
        async def put(reference: str, key: str) -> Card:
            # When the provider deleted the customer, it ended the agreement as well.
            agreement_ref = request.agreement_ref if reference == request.customer_ref else ""
            return await self._wallets.put_card(reference, agreement_ref, payment_method, key=key)

        return await call_with_wallet(
            self._wallets, self._records, request.customer, request.customer_ref, put, request.key
        )

    @activity.defn(name="know_again")
    async def recreate_customer(self, request: DeletedRequest) -> str:
        """Returns the customer's new id after the provider deleted the known one. Idempotent by the deleted id."""
        with as_temporal_failures():
            again = await recreated_if_deleted(self._wallets, self._records, request.customer, request.customer_ref)
            return again or request.customer_ref

    @activity.defn(name="adopt_checkout")
    async def adopt_checkout(self, request: AdoptRequest) -> Wallet | None:
        """Put the card of a completed checkout on file. Idempotent by `request.key`, else by the checkout's id."""
        with as_temporal_failures():
            key = request.key or f"adopt/{request.session_ref}"
            return await self._wallets.adopt_checkout(
                request.session_ref, request.agreement_ref, request.newer_than, key=key
            )

    @activity.defn(name="open_checkout")
    async def open_checkout(self, request: CheckoutRequest) -> tuple[str, str]:
        """Returns the customer's provider id and the URL of their checkout page. Idempotent by ``request.key``."""
        with as_temporal_failures():
            reference = request.customer_ref or await customer_ref(
                self._wallets, self._records, request.customer, key=request.key
            )

            async def opened(known: str, key: str) -> str:
                urls = request.success_url, request.cancel_url
                return await self._wallets.open_checkout(known, request.subscription, *urls, key=key)

            return await call_with_wallet(
                self._wallets, self._records, request.customer, reference, opened, request.key
            )
