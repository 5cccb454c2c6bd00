"""Builds the workers: one per task queue, each with its own activities and limits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version as installed_version
from typing import TypedDict

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import Interceptor, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

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
from domain.names import EVENTS_QUEUE, LIFECYCLE_QUEUE, MAIL_QUEUE, PAYMENTS_QUEUE, RECORDS_QUEUE
from tracing.spans import Spans
from worker.heartbeats import Heartbeats
from worker.logged_work import SubscriptionInLogs
from worker.measuring import ActivityMeter, Measured
from worker.traced_work import TracedWork
from workflows.bulk import BulkWorkflow
from workflows.customer import CustomerWorkflow
from workflows.event_delivery import EventDeliveryWorkflow
from workflows.heal import HealWorkflow
from workflows.mail import MailWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.subscription.upgrading import UpgradingSubscriptionWorkflow
from workflows.subscription.workflow import SubscriptionWorkflow
from workflows.sweep_webhooks import SweepWebhooksWorkflow
from workflows.usage_report import ReportUsageWorkflow
from workflows.usage_roll_up import RollUpUsageWorkflow

WORKFLOWS = (
    SubscriptionWorkflow,
    MailWorkflow,
    EventDeliveryWorkflow,
    CustomerWorkflow,
    SweepWebhooksWorkflow,
    ReconcileWorkflow,
    HealWorkflow,
    ReportUsageWorkflow,
    RollUpUsageWorkflow,
    BulkWorkflow,
)

UPGRADING_WORKFLOWS = (UpgradingSubscriptionWorkflow, *(each for each in WORKFLOWS if each is not SubscriptionWorkflow))
"""The same for workers with versions: a subscription moves to the current version, all others end on theirs."""

PURE_PACKAGES = ("activities", "domain", "tracing")
"""Deterministic on import, so the workflow sandbox need not reload them for every run."""

STICKY_TIMEOUT = timedelta(seconds=5)
"""How long a workflow waits for the worker that has it in its cache, and that may have died."""
EVENTS_AT_ONCE = 100
"""Requests to endpoints in progress per worker: they wait for the receivers, most of the time."""
MAX_CONCURRENT_WORKFLOW_TASKS = 16
"""Per worker. The rest waits in Temporal, by priority; started all at once, each task would exceed its timeout."""
FINISH_WITHIN = timedelta(seconds=50)
"""Longer than any activity may take, so that no charge is interrupted."""


@dataclass(frozen=True)
class WorkerActivities:
    """All activities; `worker.composition` makes them."""

    records: RecordActivities
    payments: PaymentActivities
    renewals: RenewalActivities
    wallets: WalletActivities
    changes: ChangeActivities
    confirmations: ConfirmationActivities
    refunds: RefundActivities
    adoption: AdoptionActivities
    customers: CustomerActivities
    metering: MeteringActivities
    inbox: InboxActivities
    reconciliation: ReconcileActivities
    mail: MailActivities
    events: EventActivities
    roll_up: RollUpActivities
    bulk: BulkActivities


@dataclass(frozen=True)
class TaskRates:
    """How many tasks of a kind the whole fleet begins per second; the value of the worker that polled last applies."""

    payments: float | None = None
    """None: no limit."""
    mails: float = 50.0


DEFAULT_RATES = TaskRates()


class _Release(TypedDict, total=False):
    build_id: str
    deployment_config: WorkerDeploymentConfig


def _release(version: WorkerDeploymentVersion | None) -> _Release:
    if version is None:
        # Otherwise the SDK takes a second to hash every module that is imported.
        return _Release(build_id=f"tenure {installed_version('tenure')}")
    config = WorkerDeploymentConfig(
        version=version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
    )
    return _Release(deployment_config=config)


def workflow_runner() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE_PACKAGES))


def build_workers(
    client: Client,
    activities: WorkerActivities,
    *,
    rates: TaskRates = DEFAULT_RATES,
    version: WorkerDeploymentVersion | None = None,
    max_cached_workflows: int = 1000,
    finish_within: timedelta = FINISH_WITHIN,
    spans: Spans | None = None,
    meter: ActivityMeter | None = None,
) -> list[Worker]:
    """Return the workers that production, sandbox and tests all run.

    On shutdown, each worker takes no new tasks and lets its activities finish within *finish_within*. With a *version*
    they get only the work that Temporal gives to that version. Without *spans*, nothing is traced; without a *meter*,
    nothing is measured.
    """
    told: list[Interceptor] = [] if spans is None else [TracedWork(spans)]
    told += [SubscriptionInLogs(), *([] if meter is None else [Measured(meter)])]
    interceptors = [*told, Heartbeats(client)]
    release = _release(version)
    return [
        Worker(
            client,
            task_queue=LIFECYCLE_QUEUE,
            workflows=WORKFLOWS if version is None else UPGRADING_WORKFLOWS,
            interceptors=told,
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
            # Database activities run here as local activities, within the workflow task.
            activities=[
                activities.records.record,
                activities.records.anchor_reminders,
                activities.records.anchor_ladder,
                activities.records.lay_out_notices,
                activities.records.forget_sign_up,
                activities.renewals.close,
            ],
            workflow_runner=workflow_runner(),
            max_cached_workflows=max_cached_workflows,
            max_concurrent_workflow_tasks=MAX_CONCURRENT_WORKFLOW_TASKS,
            graceful_shutdown_timeout=finish_within,
            **release,
        ),
        Worker(
            client,
            task_queue=PAYMENTS_QUEUE,
            interceptors=interceptors,
            activities=[
                activities.confirmations.confirmation,
                activities.confirmations.withdraw_confirmation,
                activities.wallets.put_card,
                activities.wallets.recreate_customer,
                activities.wallets.adopt_checkout,
                activities.payments.begin,
                activities.payments.collect,
                activities.payments.restart,
                activities.changes.change,
                activities.changes.change_on_terms,
                activities.changes.quote,
                activities.payments.upcoming_invoice,
                activities.payments.first_quote,
                activities.payments.reversal,
                activities.refunds.refund,
                activities.payments.standing,
                activities.renewals.renew,
                activities.payments.end,
                activities.payments.end_at_period_end,
                activities.payments.hold,
                activities.wallets.open_checkout,
                activities.adoption.check_trial_elsewhere,
                activities.adoption.end_trial_elsewhere,
                activities.reconciliation.compare_pages,
                activities.reconciliation.compare_agreements,
                activities.reconciliation.compare_subscriptions,
                activities.reconciliation.compare_mails,
                activities.reconciliation.heal_subscription,
                activities.inbox.fetch_unheard,
                activities.metering.report_usage,
                activities.customers.sync_to_provider,
                activities.customers.sync_from_provider,
            ],
            max_concurrent_activities=50,
            graceful_shutdown_timeout=finish_within,
            **release,
            max_task_queue_activities_per_second=rates.payments,
        ),
        Worker(
            client,
            task_queue=MAIL_QUEUE,
            interceptors=interceptors,
            activities=[activities.mail.deliver, activities.mail.give_up],
            max_concurrent_activities=10,
            graceful_shutdown_timeout=finish_within,
            **release,
            max_task_queue_activities_per_second=rates.mails,
        ),
        Worker(
            client,
            task_queue=EVENTS_QUEUE,
            interceptors=interceptors,
            activities=[activities.events.deliver],
            max_concurrent_activities=EVENTS_AT_ONCE,
            graceful_shutdown_timeout=finish_within,
            **release,
        ),
        Worker(
            client,
            task_queue=RECORDS_QUEUE,
            interceptors=interceptors,
            activities=[
                activities.inbox.sweep,
                activities.customers.notify_subscription,
                activities.customers.start_pending_syncs,
                activities.reconciliation.plan_reconciliation,
                activities.reconciliation.note_findings,
                activities.reconciliation.note_reconciliation,
                activities.reconciliation.forget_old_findings,
                activities.roll_up.send_late_notices,
                activities.roll_up.sample_gauges,
                activities.roll_up.compute_usage_statistics,
                activities.roll_up.forget_old_usage,
                activities.bulk.work_off_rows,
                activities.bulk.record_state,
            ],
            max_concurrent_activities=5,
            graceful_shutdown_timeout=finish_within,
            **release,
        ),
    ]


@asynccontextmanager
async def workers_running(workers: list[Worker]) -> AsyncIterator[None]:
    """Run the workers inside the block; on exit they all shut down gracefully, in parallel."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        try:
            yield
        finally:
            await asyncio.gather(*(worker.shutdown() for worker in workers))
