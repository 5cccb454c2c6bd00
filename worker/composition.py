"""The composition root: binds adapters to the domain's ports, for the worker, the API, the commands and the sandbox.

No other module chooses a gateway. Callers read the settings and pass them as arguments.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

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
from activities.rolling_up import RollUpActivities
from activities.wallets import WalletActivities
from configuration.mail_addresses import mail_address
from domain.api_keys import KeyMode
from domain.brand import Brand
from domain.encryption import Encryption
from domain.events.endpoints import EndpointRules
from domain.events.ports import EventSender
from domain.notifications.links_of_mails import links_of_mails
from domain.notifications.mail_types import Recipient as Addressee
from domain.notifications.mail_types import Rendered
from domain.notifications.ports import AgainDispatcher, Mailer, MailToSend
from domain.provider.ports import CallMeter, CustomerContacts, EventReader, Provider
from domain.retention import DEFAULT, Retention
from domain.signing import SigningSecrets
from domain.subscription.policy import Policy
from gateways.encryption import AesGcmEncryption
from gateways.mail.logo import LOGO_ADDRESS, logo_of
from gateways.mail.mailer import MailDelivery, SmtpMailer
from gateways.mail.renderer import MailRenderer
from gateways.stripe import rate_limits
from gateways.stripe.http_client import connected
from gateways.stripe.keys import is_live
from gateways.stripe.provider import stripe_provider
from gateways.stripe.webhooks import Recipient, StripeEvents
from gateways.webhooks.addresses import AnyAddresses, PublicAddresses
from gateways.webhooks.sender import WebhookSender
from services.audit import AuditSweep
from services.bulk.row_commands import RowCommandSender
from services.customer_dispatcher import CustomerDispatcher
from services.delivery_starter import DeliveryStarter, WorkflowStarter, delivery_starter
from services.erasure import ErasureService
from services.events.dispatcher import TemporalEventDispatcher
from services.events.hand_over import Announcer, HandOver
from services.events.operator_mails import OperatorMailSweep
from services.mail_dispatcher import TemporalMailDispatcher
from services.mail_retry import MailRetry
from services.purchases import PurchaseService
from services.reconciliation.healing import Healer
from services.reconciliation.inspection import SECOND_LOOK_DELAY, Inspection
from services.reconciliation.paced import PacedAgreements, PacedPurchases
from services.reconciliation.pages import Pages
from services.reconciliation.purchases import PurchaseInspection
from services.reconciliation.restore import Restorer
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from services.reconciliation.stuck_mails import StuckMailsInspection
from services.refunds import RefundService
from services.sign_up import SignUpService
from services.usage_notifier import UsageNotifier
from services.webhooks.backfill import Backfill
from services.webhooks.delivery import Delivery
from services.webhooks.late_reversals import LateReversals
from services.webhooks.purchase_events import PurchaseEvents
from services.webhooks.sweeps import Sweeps
from storage.access.audit import AuditLog
from storage.access.operator_mails import OperatorMails
from storage.bulk.runs import BulkRuns
from storage.call_budget import FleetCallBudget
from storage.catalog.current import CatalogInForce
from storage.catalog.policies import Policies
from storage.compared_rows import SubscriptionPages
from storage.db.engine import of_tenant
from storage.events.deliveries import DeliveryRecords
from storage.events.delivery_queue import LEFT_TO_WRITER, DeliveryQueue
from storage.events.secrets import SecretKeeping
from storage.privacy.erasure import Erasures
from storage.purchases import PurchaseRecords
from storage.reconciliation import Reconciliations
from storage.revenue.roll_up import RevenueRollUpRecords
from storage.subscriptions.customer_changes import CustomerChanges
from storage.subscriptions.customers import Customers
from storage.subscriptions.mail_list import MailList
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.sign_ups import SignUps
from storage.subscriptions.trials import TrialKey, Trials
from storage.subscriptions.write_model import SubscriptionRecords
from storage.usage.notices import UsageNotices
from storage.usage.overage_reports import UsageReports
from storage.usage.roll_up import UsageRollUpRecords
from storage.webhooks.inbox import Inbox, RoutingIndex
from tracing.spans import Spans
from worker.build import WorkerActivities

# The payment provider


@asynccontextmanager
async def payment_provider(
    api_key: str,
    api_base: str | None = None,
    *,
    api_processes: int | None = None,
    spans: Spans | None = None,
    meter: CallMeter | None = None,
) -> AsyncIterator[Provider]:
    """Yield the payment provider of an account; it connects on first use.

    Args:
        api_key: the account's.
        api_base: for simulators.
        api_processes: for an API, how many of them share what the account's limits leave them; None: the requests
            are limited by the task queues.
        spans: what traces the requests; None: nothing does.
        meter: measures the requests, if given.
    """
    calls = None if api_processes is None else rate_limits.questions_a_second(api_key, api_processes)
    async with connected(api_key, api_base, calls_a_second=calls, spans=spans, meter=meter) as client:
        yield stripe_provider(client)


def event_reader(webhook_secrets: Sequence[str], api_key: str, account: str = "") -> EventReader:
    """Return the reader of the provider's events to the account and mode of *api_key*; see `Recipient`."""
    return StripeEvents(webhook_secrets, Recipient.of(api_key, account))


