"""From a step to the product's own server, on the whole stack: signed, repeated, recovered."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from domain.events import deliveries
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.gateways.webhooks.receiver import OK, Receiver, Told, receiving
from tests.harness.callers import Caller
from tests.harness.names import a_name
from tests.harness.patience import until

AWAY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
SECONDS = tuple(timedelta(seconds=each) for each in (0, 0.2, 0.2, 0.2))


@dataclass(frozen=True)
class Listener:
    """A product with an endpoint, in a tenant of its own."""

    receiver: Receiver
    caller: Caller
    endpoint: str
    secret: str
    tenant: str

    @property
    def told(self) -> list[Told]:
        return [Told.of(each) for each in self.receiver.requests]

    async def deliveries(self) -> list[dict[str, Any]]:
        found = await self.caller.get(f"/v1/webhook-endpoints/{self.endpoint}/deliveries")
        data: list[dict[str, Any]] = found.json()["data"]
        return data

    async def states(self) -> set[str]:
        return {each["state"] for each in await self.deliveries()}

    async def ask(self, path: str, body: object = None) -> dict[str, Any]:
        answer = await self.caller.post(path, body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def listener(stack: Stack) -> AsyncIterator[Listener]:
    tenant = a_name("listening")
    async with receiving() as receiver, Caller.of_role(stack, Role.ADMIN, tenant) as admin:
        wanted = {"url": f"http://127.0.0.1:{receiver.port}/", "types": ["subscription.created"]}
        made = (await admin.post("/v1/webhook-endpoints", wanted)).json()
        yield Listener(receiver, admin, made["id"], made["secret"], tenant)
        await admin.http.delete(f"/v1/webhook-endpoints/{made['id']}")


@pytest.fixture
def in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule, so short that it may be waited for."""
    monkeypatch.setattr(deliveries, "SCHEDULE", SECONDS)


async def test_a_product_hears_of_a_sign_up_and_verifies_it(listener: Listener) -> None:
    made = await listener.caller.signed_up(a_name("heard"))

    await until(lambda: len(listener.told) == 1)

    [told] = listener.told
    event = told.verified_by(listener.secret)
    assert (event["type"], event["data"]["subscription"]["id"]) == ("subscription.created", made["id"])
    assert event["data"]["customer"]["external_id"] == made["customer"]["external_id"]
    assert told.headers["webhook-id"] == event["id"]
    assert made["customer"]["external_id"] + "@example.com" not in told.body.decode()
    await until(lambda: _is(listener, "delivered"))
    [delivery] = await listener.deliveries()
    details = (await listener.caller.get(f"/v1/deliveries/{delivery['id']}")).json()
    assert [(each["status"], each["answer"]) for each in details["history"]] == [(200, "ok")]


async def test_both_secrets_sign_after_a_rotation(listener: Listener) -> None:
    rotated = await listener.ask(f"/v1/webhook-endpoints/{listener.endpoint}/rotate")

    await listener.caller.signed_up(a_name("rotated"))
    await until(lambda: len(listener.told) == 1)

    [told] = listener.told
    assert told.verified_by(listener.secret) == told.verified_by(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        told.verified_by("whsec_" + "A" * 32)


@pytest.mark.usefixtures("in_seconds")
async def test_a_receiver_that_comes_back_gets_the_same_event_by_the_schedule(listener: Listener) -> None:
    listener.receiver.answer = AWAY
    await listener.caller.signed_up(a_name("back"))
    await until(lambda: len(listener.told) == 2)

    listener.receiver.answer = OK

    await until(lambda: _is(listener, "delivered"))
    assert len({told.headers["webhook-id"] for told in listener.told}) == 1
    assert len({told.body for told in listener.told}) == 1


@pytest.mark.usefixtures("in_seconds")
async def test_what_was_given_up_is_sent_again_and_what_was_missed_is_recovered(listener: Listener) -> None:
    listener.receiver.answer = AWAY
    await listener.caller.signed_up(a_name("given-up"))
    await until(lambda: _is(listener, "failed"))
    assert len(listener.told) == len(SECONDS)
    listener.receiver.answer = OK
    [failed] = await listener.deliveries()

    await listener.ask(f"/v1/deliveries/{failed['id']}/resend")

    await until(lambda: _is(listener, "delivered"))
    assert len(listener.told) == len(SECONDS) + 1
    disabled = {"state": "disabled"}
    assert (await listener.caller.http.patch(f"/v1/webhook-endpoints/{listener.endpoint}", json=disabled)).is_success
    await listener.caller.signed_up(a_name("missed"))
    enabled = {"state": "enabled"}
    assert (await listener.caller.http.patch(f"/v1/webhook-endpoints/{listener.endpoint}", json=enabled)).is_success
    assert len(listener.told) == len(SECONDS) + 1

    recovery = await listener.ask(
        f"/v1/webhook-endpoints/{listener.endpoint}/recover", {"since": "2020-01-01T00:00:00Z"}
    )

    assert recovery == {"deliveries": 1, "has_more": False}
    await until(lambda: len(listener.told) == len(SECONDS) + 2)


async def test_a_receiver_that_answers_gone_is_disabled(listener: Listener) -> None:
    listener.receiver.answer = GONE
    await listener.caller.signed_up(a_name("gone"))

    await until(lambda: _is(listener, "canceled"))

    shown = (await listener.caller.get(f"/v1/webhook-endpoints/{listener.endpoint}")).json()
    assert (shown["state"], shown["disabled_reason"]) == ("disabled", "gone")
    [delivery] = await listener.deliveries()
    refused = await listener.caller.post(f"/v1/deliveries/{delivery['id']}/resend")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_endpoint_disabled")


async def test_the_secret_is_shown_once_also_under_the_same_key(listener: Listener) -> None:
    key, wanted = str(uuid4()), {"url": "http://127.0.0.1:9/"}

    first, again = [await listener.caller.post("/v1/webhook-endpoints", wanted, key=key) for _ in range(2)]

    assert first.json()["secret"].startswith("whsec_")
    assert again.json() == first.json() | {"secret": None}
    listed = (await listener.caller.get("/v1/webhook-endpoints")).text
    assert first.json()["secret"] not in listed
    assert "secret" not in json.loads(listed)["data"][0]


async def test_what_a_key_for_webhooks_does_is_in_the_audit(stack: Stack, listener: Listener) -> None:
    path = f"/v1/webhook-endpoints/{listener.endpoint}"
    async with Caller.of_role(stack, Role.WEBHOOKS, listener.tenant) as keeper:
        assert (await keeper.http.patch(path, json={"description": "billing"})).is_success
        assert (await keeper.get("/v1/subscriptions")).status_code == 403

    entries = (await listener.caller.get("/v1/audit")).json()["data"]
    done = {(each["action"], each["actor"]["role"], each["outcome"]) for each in entries}
    assert {each["target"]["id"] for each in entries} == {listener.endpoint}
    assert done == {("createWebhookEndpoint", "admin", "done"), ("updateWebhookEndpoint", "webhooks", "done")}


async def _is(listener: Listener, state: str) -> bool:
    return await listener.states() == {state}
