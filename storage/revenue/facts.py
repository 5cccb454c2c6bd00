"""Writes what a step moves of the revenue, in the statement that writes the step's projection.

Most steps have no facts. Those that have some cost no round trip of their own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Table,
    Uuid,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from domain.revenue.cancellations import CancellationRequest, CancellationResult, cancellation_fact
from domain.revenue.movements import Movement, MovementKind, movements
from domain.revenue.outcomes import OutcomeChanges, is_held_by_operator, outcome_changes
from domain.revenue.recoveries import RecoveryFact, recovery_facts
from domain.subscription.journal import Step
from domain.subscription.state import Subscription
from storage.schema.revenue_tables import cancellations, mrr_movements, recoveries, subscription_outcomes

_OUTCOME, _RECOVERY, _CANCELLATION = "outcome", "recovery", "cancellation"
_NEXT_RECOVERY = "next_recovery"
_MOVEMENT_COLUMNS = tuple(column.name for column in mrr_movements.c if column.name != "recorded_at")
_BEGUN = ("subscription", "sequence", "tenant", "began_at", "is_first_payment", "plan")
_LATEST = ("invoice", "amount", "currency", "decline_code", "tries", "outcome", "ended_at", "by")
"""The columns of a recovery that later steps change."""
# Written out: with a parameter, PostgreSQL does not find the partial index.
_OPEN_ONE = text("outcome = 'open'")
_REQUEST = ("subscription", "sequence", "tenant", "asked_at", "by", "plan", "status", "reason_code", "comment")
_RESULT = ("retained_by", "ended_at")


@dataclass(frozen=True)
class FactsShape:
    """Which facts a step has. Steps of the same shape are written by the same statement."""

    movements: tuple[MovementKind, ...] = ()
    outcome: tuple[str, ...] = ()
    """The columns that change."""
    recovery: str = ""
    """`open`, `ended` or `next`: it ended, and another began; empty: nothing of it has changed."""
    cancellation: str = ""
    """`asked`, `settled` or `instead`: it was undone before, and what was taken instead is known; empty: nothing."""

    def __bool__(self) -> bool:
        return bool(self.movements or self.outcome or self.recovery or self.cancellation)


@dataclass(frozen=True)
class Facts:
    """What a step moves of the revenue, as `recording` writes it."""

    shape: FactsShape = FactsShape()
    values: dict[str, Any] = field(default_factory=dict)
    """By the names of the statement's parameters."""


def facts_of(before: Subscription | None, step: Step) -> Facts:
    """Returns the facts of a step; *before* is what it replaces, None for the first step."""
    after = step.subscription
    at = max((entry.at for entry in step.entries), default=after.created_at)
    found = movements(before, after)
    outcome = outcome_changes(before, step, at)
    recovered = recovery_facts(before, step, at)
    cancellation = cancellation_fact(before, after, outcome)
    values: dict[str, Any] = {}
    for position, movement in enumerate(found):
        values |= _prefixed(_moved(position), movement_row(before, after, at, position, movement))
        if movement.kind is MovementKind.NEW:
            # Of a first payment while it was held nothing has moved: it begins now.
            values[_but_in(position)] = UUID(after.id) if is_held_by_operator(before) else None
    if outcome:
        values |= _prefixed(_OUTCOME, _outcome_row(after, outcome))
    for prefix, recovery in zip((_RECOVERY, _NEXT_RECOVERY), recovered, strict=False):
        values |= _prefixed(prefix, _recovery_row(after, recovery))
    if cancellation is not None:
        values |= _prefixed(_CANCELLATION, _cancellation_row(after, cancellation))
    shape = FactsShape(
        tuple(movement.kind for movement in found),
        tuple(outcome),
        _stage_of(recovered),
        _kind_of(cancellation),
    )
    return Facts(shape, values)


