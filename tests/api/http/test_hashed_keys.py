"""Callers' idempotency keys never leave the database, and repeats are recognized across the upgrade."""

import json
from uuid import uuid5

import pytest

from api.subscriptions.requests import CreateSubscriptionRequest
from api.subscriptions.sign_up import NAMESPACE
from domain.errors import TenureError
from domain.names import DEFAULT_TENANT, subscription_workflow_id
from domain.subscription.command_keys import hashed
from domain.subscription.commands import ConvertAt
from sandbox.stack import Stack
from services import subscription_client
from tests.harness.callers import Caller, a_sign_up, problem_of
from workflows.subscription.messages import Convert, ExtendTrial
from workflows.subscription.workflow import SubscriptionWorkflow

EXTENSION = {"days": 7, "reason": "holidays"}


async def history_of(stack: Stack, subscription: str) -> bytes:
    """Everything Temporal stores about a subscription's latest run."""
    handle = stack.client.get_workflow_handle(subscription_workflow_id(subscription))
    return b"".join([event.SerializeToString() async for event in handle.fetch_history_events()])


async def kinds_of(admin: Caller, subscription: str) -> list[str]:
    past = (await admin.get(f"/v1/subscriptions/{subscription}/timeline")).json()["past"]
    return [entry["kind"] for entry in past]


async def test_keys_reach_neither_temporal_nor_the_provider_nor_the_timeline(
    stack: Stack, admin: Caller, name: str
) -> None:
    secret = f"of-grace@example.net-{name}"[-90:]
    made = (await admin.sign_up(name, key=f"{secret}-s", payment_method="pm_card_visa")).json()
    id_ = made["id"]
    paths = {
        f"/v1/subscriptions/{id_}/payment-method": {"payment_method": "pm_card_mastercard"},
        f"/v1/subscriptions/{id_}/convert": {"when": "now"},
        f"/v1/subscriptions/{id_}/change-plan": {"plan": "professional", "when": "now"},
        "/v1/checkout-sessions": {"subscription": id_},
        "/v1/portal-sessions": {"subscription": id_},
    }
    for number, (path, body) in enumerate(paths.items()):
        answer = await admin.post(path, body, key=f"{secret}-{number}")
        assert answer.status_code == 200, answer.text

    history, timeline = await history_of(stack, id_), (await admin.get(f"/v1/subscriptions/{id_}/timeline")).text
    assert hashed(f"{secret}-s").encode() in history
    assert secret.encode() not in history
    assert secret not in timeline
    assert hashed(f"{secret}-1") in timeline
    assert [one for one in stack.simulator.call_log() if secret in str(one)] == []


async def test_a_command_sent_before_the_upgrade_is_not_repeated_after_it(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name)
    # As the previous release sent it; its caller was told to retry, and no response was stored.
    command = ExtendTrial(name, "operator", 7, "holidays")
    await subscription_client.send_command(stack.client, made["id"], SubscriptionWorkflow.extend_trial, command)
    extended = await admin.subscription(made["id"])

    again = await admin.command(made["id"], "extend-trial", key=name, **EXTENSION)

    assert (again.status_code, again.json()["trial_ends_at"]) == (200, extended["trial_ends_at"])
    assert (await kinds_of(admin, made["id"])).count("trial_extended") == 1


async def test_a_command_is_known_to_the_previous_release_too(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    extended = await admin.command(made["id"], "extend-trial", key=name, **EXTENSION)

    command = ExtendTrial(name, "operator", 7, "holidays")
    await subscription_client.send_command(stack.client, made["id"], SubscriptionWorkflow.extend_trial, command)

    assert (await admin.subscription(made["id"]))["trial_ends_at"] == extended.json()["trial_ends_at"]


async def test_a_decline_from_before_the_upgrade_is_replayed_without_a_charge(
    stack: Stack, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name)
    command = Convert(name, "service", "pm_card_chargeCustomerFail", ConvertAt.NOW)
    with pytest.raises(TenureError):
        await subscription_client.send_command(stack.client, made["id"], SubscriptionWorkflow.convert, command)
    before = stack.simulator.call_log()

    again = await admin.command(
        made["id"], "convert", key=name, payment_method="pm_card_chargeCustomerFail", when="now"
    )

    problem_of(again, 402, "payment_declined")
    asked = stack.simulator.call_log()[len(before) :]
    assert [call for call in asked if call[0] == "POST"] == [], "it may look, but asks no card again"


@pytest.mark.parametrize("key", ["order 17 of {name}", "{name}" + "x" * 120], ids=["short", "long"])
async def test_a_sign_up_gets_the_same_id_as_in_the_previous_release(admin: Caller, name: str, key: str) -> None:
    given, body = key.format(name=name), a_sign_up(name)
    wished = json.dumps(CreateSubscriptionRequest.model_validate(body).model_dump(mode="json"), sort_keys=True)
    named = given if len(given) <= 100 else hashed(given)

    made = await admin.post("/v1/subscriptions", body, key=given)

    assert made.json()["id"] == str(uuid5(NAMESPACE, f"{DEFAULT_TENANT}/{named}/{wished}"))
