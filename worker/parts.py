"""Puts together what the workers work with."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.adopting import AdoptionActivities
from activities.customers import CustomerActivities
from activities.metering import AT_ONCE, MeteringActivities
from activities.reconciling import ReconcileActivities
from activities.rolling_up import RollUpActivities
from configuration.mail_addresses import mail_address
from domain.messages import ProviderHistory
from domain.ports import Mailer
from domain.provider import Agreements, Handover, Metering, Payments
from storage.customer_changes import CustomerChanges
from storage.mails import PostgresMails
from storage.records import PostgresRecords
from storage.usage_book import PostgresUsageBook
from storage.usage_notices import UsageNotices
from storage.usage_reports import UsageReports
from worker.build import Parts
from worker.messages import inbox_activities
from workflows.errands import CustomerErrands
from workflows.post import TemporalPost
from workflows.telling import Telling


class Provider(Payments, Agreements, Handover, Metering, ProviderHistory, Protocol):
    """The provider's ports in one."""


def parts_on(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    mailer: Mailer,
    reconciling: ReconcileActivities,
    *,
    reports_at_once: int = AT_ONCE,
) -> Parts:
    """The workers' parts on one database, one provider and one mail server."""
    changes = CustomerChanges(engine)
    errands = CustomerErrands(client, changes)
    return Parts(
        records=PostgresRecords(engine),
        mails=PostgresMails(engine),
        payments=provider,
        mailer=mailer,
        inbox=inbox_activities(provider, client, engine),
        reconciling=reconciling,
        adopting=AdoptionActivities(provider, provider),
        rolling_up=RollUpActivities(Telling(UsageNotices(engine), TemporalPost(client)), PostgresUsageBook(engine)),
        customers=CustomerActivities(changes, errands, provider, errands, mail_address),
        metering=MeteringActivities(UsageReports(engine), provider, at_once=reports_at_once),
    )
