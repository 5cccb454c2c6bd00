"""Gates of a FastAPI product, before a real Tenure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from sandbox.serving import serve
from sandbox.stack import Addresses, Stack
from tenure.client import AsyncTenure, Entitlement, Options, Person, RetryPolicy, Standing, Used
from tenure.client.fastapi import Gate, answer_refusals, idempotency_key
from tests.harness.callers import problem_of
from tests.harness.patience import PATIENT
from tests.harness.social import UNHURRIED

AWAY = "http://127.0.0.1:1"
AT_ONCE = Options(quick=RetryPolicy(attempts=1))


class Wish(BaseModel):
    count: int = Field(default=1, ge=1)


async def who(x_user: Annotated[str, Header()]) -> str:
    return x_user


def quality_in(request: Request) -> str | None:
    return request.query_params.get("quality")


def a_product(gate: Gate) -> FastAPI:
    app = FastAPI()
    answer_refusals(app)

    @app.get("/bulk", dependencies=[gate.require_feature("bulk_operations")])
    async def bulk() -> str:
        return "done"

    @app.get("/drawn")
    async def drawn(has: Annotated[Entitlement, gate.require_feature("image_quality", quality_in)]) -> str:
        return f"{has.value}"

    @app.get("/decorated")
    @gate.require_feature("image_models", "grok2_basic")
    def decorated(times: int = 2) -> int:
        return times

    @app.get("/pro")
    @gate.require_plan("pro")
    async def pro() -> str:
        return "pro"

    @app.get("/small")
    async def small(standing: Annotated[Standing, gate.require_plan(one_of=["free", "starter"])]) -> str:
        return standing.plan.name if standing.plan else "none"

    @app.get("/subscribed", dependencies=[gate.require_active_subscription()])
    async def subscribed() -> str:
        return "subscribed"

    @app.get("/either")
    async def either(standing: Annotated[Standing, gate.require_plan(one_of=["starter", "professional"])]) -> str:
        return standing.plan.name if standing.plan else "none"

    @app.get("/mistaken", dependencies=[gate.require_feature("ai_in_box")])
    async def mistaken() -> str:
        return "never"

    add_uses(app, gate)
    return app


def add_uses(app: FastAPI, gate: Gate) -> None:
    @app.post("/images")
    @gate.consume("images_per_month", quantity=lambda wish: wish.count, key=idempotency_key)
    async def images(wish: Wish, used: Used) -> dict[str, Any]:
        return {"used": used.used, "repeated": used.repeated, "asked": wish.count}

    @app.post("/early")
    async def early(used: Annotated[Used, gate.consume("images_per_month")], wish: Wish) -> int | None:
        return used.used

    @app.post("/profiles")
    @gate.consume("social_profiles", key=idempotency_key)
    def profiles(fails: str = "") -> object:
        return _perhaps(fails)

    @app.post("/early-profiles", dependencies=[gate.consume("social_profiles", lambda request: 1)])
    async def early_profiles(fails: str = "") -> object:
        return _perhaps(fails)

    @app.post("/posts")
    @gate.consume("posts", key=idempotency_key)
    async def posts(used: Used) -> dict[str, Any]:
        return {"used": used.used, "repeated": used.repeated, "key": used.key}

    @app.post("/both")
    @gate.consume("posts_per_day")
    @gate.consume("images_per_month")
    async def both(image: Used, post: Used) -> list[str]:
        return [image.feature, post.feature]


def _perhaps(fails: str) -> object:
    match fails:
        case "refused":
            raise HTTPException(409, "it is there already")
        case "broken":
            raise RuntimeError("a fault of the product's")
        case "answered":
            return JSONResponse({}, 502)
    return "connected"


@asynccontextmanager
async def asked_by(name: str, product: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=product, headers={"X-User": name}, timeout=PATIENT, trust_env=False) as user:
        yield user


@pytest.fixture(scope="module")
async def product(tenure: AsyncTenure) -> AsyncIterator[str]:
    async with serve(a_product(Gate(tenure, customer=who))) as url:
        yield url


@pytest.fixture
async def user(product: str, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Who never signed up, and so has the free plan: 5 images, 1 profile, 3 posts a day."""
    async with asked_by(name, product) as user:
        yield user


