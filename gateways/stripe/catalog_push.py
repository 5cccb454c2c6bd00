"""Pushes a catalog's products and prices to Stripe. A price is never changed: a new amount is a new version."""

from collections.abc import Iterator, Sequence
from typing import Any

import stripe
from stripe.params import PriceCreateParams, PriceCreateParamsRecurring

from domain.catalog.plans import Catalog
from domain.money import Money, formatted
from gateways.stripe import catalog_meters, mapping
from gateways.stripe.catalog_meters import Meters
from gateways.stripe.catalog_plan import Problem, PushStep, refuse
from gateways.stripe.catalog_prices import Offer, offers, unrepresentable
from gateways.stripe.errors import translated

LOOKUP_KEYS_PER_REQUEST = 10
"""Lookup keys that Stripe accepts per request."""
PRODUCTS_PER_REQUEST = 50
UNSPECIFIED = "unspecified"

Found = dict[str, dict[str, Any]]


async def push(client: stripe.StripeClient, catalog: Catalog, *, dry_run: bool = False) -> list[str]:
    """Creates what is missing and returns one line per step. Safe to repeat.

    A product's name follows the catalog. A price without subscribers whose tax behavior is unspecified gets the
    catalog's, once. If there is any problem, nothing is changed.

    Raises:
        GatewayRefused: with every problem. Stripe has another price under the same lookup key (code `price_in_use`), or
            has archived the price (`price_archived`) or its product (`product_archived`): raise the catalog's version.
            Or it has a meter of the same name with other settings (`meter_differs`), or cannot represent the price
            (`unrepresentable`). If the problems are of several kinds, the code is `catalog_refused`.
    """
    wanted = offers(catalog)
    refuse(
        [Problem("unrepresentable", message) for offer in wanted for message in dict.fromkeys(unrepresentable(offer))]
    )
    with translated():
        products = await _products(client, wanted)
        prices = await _prices(client, wanted)
        meters = await catalog_meters.found(client, wanted)
        in_use = await _in_use(client, [prices[each.lookup_key] for each in wanted if _lacks_tax(each, prices)])
    refuse(
        [
            problem
            for offer in wanted
            for problem in (
                *_problems(offer, products, prices, in_use),
                *catalog_meters.problems(offer, meters, prices.get(offer.lookup_key)),
            )
        ]
    )
    steps = list(_steps(client, wanted, products, prices, meters))
    done: list[str] = []
    for step in steps:
        if not dry_run:
            with translated():
                await step.run()
        done.append(step.summary)
    return done


async def _products(client: stripe.StripeClient, wanted: Sequence[Offer]) -> Found:
    ids = list(dict.fromkeys(offer.product for offer in wanted))
    found: Found = {}
    for start in range(0, len(ids), PRODUCTS_PER_REQUEST):
        some = ids[start : start + PRODUCTS_PER_REQUEST]
        listed = await client.v1.products.list_async({"ids": some, "limit": 100})
        found |= {product.id: product.to_dict() for product in listed.data}
    return found


async def _prices(client: stripe.StripeClient, wanted: Sequence[Offer]) -> Found:
    keys = [offer.lookup_key for offer in wanted]
    found: Found = {}
    for start in range(0, len(keys), LOOKUP_KEYS_PER_REQUEST):
        some = keys[start : start + LOOKUP_KEYS_PER_REQUEST]
        listed = await client.v1.prices.list_async({"lookup_keys": some, "limit": 100})
        found |= {str(price.lookup_key): price.to_dict() for price in listed.data}
    return found


