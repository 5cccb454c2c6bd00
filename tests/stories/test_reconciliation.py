"""What differs between provider, database and workflow is found, and healed once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from sqlalchemy import text
from temporalio.client import WorkflowHandle, WorkflowUpdateStage
from temporalio.worker import Replayer

from domain.names import subscription_workflow_id
from domain.policy import DEFAULT_POLICY
from domain.steering import When
from gateways.stripe_http import connected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Options, Stack, running
from storage.reconciling import Reconciliations
from tenure.cli.policies import move_to, version_of
from tenure.cli.reconcile import run_now
from tests.harness.lives import CATALOG, CONVERTED, POLICY, Life
from worker.build import WORKFLOWS, workflow_runner
from workflows.messages import Convert, ExtendTrial
from workflows.subscription import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
A_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reconciled")


@pytest.fixture(scope="module")
async def stack(folder: Path) -> AsyncIterator[Stack]:
    """A stack of its own: a reconciliation looks at all that live on it."""
    async with running(Options(folder, CATALOG, POLICY, durable=False, ui=False)) as stack:
        yield stack


@pytest.fixture(scope="module")
async def product(stack: Stack) -> AsyncIterator[Product]:
    async with Product(stack.addresses) as product:
        yield product


@pytest.fixture(scope="module")
async def api(stack: Stack, folder: Path) -> AsyncIterator[stripe.StripeClient]:
    """Stripe, behind Tenure's back."""
    async with connected(Secrets.of(folder).stripe_key, stack.simulator.base_url) as client:
        yield client


