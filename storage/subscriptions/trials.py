"""Who has had a trial: one row per mark of each trial, under a unique key."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.notifications.mailboxes import canonical_mail
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.trial import used
from storage.db.engine import transaction
from storage.schema.tables import customers, trials


def digest(tenant: str, mark: TrialMark, value: str) -> str:
    """Stored in place of the value: the same for equal values within a tenant only."""
    return hashlib.sha256("\0".join((tenant, mark.value, value)).encode()).hexdigest()


def marks_of_customer(tenant: str, external_id: str, email: str) -> dict[TrialMark, str]:
    """The digests by which a customer is known."""
    values = {TrialMark.CUSTOMER: external_id, TrialMark.EMAIL: canonical_mail(email)}
    return {mark: digest(tenant, mark, value) for mark, value in values.items()}


class Trials:
    """Finds out who has had a trial."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def used(
        self, *, tenant: str, external_id: str, email: str, one_per: Sequence[TrialMark], besides: str | None = None
    ) -> TrialMark | None:
        """The first mark under which the customer has had a trial, other than that of subscription *besides*."""
        marks = marks_of_customer(tenant, external_id, email)
        found = select(trials.c.kind).where(
            trials.c.tenant == tenant,
            tuple_(trials.c.kind, trials.c.digest).in_([(mark.value, marks[mark]) for mark in marks]),
        )
        if besides is not None:
            found = found.where(trials.c.subscription != UUID(besides))
        async with transaction(self._engine) as connection:
            taken = set((await connection.execute(found)).scalars())
        return next((mark for mark in one_per if mark.value in taken), None)


async def keep_marks(connection: AsyncConnection, step: Step) -> None:
    """Records the marks of a trial with the step that starts it, or of a card with the step that brings it.

    Marks that no rule asks for are recorded too, so that a later rule finds them.

    Raises:
        Rejected: code `trial_used`; the step must not be written.
    """
    it = step.subscription
    marks = _marks_of_card(step)
    if step.trial is not None:
        marks |= await _marks_of_customer(connection, step)
    if not marks:
        return
    at = step.entries[-1].at if step.entries else it.created_at
    rows = [
        {"tenant": it.tenant, "kind": mark.value, "digest": marks[mark], "subscription": UUID(it.id), "at": at}
        for mark in TrialMark  # always in this order, to avoid deadlocks
        if mark in marks
    ]
    kept = insert(trials).values(rows).on_conflict_do_nothing().returning(trials.c.kind)
    fresh = set((await connection.execute(kept)).scalars())
    taken = marks.keys() - {TrialMark(kind) for kind in fresh}
    refused = next((mark for mark in step.trial.one_per if mark in taken), None) if step.trial else None
    if refused is not None:
        raise used(refused)


async def keep_mark_of_address(connection: AsyncConnection, tenant: str, external_id: str, email: str) -> None:
    """Records the customer's new address for the trial they had."""
    marks = marks_of_customer(tenant, external_id, email)
    had = select(
        literal(tenant),
        literal(TrialMark.EMAIL.value),
        literal(marks[TrialMark.EMAIL]),
        trials.c.subscription,
        func.now(),
    ).where(
        trials.c.tenant == tenant,
        trials.c.kind == TrialMark.CUSTOMER.value,
        trials.c.digest == marks[TrialMark.CUSTOMER],
    )
    columns = ["tenant", "kind", "digest", "subscription", "at"]
    await connection.execute(insert(trials).from_select(columns, had).on_conflict_do_nothing())


async def _marks_of_customer(connection: AsyncConnection, step: Step) -> dict[TrialMark, str]:
    it = step.subscription
    named = select(customers.c.external_id, customers.c.email).where(customers.c.id == UUID(it.customer))
    row = (await connection.execute(named)).one()
    return marks_of_customer(it.tenant, row.external_id, row.email)


def _marks_of_card(step: Step) -> dict[TrialMark, str]:
    """None without a trial: a paid start is `trialing` too until its first payment."""
    it = step.subscription
    is_on_trial = it.status is Status.TRIALING and it.trial_ends_at is not None
    if it.card is None or not it.card.fingerprint or not is_on_trial:
        return {}
    return {TrialMark.CARD: digest(it.tenant, TrialMark.CARD, it.card.fingerprint)}
