"""Reconciliation of copied lives: to it, the provider and Temporal have of each what is stored.

A copy has neither an agreement nor a workflow: each would be found missing, and noted. So its agreement and what its
workflow shows are made from its row, when they are asked for. Everything else is as in an hourly run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, cast

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from bench.growth.explained import BY_BENCH
from domain.names import subscription_workflow_id
from domain.provider.agreements import (
    ALL_AGREEMENTS,
    AgreedItem,
    Agreement,
    AgreementFilter,
    AgreementPage,
    AgreementState,
)
from domain.provider.payments import Invoice
from domain.reconciliation.passes import SHARDS, Parts, Scope, part
from domain.reconciliation.planning import plan
from domain.reconciliation.ports import Found, WalkRequest
from domain.reconciliation.runs import RunReport
from domain.subscription.reconcile_steps import wants_end
from domain.subscription.state import Subscription
from sandbox.stack import Stack
from services.reconciliation.inspection import Inspection
from services.reconciliation.paced import PacedAgreements
from services.reconciliation.pages import Pages
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from services.reconciliation.stuck_mails import StuckMailsInspection
from storage.call_budget import FleetCallBudget
from storage.compared_rows import SubscriptionPages
from storage.db.codec import state_from_json
from storage.reconciliation import Reconciliations
from workflows.subscription import visibility

WRITTEN_WITHIN: Final = 3600.0
"""Seconds."""
CALLS_A_SECOND: Final = 1000.0
"""That reconciliation may make of the provider: none waits here."""
_LIVE: Final = "s.status <> 'canceled' AND s.agreement_ref <> ''"
_COLUMNS: Final = "s.id::text AS id, s.state, s.created_at, c.customer_ref"
_FROM: Final = "subscriptions s JOIN customers c ON c.id = s.customer"
_PAGE: Final = text(
    f"{BY_BENCH} SELECT {_COLUMNS} FROM {_FROM} WHERE {_LIVE} AND (s.created_at, s.id) < (:before, CAST(:id AS uuid))"  # noqa: S608
    " AND s.created_at >= :since AND coalesce(s.period_start, 'infinity') >= :begun"
    " ORDER BY s.created_at DESC, s.id DESC LIMIT :limit"
)
_ONE: Final = text(f"{BY_BENCH} SELECT {_COLUMNS} FROM {_FROM} WHERE s.agreement_ref = :ref LIMIT 1")  # noqa: S608
_SHOWN: Final = text("SELECT status, plan, next_actions FROM subscriptions WHERE id = CAST(:id AS uuid)")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_HIGHEST: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_SIGHTINGS: Final = (
    "INSERT INTO provider_sightings (subscription, tenant, seen_at, shard)"
    " SELECT id, tenant, $1::timestamptz - interval '1 hour' * (1 + $2 - shard), shard FROM"
    " (SELECT id, tenant, floor(extract(epoch FROM created_at) / 86400)::bigint % $2::int AS shard"
    " FROM subscriptions WHERE status <> 'canceled' AND agreement_ref <> '') AS seen ORDER BY shard, id"
)


class CopiedAgreements:
    """Implements what reconciliation asks of `domain.provider.ports.Agreements`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        at, _, id_ = (cursor or "").partition("/")
        given = {
            "before": datetime.fromisoformat(at) if at else among.made_before or _LAST,
            "id": id_ or ("00000000-0000-0000-0000-000000000000" if among.made_before else _HIGHEST),
            "since": among.made_since or _EVER,
            "begun": among.begun_since or _EVER,
            "limit": limit,
        }
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_PAGE, given)).all()
        more = f"{rows[-1].created_at.isoformat()}/{rows[-1].id}" if len(rows) == limit else None
        return AgreementPage(tuple(map(_agreement, rows)), more)

    async def find(self, agreement_ref: str) -> Agreement | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(_ONE, {"ref": agreement_ref})).first()
        return None if row is None else _agreement(row)

    async def invoices(self, _agreement_ref: str, _customer_ref: str, _since: datetime) -> Sequence[Invoice]:
        return ()

    async def claim(self, _agreement_ref: str, _subscription: str, *, key: str) -> None:
        """Nothing is claimed here."""


def _agreement(row: Any) -> Agreement:
    it = state_from_json(dict(row.state))
    return Agreement(
        it.agreement_ref,
        row.customer_ref or "",
        AgreementState.ENDED if it.is_over else AgreementState.BILLING,
        _items(it),
        row.created_at,
        subscription=it.id,
        is_held=it.wants_hold,
        ends_at=it.cancel_at if wants_end(it) else None,
    )