def recording(written: CTE, shape: FactsShape) -> Iterator[CTE]:
    """Returns what writes facts of this shape, if *written* has written their subscription.

    The customer must be locked: whether they had paid before is decided here.
    """
    for position, kind in enumerate(shape.movements):
        yield _record_movement(written, position, kind)
    if shape.outcome:
        yield _record_outcome(written, shape.outcome)
    if shape.recovery:
        yield from _record_recoveries(written, shape.recovery)
    if shape.cancellation == "asked":
        row = _bound(cancellations, _CANCELLATION, (*_REQUEST, *_RESULT))
        yield _insert(cancellations, row, written).on_conflict_do_nothing().cte(_CANCELLATION)
    elif shape.cancellation:
        yield _settle_cancellation(written, was_undone=shape.cancellation == "instead")


def _record_movement(written: CTE, position: int, kind: MovementKind) -> CTE:
    row: dict[str, ColumnElement[Any]] = _bound(mrr_movements, _moved(position), _MOVEMENT_COLUMNS)
    if kind is MovementKind.NEW:
        has_paid = _has_paid(row["customer"], bindparam(_but_in(position), type_=Uuid()))
        row["kind"] = case((has_paid, literal(MovementKind.REACTIVATION.value)), else_=row["kind"])
    return _insert(mrr_movements, row, written).on_conflict_do_nothing().cte(_moved(position))


def _has_paid(customer: ColumnElement[Any], but_in: ColumnElement[Any]) -> ColumnElement[bool]:
    """True if the customer has paid in any life, also in one that ended before movements were recorded.

    Of the life *but_in* movements alone count.
    """
    moved, outcomes = mrr_movements.alias("earlier").c, subscription_outcomes.alias("lives").c
    return or_(
        exists().where(moved.customer == customer, moved.after > 0),
        exists().where(
            outcomes.customer == customer,
            outcomes.first_paid_at.is_not(None),
            outcomes.subscription.is_distinct_from(but_in),
        ),
    )


def _record_outcome(written: CTE, changed: tuple[str, ...]) -> CTE:
    kept = subscription_outcomes.c
    row = _bound(subscription_outcomes, _OUTCOME, ("subscription", "tenant", "customer", *changed))
    statement = _insert(subscription_outcomes, row, written)
    changes: dict[str, ColumnElement[Any]] = {name: statement.excluded[name] for name in changed}
    if "first_paid_at" in changes:
        changes["first_paid_at"] = func.coalesce(kept.first_paid_at, statement.excluded.first_paid_at)
    if "extended_days" in changes:
        changes["extended_days"] = kept.extended_days + statement.excluded.extended_days
    return statement.on_conflict_do_update(index_elements=[kept.subscription], set_=changes).cte(_OUTCOME)


def _record_recoveries(written: CTE, stage: str) -> Iterator[CTE]:
    if stage == "open":
        yield _record_open(written, _RECOVERY)
        return
    kept, row = recoveries.c, _bound(recoveries, _RECOVERY, (*_BEGUN, *_LATEST))
    latest = {name: row[name] for name in _LATEST}
    closed = update(recoveries).where(kept.subscription == written.c.id, _OPEN_ONE).values(latest)
    known = closed.returning(kept.sequence).cte("closed")
    if stage == "next":
        # A subscription has one open at a time: that one is closed first, as the next one asks how many were.
        yield _record_open(written, _NEXT_RECOVERY, select(func.count()).select_from(known).scalar_subquery() >= 0)
        # The step's own number is of the next one.
        row["sequence"] = row["sequence"] - 1
    # It may have begun unrecorded.
    unknown = _insert(recoveries, row, written, ~exists(select(known.c.sequence)))
    yield (unknown.on_conflict_do_nothing() if stage == "next" else unknown).cte(_RECOVERY)


