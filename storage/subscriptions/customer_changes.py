"""Changes of customers: written together with the customer's row, and kept until everyone concerned knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Malformed
from domain.events.customer_events import customer_updated
from domain.events.deliveries import QueuedDelivery
from domain.events.ports import DeliveryAnnouncer
from domain.privacy.redaction import erased
from domain.subscription.contact_changes import (
    CHANGEABLE,
    PROVIDER_FIELDS,
    CustomerProblem,
    KnownContact,
    ProviderUpdate,
    SubscriptionNotification,
)
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from storage.db.engine import transaction
from storage.events.outbox import write_events
from storage.schema.customer_tables import customer_changes
from storage.schema.tables import customers, subscriptions
from storage.subscriptions.trials import TrialKey, keep_mark_of_address

MAX_METADATA_KEYS = 50
PICK_UP_AFTER = timedelta(seconds=30)
"""By then the caller that made the change has had it processed."""
RETRY_AFTER = timedelta(hours=1)
BATCH_SIZE = 500

_it = customer_changes.c


@dataclass(frozen=True)
class Changed:
    """The result of a change."""

    customer: str
    is_news: bool
    """False if nothing differed."""


@dataclass(frozen=True)
class Applied:
    """What has come of changing a customer's row."""

    is_news: bool
    """False if nothing differed."""
    begun: Sequence[QueuedDelivery] = ()
    """The deliveries of its events to products."""


