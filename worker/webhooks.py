"""Composes the delivery of provider events."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.inbox import InboxActivities
from domain.provider.events import ProviderHistory
from domain.provider.ports import Quotes
from services.mail_dispatcher import TemporalMailDispatcher
from services.webhooks.backfill import Backfill
from services.webhooks.delivery import Delivery
from services.webhooks.late_reversals import LateReversals
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.write_model import SubscriptionRecords
from storage.webhooks.inbox import Inbox
from storage.webhooks.routing_index import RoutingIndex


class Provider(Quotes, ProviderHistory, Protocol):
    """The provider's quotes and event history."""


def delivery_of(provider: Quotes, client: Client, engine: AsyncEngine) -> Delivery:
    """The delivery of provider events to subscriptions."""
    subscriptions = Subscriptions(engine)
    late_reversals = LateReversals(
        provider.reversal, subscriptions, SubscriptionRecords(engine), TemporalMailDispatcher(client)
    )
    return Delivery(client, Inbox(engine), RoutingIndex(engine), provider.belonging, late_reversals)


def backfill_of(provider: Provider, client: Client, engine: AsyncEngine) -> Backfill:
    """The backfill of events that did not reach us."""
    return Backfill(provider, Inbox(engine), delivery_of(provider, client, engine))


def inbox_activities(provider: Provider, client: Client, engine: AsyncEngine) -> InboxActivities:
    return InboxActivities(delivery_of(provider, client, engine), backfill_of(provider, client, engine))
