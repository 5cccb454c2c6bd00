"""Writes what a step moves of the revenue, in the step's own transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.revenue.movements import Movement, begins, movements
from domain.revenue.outcomes import OutcomeChanges, outcome_changes
from domain.revenue.recoveries import RecoveryFact, recovery_fact
from domain.subscription.journal import Step
from domain.subscription.state import Subscription
from storage.schema.revenue_tables import mrr_movements, recoveries, subscription_outcomes


async def record(connection: AsyncConnection, before: Subscription | None, step: Step) -> None:
    """Records the facts of a step that was just written; *before* is what it has replaced, None for the first.

    The customer must be locked: whether they had paid before is decided here. Most steps have none and cost nothing.
    """
    at = max((entry.at for entry in step.entries), default=step.subscription.created_at)
    await _record_movements(connection, before, step, at)
    await _record_outcome(connection, step.subscription, outcome_changes(before, step, at))
    await _record_recovery(connection, step.subscription, recovery_fact(before, step, at))


async def _record_movements(connection: AsyncConnection, before: Subscription | None, step: Step, at: datetime) -> None:
    after = step.subscription
    had_paid = begins(before, after) and await _has_paid(connection, after.customer)
    found = movements(before, after, had_paid_before=had_paid)
    if found:
        rows = [movement_row(before, after, at, position, each) for position, each in enumerate(found)]
        await connection.execute(insert(mrr_movements).values(rows).on_conflict_do_nothing())


async def _has_paid(connection: AsyncConnection, customer: str) -> bool:
    """True if the customer has paid in any life, also in one that ended before movements were recorded."""
    moved, outcomes = mrr_movements.c, subscription_outcomes.c
    whose = UUID(customer)
    paid = or_(
        exists().where(moved.customer == whose, moved.after > 0),
        exists().where(outcomes.customer == whose, outcomes.first_paid_at.is_not(None)),
    )
    return bool((await connection.execute(select(paid))).scalar_one())


def movement_row(
    before: Subscription | None, after: Subscription, at: datetime, position: int, movement: Movement
) -> dict[str, Any]:
    """The row of a movement of *after* at *position* within its step."""
    of = movement.of
    return {
        "subscription": UUID(after.id),
        "sequence": after.sequence,
        "position": position,
        "tenant": after.tenant,
        "customer": UUID(after.customer),
        "at": at,
        "kind": movement.kind.value,
        "delta": movement.delta,
        "before": movement.before,
        "after": movement.after,
        "currency": movement.currency,
        "plan": of.plan,
        "interval": of.interval.value,
        "quantity": of.quantity,
        "add_ons": of.add_ons,
        "catalog": of.catalog,
        "from_plan": movement.from_plan,
        "status_before": before.status.value if before is not None else "",
        "status_after": after.status.value,
        "end_kind": movement.end_kind.value if movement.end_kind is not None else None,
        "reason_code": movement.reason_code,
    }


async def _record_outcome(connection: AsyncConnection, it: Subscription, changes: OutcomeChanges) -> None:
    if not changes:
        return
    kept = subscription_outcomes.c
    statement = insert(subscription_outcomes).values(
        subscription=UUID(it.id), tenant=it.tenant, customer=UUID(it.customer), **changes
    )
    changed: dict[str, ColumnElement[Any]] = {name: statement.excluded[name] for name in changes}
    if "first_paid_at" in changed:
        changed["first_paid_at"] = func.coalesce(kept.first_paid_at, statement.excluded.first_paid_at)
    if "extended_days" in changed:
        changed["extended_days"] = kept.extended_days + statement.excluded.extended_days
    await connection.execute(statement.on_conflict_do_update(index_elements=[kept.subscription], set_=changed))


async def _record_recovery(connection: AsyncConnection, it: Subscription, fact: RecoveryFact | None) -> None:
    if fact is None:
        return
    first: dict[str, Any] = {"began_at": fact.began_at, "is_first_payment": fact.is_first_payment}
    latest: dict[str, Any] = {
        "invoice": fact.invoice,
        "amount": fact.amount,
        "currency": fact.currency,
        "decline_code": fact.decline_code,
        "tries": fact.tries,
        "outcome": fact.outcome.value,
        "ended_at": fact.ended_at,
        "by": fact.by.value if fact.by is not None else None,
    }
    begun = {"subscription": UUID(it.id), "sequence": it.sequence, "tenant": it.tenant}
    # Written out: with a parameter, PostgreSQL does not find the partial index.
    open_one = text("outcome = 'open'")
    closing = (
        recoveries.update().where(recoveries.c.subscription == UUID(it.id), open_one).values(latest)
        if fact.ended_at is not None
        else insert(recoveries)
        .values(begun | first | latest)
        .on_conflict_do_update(index_elements=[recoveries.c.subscription], index_where=open_one, set_=latest)
    )
    await connection.execute(closing)
