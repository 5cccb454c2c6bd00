"""Reconciliation: what it reads from our side, and the differences it has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.names import DEFAULT_TENANT
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from domain.provider.payments import Invoice
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome, Projection
from domain.reconciliation.ports import Found, OpenDifference, RevenueDifference, StuckMails
from domain.reconciliation.runs import SEEN_WITHOUT_PROVIDER, RunReport
from domain.subscription.contact_changes import CustomerProblem
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.compared_rows import projected, projection_of
from storage.db.engine import transaction
from storage.revenue.check import RevenueCheck
from storage.schema.reconciliation_tables import discrepancies, reconciliation_runs
from storage.schema.tables import customers, mails, subscriptions
from storage.subscriptions.customer_changes import problems
from storage.subscriptions.invoices import write_invoice

RETENTION = timedelta(days=30)
REPORT: Final = TypeAdapter(RunReport)
"""Of `reconciliation_runs.report`."""
_RENEWED: Final = ("details", "outcome", "why_not", "closed_at", "is_for_operator", "bill_ref", "mails")
_Key = tuple[str, str, str]
"""The kind of a difference, and its subscription and agreement."""


@dataclass(frozen=True)
class StoredFinding:
    """A recorded difference."""

    kind: str
    subscription: str
    agreement_ref: str
    details: str
    outcome: str
    why_not: str


class Reconciliations:
    """Implements `domain.reconciliation.ports.Comparison`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_agreements(self, refs: Sequence[str]) -> dict[str, Projection]:
        """The subscription of each agreement; if there are several, the one that is not over."""
        wanted = projected().where(subscriptions.c.agreement_ref.in_(refs), subscriptions.c.agreement_ref != "")
        found: dict[str, Projection] = {}
        for each in await self._projections(wanted):
            ref = each.subscription.agreement_ref
            if ref not in found or found[ref].subscription.is_over:
                found[ref] = each
        return found

    async def related(self, ids: Sequence[str], customer_refs: Sequence[str]) -> Sequence[Projection]:
        """Subscriptions with these ids or with these customers at the provider, live ones first."""
        known = [UUID(each) for each in ids if _is_uuid(each)]
        # Two queries: each has an index; combined they would read every row.
        by_id = await self._projections(projected().where(subscriptions.c.id.in_(known)))
        by_customer = await self._projections(projected().where(customers.c.customer_ref.in_(customer_refs)))
        found = {each.subscription.id: each for each in (*by_id, *by_customer)}
        return sorted(found.values(), key=lambda each: each.subscription.is_over)

    async def one(self, subscription: str) -> Projection | None:
        found = await self._projections(projected().where(subscriptions.c.id == UUID(subscription)))
        return found[0] if found else None

    async def ends_of(self, ids: Sequence[str]) -> Mapping[str, bool]:
        """Those of these subscriptions that are stored, and whether each is over."""
        it = subscriptions.c
        wanted = select(it.id, it.status).where(it.id.in_([UUID(each) for each in ids if _is_uuid(each)]))
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        return {str(row.id): row.status == Status.CANCELED.value for row in rows}

    async def knows_customer(self, customer: str) -> bool:
        async with transaction(self._engine) as connection:
            wanted = select(customers.c.id).where(customers.c.id == UUID(customer))
            return (await connection.execute(wanted)).first() is not None

    async def record_invoices(self, subscription: Subscription, invoices: Sequence[Invoice]) -> None:
        async with transaction(self._engine) as connection:
            for each in invoices:
                at = each.paid_at or each.issued_at or subscription.created_at
                await write_invoice(connection, subscription, each, at=at)

    async def stuck_mails(self, after: str | None, *, waiting_for: timedelta, limit: int) -> Sequence[StuckMails]:
        """Mails that have been queued for long, by subscription."""
        ids = func.array_agg(mails.c.id).label("ids")
        wanted = (
            select(mails.c.subscription, mails.c.tenant, ids)
            .where(mails.c.status == "queued", mails.c.created_at < func.now() - waiting_for)
            .group_by(mails.c.subscription, mails.c.tenant)
            .order_by(mails.c.subscription)
            .limit(limit)
        )
        if after is not None:
            wanted = wanted.where(mails.c.subscription > UUID(after))
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        return [StuckMails(str(row.subscription), row.tenant, tuple(str(each) for each in row.ids)) for row in rows]

    async def customer_problems(self) -> Sequence[CustomerProblem]:
        """Problems with customers that need an operator."""
        return await problems(self._engine)

    async def revenue_differences(self, first: str, last: str) -> Sequence[RevenueDifference]:
        """Subscriptions between two ids whose movements do not add up to what they are worth."""
        return await RevenueCheck(self._engine).differences(first, last)

    async def correct_revenue(self, subscription: str) -> None:
        await RevenueCheck(self._engine).correct(subscription)

    async def open(self, after: str | None, run_began: datetime, *, limit: int) -> Sequence[OpenDifference]:
        """The next open differences, by id, that were last found before a run began."""
        it = discrepancies.c
        wanted = select(discrepancies).where(it.closed_at.is_(None), it.found_at < run_began)
        if after is not None:
            wanted = wanted.where(it.id > int(after))
        async with transaction(self._engine) as connection:
            rows = await connection.execute(wanted.order_by(it.id).limit(limit))
            return [OpenDifference(str(row.id), discrepancy_of(row)) for row in rows]

    async def reports(self, since: datetime) -> Sequence[RunReport]:
        """The reports of the runs that began since then."""
        it = reconciliation_runs.c
        async with transaction(self._engine) as connection:
            found = await connection.scalars(select(it.report).where(it.began_at >= since))
            return [REPORT.validate_python(report) for report in found]

    async def queued(self, mail_ids: Sequence[str]) -> list[QueuedMail]:
        """The mails among these that are still unsent."""
        known = [UUID(each) for each in mail_ids]
        wanted = select(mails.c.id, mails.c.subscription, mails.c.occasion)
        async with transaction(self._engine) as connection:
            rows = await connection.execute(wanted.where(mails.c.id.in_(known), mails.c.status == "queued"))
            return [QueuedMail(str(row.id), str(row.subscription), Occasion(row.occasion)) for row in rows]

    async def keep(self, run: str, found: Sequence[Found]) -> None:
        """Records differences. A repeated one keeps the latest outcome, and takes the place of the one found before."""
        values = {_key(each.discrepancy): _values(run, each) for each in found}
        if not values:
            return
        it = discrepancies.c
        key = [it[name] for name in ("run", "kind", "subscription", "agreement_ref")]
        async with transaction(self._engine) as connection:
            before = await _close_earlier(connection, run, list(values))
            for known, row in values.items():
                row["since"] = before.get(known, func.now())
            statement = insert(discrepancies).values(list(values.values()))
            later = {name: statement.excluded[name] for name in _RENEWED}
            await connection.execute(statement.on_conflict_do_update(index_elements=key, set_=later))

    async def end_run(self, report: RunReport) -> None:
        """Records a run, and closes the differences that it has not found any more."""
        it = discrepancies.c
        gone = update(discrepancies).values(closed_at=func.now())
        gone = gone.where(it.closed_at.is_(None), it.run != report.run, it.found_at < report.began_at)
        if report.not_compared:
            gone = gone.where(it.kind.in_([kind.value for kind in SEEN_WITHOUT_PROVIDER]))
        row = {
            "run": report.run,
            "tenant": DEFAULT_TENANT,
            "began_at": report.began_at,
            "heals": report.heals,
            "report": REPORT.dump_python(report, mode="json"),
        }
        async with transaction(self._engine) as connection:
            await connection.execute(gone)
            await connection.execute(insert(reconciliation_runs).values(row).on_conflict_do_nothing())

    async def forget_old(self) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(delete(discrepancies).where(discrepancies.c.found_at < func.now() - RETENTION))
            ended = reconciliation_runs.c.ended_at
            await connection.execute(delete(reconciliation_runs).where(ended < func.now() - RETENTION))

    async def of_run(self, run: str) -> list[StoredFinding]:
        """The differences of a run, in the order in which they were found."""
        it = discrepancies.c
        shown = select(it.kind, it.subscription, it.agreement_ref, it.details, it.outcome, it.why_not)
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(shown.where(it.run == run).order_by(it.id))).all()
        return [
            StoredFinding(
                row.kind, str(row.subscription or ""), row.agreement_ref, row.details, row.outcome, row.why_not
            )
            for row in rows
        ]

    async def _projections(self, wanted: Select[Any]) -> list[Projection]:
        async with transaction(self._engine) as connection:
            return [projection_of(row) for row in await connection.execute(wanted)]


