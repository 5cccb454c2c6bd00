"""Puts the HTTP application together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api import (
    changes,
    checkout,
    commands,
    consuming,
    customers,
    entitlements,
    health,
    invoices,
    pay,
    plans,
    portal,
    subscriptions,
    suggesting,
    usage,
    usage_history,
    webhooks,
)
from api.bodies import JsonBodies
from api.confirmations import ConfirmationProblem
from api.docs import add_description
from api.entitlement_views import RefusalProblem
from api.errors import add_error_handlers
from api.fit import MisfitsProblem
from api.heads import Heads
from api.lean import ShortWays
from api.limits import BodyLimit
from api.observability import Observability
from api.parts import Parts, Stores

ROUTERS = (
    consuming.router,
    entitlements.router,
    subscriptions.router,
    commands.router,
    changes.router,
    checkout.router,
    portal.router,
    invoices.router,
    suggesting.router,
    plans.router,
    usage.router,
    usage_history.router,
    webhooks.router,
    pay.router,
    health.router,
    customers.router,  # the last of its prefix: an external id may hold anything
)


def create_app(parts: Parts) -> FastAPI:
    """The application; it owns nothing, whoever hands over the parts closes them."""
    stores = Stores.on(parts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with stores.courier.at_work(), stores.publication.at_work(), stores.teller.at_work():
            yield

    app = FastAPI(
        title="Tenure",
        version=version("tenure"),
        redoc_url=None,
        lifespan=lifespan,
        # A redirect would lead to whatever host the request named, and a webhook's sender counts it as a failure.
        redirect_slashes=False,
        # `JsonBodies` has looked at the type: one that is left out means JSON.
        strict_content_type=False,
    )
    app.state.parts, app.state.stores = parts, stores
    app.state.registry = registry = CollectorRegistry()
    for router in ROUTERS:
        app.include_router(router)
    add_error_handlers(app)
    add_description(app, RefusalProblem, MisfitsProblem, ConfirmationProblem)
    app.add_middleware(ShortWays, ways=(*consuming.SHORT_WAYS, *entitlements.SHORT_WAYS))
    app.add_middleware(JsonBodies)
    app.add_middleware(BodyLimit)
    app.add_middleware(Heads)
    app.add_middleware(Observability, registry=registry)
    return app
