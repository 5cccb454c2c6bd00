"""Builds the workers: one per task queue, each with its own limits, all with the same dependencies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.adopting import AdoptionActivities
from activities.changing import ChangeActivities
from activities.confirming import ConfirmationActivities
from activities.customers import CustomerActivities
from activities.inbox import InboxActivities
from activities.mail import MailActivities
from activities.metering import MeteringActivities
from activities.payments import PaymentActivities
from activities.reconciling import ReconcileActivities
from activities.records import RecordActivities
from activities.rolling_up import RollUpActivities
from domain.names import LIFECYCLE_QUEUE, MAIL_QUEUE, PAYMENTS_QUEUE, RECORDS_QUEUE
from domain.notifications.ports import Mailer, Mails
from domain.provider.ports import Payments
from domain.subscription.ports import Records
from services.mail_dispatcher import TemporalMailDispatcher
from workflows.customer import CustomerWorkflow
from workflows.mail import MailWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.subscription.workflow import SubscriptionWorkflow
from workflows.sweep_webhooks import SweepWebhooksWorkflow
from workflows.usage_report import ReportUsageWorkflow
from workflows.usage_roll_up import RollUpUsageWorkflow

WORKFLOWS = (
    SubscriptionWorkflow,
    MailWorkflow,
    CustomerWorkflow,
    SweepWebhooksWorkflow,
    ReconcileWorkflow,
    ReportUsageWorkflow,
    RollUpUsageWorkflow,
)

PURE_PACKAGES = ("activities", "domain")
"""Deterministic on import, so the workflow sandbox need not reload them for every run."""

MAILS_PER_SECOND = 50.0
MAX_CONCURRENT_WORKFLOW_TASKS = 16
"""Per worker. The rest waits in Temporal, by priority; started all at once, each task would exceed its timeout."""
FINISH_WITHIN = timedelta(seconds=50)
"""Longer than any activity may take, so that no charge is interrupted."""


@dataclass(frozen=True)
class Parts:
    """The workers' dependencies."""

    records: Records
    mails: Mails
    payments: Payments
    mailer: Mailer
    inbox: InboxActivities
    reconciling: ReconcileActivities
    adopting: AdoptionActivities
    rolling_up: RollUpActivities
    metering: MeteringActivities
    customers: CustomerActivities


def workflow_runner() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PURE_PACKAGES))


def build_workers(
    client: Client,
    parts: Parts,
    *,
    payments_a_second: float | None,
    max_cached_workflows: int = 1000,
    finish_within: timedelta = FINISH_WITHIN,
) -> list[Worker]:
    """Return the workers that production, sandbox and tests all run.

    *payments_a_second* limits the whole fleet; the value of the worker that polled last applies. None: no limit. On
    shutdown, each worker takes no new tasks and lets its activities finish within *finish_within*.
    """
    records = RecordActivities(parts.records, TemporalMailDispatcher(client))
    payments, confirming = PaymentActivities(parts.payments, parts.records), ConfirmationActivities(parts.payments)
    changes = ChangeActivities(parts.payments)
    mail = MailActivities(parts.mails, parts.mailer)
    return [
        Worker(
            client,
            task_queue=LIFECYCLE_QUEUE,
            workflows=WORKFLOWS,
            # Database activities run here as local activities, within the workflow task.
            activities=[
                records.record,
                records.anchor_reminders,
                records.anchor_ladder,
                records.lay_out_notices,
                records.forget_sign_up,
            ],
            workflow_runner=workflow_runner(),
            max_cached_workflows=max_cached_workflows,
            max_concurrent_workflow_tasks=MAX_CONCURRENT_WORKFLOW_TASKS,
            graceful_shutdown_timeout=finish_within,
        ),
        Worker(
            client,
            task_queue=PAYMENTS_QUEUE,
            activities=[
                confirming.confirmation,
                confirming.withdraw_confirmation,
                payments.put_card,
                payments.know_again,
                payments.adopt_checkout,
                payments.begin,
                payments.collect,
                payments.restart,
                changes.change,
                changes.change_on_terms,
                changes.quote,
                payments.upcoming_bill,
                payments.first_quote,
                payments.reversal,
                payments.standing,
                payments.end,
                payments.end_at_period_end,
                payments.hold,
                payments.open_checkout,
                parts.adopting.check_trial_elsewhere,
                parts.adopting.end_trial_elsewhere,
                parts.reconciling.compare_agreements,
                parts.reconciling.compare_subscriptions,
                parts.reconciling.compare_mails,
                parts.reconciling.heal_subscription,
                parts.inbox.fetch_unheard,
                parts.metering.report_usage,
                parts.customers.sync_to_provider,
                parts.customers.sync_from_provider,
            ],
            max_concurrent_activities=50,
            graceful_shutdown_timeout=finish_within,
            max_task_queue_activities_per_second=payments_a_second,
        ),
        Worker(
            client,
            task_queue=MAIL_QUEUE,
            activities=[mail.deliver, mail.give_up],
            max_concurrent_activities=10,
            graceful_shutdown_timeout=finish_within,
            max_task_queue_activities_per_second=MAILS_PER_SECOND,
        ),
        Worker(
            client,
            task_queue=RECORDS_QUEUE,
            activities=[
                parts.inbox.sweep,
                parts.customers.notify_subscription,
                parts.customers.start_pending_syncs,
                parts.reconciling.note_findings,
                parts.reconciling.forget_old_findings,
                parts.rolling_up.send_late_notices,
                parts.rolling_up.sample_gauges,
                parts.rolling_up.compute_usage_statistics,
                parts.rolling_up.forget_old_usage,
            ],
            max_concurrent_activities=5,
            graceful_shutdown_timeout=finish_within,
        ),
    ]


@asynccontextmanager
async def at_work(workers: list[Worker]) -> AsyncIterator[None]:
    """Run the workers inside the block; on exit they all shut down gracefully, in parallel."""
    async with AsyncExitStack() as stack:
        for worker in workers:
            await stack.enter_async_context(worker)
        try:
            yield
        finally:
            await asyncio.gather(*(worker.shutdown() for worker in workers))
