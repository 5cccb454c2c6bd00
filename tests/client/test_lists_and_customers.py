"""Lists that come in pages, and subscriptions that are named by their customer."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tenure.client import AsyncTenure, NotFound, OfCustomer, Tenure
from tenure.client.core import Steps
from tenure.client.fastapi import answer_refusals
from tenure.client.requests import Reply
from tenure.client.subscription_operations import cancel, preview_cancel, subscription, timeline
from tests.client.steps import Other, answer, problem

SUBSCRIPTION = {"id": "s1", "customer": {"external_id": "ada"}, "plan": "pro", "status": "active", "access": "full"}
ADA = {"external_id": "ada", "plan": None, "basis": "plan", "subscription": SUBSCRIPTION}


def page_of(*ids: str, cursor: str | None = None) -> Reply:
    return answer({"data": [SUBSCRIPTION | {"id": one} for one in ids], "next_cursor": cursor})


class Replies:
    """Answers a client's requests one after the other, in place of its connections."""

    def __init__(self, *replies: Reply) -> None:
        self.other, self.left = Other(), list(replies)

    def answer(self, steps: Steps[Any]) -> Any:
        return self.other.carry_out(steps, self.left.pop(0))

    @property
    def queries(self) -> list[Mapping[str, Any]]:
        return [call.query for call in self.other.sent]


def test_a_list_is_fetched_page_by_page_until_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = Replies(page_of("s3", "s2", cursor="after-s2"), page_of(cursor="still"), page_of("s1"))
    monkeypatch.setattr(Tenure, "_carry_out", lambda _client, steps: replies.answer(steps))

    with Tenure("http://tenure.example", "key") as tenure:
        found = tenure.subscriptions(status="active", blocked=True)
        assert next(found).id == "s3"
        assert len(replies.queries) == 1, "the next page is fetched when it is needed"
        assert [one.id for one in found] == ["s2", "s1"]

    filters = {"status": "active", "blocked": True, "limit": 100}
    assert replies.queries == [filters, filters | {"cursor": "after-s2"}, filters | {"cursor": "still"}]


async def test_the_async_client_iterates_over_the_same_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = Replies(page_of("s2", cursor="after-s2"), page_of("s1"))

    async def carry_out(_client: AsyncTenure, steps: Steps[Any]) -> Any:
        return replies.answer(steps)

    monkeypatch.setattr(AsyncTenure, "_carry_out", carry_out)

    async with AsyncTenure("http://tenure.example", "key") as tenure:
        assert [one.id async for one in tenure.subscriptions(customer="ada")] == ["s2", "s1"]


def test_a_command_finds_the_subscription_of_the_customer_who_is_named() -> None:
    other = Other()

    after = other.carry_out(cancel(other.core, OfCustomer("ada"), at="now", key="k"), answer(ADA), answer(SUBSCRIPTION))

    assert after.id == "s1"
    assert [(call.method, call.path) for call in other.sent] == [
        ("GET", "/v1/customers/ada"),
        ("POST", "/v1/subscriptions/s1/cancel"),
    ]
    assert (other.sent[1].body, other.sent[1].key) == ({"at": "now"}, "k")


def test_previews_and_reading_take_a_customer_too() -> None:
    ends = {"ends_at": "2026-12-21T00:00:00+00:00", "loses_paid_days": 3}
    other = Other()

    preview = other.carry_out(preview_cancel(other.core, OfCustomer("ada")), answer(ADA), answer(ends))
    found = other.carry_out(subscription(other.core, OfCustomer("ada")), answer(ADA), answer(SUBSCRIPTION))
    story = other.carry_out(timeline(other.core, OfCustomer("ada")), answer(ADA), answer({"past": []}))

    assert (preview.loses_paid_days, found.id, story.past) == (3, "s1", ())


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (problem(404, "unknown_customer"), "unknown_customer"),
        (answer(ADA | {"subscription": None}), "no_subscription"),
    ],
)
def test_a_command_for_a_customer_without_a_subscription_is_not_found(reply: Reply, code: str) -> None:
    other = Other()

    with pytest.raises(NotFound) as refusal:
        other.carry_out(cancel(other.core, OfCustomer("ada")), reply)

    assert (refusal.value.code, refusal.value.status, refusal.value.problem["code"]) == (code, 404, code)
    assert len(other.sent) == 1


@pytest.mark.parametrize(
    ("code", "status"), [("unknown_customer", 404), ("no_subscription", 404), ("unknown_feature", 500)]
)
async def test_users_are_told_that_they_have_not_signed_up_and_nothing_of_names_that_the_product_misspelt(
    code: str, status: int
) -> None:
    app = FastAPI()
    answer_refusals(app)

    @app.get("/account")
    async def account() -> None:
        raise NotFound("there is no such thing", code=code, status=404)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://product.example") as user:
        answered = await user.get("/account")

    assert answered.status_code == status
    assert (code in answered.text) is (status == 404)
