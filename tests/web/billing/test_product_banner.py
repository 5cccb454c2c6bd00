"""What products show to their customers: one thing, the most pressing, with a link to the page for it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, problem_of
from tests.web.billing.visitor import Visitor, said, title
from tests.web.markup import Markup


async def banner_of(caller: Caller, customer: str, **asked: Any) -> dict[str, Any] | None:
    answer = await caller.get(f"/v1/customers/{customer}/banner", **asked)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"banner"}
    found: dict[str, Any] | None = answer.json()["banner"]
    return found


async def test_a_trial_without_a_card_is_told_with_a_link_that_opens_the_page_for_a_card(
    stack: Stack, admin: Caller, name: str
) -> None:
    await admin.signed_up(name)

    banner = await banner_of(admin, name)

    assert banner is not None
    assert (banner["kind"], banner["tone"], banner["flow"]) == ("trial", "calm", "payment_method")
    assert banner["title"] in ("14 days left in your Starter trial", "13 days left in your Starter trial")
    assert banner["text"] == "There is no card on file. Nothing will be charged unless you add one."
    assert banner["action"] == "Add a card"
    async with Visitor.of(stack) as anybody:
        page = await anybody.get(banner["url"])
    assert page.status_code == 200
    assert "It is charged when your trial ends" in said(page)


async def test_a_failed_payment_leads_to_paying_and_the_piece_of_html_says_the_same(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live_until_declined("insufficient_funds")

    banner = await banner_of(admin, life.external_id)

    assert banner is not None
    assert (banner["kind"], banner["flow"], banner["action"]) == ("payment_failed", "pay", "Pay now")
    assert banner["title"] == "A payment is open"
    assert banner["text"].startswith("We could not collect")
    html = Markup(banner["html"])
    (aside,) = [given for tag, given in html.elements if tag == "aside"]
    (link,) = [given for tag, given in html.elements if tag == "a"]
    assert aside["data-tone"] == banner["tone"]
    assert link["href"] == banner["url"]
    assert banner["text"] in " ".join(html.said("p")[0].split())
    assert not {"script", "style", "img", "iframe"} & {tag for tag, _ in html.elements}
    assert not any("style" in given or any(name.startswith("on") for name in given) for _, given in html.elements)


async def test_a_planned_end_can_be_undone_by_the_link_and_then_nothing_is_to_be_said(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    assert await banner_of(admin, life.external_id) is None, "paid up"
    await life.command("cancel")

    banner = await banner_of(admin, life.external_id)

    assert banner is not None
    assert (banner["kind"], banner["action"]) == ("ends", "Keep your subscription")
    async with Visitor.of(stack) as customer:
        assert title(await customer.press(banner["url"])) == "Your subscription goes on"
    assert await banner_of(admin, life.external_id) is None


async def test_a_reached_limit_is_told_and_an_operators_suspension_has_no_link(
    stack: Stack, admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.product.consume(life.external_id, "users", 3, key=f"{life.id}/users")
    full = await banner_of(admin, life.external_id)
    assert full is not None
    assert (full["kind"], full["flow"]) == ("locked", "change_plan")
    async with Visitor.of(stack) as customer:
        page = await customer.get(full["url"])
    assert page.status_code == 200

    await life.command("suspend", reason="fraud, says Eve")
    suspended = await banner_of(admin, life.external_id)
    assert suspended is not None
    assert (suspended["kind"], suspended["tone"]) == ("suspended_by_operator", "urgent")
    assert (suspended["flow"], suspended["action"], suspended["url"]) == (None, None, None)
    assert "fraud" not in str(suspended), "operators' reasons are not for customers"
    assert "<a " not in suspended["html"]


async def test_a_reached_limit_has_no_link_to_a_change_of_plan_that_is_refused(
    admin: Caller, begin: Callable[..., Any]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.product.consume(life.external_id, "users", 3, key=f"{life.id}/users")
    await life.command("cancel")

    banner = await banner_of(admin, life.external_id)

    assert banner is not None
    assert banner["kind"] == "locked"
    assert (banner["flow"], banner["action"], banner["url"]) == (None, None, None)
    assert "<a " not in banner["html"]


async def test_it_is_in_the_customers_language_or_in_the_one_that_is_asked_for(admin: Caller, name: str) -> None:
    await admin.signed_up(name, customer={"locale": "de-AT", "timezone": "Europe/Vienna"})

    own, asked = await banner_of(admin, name), await banner_of(admin, name, locale="en")

    assert own is not None
    assert asked is not None
    assert own["action"] == "Karte hinterlegen"
    assert 'lang="de"' in own["html"]
    assert asked["action"] == "Add a card"


async def test_who_may_only_read_sees_it_without_the_link(stack: Stack, admin: Caller, name: str) -> None:
    await admin.signed_up(name)

    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        banner = await banner_of(reader, name)

    assert banner is not None
    assert (banner["flow"], banner["url"]) == ("payment_method", None)
    assert "<a " not in banner["html"]


async def test_ended_subscriptions_have_nothing_to_say_and_unknown_customers_are_not_found(
    admin: Caller, name: str
) -> None:
    problem_of(await admin.get(f"/v1/customers/{name}/banner"), 404, "unknown_customer")

    made = await admin.signed_up(name)
    await admin.command(made["id"], "cancel", at="now")
    assert await banner_of(admin, name) is None


async def test_it_asks_the_database_twice_at_most(
    admin: Caller, begin: Callable[..., Any], statements: list[str]
) -> None:
    life = await begin(payment_method="pm_card_visa", trial_days=0)
    await life.live(timedelta(days=70))

    counts = []
    for _ in range(5):
        statements.clear()
        await banner_of(admin, life.external_id)
        counts.append(len(statements))

    assert 0 < min(counts) <= 2, "what runs in the background may ask in between, not every time"
