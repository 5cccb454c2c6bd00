"""What the application is built from, and how a request gets at it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from api.background.claim_renewer import ClaimRenewer
from api.background.offer_publisher import Publish
from api.crossings import Crossings
from api.http.buckets import BillingLinkLimits, ConsoleLimits, PayLinkLimits
from domain.api_keys import KeyMode
from domain.brand import Brand
from domain.catalog.plans import Catalog
from domain.catalog.presentation import Presentation
from domain.encryption import Encryption
from domain.events.ports import EventSender
from domain.notifications.mail_types import Rendered
from domain.notifications.ports import MailDispatcher, MailToSend
from domain.privacy.ports import ErasureLog
from domain.provider.event_ports import EventReader
from domain.provider.ports import CustomerContacts, Wallets
from domain.request_rates import RequestRates
from domain.signing import SigningSecrets
from domain.subscription.policy import Policy
from domain.subscription.ports import Records
from domain.webhooks.ports import Deliver
from services.billing_details import BillingDetailsReader
from services.bulk.runs import BulkRunService
from services.delivery_starter import delivery_starter
from services.erasure import ErasureService
from services.events.dispatcher import TemporalEventDispatcher
from services.events.hand_over import Announcer, HandOver
from services.mail_dispatcher import TemporalMailDispatcher
from services.mail_retry import MailRetry
from services.purchases import PurchaseService
from services.reconciliation.single import SingleHealing
from services.refunds import RefundService
from services.schedules import Schedules
from services.sign_up import SignUpService
from services.system import Queues
from services.webhooks.replay import EventReplay
from storage.access.api_keys import ApiKeys
from storage.access.audit import AuditLog
from storage.access.idempotency import IdempotencyKeys
from storage.access.operator_mails import OperatorMails
from storage.access.operators import Operators
from storage.access.people import PeopleCache
from storage.access.saved_views import SavedViews
from storage.access.tenants import Tenants
from storage.access.web_sessions import WebSessions
from storage.bulk.choosing import BulkChoices
from storage.bulk.runs import BulkRuns
from storage.catalog.catalogs import Catalogs
from storage.catalog.offered import Offered
from storage.catalog.policies import Policies
from storage.db.engine import of_tenant
from storage.discrepancies import DiscrepancyList
from storage.events.delivery_list import DeliveryList
from storage.events.delivery_queue import DeliveryQueue
from storage.events.endpoints import WebhookEndpoints
from storage.events.feed import EventFeed
from storage.privacy.erasure import Erasures
from storage.privacy.export import Exports
from storage.revenue.cancellation_list import CancellationList
from storage.revenue.cohorts import CohortFigures
from storage.revenue.figures import RevenueFigures
from storage.revenue.outcome_figures import OutcomeFigures
from storage.subscriptions.billing_accounts import BillingAccounts
from storage.subscriptions.billing_link_mails import BillingLinkMails
from storage.subscriptions.customer_changes import CustomerChanges
from storage.subscriptions.customer_list import CustomerList
from storage.subscriptions.customers import Customers
from storage.subscriptions.invoice_list import InvoiceList
from storage.subscriptions.mail_list import MailList
from storage.subscriptions.pay_pages import PayPages
from storage.subscriptions.read_model import Subscriptions
from storage.subscriptions.sent_mails import SentMails
from storage.subscriptions.sign_ups import SignUps
from storage.subscriptions.subscription_list import SubscriptionList
from storage.subscriptions.timeline import Timeline
from storage.subscriptions.trials import TrialKey, Trials
from storage.subscriptions.worklist import Worklists
from storage.subscriptions.write_model import SubscriptionRecords
from storage.usage.counting import EntitlementRules, Usage
from storage.usage.figures import UsageFigures
from storage.usage.history import UsageHistory
from storage.usage.notices import UsageNotices
from storage.usage.overage_reports import UsageReports
from storage.webhooks.inbox_list import InboxList
from tracing.spans import Spans


@dataclass(frozen=True)
class AppDependencies:
    """Provided by the entry point; the API reads no settings itself."""

    client: Client
    engine: AsyncEngine
    """Of the application's role, for what belongs to one tenant."""
    system_engine: AsyncEngine
    """Of the system's role, for `api/crossings.py` alone."""
    catalog: Catalog
    policy: Policy
    publish_offer: Publish
    """Makes the catalog and the policy known to all processes; raises why it cannot."""
    events: EventReader
    deliver: Deliver
    """Delivers webhooks from the inbox to the workflows."""
    wallets: Wallets
    contacts: CustomerContacts
    """Reads to whom invoices are addressed."""
    purchases: Callable[[str], PurchaseService]
    """What opens hosted pages of a tenant, and takes completed ones over."""
    refunds: Callable[[str], RefundService]
    """What gives a tenant's customers their money back."""
    public_url: str
    signing: SigningSecrets
    """Signs links to pages."""
    encryption: Encryption
    """Of the secrets of webhook endpoints."""
    event_sender: EventSender
    """Checks the addresses of webhook endpoints."""
    trial_key: TrialKey
    """Makes the marks of trials."""
    brand: Brand
    """Whose pages these are."""
    logo: Path | None = None
    """Shown on pages in place of the brand's name."""
    presentation: Presentation | None = None
    """How pages show the catalog; None: as it is, without groups and questions."""
    temporal_ui_url: str = ""
    """Temporal's own pages, to which the console links; empty: it does not."""
    read_mail: Callable[[MailToSend], Rendered] | None = None
    """Renders a mail as its recipient got it, without the links that act for them; None: mails are not shown."""
    provider_ui_url: str = ""
    """The payment provider's own pages, to which the console links; empty: it does not."""
    sign_up_url: str = ""
    """Where customers sign up for a plan; empty: pages have no button for it."""
    embed_origins: tuple[str, ...] = ()
    """Sites that may show the pricing and the billing pages in a frame."""
    timezone: str = "UTC"
    """Whose days and months figures are of."""
    key_mode: KeyMode = KeyMode.LIVE
    """The mode of keys that are created here. Where real money is taken, test keys are refused."""
    rates: RequestRates = field(default_factory=RequestRates)
    """How many requests each API key may send."""
    registries: tuple[CollectorRegistry, ...] = ()
    """What else the process measures, told with the API's own metrics."""
    metrics_are_apart: bool = False
    """Metrics are served on an address of their own, and not here."""
    most_requests: int = 2000
    """Further ones are refused while this many are in progress."""
    erases_at_provider: bool = False
    """An erased customer is deleted at the payment provider as well."""
    standalone_activities: bool = False
    """Deliveries run as activities by themselves, without a workflow each."""
    erasure_log: ErasureLog | None = None
    """Where erasures are listed outside the database; None: restored backups are not covered."""
    spans: Spans | None = None
    """None: requests are not traced."""

    @property
    def entitlement_rules(self) -> EntitlementRules:
        """What entitlements are computed from."""
        free = self.catalog.free_plan
        return EntitlementRules(
            self.catalog.name, free.plan if free is not None else "", self.policy.limited, self.policy.suspended
        )


