"""An erased customer is left alone by all that would make them known again."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import stripe
from sqlalchemy import select

from activities import failures
from activities.wallets import recreated_if_deleted
from api.app import create_app
from domain.errors import Rejected
from domain.names import subscription_workflow_id, sweep_schedule_id
from domain.subscription.policy import DEFAULT_POLICY
from gateways.stripe.http_client import connected
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.serving import serve
from sandbox.stack import Stack
from services.reconciliation.restore import NotRestorable, Restorer
from storage.reconciliation import Reconciliations
from storage.schema.privacy_tables import erasures
from storage.schema.tables import customers
from storage.schema.webhook_tables import webhook_inbox
from storage.subscriptions.write_model import SubscriptionRecords
from tenure.cli.reconcile import run_now
from tests.harness.callers import Caller, workflows_of
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.privacy.marked import a_marked_customer
from tests.privacy.searching import histories_with_mark, tables_with_mark

PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}

pytestmark = pytest.mark.usefixtures("healed")


@pytest.fixture
async def account(stack: Stack, folder: Path) -> AsyncIterator[stripe.StripeClient]:
    """The account at Stripe as an operator has it."""
    async with connected(Secrets.of(folder).stripe_key, stack.addresses.stripe_url) as client:
        yield client


@pytest.fixture
async def erased(product: Product, admin: Caller) -> Life:
    """Somebody who paid, and was erased."""
    life = await a_marked_customer(product, **PAID_START)
    answer = await admin.http.delete(f"/v1/customers/{life.external_id}", params={"cancel": "true"})
    assert answer.status_code == 204, answer.text
    return life


async def row_of(stack: Stack, life: Life) -> Any:
    async with stack.engine.connect() as connection:
        name = f"erased-{(await life.stands())['customer']['id']}"
        return (await connection.execute(select(customers).where(customers.c.external_id == name))).one()


async def handled(stack: Stack, customer_ref: str, type_: str) -> bool:
    """True once an event about the customer was dealt with."""
    it = webhook_inbox.c
    wanted = select(it.handled_at).where(it.customer_ref == customer_ref, it.type == type_)
    async with stack.engine.connect() as connection:
        found = (await connection.execute(wanted)).scalars().all()
    return bool(found) and all(found)


async def test_a_reconciliation_finds_nothing_to_do(erased: Life, stack: Stack) -> None:
    done = await run_now(stack.client, fix=True)

    found = await Reconciliations(stack.engine).of_run(done.run)
    assert Counter(each.kind for each in found if each.subscription == erased.id) == Counter()
    assert await workflows_of(stack, erased.id) == []
    assert await tables_with_mark(stack.engine, erased.external_id) == []


async def test_what_is_changed_at_stripe_is_not_taken_over(erased: Life, stack: Stack, product: Product) -> None:
    before = await row_of(stack, erased)

    await product.edited_at_stripe(
        erased.external_id, name=f"Again {erased.external_id}", email=f"{erased.external_id}.again@example.com"
    )

    await until(lambda: handled(stack, before.customer_ref, "customer.updated"))
    customer_runs = f"WorkflowId = 'customer/{before.id}' AND ExecutionStatus = 'Running'"
    await until(lambda: _none(stack, customer_runs))
    assert await row_of(stack, erased) == before
    assert await tables_with_mark(stack.engine, erased.external_id) == []


async def _none(stack: Stack, query: str) -> bool:
    return [run.id async for run in stack.client.list_workflows(query)] == []


async def test_nobody_is_created_at_stripe_in_place_of_one_who_was_deleted(
    erased: Life, stack: Stack, account: stripe.StripeClient
) -> None:
    before = await row_of(stack, erased)
    await account.v1.customers.delete_async(before.customer_ref)
    records = SubscriptionRecords(stack.engine, stack.api_parts.trial_key)

    with pytest.raises(Rejected) as refusal:
        await recreated_if_deleted(stack.provider.wallets, records, str(before.id), before.customer_ref)

    assert refusal.value.code == "customer_erased"
    assert await row_of(stack, erased) == before
    of_email: Any = {"email": f"{erased.external_id}@example.com"}
    assert (await account.v1.customers.list_async(of_email)).data == []


async def test_a_lost_run_is_not_restored(erased: Life, stack: Stack) -> None:
    projection = await Reconciliations(stack.engine).one(erased.id)
    assert projection is not None

    with pytest.raises(NotRestorable) as refusal:
        await Restorer(stack.client, DEFAULT_POLICY).restore(projection, "run")

    assert refusal.value.code == "customer_erased"
    assert await workflows_of(stack, erased.id) == []


async def test_an_end_that_stripe_did_not_take_is_told_later_and_names_nobody(
    product: Product, admin: Caller, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "FORBIDDEN_ATTEMPTS", 1)
    life = await a_marked_customer(product, **PAID_START)
    await product.faults(stripe={"error_rate": 1, "status": 403})

    answer = await admin.http.delete(f"/v1/customers/{life.external_id}", params={"cancel": "true"})

    assert (answer.status_code, answer.json()) == (202, {"finished": False})
    assert await life.status() == ("canceled", "none")
    assert await tables_with_mark(stack.engine, life.external_id) == []
    assert await workflows_of(stack, life.id) == ["RUNNING"]
    await product.faults()
    await life.command("retry-payment")
    await stack.client.get_workflow_handle(subscription_workflow_id(life.id)).result()
    await until(lambda: _swept(stack, life))
    assert (await life.kinds())["end_told"] == 1
    assert await tables_with_mark(stack.engine, life.external_id) == []
    assert await histories_with_mark(stack, life.external_id) == []


async def _swept(stack: Stack, life: Life) -> bool:
    """True once the sweep has found nothing left."""
    await stack.client.get_schedule_handle(sweep_schedule_id()).trigger()
    customer = UUID((await life.stands())["customer"]["id"])
    wanted = select(erasures.c.finished_at).where(erasures.c.customer == customer)
    async with stack.engine.connect() as connection:
        return (await connection.execute(wanted)).scalar_one() is not None


async def test_as_set_they_are_deleted_at_stripe_too(
    product: Product, admin: Caller, stack: Stack, account: stripe.StripeClient
) -> None:
    life = await a_marked_customer(product, **PAID_START)
    parts = replace(stack.api_parts, erases_at_provider=True, erasure_log=None)
    async with (
        serve(create_app(parts)) as address,
        Caller.at(address, stack.addresses.admin_key) as other,
    ):
        answer = await other.http.delete(f"/v1/customers/{life.external_id}", params={"cancel": "true"})

    assert answer.status_code == 204, answer.text
    assert answer.headers["Tenure-Restores"] == "not-covered; TENURE_ERASURES_FILE is not set"
    ref = (await row_of(stack, life)).customer_ref
    assert (await account.v1.customers.retrieve_async(ref)).to_dict()["deleted"]
    assert await tables_with_mark(stack.engine, life.external_id) == []
