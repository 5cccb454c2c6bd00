"""Writes a subscription's steps: the records port on PostgreSQL."""

from collections.abc import Sequence, Set
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, Row, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.customers import Contact
from domain.entitlements.downgrade_fit import LimitConflict
from domain.errors import GatewayUnavailable, Rejected
from domain.events.deliveries import QueuedDelivery
from domain.events.ports import DeliveryAnnouncer
from domain.events.step_events import events_of
from domain.notifications.ports import QueuedMail
from domain.privacy.redaction import erased, redacted
from domain.subscription.journal import CauseKind, FitCheck, Step
from domain.subscription.mails import INVOICE_NUMBER
from domain.subscription.state import Subscription
from storage.db.codec import due_to_json, state_from_json, state_to_json
from storage.db.engine import transaction
from storage.events.outbox import write_events
from storage.revenue.facts import Facts, FactsShape, facts_of, recording
from storage.schema.tables import customers, invoices, journal, reversals, sign_up_contacts, subscriptions
from storage.subscriptions import customer_changes, sign_ups, step_mails
from storage.subscriptions.customers import contact_of
from storage.subscriptions.invoices import write_invoice
from storage.subscriptions.reasons import read_out
from storage.subscriptions.trials import TrialKey, keep_marks
from storage.usage.downgrade_fit import UsageFit

_UNCHANGEABLE = frozenset({"id", "tenant", "customer", "created_at"})
"""Columns that later steps do not change."""
_ITS = "its"
# Built once: every step locks.
_LOCKED_CUSTOMER = (
    select(customers.c.erased_at).where(customers.c.id == bindparam("customer")).with_for_update(key_share=True)
)
_IS_SIGNING_UP = exists().where(sign_up_contacts.c.subscription == bindparam("subscription")).label("is_signing_up")
# The subscription is locked as well, so that it is read as of the lock and not as of the statement's start.
_LOCKED_SUBSCRIPTION = (
    select(subscriptions.c.state, customers.c.erased_at, _IS_SIGNING_UP)
    .join_from(customers, subscriptions, subscriptions.c.customer == customers.c.id)
    .where(customers.c.id == bindparam("customer"), subscriptions.c.id == bindparam("subscription"))
    .with_for_update(key_share=True, of=[customers, subscriptions])
)


