"""Ensures one wallet per customer at the provider."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from domain.errors import GatewayRefused
from domain.provider.payments import NO_SUCH_THING, Wallet
from domain.provider.ports import Wallets
from domain.subscription.ports import Records

R = TypeVar("R")


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
