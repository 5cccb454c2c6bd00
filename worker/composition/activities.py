"""The activities of a worker."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.adopting import AdoptionActivities
from activities.bulk import BulkActivities
from activities.changing import ChangeActivities
from activities.customers import CustomerActivities
from activities.events import EventActivities
from activities.inbox import InboxActivities
from activities.mail import MailActivities
from activities.metering import CONCURRENCY, MeteringActivities
from activities.payments import ConfirmationActivities, PaymentActivities
from activities.reconciling import ReconcileActivities
from activities.records import RecordActivities
from activities.refunds import RefundActivities
from activities.renewals import RenewalActivities
from activities.rolling_up import RollUpActivities
from activities.wallets import WalletActivities
from configuration.mail_addresses import mail_address
from domain.notifications.ports import AgainDispatcher
from domain.provider.ports import Provider
from domain.retention import DEFAULT, Retention
from domain.subscription.policy import Policy
from services.audit import AuditSweep
from services.bulk.row_commands import RowCommandSender
from services.customer_dispatcher import CustomerDispatcher
from services.delivery_starter import delivery_starter
from services.events.dispatcher import TemporalEventDispatcher
from services.events.hand_over import HandOver
from services.events.operator_mails import OperatorMailSweep
from services.mail_dispatcher import TemporalMailDispatcher
from services.mail_retry import MailRetry
from services.reconciliation.healing import Healer
from services.reconciliation.inspection import SECOND_LOOK_DELAY, Inspection
from services.reconciliation.paced import PacedAgreements, PacedPurchases
from services.reconciliation.pages import Pages
from services.reconciliation.purchases import PurchaseInspection
from services.reconciliation.restore import Restorer
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from services.reconciliation.stuck_mails import StuckMailsInspection
from services.usage_notifier import UsageNotifier
from services.webhooks.sweeps import Sweeps
from storage.access.audit import AuditLog
from storage.access.operator_mails import OperatorMails
from storage.bulk.runs import BulkRuns
from storage.call_budget import FleetCallBudget
from storage.catalog.policies import Policies
from storage.compared_rows import SubscriptionPages
from storage.events.deliveries import DeliveryRecords
from storage.events.delivery_queue import LEFT_TO_WRITER, DeliveryQueue
from storage.events.secrets import SecretKeeping
from storage.purchases import PurchaseRecords
from storage.reconciliation import Reconciliations
from storage.revenue.roll_up import RevenueRollUpRecords
from storage.subscriptions.customer_changes import CustomerChanges
from storage.subscriptions.mail_list import MailList
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.renewals import RenewalRecords
from storage.subscriptions.trials import TrialKey
from storage.subscriptions.write_model import SubscriptionRecords
from storage.usage.notices import UsageNotices
from storage.usage.overage_reports import UsageReports
from storage.usage.roll_up import UsageRollUpRecords
from worker.build import WorkerActivities
from worker.composition.gateways import Outgoing
from worker.composition.services import (
    LEFT_TO_DISPATCHER,
    announcer_of,
    erasing,
    purchases,
    webhook_backfill,
    webhook_delivery,
)


@dataclass(frozen=True)
class WorkerOptions:
    """How the activities of a worker do their work."""

    reports_at_once: int = CONCURRENCY
    """Usage reports that may run concurrently."""
    comparisons_a_second: float | None = None
    """Requests to the provider that all reconciliations of the fleet may send; None: no limit."""
    second_look_delay: float = SECOND_LOOK_DELAY
    """Seconds between the two looks of reconciliation, in which what is in flight arrives."""
    timezone: str = "UTC"
    """Whose days revenue is summed up by."""
    retention: Retention = DEFAULT
    """How long the roll-up keeps data."""
    left_to_dispatcher: timedelta = LEFT_TO_DISPATCHER
    """How long a webhook is left to the API process that stored it before the sweep takes it."""
    left_to_writer: timedelta = LEFT_TO_WRITER
    """How long a delivery is left to the process that wrote it before the sweep takes it."""
    erases_at_provider: bool = False
    """Erased customers are deleted at the provider as well."""
    standalone_activities: bool = False
    """Deliveries run as activities by themselves, without a workflow each."""
    is_versioned: bool = False
    """The workers have a version: only Temporal decides which one a workflow begins on."""


def worker_activities(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    outgoing: Outgoing,
    policy: Policy | None,
    trial_key: TrialKey,
    options: WorkerOptions = WorkerOptions(),
    *,
    restart_client: Client | None = None,
) -> WorkerActivities:
    """Return all activities, on one database, one provider and one mail server.

    Args:
        client: the client of Temporal.
        engine: the database.
        provider: the payment provider.
        outgoing: sends mails and events.
        policy: for lost workflows whose own policy is unknown.
        trial_key: makes the marks of trials.
        options: how they do their work.
        restart_client: the client that restarts lost workflows, if not *client*.

    """
    starter = delivery_starter(client, standalone=options.standalone_activities, eager=not options.is_versioned)
    announcer, mails = announcer_of(client, engine, starter), TemporalMailDispatcher(client, starter)
    records = SubscriptionRecords(engine, trial_key, announcer)
    changes = CustomerChanges(engine, trial_key, announcer)
    customers = CustomerDispatcher(client, changes)
    payments = PaymentActivities(provider, records)
    return WorkerActivities(
        records=RecordActivities(records, mails),
        payments=payments,
        renewals=RenewalActivities(payments, records, RenewalRecords(engine, trial_key, announcer), mails),
        wallets=WalletActivities(provider.wallets, records),
        changes=ChangeActivities(provider.changes, provider.quotes, provider.confirmations),
        confirmations=ConfirmationActivities(provider.confirmations),
        refunds=RefundActivities(provider.refunds),
        adoption=AdoptionActivities(provider.agreements, provider.handover),
        customers=CustomerActivities(changes, customers, provider.contacts, customers, mail_address),
        metering=MeteringActivities(UsageReports(engine), provider.metering, at_once=options.reports_at_once),
        inbox=InboxActivities(
            Sweeps(
                webhook_delivery(client, engine, provider, trial_key, starter, waits=options.left_to_dispatcher),
                purchases(client, engine, provider, trial_key, starter),
                erasing(client, engine, trial_key, provider.contacts if options.erases_at_provider else None, starter),
                AuditSweep(AuditLog(engine)),
                HandOver(
                    DeliveryQueue(engine, left_to_writer=options.left_to_writer), TemporalEventDispatcher(starter)
                ),
                OperatorMailSweep(OperatorMails(engine), mails),
                SecretKeeping(engine, outgoing.encryption),
            ),
            webhook_backfill(client, engine, provider, trial_key, starter),
        ),
        reconciliation=_reconciliation(
            client,
            engine,
            provider,
            Restorer(restart_client or client, policy),
            records,
            mails,
            options,
        ),
        mail=MailActivities(MailRecords(engine), outgoing.mailer),
        events=EventActivities(DeliveryRecords(engine, outgoing.encryption), outgoing.events, mails),
        roll_up=RollUpActivities(
            UsageNotifier(UsageNotices(engine, announcer), mails),
            UsageRollUpRecords(engine, options.retention),
            RevenueRollUpRecords(engine, options.timezone),
        ),
        bulk=BulkActivities(
            BulkRuns(engine),
            RowCommandSender(
                client,
                Policies(engine),
                Subscriptions(engine),
                UsageReports(engine),
                MailList(engine),
                MailRetry(MailList(engine), mails),
            ),
        ),
    )


def _reconciliation(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    restorer: Restorer,
    records: SubscriptionRecords,
    mails: AgainDispatcher,
    options: WorkerOptions,
) -> ReconcileActivities:
    comparison, rows = Reconciliations(engine), SubscriptionPages(engine)
    budget = FleetCallBudget(engine, options.comparisons_a_second)
    agreements = PacedAgreements(provider.agreements, budget)
    inspection = Inspection(
        client, agreements, comparison, rows, PurchaseRecords(engine), second_look_delay=options.second_look_delay
    )
    healer = Healer(client, inspection, restorer, comparison, agreements, provider.billing, records, mails)
    mails_and_purchases = PurchaseInspection(
        StuckMailsInspection(client, comparison),
        PacedPurchases(provider.purchases, budget),
        PurchaseRecords(engine),
        comparison,
    )
    workflows = RunningWorkflowsInspection(client, inspection)
    pages = Pages(inspection, agreements, comparison, rows, mails_and_purchases, workflows)
    return ReconcileActivities(pages, healer, comparison)
