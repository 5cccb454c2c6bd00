"""Customer data of a sign-up: kept separately until the sign-up is accepted."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Uuid, delete, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.customers import Contact
from domain.errors import GatewayUnavailable, Rejected
from domain.events.deliveries import QueuedDelivery
from domain.privacy.redaction import erased
from domain.subscription.journal import Cause, CauseKind, Step
from domain.subscription.lifecycle import Status
from domain.subscription.sign_up import SignUpContact
from domain.subscription.state import Subscription
from storage.db.engine import transaction
from storage.schema.tables import customers, sign_up_contacts, subscriptions
from storage.subscriptions import customer_changes
from storage.subscriptions.customers import NEW_CUSTOMER
from storage.subscriptions.trials import TrialKey

_CONTACT_FIELDS = ("email", "name", "timezone", "locale", "metadata")


class SignUps:
    """Stores the customer data of sign-ups until they are decided."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def wait(self, subscription: str, tenant: str, contact: SignUpContact, *, customer_ref: str = "") -> str:
        """Stores the data of the sign-up for *subscription*, and returns our id for the customer.

        The customer may not exist yet. Concurrent sign-ups of one new customer get the same id. Data for an existing
        subscription is not stored. *customer_ref*, if given, is theirs at the payment provider already.

        Raises:
            Rejected: code `customer_erased`.
        """
        external_id = contact.external_id
        async with transaction(self._engine, tenant) as connection:
            await _lock_sign_ups(connection, tenant, external_id)
            customer = await _customer_of(connection, UUID(subscription), tenant, external_id)
            await _check_not_erased(connection, customer)
            data = {
                "email": contact.email,
                "name": contact.name,
                "timezone": contact.timezone,
                "locale": contact.locale,
                "metadata": dict(contact.metadata) or None,
            }
            named = {"subscription": UUID(subscription), "tenant": tenant, "external_id": external_id}
            known = {"customer_ref": customer_ref} if customer_ref else {}
            if not await _has_started(connection, UUID(subscription)):
                await connection.execute(
                    insert(sign_up_contacts)
                    .values(customer=customer, **named, **data, **known)
                    .on_conflict_do_update(index_elements=["subscription"], set_={"created_at": func.now(), **known})
                )
            return str(customer)


async def _lock_sign_ups(connection: AsyncConnection, tenant: str, external_id: str) -> None:
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{tenant}/{external_id}", 0))))


async def _customer_of(connection: AsyncConnection, subscription: UUID, tenant: str, external_id: str) -> UUID:
    """From the subscription itself, else from the known customer, else from another sign-up, else a new id."""
    waits, known = sign_up_contacts.c, customers.c
    of_subscription = select(subscriptions.c.customer).where(subscriptions.c.id == subscription).scalar_subquery()
    of_known = select(known.id).where(known.tenant == tenant, known.external_id == external_id).scalar_subquery()
    of_pending = (
        select(waits.customer)
        .where(waits.tenant == tenant, waits.external_id == external_id)
        .order_by((waits.subscription == subscription).desc(), waits.created_at)
        .limit(1)
        .scalar_subquery()
    )
    found = select(func.coalesce(of_subscription, of_known, of_pending, literal(uuid4(), Uuid)))
    id_: UUID = (await connection.execute(found)).scalar_one()
    return id_


async def _check_not_erased(connection: AsyncConnection, customer: UUID) -> None:
    is_erased = select(customers.c.id).where(customers.c.id == customer, customers.c.erased_at.is_not(None))
    if (await connection.execute(is_erased)).first() is not None:
        raise erased(str(customer))


async def _has_started(connection: AsyncConnection, subscription: UUID) -> bool:
    return (
        await connection.execute(select(subscriptions.c.id).where(subscriptions.c.id == subscription))
    ).first() is not None


async def pending_sign_up(connection: AsyncConnection, subscription: str) -> Row[Any] | None:
    """The data of a pending sign-up."""
    wanted = select(sign_up_contacts).where(sign_up_contacts.c.subscription == UUID(subscription))
    return (await connection.execute(wanted)).one_or_none()


def contact_after(sign_up: Row[Any], known: Contact | None) -> Contact:
    """The customer as they will be once the sign-up is accepted."""
    if known is None:
        known = Contact(
            str(sign_up.customer), sign_up.external_id, sign_up.email, None, **NEW_CUSTOMER, customer_ref=""
        )
    values = {
        name: getattr(sign_up, name)
        for name in _CONTACT_FIELDS
        if name != "metadata" and getattr(sign_up, name) is not None
    }
    return replace(known, customer_ref=known.customer_ref or sign_up.customer_ref or "", **values)


