"""A customer in a session finds their own plan on the pricing page, and the way to another one."""

import httpx

from sandbox.stack import Stack
from tests.harness.callers import Caller
from tests.web.billing.visitor import Visitor, forms_of
from tests.web.markup import Markup


def marked(answer: httpx.Response) -> list[str]:
    return [one for one in Markup(answer.text).said("p") if one in ("Your plan", "Recommended")]


def changes(answer: httpx.Response) -> list[str]:
    return [link for link in Markup(answer.text).said("a") if link.startswith("Change to this plan")]


def buttons(answer: httpx.Response) -> set[str]:
    return {link["href"] for link in Markup(answer.text).all("a") if "button" in link.get("class", "")}


async def test_a_customer_finds_their_plan_marked_and_may_change_to_the_others(
    admin: Caller, stack: Stack, name: str
) -> None:
    await admin.signed_up(name, plan="starter")

    async with Visitor.entered(stack, admin, name) as ada:
        own = await ada.get("/pricing")
        chosen = await ada.get("/billing/change?plan=professional/year")
        unknown = await ada.get("/billing/change?plan=golden/year")

    assert marked(own) == ["Your plan", "Recommended"]
    assert set(changes(own)) == {f"Change to this plan {plan}" for plan in ("Starter", "Professional", "Enterprise")}
    assert own.headers["Cache-Control"] == "no-store"
    assert buttons(own) == {
        f"/billing/change?plan={plan}"
        for plan in (
            "starter/year",
            "professional/month",
            "professional/year",
            "enterprise/month",
            "enterprise/year",
        )
    }
    assert [forms_of(page.text)[0][1]["plan"] for page in (chosen, unknown)] == ["professional/year", "starter/month"]


async def test_a_customer_whose_subscription_has_ended_chooses_another_on_the_billing_pages(
    admin: Caller, stack: Stack, name: str
) -> None:
    made = await admin.signed_up(name, plan="starter")
    assert (await admin.command(made["id"], "cancel", at="now")).status_code == 200

    async with Visitor.entered(stack, admin, name) as ada:
        own = await ada.get("/pricing")
        chosen = await ada.get("/billing/plans?plan=enterprise/year")

    assert marked(own) == ["Recommended"]
    assert changes(own) == []
    assert "/billing/plans?plan=professional/year" in buttons(own)
    assert forms_of(chosen.text)[0][1]["plan"] == "enterprise/year"


async def test_a_session_that_is_over_shows_the_page_for_everybody(stack: Stack) -> None:
    async with Visitor.of(stack) as stranger:
        stranger.cookie = "long over"
        answer = await stranger.get("/pricing")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=300"