class CustomerChanges:
    """Changes customers, and implements `domain.subscription.ports.ContactChanges`."""

    def __init__(self, engine: AsyncEngine, trial_key: TrialKey, announcer: DeliveryAnnouncer | None = None) -> None:
        self._engine = engine
        self._trial_key = trial_key
        self._announcer = announcer

    async def change(self, *, tenant: str, external_id: str, given: Mapping[str, Any], cause: Cause) -> Changed | None:
        """Updates the fields of `CHANGEABLE` in *given*. Returns None if there is no such customer.

        Other fields stay. Metadata is merged: an empty value removes a key.

        Raises:
            Malformed: field `metadata`, there would be too many keys.
            Rejected: code `customer_erased`.
        """
        wanted = select(customers).where(customers.c.tenant == tenant, customers.c.external_id == external_id)
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(wanted.with_for_update())).one_or_none()
            if row is None:
                return None
            if row.erased_at is not None:
                raise erased(str(row.id))
            new = {name: given[name] for name in CHANGEABLE if name in given}
            if "metadata" in new:
                new["metadata"] = _merged(row.metadata, new["metadata"])
            applied = await apply(connection, self._trial_key, row, new, cause)
        self._announce(applied)
        return Changed(str(row.id), applied.is_news)

    async def unreported(self, customer: str) -> Sequence[SubscriptionNotification]:
        live = and_(subscriptions.c.customer == _it.customer, subscriptions.c.status != Status.CANCELED.value)
        wanted = (
            select(customer_changes, subscriptions.c.id.label("live"))
            .join(subscriptions, live, isouter=True)
            .where(_it.customer == UUID(customer), _it.told_at.is_(None))
            .order_by(_it.number)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        return [
            SubscriptionNotification(
                str(row.id), tuple(row.fields), _cause_of(row), str(row.live) if row.live is not None else ""
            )
            for row in rows
        ]

    async def mark_notified(self, change: str) -> None:
        notified = (
            update(customer_changes).where(_it.id == UUID(change)).values(told_at=func.now()).returning(_it.customer)
        )
        async with transaction(self._engine) as connection:
            customer = (await connection.execute(notified)).scalar()
            if customer is not None:
                await _delete_done(connection, customer)

    async def unsynced(self, customer: str) -> ProviderUpdate | None:
        wanted = (
            select(customer_changes, customers.c.customer_ref)
            .join(customers, customers.c.id == _it.customer)
            .where(_it.customer == UUID(customer), _IS_UNCARRIED, customers.c.customer_ref.is_not(None))
            .order_by(_it.number.desc())
            .limit(1)
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else ProviderUpdate(str(row.id), row.customer_ref, row.email, row.name, row.locale)

    async def mark_synced(self, customer: str, change: str) -> None:
        until = select(_it.number).where(_it.id == UUID(change)).scalar_subquery()
        carried = (
            update(customer_changes)
            .where(_it.customer == UUID(customer), _IS_UNCARRIED, _it.number <= until)
            .values(carried_at=func.now(), trouble="")
        )
        async with transaction(self._engine) as connection:
            await connection.execute(carried)
            await _delete_done(connection, UUID(customer))

    async def mark_refused(self, change: str, code: str) -> None:
        refused = {"tried_at": func.now(), "trouble": code}
        async with transaction(self._engine) as connection:
            await connection.execute(update(customer_changes).where(_it.id == UUID(change)).values(refused))

    async def known(self, customer: str) -> KnownContact | None:
        # Of an erased customer the provider may still know everything, and we take nothing over.
        is_them = and_(customers.c.id == UUID(customer), customers.c.erased_at.is_(None))
        wanted = select(customers, _is_changing()).where(is_them)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else KnownContact(row.customer_ref or "", row.email, row.name, row.is_changing)

    async def adopt(self, customer: str, was: KnownContact, found: KnownContact, cause: Cause, trouble: str) -> None:
        wanted = select(customers, _is_changing()).where(customers.c.id == UUID(customer)).with_for_update()
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
            if (
                row is None
                or row.erased_at is not None
                or row.is_changing
                or (row.email, row.name) != (was.email, was.name)
            ):
                return
            await connection.execute(delete(customer_changes).where(_it.customer == row.id, _IS_PROVIDERS_CHANGE))
            new = {"email": found.email, "name": found.name}
            applied = await apply(connection, self._trial_key, row, new, cause, carries=False)
            if trouble:
                reported = {"told_at": func.now(), "trouble": trouble}
                await connection.execute(_row(row, (), cause, carries=False).values(reported))
        self._announce(applied)

    async def pending(self) -> list[str]:
        """Customers with a change that nobody has processed."""
        may_carry = and_(
            _IS_UNCARRIED,
            customers.c.customer_ref.is_not(None),
            or_(_it.tried_at.is_(None), _it.tried_at < func.now() - RETRY_AFTER),
        )
        wanted = (
            select(_it.customer)
            .join(customers, customers.c.id == _it.customer)
            .where(_it.at < func.now() - PICK_UP_AFTER, or_(_it.told_at.is_(None), may_carry))
            .distinct()
            .limit(BATCH_SIZE)
        )
        async with transaction(self._engine) as connection:
            return [str(each) for each in (await connection.execute(wanted)).scalars()]

    def _announce(self, applied: Applied) -> None:
        if self._announcer is not None:
            self._announcer.announce(applied.begun)


async def apply(
    connection: AsyncConnection,
    trial_key: TrialKey,
    row: Row[Any],
    new: Mapping[str, Any],
    cause: Cause,
    *,
    carries: bool = True,
    is_notified: bool = False,
) -> Applied:
    """Changes a customer's locked row, and records who must be notified.

    Without *carries* the provider knows already; with *is_notified* the subscription does.
    """
    changed = {name: value for name, value in new.items() if getattr(row, name) != value}
    if not changed:
        return Applied(is_news=False)
    await connection.execute(update(customers).where(customers.c.id == row.id).values(changed))
    if "email" in changed:
        await keep_mark_of_address(connection, trial_key, row.tenant, row.external_id, changed["email"])
    for_provider = carries and not PROVIDER_FIELDS.isdisjoint(changed)
    if for_provider:
        # A change that has not reached the provider is older than this one.
        outdated = and_(_it.customer == row.id, _it.carries, _it.carried_at.is_(None))
        await connection.execute(update(customer_changes).where(outdated).values(carries=False, trouble=""))
    if "email" in changed:
        await connection.execute(delete(customer_changes).where(_it.customer == row.id, _IS_PROVIDERS_CHANGE))
    current = {name: changed.get(name, getattr(row, name)) for name in ("email", "name", "locale")}
    recorded = _row(row, tuple(changed), cause, carries=for_provider).values(current).returning(_it.id, _it.at)
    made = (await connection.execute(recorded.values(told_at=func.now()) if is_notified else recorded)).one()
    await _delete_done(connection, row.id)
    told = customer_updated(str(made.id), row.tenant, str(row.id), tuple(changed), made.at)
    return Applied(is_news=True, begun=await write_events(connection, [told]))


async def problems(engine: AsyncEngine) -> list[CustomerProblem]:
    """Problems that need an operator, by customer."""
    latest = (
        select(subscriptions.c.id)
        .where(subscriptions.c.customer == _it.customer)
        .order_by(subscriptions.c.status == Status.CANCELED.value, subscriptions.c.created_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    wanted = (
        select(_it.customer, _it.tenant, _it.trouble, customers.c.customer_ref, latest.label("latest"))
        .join(customers, customers.c.id == _it.customer)
        .where(_it.trouble != "")
        .order_by(_it.customer, _it.number)
        .limit(BATCH_SIZE)
    )
    async with transaction(engine) as connection:
        rows = (await connection.execute(wanted)).all()
    return [
        CustomerProblem(str(row.customer), row.tenant, str(row.latest or ""), row.customer_ref or "", row.trouble)
        for row in rows
    ]


async def is_changing(connection: AsyncConnection, customer: UUID) -> bool:
    """True if somebody must still be notified of a change."""
    waits = or_(_it.told_at.is_(None), _IS_UNCARRIED)
    return (await connection.execute(select(_it.id).where(_it.customer == customer, waits))).first() is not None


_IS_UNCARRIED = and_(_it.carries, _it.carried_at.is_(None))
_IS_PROVIDERS_CHANGE = and_(_it.trouble != "", ~_it.carries)


def _is_changing() -> ColumnElement[bool]:
    uncarried = select(literal(1)).where(_it.customer == customers.c.id, _IS_UNCARRIED).exists()
    return uncarried.label("is_changing")


def _row(row: Row[Any], fields: tuple[str, ...], cause: Cause, *, carries: bool) -> Any:
    return insert(customer_changes).values(
        id=uuid4(),
        tenant=row.tenant,
        customer=row.id,
        fields=list(fields),
        email=row.email,
        name=row.name,
        locale=row.locale,
        carries=carries,
        cause_kind=cause.kind.value,
        cause_ref=cause.ref,
        cause_actor=cause.actor,
    )


async def _delete_done(connection: AsyncConnection, customer: UUID) -> None:
    is_carried = or_(~_it.carries, _it.carried_at.is_not(None))
    done = and_(_it.customer == customer, _it.told_at.is_not(None), is_carried, _it.trouble == "")
    await connection.execute(delete(customer_changes).where(done))


def _merged(had: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    merged = {key: value for key, value in (dict(had) | dict(given)).items() if value}
    if len(merged) > MAX_METADATA_KEYS:
        raise Malformed(f"at most {MAX_METADATA_KEYS} keys, this would make it {len(merged)}", field="metadata")
    return merged


def _cause_of(row: Row[Any]) -> Cause:
    return Cause(CauseKind(row.cause_kind), row.cause_ref, row.cause_actor)
