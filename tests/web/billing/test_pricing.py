"""A customer in a session finds their own plan on the pricing page, and the way to another one."""

import httpx

from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor
from tests.web.markup import Markup


def marked(answer: httpx.Response) -> list[str]:
    return [one for one in Markup(answer.text).said("p") if one in ("Your plan", "Recommended")]


def changes(answer: httpx.Response) -> list[str]:
    return [link for link in Markup(answer.text).said("a") if link.startswith("Change to this plan")]


async def test_a_customer_finds_their_plan_marked_and_may_change_to_the_others(
    admin: Caller, stack: Stack, name: str
) -> None:
    await admin.signed_up(name, plan="starter")

    async with Visitor.entered(stack, admin, name) as ada:
        own = await ada.get("/pricing")

    assert marked(own) == ["Your plan", "Recommended"]
    assert changes(own) == ["Change to this plan Professional", "Change to this plan Enterprise"]
    assert own.headers["Cache-Control"] == "no-store"
    assert {link["href"] for link in Markup(own.text).all("a") if "button" in link.get("class", "")} == {
        "/billing/change"
    }


async def test_a_customer_without_a_subscription_sees_what_everybody_sees(
    admin: Caller, stack: Stack, name: str
) -> None:
    made = await admin.signed_up(name, plan="starter")
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    async with Visitor.entered(stack, admin, name) as ada:
        own = await ada.get("/pricing")

    assert marked(own) == ["Recommended"]
    assert changes(own) == []


async def test_a_session_that_is_over_shows_the_page_for_everybody(stack: Stack) -> None:
    async with Visitor.of(stack) as stranger:
        stranger.cookie = "long over"
        answer = await stranger.get("/pricing")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
