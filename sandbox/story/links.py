"""Where it shows what has become of the told customers: pages, a billing link for each, and revenue."""

from collections.abc import Sequence

import httpx

from domain.money import Money, formatted
from sandbox.product import PATIENCE, Product
from sandbox.story.teller import StoryBroken

AN_HOUR = 3600
"""In seconds: the longest that a billing link lives."""
FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}
"""As browsers say of a form that was on the page itself."""


async def check_pages(product: Product, external_ids: Sequence[str]) -> None:
    """Open the pricing page and everybody's billing page, as a browser does.

    Raises:
        StoryBroken: a page does not answer.
    """
    async with httpx.AsyncClient(base_url=product.addresses.api_url, timeout=PATIENCE) as browser:
        _check(await browser.get("/pricing"))
        for external_id in external_ids:
            link = await billing_link(product, external_id)
            _check(await browser.get(link))
            entered = await browser.post(link, headers=FROM_OUR_PAGE)
            # The cookie is for https alone; browsers count this machine as safe, httpx does not.
            cookie = entered.headers.get("Set-Cookie", "").partition(";")[0]
            _check(await browser.get("/billing", headers={"Cookie": cookie}))


async def check_console(product: Product, link: str) -> None:
    """Sign in to the console by a link, as a browser does, and open it.

    Raises:
        StoryBroken: it does not answer.
    """
    async with httpx.AsyncClient(base_url=product.addresses.api_url, timeout=PATIENCE) as browser:
        _check(await browser.get(link))
        entered = await browser.post(link, headers=FROM_OUR_PAGE)
        cookie = entered.headers.get("Set-Cookie", "").partition(";")[0]
        _check(await browser.get("/console", headers={"Cookie": cookie}))


async def billing_link(product: Product, external_id: str) -> str:
    """Return a link that opens a customer's billing page once, within an hour."""
    made = await product.post("/v1/billing-sessions", {"customer": external_id, "expires_in": AN_HOUR})
    return str(made["url"])


async def monthly_revenue(product: Product) -> str:
    """Return the MRR of all customers, as amounts are written."""
    found = await product.get("/v1/metrics/mrr")
    return formatted(Money(found["now"]["mrr"], found["currency"]))


def _check(page: httpx.Response) -> None:
    if page.status_code != httpx.codes.OK:
        raise StoryBroken(f"the page {page.request.url.path.partition('/enter/')[0]} answers {page.status_code}")
