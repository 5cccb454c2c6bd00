"""Pages in a frame of the product: on origins that are listed, and on no others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from playwright.async_api import Frame
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from api.app import create_app
from sandbox.processes import free_port
from sandbox.product import Product
from sandbox.serving import serve
from sandbox.stack import Stack
from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, link_for
from tests.browser.visitor import Visitor
from tests.harness.lives import A_MOMENT, Life
from tests.harness.patience import until

FRAME = '<!doctype html><html lang="en"><title>A product</title><iframe src="{}" title="Billing" {}></iframe>'
STYLE = 'width="100%" height="860" style="border:0"'


async def page_with_a_frame(request: Request) -> HTMLResponse:
    return HTMLResponse(FRAME.format(request.query_params["of"], STYLE))


async def page_of_its_own(_request: Request) -> HTMLResponse:
    return HTMLResponse('<!doctype html><html lang="en"><title>A product</title>Settings')


@asynccontextmanager
async def a_product() -> AsyncIterator[str]:
    """A page that shows another in a frame; for browsers it is another site than the API, which is at an address."""
    async with serve(
        Starlette(routes=[Route("/", page_with_a_frame), Route("/settings", page_of_its_own)]), host="localhost"
    ) as url:
        yield url


@asynccontextmanager
async def embedding_in(stack: Stack, life: Life, *origins: str) -> AsyncIterator[Life]:
    """The same life at an API that may be embedded in some origins."""
    port = free_port()
    parts = replace(stack.api_parts, embed_origins=origins, public_url=f"http://127.0.0.1:{port}")
    async with (
        serve(create_app(parts), port=port) as api_url,
        Product(replace(stack.addresses, api_url=api_url)) as product,
    ):
        yield Life(product, life.external_id, {"id": life.id})


def frame_of(visitor: Visitor) -> Frame:
    return visitor.page.frames[1]


async def is_refused(visitor: Visitor) -> None:
    await until(lambda: frame_of(visitor).url.startswith("chrome-error:"))
    assert "Open your billing page" not in await frame_of(visitor).content()


async def test_pages_work_in_a_frame_on_another_site_that_is_listed(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    async with a_product() as site, embedding_in(stack, life, site) as embedded:
        await visitor.opens(f"{site}/?of={await link_for(embedded, embed=True)}")
        visitor.shown = frame_of(visitor)
        await visitor.sees("link in a frame", "Open your billing page")
        await visitor.presses("Open your billing page")
        await visitor.sees("overview in a frame", "Next bill")
        await visitor.presses("Pause", role="link")
        await visitor.presses("Pause your subscription")
        await visitor.reads("Your subscription is paused")
        assert await life.status() == ("paused", "none")


async def test_who_pays_from_a_frame_leaves_it_for_the_whole_window_and_comes_back_to_the_product(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer()
    async with a_product() as site, embedding_in(stack, life, site) as embedded:
        back = f"{site}/settings"
        link = await link_for(embedded, embed=True, flow="payment_method", return_url=back)
        await visitor.opens(f"{site}/?of={link}")
        visitor.shown = frame_of(visitor)
        await visitor.presses("Open your billing page")
        await visitor.presses("Continue to the payment page")
        await visitor.sees_here("leaving a frame", "It goes on outside of this page, at our payment provider.")
        visitor.shown = visitor.page
        await frame_of(visitor).get_by_role("link", name="Continue to the payment page").click()
        await visitor.is_taken_on()
        await visitor.pays()
        assert visitor.page.url == back
        await life.live(A_MOMENT)
        assert "convert" in await life.ahead()


async def test_a_link_that_was_used_says_so_in_its_frame(arrive: Arrive, customer: Begin, stack: Stack) -> None:
    visitor, other, life = await arrive(), await arrive(), await customer()
    async with a_product() as site, embedding_in(stack, life, site) as embedded:
        link = await link_for(embedded, embed=True)
        for browser in (other, visitor):
            await browser.opens(f"{site}/?of={link}")
            browser.shown = frame_of(browser)
            if browser is other:
                await browser.presses("Open your billing page")
        await visitor.reads("This link has been used")


async def test_a_site_that_is_not_listed_shows_nothing_in_its_frame(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    async with a_product() as listed, a_product() as other, embedding_in(stack, life, listed) as embedded:
        await visitor.opens(f"{other}/?of={await link_for(embedded, embed=True)}")
        await is_refused(visitor)
        # A link that was not meant for a frame is shown in none, not even on a site that is listed.
        await visitor.opens(f"{listed}/?of={await link_for(embedded)}")
        await is_refused(visitor)
