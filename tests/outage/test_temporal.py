"""What callers get while Temporal hangs, and that what they ask for then happens once."""

import asyncio
import time
from collections import Counter
from typing import Any

import httpx

from tests.harness.callers import Caller, a_sign_up, problem_of
from tests.harness.freezing import frozen
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import Site, Tell, status_of

PAID = {"trial_days": 0, "payment_method": "pm_card_visa"}
MANY = 100
NOT_DONE, UNKNOWN = "temporal_unavailable", "outcome_unknown"


async def timed(asking: Any) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return await asking, time.monotonic() - began


def send(caller: Caller, path: str, key: str, body: object = None) -> Any:
    """Send a command once; answers come back as they are."""
    return caller.http.post(path, json=body, headers={"Idempotency-Key": key})


async def test_while_temporal_hangs_commands_are_refused_at_once_and_all_else_is_served(site: Site, tell: Tell) -> None:
    name = a_name("frozen-temporal")
    async with site.worker(), site.api() as (_, caller):
        subscription = (await caller.signed_up(name))["id"]
        commands = [
            (f"/v1/subscriptions/{subscription}/payment-method", {"payment_method": "pm_card_visa"}),
            (f"/v1/subscriptions/{subscription}/extend-trial", {"days": 3, "reason": "asked for it"}),
            ("/v1/subscriptions", a_sign_up(f"{name}-other")),
            ("/v1/checkout-sessions", {"subscription": subscription}),
        ]
        with frozen(site.temporal.pid):
            readiness = await timed(caller.get("/readyz"))
            use = await timed(caller.post(f"/v1/customers/{name}/consume", {"feature": "users", "key": name}))
            first = await asyncio.gather(*(timed(send(caller, path, path, body)) for path, body in commands * 2))
            then = [await timed(send(caller, path, f"{path}-2", body)) for path, body in commands]
            others = [
                await caller.get(path)
                for path in ("/v1/subscriptions", f"/v1/customers/{name}/entitlements", "/pricing", "/healthz")
            ]
            portal = await send(caller, "/v1/portal-sessions", name, {"customer": name})
            still = await caller.get("/readyz")
            measured = (await caller.get("/metrics")).text

        await until(lambda: status_of(caller, "ready"))
        repeated = [await caller.settled(path, body, key=path) for path, body in commands]

    assert (readiness[0].status_code, readiness[0].json()["status"]) == (200, "degraded")
    assert (still.status_code, still.json()["checks"]["database"]) == (200, "ok")
    assert 'tenure_dependency_up{dependency="temporal"} 0.0' in measured
    assert use[0].status_code == 200
    assert [one.status_code for one in others] == [200] * len(others)
    assert portal.status_code == 200
    # Of two that came at once under one key, one may have been turned away.
    codes = Counter(answer.json()["code"] for answer, _ in first)
    assert set(codes) <= {UNKNOWN, NOT_DONE, "request_in_progress"}
    assert codes[UNKNOWN] >= 1
    for answer, _ in then:
        problem_of(answer, 503, NOT_DONE)
        assert int(answer.headers["Retry-After"]) > 0
    assert [one.status_code for one in repeated] == [200, 200, 201, 200]
    tell(
        f"Temporal hangs: /readyz in {readiness[1]:.2f} s, consume in {use[1]:.3f} s, commands refused within"
        f" {max(seconds for _, seconds in first):.2f} s, then within {max(seconds for _, seconds in then):.3f} s"
    )


async def test_a_hundred_commands_that_temporal_hung_on_are_carried_out_once_each(site: Site, tell: Tell) -> None:
    names = [a_name(f"once-{number}") for number in range(MANY)]
    async with site.worker(), site.api() as (_, caller):
        asked = [
            asyncio.create_task(send(caller, "/v1/subscriptions", name, a_sign_up(name, **PAID))) for name in names
        ]
        await until(lambda: any(one.done() for one in asked))
        with frozen(site.temporal.pid):
            answers = await asyncio.gather(*asked)
            refused = await asyncio.gather(
                *(send(caller, "/v1/subscriptions", name, a_sign_up(name, **PAID)) for name in names)
            )
        done = await asyncio.gather(
            *(caller.settled("/v1/subscriptions", a_sign_up(name, **PAID), key=name) for name in names)
        )
        listed = await asyncio.gather(*(caller.get("/v1/subscriptions", customer=name) for name in names))

    first = Counter(answer.json().get("code", "done") for answer in answers)
    assert {answer.status_code for answer in answers} <= {201, 503}
    assert {answer.json().get("code", "done") for answer in refused} <= {"done", NOT_DONE, "request_in_progress"}
    assert [answer.status_code for answer in done] == [201] * MANY
    assert [len(answer.json()["data"]) for answer in listed] == [1] * MANY
    assert await site.payments(names) == Counter(dict.fromkeys(names, 1))
    tell(f"{MANY} sign-ups as Temporal hung: {dict(first)}; repeated under their keys all are done, once each")