async def in_use(tenure: AsyncTenure, name: str, feature: str) -> int | None:
    return (await tenure.check(name, feature)).used


async def test_a_feature_that_is_not_in_the_plan_is_refused_with_the_plans_that_have_it(
    user: httpx.AsyncClient,
) -> None:
    problem = problem_of(await user.get("/bulk"), 403, "feature_not_in_plan")

    assert [plan["code"] for plan in problem["plans"]] == ["pro", "enterprise"]
    assert (problem["plan"]["code"], problem["feature"]) == ("free", "bulk_operations")


async def test_a_value_is_asked_for_as_the_request_tells_it(user: httpx.AsyncClient) -> None:
    assert (await user.get("/drawn?quality=draft")).json() == "draft"
    assert (await user.get("/drawn")).json() == "draft"

    problem = problem_of(await user.get("/drawn?quality=premium"), 403, "feature_not_in_plan")

    assert problem["available"] == ["draft"]
    assert problem["upgrades"]


async def test_a_decorated_handler_keeps_its_own_parameters(user: httpx.AsyncClient, product: str) -> None:
    assert (await user.get("/decorated")).json() == 2
    assert (await user.get("/decorated?times=3")).json() == 3
    assert (await user.get("/decorated?times=x")).status_code == 422
    described = (await user.get("/openapi.json")).json()["paths"]
    assert [one["name"] for one in described["/decorated"]["get"]["parameters"]] == ["times", "x-user"]
    assert described["/images"]["post"]["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Wish"
    }


async def test_plans_and_subscriptions_open_gates(user: httpx.AsyncClient, name: str, tenure: AsyncTenure) -> None:
    assert (await user.get("/small")).json() == "Free"
    refused = problem_of(await user.get("/pro"), 403, "plan_required")
    assert [plan["code"] for plan in refused["plans"]] == ["pro", "enterprise"]
    problem_of(await user.get("/subscribed"), 402, "subscription_required")

    await tenure.start_trial(Person(name, f"{name}@example.com"), "enterprise")

    assert (await user.get("/pro")).json() == "pro"
    assert (await user.get("/subscribed")).json() == "subscribed"
    assert (await user.get("/bulk")).json() == "done"
    problem_of(await user.get("/small"), 403, "plan_required")


async def test_a_gates_own_mistake_is_no_answer_to_users(user: httpx.AsyncClient) -> None:
    answer = await user.get("/mistaken")

    assert answer.status_code == 500
    assert "ai_inbox" not in answer.text


async def test_what_a_user_filled_in_wrong_is_told_to_the_user(user: httpx.AsyncClient) -> None:
    refused = problem_of(await user.get("/drawn?quality=ultra"), 422, "malformed")

    assert [one["field"] for one in refused["errors"]] == ["value"]
    assert "premium" in refused["detail"]
    problem_of(await user.post("/images", json={"count": 10**30}), 422, "malformed")


async def test_who_has_no_plan_is_not_let_in_where_there_is_a_choice_of_plans(stack: Stack, name: str) -> None:
    """Of a catalog without a free plan: before anything, and while a subscription is paused and canceled."""
    async with (
        AsyncTenure(
            stack.addresses.api_url, stack.addresses.admin_key, Options(staleness=0, quick=UNHURRIED)
        ) as tenure,
        serve(a_product(Gate(tenure, customer=who))) as product,
        asked_by(name, product) as user,
    ):
        problem_of(await user.get("/either"), 403, "no_plan")
        begun = await tenure.subscribe(Person(name, f"{name}@example.com"), "starter", "pm_card_visa")
        assert (await user.get("/either")).json() == "Starter"

        await tenure.pause(begun.id)
        problem_of(await user.get("/either"), 403, "no_plan")
        await tenure.resume(begun.id)
        assert (await user.get("/either")).status_code == 200
        await tenure.cancel(begun.id, at="now")

        problem_of(await user.get("/either"), 403, "no_plan")


# ── Uses ──


