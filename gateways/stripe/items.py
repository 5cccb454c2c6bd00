"""From what an agreement is to be about to the items of a Stripe subscription."""

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

from domain.catalog.plans import Item
from gateways.stripe import mapping as shapes
from gateways.stripe.base import StripeAccount
from gateways.stripe.errors import is_about_price

T = TypeVar("T")
MOST_REPRICED = 1_000
"""Keys that are remembered; one that is forgotten is refused by Stripe, and the workflow tries again under its next."""


@dataclass(frozen=True)
class ItemChange:
    """What becomes of one item of a subscription; Stripe takes it in a change and in a preview of one alike."""

    ref: str = ""
    """Of an item that is there; empty for a new one."""
    price: str = ""
    quantity: int = 0
    deleted: bool = False

    def made(self) -> SubscriptionUpdateParamsItem:
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

    def previewed(self) -> PreviewedItem:
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


class StripeItems(StripeAccount):
    """Items: which stay, which get another price, which come and which go."""

    async def _item_changes(self, agreement: dict[str, Any], wanted: Sequence[Item]) -> list[ItemChange]:
        """What makes the agreement one about *wanted*.

        What is there already keeps its price, even one that is not sold any more.
        """
        keys = {item.lookup_key for item in wanted}
        held = {_name(each, keys): each for each in agreement["items"]["data"]}
        gone = [each for key, each in held.items() if key not in keys]
        # What is billed by use is never made another: what was used of it is billed as it goes.
        spare = [each["id"] for each in gone if not shapes.is_by_use(each["price"])]
        changes: list[ItemChange] = []
        for item in wanted:
            if item.lookup_key not in held:
                # The old plan's item becomes the new plan's: one item lives as long as the agreement.
                ref = spare.pop(0) if spare and item.quantity else ""
                changes.append(ItemChange(ref, await self._price(item.lookup_key), item.quantity))
            elif item.quantity:
                changes.append(ItemChange(held[item.lookup_key]["id"], quantity=item.quantity))
        kept = {change.ref for change in changes}
        return [*changes, *(ItemChange(each["id"], deleted=True) for each in gone if each["id"] not in kept)]

    async def _at_current_prices(self, ask: Callable[[str], Awaitable[T]], *, key: str) -> T:
        """What *ask* comes to under a key; once more, under another, when Stripe has other prices by now than we know.

        Under the first one Stripe keeps the refusal of what was asked then; the attempts that follow leave it alone.
        """
        if key not in self._repriced:
            try:
                return await ask(key)
            except stripe.InvalidRequestError as error:
                if not is_about_price(error):
                    raise
            if len(self._repriced) >= MOST_REPRICED:
                self._repriced.clear()
            self._repriced |= {key} - {""}
            self._prices.clear()
        return await ask(f"{key}/repriced")

    async def _items(self, wanted: Sequence[Item]) -> list[SubscriptionCreateParamsItem]:
        """The items of an agreement that is to come about."""
        return [_terms(await self._price(item.lookup_key), item) for item in wanted]

    async def _new_items(self, wanted: Sequence[Item]) -> list[ItemChange]:
        """The same of a preview of one."""
        return [ItemChange(price=await self._price(item.lookup_key), quantity=item.quantity) for item in wanted]


def _terms(price: str, item: Item) -> SubscriptionCreateParamsItem:
    """Of what is billed by use Stripe takes no quantity."""
    return {"price": price, "quantity": item.quantity} if item.quantity else {"price": price}


def _name(item: dict[str, Any], wanted: Collection[str]) -> str:
    """By which name an item is wanted: its price's id, as of what was taken over, else its lookup key.

    One that its price has lost to another names nothing that could be wanted.
    """
    price = item["price"]
    return str(price["id"] if price["id"] in wanted else price.get("lookup_key") or f"none/{item['id']}")
