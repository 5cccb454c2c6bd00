"""Repeated requests, concurrent or later, take effect once."""

import asyncio
from collections import Counter

import httpx
import pytest
from sqlalchemy import text

from api.app import ROUTERS
from api.http.auth import roles_of
from api.http.idempotency import IdempotentRoute
from domain.names import DEFAULT_TENANT
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, a_sign_up, at_rest, problem_of, workflows_of, written, written_at_rest
from tests.harness.patience import PATIENT


async def stripe_customers(stack: Stack, external_id: str) -> int:
    """The number of customers with that external id at the payment provider."""
    async with httpx.AsyncClient(base_url=stack.addresses.stripe_url, trust_env=False, timeout=PATIENT) as http:
        answer = await http.get("/v1/customers", params={"limit": 100}, auth=(stack.simulator._api._api_key, ""))
    answer.raise_for_status()
    found = [one["metadata"].get("external_id") for one in answer.json()["data"]]
    return found.count(external_id)


async def subscriptions_of(stack: Stack, external_id: str) -> list[str]:
    """The ids of all subscriptions that a customer has or had."""
    query = text(
        "SELECT s.id FROM subscriptions s JOIN customers c ON c.id = s.customer"
        " WHERE c.external_id = :external_id AND c.tenant = :tenant"
    )
    async with stack.engine.connect() as connection:
        rows = await connection.execute(query, {"external_id": external_id, "tenant": DEFAULT_TENANT})
        return [str(row.id) for row in rows]


async def all_workflows(stack: Stack) -> Counter[str]:
    """The number of subscription workflows in each state."""
    runs = stack.client.list_workflows("WorkflowType = 'SubscriptionWorkflow'")
    return Counter([run.status.name async for run in runs if run.status])


async def settled(stack: Stack) -> Counter[str]:
    """The states of all workflows, once the list shows every live subscription as running."""
    query = text("SELECT count(*) FROM subscriptions WHERE status <> 'canceled'")
    found: Counter[str] = Counter()
    async with asyncio.timeout(PATIENT):
        while True:
            async with stack.engine.connect() as connection:
                live = (await connection.execute(query)).scalar_one()
            found = await all_workflows(stack)
            if found["RUNNING"] == live:
                return found
            await asyncio.sleep(0.05)


async def until(stack: Stack, wanted: Counter[str], *, besides: str = "") -> None:
    """Wait until the workflows have these states; Temporal's list lags a little."""
    found: Counter[str] = Counter()
    try:
        async with asyncio.timeout(PATIENT):
            while found != wanted:
                await asyncio.sleep(0.05)
                found = await all_workflows(stack)
                found[besides] = wanted[besides]
    except TimeoutError:
        assert found == wanted


def codes(answers: list[httpx.Response]) -> Counter[str]:
    return Counter(answer.json().get("code", str(answer.status_code)) for answer in answers)


async def test_a_repeated_sign_up_returns_the_first_response(stack: Stack, admin: Caller, name: str) -> None:
    first = await admin.sign_up(name, key=name)
    # Later changes do not show in the replayed response.
    assert (await admin.command(first.json()["id"], "cancel")).status_code == 200
    before = await written_at_rest(stack)

    again = await admin.sign_up(name, key=name)

    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert again.headers["Location"] == first.headers["Location"] == f"/v1/subscriptions/{first.json()['id']}"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert await written(stack.engine) == before


async def test_a_stored_response_holds_no_data_of_the_customer_and_a_repeat_has_it_as_it_is_now(
    stack: Stack, admin: Caller, name: str
) -> None:
    customer = {"name": f"Ada Zoë {name}", "timezone": "Europe/London"}
    first = await admin.sign_up(name, key=name, customer=customer)
    same = await admin.sign_up(name, key=name, customer=customer)
    await admin.http.patch(f"/v1/customers/{name}", json={"email": f"new-{name}@example.com"})
    later = await admin.sign_up(name, key=name, customer=customer)
    async with stack.engine.connect() as connection:
        found = await connection.execute(text("SELECT body FROM idempotency_keys WHERE key = :key"), {"key": name})
        stored = bytes(found.scalar_one()).decode()

    assert name not in stored
    assert "@" not in stored
    assert same.content == first.content
    assert later.json() == first.json() | {"customer": first.json()["customer"] | {"email": f"new-{name}@example.com"}}


async def test_fields_in_another_order_are_the_same_request(admin: Caller, name: str) -> None:
    first = await admin.sign_up(name, key=name)
    body = dict(reversed(a_sign_up(name).items()))

    again = await admin.post("/v1/subscriptions", body, key=name)

    assert (again.status_code, again.content) == (201, first.content)


