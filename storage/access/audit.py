"""The audit on PostgreSQL: a row when a command is asked for, and one when its outcome is known."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, Select, Table, Uuid, and_, case, cast, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.audit import Actor, ActorKind, AuditedCommand, AuditEntry, AuditOutcome, AuditTarget, reference_to
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.db.walks import Ordered, read_once, walk
from storage.schema.audit_tables import audit, audit_details
from storage.schema.tables import customers, journal, subscriptions

SUBSCRIPTION, CUSTOMER = "subscription", "customer"
_SUBSCRIPTION = (
    "status",
    "access",
    "plan",
    "interval",
    "quantity",
    "add_ons",
    "amount",
    "currency",
    "trial_ends_at",
    "period_end",
    "cancel_at",
    "resumes_at",
)
_CUSTOMER = ("email", "name", "timezone", "locale", "metadata")
_KEPT_OF: dict[str, tuple[Table, tuple[str, ...]]] = {
    SUBSCRIPTION: (subscriptions, _SUBSCRIPTION),
    CUSTOMER: (customers, _CUSTOMER),
}
"""What of a target is kept from before and after a command."""


_IT = audit.c
_KEYS = Keyset(_IT.at, _IT.id)


@dataclass(frozen=True)
class AuditFilter:
    """Which entries; None means any."""

    target: str | None = None
    action: str | None = None
    actor: str | None = None

    def indexed(self) -> list[ColumnElement[bool]]:
        """What an index can tell."""
        return [_IT.target == self.target] if self.target is not None else []

    def compared(self) -> list[tuple[ColumnElement[str], str | None]]:
        """What each row is compared with."""
        return [(_IT.action, self.action), (_IT.actor, self.actor)]


class AuditLog:
    """Adds entries and finds them. Nothing is ever changed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self, command: AuditedCommand) -> UUID:
        """Notes that a command is asked for, before it is sent. Returns the entry's id.

        Raises:
            GatewayUnavailable: it is not noted, so the command must not be sent.
        """
        async with transaction(self._engine, command.tenant) as connection:
            before = await _standing(connection, command.target)
            return await _add(connection, command, AuditOutcome.ASKED, before=before)

    async def note(self, command: AuditedCommand, outcome: AuditOutcome, code: str = "") -> None:
        """Notes a command whose outcome is known at once."""
        async with transaction(self._engine, command.tenant) as connection:
            await note(connection, command, outcome, code)

    async def settle(
        self,
        asked: UUID,
        command: AuditedCommand,
        outcome: AuditOutcome,
        code: str = "",
        noted: Mapping[str, object] | None = None,
    ) -> None:
        """Notes what came of a command; *command* may name a target that was not known when it was asked for.

        *noted* is what it has done, beside the target's own state after it.
        """
        async with transaction(self._engine, command.tenant) as connection:
            now = await _standing(connection, command.target) if outcome is AuditOutcome.DONE else None
            if noted:
                now = {**(now or {}), **noted}
            plain = replace(command, reason="", address="")
            await _add(connection, plain, outcome, code, settles=asked, after=now)

    async def find(self, tenant: str, wanted: AuditFilter, page: PageRequest) -> Cut[AuditEntry]:
        """One page of the entries, which may end early.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        rest = [column == value for column, value in wanted.compared() if value is not None]
        ordered = Ordered(_KEYS, page, [[_IT.tenant == tenant, _IT.settles.is_(None), *wanted.indexed()]])
        async with listing(self._engine, tenant) as connection:
            if rest:
                return await walk(connection, ordered, lambda ids: _rows(connection, page, ids, *rest), _position)
            return cut(page, await _rows(connection, page, ordered.ids(limit=page.limit + 1)), _position)

    async def reason_of(self, subscription: str, key: str) -> str:
        """Returns what stands for the reason of a command to a subscription; empty: it is not here."""
        wanted = select(_IT.id).where(_IT.target == subscription, _IT.key == key, _IT.settles.is_(None))
        async with transaction(self._engine) as connection:
            found = (await connection.execute(wanted.order_by(_IT.at.desc()).limit(1))).scalar()
        return "" if found is None else reference_to(found)

    async def settle_left(self, older_than: timedelta, *, limit: int = 500) -> int:
        """Settles what the process that sent it never did. Returns how many were settled; across all tenants.

        A command that the journal knows by its key was carried out. Of others nobody can say.
        """
        it, later = audit.c, audit.alias("later").c
        # By the subscription, of which there is an index.
        subscription = case((and_(it.target_kind == SUBSCRIPTION, it.target != ""), cast(it.target, Uuid)))
        known = select(journal.c.subscription).where(
            journal.c.tenant == it.tenant,
            journal.c.subscription == subscription,
            journal.c.cause_ref == it.key,
            it.key != "",
        )
        left = (
            select(audit, known.exists().label("is_known"))
            .where(
                it.outcome == AuditOutcome.ASKED.value,
                it.at < func.now() - older_than,
                it.at > func.now() - older_than - _GIVEN_UP_AFTER,
                ~select(later.id).where(later.settles == it.id).exists(),
            )
            .order_by(it.at)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(left)).all()
            for row in rows:
                outcome = AuditOutcome.DONE if row.is_known else AuditOutcome.UNKNOWN
                code = "" if row.is_known else "not_settled"
                await _add(connection, _command(row), outcome, code, settles=row.id)
        return len(rows)


async def note(connection: AsyncConnection, command: AuditedCommand, outcome: AuditOutcome, code: str = "") -> None:
    """Notes a command whose outcome is known, in the transaction of what came of it."""
    after = await _standing(connection, command.target) if outcome is AuditOutcome.DONE else None
    await _add(connection, command, outcome, code, after=after)


_GIVEN_UP_AFTER = timedelta(days=2)
"""The sweep looks no further back: it comes every minute."""


async def _add(
    connection: AsyncConnection,
    command: AuditedCommand,
    outcome: AuditOutcome,
    code: str = "",
    *,
    settles: UUID | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> UUID:
    id_ = uuid4()
    row = {
        "id": id_,
        "tenant": command.tenant,
        "actor_kind": command.actor.kind.value,
        "actor": command.actor.id,
        "actor_role": command.actor.role,
        "action": command.action,
        "target_kind": command.target.kind,
        "target": command.target.id,
        "request_id": command.request_id,
        "key": command.key,
        "outcome": outcome.value,
        "code": code,
        "settles": settles,
    }
    # The moment at which it is written: two rows of one transaction are in order.
    await connection.execute(insert(audit).values(at=func.clock_timestamp(), **row))
    details = {"reason": command.reason or None, "address": command.address or None, "before": before, "after": after}
    given = {name: value for name, value in details.items() if value is not None}
    if given:
        await connection.execute(insert(audit_details).values(audit_id=id_, tenant=command.tenant, **given))
    return id_


async def _standing(connection: AsyncConnection, target: AuditTarget) -> Mapping[str, object] | None:
    """What there is of the target now, if it is a subscription or a customer."""
    kept = _KEPT_OF.get(target.kind)
    if kept is None or not target.id:
        return None
    table, names = kept
    shown = [part for name in names for part in (literal(name), table.c[name])]
    wanted = select(func.jsonb_build_object(*shown)).where(table.c.id == UUID(target.id))
    found: Mapping[str, object] | None = (await connection.execute(wanted)).scalar()
    return found


async def _rows(
    connection: AsyncConnection, page: PageRequest, ids: Select[Any], *rest: ColumnElement[bool]
) -> list[AuditEntry]:
    """The first of these rows that meet the conditions, one more than the page holds; each with its outcome."""
    among, settled = read_once(ids), audit.alias("settled").c
    outcome = (
        select(settled.id, settled.outcome, settled.code, settled.at, settled.target)
        .where(settled.settles == _IT.id)
        .order_by(settled.at)
        .limit(1)
        .lateral("outcome")
    )
    asked, told = audit_details.alias("asked_details"), audit_details.alias("told_details")
    # What was noted once it was done has its outcome itself. With COALESCE, which row-level security takes for leaky,
    # the details of all tenants would be read.
    tells = case((outcome.c.id.is_(None), _IT.id), else_=outcome.c.id)
    found = (
        select(
            audit,
            outcome.c.outcome.label("settled_outcome"),
            outcome.c.code.label("settled_code"),
            outcome.c.at.label("settled_at"),
            outcome.c.target.label("settled_target"),
            asked.c.reason,
            asked.c.address,
            asked.c.before,
            told.c.after,
        )
        .select_from(among)
        .join(audit, and_(_IT.id == among.c.id, _IT.at == among.c.created))
        .outerjoin(outcome, literal(True))
        .outerjoin(asked, asked.c.audit_id == _IT.id)
        .outerjoin(told, told.c.audit_id == tells)
        .where(*rest)
        .order_by(*_KEYS.order(page.sort))
        .limit(page.limit + 1)
    )
    return [_entry(row) for row in await connection.execute(found)]


def _position(entry: AuditEntry) -> Position:
    return Position(entry.at, entry.id)


def _command(row: Row[Any]) -> AuditedCommand:
    actor = Actor(ActorKind(row.actor_kind), row.actor, row.actor_role)
    return AuditedCommand(
        row.tenant, actor, row.action, AuditTarget(row.target_kind, row.target), row.request_id, row.key
    )


def _entry(row: Row[Any]) -> AuditEntry:
    outcome = AuditOutcome(row.settled_outcome or row.outcome)
    command = _command(row)
    return AuditEntry(
        str(row.id),
        row.at,
        command.actor,
        command.action,
        AuditTarget(row.target_kind, row.settled_target or row.target),
        row.request_id,
        outcome,
        row.settled_code if row.settled_outcome is not None else row.code,
        row.settled_at if row.settled_outcome is not None else None if outcome is AuditOutcome.ASKED else row.at,
        row.reason,
        row.address,
        row.before,
        row.after,
    )
