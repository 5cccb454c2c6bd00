"""An operator sees what differs, heals one of it, and sees the run that has found it."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
import stripe

from sandbox.stack import Stack
from storage.access.api_keys import Role
from tests.harness.callers import Caller, problem_of
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.stories.reconciliation.conftest import Reconciler
from tests.stories.reconciliation.parts import agreements

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}

pytestmark = pytest.mark.usefixtures("healed")


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.OPERATOR) as caller:
        yield caller


async def open_ones(operator: Caller, life: Life) -> list[dict[str, Any]]:
    answer = await operator.get("/v1/discrepancies", subscription=life.id)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def heal(operator: Caller, differs: dict[str, Any], reason: str = "it is owed", key: str | None = None) -> Any:
    return await operator.post(f"/v1/discrepancies/{differs['id']}/heal", {"reason": reason}, key=key)


async def test_an_operator_heals_a_payment_that_was_not_heard_of_and_only_once(
    begin: Begin, reconcile: Reconciler, operator: Caller
) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    await reconcile(fix=False)
    [differs] = await open_ones(operator, life)
    assert (differs["kind"], differs["outcome"], differs["is_healable"]) == ("payment_unheard", "listed", True)
    assert differs["remedy"] == "the payment is taken over, and the receipt is mailed"

    answers = [await heal(operator, differs, "the customer asks", f"{life.external_id}-heal") for _ in range(2)]

    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].json() == answers[1].json()
    assert (answers[0].json()["outcome"], answers[0].json()["closed_at"] is None) == ("healed", False)
    assert await open_ones(operator, life) == []
    assert await life.bills() == Counter(paid=2)
    assert await life.mails() == Counter(converted=1, receipt=2)
    problem_of(await heal(operator, differs), 409, "discrepancy_closed")
    [refused, done] = (await operator.get("/v1/audit", target=differs["id"])).json()["data"]
    assert (refused["outcome"], done["outcome"], done["reason"]) == ("refused", "done", "the customer asks")
    assert await reconcile() == Counter()


async def test_what_no_rule_can_decide_is_not_healed_and_closed_once_it_is_put_right(
    begin: Begin, reconcile: Reconciler, operator: Caller, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.update_async(agreement["id"], {"cancel_at_period_end": True})
    await reconcile()
    [differs] = await open_ones(operator, life)

    problem = problem_of(await heal(operator, differs), 409, "not_healable")

    assert "undo the cancellation at the provider" in problem["detail"]
    await api.v1.subscriptions.update_async(agreement["id"], {"cancel_at_period_end": False})
    await reconcile()
    assert await open_ones(operator, life) == []


async def test_a_run_tells_what_it_has_looked_at_and_found(
    begin: Begin, reconcile: Reconciler, operator: Caller, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.update_async(agreement["id"], {"pause_collection": {"behavior": "void"}})
    await reconcile()

    [run] = (await operator.get("/v1/reconciliation/runs", limit=1)).json()["data"]

    assert run["heals"]
    assert run["began_at"] <= run["ended_at"]
    assert run["agreements"] >= 1
    assert run["found"]["billing_held"] == {"listed": 1}
    assert (run["differences"], run["healed"], run["restored"]) == (1, 0, 0)
    await api.v1.subscriptions.update_async(agreement["id"], {"pause_collection": ""})
    await reconcile()


async def test_reconciling_now_runs_the_schedule(stack: Stack, operator: Caller) -> None:
    async def runs() -> set[str]:
        return {run["run"] for run in (await operator.get("/v1/reconciliation/runs")).json()["data"]}

    before = await runs()

    answer = await operator.post("/v1/reconciliation/run", {"reason": "after an outage"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == "reconcile"

    async def has_ended() -> bool:
        return not await runs() <= before

    await until(has_ended)
    [noted, *_] = (await operator.get("/v1/audit", action="runReconciliation")).json()["data"]
    assert (noted["reason"], noted["outcome"]) == ("after an outage", "done")
