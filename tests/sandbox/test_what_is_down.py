"""Time travel when a part of the sandbox is down: it is named, and what it said is told."""

from datetime import datetime

import httpx
import pytest
from sqlalchemy.exc import InterfaceError
from temporalio.service import RPCError, RPCStatusCode

from sandbox.control import control_app
from sandbox.mailbox import Mailbox
from sandbox.stripe import StripeSimulator
from sandbox.travel import NotSettledError


@pytest.mark.parametrize(
    ("error", "status", "part"),
    [
        (RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b""), 503, "Temporal does not respond"),
        (RPCError("no poller", RPCStatusCode.FAILED_PRECONDITION, b""), 503, "no worker polls"),
        (RPCError("timeout", RPCStatusCode.DEADLINE_EXCEEDED, b""), 503, "no worker polls"),
        (InterfaceError("select", {}, Exception("closed")), 503, "PostgreSQL does not respond"),
        (ConnectionRefusedError("refused"), 503, "PostgreSQL does not respond"),
        (NotSettledError("subscription/1 did not come to rest"), 504, "did not come to rest"),
        (RuntimeError("the simulator was moved and still has something due"), 500, "still has something due"),
    ],
)
async def test_what_is_down_is_named(error: Exception, status: int, part: str) -> None:
    simulator = StripeSimulator(None, api_key="sk_test_nobody", webhook_secret="whsec_nobody")

    async def travel(subscription: str, seconds: float) -> datetime:
        raise error

    async def is_customer(external_id: str) -> bool:
        return True

    app = control_app(simulator, Mailbox(None), travel, is_customer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as http:
        answer = await http.post("/travel", json={"subscription": "s1", "seconds": 60})
    simulator.close()

    assert answer.status_code == status
    assert part in answer.json()["detail"]
    assert type(error).__name__ in answer.json()["detail"] or status == 504
