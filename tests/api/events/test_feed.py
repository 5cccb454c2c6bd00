"""The feed over HTTP: what products read who cannot be called."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from domain.events.types import EventType
from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, problem_of
from tests.harness.event_schemas import check
from tests.harness.patience import until

CREATED = ["subscription.created", "subscription.trial_started"]


async def page(caller: Caller, **given: Any) -> dict[str, Any]:
    answer = await caller.get("/v1/events", **given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def told_of(caller: Caller, subscription: str, how_many: int = 1) -> list[dict[str, Any]]:
    """The events of a subscription, once there are so many: others' transactions hold the feed up for a moment."""
    found: list[dict[str, Any]] = []

    async def has_come() -> bool:
        found[:] = (await page(caller, subscription=subscription))["data"]
        return len(found) >= how_many

    await until(has_come)
    return found


async def test_a_sign_up_is_told_as_its_schema_says(alone: Caller, name: str) -> None:
    made = await alone.signed_up(name)

    events = await told_of(alone, made["id"], 2)

    assert [event["type"] for event in events] == CREATED
    for event in events:
        check(event)
    assert events[0]["data"]["customer"] == {"id": made["customer"]["id"], "external_id": name}
    assert events[0]["data"]["subscription"]["status"] == "trialing"
    assert events[0]["sequence"] == events[0]["data"]["subscription"]["sequence"] == 1


async def test_a_reader_reads_on_from_where_they_were(alone: Caller, name: str) -> None:
    first = await alone.signed_up(f"{name}-1")
    await told_of(alone, first["id"], 2)
    one = await page(alone, limit=1)
    assert (len(one["data"]), one["has_more"]) == (1, True)
    rest = await page(alone, cursor=one["next_cursor"])
    assert [event["type"] for event in [*one["data"], *rest["data"]]] == CREATED
    assert rest["has_more"] is False

    second = await alone.signed_up(f"{name}-2")
    await told_of(alone, second["id"], 2)

    news = await page(alone, cursor=rest["next_cursor"])
    assert {event["data"]["subscription"]["id"] for event in news["data"]} == {second["id"]}


async def test_types_choose(alone: Caller, name: str) -> None:
    made = await alone.signed_up(name)
    await told_of(alone, made["id"], 2)
    [event] = (await page(alone, type="subscription.created"))["data"]
    assert event["type"] == "subscription.created"
    both = await page(alone, type=["subscription.created", "subscription.trial_started"])
    assert len(both["data"]) == 2
    problem_of(await alone.get("/v1/events", type="subscription.made"), 422, "malformed")


async def test_a_service_key_may_read_and_sees_its_tenant_alone(stack: Stack, alone: Caller, name: str) -> None:
    made = await alone.signed_up(name)
    await told_of(alone, made["id"], 2)
    async with Caller.of_role(stack, Role.SERVICE, tenant=name) as service:
        assert len((await page(service))["data"]) == 2
    async with Caller.of_role(stack, Role.SERVICE, tenant=f"{name}-other") as other:
        assert await page(other) == {"data": [], "next_cursor": None, "has_more": False}
        assert (await page(other, subscription=made["id"]))["data"] == []


async def test_what_is_no_cursor_is_refused_with_what_to_do(alone: Caller) -> None:
    problem = problem_of(await alone.get("/v1/events", cursor="WzEsMl0x"), 422, "malformed")
    assert "without one" in str(problem["errors"])


async def test_nothing_is_told_of_a_subscription_that_is_not_there(alone: Caller) -> None:
    assert (await page(alone, subscription=str(uuid4())))["data"] == []


# OpenAPI


@pytest.fixture(scope="module")
async def description(stack: Stack) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=stack.addresses.api_url) as http:
        found: dict[str, Any] = (await http.get("/openapi.json")).json()
        return found


def test_every_type_is_described_with_its_schema_and_signature(description: dict[str, Any]) -> None:
    webhooks = description["webhooks"]
    assert set(webhooks) == {type_.value for type_ in EventType}
    for type_, described in webhooks.items():
        operation = described["post"]
        reference, of_type = operation["requestBody"]["content"]["application/json"]["schema"]["allOf"]
        model = description["components"]["schemas"][reference["$ref"].rpartition("/")[2]]
        assert of_type["properties"]["type"]["const"] == type_
        assert {"id", "type", "version", "timestamp", "sequence", "data"} <= set(model["properties"])
        assert [each["name"] for each in operation["parameters"]] == [
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        ]


def test_the_feed_describes_the_same_events(description: dict[str, Any]) -> None:
    rows = description["components"]["schemas"]["EventPage"]["properties"]["data"]["items"]
    assert set(rows["discriminator"]["mapping"]) == {type_.value for type_ in EventType}
