"""Assembles the HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from api import health
from api.api_keys import routes as api_keys_routes
from api.audit import routes as audit_routes
from api.billing_pages import mail_links as billing_mail_links
from api.billing_pages import routes as billing_routes
from api.billing_pages import sessions as billing_session_routes
from api.bulk import routes as bulk_routes
from api.catalog import routes as catalog_routes
from api.catalog import suggest
from api.console import audit as console_audit
from api.console import bulk as console_bulk
from api.console import customers as console_customers
from api.console import deliveries as console_deliveries
from api.console import endpoint_acts as console_endpoint_acts
from api.console import endpoints as console_endpoints
from api.console import home as console_home
from api.console import mails as console_mails
from api.console import operators as console_operators
from api.console import overage as console_overage
from api.console import plan_change as console_plan_change
from api.console import reconciliation as console_reconciliation
from api.console import schedules as console_schedules
from api.console import sessions as console_sessions
from api.console import subscription as console_subscription
from api.console import subscriptions as console_subscriptions
from api.console import system as console_system
from api.console import undelivered_mails as console_undelivered_mails
from api.console import webhooks as console_webhooks
from api.console.numbers import pages as console_numbers
from api.customers import banner as customer_banner
from api.customers import privacy as customer_privacy
from api.customers import routes as customers_routes
from api.entitlements import consume
from api.entitlements import routes as entitlements_routes
from api.entitlements.views import DenialProblem
from api.events import routes as events_routes
from api.events.webhooks import describe_events
from api.http.dependencies import AppDependencies, Repositories
from api.http.docs_page import add_docs
from api.http.errors import add_error_handlers
from api.http.errors_page import add_errors_page
from api.http.middleware import BodyLimit, HeadRequests, JsonBodies, MostRequests, Observability, PlainRoutes
from api.http.openapi import add_description
from api.http.plain_routes import Endpoint, plain_route
from api.http.rates import RateLimits
from api.http.traced_requests import TracedRequests
from api.inbox import routes as inbox_routes
from api.mails import routes as mails_routes
from api.metrics import cancellation_list
from api.metrics import cancellations as metrics_cancellations
from api.metrics import churn as metrics_churn
from api.metrics import cohorts as metrics_cohorts
from api.metrics import customers as metrics_customers
from api.metrics import overview as metrics_overview
from api.metrics import recovery as metrics_recovery
from api.metrics import routes as metrics_routes
from api.metrics import trials as metrics_trials
from api.metrics import usage as metrics_usage
from api.monitoring import routes as monitoring_routes
from api.monitoring.exposition import Exposition
from api.monitoring.installation import Installation
from api.payment_pages import billing_sessions, checkout, invoices, pay_link, portal, purchase_return
from api.pricing import routes as pricing_routes
from api.reconciliation import routes as reconciliation_routes
from api.schedules import routes as schedules_routes
from api.subscriptions import lifecycle_commands, notes, plan_commands, refunds
from api.subscriptions import routes as subscriptions_routes
from api.subscriptions.confirmations import ConfirmationProblem
from api.subscriptions.downgrade_guard import LimitConflictProblem
from api.system import routes as system_routes
from api.usage import history
from api.usage import routes as usage_routes
from api.web import assets
from api.web.cookies import PlainCookies
from api.web.errors import add_error_pages
from api.web.pages import Pages, add_pages
from api.webhook_endpoints import deliveries as deliveries_routes
from api.webhook_endpoints import routes as webhook_endpoints_routes
from api.webhooks import routes as webhooks_routes

CONSOLE = (
    console_sessions.router,
    console_home.router,
    console_subscriptions.router,
    console_mails.router,
    console_plan_change.router,
    console_subscription.router,
    console_numbers.router,
    console_customers.router,
    console_overage.router,
    console_webhooks.router,
    console_endpoints.router,
    console_endpoint_acts.router,
    console_deliveries.router,
    console_reconciliation.router,
    console_schedules.router,
    console_undelivered_mails.router,
    console_system.router,
    console_bulk.router,
    console_audit.router,
    console_operators.router,
)

ROUTERS = (
    consume.router,
    entitlements_routes.router,
    subscriptions_routes.router,
    lifecycle_commands.router,
    plan_commands.router,
    refunds.router,
    notes.router,
    checkout.router,
    portal.router,
    billing_sessions.router,
    invoices.router,
    suggest.router,
    catalog_routes.router,
    usage_routes.router,
    history.router,
    metrics_overview.router,
    metrics_routes.router,
    metrics_customers.router,
    metrics_churn.router,
    metrics_cohorts.router,
    metrics_trials.router,
    metrics_recovery.router,
    metrics_cancellations.router,
    cancellation_list.router,
    metrics_usage.router,
    audit_routes.router,
    events_routes.router,
    inbox_routes.router,
    reconciliation_routes.router,
    schedules_routes.router,
    bulk_routes.router,
    mails_routes.router,
    system_routes.router,
    api_keys_routes.router,
    webhook_endpoints_routes.router,
    deliveries_routes.router,
    webhooks_routes.router,
    pay_link.router,
    billing_mail_links.router,
    billing_session_routes.router,
    billing_routes.router,  # behind the two before it: its path parameter matches theirs
    *CONSOLE,
    purchase_return.router,
    assets.router,
    pricing_routes.router,
    pricing_routes.json_router,
    health.router,
    monitoring_routes.router,
    customer_banner.router,
    customer_privacy.router,
    customers_routes.router,  # last: its path parameter matches anything below the prefix
)

PLAIN_ENDPOINTS: tuple[Endpoint, ...] = (consume.consume, consume.release, entitlements_routes.entitlement)
"""Called all the time, and answered before FastAPI."""


def create_app(dependencies: AppDependencies) -> FastAPI:
    """Build the application. It owns nothing: the caller closes the dependencies."""
    repositories = Repositories.on(dependencies)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with (
            repositories.crossings.keys.running(),
            repositories.crossings.webhooks.running(),
            repositories.crossings.offer.running(),
            repositories.crossings.notices.running(),
            repositories.claim_renewer.running(),
        ):
            yield

    app = FastAPI(
        title="Tenure",
        version=version("tenure"),
        # Not by `include_router`, which analyses every endpoint a second time, at the first requests of each app.
        routes=[route for router in ROUTERS for route in router.routes],
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        # Requests are measured and traced by our own means.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # A redirect would go to whatever host the request names, and senders of webhooks count it as a failure.
        redirect_slashes=False,
    )
    app.state.dependencies, app.state.repositories = dependencies, repositories
    registry = CollectorRegistry()
    installation = Installation(repositories.crossings, dependencies.client, repositories.queues)
    app.state.exposition = Exposition(registry, installation, dependencies.registries)
    app.state.rate_limits = RateLimits(dependencies.rates, described_routes())
    add_errors_page(app)
    add_docs(app)
    add_error_handlers(app)
    add_pages(app, Pages(dependencies.brand, dependencies.public_url, dependencies.logo))
    app.state.pricing_pages = pricing_routes.PricingPages.of(dependencies)
    add_error_pages(app)
    problems = (DenialProblem, LimitConflictProblem, ConfirmationProblem)
    add_description(app, described_routes(), *problems, describe_webhooks=describe_events)
    app.add_middleware(PlainCookies)
    app.add_middleware(PlainRoutes, routes=_plain_routes())
    app.add_middleware(JsonBodies)
    app.add_middleware(BodyLimit)
    app.add_middleware(HeadRequests)
    app.add_middleware(MostRequests, most=dependencies.most_requests)
    app.add_middleware(Observability, registry=registry, public_url=dependencies.public_url)
    if dependencies.spans is not None:
        app.add_middleware(TracedRequests, spans=dependencies.spans)
    return app


def _plain_routes() -> list[Route]:
    return [plain_route(route) for route in described_routes() if route.endpoint in PLAIN_ENDPOINTS]


def described_routes() -> list[APIRoute]:
    """Every endpoint that OpenAPI may describe."""
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
