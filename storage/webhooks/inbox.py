"""The webhook inbox: every event is stored once before it is acknowledged, handled later if not at once, and routed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from domain.provider.events import (
    NOTHING_NEW,
    Address,
    Directory,
    Disposition,
    KeptEvent,
    PastEvent,
    ProviderEvent,
    Routing,
)
from domain.provider.hints import EventKind
from domain.subscription.lifecycle import Status
from domain.webhooks.inbox import InboxRow
from storage.db.engine import single, statement, texts, transaction
from storage.schema.tables import customers, subscriptions
from storage.schema.webhook_tables import webhook_inbox

_CONTENT = bindparam("content", type_=LargeBinary)
_REF = bindparam("of_customer", type_=Text)
_OF_ERASED = exists().where(
    customers.c.erased_at.is_not(None),
    or_(customers.c.customer_ref == _REF, customers.c.former_refs.contains(cast(array([_REF]), ARRAY(Text)))),
)
# An event about an erased customer names them: it is delivered, and its body is not kept.
_BODY = case((_OF_ERASED, b""), else_=_CONTENT)
_KEEP = insert(webhook_inbox).values(body=_BODY).on_conflict_do_nothing().returning(webhook_inbox.c.event_id)
_DONE = {
    "body": b"",
    "handled_at": func.now(),
    "disposition": NOTHING_NEW.disposition.value,
    "outcome": NOTHING_NEW.words,
}
_KEEP_AS_HANDLED = _KEEP.values(_DONE)


@dataclass(frozen=True)
class Chosen:
    """Filters of events; None and False mean any."""

    since: datetime | None = None
    until: datetime | None = None
    type: str | None = None
    set_aside: bool = False
    waiting: bool = False
    older_than: timedelta = timedelta()
    """Only those that arrived that long ago, by the database's clock."""


