"""Bringing a catalog's products and prices to Stripe. A price is never changed: a new amount is a new version."""

from dataclasses import dataclass

import stripe

from domain.errors import GatewayRefused
from domain.money import Money
from domain.plans import AddOn, Catalog, Interval, Plan
from gateways.stripe_errors import translated


@dataclass(frozen=True)
class Offer:
    """One price as Stripe is to have it."""

    product: str
    product_name: str
    lookup_key: str
    interval: Interval
    price: Money


def offers(catalog: Catalog) -> list[Offer]:
    """Every price of a catalog, plans first."""
    sold: list[Plan | AddOn] = [*catalog.plans.values(), *catalog.add_ons.values()]
    return [
        Offer(f"{catalog.product}_{one.code}", one.name, catalog.lookup_key(one.code, interval), interval, price)
        for one in sold
        for interval, price in one.prices.items()
    ]


async def push(client: stripe.StripeClient, catalog: Catalog, *, dry_run: bool = False) -> list[str]:
    """Make what is missing and return a line for each thing made; safe to repeat.

    Raises:
        GatewayRefused: Stripe has another price under the same lookup key, or has archived it; raise the catalog's
            version.
    """
    done: list[str] = []
    products: set[str] = set()
    for offer in offers(catalog):
        with translated():
            if offer.product not in products and not await _has_product(client, offer.product):
                done.append(f"product {offer.product} ({offer.product_name})")
                if not dry_run:
                    await client.v1.products.create_async(
                        {"id": offer.product, "name": offer.product_name},
                        {"idempotency_key": f"tenure/product/{offer.product}"},
                    )
            products.add(offer.product)
            if not await _has_price(client, offer):
                done.append(f"price {offer.lookup_key}: {offer.price.amount} {offer.price.currency}")
                if not dry_run:
                    await _make_price(client, offer)
    return done


async def _has_product(client: stripe.StripeClient, product: str) -> bool:
    try:
        await client.v1.products.retrieve_async(product)
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise
        return False
    return True


async def _has_price(client: stripe.StripeClient, offer: Offer) -> bool:
    found = await client.v1.prices.list_async({"lookup_keys": [offer.lookup_key]})
    if not found.data:
        return False
    price = found.data[0]
    there = (price.unit_amount, price.currency, price.recurring.interval if price.recurring else "once")
    wanted = (offer.price.amount, offer.price.currency, offer.interval.value)
    if there != wanted:
        raise GatewayRefused(
            f"Stripe has {_in_words(*there)} under {offer.lookup_key}, the catalog says {_in_words(*wanted)}: "
            "prices are never changed, raise the catalog's version",
            code="price_in_use",
        )
    if not price.active:
        raise GatewayRefused(
            f"Stripe has archived the price {offer.lookup_key}: unarchive it there, or raise the catalog's version",
            code="price_archived",
        )
    return True


def _in_words(amount: int | None, currency: str, interval: str) -> str:
    return f"{amount} {currency} a {interval}" if interval != "once" else f"{amount} {currency} once"


async def _make_price(client: stripe.StripeClient, offer: Offer) -> None:
    await client.v1.prices.create_async(
        {
            "product": offer.product,
            "lookup_key": offer.lookup_key,
            "unit_amount": offer.price.amount,
            "currency": offer.price.currency,
            "recurring": {"interval": offer.interval.value},
        },
        {"idempotency_key": f"tenure/price/{offer.lookup_key}/{offer.price.amount}{offer.price.currency}"},
    )
