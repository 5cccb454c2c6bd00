"""More concurrent commands than a subscription accepts: the rest are rejected, and nothing is left half done."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.service import RPCError, RPCStatusCode

from domain.names import subscription_workflow_id
from sandbox.stack import Stack
from services import subscription_client
from services.subscription_client import SubscriptionBusy, send_with_retries
from tests.harness.callers import Caller, problem_of
from tests.harness.patience import until

AT_ONCE = 10
"""Temporal's limit of in-flight updates."""
ATTACH = r"/v1/payment_methods/[^/]+/attach"
NEW_CARD = {"payment_method": "pm_card_mastercard"}

Give = Callable[[str], Awaitable[httpx.Response]]


async def accepted(stack: Stack, subscription: str) -> int:
    """The number of commands a subscription has accepted."""
    history = await stack.client.get_workflow_handle(subscription_workflow_id(subscription)).fetch_history()
    return sum(event.HasField("workflow_execution_update_accepted_event_attributes") for event in history.events)


async def test_beyond_ten_concurrent_commands_a_subscription_is_busy_until_there_is_room(
    stack: Stack, admin: Caller, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_client, "BUSY_RETRY_TIMEOUT", timedelta(seconds=0.5))
    made = await admin.signed_up(name, payment_method="pm_card_visa")
    before = await accepted(stack, made["id"])

    async def give(key: str) -> httpx.Response:
        return await admin.command(made["id"], "payment-method", key=f"{name}-{key}", **NEW_CARD)

    with stack.simulator.gates.one(ATTACH, is_done=False) as gate:
        taken = [asyncio.create_task(give(str(number))) for number in range(AT_ONCE)]

        async def all_wait() -> bool:
            return await accepted(stack, made["id"]) == before + AT_ONCE

        await until(all_wait)
        refused = await give("one-too-many")
        preview = await admin.command(made["id"], "preview-change", plan="professional")
        others = await asyncio.gather(*(give(f"late-{number}") for number in range(3)))
        monkeypatch.setattr(subscription_client, "BUSY_RETRY_TIMEOUT", timedelta(minutes=1))
        patient = asyncio.create_task(give("patient"))
        gate.open()
        answers = [await one for one in (*taken, patient)]

    for each in (refused, preview, *others):
        problem = problem_of(each, 409, "subscription_busy")
        assert "nothing was done" in problem["detail"]
        assert int(each.headers["Retry-After"]) >= 1
    assert {answer.status_code for answer in answers} == {200}
    again = await give("one-too-many")
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (200, None), again.text
    past = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()["past"]
    assert Counter(entry["kind"] for entry in past)["card_replaced"] == AT_ONCE + 2


# ── What Temporal says ──

IN_FLIGHT = "limit on number of concurrent in-flight updates has been reached (10)"
ALL_UPDATES = "The limit on the total number of distinct updates in this workflow has been reached (2000)."
TOO_FAST = "namespace rate limit exceeded"
ABORTED = "workflow update was aborted"


def exhausted(words: str, cause: ResourceExhaustedCause.ValueType) -> RPCError:
    error = RPCError(words, RPCStatusCode.RESOURCE_EXHAUSTED, b"")
    error.grpc_status.details.add().Pack(ResourceExhaustedFailure(cause=cause))
    return error


FULL = exhausted(IN_FLIGHT, ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT)
FULL_FOR_THIS_RUN = RPCError(ALL_UPDATES, RPCStatusCode.FAILED_PRECONDITION, b"")
CUT_OFF = RPCError(ABORTED, RPCStatusCode.UNAVAILABLE, b"")
RATE = exhausted(TOO_FAST, ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT)
AWAY = RPCError("connection refused", RPCStatusCode.UNAVAILABLE, b"")
GAVE_UP = RPCError("operation was canceled", RPCStatusCode.CANCELLED, b"")
GONE = RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")


class Engine:
    """Raises one error after the other, and the last one forever; None succeeds."""

    def __init__(self, *says: RPCError | None) -> None:
        self._says = list(says)
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        error = self._says.pop(0) if len(self._says) > 1 else self._says[0]
        if error is not None:
            raise error
        return "done"


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUSY_RETRY_TIMEOUT", "OUTAGE_RETRY_TIMEOUT"):
        monkeypatch.setattr(subscription_client, name, timedelta(seconds=0.05))
    for name, seconds in (("FIRST_PAUSE", 0.001), ("LONGEST_PAUSE", 0.01)):
        monkeypatch.setattr(subscription_client, name, seconds)


@pytest.mark.parametrize("error", [FULL, FULL_FOR_THIS_RUN, CUT_OFF, RATE, AWAY, GAVE_UP])
async def test_a_temporary_error_is_retried(error: RPCError, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription_client, "FIRST_PAUSE", 0.001)
    engine = Engine(error, error, None)

    assert await send_with_retries(engine) == "done"
    assert engine.asked == 3


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("error", [FULL, FULL_FOR_THIS_RUN])
async def test_a_subscription_that_stays_full_has_done_nothing(error: RPCError) -> None:
    engine = Engine(error)

    with pytest.raises(SubscriptionBusy, match="nothing was done"):
        await send_with_retries(engine)
    assert engine.asked > 1


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("says", [(CUT_OFF,), (CUT_OFF, FULL), (AWAY, FULL)], ids=["for ever", "then full", "lost"])
async def test_an_aborted_command_is_never_reported_as_not_done(says: tuple[RPCError, ...]) -> None:
    engine = Engine(*says)

    with pytest.raises(SubscriptionBusy, match="same Idempotency-Key"):
        await send_with_retries(engine)
    assert engine.asked > 1


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("error", [AWAY, RATE])
async def test_an_unavailable_or_throttled_engine_is_not_a_busy_subscription(error: RPCError) -> None:
    engine = Engine(error)

    with pytest.raises(RPCError) as raised:
        await send_with_retries(engine)
    assert raised.value is error
    assert engine.asked > 1


async def test_a_permanent_error_is_reported_at_once() -> None:
    engine = Engine(GONE)

    with pytest.raises(RPCError):
        await send_with_retries(engine)
    assert engine.asked == 1
