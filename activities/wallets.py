"""One wallet per customer, whoever opens it."""

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
    """The customer's one wallet, also when several ask for it at the same time: sign-ups, a checkout, a portal.

    All make it under the same key at the provider, and the database keeps whichever is written down first.
    With *signing_up*, a subscription that is not written down yet, the sign-up takes its turn first, and a card that
    the customer has stays the one that is charged.

    Raises:
        Rejected: code `unknown_customer`.
        GatewayRefused: the payment method is unknown or its bank declines it.
        GatewayUnavailable: the provider does not answer.
    """
    contact = await (records.take_turn(customer, signing_up) if signing_up else records.contact(customer))
    opening = f"{contact.email}\n{contact.name}\n{payment_method}".encode()
    new_key = f"{customer}/wallet/{hashlib.sha256(opening).hexdigest()[:16]}"

    async def opened(known: str, key: str) -> Wallet:
        asked = replace(contact, customer_ref=known)
        return await wallets.open_wallet(asked, payment_method, key=key, keeps_default=bool(signing_up))

    if contact.customer_ref:
        _, wallet = await at_wallet(wallets, records, customer, contact.customer_ref, opened, key)
    else:
        wallet = await opened("", new_key)
    kept = await records.remember_wallet(customer, wallet.customer_ref, signing_up)
    if kept == wallet.customer_ref:
        return wallet
    card = await wallets.put_card(kept, "", payment_method, key=key) if payment_method else None
    return Wallet(kept, card)


async def customer_ref(wallets: Wallets, records: Records, customer: str, *, key: str) -> str:
    """The customer's id at the provider, who gets a wallet without a card if they have none; raises as it does."""
    known = (await records.contact(customer)).customer_ref
    return known or (await open_wallet(wallets, records, customer, None, key=key)).customer_ref


async def known_again(wallets: Wallets, records: Records, customer: str, deleted_ref: str) -> str | None:
    """The id of a customer whom the provider has deleted: they are made known there again, once, without a card.

    None when the provider does not say that it deleted them. Whoever asks, also at the same time, gets the same one.

    Raises:
        GatewayRefused: the provider knows nobody of that id: it may be another account's.
        GatewayUnavailable: the provider does not answer.
    """
    if not await wallets.is_deleted(deleted_ref):
        return None
    contact = await records.contact(customer)
    known = contact.customer_ref
    if known and known != deleted_ref:
        # Somebody has been here before; that one may be deleted as well by now.
        return await known_again(wallets, records, customer, known) or known
    again = await wallets.open_wallet(replace(contact, customer_ref=""), None, key=f"{customer}/again/{deleted_ref}")
    return await records.replace_wallet(customer, deleted_ref, again.customer_ref)


async def at_wallet(
    wallets: Wallets, records: Records, customer: str, reference: str, use: Callable[[str, str], Awaitable[R]], key: str
) -> tuple[str, R]:
    """Do something with a customer's wallet (its id and a key are handed to *use*); with a new one if it was deleted.

    Raises:
        GatewayRefused: as *use* does, the customer not being deleted.
    """
    try:
        return reference, await use(reference, key)
    except GatewayRefused as error:
        again = await known_again(wallets, records, customer, reference) if error.code == NO_SUCH_THING else None
        if again is None:
            raise
    return again, await use(again, f"{key}/again")
