"""What the application is put together from, and how a request gets at it."""

from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.buckets import Openings
from api.courier import Courier, Deliver
from api.publishing import Publication
from api.teller import Teller
from domain.messages import ProviderEvents
from domain.plans import Catalog
from domain.policy import Policy
from domain.ports import Records
from domain.provider import Wallets
from storage.catalogs import Catalogs
from storage.customer_changes import CustomerChanges
from storage.customer_list import CustomerList
from storage.customers import Customers
from storage.idempotency import IdempotencyKeys
from storage.inbox import Inbox
from storage.keys import ApiKeys
from storage.known_keys import KnownKeys
from storage.pay_pages import PayPages
from storage.records import PostgresRecords
from storage.sign_ups import SignUps
from storage.subscriptions import Subscriptions
from storage.timeline import Timeline
from storage.trials import Trials
from storage.usage import Ground, Usage
from storage.usage_history import UsageHistory
from storage.usage_notices import UsageNotices
from storage.usage_reports import UsageReports
from workflows.post import TemporalPost
from workflows.telling import Telling


@dataclass(frozen=True)
class Parts:
    """What the entry point hands over; the API reads no settings of its own."""

    client: Client
    engine: AsyncEngine
    catalog: Catalog
    policy: Policy
    events: ProviderEvents
    deliver: Deliver
    """Brings what was kept in the inbox to the workflows."""
    wallets: Wallets
    public_url: str
    secret_key: str
    brand: str = "Tenure"
    """Stands on the few pages that customers see."""

    @property
    def ground(self) -> Ground:
        """What entitlements are worked out on."""
        free = self.catalog.free_plan
        return Ground(
            self.catalog.name, free.plan if free is not None else "", self.policy.limited, self.policy.suspended
        )


@dataclass(frozen=True)
class Stores:
    """What the API reads and keeps in PostgreSQL, and who brings its inbox to the workflows."""

    customers: Customers
    sign_ups: SignUps
    customer_changes: CustomerChanges
    customer_list: CustomerList
    subscriptions: Subscriptions
    timeline: Timeline
    inbox: Inbox
    keys: KnownKeys
    idempotency: IdempotencyKeys
    courier: Courier
    trials: Trials
    records: Records
    catalogs: Catalogs
    publication: Publication
    usage: Usage
    usage_history: UsageHistory
    usage_reports: UsageReports
    teller: Teller
    pay_pages: PayPages
    openings: Openings

    @classmethod
    def on(cls, parts: Parts) -> Self:
        engine = parts.engine
        return cls(
            Customers(engine),
            SignUps(engine),
            CustomerChanges(engine),
            CustomerList(engine),
            Subscriptions(engine),
            Timeline(engine),
            Inbox(engine),
            KnownKeys(ApiKeys(engine)),
            IdempotencyKeys(engine),
            Courier(parts.deliver),
            Trials(engine),
            PostgresRecords(engine),
            Catalogs(engine),
            Publication(engine, parts.catalog),
            Usage(engine),
            UsageHistory(engine),
            UsageReports(engine),
            Teller(Telling(UsageNotices(engine), TemporalPost(parts.client)).tell),
            PayPages(engine),
            Openings(),
        )


def parts_of(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - set by create_app
    return parts


def stores_of(request: Request) -> Stores:
    stores = request.app.state.stores
    assert isinstance(stores, Stores)  # noqa: S101 - set by create_app
    return stores


async def _parts(request: Request) -> Parts:
    # FastAPI would call what is not async in a thread of its own, for every request.
    return parts_of(request)


async def _stores(request: Request) -> Stores:
    return stores_of(request)


HasParts = Annotated[Parts, Depends(_parts)]
HasStores = Annotated[Stores, Depends(_stores)]
