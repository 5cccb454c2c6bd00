"""Portal sessions over HTTP, and the URLs that callers may give."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.patience import PATIENT

PATH = "/v1/portal-sessions"


async def page_at(url: str) -> str:
    async with httpx.AsyncClient(timeout=PATIENT, trust_env=False) as browser:
        answer = await browser.get(url)
    answer.raise_for_status()
    return answer.text


async def test_a_portal_is_opened_for_a_customer_or_a_subscription(admin: Caller, name: str) -> None:
    it = await admin.signed_up(name, payment_method="pm_card_visa")

    for body in ({"subscription": it["id"]}, {"customer": name}):
        answer = await admin.post(PATH, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["customer"] == name
        page = await page_at(answer.json()["url"])
        assert f"{name}@example.com" in page
        assert "visa •••• 4242" in page


async def test_a_portal_links_back_to_the_callers_url_or_to_our_own_page(
    admin: Caller, stack: Stack, name: str
) -> None:
    await admin.signed_up(name)

    own = await admin.post(PATH, {"customer": name, "return_url": "https://shop.example/billing?x=1&y=2"})
    default = await admin.post(PATH, {"customer": name})

    assert "https://shop.example/billing?x=1&amp;y=2" in await page_at(own.json()["url"])
    assert f"{stack.addresses.api_url}/pay/closed" in await page_at(default.json()["url"])
    assert "close this page" in await page_at(f"{stack.addresses.api_url}/pay/closed")


async def test_a_customer_whose_subscription_is_over_still_has_a_portal(admin: Caller, name: str) -> None:
    it = await admin.signed_up(name, payment_method="pm_card_visa", trial_days=0)
    assert (await admin.command(it["id"], "cancel", at="now")).status_code == 200

    for body in ({"subscription": it["id"]}, {"customer": name}):
        answer = await admin.post(PATH, body)
        assert answer.status_code == 200, answer.text
        assert "$49.00" in await page_at(answer.json()["url"])


async def test_a_customer_without_a_wallet_gets_exactly_one_under_concurrency(
    admin: Caller, stack: Stack, name: str
) -> None:
    it = await admin.signed_up(name)
    before = len(stack.simulator.call_log())

    answers = await asyncio.gather(
        *(admin.post(PATH, {"customer": name}) for _ in range(4)),
        *(admin.post("/v1/checkout-sessions", {"subscription": it["id"]}) for _ in range(3)),
    )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["url"] for answer in answers}) == len(answers)
    # Under one key there is one customer at Stripe, however often it is requested.
    made = [call for call in stack.simulator.call_log()[before:] if call[:2] == ("POST", "/v1/customers")]
    assert len({key for _, _, key, _ in made}) == 1


async def test_a_repeat_returns_the_first_response(admin: Caller, name: str) -> None:
    await admin.signed_up(name)
    key = str(uuid4())

    first = await admin.post(PATH, {"customer": name}, key=key)
    again = await admin.post(PATH, {"customer": name}, key=key)
    other = await admin.post(PATH, {"customer": name})

    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert other.json()["url"] != first.json()["url"]


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("body", {}),
        ("body", {"subscription": str(uuid4()), "customer": "ada"}),
        ("return_url", {"customer": "ada", "return_url": "javascript:alert(1)"}),
        ("return_url", {"customer": "ada", "return_url": "ftp://shop.example/"}),
        ("return_url", {"customer": "ada", "return_url": "https://me:secret@shop.example/"}),
        ("return_url", {"customer": "ada", "return_url": "https://shop.example/" + "x" * 2000}),
        ("return_url", {"customer": "ada", "return_url": "https://shop.example/\nSet-Cookie: x"}),
        ("customer", {"customer": ""}),
        ("success_url", {"customer": "ada", "success_url": "https://shop.example/"}),
    ],
)
async def test_a_malformed_portal_request_is_rejected(admin: Caller, field: str, body: dict[str, Any]) -> None:
    assert fields_of(problem_of(await admin.post(PATH, body), 422, "malformed")) == {field}


async def test_a_portal_for_an_unknown_customer_is_not_found(admin: Caller, alone: Caller, name: str) -> None:
    it = await admin.signed_up(name)

    problem_of(await admin.post(PATH, {"customer": "nobody"}), 404, "unknown_customer")
    problem_of(await admin.post(PATH, {"subscription": str(uuid4())}), 404, "unknown_subscription")
    problem_of(await admin.post(PATH, {"subscription": "x"}), 404, "unknown_subscription")
    problem_of(await alone.post(PATH, {"customer": name}), 404, "unknown_customer")
    problem_of(await alone.post(PATH, {"subscription": it["id"]}), 404, "unknown_subscription")


async def test_a_read_only_key_cannot_create_a_portal_session(stack: Stack, admin: Caller, name: str) -> None:
    await admin.signed_up(name)
    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        problem_of(await reader.post(PATH, {"customer": name}), 403, "forbidden")
    async with Caller.of_role(stack, Role.SERVICE) as service:
        assert (await service.post(PATH, {"customer": name})).status_code == 200


@pytest.mark.usefixtures("healed")
async def test_a_failed_portal_session_can_be_retried(stack: Stack, admin: Caller, name: str) -> None:
    await admin.signed_up(name)
    key = str(uuid4())
    stack.simulator.set_faults(stripe={"error_rate": 1.0, "status": 503})

    unavailable = await admin.post(PATH, {"customer": name}, key=key)
    stack.simulator.set_faults(stripe={})

    problem_of(unavailable, 503, "gateway_unavailable")
    assert "Retry-After" in unavailable.headers
