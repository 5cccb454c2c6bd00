"""What stories of customers have in common."""

from collections.abc import Awaitable, Callable

import pytest

from tests.browser.visitor import Visitor
from tests.harness.lives import A_MOMENT, Life

Begin = Callable[..., Awaitable[Life]]
VISA = "pm_card_visa"
PAYING = {"trial_days": 0, "payment_method": VISA}
"""A sign-up that is paid at once."""
in_both_languages = pytest.mark.parametrize("language", ["en", "de"], indirect=True)


async def link_for(life: Life, **more: str | bool) -> str:
    """A one-time link to a customer's pages, as the product asks for it."""
    made = await life.product.post("/v1/billing-sessions", {"customer": life.external_id} | more)
    return str(made["url"])


async def enters(visitor: Visitor, life: Life, **more: str | bool) -> None:
    """Come from the product, by a link of its own."""
    await visitor.opens(await link_for(life, **more))
    await visitor.presses("Open your billing page")


async def comes_back(visitor: Visitor, life: Life) -> None:
    """Open the billing page again, once the provider's events have arrived."""
    await life.live(A_MOMENT)
    await visitor.opens("/billing")
