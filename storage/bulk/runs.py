"""Bulk runs in PostgreSQL: fixed with their rows in one transaction, and each row's outcome written once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import Actor, ActorKind, AuditedCommand, AuditOutcome, AuditTarget, references_in
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.ports import RowResult
from domain.bulk.previews import Verdict
from domain.bulk.runs import BulkRow, BulkRun, NewRun, RowOutcome, RunState, Tally, command_key, unknown_run
from domain.names import bulk_workflow_id
from domain.subscription.commands import CancelAt
from storage.access.audit import SUBSCRIPTION, note
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.schema.audit_tables import audit_details
from storage.schema.bulk_tables import bulk_rows, bulk_runs

_RUN, _ROW = bulk_runs.c, bulk_rows.c
_RUN_KEYS = Keyset(_RUN.created_at, _RUN.id)
OPERATIONS: Mapping[ActionKind, str] = {
    ActionKind.EXTEND_TRIAL: "extendTrial",
    ActionKind.SUSPEND: "suspendSubscription",
    ActionKind.REACTIVATE: "reactivateSubscription",
    ActionKind.CANCEL: "cancelSubscription",
    ActionKind.UNCANCEL: "uncancelSubscription",
    ActionKind.MIGRATE_POLICY: "migratePolicy",
    ActionKind.RETRY_MAILS: "retryMail",
}
"""What the audit calls a row's command: the operation that would have been called for it alone."""
OVER = [state.value for state in RunState if state.is_over]
_AUDITED: Mapping[RowOutcome, AuditOutcome] = {
    RowOutcome.DONE: AuditOutcome.DONE,
    RowOutcome.REFUSED: AuditOutcome.REFUSED,
    RowOutcome.UNKNOWN: AuditOutcome.UNKNOWN,
}


class BulkRuns:
    """Implements `domain.bulk.ports.BulkRecords`, and what the API reads of runs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def create(self, run: NewRun, chosen: Sequence[Verdict]) -> bool:
        """Fix a run and its rows; those that refuse now have that as their outcome. False if the run is there."""
        values = {
            "id": UUID(run.id),
            "tenant": run.tenant,
            "action": run.action.kind.value,
            "parameters": _parameters(run.action),
            "filter": dict(run.filter),
            "inverse_of": UUID(run.inverse_of) if run.inverse_of is not None else None,
            "actor_kind": run.actor.kind.value,
            "actor": run.actor.id,
            "actor_role": run.actor.role,
            "reference": run.reference,
            "rate": run.rate,
        }
        made = upsert(bulk_runs).values(values).on_conflict_do_nothing().returning(_RUN.id)
        async with transaction(self._engine, run.tenant) as connection:
            if (await connection.execute(made)).first() is None:
                return False
            rows = [_row_values(run, position, each) for position, each in enumerate(chosen, 1)]
            if rows:
                await connection.execute(insert(bulk_rows), rows)
            refused = update(bulk_rows).where(_ROW.run == UUID(run.id), _ROW.outcome.is_not(None))
            await connection.execute(refused.values(at=func.now()))
        return True

    async def get(self, tenant: str, run: str) -> BulkRun:
        """Return a run of a tenant.

        Raises:
            Rejected: code `unknown_bulk_run`.
        """
        async with transaction(self._engine, tenant) as connection:
            found = await _runs(connection, _selected().where(_RUN.tenant == tenant, _RUN.id == _id_of(run)))
        if not found:
            raise unknown_run(run)
        return found[0]

    async def find(self, tenant: str, page: PageRequest) -> Cut[BulkRun]:
        """Return one page of a tenant's runs.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        wanted = _selected().where(_RUN.tenant == tenant, *_RUN_KEYS.conditions(page))
        wanted = wanted.order_by(*_RUN_KEYS.order(page.sort)).limit(page.limit + 1)
        async with listing(self._engine, tenant) as connection:
            return cut(page, await _runs(connection, wanted), lambda run: Position(run.created_at, run.id))

    async def rows(self, run: BulkRun, *, after: int, limit: int, outcome: RowOutcome | None = None) -> list[BulkRow]:
        """Return the rows behind a position, in order, one more than *limit* if there are more."""
        wanted = select(bulk_rows).where(_ROW.run == UUID(run.id), _ROW.position > after)
        if outcome is not None:
            wanted = wanted.where(_ROW.outcome == outcome.value)
        async with listing(self._engine, run.tenant) as connection:
            found = await connection.execute(wanted.order_by(_ROW.position).limit(limit + 1))
            return [_row(each) for each in found]

    async def subscriptions_done(self, run: BulkRun) -> Sequence[UUID]:
        """Return the subscriptions for which a run was carried out, in its order."""
        wanted = select(_ROW.subscription).where(_ROW.run == UUID(run.id), _ROW.outcome == RowOutcome.DONE.value)
        async with transaction(self._engine, run.tenant) as connection:
            return list((await connection.execute(wanted.order_by(_ROW.position))).scalars())

    async def enter(self, run: str, state: RunState, tenant: str | None = None) -> Tally:
        id_ = UUID(run)
        ends = {"ended_at": func.coalesce(_RUN.ended_at, func.now())} if state.is_over else {}
        # Who has stopped it may have found no workflow, just before one began.
        goes_on = update(bulk_runs).where(_RUN.id == id_, _RUN.state.not_in(OVER))
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(goes_on.values(state=state.value, **ends))
            if state is RunState.STOPPED:
                left = update(bulk_rows).where(_ROW.run == id_, _ROW.outcome.is_(None))
                await connection.execute(left.values(outcome=RowOutcome.SKIPPED.value, at=func.now()))
            return await _tally(connection, id_)

    # What the workers need, across tenants

    async def run_of(self, run: str) -> BulkRun:
        async with transaction(self._engine) as connection:
            found = await _runs(connection, _selected().where(_RUN.id == _id_of(run)))
        if not found:
            raise unknown_run(run)
        return found[0]

    async def waiting(self, run: str, *, limit: int) -> Sequence[BulkRow]:
        wanted = select(bulk_rows).where(_ROW.run == UUID(run), _ROW.outcome.is_(None))
        async with transaction(self._engine) as connection:
            return [_row(each) for each in await connection.execute(wanted.order_by(_ROW.position).limit(limit))]

    async def settle(self, run: BulkRun, row: BulkRow, result: RowResult) -> bool:
        settled = (
            update(bulk_rows)
            .where(_ROW.run == UUID(run.id), _ROW.subscription == UUID(row.subscription), _ROW.outcome.is_(None))
            .values(outcome=result.outcome.value, code=result.code, at=func.now())
            .returning(_ROW.position)
        )
        async with transaction(self._engine, run.tenant) as connection:
            if (await connection.execute(settled)).first() is None:
                return False
            await note(connection, _command(run, row), _AUDITED[result.outcome], result.code)
        return True

    async def tally(self, run: str) -> Tally:
        async with transaction(self._engine) as connection:
            return await _tally(connection, UUID(run))