async def test_a_use_is_counted_and_refused_at_the_limit_with_what_helps(user: httpx.AsyncClient) -> None:
    answer = await user.post("/images", json={"count": 4})
    assert answer.json() == {"used": 4, "repeated": False, "asked": 4}
    assert "r=1" in answer.headers["RateLimit"]
    assert answer.headers["RateLimit-Policy"]
    assert '"key"' not in answer.headers["RateLimit"] + answer.headers["RateLimit-Policy"], "it is the product's own"

    refused = await user.post("/images", json={"count": 2})

    problem = problem_of(refused, 429, "limit_reached")
    assert (problem["used"], problem["limit"], problem["plan"]["code"]) == (4, 5, "free")
    assert problem["upgrades"][0]["plan"] == "starter"
    assert int(refused.headers["Retry-After"]) > 0
    assert "RateLimit" in refused.headers


async def test_a_decorator_counts_only_requests_that_are_right(
    user: httpx.AsyncClient, name: str, tenure: AsyncTenure
) -> None:
    assert (await user.post("/images", json={"count": 0})).status_code == 422
    assert await in_use(tenure, name, "images_per_month") == 0

    assert (await user.post("/early", json={"count": 0})).status_code == 422
    assert await in_use(tenure, name, "images_per_month") == 1


async def test_a_request_that_is_named_is_counted_once(user: httpx.AsyncClient, product: str) -> None:
    named = {"Idempotency-Key": "image-1"}
    first = (await user.post("/images", json={}, headers=named)).json()

    again = (await user.post("/images", json={}, headers=named)).json()
    unnamed = (await user.post("/images", json={})).json()

    assert (first["repeated"], again["repeated"], unnamed["repeated"]) == (False, True, False)
    assert (first["used"], again["used"], unnamed["used"]) == (1, 1, 2)
    problem_of(await user.post("/images", json={"count": 3}, headers=named), 409, "key_reused")


async def test_a_named_request_that_uses_a_meter_of_several_features_is_counted_once(
    tenure: AsyncTenure, name: str
) -> None:
    """Also the first one of a product that has just started."""
    named = {"Idempotency-Key": "post-1"}
    gate = Gate(tenure, customer=who)
    async with serve(a_product(gate)) as product, asked_by(name, product) as user:
        first, again = [(await user.post("/posts", headers=named)).json() for _ in range(2)]

    assert (first["repeated"], again["repeated"]) == (False, True)
    assert await in_use(tenure, name, "posts_per_day") == 1


async def test_names_of_requests_are_each_customers_own(product: str, name: str) -> None:
    named = {"Idempotency-Key": "image-1"}
    for customer in (f"{name}-a", f"{name}-b"):
        async with asked_by(customer, product) as user:
            assert (await user.post("/images", json={}, headers=named)).json()["repeated"] is False


@pytest.mark.parametrize("path", ["/profiles", "/early-profiles"])
@pytest.mark.parametrize(("fails", "status"), [("refused", 409), ("broken", 500)])
async def test_what_a_failed_request_took_of_a_gauge_is_given_back(
    user: httpx.AsyncClient, name: str, tenure: AsyncTenure, path: str, fails: str, status: int
) -> None:
    named = {"Idempotency-Key": "profile-1"}
    assert (await user.post(path, params={"fails": fails}, headers=named)).status_code == status
    assert await in_use(tenure, name, "social_profiles") == 0

    assert (await user.post(path, headers=named)).json() == "connected"

    assert await in_use(tenure, name, "social_profiles") == 1
    problem_of(await user.post(path), 429, "limit_reached")


async def test_a_decorator_sees_an_answer_that_tells_of_failure(
    user: httpx.AsyncClient, name: str, tenure: AsyncTenure
) -> None:
    assert (await user.post("/profiles", params={"fails": "answered"})).status_code == 502

    assert await in_use(tenure, name, "social_profiles") == 0


