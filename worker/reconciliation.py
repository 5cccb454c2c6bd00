"""Puts together what reconciliation works with."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.reconciling import ReconcileActivities
from domain.provider.ports import Agreements, Payments
from domain.subscription.policy import Policy
from services.mail_dispatcher import TemporalMailDispatcher
from services.reconciliation.healing import Healer
from services.reconciliation.inspection import A_MOMENT, Inspection
from services.reconciliation.restore import Restorer
from services.reconciliation.stuck_mails import StuckMailsInspection
from storage.reconciliation import Reconciliations
from storage.subscriptions.write_model import PostgresRecords


class Provider(Payments, Agreements, Protocol):
    """The provider's two ports in one."""


def reconciling(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    policy: Policy | None,
    *,
    starter: Client | None = None,
    between_looks: float = A_MOMENT,
) -> ReconcileActivities:
    """The activities of reconciliation.

    Args:
        client: for everything that is asked of Temporal.
        engine: the database.
        provider: who moves the money.
        policy: for lost workflows of whose own policy nothing is left.
        starter: with which lost workflows are started again, if not with *client*.
        between_looks: seconds in which what is in flight arrives.

    """
    ours = Reconciliations(engine)
    inspection = Inspection(client, provider, ours, between_looks=between_looks)
    restorer = Restorer(starter or client, policy)
    healer = Healer(
        client, inspection, restorer, ours, provider, PostgresRecords(engine), TemporalMailDispatcher(client)
    )
    return ReconcileActivities(inspection, StuckMailsInspection(client, ours), healer, ours)
