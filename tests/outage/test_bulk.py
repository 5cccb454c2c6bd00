"""A bulk run whose worker is killed: paused, resumed and worked off by another, each subscription once."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tests.harness.callers import Caller
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import Site, Tell

CHOSEN, REFUSING = 40, 3
DAYS = 7


async def trials(admin: Caller, name: str) -> list[dict[str, Any]]:
    """Trials, the first of which are set to be canceled, and so cannot be extended."""
    made = await asyncio.gather(*(admin.signed_up(f"{name}-{number}") for number in range(CHOSEN)))
    for one in made[:REFUSING]:
        assert (await admin.command(one["id"], "cancel")).status_code == 200
    return made


async def test_forty_are_chosen_and_thirty_seven_extended_once_although_a_worker_dies(site: Site, tell: Tell) -> None:
    name = a_name("bulk-killed")
    async with site.worker() as doomed, site.api() as (_, admin):
        made = await trials(admin, name)
        body = {"filter": {"q": name}, "action": {"kind": "extend_trial", "days": DAYS}}
        seen = (await admin.post("/v1/bulk/preview", body)).json()
        assert (seen["would_be_done"], seen["refused"]) == (CHOSEN - REFUSING, {"cancellation_scheduled": REFUSING})
        start = body | {"reason": "the outage", "expected": seen["would_be_done"], "rate": 10}
        run = (await admin.post("/v1/bulk", start, key=name)).json()
        assert (await admin.post("/v1/bulk", start, key=name)).json()["id"] == run["id"]
        path = f"/v1/bulk/{run['id']}"

        async def counts() -> Counter[str]:
            return Counter((await admin.get(path)).json()["counts"])

        async def has_begun() -> bool:
            return (await counts())["done"] > 0

        await until(has_begun)
        await doomed.kill()
        async with site.worker():
            paused = (await admin.post(f"{path}/pause")).json()
            left = paused["counts"]["waiting"]
            assert paused["state"] == "paused"
            assert (await admin.post(f"{path}/resume")).json()["state"] == "running"

            async def is_over() -> bool:
                return bool((await admin.get(path)).json()["state"] == "finished")

            await until(is_over)
            outcome = await counts()
            after = await asyncio.gather(*(extensions(admin, one) for one in made))

    assert outcome == Counter(done=CHOSEN - REFUSING, refused=REFUSING, unknown=0, skipped=0, waiting=0)
    assert after == [(0, timedelta())] * REFUSING + [(1, timedelta(days=DAYS))] * (CHOSEN - REFUSING)
    tell(f"a worker killed during a bulk run of {CHOSEN}: {left} were left when another had taken over, none was lost")


async def extensions(admin: Caller, made: dict[str, Any]) -> tuple[int, timedelta]:
    """How often a trial was extended, and by how much it is longer."""
    past = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()["past"]
    ends = [datetime.fromisoformat(one["trial_ends_at"]) for one in (made, await admin.subscription(made["id"]))]
    return sum(entry["kind"] == "trial_extended" for entry in past), ends[1] - ends[0]
