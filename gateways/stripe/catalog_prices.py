"""A catalog's prices as Stripe should have them, and what Stripe cannot represent."""

from collections.abc import Iterator
from dataclasses import dataclass

from domain.catalog.plans import AddOn, Catalog, Interval, Plan, TaxBehavior
from domain.money import DECIMALS, Money, formatted, max_amount, step
from domain.provider.overage_usage import event_name

MAX_LOOKUP_KEY_LENGTH = 200
MAX_NAME_LENGTH = 250
MAX_EVENT_NAME_LENGTH = 100
_ID_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


@dataclass(frozen=True)
class Offer:
    """One price as Stripe should have it."""

    product: str
    product_name: str
    lookup_key: str
    interval: Interval
    price: Money
    tax_behavior: TaxBehavior | None = None
    event_name: str = ""
    """The meter event that counts the usage; empty for a price paid in advance."""
    counted: str = ""
    """What is counted, as shown to people."""
    units: int = 1
    """The number of units that one price covers."""


def offers(catalog: Catalog) -> list[Offer]:
    """Every price of a catalog: plans, add-ons, and usage beyond the plans' limits."""
    sold: list[Plan | AddOn] = [*catalog.plans.values(), *catalog.add_ons.values()]
    paid_in_advance = [
        Offer(
            product=f"{catalog.product}_{one.code}",
            product_name=one.name,
            lookup_key=catalog.lookup_key(one.code, interval),
            interval=interval,
            price=price,
            tax_behavior=catalog.tax_behavior,
        )
        for one in sold
        for interval, price in one.prices.items()
    ]
    return [*paid_in_advance, *_by_use(catalog)]


def _by_use(catalog: Catalog) -> Iterator[Offer]:
    for plan in catalog.plans.values():
        for feature, overage in plan.overage.items():
            name = catalog.features[feature].name
            for interval in plan.prices:
                yield Offer(
                    product=f"{catalog.product}_{feature}_overage",
                    product_name=f"{name} beyond the plan",
                    lookup_key=catalog.overage_key(plan.code, feature, interval),
                    interval=interval,
                    price=overage.price,
                    tax_behavior=catalog.tax_behavior,
                    event_name=event_name(catalog.product, feature),
                    counted=name,
                    units=overage.units,
                )


def unrepresentable(offer: Offer) -> Iterator[str]:
    """Why Stripe cannot represent an offer, one text per reason."""
    if set(offer.product) - _ID_LETTERS:
        yield f"the product id {offer.product!r} has characters other than letters, digits, _ and -"
    if not 0 < len(offer.product_name) <= MAX_NAME_LENGTH:
        yield f"the name of product {offer.product} is empty or longer than {MAX_NAME_LENGTH} characters"
    if len(offer.lookup_key) > MAX_LOOKUP_KEY_LENGTH:
        yield f"the lookup key {offer.lookup_key[:40]}… is longer than {MAX_LOOKUP_KEY_LENGTH} characters"
    if len(offer.event_name) > MAX_EVENT_NAME_LENGTH:
        yield f"the meter {offer.event_name[:40]}… has a name longer than {MAX_EVENT_NAME_LENGTH} characters"
    amount, currency = offer.price.amount, offer.price.currency
    if currency not in DECIMALS:
        yield f"{offer.lookup_key} is in {currency!r}, a currency that Stripe does not charge"
    if not 0 < amount <= max_amount(currency):
        least, most = formatted(Money(1, currency)), formatted(Money(max_amount(currency), currency))
        yield f"{offer.lookup_key} costs {formatted(offer.price)}; Stripe accepts {least} to {most}"
    elif amount % step(currency):
        yield f"{offer.lookup_key} costs {amount} minor units; Stripe accepts multiples of {step(currency)} {currency}"
