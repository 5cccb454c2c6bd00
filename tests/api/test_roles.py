"""Who may call what: every endpoint, by every role and without a key, on what is one's own and on another tenant's.

`pytest tests/api/test_roles.py` prints how many cells that are.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import delete, func, insert, select

from api.http.auth import roles_of
from api.http.openapi import ROLE, ROLES
from domain.audit import Actor, ActorKind
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.previews import Verdict
from domain.bulk.runs import NewRun
from domain.provider.events import ProviderEvent
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.ports import Found
from sandbox.stack import Stack
from storage.access.api_keys import Role
from storage.bulk.runs import BulkRuns
from storage.reconciliation import Reconciliations
from storage.schema.event_tables import event_deliveries, events, webhook_endpoints
from storage.schema.tables import mails
from storage.webhooks.inbox import Inbox
from tests.docs.roles_page import endpoints, method_of, shown_path
from tests.harness.callers import PROBLEM, Caller, a_sign_up
from tests.harness.names import a_name

CALLERS: Final[tuple[Role | None, ...]] = (None, *Role)
"""None: without a key."""
TENANTS: Final = ("own", "other")
ENDPOINTS: Final[Mapping[str, APIRoute]] = {str(route.operation_id): route for route in endpoints()}
CELLS_EACH: Final = len(CALLERS) * len(TENANTS)

NAMES_NOBODY: Final = frozenset(
    {
        *("listApiKeys", "createApiKey", "listCustomers", "listInvoices", "listPlans", "comparePlans", "getPlan"),
        *("getUsageStatistics", "listSubscriptions", "createSubscription", "listAudit", "listEvents"),
        *("getMovements", "getMrr", "getRevenueOverview", "getCustomerCounts", "getChurn", "getCohorts"),
        *("getTrials", "getRecovery", "getCancellations", "listCancellations", "getUsageFigures"),
        *("listBulkRuns", "previewBulk"),
        *("listWebhookEndpoints", "createWebhookEndpoint"),
        *("listInbox", "getInboxSummary", "listDiscrepancies", "listMails", "getMailSummary"),
    }
)
"""Operations whose requests name nothing that belongs to a tenant: to all others, another's are unknown."""
ANSWERS_FOR_STRANGERS: Final = frozenset(
    {
        *("consume", "release", "setUsage", "resetUsage", "recordUsage", "getEntitlements", "checkEntitlement"),
        *("getUsage", "getUsageHistory", "suggestPlan"),
    }
)
"""Operations that answer for customers who never signed up, too: for another tenant's they answer as for these."""
OF_THE_INSTALLATION: Final = frozenset(
    {
        *("listReconciliationRuns", "runReconciliation", "getSystem"),
        *("listSchedules", "triggerSchedule", "pauseSchedule", "resumeSchedule"),
    }
)
"""Operations that concern every tenant, for callers of tenant `default`: tests/api/schedules has these."""
REFUSALS: Final = frozenset(
    {
        *("unauthorized", "forbidden", "not_found", "unknown_customer", "unknown_subscription", "unknown_api_key"),
        *("unknown_event", "unknown_discrepancy", "unknown_bulk_run", "unknown_mail"),
        *("unknown_webhook_endpoint", "unknown_delivery"),
    }
)
"""Codes that a caller who may do it does not get for what is their own."""


@dataclass(frozen=True)
class World:
    """Two tenants, each with a caller of every role."""

    callers: Mapping[tuple[str, Role | None], Caller]
    tenants: Mapping[str, str]
    """Their names."""

    @property
    def admin(self) -> Caller:
        return self.callers["own", Role.ADMIN]


