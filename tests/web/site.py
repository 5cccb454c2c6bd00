"""An application whose pages are read in this process. Its database does not exist: a page that asks it fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.http.dependencies import AppDependencies
from domain.brand import Brand
from domain.signing import SigningSecrets
from domain.subscription.policy import DEFAULT_POLICY
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from tests.harness.shop import CATALOG
from tests.harness.trial_key import TRIAL_KEY

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
ADDRESS = "https://billing.northwind.example"
BRAND = Brand("Northwind & Co", "https://northwind.example", "help@northwind.example", "#0f766e")


def an_app(**parts: Any) -> FastAPI:
    """An application of a made-up shop; *parts* replaces what it is built from."""
    return create_app(
        AppDependencies(
            **{
                "client": cast("Any", None),
                "engine": create_engine_from_url(NOWHERE, role=DatabaseRole.APPLICATION),
                "system_engine": create_engine_from_url(NOWHERE, role=DatabaseRole.SYSTEM),
                "catalog": CATALOG,
                "policy": DEFAULT_POLICY,
                "publish_offer": cast("Any", None),
                "events": cast("Any", None),
                "deliver": cast("Any", None),
                "wallets": cast("Any", None),
                "contacts": cast("Any", None),
                "purchases": cast("Any", None),
                "refunds": cast("Any", None),
                "public_url": ADDRESS,
                "signing": SigningSecrets.of("s" * 32),
                "encryption": cast("Any", None),
                "event_sender": cast("Any", None),
                "trial_key": TRIAL_KEY,
                "brand": BRAND,
            }
            | parts
        )
    )


@asynccontextmanager
async def a_browser(app: FastAPI | None = None, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in front of an application."""
    transport = httpx.ASGITransport(app=app or an_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS, headers=headers) as http:
        yield http