@dataclass(frozen=True)
class ProviderLimits:
    """What the provider allows an account."""

    payments_a_second: float
    """Payment activities that the whole fleet may start."""
    reports_at_once: int
    """Usage reports that may run concurrently."""
    comparisons_a_second: float
    """Requests that all reconciliations of the fleet may send."""

    @classmethod
    def of(cls, api_key: str) -> "ProviderLimits":
        return cls(
            rate_limits.steps_a_second(api_key),
            rate_limits.reports_at_once(api_key),
            rate_limits.comparisons_a_second(api_key),
        )


def key_mode(api_key: str | None) -> KeyMode:
    """Return the mode of the API keys made here: that of our own key at the provider, live if that is not known."""
    return KeyMode.LIVE if api_key is None or is_live(api_key) else KeyMode.TEST


def provider_pages(api_key: str) -> str:
    """Return the address of the provider's own pages, for the mode of our key there."""
    return "https://dashboard.stripe.com" if is_live(api_key) else "https://dashboard.stripe.com/test"


# Mails


def mailer(
    brand: Brand, *, smtp_url: str, sender: str, public_url: str, signing: SigningSecrets, logo: Path | None = None
) -> Mailer:
    """Return the mailer of a product. Its links lead to *public_url* and are signed with the first secret."""
    image = logo_of(logo)
    renderer = MailRenderer(brand, LOGO_ADDRESS if image is not None else "")
    return MailDelivery(renderer, SmtpMailer(smtp_url), sender, links_of_mails(public_url, signing), image)


def mail_reader(brand: Brand) -> Callable[[MailToSend], Rendered]:
    """Return what shows a mail to an operator. Its links lead to the product, and none acts for the customer."""
    renderer = MailRenderer(brand)

    def read(mail: MailToSend) -> Rendered:
        contact = mail.contact
        reader = Addressee(contact.email, contact.name, contact.locale, contact.timezone)
        return renderer.render(mail.occasion, mail.facts, reader)

    return read


# Events for products


def event_sender(proxy: str | None = None) -> EventSender:
    """Return what sends events to public addresses, through a proxy if there is one."""
    return WebhookSender(EndpointRules(), PublicAddresses(), proxy=proxy)


def local_event_sender() -> EventSender:
    """Return what sends events to any address, without encryption as well: for a sandbox."""
    return WebhookSender(EndpointRules(schemes=("http", "https"), ports=()), AnyAddresses())


def encryption(secrets: SigningSecrets) -> Encryption:
    """Return what encrypts the secrets of endpoints, by keys that are derived from the installation's own."""
    return AesGcmEncryption(secrets.secrets)


@dataclass(frozen=True)
class Outgoing:
    """What leaves the installation."""

    mailer: Mailer
    events: EventSender
    encryption: Encryption
    """Of the secrets that sign events."""