@dataclass(frozen=True)
class Belongings:
    """What belongs to the own tenant: a customer with a subscription and some usage, and what else is kept.

    That is a key, a webhook, a difference, a bulk run, a mail, and a delivery to an endpoint, which is disabled.
    """

    customer: str
    subscription: str
    key: str
    event: str
    discrepancy: str
    run: str
    mail: str
    endpoint: str
    delivery: str

    async def seen_by(self, admin: Caller) -> dict[str, Any]:
        """All that there is to see of them."""
        paths = {
            "subscription": f"/v1/subscriptions/{self.subscription}",
            "timeline": f"/v1/subscriptions/{self.subscription}/timeline",
            "customer": f"/v1/customers/{self.customer}",
            "usage": f"/v1/customers/{self.customer}/usage",
        }
        found = {name: (await admin.get(path)).json() for name, path in paths.items()}
        # Mails go out whenever their turn comes.
        past = [one for one in found["timeline"]["past"] if not one["kind"].startswith("mail_")]
        keys = (await admin.get("/v1/api-keys", limit=100)).json()["data"]
        return found | {"timeline": past, "key": [_without_last_use(one) for one in keys if one["id"] == self.key]}


@pytest.fixture(scope="module")
async def world(stack: Stack) -> AsyncIterator[World]:
    names = {tenant: a_name(f"roles-{tenant}") for tenant in TENANTS}
    callers: dict[tuple[str, Role | None], Caller] = {}
    async with AsyncExitStack() as held:
        for tenant in TENANTS:
            callers[tenant, None] = await held.enter_async_context(Caller.holding(stack, None))
            for role in Role:
                callers[tenant, role] = await held.enter_async_context(Caller.of_role(stack, role, names[tenant]))
        yield World(callers, names)


@pytest.fixture
async def mine(stack: Stack, world: World) -> AsyncIterator[Belongings]:
    name = a_name("roles-customer")
    made = await world.admin.signed_up(name, payment_method="pm_card_visa")
    used = {"feature": "storage_gb", "quantity": 1, "key": name}
    assert (await world.admin.post(f"/v1/customers/{name}/consume", used)).status_code == 200
    key = (await world.admin.post("/v1/api-keys", {"role": "service", "name": name})).json()
    event = ProviderEvent(f"evt_{uuid4().hex}", "invoice.paid", "in_1", "", None)
    await Inbox(stack.engine).receive(event, b"{}", tenant=world.tenants["own"])
    kind, tenant = DifferenceKind.MAIL_UNSENT, world.tenants["own"]
    differs = Discrepancy(kind, "queued for more than an hour", made["id"], tenant=tenant)
    await Reconciliations(stack.engine).keep(str(uuid4()), [Found(differs)])
    [kept] = (await world.admin.get("/v1/discrepancies", subscription=made["id"])).json()["data"]
    run = await a_bulk_run(stack, world.tenants["own"], made)
    async with stack.engine.connect() as connection:
        query = select(mails.c.id).where(mails.c.subscription == UUID(made["id"])).limit(1)
        mail = str((await connection.execute(query)).scalar_one())
    endpoint, delivery = await a_delivery(stack, tenant, UUID(made["customer"]["id"]))
    yield Belongings(name, made["id"], key["id"], event.id, kept["id"], run, mail, str(endpoint), str(delivery))
    # A tenant has room for ten.
    async with stack.engine.begin() as connection:
        await connection.execute(delete(webhook_endpoints).where(webhook_endpoints.c.tenant == tenant))


async def a_delivery(stack: Stack, tenant: str, customer: UUID) -> tuple[UUID, UUID]:
    """One that is canceled, to an endpoint that is disabled."""
    endpoint, event, delivery = uuid4(), uuid4(), uuid4()
    of = {"tenant": tenant}
    async with stack.engine.begin() as connection:
        about = {"url": "https://127.0.0.1/", "types": [], "state": "disabled", "disabled_reason": "operator"}
        await connection.execute(insert(webhook_endpoints).values(id=endpoint, **about, **of))
        told = {"type": "customer.updated", "version": 1, "customer": customer, "at": func.now()}
        told |= {"payload": {"changed": ["name"]}}
        await connection.execute(insert(events).values(id=event, **told, **of))
        row = {"id": delivery, "event": event, "endpoint": endpoint, "state": "canceled"}
        await connection.execute(insert(event_deliveries).values(row | of))
    return endpoint, delivery


