"""Services that API, worker and commands share, each on one database and one provider."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.provider.ports import CustomerContacts, Provider
from services.delivery_starter import DeliveryStarter, WorkflowStarter
from services.erasure import ErasureService
from services.events.dispatcher import TemporalEventDispatcher
from services.events.hand_over import Announcer, HandOver
from services.mail_dispatcher import TemporalMailDispatcher
from services.purchases import PurchaseService
from services.refunds import RefundService
from services.sign_up import SignUpService
from services.webhooks.backfill import Backfill
from services.webhooks.delivery import Delivery
from services.webhooks.late_payments import LatePayments
from services.webhooks.late_reversals import LateReversals
from services.webhooks.purchase_events import PurchaseEvents
from storage.access.audit import AuditLog
from storage.catalog.current import CatalogInForce
from storage.db.engine import of_tenant
from storage.events.delivery_queue import DeliveryQueue
from storage.privacy.erasure import Erasures
from storage.purchases import PurchaseRecords
from storage.subscriptions.customers import Customers
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.sign_ups import SignUps
from storage.subscriptions.trials import TrialKey, Trials
from storage.subscriptions.write_model import SubscriptionRecords
from storage.webhooks.inbox import Inbox, RoutingIndex


def records_of(
    client: Client, engine: AsyncEngine, trial_key: TrialKey, starter: DeliveryStarter | None
) -> SubscriptionRecords:
    """The records of steps, which have the events of each delivered as soon as it is written."""
    return SubscriptionRecords(engine, trial_key, announcer_of(client, engine, starter))


def announcer_of(client: Client, engine: AsyncEngine, starter: DeliveryStarter | None) -> Announcer:
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
        records_of(client, engine, trial_key, starter),
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
    records, mails = records_of(client, engine, trial_key, starter), TemporalMailDispatcher(client, starter)
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
    announcer = announcer_of(client, engine, starter)
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
    records, mails = records_of(client, engine, trial_key, starter), TemporalMailDispatcher(client, starter)
    late_payments = LatePayments(provider.billing, Subscriptions(engine), records, mails)
    bought = PurchaseEvents(purchases(client, engine, provider, trial_key, starter))
    inbox, addresses = Inbox(engine, waits=waits), RoutingIndex(engine)
    return Delivery(client, inbox, addresses, provider.owners, late_reversals, bought, late_payments)


def webhook_backfill(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    trial_key: TrialKey,
    starter: DeliveryStarter | None = None,
) -> Backfill:
    """Return the backfill of provider events that did not reach us."""
    return Backfill(provider.history, Inbox(engine), webhook_delivery(client, engine, provider, trial_key, starter))