async def _in_use(client: stripe.StripeClient, prices: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Ids of the prices that have subscribers."""
    ids = [price["id"] for price in prices]
    listed = [await client.v1.subscriptions.list_async({"price": each, "limit": 1}) for each in ids]
    return frozenset(each for each, found in zip(ids, listed, strict=True) if found.data)


def _problems(offer: Offer, products: Found, prices: Found, in_use: frozenset[str]) -> Iterator[Problem]:
    product, price = products.get(offer.product), prices.get(offer.lookup_key)
    if product is not None and not product["active"]:
        message = f"Stripe has archived the product {offer.product}: unarchive it there, or sell under another code"
        yield Problem("product_archived", message)
    if price is None:
        return
    there, asked = _terms(price), _wanted_terms(offer)
    if there != asked:
        message = (
            f"Stripe has {there} under {offer.lookup_key}, the catalog says {asked}. "
            "A price cannot be changed: raise the catalog's version"
        )
        yield Problem("price_in_use", message)
    elif mapping.id_of(price["product"]) != offer.product:
        message = (
            f"Stripe has {offer.lookup_key} as a price of product {mapping.id_of(price['product'])}, not of "
            f"{offer.product}: raise the catalog's version"
        )
        yield Problem("price_in_use", message)
    elif _tax_differs(offer, price):
        message = (
            f"Stripe has {offer.lookup_key} with tax {price['tax_behavior']}, the catalog says {offer.tax_behavior}. "
            "It cannot be changed: raise the catalog's version"
        )
        yield Problem("price_in_use", message)
    elif price["id"] in in_use:
        message = (
            f"Stripe has {offer.lookup_key} with no tax behavior and with subscribers, the catalog says "
            f"{offer.tax_behavior}: raise the catalog's version"
        )
        yield Problem("price_in_use", message)
    elif not price["active"]:
        message = (
            f"Stripe has archived the price {offer.lookup_key}: unarchive it there, or raise the catalog's version"
        )
        yield Problem("price_archived", message)


def _terms(price: dict[str, Any]) -> str:
    recurring = price.get("recurring")
    if recurring is None:
        return f"{_amount(price)} once"
    count = recurring.get("interval_count") or 1
    pace = f"a {recurring['interval']}" if count == 1 else f"every {count} {recurring['interval']}s"
    by_use = recurring.get("usage_type") == "metered"
    package = price.get("transform_quantity") or {}
    units = package.get("divide_by") or 1
    rounded = "" if package.get("round", "up") == "up" else ", rounded down"
    return f"{_amount(price)} {pace}{_by_use(units) if by_use or package else ''}{rounded}"


def _amount(price: dict[str, Any]) -> str:
    amount = price["unit_amount"]  # None where tiers or fractions of the minor unit decide
    return f"no fixed amount in {price['currency']}" if amount is None else formatted(Money(amount, price["currency"]))


def _by_use(units: int) -> str:
    return ", by use" if units == 1 else f", by use, for every {units}"


def _wanted_terms(offer: Offer) -> str:
    by_use = _by_use(offer.units) if offer.event_name else ""
    return f"{formatted(offer.price)} a {offer.interval}{by_use}"


def _tax(price: dict[str, Any]) -> str:
    return price.get("tax_behavior") or UNSPECIFIED


def _lacks_tax(offer: Offer, prices: Found) -> bool:
    """True if the price exists without a tax behavior and the catalog has one."""
    there = prices.get(offer.lookup_key)
    return there is not None and offer.tax_behavior is not None and _tax(there) == UNSPECIFIED


def _tax_differs(offer: Offer, price: dict[str, Any]) -> bool:
    return offer.tax_behavior is not None and _tax(price) not in (UNSPECIFIED, offer.tax_behavior)


def _steps(
    client: stripe.StripeClient, wanted: Sequence[Offer], products: Found, prices: Found, meters: Meters
) -> Iterator[PushStep]:
    # Meters first: usage prices refer to them.
    yield from catalog_meters.steps(client, wanted, meters)
    seen: set[str] = set()
    for offer in wanted:
        if offer.product not in seen:
            seen.add(offer.product)
            yield from _product_steps(client, offer, products.get(offer.product))
        yield from _price_steps(client, offer, prices.get(offer.lookup_key), meters)


def _product_steps(client: stripe.StripeClient, offer: Offer, there: dict[str, Any] | None) -> Iterator[PushStep]:
    name = offer.product_name
    if there is None:
        yield PushStep(
            f"product {offer.product} ({name})",
            lambda: client.v1.products.create_async(
                {"id": offer.product, "name": name}, {"idempotency_key": f"tenure/product/{offer.product}"}
            ),
        )
    elif there["name"] != name:
        # Without an idempotency key: under one key a name could not be changed and changed back within a day.
        yield PushStep(
            f"product {offer.product}: its name {there['name']!r} becomes {name!r}",
            lambda: client.v1.products.update_async(offer.product, {"name": name}),
        )


def _price_steps(
    client: stripe.StripeClient, offer: Offer, there: dict[str, Any] | None, meters: Meters
) -> Iterator[PushStep]:
    tax = offer.tax_behavior
    if there is None:
        taxed = f", tax {tax}" if tax is not None else ""
        by_use = _by_use(offer.units) if offer.event_name else ""
        summary = f"price {offer.lookup_key}: {formatted(offer.price)}{by_use}{taxed}"
        yield PushStep(summary, lambda: _make_price(client, offer, meters))
    elif tax is not None and _tax(there) == UNSPECIFIED:
        behavior = tax.value
        yield PushStep(
            f"price {offer.lookup_key}: its tax becomes {behavior}, permanently",
            lambda: client.v1.prices.update_async(there["id"], {"tax_behavior": behavior}),
        )


async def _make_price(client: stripe.StripeClient, offer: Offer, meters: Meters) -> None:
    recurring: PriceCreateParamsRecurring = {"interval": offer.interval.value}
    params: PriceCreateParams = {
        "product": offer.product,
        "lookup_key": offer.lookup_key,
        "unit_amount": offer.price.amount,
        "currency": offer.price.currency,
        "recurring": recurring,
    }
    key = f"tenure/price/{offer.lookup_key}/{offer.price.amount}{offer.price.currency}"
    if offer.event_name:
        recurring["usage_type"] = "metered"
        recurring["meter"] = meters[offer.event_name]["id"]
        key += f"/use/{offer.units}"
    if offer.units > 1:
        params["transform_quantity"] = {"divide_by": offer.units, "round": "up"}
    if offer.tax_behavior is not None:
        params["tax_behavior"] = offer.tax_behavior.value
        key += f"/{offer.tax_behavior}"
    await client.v1.prices.create_async(params, {"idempotency_key": key})
