"""The link in a mail: whatever became of the subscription, a person sees a page that makes sense."""

from collections.abc import AsyncIterator

import httpx
import pytest

from domain.links import pay_token
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.harness.lives import Life
from tests.harness.patience import PATIENT


@pytest.fixture(scope="module")
async def browser(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.addresses.api_url, timeout=PATIENT, trust_env=False) as http:
        yield http


def is_a_page(answer: httpx.Response) -> bool:
    policy = answer.headers["Content-Security-Policy"]
    return (
        answer.headers["Content-Type"].startswith("text/html")
        and "default-src 'none'" in policy
        and "frame-ancestors 'none'" in policy
        and answer.headers["Cache-Control"] == "no-store"
        and answer.headers["Referrer-Policy"] == "no-referrer"
    )


async def link_in_mail(product: Product, name: str, made: dict[str, object]) -> str:
    life = Life(product, name, made)
    while not (mails := await product.mails(name)):
        await life.stands()
    return next(word for word in str(mails[-1]["text"]).split() if "/pay/" in word)


async def test_a_link_leads_to_the_page_that_takes_a_card(
    browser: httpx.AsyncClient, admin: Caller, product: Product, stack: Stack, name: str
) -> None:
    made = await admin.signed_up(name)

    answer = await browser.get(await link_in_mail(product, name, made))

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(stack.addresses.stripe_url)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert (await browser.get(answer.headers["Location"])).status_code == 200


async def test_a_link_of_a_canceled_subscription_says_that_it_is_over(
    browser: httpx.AsyncClient, admin: Caller, product: Product, name: str
) -> None:
    made = await admin.signed_up(name)
    link = await link_in_mail(product, name, made)
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    answer = await browser.get(link)

    assert answer.status_code == 410
    assert is_a_page(answer)
    assert "is over" in answer.text


async def test_a_link_of_a_customer_whom_an_operator_suspended_takes_no_card(
    browser: httpx.AsyncClient, admin: Caller, product: Product, name: str
) -> None:
    made = await admin.signed_up(name)
    link = await link_in_mail(product, name, made)
    assert (await admin.command(made["id"], "suspend", reason="secret suspicion")).status_code == 200

    answer = await browser.get(link)

    assert answer.status_code == 409
    assert is_a_page(answer)
    assert "secret suspicion" not in answer.text


async def test_a_link_that_is_not_ours_is_not_found(browser: httpx.AsyncClient, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    forged = pay_token(made["id"], "another secret")

    for token in ("x", forged, forged[:-1], made["id"], "%00", "%F0%9F%8E%89", "x" * 5000, "<script>"):
        answer = await browser.get(f"/pay/{token}")
        assert answer.status_code == 404, token
        assert is_a_page(answer), token
        assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/pay/done", "/pay/canceled"])
async def test_a_customer_coming_back_from_paying_sees_a_page(browser: httpx.AsyncClient, path: str) -> None:
    answer = await browser.get(path)

    assert answer.status_code == 200
    assert is_a_page(answer)