async def test_a_decline_is_replayed_without_another_charge(stack: Stack, admin: Caller, name: str) -> None:
    body = {"trial_days": 0, "payment_method": "pm_card_chargeCustomerFail"}
    first = await admin.sign_up(name, key=name, **body)
    problem_of(first, 402, "payment_declined")
    await at_rest(stack)
    calls = len(stack.simulator.call_log())

    again = await admin.sign_up(name, key=name, **body)

    problem_of(again, 402, "payment_declined")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(stack.simulator.call_log()) == calls


async def test_a_key_belongs_to_one_body_and_one_path(admin: Caller, name: str) -> None:
    made = (await admin.sign_up(name, key=name)).json()

    problem_of(await admin.sign_up(name, key=name, quantity=2), 409, "idempotency_key_reused")
    problem_of(await admin.command(made["id"], "cancel", key=name), 409, "idempotency_key_reused")

    assert await admin.subscription(made["id"]) == made


async def test_two_tenants_may_use_the_same_key(admin: Caller, alone: Caller, name: str) -> None:
    ours, theirs = await admin.sign_up(name, key=name), await alone.sign_up(name, key=name)

    assert (ours.status_code, theirs.status_code) == (201, 201)
    assert ours.json()["id"] != theirs.json()["id"]


async def test_sign_ups_without_a_key_are_two_requests(admin: Caller, name: str) -> None:
    first = await admin.http.post("/v1/subscriptions", json=a_sign_up(name))
    second = await admin.http.post("/v1/subscriptions", json=a_sign_up(name))

    assert first.status_code == 201
    problem_of(second, 409, "already_subscribed")


@pytest.mark.parametrize("payment_method", [None, "pm_card_visa"])
async def test_twenty_sign_ups_at_once_under_one_key_are_one(
    stack: Stack, admin: Caller, name: str, payment_method: str | None
) -> None:
    before = await settled(stack)
    sent = [admin.sign_up(name, key=name, payment_method=payment_method) for _ in range(20)]
    answers = await asyncio.gather(*sent)

    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert set(codes(answers)) <= {"201", "request_in_progress"}, codes(answers)
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 409)
    assert await subscriptions_of(stack, name) == list(made)
    assert await workflows_of(stack, *made) == ["RUNNING"]
    await until(stack, before + Counter(RUNNING=1))
    assert await stripe_customers(stack, name) == (1 if payment_method else 0)
    assert (await admin.sign_up(name, key=name, payment_method=payment_method)).status_code == 201


@pytest.mark.parametrize("payment_method", [None, "pm_card_visa"])
async def test_of_ten_concurrent_sign_ups_of_one_customer_one_wins(
    stack: Stack, admin: Caller, name: str, payment_method: str | None
) -> None:
    before = await settled(stack)
    answers = await asyncio.gather(*(admin.sign_up(name, payment_method=payment_method) for _ in range(10)))

    assert codes(answers) == Counter({"201": 1, "already_subscribed": 9})
    winner = next(answer.json() for answer in answers if answer.status_code == 201)
    assert await subscriptions_of(stack, name) == [winner["id"]]
    assert await admin.subscription(winner["id"]) == winner
    # The workflows that were rejected have completed: none is running, none has failed.
    await until(stack, before + Counter(RUNNING=1), besides="COMPLETED")


async def test_ten_concurrent_sign_ups_leave_one_customer_at_the_provider(
    stack: Stack, admin: Caller, name: str
) -> None:
    await asyncio.gather(*(admin.sign_up(name, payment_method="pm_card_visa") for _ in range(10)))

    assert await stripe_customers(stack, name) == 1


async def test_a_malformed_request_does_not_use_up_its_key(stack: Stack, admin: Caller, name: str) -> None:
    problem_of(await admin.sign_up(name, key=name, quantity=0), 422, "malformed")
    problem_of(await admin.sign_up(name, key=name, plan="platinum"), 422, "unknown_plan")

    assert (await admin.sign_up(name, key=name)).status_code == 201


async def test_a_sign_up_the_provider_rejected_can_be_corrected_under_its_key(
    stack: Stack, admin: Caller, name: str
) -> None:
    refused = await admin.sign_up(name, key=name, payment_method="pm_card_nonsense")
    assert refused.status_code == 422, refused.text

    mended = await admin.sign_up(name, key=name, payment_method="pm_card_visa")

    assert mended.status_code == 201, mended.text
    assert await subscriptions_of(stack, name) == [mended.json()["id"]]


async def test_a_sign_up_that_came_too_early_can_be_repeated_under_its_key(
    stack: Stack, admin: Caller, name: str
) -> None:
    sent = [admin.sign_up(name, key=f"{name}-{number}", allow_another_trial=True) for number in range(5)]
    answers = await asyncio.gather(*sent)
    loser = next(number for number, answer in enumerate(answers) if answer.status_code == 409)
    winner = next(answer.json() for answer in answers if answer.status_code == 201)
    assert (await admin.command(winner["id"], "cancel", at="now")).status_code == 200

    again = await admin.sign_up(name, key=f"{name}-{loser}", allow_another_trial=True)

    assert again.status_code == 201, again.text
    assert again.json()["status"] == "trialing"
    assert again.json()["id"] != winner["id"]