class SubscriptionRecords:
    """Implements `domain.subscription.ports.Records`."""

    def __init__(self, engine: AsyncEngine, trial_key: TrialKey, announcer: DeliveryAnnouncer | None = None) -> None:
        self._engine = engine
        self._trial_key = trial_key
        self._announcer = announcer

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        try:
            async with transaction(self._engine) as connection:
                waiting, begun = await self._write(connection, step)
        except IntegrityError as error:
            if "uq_subscriptions_live_customer" in str(error.orig):
                raise Rejected("the customer already has a live subscription", code="already_subscribed") from error
            raise
        if self._announcer is not None:
            self._announcer.announce(begun)
        return waiting

    async def _write(
        self, connection: AsyncConnection, step: Step
    ) -> tuple[Sequence[QueuedMail], Sequence[QueuedDelivery]]:
        """Returns the mails of the step that wait, and the deliveries of its events that begin."""
        begun: list[QueuedDelivery] = []
        stored = await locked(connection, step.subscription)
        if stored is None or stored.is_signing_up:
            # It is decided with the first step, or with the first payment: nearly every step does without.
            begun += await sign_ups.settle(connection, self._trial_key, step)
            stored = await locked(connection, step.subscription)
        before = None if stored is None else state_from_json(stored.state)
        erased_at = await _lock_customer(connection, step.subscription) if stored is None else stored.erased_at
        if erased_at is not None:
            step = await _of_erased(connection, step)
        waiting, told = await write(connection, step, before, self._trial_key)
        return waiting, [*begun, *told]

    async def limit_conflicts(self, subscription: Subscription, check: FitCheck) -> Sequence[LimitConflict]:
        return await UsageFit(self._engine).limit_conflicts(subscription, check)

    async def contact(self, customer: str, signing_up: str = "") -> Contact:
        async with transaction(self._engine) as connection:
            known = await _known(connection, customer)
            sign_up = await sign_ups.pending_sign_up(connection, signing_up) if signing_up else None
        if sign_up is not None:
            return sign_ups.contact_after(sign_up, known)
        if known is None:
            raise _unknown(customer)
        return known

    async def take_turn(self, customer: str, signing_up: str) -> Contact:
        async with transaction(self._engine) as connection:
            known = await _known(connection, customer)
            sign_up = await sign_ups.pending_sign_up(connection, signing_up)
            if sign_up is not None:
                await sign_ups.take_turn(connection, sign_up)
                # Data that is already at the provider changes only once the sign-up is accepted.
                return known or sign_ups.contact_after(sign_up, None)
            if known is not None and await _was_started_by_earlier_release(connection, customer, signing_up):
                return known
        raise Rejected("the sign-up waited for more than a day and has expired: sign up again", code="sign_up_expired")

    async def remember_wallet(self, customer: str, customer_ref: str, signing_up: str = "") -> str:
        kept = (
            update(customers)
            .where(customers.c.id == UUID(customer), customers.c.erased_at.is_(None))
            .values(customer_ref=func.coalesce(customers.c.customer_ref, customer_ref))
            .returning(customers.c.customer_ref)
        )
        has = select(customers.c.customer_ref).where(customers.c.id == UUID(customer))
        async with transaction(self._engine) as connection:
            ref: str | None = (await connection.execute(has)).scalar() if signing_up else None
            if ref is None and signing_up:
                # The customer gets it only with the first step: a refused sign-up leaves them without a card.
                ref = await sign_ups.remember_wallet(connection, signing_up, customer_ref)
            if ref is None:
                ref = (await connection.execute(kept)).scalar()
        if ref is None:
            raise _unknown(customer)
        return ref

    async def is_changing(self, customer: str) -> bool:
        async with transaction(self._engine) as connection:
            return await customer_changes.is_changing(connection, UUID(customer))

    async def replace_wallet(self, customer: str, deleted_ref: str, customer_ref: str) -> str:
        it = customers.c
        replaced = (
            update(customers)
            .where(it.id == UUID(customer), it.customer_ref == deleted_ref, it.erased_at.is_(None))
            .values(customer_ref=customer_ref, former_refs=func.array_append(it.former_refs, deleted_ref))
        )
        async with transaction(self._engine) as connection:
            await connection.execute(replaced)
            kept = (await connection.execute(select(it.customer_ref).where(it.id == UUID(customer)))).scalar()
        if kept is None:
            raise _unknown(customer)
        return str(kept)

    async def forget_sign_up(self, customer: str, subscription: str) -> None:
        id_ = UUID(customer)
        has_subscription = exists().where(subscriptions.c.customer == id_)
        others = func.array_remove(customers.c.signing_up, UUID(subscription))
        async with transaction(self._engine) as connection:
            await sign_ups.forget(connection, subscription)
            # Waits for a concurrent sign-up of the same customer, so that the next statement sees it.
            await connection.execute(select(customers.c.id).where(customers.c.id == id_).with_for_update())
            await connection.execute(update(customers).where(customers.c.id == id_).values(signing_up=others))
            is_last = func.cardinality(customers.c.signing_up) == 0
            await connection.execute(delete(customers).where(customers.c.id == id_, is_last, ~has_subscription))


async def _known(connection: AsyncConnection, customer: str) -> Contact | None:
    row = (await connection.execute(select(customers).where(customers.c.id == UUID(customer)))).one_or_none()
    if row is not None and row.erased_at is not None:
        raise erased(customer)
    return None if row is None else contact_of(row)


def _unknown(customer: str) -> Rejected:
    return Rejected(f"there is no customer {customer}", code="unknown_customer")


async def _was_started_by_earlier_release(connection: AsyncConnection, customer: str, subscription: str) -> bool:
    """True if an earlier release began the sign-up, which stored the customer at once."""
    asked = customers.c.signing_up.contains([UUID(subscription)])
    wanted = select(customers.c.id).where(customers.c.id == UUID(customer), asked)
    return (await connection.execute(wanted)).first() is not None


