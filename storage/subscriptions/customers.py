"""Customers who sign up, and who of them has had a trial. The only place with names and addresses."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.customers import Contact
from domain.notifications.mailboxes import canonical_mail
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.trial import used
from storage.db.engine import transaction
from storage.schema.tables import customers, subscriptions, trials

NEW_CUSTOMER = {"timezone": "UTC", "locale": "en"}


@dataclass(frozen=True)
class CustomerRow:
    """What we know of a customer."""

    id: str
    external_id: str
    email: str
    name: str | None
    timezone: str
    locale: str
    metadata: Mapping[str, str]


def contact_of(row: Row[Any]) -> Contact:
    return Contact(
        customer=str(row.id),
        external_id=row.external_id,
        email=row.email,
        name=row.name,
        timezone=row.timezone,
        locale=row.locale,
        customer_ref=row.customer_ref or "",
    )


class Customers:
    """Finds and stores customers."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def upsert(
        self,
        *,
        tenant: str,
        external_id: str,
        email: str,
        name: str | None = None,
        timezone: str | None = None,
        locale: str | None = None,
        metadata: Mapping[str, str] | None = None,
        signing_up: str | None = None,
    ) -> str:
        """Stores a customer, new or known by their external id, and returns our id.

        None keeps the current value; for a new customer it means UTC, English and no metadata. *signing_up* is the
        subscription they ask for: the customer stays until that sign-up is refused or completed.
        """
        given = {"name": name, "timezone": timezone, "locale": locale, "metadata": dict(metadata) if metadata else None}
        values = {"email": email} | {column: value for column, value in given.items() if value is not None}
        asked_for = [] if signing_up is None else [UUID(signing_up)]
        statement = (
            insert(customers)
            .values(id=uuid4(), tenant=tenant, external_id=external_id, signing_up=asked_for, **NEW_CUSTOMER | values)
            .on_conflict_do_update(
                index_elements=[customers.c.tenant, customers.c.external_id],
                set_=values | {"signing_up": customers.c.signing_up + asked_for},
            )
            .returning(customers.c.id)
        )
        async with transaction(self._engine) as connection:
            return str((await connection.execute(statement)).scalar_one())

    async def get(self, *, tenant: str, external_id: str) -> CustomerRow | None:
        """What we know of a customer; None if there is no such customer."""
        shown = [customers.c[one.name] for one in fields(CustomerRow)]
        found = select(*shown).where(customers.c.tenant == tenant, customers.c.external_id == external_id)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(found)).one_or_none()
        return None if row is None else CustomerRow(str(row[0]), *row[1:])

    async def id_of(self, *, tenant: str, external_id: str) -> str | None:
        """Our id for a customer; None if there is no such customer."""
        found = select(customers.c.id).where(customers.c.tenant == tenant, customers.c.external_id == external_id)
        async with transaction(self._engine) as connection:
            id_: UUID | None = (await connection.execute(found)).scalar()
        return None if id_ is None else str(id_)

    async def live_subscription(self, *, tenant: str, external_id: str) -> str | None:
        """The customer's subscription that is not canceled, if there is one."""
        found = (
            select(subscriptions.c.id)
            .join(customers, customers.c.id == subscriptions.c.customer)
            .where(
                customers.c.tenant == tenant,
                customers.c.external_id == external_id,
                subscriptions.c.status != "canceled",
            )
        )
        async with transaction(self._engine) as connection:
            id_: UUID | None = (await connection.execute(found)).scalar()
        return None if id_ is None else str(id_)


# Trials


def digest(tenant: str, mark: TrialMark, value: str) -> str:
    """Stored in place of the value: the same for equal values within a tenant only."""
    return hashlib.sha256("\0".join((tenant, mark.value, value)).encode()).hexdigest()


def marks_of_customer(tenant: str, external_id: str, email: str) -> dict[TrialMark, str]:
    """The digests by which a customer is known."""
    values = {TrialMark.CUSTOMER: external_id, TrialMark.EMAIL: canonical_mail(email)}
    return {mark: digest(tenant, mark, value) for mark, value in values.items()}


class Trials:
    """Finds out who has had a trial: one row per mark of each, under a unique key."""

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
