"""Notes what operators did in the past in the audit, as the API does: who asks, and what came of it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import ActorKind, AuditOutcome, reference_to
from domain.errors import TenureError
from domain.names import DEFAULT_TENANT
from domain.subscription.state import Subscription
from sandbox.crowd.acts import Deed
from sandbox.crowd.past_life import PastLife
from storage.access.audit import SUBSCRIPTION
from storage.access.operators import Operator
from storage.db.engine import transaction
from storage.schema.audit_tables import audit, audit_details

ACTIONS: Mapping[Deed, str] = {
    Deed.DISMISS: "cancelSubscription",
    Deed.EXTEND: "extendTrial",
    Deed.SUSPEND: "suspendSubscription",
    Deed.REACTIVATE: "reactivateSubscription",
}
"""What operators do, by the operation's id."""


@dataclass(frozen=True)
class Support:
    """An operator who acted in the past."""

    engine: AsyncEngine
    operator: Operator

    @property
    def actor(self) -> str:
        """How the journal names them."""
        return f"{self.operator.role} {self.operator.id}"

    @asynccontextmanager
    async def acting(self, life: PastLife, deed: Deed, key: str, reason: str) -> AsyncIterator[str]:
        """Note a command, and then what comes of the block; yields what stands for the reason."""
        id_, row = uuid4(), self._row(life, ACTIONS[deed], key)
        before = _shown(await life.state())
        await self._add(row | {"id": id_, "outcome": AuditOutcome.ASKED}, life.now, reason=reason, before=before)
        row |= {"settles": id_}
        try:
            yield reference_to(id_)
        except TenureError as error:
            await self._add(row | {"outcome": AuditOutcome.REFUSED, "code": error.code}, life.now)
            raise
        after = _shown(await life.state())
        await self._add(row | {"outcome": AuditOutcome.DONE}, life.now, after=after)

    def _row(self, life: PastLife, action: str, key: str) -> dict[str, Any]:
        return {
            "tenant": DEFAULT_TENANT,
            "actor_kind": ActorKind.OPERATOR,
            "actor": self.operator.id,
            "actor_role": self.operator.role,
            "action": action,
            "target_kind": SUBSCRIPTION,
            "target": life.subscription,
            "request_id": uuid4().hex,
            "key": key,
            "code": "",
        }

    async def _add(self, row: dict[str, Any], at: datetime, **details: object) -> None:
        id_: UUID = row.get("id") or uuid4()
        async with transaction(self.engine, DEFAULT_TENANT) as connection:
            await connection.execute(insert(audit).values(row | {"id": id_, "at": at}))
            if details:
                await connection.execute(insert(audit_details).values(audit_id=id_, tenant=DEFAULT_TENANT, **details))


def _shown(it: Subscription) -> dict[str, object]:
    return {
        "status": it.status.value,
        "access": it.access.value,
        "plan": it.plan,
        "interval": it.interval.value,
        "quantity": it.quantity,
        "amount": it.amount,
        "currency": it.currency,
        "trial_ends_at": it.trial_ends_at.isoformat() if it.trial_ends_at else None,
        "period_end": it.period_end.isoformat() if it.period_end else None,
    }
