"""Puts together what brings the provider's messages to the subscriptions."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from activities.inbox import InboxActivities
from domain.messages import ProviderHistory
from domain.provider import Quotes
from storage.addresses import PostgresAddresses
from storage.inbox import Inbox
from storage.records import PostgresRecords
from storage.subscriptions import Subscriptions
from workflows.afterwards import Afterwards
from workflows.backfill import Backfill
from workflows.delivery import Delivery
from workflows.post import TemporalPost


class Provider(Quotes, ProviderHistory, Protocol):
    """The provider's two ports in one."""


def delivery_of(provider: Quotes, client: Client, engine: AsyncEngine) -> Delivery:
    """The way of the provider's messages to the subscriptions."""
    subscriptions = Subscriptions(engine)
    afterwards = Afterwards(provider.reversal, subscriptions, PostgresRecords(engine), TemporalPost(client))
    return Delivery(client, Inbox(engine), PostgresAddresses(engine), provider.belonging, afterwards)


def backfill_of(provider: Provider, client: Client, engine: AsyncEngine) -> Backfill:
    """What fetches messages that did not get through."""
    return Backfill(provider, Inbox(engine), delivery_of(provider, client, engine))


def inbox_activities(provider: Provider, client: Client, engine: AsyncEngine) -> InboxActivities:
    return InboxActivities(delivery_of(provider, client, engine), backfill_of(provider, client, engine))
