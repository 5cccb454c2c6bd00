"""Composes the workers' dependencies."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.adopting import AdoptionActivities
from activities.customers import CustomerActivities
from activities.metering import CONCURRENCY, MeteringActivities
from activities.reconciling import ReconcileActivities
from activities.rolling_up import RollUpActivities
from configuration.mail_addresses import mail_address
from domain.notifications.ports import Mailer
from domain.provider.events import ProviderHistory
from domain.provider.ports import Agreements, Handover, Metering, Payments
from services.customer_dispatcher import CustomerDispatcher
from services.mail_dispatcher import TemporalMailDispatcher
from services.usage_notifier import UsageNotifier
from storage.subscriptions.customer_changes import CustomerChanges
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.write_model import SubscriptionRecords
from storage.usage.notices import UsageNotices
from storage.usage.overage_reports import UsageReports
from storage.usage.roll_up import PostgresUsageRollUp
from worker.build import Parts
from worker.webhooks import inbox_activities


class Provider(Payments, Agreements, Handover, Metering, ProviderHistory, Protocol):
    """All ports of the provider in one."""


def parts_on(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    mailer: Mailer,
    reconciling: ReconcileActivities,
    *,
    reports_at_once: int = CONCURRENCY,
) -> Parts:
    """The workers' dependencies on one database, one provider and one mail server."""
    changes = CustomerChanges(engine)
    dispatcher = CustomerDispatcher(client, changes)
    return Parts(
        records=SubscriptionRecords(engine),
        mails=MailRecords(engine),
        payments=provider,
        mailer=mailer,
        inbox=inbox_activities(provider, client, engine),
        reconciling=reconciling,
        adopting=AdoptionActivities(provider, provider),
        rolling_up=RollUpActivities(
            UsageNotifier(UsageNotices(engine), TemporalMailDispatcher(client)), PostgresUsageRollUp(engine)
        ),
        customers=CustomerActivities(changes, dispatcher, provider, dispatcher, mail_address),
        metering=MeteringActivities(UsageReports(engine), provider, at_once=reports_at_once),
    )
