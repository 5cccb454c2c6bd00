"""Puts together what brings the provider's messages to the subscriptions."""

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
from storage.subscriptions.write_model import PostgresRecords
from storage.webhooks.inbox import Inbox
from storage.webhooks.routing_index import PostgresAddresses


class Provider(Quotes, ProviderHistory, Protocol):
    """The provider's two ports in one."""


def delivery_of(provider: Quotes, client: Client, engine: AsyncEngine) -> Delivery:
    """The way of the provider's messages to the subscriptions."""
    subscriptions = Subscriptions(engine)
    afterwards = LateReversals(
        provider.reversal, subscriptions, PostgresRecords(engine), TemporalMailDispatcher(client)
    )
    return Delivery(client, Inbox(engine), PostgresAddresses(engine), provider.belonging, afterwards)


def backfill_of(provider: Provider, client: Client, engine: AsyncEngine) -> Backfill:
    """What fetches messages that did not get through."""
    return Backfill(provider, Inbox(engine), delivery_of(provider, client, engine))


def inbox_activities(provider: Provider, client: Client, engine: AsyncEngine) -> InboxActivities:
    return InboxActivities(delivery_of(provider, client, engine), backfill_of(provider, client, engine))
