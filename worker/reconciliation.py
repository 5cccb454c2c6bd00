"""Composes the dependencies of reconciliation."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.reconciling import ReconcileActivities
from domain.provider.ports import Agreements, Payments
from domain.subscription.policy import Policy
from services.mail_dispatcher import TemporalMailDispatcher
from services.reconciliation.healing import Healer
from services.reconciliation.inspection import SECOND_LOOK_DELAY, Inspection
from services.reconciliation.restore import Restorer
from services.reconciliation.stuck_mails import StuckMailsInspection
from storage.reconciliation import Reconciliations
from storage.subscriptions.write_model import SubscriptionRecords


class Provider(Payments, Agreements, Protocol):
    """The provider's payments and agreements."""


def reconciling(
    client: Client,
    engine: AsyncEngine,
    provider: Provider,
    policy: Policy | None,
    *,
    starter: Client | None = None,
    between_looks: float = SECOND_LOOK_DELAY,
) -> ReconcileActivities:
    """The activities of reconciliation.

    Args:
        client: the client of Temporal.
        engine: the database.
        provider: the payment provider.
        policy: for lost workflows whose own policy is unknown.
        starter: the client that restarts lost workflows, if not *client*.
        between_looks: seconds between the two looks, in which what is in flight arrives.

    """
    comparison = Reconciliations(engine)
    inspection = Inspection(client, provider, comparison, between_looks=between_looks)
    restorer = Restorer(starter or client, policy)
    healer = Healer(
        client, inspection, restorer, comparison, provider, SubscriptionRecords(engine), TemporalMailDispatcher(client)
    )
    return ReconcileActivities(inspection, StuckMailsInspection(client, comparison), healer, comparison)