async def remember_wallet(connection: AsyncConnection, subscription: str, customer_ref: str) -> str | None:
    """Stores the provider's id of a customer who does not exist yet; see `Records.remember_wallet`."""
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
    """Deletes the data of a refused sign-up."""
    await connection.execute(delete(sign_up_contacts).where(sign_up_contacts.c.subscription == UUID(subscription)))


async def take_turn(connection: AsyncConnection, sign_up: Row[Any]) -> None:
    """Lets this sign-up put a card on file; see `domain.subscription.ports.Records.take_turn`."""
    waits = sign_up_contacts.c
    await _lock_sign_ups(connection, sign_up.tenant, sign_up.external_id)
    is_live = exists().where(
        subscriptions.c.customer == sign_up.customer,
        subscriptions.c.status != Status.CANCELED,
        subscriptions.c.id != sign_up.subscription,
    )
    if (await connection.execute(select(is_live))).scalar_one():
        raise Rejected("the customer already has a live subscription", code="already_subscribed")
    await _check_turn(connection, sign_up)
    await connection.execute(
        update(sign_up_contacts).where(waits.subscription == sign_up.subscription).values(has_turn=True)
    )


async def _check_turn(connection: AsyncConnection, sign_up: Row[Any]) -> None:
    waits = sign_up_contacts.c
    others = select(waits.subscription).where(
        waits.tenant == sign_up.tenant,
        waits.external_id == sign_up.external_id,
        waits.has_turn,
        waits.subscription != sign_up.subscription,
    )
    if (await connection.execute(others)).first() is not None:
        raise GatewayUnavailable("another sign-up of the customer is in progress", code="sign_up_under_way")


async def settle(connection: AsyncConnection, trial_key: TrialKey, step: Step) -> Sequence[QueuedDelivery]:
    """Applies the sign-up's data together with the step that decides it. Does nothing for any other step.

    The first step decides a trial, the first payment a paid start. Returns the deliveries that begin if a customer's
    data has changed by it.

    Raises:
        Rejected: code `sign_up_overtaken`; the step must not be written.
        GatewayUnavailable: another sign-up of the customer is being decided.
    """
    it = step.subscription
    waiting = select(sign_up_contacts).where(sign_up_contacts.c.subscription == UUID(it.id)).with_for_update()
    sign_up = (await connection.execute(waiting)).one_or_none()
    if sign_up is None:
        return ()
    is_this = sign_up_contacts.c.subscription == sign_up.subscription
    if it.is_over:
        await connection.execute(delete(sign_up_contacts).where(is_this))
        return ()
    await _check_turn(connection, sign_up)
    await _ensure_customer(connection, sign_up, it)
    if not _is_accepted(it):
        await connection.execute(update(sign_up_contacts).where(is_this).values(has_turn=False))
        return ()
    values = {name: getattr(sign_up, name) for name in _CONTACT_FIELDS if getattr(sign_up, name) is not None}
    known = (await connection.execute(select(customers).where(customers.c.id == sign_up.customer))).one()
    cause = step.entries[0].cause if step.entries else Cause(CauseKind.COMMAND, it.id)
    # The provider may know the customer already; the subscription starts with this data and need not be notified.
    applied = await customer_changes.apply(connection, trial_key, known, values, cause, is_notified=True)
    await connection.execute(delete(sign_up_contacts).where(is_this))
    return applied.begun


def _is_accepted(it: Subscription) -> bool:
    """True if it has started: a sign-up that waits for its first payment may still be refused."""
    return it.status is Status.ACTIVE or it.trial_ends_at is not None or it.period_end is not None


async def _ensure_customer(connection: AsyncConnection, sign_up: Row[Any], it: Subscription) -> None:
    """Makes sure that the customer exists. An existing one stays unchanged."""
    values = {name: getattr(sign_up, name) for name in _CONTACT_FIELDS if getattr(sign_up, name) is not None}
    new = {
        "id": sign_up.customer,
        "tenant": sign_up.tenant,
        "external_id": sign_up.external_id,
        **NEW_CUSTOMER,
        **values,
    }
    await connection.execute(insert(customers).values(new).on_conflict_do_nothing())
    kept = (
        update(customers)
        .where(customers.c.id == UUID(it.customer), customers.c.external_id == sign_up.external_id)
        .values(customer_ref=func.coalesce(customers.c.customer_ref, sign_up.customer_ref))
        .returning(customers.c.id)
    )
    if (await connection.execute(kept)).first() is None:
        raise Rejected("the customer was created in another way in the meantime: try again", code="sign_up_overtaken")