def _parameters(action: BulkAction) -> dict[str, object]:
    return {name: value for name, value in asdict(action).items() if name != "kind"}


def _action(kind: str, parameters: Mapping[str, Any]) -> BulkAction:
    return BulkAction(ActionKind(kind), **{**parameters, "at": CancelAt(parameters["at"])})


def _row_values(run: NewRun, position: int, chosen: Verdict) -> dict[str, object]:
    return {
        "run": UUID(run.id),
        "subscription": UUID(chosen.subscription),
        "tenant": run.tenant,
        "position": position,
        "status": chosen.status,
        "outcome": None if chosen.would_be_done else RowOutcome.REFUSED.value,
        "code": chosen.code,
    }


def _command(run: BulkRun, row: BulkRow) -> AuditedCommand:
    """A row's command, of which the run is the cause."""
    return AuditedCommand(
        run.tenant,
        run.actor,
        OPERATIONS[run.action.kind],
        AuditTarget(SUBSCRIPTION, row.subscription),
        bulk_workflow_id(run.id),
        command_key(run.id, row.subscription),
    )


def _selected() -> Select[Any]:
    return select(bulk_runs)


async def _runs(connection: AsyncConnection, wanted: Select[Any]) -> list[BulkRun]:
    """The runs with their counts and reasons."""
    rows = (await connection.execute(wanted)).all()
    ids = [row.id for row in rows]
    counted = select(_ROW.run, _ROW.outcome, _ROW.code, func.count().label("number")).where(_ROW.run.in_(ids))
    counts = (await connection.execute(counted.group_by(_ROW.run, _ROW.outcome, _ROW.code))).all() if ids else []
    reasons = await _reasons(connection, [row.reference for row in rows])
    return [_run(row, [each for each in counts if each.run == row.id], reasons) for row in rows]


async def _reasons(connection: AsyncConnection, references: Sequence[str]) -> Mapping[UUID, str]:
    wanted = references_in(references)
    if not wanted:
        return {}
    found = select(audit_details.c.audit_id, audit_details.c.reason).where(audit_details.c.audit_id.in_(wanted))
    return {row.audit_id: row.reason or "" for row in await connection.execute(found)}


async def _tally(connection: AsyncConnection, run: UUID) -> Tally:
    counted = select(_ROW.outcome, func.count().label("number")).where(_ROW.run == run).group_by(_ROW.outcome)
    return _tally_of((await connection.execute(counted)).all())


def _tally_of(counts: Sequence[Row[Any]]) -> Tally:
    summed: dict[str, int] = {}
    for each in counts:
        name = each.outcome or "waiting"
        summed[name] = summed.get(name, 0) + each.number
    return Tally(**summed)


def _run(row: Row[Any], counts: Sequence[Row[Any]], reasons: Mapping[UUID, str]) -> BulkRun:
    refused = {each.code: each.number for each in counts if each.outcome == RowOutcome.REFUSED.value}
    [reason] = [reasons.get(each, "") for each in references_in([row.reference])] or [""]
    return BulkRun(
        id=str(row.id),
        tenant=row.tenant,
        action=_action(row.action, row.parameters),
        filter=row.filter,
        inverse_of=str(row.inverse_of) if row.inverse_of is not None else None,
        actor=Actor(ActorKind(row.actor_kind), row.actor, row.actor_role),
        reference=row.reference,
        rate=row.rate,
        state=RunState(row.state),
        tally=_tally_of(counts),
        created_at=row.created_at,
        reason=reason,
        refused=dict(sorted(refused.items(), key=lambda pair: (-pair[1], pair[0]))),
        ended_at=row.ended_at,
    )


def _row(found: Row[Any]) -> BulkRow:
    outcome = RowOutcome(found.outcome) if found.outcome is not None else None
    return BulkRow(found.position, str(found.subscription), found.status, outcome, found.code, found.at)


def _id_of(run: str) -> UUID:
    try:
        return UUID(run)
    except ValueError:
        raise unknown_run(run) from None