async def a_bulk_run(stack: Stack, tenant: str, made: dict[str, Any]) -> str:
    """One that does nothing: its only subscription refuses."""
    run = NewRun(str(uuid4()), tenant, BulkAction(ActionKind.UNCANCEL), {}, None, Actor(ActorKind.KEY, "k"), "", 1)
    await BulkRuns(stack.engine).create(run, [Verdict(made["id"], "active", "no_cancellation_scheduled")])
    return run.id


def body_of(operation: str, mine: Belongings) -> object:
    """A body that is well formed."""
    customer, reason = {"customer": mine.customer}, {"reason": "a test"}
    use = {"feature": "storage_gb", "quantity": 1, "key": str(uuid4())}
    event = {"customer": mine.customer, "meter": "storage_gb", "quantity": 1, "key": str(uuid4()), "action": "set"}
    bodies: dict[str, object] = {
        "previewBulk": {"filter": {}, "action": {"kind": "suspend"}},
        "startBulk": {"of": mine.run, "expected": 1} | reason,
        "createApiKey": {"role": "read_only"},
        "createWebhookEndpoint": {"url": "https://127.0.0.1:9/"},
        "updateWebhookEndpoint": {"description": "of a test"},
        "recoverDeliveries": {"since": "2027-01-01T00:00:00Z"},
        "createBillingSession": customer,
        "createCheckoutSession": customer,
        "createPortalSession": customer,
        "createSubscription": a_sign_up(a_name("roles-new")),
        "updateCustomer": {"name": f"Ada {uuid4()}"},
        "consume": use,
        "release": use,
        "setUsage": {"quantity": 1},
        "resetUsage": reason,
        "recordUsage": {"events": [event]},
        "changePlan": {"plan": "professional"},
        "previewChange": {"plan": "professional"},
        "extendTrial": {"days": 1} | reason,
        "putPaymentMethod": {"payment_method": "pm_card_visa"},
        "suspendSubscription": reason,
        "reactivateSubscription": reason,
        "addNote": {"text": "a note of a test"},
        "refundInvoice": {"invoice": "in_of_nobody"} | reason,
        **dict.fromkeys(("replayEvent", "healDiscrepancy", "runReconciliation"), reason),
        "retryMail": reason,
        **dict.fromkeys(("triggerSchedule", "pauseSchedule", "resumeSchedule"), reason),
    }
    return bodies.get(operation)


QUERIES: Final[Mapping[str, Mapping[str, str]]] = {
    "comparePlans": {"from": "starter", "to": "professional"},
    "suggestPlan": {"feature": "storage_gb"},
    "listApiKeys": {"limit": "100"},
}


async def ask(caller: Caller, operation: str, mine: Belongings) -> httpx.Response:
    """Send an operation's request about what is *mine*."""
    route = ENDPOINTS[operation]
    path = shown_path(route).format(
        subscription_id=mine.subscription,
        external_id=mine.customer,
        feature="storage_gb",
        code="starter",
        key_id=mine.key,
        event_id=mine.event,
        discrepancy_id=mine.discrepancy,
        schedule_id="report-usage",
        run_id=mine.run,
        mail_id=mine.mail,
        endpoint_id=mine.endpoint,
        delivery_id=mine.delivery,
    )
    query = dict(QUERIES.get(operation, {}))
    if operation in ("suggestPlan", "listInvoices", "listSubscriptions"):
        query["customer"] = mine.customer
    if method_of(route) == "POST":
        return await caller.post(path, body_of(operation, mine))
    return await caller.http.request(method_of(route), path, params=query, json=body_of(operation, mine))


