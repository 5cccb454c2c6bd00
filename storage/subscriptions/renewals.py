"""Records renewals where they are read: the renewals port on PostgreSQL."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events.ports import DeliveryAnnouncer
from domain.notifications.ports import QueuedMail
from domain.subscription.journal import Cause, CauseKind, Entry, Step
from domain.subscription.renewals import ExpectedRenewal, RecordedStep
from storage.db.codec import state_from_json
from storage.db.engine import transaction
from storage.schema.tables import journal, subscriptions
from storage.subscriptions.step_mails import all_queued
from storage.subscriptions.trials import TrialKey
from storage.subscriptions.write_model import locked, write

_ENTRY: Final = ("kind", "at", "summary", "cause_kind", "cause_ref", "cause_actor", "details")
_LATEST_STEP: Final = (
    select(subscriptions.c.state, *(journal.c[name] for name in _ENTRY))
    .outerjoin_from(
        subscriptions,
        journal,
        and_(
            journal.c.subscription == subscriptions.c.id,
            journal.c.sequence == subscriptions.c.sequence,
            journal.c.position == 0,
        ),
    )
    .where(subscriptions.c.id == bindparam("subscription"))
)
"""Built once, as every renewal reads it."""


class RenewalRecords:
    """Implements `domain.subscription.ports.RenewalRecords`."""

    def __init__(self, engine: AsyncEngine, trial_key: TrialKey, announcer: DeliveryAnnouncer | None = None) -> None:
        self._engine = engine
        self._trial_key = trial_key
        self._announcer = announcer

    async def save_renewal(self, step: Step, expected: ExpectedRenewal) -> Sequence[QueuedMail] | None:
        async with transaction(self._engine) as connection:
            stored = await locked(connection, step.subscription)
            if stored is None or stored.erased_at is not None or stored.is_signing_up:
                return None
            before = state_from_json(stored.state)
            if not expected.follows(before):
                return None
            waiting, begun = await write(connection, step, before, self._trial_key)
        if self._announcer is not None:
            self._announcer.announce(begun)
        return waiting

    async def latest_step(self, subscription: str) -> RecordedStep | None:
        async with transaction(self._engine) as connection:
            row = (await connection.execute(_LATEST_STEP, {"subscription": UUID(subscription)})).one_or_none()
        if row is None:
            return None
        state = state_from_json(row.state)
        if row.kind is None:
            return RecordedStep(state, None)
        cause = Cause(CauseKind(row.cause_kind), row.cause_ref, row.cause_actor)
        return RecordedStep(state, Entry(row.kind, row.at, row.summary, cause, row.details))

    async def waiting_mails(self, subscription: str) -> Sequence[QueuedMail]:
        async with transaction(self._engine) as connection:
            return await all_queued(connection, subscription)