def _records(
    client: Client, engine: AsyncEngine, trial_key: TrialKey, starter: DeliveryStarter | None
) -> SubscriptionRecords:
    """The records of steps, which have the events of each delivered as soon as it is written."""
    return SubscriptionRecords(engine, trial_key, _announcer(client, engine, starter))


def _announcer(client: Client, engine: AsyncEngine, starter: DeliveryStarter | None) -> Announcer:
    return Announcer(HandOver(DeliveryQueue(engine), TemporalEventDispatcher(starter or WorkflowStarter(client))))


# Purchases


def purchases(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None = None,
) -> PurchaseService:
    """Return what opens hosted pages, and takes completed ones over.

    Here and below, *starter* starts the sending of mails; None: as a workflow each.
    """
    subscriptions = Subscriptions(engine)
    return PurchaseService(
        provider.purchases,
        PurchaseRecords(engine),
        SignUpService(client, SignUps(engine), Customers(engine), subscriptions, Trials(engine, trial_key)),
        _records(client, engine, trial_key, starter),
        subscriptions,
        subscriptions,
        TemporalMailDispatcher(client, starter),
        CatalogInForce(engine),
    )


def purchases_of(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None = None,
) -> Callable[[str], PurchaseService]:
    """Return what `purchases` returns, for one tenant at a time."""
    return lambda tenant: purchases(client, of_tenant(engine, tenant), provider, trial_key, starter)


# Refunds


def _late_reversals(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None,
) -> LateReversals:
    records, mails = _records(client, engine, trial_key, starter), TemporalMailDispatcher(client, starter)
    return LateReversals(provider.reversals, Subscriptions(engine), records, mails, AuditLog(engine))


def refunds_of(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None = None,
) -> Callable[[str], RefundService]:
    """Return what refunds payments, for one tenant at a time."""

    def of(tenant: str) -> RefundService:
        tenants = of_tenant(engine, tenant)
        late_reversals = _late_reversals(client, tenants, provider, trial_key, starter)
        return RefundService(client, provider.refunds, Subscriptions(tenants), late_reversals)

    return of


# Erasures


def erasing(
    client: Client,
    engine: AsyncEngine,
    trial_key: TrialKey,
    contacts: CustomerContacts | None = None,
    starter: DeliveryStarter | None = None,
) -> ErasureService:
    """Return what erases customers, and with *contacts* deletes them at the provider as well."""
    announcer = _announcer(client, engine, starter)
    erasures, records = Erasures(engine, trial_key, announcer), SubscriptionRecords(engine, trial_key, announcer)
    return ErasureService(client, erasures, records, Subscriptions(engine), contacts)


# Webhooks


LEFT_TO_DISPATCHER = timedelta(seconds=30)
"""An event that arrived within this time may still be with the API process that stored it, which delivers it at once
and tries again for some seconds. A sweep that took it too would have its subscription ask the provider twice."""


def webhook_delivery(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None = None,
    *,
    waits: timedelta = timedelta(),
) -> Delivery:
    """Return the delivery of stored provider events to subscriptions; a sweep takes those that have waited so long."""
    late_reversals = _late_reversals(client, engine, provider, trial_key, starter)
    bought = PurchaseEvents(purchases(client, engine, provider, trial_key, starter))
    return Delivery(client, Inbox(engine, waits=waits), RoutingIndex(engine), provider.owners, late_reversals, bought)


def webhook_backfill(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None = None,
) -> Backfill:
    """Return the backfill of provider events that did not reach us."""
    return Backfill(provider.history, Inbox(engine), webhook_delivery(client, engine, provider, trial_key, starter))


# The worker


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
    starter = delivery_starter(client, standalone=options.standalone_activities)
    announcer, mails = _announcer(client, engine, starter), TemporalMailDispatcher(client, starter)
    records = SubscriptionRecords(engine, trial_key, announcer)
    changes = CustomerChanges(engine, trial_key, announcer)
    customers = CustomerDispatcher(client, changes)
    return WorkerActivities(
        records=RecordActivities(records, mails),
        payments=PaymentActivities(provider, records),
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