async def test_what_was_taken_is_given_back_also_when_the_request_is_broken_off(tenure: AsyncTenure, name: str) -> None:
    app, entered = FastAPI(), anyio.Event()
    gate = Gate(tenure, customer=who)

    @app.post("/slow")
    @gate.consume("social_profiles")
    async def slow() -> None:
        entered.set()
        await anyio.sleep_forever()

    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        """As any middleware that gives requests so much time."""

        async def break_off() -> None:
            await entered.wait()
            request.cancel()

        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as request:
                tasks.start_soon(break_off)
                await app(scope, receive, send)
            tasks.cancel_scope.cancel()
        await PlainTextResponse("that took too long", 504)(scope, receive, send)

    async with serve(impatient) as product, asked_by(name, product) as user:
        assert (await user.post("/slow")).status_code == 504

    assert await in_use(tenure, name, "social_profiles") == 0


async def test_two_uses_of_one_request_each_find_their_parameter(user: httpx.AsyncClient) -> None:
    assert (await user.post("/both")).json() == ["images_per_month", "posts_per_day"]


# ── While Tenure is away ──


async def test_gates_are_shut_while_tenure_is_away() -> None:
    gate = Gate(AsyncTenure(AWAY, "key", AT_ONCE), customer=who)
    async with serve(a_product(gate)) as product, asked_by("ada", product) as user:
        for answer in (await user.get("/bulk"), await user.get("/pro"), await user.post("/images", json={})):
            problem = problem_of(answer, 503, "entitlements_unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            assert AWAY not in str(problem)


async def test_gates_are_open_while_tenure_is_away_if_the_product_wants_it_so() -> None:
    gate = Gate(AsyncTenure(AWAY, "key", AT_ONCE), customer=who, when_unavailable="allow")
    async with serve(a_product(gate)) as product, asked_by("ada", product) as user:
        assert (await user.get("/bulk")).json() == "done"
        assert (await user.get("/pro")).json() == "pro"
        assert (await user.get("/subscribed")).json() == "subscribed"
        answer = await user.post("/images", json={}, headers={"Idempotency-Key": "image-1"})
        assert answer.json() == {"used": None, "repeated": False, "asked": 1}
        assert (await user.post("/profiles", params={"fails": "refused"})).status_code == 409


async def test_a_named_request_that_is_let_in_uncounted_has_the_key_under_which_it_may_be_counted_later() -> None:
    named = {"Idempotency-Key": "post-1"}
    keys = []
    for _ in range(2):
        gate = Gate(AsyncTenure(AWAY, "key", AT_ONCE), customer=who, when_unavailable="allow")
        async with serve(a_product(gate)) as product, asked_by("ada", product) as user:
            keys.append((await user.post("/posts", headers=named)).json()["key"])

    assert keys[0] == keys[1]


async def test_gates_go_by_what_was_known_a_moment_ago(social: Addresses, name: str) -> None:
    known = AsyncTenure(social.api_url, social.admin_key, Options(staleness=PATIENT, quick=UNHURRIED))
    async with known, serve(a_product(Gate(known, customer=who))) as product, asked_by(name, product) as user:
        problem_of(await user.get("/bulk"), 403, "feature_not_in_plan")
        async with AsyncTenure(social.api_url, social.admin_key) as elsewhere:
            await elsewhere.start_trial(Person(name, f"{name}@example.com"), "pro")
        problem_of(await user.get("/bulk"), 403, "feature_not_in_plan")

        known.invalidate(name)

        assert (await user.get("/bulk")).json() == "done"


async def test_who_asks_is_told_by_any_dependency_of_the_products(tenure: AsyncTenure, name: str) -> None:
    async def session(x_session: Annotated[str, Header()]) -> dict[str, str]:
        return {"user": x_session.removeprefix("session-of-")}

    async def user_of(session: Annotated[dict[str, str], Depends(session)]) -> str:
        return session["user"]

    async with (
        serve(a_product(Gate(tenure, customer=user_of))) as product,
        httpx.AsyncClient(trust_env=False, timeout=PATIENT) as user,
    ):
        assert (await user.post(f"{product}/images", json={})).status_code == 422

        answer = await user.post(f"{product}/images", json={}, headers={"X-Session": f"session-of-{name}"})

    assert answer.json()["used"] == 1
    assert await in_use(tenure, name, "images_per_month") == 1
