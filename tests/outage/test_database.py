"""What callers get while PostgreSQL hangs: its processes stand still, and its connections stay open."""

import asyncio
import time

import httpx

from tests.harness.callers import Caller, a_sign_up, problem_of
from tests.harness.freezing import frozen
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import Site, Tell, status_of

ROUNDS = 15
"""More requests than there are connections."""
NOBODY = "5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"


def requests(name: str) -> list[tuple[str, str, object]]:
    """One of each kind."""
    return [
        ("GET", "/v1/subscriptions", None),
        ("GET", f"/v1/subscriptions/{NOBODY}", None),
        ("GET", "/v1/customers", None),
        ("GET", f"/v1/customers/{name}/entitlements", None),
        ("GET", f"/v1/customers/{name}/entitlements/users", None),
        ("GET", "/v1/metrics/mrr", None),
        ("POST", f"/v1/customers/{name}/consume", {"feature": "users", "key": "a-use"}),
        ("POST", f"/v1/subscriptions/{NOBODY}/cancel", None),
        ("POST", "/v1/subscriptions", a_sign_up(name)),
        ("GET", "/readyz", None),
    ]


async def ask(caller: Caller, method: str, path: str, body: object) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    headers = {"Idempotency-Key": a_name("key")} if method == "POST" else {}
    answer = await caller.http.request(method, path, json=body, headers=headers)
    return answer, time.monotonic() - began


async def test_a_database_that_hangs_is_noticed_and_everything_is_well_again_by_itself(site: Site, tell: Tell) -> None:
    kinds = requests(a_name("frozen-database"))
    async with site.api() as (_, caller):
        for kind in kinds:
            await ask(caller, *kind)
        with frozen(site.postgres.pid):
            first = await asyncio.gather(*(ask(caller, *kind) for kind in kinds * ROUNDS))
            then = await asyncio.gather(*(ask(caller, *kind) for kind in kinds * ROUNDS))
            measured = (await caller.get("/metrics")).text
            alive = await caller.get("/healthz")

        for answer, _ in first + then:
            if answer.url.path == "/readyz":
                assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
            else:
                problem_of(answer, 503, "database_unavailable")
        assert alive.status_code == 200
        assert 'tenure_dependency_up{dependency="database"} 0.0' in measured
        began = time.monotonic()
        await until(lambda: status_of(caller, "ready"))
        well_again = time.monotonic() - began
        assert (await caller.get("/v1/subscriptions")).status_code == 200

    tell(
        f"PostgreSQL hangs: {len(first)} requests answered within {max(s for _, s in first):.2f} s,"
        f" then {len(then)} within {max(s for _, s in then):.2f} s; well {well_again:.2f} s after it was back"
    )
