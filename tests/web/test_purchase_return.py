"""The page to which a customer returns from buying, while the purchase is or is not taken over."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from domain.errors import GatewayUnavailable, Rejected
from domain.provider.purchases import PurchasePage
from domain.purchases.ports import PurchaseState
from domain.subscription.sign_up import SignUpContact
from tests.web.site import a_browser, an_app

BACK = "/checkout/return?session_id=cs_1"


@dataclass
class Purchases:
    """One purchase, and what a look at it comes to."""

    result: PurchaseState | Exception
    looks: int = 0
    locale: str | None = None
    """The language in which the product signs the customer up."""

    async def of_page(self, page_ref: str) -> Any:
        if page_ref != "cs_1":
            return None
        page = PurchasePage("cs_1", "https://pay.example/cs_1", datetime(2031, 1, 1, tzinfo=UTC))
        target = "https://shop.example/thanks?of={CHECKOUT_SESSION_ID}"
        sign_up = SimpleNamespace(
            tenant="default", contact=SignUpContact("ada", "ada@shop.example", locale=self.locale)
        )
        return SimpleNamespace(page=page, state=PurchaseState.OPEN, success_url=target, sign_up=sign_up)

    async def settle(self, _page_ref: str) -> PurchaseState:
        self.looks += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def selling(purchases: Purchases) -> FastAPI:
    """An application with this one purchase."""
    app = an_app(purchases=lambda _tenant: purchases)
    known = app.state.repositories
    crossings = replace(known.crossings, purchase_of_page=purchases.of_page)
    app.state.repositories = replace(known, crossings=crossings)
    return app


async def test_who_has_bought_is_led_on_to_the_product() -> None:
    async with a_browser(selling(Purchases(PurchaseState.BEGUN))) as browser:
        answer = await browser.get(BACK)

    assert (answer.status_code, answer.headers["location"]) == (303, "https://shop.example/thanks?of=cs_1")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "result", [PurchaseState.OPEN, GatewayUnavailable("not now"), Rejected("not yet", code="sign_up_expired")]
)
async def test_the_page_asks_again_five_times_and_then_promises_a_mail(result: PurchaseState | Exception) -> None:
    purchases = Purchases(result)
    async with a_browser(selling(purchases)) as browser:
        shown = await browser.get(BACK)
        while "refresh" in shown.headers:
            assert "being confirmed" in shown.text
            wait, _, address = shown.headers["refresh"].partition("; url=")
            assert wait == "3"
            shown = await browser.get(address)

    assert purchases.looks == 5
    assert shown.status_code == 200
    assert "you will hear from us by mail" in shown.text


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        (PurchaseState.REFUSED, 200, "Your purchase could not begin"),
        (PurchaseState.REFUSING, 200, "Your purchase could not begin"),
        (PurchaseState.EXPIRED, 410, "Nothing was bought"),
    ],
)
async def test_the_page_says_what_has_become_of_a_purchase(result: PurchaseState, status: int, words: str) -> None:
    async with a_browser(selling(Purchases(result)), **{"Accept-Language": "en"}) as browser:
        shown = await browser.get(BACK)

    assert (shown.status_code, words in shown.text) == (status, True)
    assert "refresh" not in shown.headers


async def test_the_page_speaks_german_too() -> None:
    async with a_browser(selling(Purchases(PurchaseState.OPEN)), **{"Accept-Language": "de"}) as browser:
        assert "Ihr Kauf wird bestätigt" in (await browser.get(BACK)).text


async def test_the_page_is_in_the_language_that_the_customer_was_signed_up_with() -> None:
    purchases = Purchases(PurchaseState.OPEN, locale="de-AT")
    async with a_browser(selling(purchases), **{"Accept-Language": "en"}) as browser:
        assert "Ihr Kauf wird bestätigt" in (await browser.get(BACK)).text


async def test_the_page_of_nobody_is_not_found_and_a_look_at_the_address_alone_takes_nothing_over() -> None:
    purchases = Purchases(PurchaseState.BEGUN)
    async with a_browser(selling(purchases)) as browser:
        unknown = await browser.get("/checkout/return?session_id=cs_2")
        bare = await browser.get("/checkout/return")
        head = await browser.head(BACK)

    assert (unknown.status_code, bare.status_code, head.status_code) == (404, 404, 200)
    assert purchases.looks == 0


async def test_who_asks_too_often_is_answered_without_a_look() -> None:
    purchases = Purchases(PurchaseState.OPEN)
    async with a_browser(selling(purchases)) as browser:
        for _ in range(20):
            assert (await browser.get(BACK)).status_code == 200

    assert purchases.looks <= 11