async def write(
    connection: AsyncConnection, step: Step, before: Subscription | None, trial_key: TrialKey
) -> tuple[Sequence[QueuedMail], Sequence[QueuedDelivery]]:
    """Writes a step, which replaces what was locked; a repeat writes nothing.

    Returns the mails of the step that wait, and the deliveries of its events that begin.
    """
    begun: Sequence[QueuedDelivery] = ()
    state, step = step.subscription, await read_out(connection, step)
    written: Set[UUID] = frozenset()
    if not await _save_projection(connection, step, state, facts_of(before, step)):
        await _check_course(connection, step)
    else:
        await keep_marks(connection, trial_key, step)
        await _save_journal(connection, step)
        await step_mails.withdraw(connection, step)
        written = await step_mails.save(connection, step)
        await _save_invoice(connection, step)
        await _save_reversal(connection, step)
        begun = await write_events(connection, events_of(step, before))
    return await step_mails.queued(connection, step, written), begun


async def locked(connection: AsyncConnection, it: Subscription) -> Row[Any] | None:
    """Serialises transactions per customer; returns what is stored of the subscription. None: it is not stored."""
    if it.sequence <= 1:
        return None
    ids = {"customer": UUID(it.customer), "subscription": UUID(it.id)}
    return (await connection.execute(_LOCKED_SUBSCRIPTION, ids)).one_or_none()


async def _lock_customer(connection: AsyncConnection, it: Subscription) -> datetime | None:
    """The same for a subscription that is not stored; returns when the customer was erased, if they were.

    Otherwise two that write the same new subscription at once both miss its row, and the second is told that the
    customer already has a subscription: its own.
    """
    customer = (await connection.execute(_LOCKED_CUSTOMER, {"customer": UUID(it.customer)})).first()
    if customer is None:
        raise _unknown(it.customer)
    at: datetime | None = customer.erased_at
    return at


async def _of_erased(connection: AsyncConnection, step: Step) -> Step:
    """What may be recorded of an erased customer's step: late reports of what has ended, without what names them.

    Raises:
        Rejected: code `customer_erased`; it would begin a subscription.
    """
    it = step.subscription
    stored = select(subscriptions.c.id).where(subscriptions.c.tenant == it.tenant, subscriptions.c.id == UUID(it.id))
    if not it.is_over and (await connection.execute(stored)).first() is None:
        raise erased(it.customer)
    return redacted(step)


async def _save_projection(connection: AsyncConnection, step: Step, state: Subscription, facts: Facts) -> bool:
    """Writes the projection and its facts unless it or a later one is there. Returns whether it was written.

    *state* is kept as the workflow has it: a workflow that was lost begins from it.
    """
    projection = _projection(step, state)
    values = {f"{_ITS}_{name}": value for name, value in projection.items()} | facts.values
    return (await connection.execute(_writing(tuple(projection), facts.shape), values)).first() is not None


@cache
def _writing(columns: tuple[str, ...], shape: FactsShape) -> Executable:
    """What writes these columns of a projection, with facts of this shape."""
    its = {name: bindparam(f"{_ITS}_{name}", type_=subscriptions.c[name].type) for name in columns}
    statement = insert(subscriptions).values(its)
    changed = {name: statement.excluded[name] for name in columns if name not in _UNCHANGEABLE}
    written = statement.on_conflict_do_update(
        index_elements=[subscriptions.c.id],
        set_=changed | {"updated_at": func.now()},
        where=subscriptions.c.sequence < statement.excluded.sequence,
    ).returning(subscriptions.c.id)
    if not shape:
        return written
    also = written.cte("written")
    return select(also.c.id).add_cte(*recording(also, shape))


