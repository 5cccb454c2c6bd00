"""Everything that a subscription workflow depends on, in memory, and the workers of production on top."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.testing import TimeSkipper, WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner

from activities.adopting import AdoptionActivities
from activities.bulk import BulkActivities
from activities.changing import ChangeActivities
from activities.customers import CustomerActivities
from activities.events import EventActivities
from activities.inbox import InboxActivities
from activities.mail import MailActivities
from activities.metering import MeteringActivities
from activities.payments import ConfirmationActivities, PaymentActivities
from activities.reconciling import ReconcileActivities
from activities.records import RecordActivities
from activities.refunds import RefundActivities
from activities.renewals import RenewalActivities
from activities.rolling_up import RollUpActivities
from activities.wallets import WalletActivities
from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from domain.catalog.plans import Catalog, Interval
from domain.errors import TenureError
from domain.names import DEFAULT_TENANT
from domain.subscription.command_keys import hashed
from domain.subscription.policy import Policy
from domain.subscription.sign_up import SignUpContact
from domain.subscription.state import Subscription
from services.refunds import RefundService
from services.subscription_client import sign_up
from tests.contracts.in_memory.records import InMemoryRecords
from tests.harness.catalogs import CATALOG, POLICY
from tests.workflows.world.commands import ACTOR
from tests.workflows.world.delivery import Post
from tests.workflows.world.life import Life
from tests.workflows.world.mail_server import DirectDispatcher, InMemoryMailServer
from tests.workflows.world.observed import Observed
from tests.workflows.world.provider import WorldProvider
from tests.workflows.world.receivers import InMemoryDeliveries, InMemoryReceivers
from tests.workflows.world.server import STANDS_STILL
from tests.workflows.world.travelling import WorldTraveller
from worker import build
from worker.build import WorkerActivities, build_workers, workers_running
from workflows.subscription.messages import SubscriptionInput


class NothingOfTheKind:
    """Behind the ports that no subscription workflow reaches: whoever calls them is told so."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(f"a subscription workflow does not ask for {name}")


class World:
    """One server, one set of workers, one provider and one database, for all tests of a process."""

    def __init__(self, environment: WorkflowEnvironment) -> None:
        self.client: Client = environment.client
        self.catalog: Catalog = load_catalog(CATALOG)
        self.policy: Policy = load_policy(POLICY)
        self.records = InMemoryRecords()
        self.provider = WorldProvider(self.catalog)
        self.mail_server = InMemoryMailServer()
        self.deliveries = InMemoryDeliveries()
        self.receivers = InMemoryReceivers()
        self.observed = Observed()
        self.lives: list[Life] = []
        self.mail_dispatcher = DirectDispatcher(self.records, self.mail_server)
        self.post = Post(self.client, self.records, self.provider, self.mail_dispatcher)
        self.provider.deliver = self.post.deliver
        self.refunds = RefundService(self.client, self.provider.ports.refunds, self.post, self.post.late_reversals)
        skipper = TimeSkipper(self.client, config=STANDS_STILL)
        self.traveller = WorldTraveller(skipper, self.provider)

    @classmethod
    @asynccontextmanager
    async def at_work(cls, environment: WorkflowEnvironment, **more: Any) -> AsyncIterator["World"]:
        """A world whose workers run."""
        world = cls(environment)
        with pytest.MonkeyPatch.context() as patch:
            # The SDK's sandbox costs a quarter of the processor time. Stories and kept histories run in it.
            patch.setattr(build, "workflow_runner", UnsandboxedWorkflowRunner)
            workers = build_workers(world.client, world._activities(), finish_within=timedelta(seconds=1), **more)
        async with workers_running(workers):
            yield world

    def _activities(self) -> WorkerActivities:
        nothing: Any = NothingOfTheKind()
        provider = self.provider.ports
        payments = PaymentActivities(provider, self.records)
        return WorkerActivities(
            records=RecordActivities(self.records, self.mail_dispatcher),
            payments=payments,
            renewals=RenewalActivities(payments, self.records, self.records, self.mail_dispatcher),
            wallets=WalletActivities(provider.wallets, self.records),
            changes=ChangeActivities(provider.changes, provider.quotes, provider.confirmations),
            confirmations=ConfirmationActivities(provider.confirmations),
            refunds=RefundActivities(provider.refunds),
            adoption=AdoptionActivities(provider.agreements, provider.handover),
            customers=CustomerActivities(nothing, nothing, provider.contacts, nothing, str),
            metering=MeteringActivities(nothing, provider.metering),
            inbox=InboxActivities(nothing, nothing),
            reconciliation=ReconcileActivities(nothing, nothing, nothing),
            mail=MailActivities(self.records, self.mail_server),
            events=EventActivities(self.deliveries, self.receivers, self.mail_dispatcher),
            roll_up=RollUpActivities(nothing, nothing, nothing),
            bulk=BulkActivities(nothing, nothing),
        )

    async def sign_up(
        self,
        external_id: str,
        *,
        plan: str = "starter",
        interval: str = "month",
        quantity: int = 1,
        add_ons: dict[str, int] | None = None,
        trial_days: int | None = None,
        payment_method: str | None = None,
        policy: Policy | None = None,
        catalog: Catalog | None = None,
        key: str | None = None,
        allow_another_trial: bool = False,
        **customer: str,
    ) -> Life:
        """Sign a customer up for Starter with the policy's trial, or as is said.

        *customer* is what the sign-up says of them, such as `timezone`.

        Raises:
            TenureError: the sign-up was refused. The life is the last of `lives` all the same.
        """
        sold = catalog or self.catalog
        free = sold.free_plan
        selection = (
            free
            if free is not None and plan == free.plan
            else sold.select(plan, Interval(interval), quantity, add_ons or {})
        )
        subscription_id, now = str(uuid4()), datetime.now(UTC)
        days = (policy or self.policy).trial.days if trial_days is None else trial_days
        told = {"email": f"{external_id}@example.com"} | customer
        contact = SignUpContact(external_id, **cast("Any", told))
        id_ = await self.records.wait(subscription_id, DEFAULT_TENANT, contact)
        subscription = replace(
            Subscription.to(
                selection, subscription_id=subscription_id, tenant=DEFAULT_TENANT, customer=id_, created_at=now
            ),
            trial_ends_at=now + timedelta(days=days) if days else None,
            free_plan=free,
        )
        return await self.begin(
            external_id,
            SubscriptionInput(
                subscription,
                policy or self.policy,
                payment_method,
                ACTOR,
                hashed(key or subscription_id),
                allow_another_trial=allow_another_trial,
            ),
            sold,
        )

    def move(self, external_id: str, timezone: str) -> None:
        """Have a customer live in another time zone; their subscription is not told."""
        known = self.records.known_by(DEFAULT_TENANT, external_id)
        assert known is not None
        moved = replace(known, contact=replace(known.contact, timezone=timezone))
        self.records.customers[known.contact.customer] = moved

    async def begin(self, external_id: str, start: SubscriptionInput, catalog: Catalog | None = None) -> Life:
        """Start a subscription's workflow as it is given."""
        self.provider.clock(external_id)
        life = Life(self, external_id, start.subscription.id, catalog or self.catalog)
        self.lives.append(life)
        try:
            await sign_up(self.client, start)
        except TenureError as error:
            self.observed.refusal(error.code)
            raise
        finally:
            await life.settle()
        self.observed.command("sign_up")
        return life