def _record_open(written: CTE, prefix: str, *conditions: ColumnElement[bool]) -> CTE:
    row = _bound(recoveries, prefix, (*_BEGUN, *_LATEST))
    statement = _insert(recoveries, row, written, *conditions)
    latest = {name: statement.excluded[name] for name in _LATEST}
    return statement.on_conflict_do_update(
        index_elements=[recoveries.c.subscription], index_where=_OPEN_ONE, set_=latest
    ).cte(prefix)


def _settle_cancellation(written: CTE, *, was_undone: bool) -> CTE:
    kept, earlier = cancellations.c, cancellations.alias("earlier").c
    latest = select(func.max(earlier.sequence)).where(earlier.subscription == written.c.id).scalar_subquery()
    is_fit = kept.retained_by.is_not(None) if was_undone else kept.retained_by.is_(None)
    result = _bound(cancellations, _CANCELLATION, _RESULT)
    settled = update(cancellations).where(
        kept.subscription == written.c.id, kept.sequence == latest, kept.ended_at.is_(None), is_fit
    )
    return settled.values(result).cte(_CANCELLATION)


def _insert(
    table: Table, row: Mapping[str, ColumnElement[Any]], written: CTE, *conditions: ColumnElement[bool]
) -> Insert:
    values = select(*row.values()).select_from(written).where(*conditions)
    return insert(table).from_select(list(row), values, include_defaults=False)


def _bound(table: Table, prefix: str, columns: Iterable[str]) -> dict[str, ColumnElement[Any]]:
    return {name: bindparam(f"{prefix}_{name}", type_=table.c[name].type) for name in columns}


def _moved(position: int) -> str:
    return f"moved_{position}"


def _but_in(position: int) -> str:
    return f"{_moved(position)}_but_in"


def _prefixed(prefix: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in row.items()}


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
        "from_interval": movement.from_interval,
        "status_before": before.status.value if before is not None else "",
        "status_after": after.status.value,
        "end_kind": movement.end_kind.value if movement.end_kind is not None else None,
        "reason_code": movement.reason_code,
    }


def _outcome_row(it: Subscription, changes: OutcomeChanges) -> dict[str, Any]:
    return {"subscription": UUID(it.id), "tenant": it.tenant, "customer": UUID(it.customer), **changes}


def _recovery_row(it: Subscription, fact: RecoveryFact) -> dict[str, Any]:
    return {
        "subscription": UUID(it.id),
        "sequence": it.sequence,
        "tenant": it.tenant,
        "began_at": fact.began_at,
        "is_first_payment": fact.is_first_payment,
        "invoice": fact.invoice,
        "amount": fact.amount,
        "currency": fact.currency,
        "decline_code": fact.decline_code,
        "tries": fact.tries,
        "outcome": fact.outcome.value,
        "ended_at": fact.ended_at,
        "by": fact.by.value if fact.by is not None else None,
        "plan": fact.plan,
    }


def _stage_of(recovered: Sequence[RecoveryFact]) -> str:
    if not recovered:
        return ""
    if len(recovered) > 1:
        return "next"
    return "open" if recovered[0].ended_at is None else "ended"


def _kind_of(cancellation: CancellationRequest | CancellationResult | None) -> str:
    if cancellation is None:
        return ""
    if isinstance(cancellation, CancellationRequest):
        return "asked"
    return "instead" if cancellation.is_afterthought else "settled"


def _cancellation_row(it: Subscription, fact: CancellationRequest | CancellationResult) -> dict[str, Any]:
    if isinstance(fact, CancellationResult):
        return {"retained_by": fact.retained_by, "ended_at": fact.ended_at}
    return {
        "subscription": UUID(it.id),
        "sequence": it.sequence,
        "tenant": it.tenant,
        "asked_at": fact.asked_at,
        "by": fact.by.value,
        "plan": fact.plan,
        "status": fact.status.value,
        "reason_code": fact.reason_code,
        "comment": fact.comment,
        "retained_by": None,
        "ended_at": fact.ended_at,
    }
