"""The sandbox's controls over HTTP, as a newcomer speaks to them."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from sandbox.lives import SubscriptionLife
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.names import a_name
from tests.harness.patience import PATIENT, until

pytestmark = pytest.mark.usefixtures("healed")

WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("/travel", {"subscription": "5c1f2f0e-0000-4000-8000-000000000001", "seconds": 60}, 404, "no subscription"),
    ("/travel", {"subscription": "no id at all", "seconds": 60}, 404, "no subscription"),
    ("/travel", {"subscription": "5c1f2f0e-0000-4000-8000-000000000001", "seconds": -1}, 422, "seconds"),
    ("/card", {"customer": "nobody", "answers": ["ok"]}, 422, "no customer 'nobody'"),
    ("/card", {"customer": "controlled", "answers": ["broke"]}, 422, "unknown card answer 'broke'"),
    ("/card", {"customer": "controlled", "answers": []}, 422, "answers"),
    ("/faults", {"stripe": {"error_rate": 2}}, 422, "error_rate"),
    ("/faults", {"weather": {"rain": True}}, 422, "weather"),
    ("/dispute", {"customer": "nobody"}, 422, "no customer 'nobody'"),
    ("/dispute", {"customer": "controlled", "status": "won"}, 422, "has no open dispute"),
    ("/dispute", {"customer": "controlled", "status": "settled"}, 422, "status"),
    ("/refund", {"customer": "nobody"}, 422, "no customer 'nobody'"),
    ("/refund", {"customer": "controlled", "amount": 4901}, 422, "4900 is left of the charge"),
    ("/refund", {"customer": "controlled", "amount": 0}, 422, "amount"),
    ("/card-expiry", {"customer": "nobody", "exp_month": 1, "exp_year": 2031}, 422, "no customer 'nobody'"),
    ("/card-update", {"customer": "controlled", "exp_month": 13, "exp_year": 2031}, 422, "exp_month"),
]


@pytest.fixture(scope="module")
async def controlled(product: Product) -> dict[str, Any]:
    return await product.sign_up("controlled", trial_days=0, payment_method="pm_card_visa")


@pytest.mark.parametrize(("path", "body", "status", "words"), WRONG, ids=[f"{one[0]} {one[3]}" for one in WRONG])
async def test_what_makes_no_sense_is_refused_with_the_reason(
    stack: Stack, controlled: dict[str, Any], path: str, body: dict[str, Any], status: int, words: str
) -> None:
    async with httpx.AsyncClient(base_url=stack.addresses.sandbox_url, timeout=PATIENT) as client:
        answer = await client.post(path, json=body)

    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.parametrize("wrong", [{"slow_s": -1}, {"refuse": 2}, {"status": 200}], ids=str)
async def test_faults_that_are_refused_change_nothing(stack: Stack, product: Product, wrong: dict[str, Any]) -> None:
    async with httpx.AsyncClient(base_url=stack.addresses.sandbox_url, timeout=PATIENT) as client:
        answer = await client.post("/faults", json={"stripe": {"error_rate": 1}, "smtp": wrong})

    assert answer.status_code == 422
    made = await product.sign_up(a_name("unharmed"), trial_days=0, payment_method="pm_card_visa")
    assert made["status"] == "active"


@pytest.mark.parametrize("number", ["NaN", "1e999"])
async def test_a_fault_of_no_finite_number_is_refused(stack: Stack, number: str) -> None:
    async with httpx.AsyncClient(base_url=stack.addresses.sandbox_url, timeout=PATIENT) as client:
        answer = await client.post(
            "/faults",
            content=f'{{"stripe": {{"delay_s": {number}}}}}',
            headers={"Content-Type": "application/json"},
        )

    assert answer.status_code == 422
    assert "delay_s" in answer.text


async def test_mails_are_listed_by_whom_they_went_to_and_stand_in_the_mailbox(
    stack: Stack, product: Product, controlled: dict[str, Any]
) -> None:
    async with httpx.AsyncClient(base_url=stack.addresses.sandbox_url, timeout=PATIENT) as client:
        await client.post("/travel", json={"subscription": controlled["id"], "seconds": 60})
        mails = (await client.get("/messages", params={"to": "controlled@example.com"})).json()
        page = await client.get("/mailbox", params={"to": "controlled@example.com"})

    assert [set(mail) for mail in mails] == [
        {"to", "subject", "message_id", "received_at", "text", "html", "headers"} for _ in mails
    ]
    assert {mail["to"] for mail in mails} == {"controlled@example.com"}
    assert len(mails) == 2
    assert all(mail["subject"] in page.text for mail in mails)


async def test_travelling_answers_with_the_time_that_the_subscription_then_has(
    stack: Stack, controlled: dict[str, Any]
) -> None:
    async with httpx.AsyncClient(base_url=stack.addresses.sandbox_url, timeout=PATIENT) as client:
        first = (await client.post("/travel", json={"subscription": controlled["id"], "seconds": 60})).json()["now"]
        again = (await client.post("/travel", json={"subscription": controlled["id"], "seconds": 86400})).json()["now"]

    assert first[:10] < again[:10]
    assert again.endswith("Z")


async def test_a_charge_can_go_back_in_parts_and_be_disputed(stack: Stack, product: Product) -> None:
    await product.sign_up("going-back", trial_days=0, payment_method="pm_card_visa")

    await product.refund("going-back", 900)
    await product.dispute("going-back", "inquiry")
    await product.dispute("going-back")
    await product.dispute("going-back", "lost")

    kinds = ["charge.refunded", "charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"]
    assert await stack.simulator.webhooks_settled("going-back", PATIENT)
    await until_heard(stack, "going-back", kinds)


async def test_a_card_can_be_renewed_by_its_bank_with_a_word_or_without(stack: Stack, product: Product) -> None:
    await product.sign_up("renewing", payment_method="pm_card_visa")
    kind = "payment_method.automatically_updated"

    await product.card_expires("renewing", 3, 2031)
    assert await heard(stack, "renewing", [kind]) == []
    await product.card_expires("renewing", 5, 2035, announced=True)

    assert await stack.simulator.webhooks_settled("renewing", PATIENT)
    await until_heard(stack, "renewing", [kind])


async def until_heard(stack: Stack, customer: str, kinds: list[str]) -> None:
    async def are_heard() -> bool:
        return await heard(stack, customer, kinds) == kinds

    await until(are_heard)


async def heard(stack: Stack, customer: str, kinds: list[str]) -> list[str]:
    """Which events of these kinds have reached a customer's subscription, in their order."""
    query = text(
        "SELECT i.type FROM webhook_inbox i JOIN subscriptions s ON i.outcome = 'delivered to subscription ' || s.id"
        " JOIN customers c ON c.id = s.customer WHERE c.external_id = :customer ORDER BY i.received_at"
    )
    async with stack.engine.connect() as connection:
        found = [row.type for row in await connection.execute(query, {"customer": customer})]
    return [kind for kind in found if kind in kinds]


async def test_a_subscription_that_is_woken_lives_on_as_if_nothing_had_been(
    stack: Stack, product: Product, controlled: dict[str, Any]
) -> None:
    await stack.travel(controlled["id"], 1.0)
    before = await product.timeline(controlled["id"])
    life = await SubscriptionLife.of(controlled["id"], stack.client, stack.engine, lambda: True)
    history = (await life.handle.describe()).history_length

    await life.wake()
    await stack.travel(controlled["id"], 1.0)

    assert (await life.handle.describe()).history_length > history
    assert (await product.timeline(controlled["id"]))["past"] == before["past"]
