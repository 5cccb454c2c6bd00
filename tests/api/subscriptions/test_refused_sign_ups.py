"""A refused sign-up changes nothing that anybody can read."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from tests.harness.callers import Caller, problem_of
from tests.harness.patience import PATIENT

REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "declined": (402, {"trial_days": 0, "payment_method": "pm_card_chargeCustomerFail"}),
    "unknown card": (422, {"trial_days": 0, "payment_method": "pm_card_nobodys"}),
    "unknown card for a trial": (422, {"payment_method": "pm_card_nobodys", "allow_another_trial": True}),
    "trial used": (409, {}),
}


async def waiting(stack: Stack, name: str) -> int:
    """The number of the customer's pending sign-ups."""
    query = text("SELECT count(*) FROM sign_up_contacts WHERE external_id = :name")
    async with stack.engine.connect() as connection:
        count: int = (await connection.execute(query, {"name": name})).scalar_one()
    return count


async def mailed(stack: Stack, addresses: list[str]) -> list[str]:
    """Which of the addresses got mail, once any did."""
    async with (
        asyncio.timeout(PATIENT),
        httpx.AsyncClient(base_url=stack.addresses.sandbox_url, trust_env=False) as http,
    ):
        while True:
            received = [(await http.get("/messages", params={"to": address})).json() for address in addresses]
            found = [address for address, mails in zip(addresses, received, strict=True) if mails]
            if found:
                return found
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("refusal", list(REFUSALS))
async def test_a_refused_sign_up_leaves_an_ended_customer_as_they_were(
    stack: Stack, admin: Caller, name: str, refusal: str
) -> None:
    first = await admin.signed_up(name, customer={"name": "Ada"}, metadata={"from": "fair"})
    await admin.command(first["id"], "cancel", at="now")
    before = (await admin.get(f"/v1/customers/{name}")).json()
    status, body = REFUSALS[refusal]
    stranger = {"email": f"{name}@elsewhere.example", "name": "Eve", "timezone": "Asia/Tokyo", "locale": "de"}

    answer = await admin.sign_up(name, customer=stranger, metadata={"from": "afar"}, **body)

    assert answer.status_code == status, answer.text
    after = (await admin.get(f"/v1/customers/{name}")).json()
    shown = ("id", "email", "name", "timezone", "locale", "metadata")
    assert {field: after[field] for field in shown} == {field: before[field] for field in shown}
    assert await waiting(stack, name) == 0


async def test_an_accepted_sign_up_of_an_ended_customer_updates_their_data(admin: Caller, name: str) -> None:
    first = await admin.signed_up(name, customer={"name": "Ada"})
    await admin.command(first["id"], "cancel", at="now")

    again = await admin.signed_up(
        name, customer={"email": f"{name}@new.example"}, trial_days=0, payment_method="pm_card_visa"
    )

    assert again["customer"]["email"] == f"{name}@new.example"
    assert again["customer"]["name"] == "Ada"


@pytest.mark.parametrize("body", [{}, {"payment_method": "pm_card_visa"}], ids=["without a card", "with a card"])
async def test_of_eight_concurrent_sign_ups_only_the_winner_gets_mails(
    stack: Stack, admin: Caller, name: str, body: dict[str, Any]
) -> None:
    addresses = [f"{name}+{number}@at-once.example" for number in range(8)]

    answers = await asyncio.gather(*(admin.sign_up(name, customer={"email": address}, **body) for address in addresses))

    [(won, address)] = [
        (answer.json(), address)
        for answer, address in zip(answers, addresses, strict=True)
        if answer.status_code == 201
    ]
    for answer in answers:
        if answer.status_code != 201:
            problem_of(answer, 409, "already_subscribed")
    assert won["customer"]["email"] == address
    assert (await admin.get(f"/v1/customers/{name}")).json()["email"] == address
    assert await mailed(stack, addresses) == [address]
    assert await waiting(stack, name) == 0
