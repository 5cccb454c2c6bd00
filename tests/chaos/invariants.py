"""What must be true of every subscription, whatever has happened to it."""

import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import stripe
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.events.journal_kinds import TOLD
from domain.events.types import EventType
from domain.names import subscription_workflow_id
from domain.revenue.amounts import annual
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from gateways.stripe.http_client import connected
from sandbox.options import Options
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack, running
from sandbox.stripe import StripeSimulator
from storage.access.audit import AuditLog
from storage.db.codec import state_to_json
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.lives import A_MOMENT, Life
from workflows.subscription.workflow import SubscriptionWorkflow

ENDED = ("canceled", "incomplete_expired")
SLACK = 3 * 3600
"""Seconds by which periods may overlap: a hold can end a little before the period that was paid for."""


@asynccontextmanager
async def inspected() -> AsyncIterator[tuple[Stack, Product, "Inspector"]]:
    """A stack of its own while the block runs, for commands that play lives, and one who looks into all of it."""
    with tempfile.TemporaryDirectory() as folder:
        options = Options(Path(folder), CATALOG, POLICY, durable=False, ui=False)
        async with (
            running(options) as stack,
            Product(stack.addresses) as product,
            Inspector.of(stack, Path(folder)) as inspector,
        ):
            yield stack, product, inspector


@dataclass
class Accounts:
    """A customer at Stripe: all bills and all subscriptions."""

    invoices: list[dict[str, Any]] = field(default_factory=list)
    subscriptions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def live(self) -> list[dict[str, Any]]:
        return [each for each in self.subscriptions if each["status"] not in (*ENDED, "incomplete")]

    @property
    def unbegun(self) -> list[str]:
        """Those that wait for their first payment to be confirmed."""
        return [each["id"] for each in self.subscriptions if each["status"] == "incomplete"]

    @property
    def paid(self) -> list[dict[str, Any]]:
        return [each for each in self.invoices if each["status"] == "paid"]


class Servers(Protocol):
    """Where subscriptions are kept: a stack, or a site of production processes."""

    @property
    def client(self) -> Client: ...
    @property
    def engine(self) -> AsyncEngine: ...
    @property
    def simulator(self) -> StripeSimulator: ...


class Inspector:
    """Looks at a subscription in every place where it is kept."""

    def __init__(self, servers: Servers, api: stripe.StripeClient) -> None:
        self._servers = servers
        self._api = api

    @classmethod
    @asynccontextmanager
    async def of(cls, stack: Stack, folder: Path) -> AsyncIterator["Inspector"]:
        """One who may look into the simulated Stripe of the stack that is kept in *folder*."""
        async with connected(Secrets.of(folder).stripe_key, stack.simulator.base_url) as api:
            yield cls(stack, api)

    async def accounts(self, life: Life) -> Accounts:
        """What Stripe has of a customer."""
        found = Accounts()
        for customer in (await self._api.v1.customers.list_async({"email": f"{life.external_id}@example.com"})).data:
            of_customer: Any = {"customer": customer.id, "limit": 100}
            found.invoices += [one.to_dict() for one in (await self._api.v1.invoices.list_async(of_customer)).data]
            listed = await self._api.v1.subscriptions.list_async(of_customer | {"status": "all"})
            found.subscriptions += [one.to_dict() for one in listed.data]
        return found

    async def lift_hold(self, life: Life) -> None:
        """Have Stripe bill again, behind our back."""
        for subscription in (await self.accounts(life)).subscriptions:
            await self._api.v1.subscriptions.update_async(subscription["id"], {"pause_collection": ""})

    async def faults(self, life: Life, *, is_copied: bool = False) -> list[str]:
        """What is wrong with a subscription that has come to rest; empty when all is well.

        *is_copied*: the mail server took mails without saying so, and got them a second time under the same id.
        """
        handle = self._servers.client.get_workflow_handle(subscription_workflow_id(life.id))
        state = await handle.query(SubscriptionWorkflow.current)
        stands, accounts = await life.stands(), await self.accounts(life)
        ours = (await life.product.get("/v1/invoices", customer=life.external_id, limit="100"))["data"]
        mails, copies = await mails_of(life)
        journal = await self._rows(_JOURNAL, life)
        return [
            *await self._disagreements(state, life),
            *([] if is_copied else [f"a mail came {count} times more: {which}" for which, count in copies.items()]),
            *_money(accounts, ours, mails),
            *gaps(accounts.paid, {row.kind for row in journal}),
            *untold(journal, await self._rows(_EVENTS, life)),
            *[
                f"delivery {row.id} is {row.state} after {row.taken} answers of success"
                for row in await self._rows(_DELIVERIES, life)
            ],
            *[
                f"audit: {row.action} was asked for and has {row.outcomes} outcomes"
                for row in await self._rows(_UNSETTLED, life)
            ],
            *_billing(state, accounts, life.now),
            *_waiting(state, accounts),
            *_access(stands),
        ]

    async def _rows(self, query: TextClause, life: Life) -> Sequence[Row[Any]]:
        async with self._servers.engine.connect() as connection:
            return (await connection.execute(query, {"id": life.id})).all()

    async def settle_audit(self) -> None:
        """Settle what killed processes had asked for: what the sweep does five minutes later."""
        await AuditLog(self._servers.engine).settle_left(timedelta())

    async def _disagreements(self, state: Subscription, life: Life) -> list[str]:
        async with self._servers.engine.connect() as connection:
            kept = (await connection.execute(_STATE, {"id": life.id})).scalar_one()
            queued = (await connection.execute(_QUEUED, {"id": life.id})).scalar_one()
            moved = (await connection.execute(_MOVED, {"id": life.id})).scalar_one()
        wrong = [f"{queued} mails are queued for ever"] if queued else []
        if moved != annual(state):
            wrong.append(f"worth {annual(state)} a year, and its movements add up to {moved}")
        known = state_to_json(state)
        if state.is_over:
            # Money that goes back after the end is written down without the workflow.
            known["sequence"] = max(known["sequence"], kept["sequence"])
        differ = [name for name in _WRITTEN if known[name] != kept.get(name)]
        return wrong + [f"{name}: workflow {known[name]}, database {kept.get(name)}" for name in differ]