class Inbox:
    """Stores the payment provider's events. Handling one twice is harmless, so no row is locked.

    Args:
        engine: the database.
        waits: how long an event is left to the process that stored it.

    """

    def __init__(self, engine: AsyncEngine, *, waits: timedelta = timedelta()) -> None:
        self._engine = engine
        self._at_once = single(engine)
        self._waits = waits

    async def receive(self, event: ProviderEvent, body: bytes, *, tenant: str = DEFAULT_TENANT) -> bool:
        """Stores an event, as handled if it carries no news. Returns False if it was stored already. One round trip."""
        keep = _KEEP_AS_HANDLED if event.news is None else _KEEP
        async with statement(self._at_once) as connection:
            return (await connection.execute(keep, _values(event, body, tenant))).first() is not None

    async def mark_handled(self, verdicts: Mapping[str, Routing], *, redelivered: bool = False) -> None:
        """Records the results of events by id, and whose they are.

        The first result stays, except for events that were *redelivered*.
        """
        if not verdicts:
            return
        given = (
            func.unnest(
                texts(verdicts),
                texts(verdict.disposition.value for verdict in verdicts.values()),
                texts(verdict.words for verdict in verdicts.values()),
                texts(verdict.tenant for verdict in verdicts.values()),
            )
            .table_valued("event_id", "disposition", "outcome", "tenant")
            .render_derived(name="given")
        )
        it = webhook_inbox.c
        wanted = (
            update(webhook_inbox)
            .where(it.event_id == given.c.event_id)
            .values(
                handled_at=func.coalesce(it.handled_at, func.now()),
                # Its ids are all that is needed to deliver it again; one that nobody knew is left to be read.
                body=case((given.c.disposition == Disposition.SET_ASIDE.value, it.body), else_=b""),
                disposition=given.c.disposition,
                outcome=given.c.outcome,
                tenant=func.coalesce(func.nullif(given.c.tenant, ""), it.tenant),
            )
        )
        if not redelivered:
            wanted = wanted.where(it.handled_at.is_(None))
        async with statement(self._at_once) as connection:
            await connection.execute(wanted)

    async def waiting(self, *, limit: int = 500, after: KeptEvent | None = None) -> list[KeptEvent]:
        """Unhandled events after *after* that have waited for as long as this inbox *waits*, oldest first."""
        return await self.kept(Chosen(waiting=True, older_than=self._waits), limit=limit, after=after)

    async def kept(self, chosen: Chosen, *, limit: int, after: KeptEvent | None = None) -> list[KeptEvent]:
        """The selected events after *after*, handled or not, oldest first."""
        it = webhook_inbox.c
        wanted = select(webhook_inbox).where(*_conditions(chosen))
        if after is not None:
            wanted = wanted.where(tuple_(it.received_at, it.event_id) > tuple_(after.received_at, after.event.id))
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted.order_by(it.received_at, it.event_id).limit(limit))).all()
        return [KeptEvent(event_of(row), row.received_at) for row in rows]

    async def newest(self, chosen: Chosen, *, limit: int) -> list[InboxRow]:
        """The selected events, newest first."""
        it = webhook_inbox.c
        wanted = (
            select_inbox_rows()
            .where(*_conditions(chosen))
            .order_by(it.received_at.desc(), it.event_id.desc())
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            return [inbox_row(found) for found in await connection.execute(wanted)]

    async def receive_past(self, events: Sequence[PastEvent], *, tenant: str) -> list[ProviderEvent]:
        """Stores events that did not reach us when they happened, in order. Returns those that were new."""
        new = []
        async with transaction(self._engine) as connection:
            for past in events:
                keep = _KEEP_AS_HANDLED if past.event.news is None else _KEEP
                # In the given order, which is that of their delivery; `now()` would be the same for all.
                later = {"received_at": func.clock_timestamp()}
                row = await connection.execute(keep.values(later), _values(past.event, past.body, tenant))
                if row.first() is not None:
                    new.append(past.event)
        return new

    async def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these events are stored."""
        wanted = select(webhook_inbox.c.event_id).where(webhook_inbox.c.event_id == func.any(texts(ids)))
        async with transaction(self._engine) as connection:
            return set((await connection.execute(wanted)).scalars())


def _conditions(chosen: Chosen) -> list[ColumnElement[bool]]:
    it = webhook_inbox.c
    conditions: list[ColumnElement[bool]] = []
    if chosen.since is not None:
        conditions.append(it.received_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(it.received_at < chosen.until)
    if chosen.type is not None:
        conditions.append(it.type == chosen.type)
    if chosen.set_aside:
        conditions.append(it.disposition == Disposition.SET_ASIDE.value)
    if chosen.waiting:
        conditions.append(it.handled_at.is_(None))
    if chosen.older_than:
        conditions.append(it.received_at < func.now() - chosen.older_than)
    return conditions


def _values(event: ProviderEvent, body: bytes, tenant: str) -> dict[str, object]:
    return {
        "event_id": event.id,
        "tenant": tenant,
        "type": event.type,
        "news": event.news.value if event.news else None,
        "object_id": event.object_id,
        "customer_ref": event.customer_ref,
        "charge_ref": event.charge_ref,
        "agreement_ref": event.agreement_ref,
        "content": body,
        "of_customer": event.customer_ref or event.object_id,
    }


def event_of(row: Row[Any]) -> ProviderEvent:
    """The event of a row of the table."""
    news = EventKind(row.news) if row.news else None
    return ProviderEvent(
        row.event_id, row.type, row.object_id, row.customer_ref, news, row.charge_ref, row.agreement_ref
    )


def select_inbox_rows() -> Select[Any]:
    """What `inbox_row` reads."""
    return select(*(webhook_inbox.c[name] for name in InboxRow.__dataclass_fields__))


def inbox_row(found: Row[Any]) -> InboxRow:
    """A row of `select_inbox_rows`, or of the whole table."""
    values = {name: getattr(found, name) for name in InboxRow.__dataclass_fields__}
    disposition = Disposition(found.disposition) if found.disposition else None
    return InboxRow(**values | {"disposition": disposition, "outcome": found.outcome or ""})


class RoutingIndex:
    """Finds the subscriptions that an event is for."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._at_once = single(engine)

    async def look_up(self, customer_refs: Iterable[str], agreement_refs: Iterable[str]) -> Directory:
        """All subscriptions of these customers and agreements, in any status, with one query."""
        it = subscriptions.c
        settled = it.state["settled_invoice"].astext
        # One that was written off is settled, and may still be paid: of that payment nothing is recorded.
        is_waived = func.coalesce(it.state["waived_invoices"].has_key(settled), False)
        settled = case((and_(it.status != Status.CANCELED.value, ~is_waived), settled)).label("settled_invoice")
        awaited = it.state["confirmation"]["agreement_ref"].astext.label("awaited_agreement")
        shown = (it.id, it.agreement_ref, it.created_at, it.customer, it.tenant, settled, awaited)
        joined = subscriptions.join(customers, customers.c.id == it.customer)
        of_customers = (
            select(*shown, customers.c.customer_ref)
            .select_from(joined)
            .where(customers.c.customer_ref == func.any(texts(sorted(customer_refs))))
        )
        former = func.unnest(customers.c.former_refs).table_valued("ref").render_derived("former")
        of_deleted = (
            select(*shown, former.c.ref.label("customer_ref"))
            .select_from(joined.join(former, literal(True)))
            .where(
                customers.c.former_refs.overlap(texts(sorted(customer_refs))),
                former.c.ref == func.any(texts(sorted(customer_refs))),
            )
        )
        # The condition is repeated so that the partial index can be used.
        of_agreements = select(*shown, literal("").label("customer_ref")).where(
            it.agreement_ref == func.any(texts(sorted(agreement_refs))), it.agreement_ref != ""
        )
        found = union_all(of_customers, of_deleted, of_agreements).subquery()
        async with statement(self._at_once) as connection:
            rows = (await connection.execute(select(found).order_by(found.c.created_at))).all()
        return _directory(rows)


def _directory(rows: Sequence[Any]) -> Directory:
    by_customer: dict[str, list[Address]] = {}
    by_agreement: dict[str, Address] = {}
    for row in rows:
        address = Address(
            str(row.id),
            row.agreement_ref,
            str(row.customer),
            row.tenant,
            settled_invoice=row.settled_invoice or "",
            awaited_agreement=row.awaited_agreement or "",
        )
        if row.customer_ref:
            by_customer.setdefault(row.customer_ref, []).append(address)
        if row.agreement_ref:
            by_agreement[row.agreement_ref] = address
    return Directory(by_customer, by_agreement)
