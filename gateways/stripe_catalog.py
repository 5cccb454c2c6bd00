"""Bringing a catalog's products and prices to Stripe. A price is never changed: a new amount is a new version."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import stripe

from domain.errors import GatewayRefused
from domain.plans import Catalog
from gateways import stripe_shapes as shapes
from gateways.stripe_errors import translated
from gateways.stripe_offers import Offer, offers, unrepresentable

KEYS_AT_ONCE = 10
"""Lookup keys that Stripe takes in one question."""
PRODUCTS_AT_ONCE = 50
UNSPECIFIED = "unspecified"

Found = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Problem:
    code: str
    words: str


@dataclass(frozen=True)
class _Deed:
    """One thing to do, and the line that tells of it."""

    words: str
    do: Callable[[], Awaitable[object]]


async def push(client: stripe.StripeClient, catalog: Catalog, *, dry_run: bool = False) -> list[str]:
    """Make what is missing and return a line for each thing done; safe to repeat.

    A product's name follows the catalog, and a price to which nobody is subscribed and of which nothing was said about
    tax is told it once. Nothing is done when anything is wrong.

    Raises:
        GatewayRefused: with all that is wrong. Stripe has another price under the same lookup key (code
            `price_in_use`), has archived it (`price_archived`) or its product (`product_archived`): raise the
            catalog's version. Or it could not have such a price at all (`unrepresentable`). Of several kinds at once
            the code is `catalog_refused`.
    """
    wanted = offers(catalog)
    _refuse([_Problem("unrepresentable", words) for offer in wanted for words in dict.fromkeys(unrepresentable(offer))])
    with translated():
        products = await _products(client, wanted)
        prices = await _prices(client, wanted)
        in_use = await _in_use(client, [prices[each.lookup_key] for each in wanted if _is_untold(each, prices)])
    _refuse([problem for offer in wanted for problem in _problems(offer, products, prices, in_use)])
    deeds = list(_deeds(client, wanted, products, prices))
    done: list[str] = []
    for deed in deeds:
        if not dry_run:
            with translated():
                await deed.do()
        done.append(deed.words)
    return done


def _refuse(problems: Sequence[_Problem]) -> None:
    told = list(dict.fromkeys(problems))
    if not told:
        return
    codes = {problem.code for problem in told}
    code = codes.pop() if len(codes) == 1 else "catalog_refused"
    if len(told) == 1:
        raise GatewayRefused(told[0].words, code=code)
    lines = "".join(f"\n  {problem.words}" for problem in told)
    raise GatewayRefused(f"{len(told)} things are in the way, and nothing was done:{lines}", code=code)


async def _products(client: stripe.StripeClient, wanted: Sequence[Offer]) -> Found:
    ids = list(dict.fromkeys(offer.product for offer in wanted))
    found: Found = {}
    for start in range(0, len(ids), PRODUCTS_AT_ONCE):
        some = ids[start : start + PRODUCTS_AT_ONCE]
        listed = await client.v1.products.list_async({"ids": some, "limit": 100})
        found |= {product.id: product.to_dict() for product in listed.data}
    return found


async def _prices(client: stripe.StripeClient, wanted: Sequence[Offer]) -> Found:
    keys = [offer.lookup_key for offer in wanted]
    found: Found = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = keys[start : start + KEYS_AT_ONCE]
        listed = await client.v1.prices.list_async({"lookup_keys": some, "limit": 100})
        found |= {str(price.lookup_key): price.to_dict() for price in listed.data}
    return found


async def _in_use(client: stripe.StripeClient, prices: Sequence[dict[str, Any]]) -> frozenset[str]:
    """Ids of those prices to which somebody is subscribed."""
    ids = [price["id"] for price in prices]
    listed = [await client.v1.subscriptions.list_async({"price": each, "limit": 1}) for each in ids]
    return frozenset(each for each, found in zip(ids, listed, strict=True) if found.data)


def _problems(offer: Offer, products: Found, prices: Found, in_use: frozenset[str]) -> Iterator[_Problem]:
    product, price = products.get(offer.product), prices.get(offer.lookup_key)
    if product is not None and not product["active"]:
        words = f"Stripe has archived the product {offer.product}: unarchive it there, or sell under another code"
        yield _Problem("product_archived", words)
    if price is None:
        return
    there, asked = _terms(price), _wanted_terms(offer)
    if there != asked:
        words = (
            f"Stripe has {there} under {offer.lookup_key}, the catalog says {asked}: "
            "prices are never changed, raise the catalog's version"
        )
        yield _Problem("price_in_use", words)
    elif shapes.id_of(price["product"]) != offer.product:
        words = (
            f"Stripe has {offer.lookup_key} as a price of product {shapes.id_of(price['product'])}, not of "
            f"{offer.product}: raise the catalog's version"
        )
        yield _Problem("price_in_use", words)
    elif _tax_differs(offer, price):
        words = (
            f"Stripe has {offer.lookup_key} with tax {price['tax_behavior']}, the catalog says {offer.tax_behavior}: "
            "that is never changed, raise the catalog's version"
        )
        yield _Problem("price_in_use", words)
    elif price["id"] in in_use:
        words = (
            f"Stripe has {offer.lookup_key} without a word on tax and somebody is subscribed to it, the catalog says "
            f"{offer.tax_behavior}: raise the catalog's version"
        )
        yield _Problem("price_in_use", words)
    elif not price["active"]:
        words = f"Stripe has archived the price {offer.lookup_key}: unarchive it there, or raise the catalog's version"
        yield _Problem("price_archived", words)


def _terms(price: dict[str, Any]) -> str:
    recurring = price.get("recurring")
    if recurring is None:
        return f"{price['unit_amount']} {price['currency']} once"
    count = recurring.get("interval_count") or 1
    pace = f"a {recurring['interval']}" if count == 1 else f"every {count} {recurring['interval']}s"
    by_use = ", by use" if recurring.get("usage_type") == "metered" else ""
    return f"{price['unit_amount']} {price['currency']} {pace}{by_use}"


def _wanted_terms(offer: Offer) -> str:
    return f"{offer.price.amount} {offer.price.currency} a {offer.interval}"


def _tax(price: dict[str, Any]) -> str:
    return price.get("tax_behavior") or UNSPECIFIED


def _is_untold(offer: Offer, prices: Found) -> bool:
    """Whether the price is there, and nothing was said of a tax of which the catalog says something."""
    there = prices.get(offer.lookup_key)
    return there is not None and offer.tax_behavior is not None and _tax(there) == UNSPECIFIED


def _tax_differs(offer: Offer, price: dict[str, Any]) -> bool:
    return offer.tax_behavior is not None and _tax(price) not in (UNSPECIFIED, offer.tax_behavior)


def _deeds(client: stripe.StripeClient, wanted: Sequence[Offer], products: Found, prices: Found) -> Iterator[_Deed]:
    seen: set[str] = set()
    for offer in wanted:
        if offer.product not in seen:
            seen.add(offer.product)
            yield from _of_product(client, offer, products.get(offer.product))
        yield from _of_price(client, offer, prices.get(offer.lookup_key))


def _of_product(client: stripe.StripeClient, offer: Offer, there: dict[str, Any] | None) -> Iterator[_Deed]:
    name = offer.product_name
    if there is None:
        yield _Deed(
            f"product {offer.product} ({name})",
            lambda: client.v1.products.create_async(
                {"id": offer.product, "name": name}, {"idempotency_key": f"tenure/product/{offer.product}"}
            ),
        )
    elif there["name"] != name:
        # Without a key of ours: under the same one a name could not be changed there and back within a day.
        yield _Deed(
            f"product {offer.product}: its name {there['name']!r} becomes {name!r}",
            lambda: client.v1.products.update_async(offer.product, {"name": name}),
        )


def _of_price(client: stripe.StripeClient, offer: Offer, there: dict[str, Any] | None) -> Iterator[_Deed]:
    tax = offer.tax_behavior
    if there is None:
        taxed = f", tax {tax}" if tax is not None else ""
        words = f"price {offer.lookup_key}: {offer.price.amount} {offer.price.currency}{taxed}"
        yield _Deed(words, lambda: _make_price(client, offer))
    elif tax is not None and _tax(there) == UNSPECIFIED:
        behavior = tax.value
        yield _Deed(
            f"price {offer.lookup_key}: its tax becomes {behavior}, once and for all",
            lambda: client.v1.prices.update_async(there["id"], {"tax_behavior": behavior}),
        )


async def _make_price(client: stripe.StripeClient, offer: Offer) -> None:
    params: dict[str, Any] = {
        "product": offer.product,
        "lookup_key": offer.lookup_key,
        "unit_amount": offer.price.amount,
        "currency": offer.price.currency,
        "recurring": {"interval": offer.interval.value},
    }
    key = f"tenure/price/{offer.lookup_key}/{offer.price.amount}{offer.price.currency}"
    if offer.tax_behavior is not None:
        params["tax_behavior"] = offer.tax_behavior.value
        key += f"/{offer.tax_behavior}"
    await client.v1.prices.create_async(params, {"idempotency_key": key})  # type: ignore[arg-type]
