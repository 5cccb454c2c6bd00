"""What sign-ups say of their customers: it waits here, and counts once the sign-up is accepted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Uuid, delete, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.customers import Contact
from domain.errors import GatewayUnavailable, Rejected
from domain.subscription.journal import Cause, CauseKind, Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.db.engine import transaction
from storage.schema.tables import customers, sign_up_contacts, subscriptions
from storage.subscriptions import customer_changes
from storage.subscriptions.customers import NEW_CUSTOMER

_SAID = ("email", "name", "timezone", "locale", "metadata")


class SignUps:
    """Keeps what sign-ups say of customers until they are decided on."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def wait(
        self,
        *,
        subscription: str,
        tenant: str,
        external_id: str,
        email: str,
        name: str | None,
        timezone: str | None,
        locale: str | None,
        metadata: Mapping[str, str] | None,
    ) -> str:
        """Keep what the sign-up for *subscription* says, and return our id for the customer, who may not be there yet.

        Sign-ups at once for one new customer are told the same id. What is said of a subscription that has come about
        already is not kept.
        """
        async with transaction(self._engine) as connection:
            await _one_at_a_time(connection, tenant, external_id)
            customer = await _customer_of(connection, UUID(subscription), tenant, external_id)
            said = {"email": email, "name": name, "timezone": timezone, "locale": locale, "metadata": metadata or None}
            named = {"subscription": UUID(subscription), "tenant": tenant, "external_id": external_id}
            if not await _has_begun(connection, UUID(subscription)):
                await connection.execute(
                    insert(sign_up_contacts)
                    .values(customer=customer, **named, **said)
                    .on_conflict_do_update(index_elements=["subscription"], set_={"created_at": func.now()})
                )
            return str(customer)


async def _one_at_a_time(connection: AsyncConnection, tenant: str, external_id: str) -> None:
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{tenant}/{external_id}", 0))))


async def _customer_of(connection: AsyncConnection, subscription: UUID, tenant: str, external_id: str) -> UUID:
    """Of the subscription itself, else as known, else as another sign-up was told, else a new id."""
    waits, known = sign_up_contacts.c, customers.c
    of_ours = select(subscriptions.c.customer).where(subscriptions.c.id == subscription).scalar_subquery()
    of_known = select(known.id).where(known.tenant == tenant, known.external_id == external_id).scalar_subquery()
    of_waiting = (
        select(waits.customer)
        .where(waits.tenant == tenant, waits.external_id == external_id)
        .order_by((waits.subscription == subscription).desc(), waits.created_at)
        .limit(1)
        .scalar_subquery()
    )
    found = select(func.coalesce(of_ours, of_known, of_waiting, literal(uuid4(), Uuid)))
    id_: UUID = (await connection.execute(found)).scalar_one()
    return id_


async def _has_begun(connection: AsyncConnection, subscription: UUID) -> bool:
    return (
        await connection.execute(select(subscriptions.c.id).where(subscriptions.c.id == subscription))
    ).first() is not None


async def said_by(connection: AsyncConnection, subscription: str) -> Row[Any] | None:
    """What a sign-up says that is not decided on yet."""
    wanted = select(sign_up_contacts).where(sign_up_contacts.c.subscription == UUID(subscription))
    return (await connection.execute(wanted)).one_or_none()


def contact_said(said: Row[Any], known: Contact | None) -> Contact:
    """Who the customer is once the sign-up was accepted."""
    if known is None:
        known = Contact(str(said.customer), said.external_id, said.email, None, **NEW_CUSTOMER, customer_ref="")
    told = {name: getattr(said, name) for name in _SAID if name != "metadata" and getattr(said, name) is not None}
    return replace(known, customer_ref=known.customer_ref or said.customer_ref or "", **told)


async def remember_wallet(connection: AsyncConnection, subscription: str, customer_ref: str) -> str | None:
    """Keep the id at the provider of a customer who is not known yet; as `Records.remember_wallet` has it."""
    waits = sign_up_contacts.c
    kept = (
        update(sign_up_contacts)
        .where(waits.subscription == UUID(subscription))
        .values(customer_ref=func.coalesce(waits.customer_ref, customer_ref))
        .returning(waits.customer_ref)
    )
    ref: str | None = (await connection.execute(kept)).scalar()
    return ref