_STATE = text("SELECT state FROM subscriptions WHERE id = :id")
_QUEUED = text("SELECT count(*) FROM mails WHERE subscription = :id AND status = 'queued'")
_MOVED = text("SELECT coalesce(sum(delta), 0)::bigint FROM mrr_movements WHERE subscription = :id")
_JOURNAL = text("SELECT sequence, kind FROM journal WHERE subscription = :id ORDER BY sequence, position")
_EVENTS = text("""
    SELECT sequence, type, coalesce(payload #>> '{invoice,id}', '') AS invoice, count(*) AS times
    FROM events WHERE subscription = :id GROUP BY 1, 2, 3
""")
_DELIVERIES = text("""
    SELECT id, state, taken FROM (
        SELECT it.id, it.state, count(tried.status) FILTER (WHERE tried.status BETWEEN 200 AND 299) AS taken
        FROM event_deliveries it JOIN events ON events.id = it.event
        LEFT JOIN delivery_attempts tried ON tried.delivery = it.id
        WHERE events.subscription = :id AND it.round = 0 GROUP BY it.id, it.state
    ) counted WHERE (state = 'delivered') <> (taken = 1)
""")
"""Deliveries that were taken more or less often than they say; those that nobody has taken yet are none."""
_UNSETTLED = text("""
    SELECT asked.action, count(settled.id) AS outcomes
    FROM audit asked LEFT JOIN audit settled ON settled.settles = asked.id
    WHERE asked.target = CAST(:id AS text) AND asked.outcome = 'asked'
    GROUP BY asked.id, asked.action HAVING count(settled.id) <> 1
""")
_WRITTEN = (
    "status",
    "access",
    "sequence",
    "plan",
    "amount",
    "period_end",
    "cancel_at",
    "pending_change",
    "pause",
    "dispute",
)
"""What the database must know at once; the rest is for the running workflow alone."""


def _money(accounts: Accounts, ours: list[dict[str, Any]], mails: Counter[str]) -> list[str]:
    """Every payment is known here, receipted once, and for a time that was not paid for before."""
    wrong = []
    paid, known = {one["id"] for one in accounts.paid}, {one["id"] for one in ours if one["status"] == "paid"}
    if paid != known:
        wrong.append(f"paid at Stripe, unknown here: {sorted(paid - known)}; the other way: {sorted(known - paid)}")
    with_money = [one for one in accounts.paid if one["amount_due"] > 0]
    if mails["receipt"] != len(with_money):
        wrong.append(f"{mails['receipt']} receipts for {len(with_money)} payments")
    return wrong + list(_overlaps(accounts.paid))