class Reconciler:
    """Reconciles, and tells what was found."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def __call__(self, *, fix: bool = True) -> Counter[tuple[str, str, str]]:
        """Kind, subscription (or agreement) and outcome of all that was found."""
        done = await run_now(self._stack.client, fix=fix)
        found = await Reconciliations(self._stack.engine).of_run(done.run)
        return Counter((each.kind, each.subscription or each.agreement_ref, each.outcome) for each in found)


@pytest.fixture
def reconcile(stack: Stack) -> Reconciler:
    return Reconciler(stack)


pytestmark = pytest.mark.usefixtures("healed")


async def test_renewals_whose_webhooks_never_came_are_taken_over_once(begin: Begin, reconcile: Reconciler) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))

    listed = await reconcile(fix=False)
    before = await life.stands()
    healed = await reconcile()

    assert listed == Counter({("payment_unheard", life.id, "listed"): 1})
    assert before["current_period_end"] < (await life.stands())["current_period_end"]
    assert healed == Counter({("payment_unheard", life.id, "healed"): 1})
    assert await reconcile() == Counter()
    assert await life.bills() == Counter(paid=2)
    assert await life.mails() == Counter(converted=1, receipt=2)
    renewed = [entry for entry in await life.past() if entry["kind"] == "renewed"]
    assert [entry["cause"]["kind"] for entry in renewed] == ["reconciliation"]


async def test_a_hold_that_was_lifted_behind_our_back_is_told_again(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.update_async(agreement["id"], {"pause_collection": ""})

    assert await reconcile() == Counter({("billing_not_held", life.id, "healed"): 1})

    (agreement,) = await agreements(api, life)
    assert agreement["pause_collection"]["behavior"] == "void"
    assert (await life.kinds())["told_again"] == 1
    assert await reconcile() == Counter()


async def test_a_cancellation_that_was_undone_there_is_told_again_and_one_made_there_is_left_to_an_operator(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.update_async(agreement["id"], {"cancel_at_period_end": True})
    assert await reconcile() == Counter({("ends_at_provider", life.id, "listed"): 1})

    await life.command("cancel")
    await api.v1.subscriptions.update_async(agreement["id"], {"cancel_at_period_end": False})

    assert await reconcile() == Counter({("cancellation_not_told", life.id, "healed"): 1})
    assert (await agreements(api, life))[0]["cancel_at_period_end"]
    await life.live_until("cancel")
    assert await reconcile() == Counter()


async def test_what_is_billed_after_the_end_is_ended_and_what_is_not_ours_is_left_alone(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    await life.command("cancel", at="now")
    of_ours = await bill(api, agreement, {"tenure_subscription": life.id})
    unmarked = await bill(api, agreement, {})
    stranger = await bill(api, {**agreement, "customer": await a_stranger(api)}, {})

    found = await reconcile()

    assert found == Counter({("billed_after_end", life.id, "healed"): 1, ("unknown_agreement", life.id, "listed"): 1})
    statuses = {each["id"]: each["status"] for each in await agreements(api, life)}
    assert (statuses[of_ours], statuses[unmarked]) == ("canceled", "active")
    assert (await api.v1.subscriptions.retrieve_async(stranger)).status == "active"
    await api.v1.subscriptions.cancel_async(unmarked)
    assert await reconcile() == Counter()


async def test_an_end_at_stripe_that_nobody_told_of_is_taken_over(
    begin: Begin, reconcile: Reconciler, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    (agreement,) = await agreements(api, life)
    await api.v1.subscriptions.cancel_async(agreement["id"])

    assert await reconcile() == Counter({("ended_at_provider", life.id, "healed"): 1})

    assert await life.status() == ("canceled", "none")
    assert await reconcile() == Counter()


async def test_a_row_of_an_older_backup_is_written_again(begin: Begin, reconcile: Reconciler, stack: Stack) -> None:
    life = await begin(**PAID_START)
    await life.live(A_DAY)
    async with stack.engine.begin() as connection:
        older = text(
            "update subscriptions set sequence = sequence - 1, status = 'trialing',"
            " state = state || jsonb_build_object('sequence', sequence - 1, 'status', 'trialing') where id = :id"
        )
        await connection.execute(older, {"id": life.id})

    assert await reconcile() == Counter({("database_behind", life.id, "healed"): 1})

    assert await life.status() == ("active", "full")
    assert (await life.kinds())["written_again"] == 1
    assert await reconcile() == Counter()


async def test_a_trial_whose_workflow_was_terminated_goes_on_with_each_reminder_once(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("extend-trial", days=1, reason="asked for more time")
    await terminate(stack, life)

    assert await reconcile(fix=False) == Counter({("workflow_missing", life.id, "listed"): 1})
    assert await reconcile() == Counter({("workflow_missing", life.id, "healed"): 1})

    await life.live_until_converted()
    assert await life.mails() == CONVERTED
    assert await life.bills() == Counter(paid=1)
    assert await reconcile() == Counter()


async def test_a_recovery_whose_workflow_was_terminated_goes_on_where_it_was(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.live_until("recover")
    ahead = await life.ahead()
    await life.product.card_answers(life.external_id, "ok")
    await terminate(stack, life)

    assert await reconcile() == Counter({("workflow_missing", life.id, "healed"): 1})

    assert await life.ahead() == ahead
    await life.live_until("recover")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.mails())["receipt"] == 2


@pytest.mark.parametrize("is_done", [False, True], ids=["before-the-bank", "after-the-bank"])
async def test_a_first_payment_under_way_when_its_workflow_was_terminated_is_taken_once(
    begin: Begin, reconcile: Reconciler, stack: Stack, is_done: bool
) -> None:
    life = await begin(payment_method="pm_card_visa")

    with stack.simulator.gates.one("/v1/subscriptions", is_done=is_done) as gate:
        await handle_of(stack, life).start_update(
            SubscriptionWorkflow.convert,
            Convert("converted", "test", when=When.NOW),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        )
        await gate.reached()
        await terminate(stack, life)
        gate.open()
    await until_begun(stack, life)

    found = await reconcile()

    assert found == Counter({("workflow_missing", life.id, "healed"): 1, ("agreement_unheard", life.id, "healed"): 1})
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    await life.live(20 * A_DAY)
    assert await life.bills() == Counter(paid=1)
    assert (await life.mails())["receipt"] == 1
    assert await reconcile() == Counter()


async def test_commands_that_the_lost_workflow_carried_out_are_not_carried_out_again(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin()
    await move_to(stack.client, life.id, replace(DEFAULT_POLICY, version="another"))
    await life.product.command(life.id, "extend-trial", key=f"{life.id} once", days=2, reason="asked for more time")
    await terminate(stack, life)
    await reconcile()

    await handle_of(stack, life).execute_update(
        SubscriptionWorkflow.extend_trial, ExtendTrial(f"{life.id} once", "test", 2, "asked for more time")
    )

    assert (await life.kinds())["trial_extended"] == 1
    assert await version_of(stack.client, life.id) == "another"


async def test_all_histories_of_reconciled_lives_replay(stack: Stack) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner())
    runs = stack.client.list_workflows("WorkflowType IN ('SubscriptionWorkflow', 'ReconcileWorkflow')")
    results = await replayer.replay_workflows(runs.map_histories(), raise_on_replay_failure=False)
    assert not results.replay_failures, results.replay_failures


async def agreements(api: stripe.StripeClient, life: Life) -> list[dict[str, Any]]:
    """A customer's subscriptions at Stripe, newest first."""
    of_email: Any = {"email": f"{life.external_id}@example.com"}
    (customer,) = (await api.v1.customers.list_async(of_email)).data
    listed = await api.v1.subscriptions.list_async({"customer": customer.id, "status": "all"})
    return [each.to_dict() for each in listed.data]


async def bill(api: stripe.StripeClient, like: dict[str, Any], metadata: dict[str, str]) -> str:
    """Have Stripe bill a customer for the same as another subscription."""
    wanted: Any = {
        "customer": like["customer"],
        "items": [{"price": like["items"]["data"][0]["price"]["id"]}],
        "metadata": metadata,
    }
    return (await api.v1.subscriptions.create_async(wanted)).id


async def a_stranger(api: stripe.StripeClient) -> str:
    made: Any = {"email": "stranger@example.com", "payment_method": "pm_card_visa"}
    made["invoice_settings"] = {"default_payment_method": "pm_card_visa"}
    return (await api.v1.customers.create_async(made)).id


def handle_of(stack: Stack, life: Life) -> WorkflowHandle[Any, Any]:
    return stack.client.get_workflow_handle(subscription_workflow_id(life.id))


async def terminate(stack: Stack, life: Life) -> None:
    await handle_of(stack, life).terminate("lost in an accident")
    # The one that takes its place begins with the real time; no production clock does otherwise.
    life.now = datetime.now(UTC)


async def until_begun(stack: Stack, life: Life) -> None:
    """Wait until the charge that was under way has come about at Stripe."""
    async with asyncio.timeout(20):
        # Nobody tells when a call is done whose caller is gone.
        while stack.simulator.next_boundary(life.external_id) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