async def _close_earlier(connection: AsyncConnection, run: str, keys: Sequence[_Key]) -> dict[_Key, datetime]:
    """Closes what other runs have found of these differences. Returns since when each is there."""
    it = discrepancies.c
    ids = [UUID(subscription) for _, subscription, _ in keys if subscription]
    refs = [ref for _, subscription, ref in keys if not subscription]
    of_nobody = and_(it.subscription.is_(None), it.agreement_ref.in_(refs))
    known = select(it.id, it.kind, it.subscription, it.agreement_ref, it.since).where(
        it.closed_at.is_(None), it.run != run, or_(it.subscription.in_(ids), of_nobody)
    )
    since: dict[_Key, datetime] = {}
    closed = []
    for row in await connection.execute(known):
        key = (row.kind, str(row.subscription or ""), row.agreement_ref)
        if key in keys:
            closed.append(row.id)
            since[key] = min(row.since, since.get(key, row.since))
    if closed:
        await connection.execute(update(discrepancies).where(it.id.in_(closed)).values(closed_at=func.now()))
    return since


def discrepancy_of(row: Row[Any]) -> Discrepancy:
    """The difference of a row of the table."""
    return Discrepancy(
        DifferenceKind(row.kind),
        row.details,
        str(row.subscription or ""),
        row.agreement_ref,
        row.tenant,
        row.bill_ref,
        tuple(str(each) for each in row.mails),
        row.is_for_operator,
    )


def _key(discrepancy: Discrepancy) -> _Key:
    return discrepancy.kind.value, discrepancy.subscription, discrepancy.agreement_ref


def _values(run: str, found: Found) -> dict[str, Any]:
    discrepancy: Discrepancy = found.discrepancy
    return {
        "tenant": discrepancy.tenant or DEFAULT_TENANT,
        "run": run,
        "kind": discrepancy.kind.value,
        "subscription": UUID(discrepancy.subscription) if discrepancy.subscription else None,
        "agreement_ref": discrepancy.agreement_ref,
        "details": discrepancy.details,
        "outcome": found.outcome.value,
        "why_not": found.why_not,
        "closed_at": func.now() if found.outcome is Outcome.HEALED else None,
        "is_for_operator": discrepancy.is_for_operator,
        "bill_ref": discrepancy.bill_ref,
        "mails": [UUID(each) for each in discrepancy.mails],
    }


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
