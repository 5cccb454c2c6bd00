"""The ports of purchases: where they wait, and what is on sale."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.catalog.plans import Selection
from domain.provider.purchases import PurchasePage
from domain.subscription.sign_up import SignUp


class PurchaseState(StrEnum):
    """What has become of a purchase here."""

    OPEN = "open"
    """Its page waits for the customer, or for us to learn that it is completed."""
    BEGUN = "begun"
    """The subscription has begun."""
    REFUSING = "refusing"
    """It can no longer begin, and is being undone."""
    REFUSED = "refused"
    """It was undone."""
    EXPIRED = "expired"

    @property
    def is_closed(self) -> bool:
        return self not in (PurchaseState.OPEN, PurchaseState.REFUSING)


@dataclass(frozen=True)
class StoredPurchase:
    """A purchase that waits."""

    page: PurchasePage
    sign_up: SignUp
    success_url: str
    """Where the customer goes once it has begun."""
    customer_ref: str = ""
    """The provider's id of a former customer; empty: the page creates one."""
    state: PurchaseState = PurchaseState.OPEN
    code: str = ""
    """Why it is refused."""
    created_at: datetime | None = None
    completed_at: datetime | None = None
    """When we learned that the customer completed it."""


class StoredPurchases(Protocol):
    """Purchases in the database; each call is one transaction."""

    async def add(self, purchase: StoredPurchase) -> StoredPurchase:
        """Store a purchase and return it, or the one that was stored for its subscription before."""
        ...

    async def of_subscription(self, subscription: str) -> StoredPurchase | None:
        """The purchase that is to begin this subscription, whatever text its id may be."""
        ...

    async def of_page(self, page_ref: str) -> StoredPurchase | None: ...

    async def known(self, page_refs: Collection[str]) -> Mapping[str, str]:
        """Those of these pages that belong to a purchase, each with its tenant."""
        ...

    async def claim(self, page_ref: str, time: timedelta) -> StoredPurchase | None:
        """Reserve an open purchase for the caller for this time; None: it is closed, or another caller has it."""
        ...

    async def release(self, page_ref: str, look_again: timedelta) -> None:
        """End the caller's claim; the sweep looks at the purchase again after this time."""
        ...

    async def mark_completed(self, page_ref: str) -> None:
        """Record that the customer has completed the page. The first time counts."""
        ...

    async def set_state(self, page_ref: str, state: PurchaseState, code: str = "") -> None: ...

    async def due(self, limit: int) -> Sequence[str]:
        """The pages that the sweep should look at now, those that have waited longest first."""
        ...

    async def look_soon(self, page_refs: Collection[str]) -> None:
        """Have the sweep look next at those of these pages that wait."""
        ...

    async def keep_customer(self, sign_up: SignUp, customer_ref: str) -> str:
        """Return our id of a customer whose purchase was undone, and who is stored if they are not known yet."""
        ...

    async def stuck(self, longer_than: timedelta) -> Sequence[StoredPurchase]:
        """Purchases that were completed this long ago and have neither begun nor been undone."""
        ...

    async def forget_old(self) -> int:
        """Delete the purchases whose pages expired more than a day ago and that are closed; returns how many."""
        ...


class PlansOnSale(Protocol):
    """What the catalog in force sells."""

    async def sells(self, selection: Selection) -> bool:
        """True if the plan is still sold, also at another price."""
        ...
