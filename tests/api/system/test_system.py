"""How the parts of an installation are, over HTTP: with everything up, and with Temporal away."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from domain.provider.ports import Provider
from sandbox.stack import Stack
from services import schedules
from services import system as queues
from services.watched_temporal import watched
from storage.catalog.current import in_force
from storage.db.engine import transaction
from tests.api.messages import an_api
from tests.harness.callers import Caller
from tests.harness.patience import PATIENT

NOBODY = "127.0.0.1:1"


async def is_in_force(stack: Stack, name: str) -> bool:
    """Other tests put catalogs of their own in force."""
    async with transaction(stack.engine) as connection:
        catalog = await in_force(connection)
    return catalog is not None and catalog.name == name


async def test_database_temporal_workers_and_the_offer_are_shown(
    admin: Caller, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine Temporal is slow, and not away.
    monkeypatch.setattr(queues, "WITHIN", timedelta(seconds=PATIENT))

    answer = await admin.get("/v1/system")

    assert answer.status_code == 200, answer.text
    system: dict[str, Any] = answer.json()
    assert (system["database"], system["temporal"]) == ("ok", "ok")
    assert [queue["name"] for queue in system["queues"]] == ["lifecycle", "payments", "mail", "events", "records"]
    for queue in system["queues"]:
        assert queue["is_known"]
        assert [worker["build"] for worker in queue["workers"] if worker["identity"]]
        assert queue["backlog"] >= 0
    assert await is_in_force(stack, system["catalog"]["name"])
    assert system["catalog"]["in_force_since"]
    assert system["policy"]["version"]


async def test_while_temporal_is_away_that_is_said_within_three_seconds(stack: Stack, looked_up: Provider) -> None:
    away = watched(await Client.connect(NOBODY, lazy=True))
    headers = {"Authorization": f"Bearer {stack.addresses.admin_key}"}
    # The limits, and not how long it took: that depends on how busy the machine is.
    assert max(queues.WITHIN, schedules.WITHIN) < timedelta(seconds=3)
    async with an_api(stack, looked_up, away) as http:
        for path in ("/v1/system", "/v1/schedules"):
            answer: httpx.Response = await http.get(path, headers=headers)
            assert answer.status_code == 200, answer.text
            assert "unknown" in answer.text or '"is_known":false' in answer.text
        for path in ("/v1/inbox", "/v1/inbox/summary", "/v1/discrepancies", "/v1/reconciliation/runs", "/v1/mails"):
            assert (await http.get(path, headers=headers)).status_code == 200