def _items(it: Subscription) -> tuple[AgreedItem, ...]:
    return tuple(
        AgreedItem(
            *(item.lookup_key, item.lookup_key, item.quantity, None, it.currency, it.interval.value),
            is_by_use=not item.quantity,
        )
        for item in it.items
    )


class CopiedWorkflows:
    """Answers as a client of Temporal what is asked of subscriptions' workflows."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    def get_workflow_handle(self, workflow_id: str) -> "_Handle":
        return _Handle(self._engine, workflow_id.removeprefix(subscription_workflow_id("")))


@dataclass(frozen=True)
class _Handle:
    engine: AsyncEngine
    subscription: str

    async def describe(self) -> object:
        async with self.engine.connect() as connection:
            row = (await connection.execute(_SHOWN, {"id": self.subscription})).one()
        ahead = row.next_actions[0] if row.next_actions else {}
        pairs: list[SearchAttributePair[Any]] = [
            SearchAttributePair(visibility.STATUS, row.status),
            SearchAttributePair(visibility.PLAN, row.plan),
            SearchAttributePair(visibility.NEXT_ACTION, ahead.get("action", "")),
        ]
        if ahead.get("at"):
            pairs.append(SearchAttributePair(visibility.NEXT_ACTION_AT, datetime.fromisoformat(ahead["at"])))
        return SimpleNamespace(
            status=WorkflowExecutionStatus.RUNNING,
            typed_search_attributes=TypedSearchAttributes(pairs),
            raw_description=SimpleNamespace(pending_activities=()),
        )

    async def query(self, *_asked: object, **_options: object) -> Subscription:
        async with self.engine.connect() as connection:
            found = text("SELECT state FROM subscriptions WHERE id = CAST(:id AS uuid)")
            return state_from_json(dict((await connection.execute(found, {"id": self.subscription})).scalar_one()))


async def note_a_pass(stack: Stack) -> None:
    """Note that a pass has met every agreement within the last day, a shard each hour."""
    connection = await asyncpg.connect(stack.postgres.superuser_url, command_timeout=WRITTEN_WITHIN)
    try:
        await connection.execute("SET session_replication_role = replica; TRUNCATE provider_sightings")
        await connection.execute(_SIGHTINGS, datetime.now(UTC), SHARDS)
        await connection.execute("VACUUM ANALYZE provider_sightings")
    finally:
        await connection.close()
    comparison = Reconciliations(stack.engine)
    for shard in range(SHARDS):
        at = datetime.now(UTC) - timedelta(hours=SHARDS - shard)
        report = RunReport(f"reconcile/{at:%Y%m%dT%H%M%S}", at, heals=True, scope=Scope.PART, shards=(shard,))
        await comparison.end_run(report)


async def reconcile_an_hour(stack: Stack) -> RunReport:
    """Compare what an hourly run does, and keep what differs; nothing is healed.

    Webhooks that never came are not fetched: there are none.
    """
    comparison, rows = Reconciliations(stack.engine), SubscriptionPages(stack.engine)
    agreements = PacedAgreements(CopiedAgreements(stack.engine), FleetCallBudget(stack.engine, CALLS_A_SECOND))
    inspection = Inspection(
        cast("Client", CopiedWorkflows(stack.engine)), agreements, comparison, rows, second_look_delay=0.2
    )
    mails = StuckMailsInspection(stack.client, comparison)
    workflows = RunningWorkflowsInspection(stack.client, inspection)
    pages = Pages(inspection, agreements, comparison, rows, mails, workflows)
    began = datetime.now(UTC)
    planned = plan(began, await comparison.reports(began - timedelta(days=3)))
    report = RunReport(f"reconcile/{began:%Y%m%dT%H%M%S}", began, True, scope=Scope.PART, shards=planned.shards)
    report = await _walked(pages, comparison, part(planned.shards), planned.since, report)
    await comparison.end_run(report)
    await comparison.forget_old()
    return report


async def _walked(
    pages: Pages, comparison: Reconciliations, parts: Parts, since: datetime, report: RunReport
) -> RunReport:
    agreements, subscriptions = 0, 0
    found: dict[str, dict[str, int]] = {}
    for walk in (each for walks in parts for each in walks):
        left = walk
        while not left.is_done:
            page = await pages.page(WalkRequest(left, report.began_at, since))
            await comparison.keep(report.run, [Found(each) for each in page.found])
            for each in page.found:
                of_kind = found.setdefault(each.kind.value, {"listed": 0})
                of_kind["listed"] += 1
            from_provider = left.stages[0].value in ("made", "begun", "agreements")
            agreements += page.compared if from_provider else 0
            subscriptions += 0 if from_provider else page.compared
            left = left.after_page(page.next_cursor)
    return replace(report, agreements=agreements, subscriptions=subscriptions, found=found)
