"""The pages to which customers come back from the provider's."""

import pytest

from tests.browser.conftest import Arrive


@pytest.mark.parametrize("page", ["done", "canceled", "closed"])
async def test_the_page_after_a_payment_says_how_it_went(arrive: Arrive, page: str) -> None:
    visitor = await arrive()
    await visitor.opens(f"/pay/{page}")
    await visitor.sees(f"payment {page}")