async def forget(connection: AsyncConnection, subscription: str) -> None:
    """Remove what a refused sign-up said."""
    await connection.execute(delete(sign_up_contacts).where(sign_up_contacts.c.subscription == UUID(subscription)))


async def take_turn(connection: AsyncConnection, said: Row[Any]) -> None:
    """Let this sign-up put a card on file; as `domain.subscription.ports.Records.take_turn`."""
    waits = sign_up_contacts.c
    await _one_at_a_time(connection, said.tenant, said.external_id)
    is_live = exists().where(
        subscriptions.c.customer == said.customer,
        subscriptions.c.status != Status.CANCELED,
        subscriptions.c.id != said.subscription,
    )
    if (await connection.execute(select(is_live))).scalar_one():
        raise Rejected("the customer has a live subscription already", code="already_subscribed")
    await _refuse_out_of_turn(connection, said)
    await connection.execute(
        update(sign_up_contacts).where(waits.subscription == said.subscription).values(has_turn=True)
    )


async def _refuse_out_of_turn(connection: AsyncConnection, said: Row[Any]) -> None:
    waits = sign_up_contacts.c
    others = select(waits.subscription).where(
        waits.tenant == said.tenant,
        waits.external_id == said.external_id,
        waits.has_turn,
        waits.subscription != said.subscription,
    )
    if (await connection.execute(others)).first() is not None:
        raise GatewayUnavailable("another sign-up of the customer is being decided on", code="sign_up_under_way")


async def settle(connection: AsyncConnection, step: Step) -> None:
    """Have what the sign-up said count along with the step that decides on it; does nothing for any other step.

    A trial is decided on with its first step, a paid start with its first payment.

    Raises:
        Rejected: code `sign_up_overtaken`; the step must not be written.
        GatewayUnavailable: another sign-up of the customer is being decided on.
    """
    it = step.subscription
    waiting = select(sign_up_contacts).where(sign_up_contacts.c.subscription == UUID(it.id)).with_for_update()
    said = (await connection.execute(waiting)).one_or_none()
    if said is None:
        return
    mine = sign_up_contacts.c.subscription == said.subscription
    if it.is_over:
        await connection.execute(delete(sign_up_contacts).where(mine))
        return
    await _refuse_out_of_turn(connection, said)
    await _make_known(connection, said, it)
    if not _is_accepted(it):
        await connection.execute(update(sign_up_contacts).where(mine).values(has_turn=False))
        return
    told = {name: getattr(said, name) for name in _SAID if getattr(said, name) is not None}
    known = (await connection.execute(select(customers).where(customers.c.id == said.customer))).one()
    cause = step.entries[0].cause if step.entries else Cause(CauseKind.COMMAND, it.id)
    # The provider may know them from before; the subscription begins with it and need not be told.
    await customer_changes.apply(connection, known, told, cause, is_told=True)
    await connection.execute(delete(sign_up_contacts).where(mine))


def _is_accepted(it: Subscription) -> bool:
    """Whether it has begun: what waits for its first payment may yet be refused."""
    return it.status is Status.ACTIVE or it.trial_ends_at is not None or it.period_end is not None


async def _make_known(connection: AsyncConnection, said: Row[Any], it: Subscription) -> None:
    """See that the customer is there, as they were before if they are."""
    told = {name: getattr(said, name) for name in _SAID if getattr(said, name) is not None}
    new = {"id": said.customer, "tenant": said.tenant, "external_id": said.external_id, **NEW_CUSTOMER, **told}
    await connection.execute(insert(customers).values(new).on_conflict_do_nothing())
    kept = (
        update(customers)
        .where(customers.c.id == UUID(it.customer), customers.c.external_id == said.external_id)
        .values(customer_ref=func.coalesce(customers.c.customer_ref, said.customer_ref))
        .returning(customers.c.id)
    )
    if (await connection.execute(kept)).first() is None:
        raise Rejected("the customer was made known another way meanwhile: ask again", code="sign_up_overtaken")
