"""From what an agreement is to be about to the items of a Stripe subscription."""

from collections.abc import Collection, Sequence
from typing import Any

from domain.plans import Item
from gateways.stripe_account import StripeAccount


class StripeItems(StripeAccount):
    """Items: which stay, which get another price, which come and which go."""

    async def _item_changes(self, agreement: dict[str, Any], wanted: Sequence[Item]) -> list[dict[str, Any]]:
        """What makes the agreement one about *wanted*.

        What is there already keeps its price, even one that is not sold any more.
        """
        keys = {item.lookup_key for item in wanted}
        held = {_name(each, keys): each["id"] for each in agreement["items"]["data"]}
        spare = [reference for key, reference in held.items() if key not in keys]
        changes: list[dict[str, Any]] = []
        for item in wanted:
            if item.lookup_key in held:
                changes.append({"id": held[item.lookup_key], "quantity": item.quantity})
                continue
            change = {"price": await self._price(item.lookup_key), "quantity": item.quantity}
            # The old plan's item becomes the new plan's: one item lives as long as the agreement.
            changes.append({"id": spare.pop(0), **change} if spare else change)
        return [*changes, *({"id": reference, "deleted": True} for reference in spare)]


def _name(item: dict[str, Any], wanted: Collection[str]) -> str:
    """By which name an item is wanted: its price's id, as of what was taken over, else its lookup key.

    One that its price has lost to another names nothing that could be wanted.
    """
    price = item["price"]
    return str(price["id"] if price["id"] in wanted else price.get("lookup_key") or f"none/{item['id']}")