@pytest.mark.parametrize("operation", ENDPOINTS)
async def test_every_role_gets_what_is_its_own_and_nothing_else(world: World, mine: Belongings, operation: str) -> None:
    may, asked = roles_of(ENDPOINTS[operation].dependant), 0
    before = await mine.seen_by(world.admin)
    for tenant in TENANTS:
        for role in CALLERS:
            if role is None or role not in may:
                answer = await ask(world.callers[tenant, role], operation, mine)
                check_refused(answer, role, may)
                asked += 1
    for role in may:
        answer = await ask(world.callers["other", role], operation, mine)
        check_says_nothing(answer, operation, mine)
        asked += 1
    assert await mine.seen_by(world.admin) == before

    for role in may:
        answer = await ask(world.callers["own", role], operation, mine)
        if operation in OF_THE_INSTALLATION:
            check_says_nothing(answer, operation, mine)
            asked += 1
            continue
        assert answer.status_code < 500, answer.text
        assert answer.is_success or answer.json()["code"] not in REFUSALS, answer.text
        asked += 1
    assert asked == CELLS_EACH
    if Role.READ_ONLY in may:
        assert await mine.seen_by(world.admin) == before, "it is for read-only keys, and changes something"


def check_refused(answer: httpx.Response, role: Role | None, may: tuple[Role, ...]) -> None:
    """Without a key 401, with another role 403, and the roles that are lacking are named."""
    problem = answer.json()
    assert answer.headers["Content-Type"] == PROBLEM
    if role is None:
        assert (answer.status_code, problem["code"]) == (401, "unauthorized")
        return
    assert (answer.status_code, problem["code"]) == (403, "forbidden"), answer.text
    assert problem["detail"].startswith(f"a key with role {role} may not do this")
    said = problem["detail"].rpartition("this requires ")[2]
    assert set(said.replace(" or ", ", ").split(", ")) == set(may)


def check_says_nothing(answer: httpx.Response, operation: str, mine: Belongings) -> None:
    """Another tenant's admin learns nothing: it is unknown, or not in the answer."""
    if operation in OF_THE_INSTALLATION:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "every tenant" in answer.json()["detail"]
    elif operation in NAMES_NOBODY:
        assert answer.is_success, answer.text
        assert all(mark not in answer.text for mark in (mine.customer, mine.subscription, mine.key))
    elif operation in ANSWERS_FOR_STRANGERS:
        assert answer.status_code < 500, answer.text
        found = answer.json()
        assert mine.subscription not in answer.text
        assert not found.get("used") or operation == "setUsage", answer.text
    else:
        assert answer.status_code == 404, answer.text
        assert answer.json()["code"] in REFUSALS - {"unauthorized", "forbidden", "not_found"}


async def test_openapi_names_the_roles_of_every_operation(stack: Stack, admin: Caller) -> None:
    described = (await admin.get("/openapi.json")).json()["paths"]

    operations = {
        one["operationId"]: one for path, methods in described.items() for one in methods.values() if "/v1/" in path
    }
    assert operations.keys() == ENDPOINTS.keys(), "an endpoint below /v1 asks for no role"
    for name, route in ENDPOINTS.items():
        may = [role.value for role in roles_of(route.dependant)]
        assert (operations[name][ROLE], operations[name][ROLES]) == (may[0], may)
    outside = {json.dumps(one) for path, methods in described.items() for one in methods.values() if "/v1/" not in path}
    assert all(ROLE not in one for one in outside)


def test_admins_may_do_what_operators_may_not() -> None:
    alone = {name for name, route in ENDPOINTS.items() if roles_of(route.dependant) == (Role.ADMIN,)}

    assert alone == {"listApiKeys", "createApiKey", "rotateApiKey", "revokeApiKey", "eraseCustomer"} | {
        *("startBulk", "pauseBulk", "resumeBulk", "stopBulk"),
        *("pauseSchedule", "resumeSchedule"),
    }
    assert all(Role.ADMIN in roles_of(route.dependant) for route in ENDPOINTS.values())


def test_the_number_of_cells(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(  # noqa: T201 - the figure that is asked for
            f"\n{len(ENDPOINTS) * CELLS_EACH} cells: {len(ENDPOINTS)} endpoints"
            f" x {len(CALLERS)} callers (no key, {', '.join(Role)}) x {' and '.join(TENANTS)} tenant"
        )
    assert ENDPOINTS.keys() >= NAMES_NOBODY | ANSWERS_FOR_STRANGERS | OF_THE_INSTALLATION


def _without_last_use(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != "last_used_at"}
