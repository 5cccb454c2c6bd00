"""A thousand customers of one product, and the requests that it sends about them."""

import json
import resource
from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import text

from bench.posting import request
from sandbox.product import Product
from sandbox.stack import Stack
from storage.db.engine import create_engine_from_url

CUSTOMERS = 1000
FILES = 8192
"""Open files that a thousand connections need on either side."""
CATALOG = """
product: bench
version: 1
currency: usd
features:
  calls: {name: Calls, kind: number, per: billing_period}
  export: {name: Export, kind: switch}
plans:
  free: {name: Free, prices: free, entitlements: {calls: 100, export: false}}
  pro: {name: Pro, prices: {month: 49.00}, entitlements: {calls: 1000000, export: true}}
  scale: {name: Scale, prices: {month: 199.00}, entitlements: {calls: unlimited, export: true}}
"""
# What a check reads is what a sign-up has written; the workflows behind it are not asked.
_MANY_CUSTOMERS = text(
    "INSERT INTO customers (id, tenant, external_id, email, timezone, locale)"
    " SELECT gen_random_uuid(), tenant, 'c' || n, email, timezone, locale"
    " FROM customers, generate_series(0, :last) n WHERE external_id = 'measured'"
)
_MANY_SUBSCRIPTIONS = text(
    "INSERT INTO subscriptions (id, tenant, customer, plan, plan_name, interval, quantity, amount, currency, status,"
    " status_reason, access, sequence, period_start, period_end, state, created_at)"
    " SELECT gen_random_uuid(), s.tenant, c.id, plan, plan_name, interval, quantity, amount, currency, status,"
    " status_reason, access, sequence, period_start, period_end, state, s.created_at"
    " FROM subscriptions s, customers c WHERE c.external_id <> 'measured'"
)

Requests = Callable[[int], bytes]
"""Makes the request about a customer."""


def allow_connections() -> None:
    """Let this process, and those that it starts, have as many connections as there are customers."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


async def fill(stack: Stack) -> None:
    """Add the customers, each with a subscription to pro."""
    async with Product(stack.addresses) as product:
        await product.sign_up("measured", plan="pro", trial_days=0, payment_method="pm_card_visa")
    owner = create_engine_from_url(stack.postgres.url)
    async with owner.begin() as connection:
        await connection.execute(_MANY_CUSTOMERS, {"last": CUSTOMERS - 1})
        await connection.execute(_MANY_SUBSCRIPTIONS)
        # Not what is still empty: for such a table plans are made that do not hold once it is filled.
        await connection.execute(text("ANALYZE customers, subscriptions"))
    await owner.dispose()


def check_by(key: str) -> Requests:
    headers = {"Authorization": f"Bearer {key}"}
    return lambda customer: request(f"/v1/customers/c{customer}/entitlements/calls", headers, method="GET")


def consume_by(key: str) -> Requests:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def ready(customer: int) -> bytes:
        body = {"feature": "calls", "quantity": 1, "key": str(uuid4())}
        return request(f"/v1/customers/c{customer}/consume", headers, json.dumps(body).encode())

    return ready


def get_by(key: str, path: str) -> Requests:
    """Reads *path*, in which {customer} is the customer's id."""
    headers = {"Authorization": f"Bearer {key}"}
    return lambda customer: request(path.format(customer=f"c{customer}"), headers, method="GET")