def _overlaps(paid: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Whole periods that were paid for twice; what a change has credited counts as not paid for."""
    until = 0
    for bill in sorted(paid, key=lambda one: (one["created"], one["number"] or "")):
        whole = [line for line in bill["lines"]["data"] if not _is_proration(line)]
        credited = [line for line in bill["lines"]["data"] if _is_proration(line) and line["amount"] < 0]
        if not whole:
            continue
        start, end = whole[0]["period"]["start"], max(line["period"]["end"] for line in whole)
        if credited:
            until = min(until, start)
        if start < until - SLACK:
            yield f"{bill['id']} is for a time from {start} on, paid for until {until}"
        until = max(until, end)


_STEADY = frozenset(
    {"paused", "suspended", "trial_expired", "charge_declined", "payment_failed", "canceled", "adopted"}
)
"""Kinds of the journal after which time may go by that nobody pays for."""


def gaps(paid: Iterable[dict[str, Any]], kinds: Collection[str]) -> Iterable[str]:
    """Periods that were skipped, where a subscription went on all the time."""
    if not _STEADY.isdisjoint(kinds):
        return
    until: int | None = None
    for bill in sorted(paid, key=lambda one: (one["created"], one["number"] or "")):
        whole = [line for line in bill["lines"]["data"] if not _is_proration(line)]
        if not whole:
            continue
        start = min(line["period"]["start"] for line in whole)
        if until is not None and start > until + SLACK:
            yield f"{bill['id']} is for a time from {start} on, paid for until {until}: nobody pays for what is between"
        until = max(until or 0, *(line["period"]["end"] for line in whole))


_ONCE_AN_INVOICE = frozenset({EventType.INVOICE_OPEN, EventType.INVOICE_PAID, EventType.INVOICE_VOIDED})


def untold(journal: Iterable[Any], events: Sequence[Any]) -> Iterable[str]:
    """Each step has its events, and each event is there once."""
    found = {(row.sequence, row.type) for row in events}
    for row in journal:
        for type_ in TOLD.get(row.kind, ()):
            if (row.sequence, type_.value) not in found:
                yield f"step {row.sequence}, {row.kind}, has no event {type_}"
    yield from (
        f"event {row.type} of step {row.sequence} was written {row.times} times" for row in events if row.times > 1
    )
    bills = Counter((row.type, row.invoice) for row in events if row.type in _ONCE_AN_INVOICE)
    yield from (
        f"{type_} of {invoice} was told {times} times" for (type_, invoice), times in bills.items() if times > 1
    )


async def mails_of(life: Life) -> tuple[Counter[str], Counter[str]]:
    """How many mails of each occasion a customer has, once each, and by id how many copies of some there are."""
    await life.live(A_MOMENT)
    found = await life.product.mails(life.external_id)
    once = {mail["message_id"]: mail["headers"]["X-Tenure-Occasion"] for mail in found}
    return Counter(once.values()), Counter(mail["message_id"] for mail in found) - Counter(list(once))


def _is_proration(line: dict[str, Any]) -> bool:
    return bool(line["parent"]["subscription_item_details"]["proration"])


def _billing(state: Subscription, accounts: Accounts, now: datetime) -> Iterable[str]:
    """Stripe bills just those whom it is to bill."""
    live = accounts.live
    if len(live) > 1:
        yield f"{len(live)} live subscriptions at Stripe"
    if state.is_over:
        if live:
            yield "canceled here, live at Stripe"
        if any(one["status"] == "open" for one in accounts.invoices):
            yield "canceled with an open bill"
        return
    pays = bool(state.agreement_ref)
    if pays != bool(live):
        yield f"agreement {state.agreement_ref!r}, at Stripe {[one['id'] for one in live]}"
    if live and bool(live[0]["pause_collection"]) != state.wants_hold:
        yield f"{state.status}, and at Stripe {'on hold' if live[0]['pause_collection'] else 'billing'}"
    if live and not state.agreement_is_stale:
        items = Counter({one["price"]["lookup_key"]: one["quantity"] for one in live[0]["items"]["data"]})
        wanted = Counter({item.lookup_key: item.quantity for item in state.items})
        if items != wanted:
            yield f"items {dict(wanted)} here, {dict(items)} at Stripe"
    is_behind = state.period_end is not None and state.period_end < now and state.dispute is None
    if state.status is Status.ACTIVE and pays and is_behind:
        yield f"active although paid until {state.period_end} only"


def _waiting(state: Subscription, accounts: Accounts) -> Iterable[str]:
    """At Stripe just that waits for the customer's bank which waits here, and no other bill is open beside it."""
    waits = state.confirmation
    is_first = waits is not None and waits.action is not ConfirmedAction.CHANGE_PLAN
    expected = [waits.agreement_ref] if waits is not None and is_first else []
    if accounts.unbegun != expected:
        yield f"{accounts.unbegun} wait for a first payment at Stripe, {expected} here"
    pending = [one["latest_invoice"] for one in accounts.live if one["pending_update"]]
    expected = [waits.invoice_ref] if waits is not None and not is_first else []
    if pending != expected:
        yield f"{pending} wait for a change at Stripe, {expected} here"


def _access(stands: dict[str, Any]) -> Iterable[str]:
    off = stands["status"] in ("canceled", "suspended", "paused")
    if off != (stands["access"] == "none"):
        yield f"{stands['status']} with access {stands['access']}"
