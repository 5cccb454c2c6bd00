"""What is left of the simulator when its process is killed: all that was ever answered."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tests.harness.patience import PATIENT
from tests.sandbox.stripe.alone import AHEAD
from tests.sandbox.stripe.conftest import Stage
from tests.sandbox.stripe.shop import API_KEY, Inbox, moment

ROOT = Path(__file__).parents[3]
CARD = {"payment_method": "pm_card_visa", "invoice_settings[default_payment_method]": "pm_card_visa"}
ADA = {"email": "ada@example.com", "metadata[external_id]": "ada", **CARD}


@asynccontextmanager
async def _killed_in_the_end(store: Path, hook: str) -> AsyncIterator[httpx.AsyncClient]:
    """Calls to a simulator of its own process, which ends by kill -9."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sandbox.stripe.alone", store, hook, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENT)).decode().strip()
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=PATIENT) as http:
            yield http
    finally:
        process.kill()
        await process.wait()


async def test_all_that_was_answered_is_there_again_when_the_process_was_killed(
    tmp_path: Path, inbox: Inbox, inbox_stage: Stage
) -> None:
    store, hook = tmp_path / "stripe.db", f"{inbox_stage.url}/hooks"
    key = {"Idempotency-Key": "sign-up"}
    inbox.unwelcome = {"customer.created"}
    async with _killed_in_the_end(store, hook) as http:
        answered = await http.post("/v1/customers", data=ADA, headers=key)
    assert answered.status_code == 200
    assert inbox.events == []
    inbox.unwelcome = set()

    async with _killed_in_the_end(store, hook) as http:
        again = await http.post("/v1/customers", data=ADA, headers=key)
        await inbox.has("payment_method.attached")
        begun = await http.post("/v1/customers", data={"metadata[external_id]": "ada"})
        events = await http.get("/v1/events", params={"type": "customer.*"})

    assert (again.content, again.headers["Idempotent-Replayed"]) == (answered.content, "true")
    assert inbox.kinds[:2] == ["customer.created", "payment_method.attached"]
    expected = datetime.now(UTC) + AHEAD
    assert abs(moment(begun.json()["created"]) - expected) < timedelta(minutes=1)
    assert [event["data"]["object"]["id"] for event in events.json()["data"]] == [
        begun.json()["id"],
        answered.json()["id"],
    ]
