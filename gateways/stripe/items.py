"""Maps the items of an agreement to the items and prices of a Stripe subscription."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import stripe
from stripe.params import (
    InvoiceCreatePreviewParamsSubscriptionDetailsItem as PreviewedItem,
)
from stripe.params import (
    SubscriptionCreateParamsItem,
    SubscriptionUpdateParamsItem,
)

from domain.catalog.plans import Item, is_lookup_key
from domain.errors import GatewayRefused
from gateways.stripe import mapping
from gateways.stripe.errors import is_about_price, translated

T = TypeVar("T")
MAX_REPRICED_KEYS = 1_000
"""Keys remembered at most. Stripe refuses a forgotten key, and the workflow continues with the next one."""


@dataclass(frozen=True)
class ItemChange:
    """A change to one item of a subscription, for an update and for a preview alike."""

    ref: str = ""
    """The id of an existing item; empty for a new one."""
    price: str = ""
    quantity: int = 0
    deleted: bool = False

    def as_update(self) -> SubscriptionUpdateParamsItem:
        change: SubscriptionUpdateParamsItem = {}
        if self.ref:
            change["id"] = self.ref
        if self.price:
            change["price"] = self.price
        if self.quantity:
            change["quantity"] = self.quantity
        if self.deleted:
            change["deleted"] = True
        return change

    def as_preview(self) -> PreviewedItem:
        change: PreviewedItem = {}
        if self.ref:
            change["id"] = self.ref
        if self.price:
            change["price"] = self.price
        if self.quantity:
            change["quantity"] = self.quantity
        if self.deleted:
            change["deleted"] = True
        return change


class StripeItems:
    """Items by the ids of Stripe's prices: which stay, get another price, are added or removed."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._api = client.v1
        self._prices: dict[str, str] = {}
        self._repriced: set[str] = set()
        """Keys under which we asked for a price that Stripe no longer had."""

    async def price(self, lookup_key: str) -> str:
        """The id of an active price. Anything that is not a catalog's lookup key is taken as an id."""
        if not is_lookup_key(lookup_key):
            return lookup_key
        known = self._prices.get(lookup_key)
        if known is not None:
            return known
        with translated():
            found = await self._api.prices.list_async({"lookup_keys": [lookup_key], "active": True})
        if not found.data:
            raise GatewayRefused(
                f"Stripe has no active price {lookup_key!r}: run `tenure catalog push`", code="unknown_price"
            )
        price: str = found.data[0].id
        self._prices[lookup_key] = price
        return price

    async def changes(self, agreement: dict[str, Any], wanted: Sequence[Item]) -> list[ItemChange]:
        """The changes that give the agreement the items *wanted*.

        Existing items keep their price, even one that is no longer sold.
        """
        keys = {item.lookup_key for item in wanted}
        held = {_name(each, keys): each for each in agreement["items"]["data"]}
        gone = [each for key, each in held.items() if key not in keys]
        # A metered item is never turned into another one: its usage is billed when it is removed.
        spare = [each["id"] for each in gone if not mapping.is_by_use(each["price"])]
        changes: list[ItemChange] = []
        for item in wanted:
            if item.lookup_key not in held:
                # The old plan's item becomes the new plan's: one item lives as long as the agreement.
                ref = spare.pop(0) if spare and item.quantity else ""
                changes.append(ItemChange(ref, await self.price(item.lookup_key), item.quantity))
            elif item.quantity:
                changes.append(ItemChange(held[item.lookup_key]["id"], quantity=item.quantity))
        kept = {change.ref for change in changes}
        return [*changes, *(ItemChange(each["id"], deleted=True) for each in gone if each["id"] not in kept)]

    async def at_current_prices(self, ask: Callable[[str], Awaitable[T]], *, key: str) -> T:
        """Returns what *ask* returns under a key. If Stripe's prices have changed, asks again under another key.

        Stripe keeps the refusal under the first key; later attempts skip that key.
        """
        if key not in self._repriced:
            try:
                return await ask(key)
            except stripe.InvalidRequestError as error:
                if not is_about_price(error):
                    raise
            if len(self._repriced) >= MAX_REPRICED_KEYS:
                self._repriced.clear()
            self._repriced |= {key} - {""}
            self._prices.clear()
        return await ask(f"{key}/repriced")

    async def new(self, wanted: Sequence[Item]) -> list[SubscriptionCreateParamsItem]:
        """The items of a new agreement."""
        return [_terms(await self.price(item.lookup_key), item) for item in wanted]

    async def new_for_preview(self, wanted: Sequence[Item]) -> list[ItemChange]:
        """The items of a preview of a new agreement."""
        return [ItemChange(price=await self.price(item.lookup_key), quantity=item.quantity) for item in wanted]


def _terms(price: str, item: Item) -> SubscriptionCreateParamsItem:
    """Metered prices take no quantity."""
    return {"price": price, "quantity": item.quantity} if item.quantity else {"price": price}


def _name(item: dict[str, Any], wanted: Collection[str]) -> str:
    """The name under which an item may be wanted: its price's id if it was imported, else its lookup key.

    An item whose price has lost its lookup key matches nothing.
    """
    price = item["price"]
    return str(price["id"] if price["id"] in wanted else price.get("lookup_key") or f"none/{item['id']}")
