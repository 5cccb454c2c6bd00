"""The link in a mail shows a sensible page, whatever has become of the subscription."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.names import subscription_workflow_id
from domain.notifications.pay_links import PayLink
from domain.signing import SigningSecrets
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.access.api_keys import Role
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


async def test_a_link_leads_to_the_page_where_a_card_is_added(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], stack: Stack, name: str
) -> None:
    made = await admin.signed_up(name)

    answer = await browser.get(our_link(made))

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(stack.addresses.stripe_url)
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert (await browser.get(answer.headers["Location"])).status_code == 200


async def test_a_link_of_a_canceled_subscription_says_that_it_is_over(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    link = our_link(made)
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    answer = await browser.get(link)

    assert answer.status_code == 410
    assert is_a_page(answer)
    assert "is over" in answer.text


async def test_the_page_of_a_link_is_in_the_customers_language_whatever_the_browser_prefers(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name, customer={"locale": "de-AT"})
    link = our_link(made)
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    answer = await browser.get(link, headers={"Accept-Language": "en"})

    assert 'lang="de"' in answer.text
    assert "Dieses Abonnement ist beendet" in answer.text


async def test_a_link_of_a_customer_suspended_by_an_operator_accepts_no_card(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    link = our_link(made)
    assert (await admin.command(made["id"], "suspend", reason="secret suspicion")).status_code == 200

    answer = await browser.get(link)

    assert answer.status_code == 409
    assert is_a_page(answer)
    assert "secret suspicion" not in answer.text


async def test_a_forged_link_is_not_found(browser: httpx.AsyncClient, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    forged = PayLink(str(made["id"])).token(SigningSecrets.of("another secret"))

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


@pytest.fixture
def our_link(stack_folder: Path) -> Callable[..., str]:
    """Creates a signed link with the given contents."""
    secret = SigningSecrets.of(Secrets.of(stack_folder).secret_key)

    def our_link(made: dict[str, object], **more: Any) -> str:
        return f"/pay/{PayLink(str(made['id']), **more).token(secret)}"

    return our_link


async def history_of(stack: Stack, made: dict[str, object]) -> int:
    description = await stack.client.get_workflow_handle(subscription_workflow_id(str(made["id"]))).describe()
    return int(description.history_length)


async def test_a_link_opened_repeatedly_leads_to_one_page_and_leaves_no_history(
    browser: httpx.AsyncClient, admin: Caller, stack: Stack, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    link = our_link(made)
    before = await history_of(stack, made)

    answers = [await browser.get(link) for _ in range(200)]

    pages = {answer.headers["Location"] for answer in answers if answer.status_code == 303}
    assert {answer.status_code for answer in answers} <= {303, 429}
    assert len(pages) == 1
    assert await history_of(stack, made) == before
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refused.headers["Retry-After"]) <= 6
    assert is_a_page(refused)


async def test_concurrent_openings_of_a_link_lead_to_the_same_page(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)

    answers = await asyncio.gather(*(browser.get(our_link(made)) for _ in range(8)))

    assert len({answer.headers["Location"] for answer in answers if answer.status_code == 303}) == 1
    assert {answer.status_code for answer in answers} <= {303, 503}, "others come while it is being opened"


async def test_a_head_request_opens_no_page(
    browser: httpx.AsyncClient, admin: Caller, stack: Stack, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    before = len(stack.simulator.call_log())

    assert (await browser.head(our_link(made))).status_code == 200
    assert [call for call in stack.simulator.call_log()[before:] if "checkout" in call[1]] == []


async def test_once_a_card_was_added_the_link_leads_to_another_page(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    first = (await browser.get(our_link(made))).headers["Location"]

    assert (await admin.command(made["id"], "payment-method", payment_method="pm_card_visa")).status_code == 200

    assert (await browser.get(our_link(made))).headers["Location"] != first


async def test_a_card_added_through_a_link_is_on_file(
    browser: httpx.AsyncClient, admin: Caller, product: Product, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    page = (await browser.get(our_link(made))).headers["Location"]

    life = Life(product, name, made)
    await life.pay_at(page, "pm_card_visa")
    await life.mails()  # which waits for what is in progress

    assert (await admin.subscription(made["id"]))["next_actions"][-1]["action"] == "convert"


async def test_a_link_works_for_weeks_and_then_says_that_it_has_expired(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made, now = await admin.signed_up(name), datetime.now(UTC)

    late = await browser.get(our_link(made, expires_at=now + timedelta(minutes=5)))
    too_late = await browser.get(our_link(made, expires_at=now - timedelta(seconds=1)))

    assert late.status_code == 303
    assert too_late.status_code == 410
    assert "latest mail" in too_late.text
    assert is_a_page(too_late)


async def test_revoked_links_stop_working_and_later_ones_work(
    browser: httpx.AsyncClient, admin: Caller, our_link: Callable[..., str], name: str
) -> None:
    made = await admin.signed_up(name)
    mailed = our_link(made)
    assert (await browser.get(mailed)).status_code == 303

    assert (await admin.post(f"/v1/subscriptions/{made['id']}/renew-links")).status_code == 200

    assert (await browser.get(mailed)).status_code == 410
    assert (await browser.get(our_link(made, generation=1))).status_code == 303


async def test_a_link_from_before_links_could_expire_still_works(
    browser: httpx.AsyncClient, admin: Caller, stack_folder: Path, name: str
) -> None:
    made = await admin.signed_up(name)
    about = UUID(made["id"]).bytes
    secret = Secrets.of(stack_folder).secret_key.encode()
    signature = hmac.new(secret, b"tenure/pay/1" + about, hashlib.sha256).digest()
    old = f"/pay/{base64.urlsafe_b64encode(about + signature).decode()}"

    assert (await browser.get(old)).status_code == 303

    assert (await admin.post(f"/v1/subscriptions/{made['id']}/renew-links")).status_code == 200
    assert (await browser.get(old)).status_code == 410


async def test_only_operators_renew_links(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    async with Caller.of_role(stack, Role.SERVICE) as service:
        answer = await service.post(f"/v1/subscriptions/{made['id']}/renew-links")

    assert answer.status_code == 403
