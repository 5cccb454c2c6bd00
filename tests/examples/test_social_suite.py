"""examples/social_suite: what its users meet, over HTTP, plan by plan (requirements.md, product A)."""

import asyncio
import json
import os
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest

from examples.social_suite.__main__ import START
from tests.examples.conftest import Painter
from tests.harness.callers import problem_of
from tests.harness.patience import PATIENT

README = Path(__file__).parents[2] / "examples" / "social_suite" / "README.md"
FREE = {"images_per_month": 5, "social_profiles": 1, "posts_per_day": 3}


async def on(user: httpx.AsyncClient, plan: str, name: str) -> httpx.AsyncClient:
    """The same user, in a trial of a plan."""
    begun = await user.post("/plan/trial", json={"plan": plan, "email": f"{name}@example.com"})
    assert begun.status_code == 201, begun.text
    return user


async def page(user: httpx.AsyncClient) -> dict[str, Any]:
    shown: dict[str, Any] = (await user.get("/plan")).json()
    return shown


async def draw(user: httpx.AsyncClient, key: str | None = None, **wish: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await user.post("/images", json={"prompt": "a cat"} | wish, headers=headers)


async def test_five_free_images_and_then_what_more_would_cost(user: httpx.AsyncClient) -> None:
    told = [(await draw(user)).json() for _ in range(5)]
    assert [one["left_this_month"] for one in told] == [4, 3, 2, 1, 0]
    assert [bool(one["hint"]) for one in told] == [False, False, False, True, True]

    refused = await draw(user)

    problem = problem_of(refused, 429, "limit_reached")
    assert (problem["plan"]["code"], problem["used"], problem["limit"]) == ("free", 5, 5)
    assert problem["resets_at"]
    offered = [(one["plan"], one["price_difference"], one["limit"]) for one in problem["upgrades"]]
    assert offered[0] == ("starter", 2900, 10)
    assert int(refused.headers["Retry-After"]) > 0


async def test_users_who_draw_all_at_once_get_no_image_too_many(user: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(draw(user) for _ in range(12)))

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 7


async def test_several_images_count_each_and_are_refused_together(user: httpx.AsyncClient) -> None:
    assert len((await draw(user, count=4)).json()["images"]) == 4

    problem_of(await draw(user, count=2), 429, "limit_reached")

    assert (await draw(user)).json()["left_this_month"] == 0


async def test_a_model_of_a_dearer_plan_is_refused_before_anything_is_counted(
    user: httpx.AsyncClient, name: str
) -> None:
    assert (await user.get("/models")).json() == ["grok2_basic"]
    problem = problem_of(await draw(user, model="dalle3"), 403, "feature_not_in_plan")
    assert (problem["available"], [plan["code"] for plan in problem["plans"]]) == (["grok2_basic"], ["enterprise"])
    problem = problem_of(await draw(user, quality="premium"), 403, "feature_not_in_plan")
    assert problem["available"] == ["draft"]
    assert (await page(user))["bars"]["images_per_month"]["used"] == 0

    await on(user, "enterprise", name)

    assert "dalle3" in (await user.get("/models")).json()
    assert (await draw(user, model="dalle3", quality="premium")).status_code == 201


@pytest.mark.parametrize(
    ("path", "said", "field"),
    [
        ("/images", {"prompt": "a cat", "model": "nope"}, "value"),
        ("/images", {"prompt": "a cat", "quality": "ultra"}, "value"),
        ("/profiles", {"platform": "myspace", "handle": "cat"}, "value"),
        ("/plan/trial", {"plan": "pro", "email": "nowhere"}, "customer.email"),
        ("/plan/trial", {"plan": "gold", "email": "nobody@example.com"}, "plan"),
    ],
)
async def test_a_users_spelling_mistake_is_reported(
    user: httpx.AsyncClient, path: str, said: dict[str, str], field: str
) -> None:
    refused = await user.post(path, json=said)

    assert refused.status_code == 422
    assert [one["field"] for one in refused.json()["errors"]] == [field]


async def test_an_image_that_failed_is_not_charged_again_when_it_is_asked_for_again(
    user: httpx.AsyncClient, painter: Painter
) -> None:
    painter.fails = True
    failed = await draw(user, key="image-1")
    painter.fails = False
    assert failed.status_code == 502

    made = (await draw(user, key="image-1")).json()

    assert made["left_this_month"] == 4
    drawn = painter.drawn
    assert (await draw(user, key="image-1")).json() == made
    assert painter.drawn == drawn, "a key that is repeated gets the same image, not another for nothing"


async def test_profiles_take_a_place_until_they_are_disconnected(user: httpx.AsyncClient) -> None:
    cat, dog = {"platform": "instagram", "handle": "cat"}, {"platform": "instagram", "handle": "dog"}
    assert (await user.post("/profiles", json=cat)).status_code == 201
    problem = problem_of(await user.post("/profiles", json=dog), 429, "limit_reached")
    assert (problem["used"], problem["limit"], problem["resets_at"]) == (1, 1, None)
    assert (await user.get("/profiles")).json() == ["instagram:cat"]

    assert (await user.delete("/profiles/instagram:cat")).status_code == 204

    assert (await user.delete("/profiles/instagram:cat")).status_code == 404
    assert (await user.post("/profiles", json=dog)).status_code == 201


async def test_a_profile_that_could_not_be_connected_is_not_counted(user: httpx.AsyncClient, name: str) -> None:
    await on(user, "starter", name)
    cat = {"platform": "x", "handle": "cat"}
    assert (await user.post("/profiles", json=cat)).status_code == 201

    assert (await user.post("/profiles", json=cat)).status_code == 409

    assert (await page(user))["bars"]["social_profiles"]["used"] == 1
    problem = problem_of(await user.post("/profiles", json=cat | {"platform": "tiktok"}), 403, "feature_not_in_plan")
    assert problem["available"] == ["facebook", "instagram", "x", "linkedin"]
    assert (await page(user))["bars"]["social_profiles"]["used"] == 1


async def test_posts_count_for_their_day_and_their_week_at_once(user: httpx.AsyncClient) -> None:
    left = [(await user.post("/posts", json={"text": "hello"})).json()["left"] for _ in range(3)]
    assert left[-1] == {"posts_per_day": 0, "posts_per_week": 12}

    problem = problem_of(await user.post("/posts", json={"text": "hello"}), 429, "limit_reached")

    assert (problem["feature"], problem["limit"]) == ("posts_per_day", 3)


async def test_many_posts_at_once_are_for_pro(user: httpx.AsyncClient, name: str) -> None:
    many = {"posts": [{"text": f"post {number}"} for number in range(10)]}
    problem = problem_of(await user.post("/posts/bulk", json=many), 403, "feature_not_in_plan")
    assert [plan["code"] for plan in problem["plans"]] == ["pro", "enterprise"]
    problem_of(await user.get("/posts/analytics"), 402, "subscription_required")

    await on(user, "pro", name)

    assert (await user.post("/posts/bulk", json=many)).json()["left"] == {"posts_per_day": 5, "posts_per_week": 65}
    problem_of(await user.post("/posts/bulk", json=many), 429, "limit_reached")
    assert (await user.get("/posts/analytics")).json() == {"posts": 10}


async def test_the_plan_page_shows_all_there_is_and_another_plan(user: httpx.AsyncClient, name: str) -> None:
    await draw(user)

    shown = await page(user)

    assert (shown["plan"], shown["status"]) == ("Free", None)
    assert {code: shown["bars"][code]["limit"] for code in FREE} == FREE
    assert (shown["bars"]["images_per_month"]["used"], shown["bars"]["images_per_month"]["percent"]) == (1, 20)
    assert not any(shown["has"].values())
    assert [(one["code"], one["month"], one["is_yours"]) for one in shown["offers"]] == [
        ("free", None, True),
        ("starter", 2900, False),
        ("pro", 7900, False),
        ("enterprise", 19900, False),
    ]
    await on(user, "starter", name)
    assert ((await page(user))["plan"], (await page(user))["status"]) == ("Starter", "trialing")


async def test_an_upgrade_is_paid_and_opens_at_once_what_was_shut(user: httpx.AsyncClient, name: str) -> None:
    assert (await user.post("/plan/change", json={"plan": "pro"})).status_code == 409
    await on(user, "starter", name)
    assert (await draw(user, count=4)).status_code == 201

    stands = (await user.post("/plan/change", json={"plan": "pro", "card": "pm_card_visa"})).json()

    assert stands == {"plan": "pro", "status": "active", "amount": 7900, "later": None}
    assert (await page(user))["has"]["bulk_operations"]
    assert (await draw(user)).json()["left_this_month"] == 45, "what was used stays used"


async def test_a_downgrade_waits_for_the_end_of_what_is_paid_for(user: httpx.AsyncClient, name: str) -> None:
    await on(user, "starter", name)
    await user.post("/plan/change", json={"plan": "pro", "card": "pm_card_visa"})

    stands = (await user.post("/plan/change", json={"plan": "starter"})).json()

    assert (stands["plan"], stands["later"]) == ("pro", "starter")


async def test_a_declined_card_is_reported_and_changes_nothing(user: httpx.AsyncClient, name: str) -> None:
    await on(user, "starter", name)

    problem_of(
        await user.post("/plan/change", json={"plan": "starter", "card": "pm_card_chargeCustomerFail"}),
        402,
        "payment_declined",
    )

    assert (await page(user))["status"] == "trialing"


async def test_one_trial_is_all_there_is(user: httpx.AsyncClient, name: str) -> None:
    await on(user, "starter", name)

    again = await user.post("/plan/trial", json={"plan": "pro", "email": f"{name}@example.com"})

    problem_of(again, 409, "already_subscribed")


async def test_the_card_page_is_the_providers(user: httpx.AsyncClient, name: str) -> None:
    await on(user, "starter", name)

    assert (await user.post("/plan/card")).json().startswith("http")


async def test_who_does_not_say_who_they_are_is_not_served(suite: str) -> None:
    async with httpx.AsyncClient(base_url=suite, trust_env=False, timeout=PATIENT) as stranger:
        assert (await stranger.post("/images", json={"prompt": "a cat"})).status_code == 401


def test_the_readme_starts_tenure_where_the_product_expects_it() -> None:
    assert f"\n.venv/bin/{START}\n" in README.read_text()


@pytest.mark.skipif(which("curl") is None, reason="the README's commands are for curl")
async def test_the_readme_can_be_typed_in(suite: str, name: str) -> None:
    text = README.read_text()
    commands = text[text.index("```sh") + 5 :].partition("```")[0]
    shell = await asyncio.create_subprocess_exec(
        "bash", "-euc", commands, stdout=asyncio.subprocess.PIPE, env=os.environ | {"APP": suite, "ME": name}
    )
    out, _ = await shell.communicate()

    assert shell.returncode == 0
    lines, _, page = out.decode().partition("\n{\n")
    said = [json.loads(line) for line in lines.splitlines()]
    assert [one.get("code") for one in said] == [
        *[None] * 5,
        "limit_reached",
        "feature_not_in_plan",
        None,
        "limit_reached",
        None,
        None,
        "feature_not_in_plan",
        *[None] * 3,
    ]
    assert '"plan": "Pro"' in page