async def test_an_impossible_command_does_not_use_up_its_key(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    problem_of(await admin.command(made["id"], "convert", key=name), 409, "payment_method_required")
    card = await admin.command(made["id"], "payment-method", payment_method="pm_card_visa")
    assert card.status_code == 200

    assert (await admin.command(made["id"], "convert", key=name)).status_code == 200


@pytest.mark.parametrize(
    ("command", "body", "kind"),
    [
        ("cancel", {}, "cancel_scheduled"),
        ("cancel", {"at": "now"}, "canceled"),
        ("convert", {"payment_method": "pm_card_visa", "when": "now"}, "converted"),
        ("extend-trial", {"days": 7, "reason": "holidays"}, "trial_extended"),
    ],
)
async def test_a_command_sent_ten_times_at_once_under_one_key_is_carried_out_once(
    admin: Caller, name: str, command: str, body: dict[str, object], kind: str
) -> None:
    made = await admin.signed_up(name)

    answers = await asyncio.gather(*(admin.command(made["id"], command, key=name, **body) for _ in range(10)))

    assert set(codes(answers)) <= {"200", "request_in_progress", "active", "trialing", "canceled"}, codes(answers)
    assert any(answer.status_code == 200 for answer in answers)
    past = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()["past"]
    assert [entry["kind"] for entry in past].count(kind) == 1
    again = await admin.command(made["id"], command, key=name, **body)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    bills = (await admin.get("/v1/invoices", customer=name)).json()["data"]
    assert len(bills) == (1 if command == "convert" else 0)


async def test_ten_cancellations_at_once_under_keys_of_their_own_end_it_once(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)

    answers = await asyncio.gather(*(admin.command(made["id"], "cancel", at="now") for _ in range(10)))

    assert codes(answers) == Counter({"200": 1, "subscription_canceled": 9})


async def test_a_key_used_for_two_kinds_of_command_is_refused_for_the_second(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    assert (await admin.command(made["id"], "cancel", key=name)).status_code == 200

    problem_of(await admin.command(made["id"], "uncancel", key=name), 409, "idempotency_key_reused")


async def test_keys_up_to_the_maximum_size_reach_the_provider_in_a_valid_form(admin: Caller, name: str) -> None:
    key = (f"{name} ~!@#$%^&*()<>/\\\"'" + "k" * 255)[:255]

    first = await admin.sign_up(name, key=key, payment_method="pm_card_visa")
    again = await admin.sign_up(name, key=key, payment_method="pm_card_visa")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content


async def test_a_stored_response_is_only_replayed_to_roles_that_may_request_it(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name)
    body = {"days": 7, "reason": "holidays"}
    assert (await admin.command(made["id"], "extend-trial", key=name, **body)).status_code == 200

    async with Caller.of_role(stack, Role.SERVICE) as service:
        refused = await service.command(made["id"], "extend-trial", key=name, **body)

    problem_of(refused, 403, "forbidden")
    assert "Idempotency-Replayed" not in refused.headers
    again = await admin.command(made["id"], "extend-trial", key=name, **body)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")


async def test_operator_only_fields_are_replayed_only_to_operators(stack: Stack, admin: Caller, name: str) -> None:
    assert (await admin.sign_up(name, key=name, allow_another_trial=True)).status_code == 201

    async with Caller.of_role(stack, Role.SERVICE) as service, Caller.of_role(stack, Role.READ_ONLY) as reader:
        problem_of(await service.sign_up(name, key=name, allow_another_trial=True), 403, "forbidden")
        problem_of(await reader.sign_up(name, key=name, allow_another_trial=True), 403, "forbidden")


async def test_a_service_gets_the_replay_of_an_operators_request_it_may_make_too(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.sign_up(name, key=name)

    async with Caller.of_role(stack, Role.SERVICE) as service:
        again = await service.sign_up(name, key=name)

    assert (again.status_code, again.content, again.headers["Idempotency-Replayed"]) == (201, made.content, "true")


async def test_a_read_only_key_is_rejected_before_a_running_request_is_revealed(
    stack: Stack, admin: Caller, name: str
) -> None:
    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        problem_of(await reader.sign_up(name, key=name), 403, "forbidden")

    assert (await admin.sign_up(name, key=name)).status_code == 201


def test_every_idempotent_endpoint_declares_its_roles() -> None:
    routes = [one for router in ROUTERS for one in router.routes if isinstance(one, IdempotentRoute)]
    commands = [one for one in routes if "POST" in (one.methods or ())]

    assert len(commands) > 10
    assert [one.path for one in commands if not roles_of(one.dependant)] == []
