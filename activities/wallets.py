"""One wallet per customer, whoever opens it."""

import hashlib

from domain.payments import Wallet
from domain.ports import Records
from domain.provider import Wallets


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
    With *signing_up*, a subscription that is not written down yet, the sign-up takes its turn first.

    Raises:
        Rejected: code `unknown_customer`.
        GatewayRefused: the payment method is unknown or its bank declines it.
        GatewayUnavailable: the provider does not answer.
    """
    contact = await (records.take_turn(customer, signing_up) if signing_up else records.contact(customer))
    opening = f"{contact.email}\n{contact.name}\n{payment_method}".encode()
    new_key = f"{customer}/wallet/{hashlib.sha256(opening).hexdigest()[:16]}"
    wallet = await wallets.open_wallet(contact, payment_method, key=key if contact.customer_ref else new_key)
    kept = await records.remember_wallet(customer, wallet.customer_ref, signing_up)
    if kept == wallet.customer_ref:
        return wallet
    card = await wallets.put_card(kept, "", payment_method, key=key) if payment_method else None
    return Wallet(kept, card)


async def customer_ref(wallets: Wallets, records: Records, customer: str, *, key: str) -> str:
    """The customer's id at the provider, who gets a wallet without a card if they have none; raises as it does."""
    known = (await records.contact(customer)).customer_ref
    return known or (await open_wallet(wallets, records, customer, None, key=key)).customer_ref
