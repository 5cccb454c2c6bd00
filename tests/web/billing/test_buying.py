"""After the end of a subscription the customer chooses a plan and buys it, once, as who they are."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.harness.patience import PATIENT, until
from tests.web.billing.visitor import Visitor, forms_of, said, title
from tests.web.markup import Markup

PAGE = "/billing/plans"


def provider_page(leaving: httpx.Response) -> str:
    assert title(leaving) == "You are taken to the payment page", said(leaving)
    [refresh] = [one for one in Markup(leaving.text).all("meta") if one.get("http-equiv") == "refresh"]
    return refresh["content"].partition("url=")[2]


@pytest.fixture
async def ended(begin: Callable[..., Any]) -> Any:
    """A subscription of a customer who paid for Starter, and left."""
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.command("cancel", at="now")
    return life


async def completed(ada: Visitor, product: Product, url: str, card: str = "pm_card_visa") -> httpx.Response:
    """The customer pays, and comes back to the page on which that leads to the billing page."""
    address = await product.complete_page(url, card)
    async with asyncio.timeout(PATIENT):
        while True:
            shown = await ada.get(address)
            if shown.status_code == 303:
                return await ada.get(shown.headers["Location"])
            await asyncio.sleep(0.05)


async def is_told(ada: Visitor, address: str, words: str) -> bool:
    """Whether a page says something, as it does once what was begun is decided."""
    return words in said(await ada.get(address))


async def has_subscriptions(admin: Caller, customer: str, number: int) -> bool:
    return len((await admin.get("/v1/subscriptions", customer=customer)).json()["data"]) == number


async def test_who_has_left_buys_another_plan_and_is_the_same_customer(
    stack: Stack, admin: Caller, product: Product, ended: Any
) -> None:
    async with Visitor.entered(stack, admin, ended.external_id) as ada:
        overview = await ada.get("/billing")
        assert "Your subscription has ended" in said(overview)
        assert f'href="{PAGE}"' in overview.text
        offered = await ada.get(PAGE)
        for price in ("$49.00 a month", "$199.00 a month", "$999.00 a month"):
            assert price in said(offered)
        assert forms_of(offered.text)[0][1]["plan"] == "starter/month", "what they had"
        url = provider_page(await ada.submit(PAGE, plan="professional/month", **{"add_on.users": "2"}))
        back = await completed(ada, product, url)

    assert title(back) == "Your subscription"
    assert "Professional" in said(back)
    found = (await admin.get("/v1/subscriptions", customer=ended.external_id)).json()["data"]
    assert sorted((one["plan"], one["status"]) for one in found) == [
        ("professional", "active"),
        ("starter", "canceled"),
    ]
    [bought] = [one for one in found if one["status"] == "active"]
    assert bought["add_ons"] == {"users": 2}
    assert bought["customer"]["email"] == f"{ended.external_id}@example.com"
    past = (await product.timeline(bought["id"]))["past"]
    assert past[0]["cause"]["actor"] == "customer via billing page"


async def test_a_form_that_is_sent_twice_leads_to_one_page_and_another_choice_to_another(
    stack: Stack, admin: Caller, ended: Any
) -> None:
    async with Visitor.entered(stack, admin, ended.external_id) as ada:
        first, again, other = [
            provider_page(await ada.submit(PAGE, plan=plan))
            for plan in ("professional/month", "professional/month", "professional/year")
        ]

    assert first == again
    assert first != other


async def test_of_two_pages_that_are_paid_one_subscription_comes(
    stack: Stack, admin: Caller, product: Product, ended: Any
) -> None:
    async with Visitor.entered(stack, admin, ended.external_id) as ada:
        one, other = [
            provider_page(await ada.submit(PAGE, plan=plan)) for plan in ("starter/month", "professional/month")
        ]
        await completed(ada, product, one)
        address = await product.complete_page(other, "pm_card_visa")
        await until(lambda: is_told(ada, address, "Your purchase could not begin"))
        # The page tells it once it is decided; undone it is a moment later.
        await until(lambda: has_subscriptions(admin, ended.external_id, 3))

    found = (await admin.get("/v1/subscriptions", customer=ended.external_id)).json()["data"]
    assert [one["plan"] for one in found if one["status"] == "active"] == ["starter"]


async def test_nobody_with_a_subscription_is_sold_another(stack: Stack, admin: Caller, name: str) -> None:
    await admin.signed_up(name)

    async with Visitor.entered(stack, admin, name) as ada:
        assert f'href="{PAGE}"' not in (await ada.get("/billing")).text
        shown = await ada.get(PAGE)
        assert forms_of(shown.text) == []
        assert title(shown).startswith("Your trial ends on")
        csrf = forms_of((await ada.get("/billing/cancel")).text)[0][1]["csrf"]
        forged = await ada.post(PAGE, {"csrf": csrf, "plan": "professional/month"})

    assert title(forged).startswith("Your trial ends on")


@pytest.mark.parametrize(
    "wrong",
    [{"plan": "nothing/month"}, {"plan": "starter/week"}, {"plan": ""}, {"quantity": "none"}, {"add_on.users": "-1"}],
    ids=str,
)
async def test_a_wrong_choice_opens_no_page(
    stack: Stack, admin: Caller, product: Product, name: str, wrong: dict[str, str]
) -> None:
    made = await admin.signed_up(name)
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    async with Visitor.entered(stack, admin, name, flow="buy") as ada:
        answer = await ada.submit(PAGE, **wrong)

    assert title(answer) == "Choose a plan"
    assert answer.status_code == 422 or "This was not done" in said(answer)


async def test_the_plans_are_offered_in_german_too(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    async with Visitor.entered(stack, admin, name, flow="buy", locale="de") as ada:
        overview, offered = await ada.get("/billing"), await ada.get(PAGE)

    assert "Ihr Abonnement ist beendet Es wird nichts mehr abgebucht" in said(overview)
    assert "Tarif wählen" in said(overview)
    assert title(offered) == "Tarif wählen"