@dataclass(frozen=True, kw_only=True)
class Repositories:
    """What the API reads and writes in PostgreSQL, for the tenant that each call names."""

    crossings: Crossings
    """What it does across tenants, and its background tasks."""
    customers: Customers
    sign_ups: SignUps
    sign_up: SignUpService
    customer_changes: CustomerChanges
    customer_list: CustomerList
    subscriptions: Subscriptions
    subscription_list: SubscriptionList
    invoice_list: InvoiceList
    timeline: Timeline
    api_keys: ApiKeys
    audit: AuditLog
    tenants: Tenants
    idempotency: IdempotencyKeys
    claim_renewer: ClaimRenewer
    trials: Trials
    records: Callable[[str], Records]
    """The records of a tenant."""
    catalogs: Catalogs
    usage: Usage
    usage_history: UsageHistory
    usage_figures: UsageFigures
    revenue: RevenueFigures
    cohorts: CohortFigures
    outcomes: OutcomeFigures
    cancellation_list: CancellationList
    usage_reports: UsageReports
    pay_pages: PayPages
    pay_link_limits: PayLinkLimits
    web_sessions: WebSessions
    billing_accounts: BillingAccounts
    billing_link_mails: BillingLinkMails
    billing_link_limits: BillingLinkLimits
    operators: Operators
    operator_mails: OperatorMails
    console_limits: ConsoleLimits
    saved_views: SavedViews
    people: PeopleCache
    worklists: Worklists
    sent_mails: SentMails
    usage_notices: UsageNotices
    billing_details: BillingDetailsReader
    exports: Exports
    erasures: Erasures
    erasing: Callable[[str], ErasureService]
    """What erases customers of a tenant."""
    events: EventFeed
    inbox: InboxList
    event_replay: EventReplay
    discrepancies: DiscrepancyList
    single_healing: SingleHealing
    schedules: Schedules
    policies: Policies
    bulk_runs: BulkRuns
    bulk_choices: BulkChoices
    bulk: BulkRunService
    mail_list: MailList
    mail_dispatcher: MailDispatcher
    mail_retry: MailRetry
    queues: Queues
    offered: Offered
    webhook_endpoints: WebhookEndpoints
    deliveries: DeliveryList
    hand_over: Callable[[str], HandOver]
    """What has a tenant's deliveries sent."""

    @classmethod
    def on(cls, dependencies: AppDependencies) -> Self:
        engine = dependencies.engine
        customers, contacts, subscriptions = Customers(engine), SignUps(engine), Subscriptions(engine)
        trials, idempotency = Trials(engine, dependencies.trial_key), IdempotencyKeys(engine)
        starter = delivery_starter(dependencies.client, standalone=dependencies.standalone_activities)
        mails = TemporalMailDispatcher(dependencies.client, starter)
        events = TemporalEventDispatcher(starter)
        crossings = Crossings.on(
            dependencies.system_engine, mails, events, dependencies.publish_offer, dependencies.deliver
        )
        announcer = Announcer(HandOver(DeliveryQueue(engine), events))
        erasures = Erasures(engine, dependencies.trial_key, announcer)

        def hand_over(tenant: str) -> HandOver:
            return HandOver(DeliveryQueue(of_tenant(engine, tenant)), events)

        def records(tenant: str) -> SubscriptionRecords:
            return SubscriptionRecords(of_tenant(engine, tenant), dependencies.trial_key, announcer)

        inbox, discrepancies, mail_list = InboxList(engine), DiscrepancyList(engine), MailList(engine)
        return cls(
            crossings=crossings,
            customers=customers,
            sign_ups=contacts,
            sign_up=SignUpService(dependencies.client, contacts, customers, subscriptions, trials),
            customer_changes=CustomerChanges(engine, dependencies.trial_key, announcer),
            customer_list=CustomerList(engine),
            subscriptions=subscriptions,
            subscription_list=SubscriptionList(engine),
            invoice_list=InvoiceList(engine),
            timeline=Timeline(engine),
            api_keys=ApiKeys(engine),
            audit=AuditLog(engine),
            tenants=Tenants(engine),
            idempotency=idempotency,
            claim_renewer=ClaimRenewer(idempotency.renew),
            trials=trials,
            records=records,
            catalogs=Catalogs(engine),
            usage=Usage(engine),
            usage_history=UsageHistory(engine),
            usage_figures=UsageFigures(engine, dependencies.timezone),
            revenue=RevenueFigures(engine, dependencies.timezone),
            cohorts=CohortFigures(engine, dependencies.timezone),
            outcomes=OutcomeFigures(engine, dependencies.timezone),
            cancellation_list=CancellationList(engine),
            usage_reports=UsageReports(engine),
            pay_pages=PayPages(engine),
            pay_link_limits=PayLinkLimits(),
            web_sessions=WebSessions(engine),
            billing_accounts=BillingAccounts(engine),
            billing_link_mails=BillingLinkMails(engine),
            billing_link_limits=BillingLinkLimits(),
            operators=Operators(engine),
            operator_mails=OperatorMails(engine),
            console_limits=ConsoleLimits(),
            saved_views=SavedViews(engine),
            people=PeopleCache(Operators(engine)),
            worklists=Worklists(engine),
            sent_mails=SentMails(engine),
            usage_notices=UsageNotices(engine),
            billing_details=BillingDetailsReader(dependencies.contacts),
            exports=Exports(engine),
            erasures=erasures,
            erasing=lambda tenant: ErasureService(
                dependencies.client,
                erasures,
                records(tenant),
                subscriptions,
                dependencies.contacts if dependencies.erases_at_provider else None,
                dependencies.erasure_log,
            ),
            events=EventFeed(engine),
            inbox=inbox,
            event_replay=EventReplay(inbox, crossings.redeliver),
            discrepancies=discrepancies,
            single_healing=SingleHealing(dependencies.client, discrepancies),
            schedules=Schedules(dependencies.client),
            policies=Policies(engine),
            bulk_runs=BulkRuns(engine),
            bulk_choices=BulkChoices(engine),
            bulk=BulkRunService(dependencies.client, BulkRuns(engine)),
            mail_list=mail_list,
            mail_dispatcher=mails,
            mail_retry=MailRetry(mail_list, mails),
            queues=Queues(dependencies.client),
            offered=Offered(engine),
            webhook_endpoints=WebhookEndpoints(engine, dependencies.encryption),
            deliveries=DeliveryList(engine),
            hand_over=hand_over,
        )


def dependencies_of(request: Request) -> AppDependencies:
    dependencies = request.app.state.dependencies
    assert isinstance(dependencies, AppDependencies)  # noqa: S101 - set by create_app
    return dependencies


def repositories_of(request: Request) -> Repositories:
    repositories = request.app.state.repositories
    assert isinstance(repositories, Repositories)  # noqa: S101 - set by create_app
    return repositories


async def _dependencies(request: Request) -> AppDependencies:
    # Async, because FastAPI runs a sync dependency in a thread for every request.
    return dependencies_of(request)


async def _repositories(request: Request) -> Repositories:
    return repositories_of(request)


WithDependencies = Annotated[AppDependencies, Depends(_dependencies)]
WithRepositories = Annotated[Repositories, Depends(_repositories)]