def _projection(step: Step, state: Subscription) -> dict[str, Any]:
    it = step.subscription
    return {
        "id": UUID(it.id),
        "tenant": it.tenant,
        "customer": UUID(it.customer),
        "plan": it.plan,
        "plan_name": it.plan_name,
        "interval": it.interval.value,
        "quantity": it.quantity,
        "add_ons": it.add_ons,
        "amount": it.amount,
        "currency": it.currency,
        "status": it.status.value,
        "status_reason": it.status_reason,
        "access": it.access.value,
        "sequence": it.sequence,
        "trial_ends_at": it.trial_ends_at,
        "period_start": it.period_start,
        "period_end": it.period_end,
        "cancel_at": it.cancel_at,
        "blocked_since": it.blocked.since if it.blocked is not None else None,
        "resumes_at": it.pause.resumes_at if it.pause is not None else None,
        "next_actions": [due_to_json(due) for due in step.ahead],
        "state": state_to_json(state),
        "created_at": it.created_at,
    }


async def _check_course(connection: AsyncConnection, step: Step) -> None:
    """A step that is here already may be repeated. Another one in its place must not: later ones would overwrite.

    Steps are taken again if a worker ends before Temporal knows of them. They differ only if the workflow is older than
    what is stored, as after Temporal was restored from a backup: it waits for reconciliation to restart it.

    Raises:
        GatewayUnavailable: code `workflow_behind`.
    """
    it, lines = step.subscription, journal.c
    first = select(lines.kind, lines.cause_kind, lines.cause_ref, lines.details).where(
        lines.subscription == UUID(it.id), lines.sequence == it.sequence, lines.position == 0
    )
    stored = (await connection.execute(first)).first()
    if stored is None or not step.entries:
        return
    entry = step.entries[0]
    are_commands = stored.cause_kind == entry.cause.kind.value == CauseKind.COMMAND.value
    is_other_command = are_commands and stored.cause_ref != entry.cause.ref
    invoices = {stored.details.get(INVOICE_NUMBER), entry.details.get(INVOICE_NUMBER)} - {None}
    bills_otherwise = len(invoices) > 1
    if stored.kind != entry.kind or is_other_command or bills_otherwise:
        words = (
            f"step {it.sequence} is stored as {stored.kind}, not {entry.kind}: the workflow is older than the database"
        )
        raise GatewayUnavailable(words, code="workflow_behind")


async def _save_journal(connection: AsyncConnection, step: Step) -> None:
    it = step.subscription
    rows = [
        {
            "subscription": UUID(it.id),
            "sequence": it.sequence,
            "position": position,
            "tenant": it.tenant,
            "kind": entry.kind,
            "at": entry.at,
            "summary": entry.summary,
            "cause_kind": entry.cause.kind.value,
            "cause_ref": entry.cause.ref,
            "cause_actor": entry.cause.actor,
            "details": entry.details,
        }
        for position, entry in enumerate(step.entries)
    ]
    if rows:
        await connection.execute(insert(journal).values(rows).on_conflict_do_nothing())


async def _save_invoice(connection: AsyncConnection, step: Step) -> None:
    invoice, it = step.invoice, step.subscription
    if step.voided:
        await connection.execute(
            update(invoices)
            .where(invoices.c.tenant == it.tenant, invoices.c.ref == step.voided, invoices.c.status == "open")
            .values(status="void")
        )
    if invoice is None:
        return
    await write_invoice(connection, it, invoice, at=step.entries[-1].at if step.entries else it.created_at)


async def _save_reversal(connection: AsyncConnection, step: Step) -> None:
    """Replaces the latest known state: one row per dispute and per refunded charge."""
    it, reversal = step.subscription, step.reversal
    if reversal is None:
        return
    values = {
        "tenant": it.tenant,
        "ref": reversal.ref,
        "kind": reversal.kind.value,
        "subscription": UUID(it.id),
        "invoice": reversal.invoice_ref,
        "amount": reversal.amount,
        "currency": reversal.currency,
        "status": reversal.status.value if reversal.status is not None else "refunded",
        "reason": reversal.reason,
        "at": max(entry.at for entry in step.entries),
    }
    latest = {name: value for name, value in values.items() if name not in ("tenant", "ref", "subscription")}
    keys = [reversals.c.tenant, reversals.c.ref]
    await connection.execute(insert(reversals).values(values).on_conflict_do_update(index_elements=keys, set_=latest))
