"""Customers, steps and plain SQL for the tests of the storage."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from domain.notifications.mail_types import Mail, Occasion
from domain.notifications.ports import QueuedMail
from domain.provider.payments import Invoice
from domain.subscription.agenda import Action, Due
from domain.subscription.journal import Entry, Step
from domain.subscription.state import Subscription
from storage.subscriptions.customers import Customers
from storage.subscriptions.write_model import SubscriptionRecords
from tests.builders import CAUSE, NOW, TRIAL_END, a_trial
from tests.harness.trial_key import TRIAL_KEY

TABLES = (
    "customers",
    "sign_up_contacts",
    "customer_changes",
    "subscriptions",
    "provider_sightings",
    "journal",
    "mails",
    "invoices",
    "pay_pages",
    "reversals",
    "trials",
    "webhook_inbox",
    "discrepancies",
    "reconciliation_runs",
    "api_keys",
    "audit",
    "audit_details",
    "operator_mails",
    "bulk_runs",
    "bulk_rows",
    "operators",
    "saved_views",
    "web_links",
    "web_sessions",
    "idempotency_keys",
    "catalog_versions",
    "policy_versions",
    "plan_limits",
    "usage",
    "usage_log",
    "usage_border_keys",
    "usage_events",
    "usage_notices",
    "usage_samples",
    "usage_statistics",
    "usage_statistics_pages",
    "mrr_movements",
    "subscription_outcomes",
    "cancellations",
    "recoveries",
    "mrr_daily",
    "mrr_movers",
    "mrr_roll_up",
    "mrr_standing",
    "outcome_changes",
    "outcome_daily",
    "mrr_cohorts",
    "purchases",
    "events",
    "webhook_endpoints",
    "webhook_secrets",
    "event_deliveries",
    "delivery_attempts",
    "installation",
    "tenants",
    "erasures",
)


def a_mail(occasion: Occasion = Occasion.TRIAL_STARTED, at: datetime = NOW, key: str | None = None) -> Mail:
    return Mail(key or f"{occasion}/{at:%Y-%m-%d}", occasion, at, {"plan_name": "Starter"})


def an_invoice(**changes: object) -> Invoice:
    bill = Invoice("in_1", "T-0001", "paid", 4900, "usd", "https://pay.example/in_1", "https://pay.example/in_1.pdf", 1)
    return replace(bill, **changes)  # type: ignore[arg-type]


def a_step(subscription: Subscription, *mails: Mail, at: datetime = NOW, **parts: object) -> Step:
    """A step as the workflow takes it: by default one journal entry and one next action."""
    lines = (
        Entry("noted", at, f"step {subscription.sequence}", CAUSE, {"status": subscription.status.value}),
        Entry("explained", at, f"step {subscription.sequence}, on", CAUSE),
    )
    step = Step(subscription, lines, mails, ahead=(Due(TRIAL_END, Action.EXPIRE_TRIAL, "the trial ends"),))
    return replace(step, **parts)  # type: ignore[arg-type]


def later(subscription: Subscription, **changes: object) -> Subscription:
    """The subscription one step on."""
    return replace(subscription, sequence=subscription.sequence + 1, **changes)  # type: ignore[arg-type]


class Ledger:
    """Signs customers up and reads the tables."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.customers = Customers(engine)
        self.records = SubscriptionRecords(engine, TRIAL_KEY)

    async def customer(self, external_id: str = "ada", tenant: str = DEFAULT_TENANT, name: str | None = None) -> str:
        return await self.customers.upsert(
            tenant=tenant, external_id=external_id, email=f"{external_id}@example.com", name=name
        )

    async def newcomer(self, external_id: str = "ada", tenant: str = DEFAULT_TENANT, **changes: object) -> Subscription:
        """A subscription of a known customer, not yet recorded."""
        customer = await self.customer(external_id, tenant)
        return a_trial(id=str(uuid4()), customer=customer, tenant=tenant, **changes)

    async def sign_up(self, external_id: str = "ada", tenant: str = DEFAULT_TENANT, **changes: object) -> Subscription:
        """A recorded subscription."""
        subscription = await self.newcomer(external_id, tenant, **changes)
        await self.save(a_step(subscription))
        return subscription

    async def sign_up_many(self, how_many: int, tenant: str = DEFAULT_TENANT) -> list[Subscription]:
        """Subscriptions an hour apart, oldest first; every third has the same creation time as the one before."""
        moments = [NOW + timedelta(hours=number - (number % 3 == 2)) for number in range(how_many)]
        return [await self.sign_up(f"c{n}", tenant, created_at=moment) for n, moment in enumerate(moments)]

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        return await self.records.save(step)

    async def rows(self, query: str) -> list[dict[str, object]]:
        async with self.engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(text(query))]

    async def logged(self, columns: str, rest: str = "") -> list[dict[str, object]]:
        """What was counted under each key, with what is billed of it."""
        return await self.rows(
            f"select {columns} from (select l.*, coalesce(e.overage, 0) as overage,"  # noqa: S608
            " coalesce(e.overage_of, '') as overage_of"
            f" from usage_log l left join usage_events e using (tenant, key)) l {rest}"
        )

    async def run(self, statement: str) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(text(statement))

    async def rewrite(self, statement: str) -> None:
        """Change or remove what is only ever added to."""
        async with self.engine.begin() as connection:
            await connection.exec_driver_sql("set local tenure.erasing = 'yes'")
            await connection.execute(text(statement))

    async def count(self, table: str) -> int:
        [row] = await self.rows(f"select count(*)::int as n from {table}")  # noqa: S608 - a table of ours
        assert isinstance(row["n"], int)
        return row["n"]

    async def everything(self) -> dict[str, list[dict[str, object]]]:
        """Every row of every table, in an order that does not change."""
        return {table: await self.rows(f"select * from {table} t order by t::text") for table in TABLES}  # noqa: S608
