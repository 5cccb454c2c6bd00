"""Erases a customer from PostgreSQL in one transaction: the books stay, and nobody is named in them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Select, Text, cast, delete, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Rejected
from domain.events.customer_events import customer_erased
from domain.events.ports import DeliveryAnnouncer
from domain.privacy import redaction
from domain.privacy.ports import Erased
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from storage.db.codec import state_from_json, state_to_json
from storage.db.engine import transaction
from storage.events.outbox import write_events
from storage.privacy.received import empty_received
from storage.privacy.registry import RULES
from storage.privacy.subjects import subject_of
from storage.privacy.usage import erase_usage, is_counted, rename_usage, stranger
from storage.privacy.whose import Subject
from storage.schema.privacy_tables import erasures
from storage.schema.purchase_tables import purchases
from storage.schema.tables import customers, journal, mails, subscriptions, trials
from storage.subscriptions.trial_key import key_marks
from storage.subscriptions.trials import TrialKey

LIVE = "live_subscription"
"""The code of an erasure that would cut a subscription off."""
_ERASING = text("set local tenure.erasing = 'yes'")
"""Without it the journal changes no entry."""


class Erasures:
    """Implements `domain.privacy.ports.ErasureRecords`, and knows who was erased."""

    def __init__(self, engine: AsyncEngine, trial_key: TrialKey, announcer: DeliveryAnnouncer | None = None) -> None:
        self._engine = engine
        self._trial_key = trial_key
        self._announcer = announcer

    async def live_subscription(self, tenant: str, customer: str) -> str | None:
        """The subscription of a customer that is not canceled."""
        it = subscriptions.c
        live = select(it.id).where(it.tenant == tenant, it.customer == UUID(customer), it.status != Status.CANCELED)
        async with transaction(self._engine, tenant) as connection:
            found: UUID | None = (await connection.execute(live)).scalar()
        return None if found is None else str(found)

    async def known(self, tenant: str, external_id: str) -> str | None:
        """Our id of the customer with that external id, or who had it until the erasure."""
        it = customers.c
        now = select(it.id).where(it.tenant == tenant, it.external_id == external_id)
        before = select(erasures.c.customer).where(
            erasures.c.tenant == tenant, erasures.c.mark == self._mark(tenant, external_id)
        )
        async with transaction(self._engine, tenant) as connection:
            found: UUID | None = (await connection.execute(now)).scalar()
            if found is None:
                latest = before.order_by(erasures.c.erased_at.desc()).limit(1)
                found = (await connection.execute(latest)).scalar()
        return None if found is None else str(found)

    async def tenant_of(self, customer: str) -> str | None:
        """The tenant of a customer; None: they are not in this database."""
        async with transaction(self._engine) as connection:
            found: str | None = (
                await connection.execute(select(customers.c.tenant).where(customers.c.id == UUID(customer)))
            ).scalar()
        return found

    async def erase(
        self,
        tenant: str,
        customer: str,
        actor: str,
        *,
        before_commit: Callable[[datetime], Awaitable[None]],
        asked: str = "",
    ) -> Erased:
        """Erases the customer; safe to repeat. Amounts, invoices, dates and the marks of trials stay.

        *asked* is the external id that was asked for: a product may go on counting under the one they had.
        *before_commit* is called with the time of the erasure once all is written; if it raises, nothing is.

        Raises:
            Rejected: code `live_subscription`; the customer has one. Code `unknown_customer`.
        """
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(_ERASING)
            subject = await subject_of(connection, tenant, UUID(customer), lock=True)
            if subject is None:
                raise Rejected(f"there is no customer {customer}", code="unknown_customer")
            await _check_is_over(connection, subject)
            is_first = await _record(connection, subject, self._mark(tenant, subject.external_id))
            await _key_trials(connection, self._trial_key, subject)
            await _apply_rules(connection, subject)
            await empty_received(connection, subject)
            await _purge_subscriptions(connection, subject)
            await _purge_journal(connection, subject)
            await _purge_purchases(connection, subject)
            await rename_usage(connection, subject, replaced_external_id(subject.customer))
            await _erase_stranger(connection, stranger(tenant, asked or subject.external_id))
            await _purge_audit(connection, subject)
            await _replace_customer(connection, subject)
            if is_first:
                await _note(connection, subject, actor)
            found = await _erased(connection, subject)
            told = [customer_erased(tenant, customer, found.erased_at)] if is_first else []
            begun = await write_events(connection, told)
            await before_commit(found.erased_at)
        if self._announcer is not None:
            self._announcer.announce(begun)
        return found

    async def erase_usage(self, tenant: str, external_id: str) -> bool:
        """Erases whose usage it is that is counted under the id of no customer. Returns False if there is none."""
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(_ERASING)
            return await _erase_stranger(connection, stranger(tenant, external_id))

    def _mark(self, tenant: str, external_id: str) -> str:
        return self._trial_key.digest(tenant, TrialMark.CUSTOMER, external_id)

    async def unfinished(self, limit: int) -> Sequence[Erased]:
        """Erasures of which something is left outside PostgreSQL, oldest first."""
        wanted = (
            select(erasures.c.tenant, erasures.c.customer)
            .where(erasures.c.finished_at.is_(None))
            .order_by(erasures.c.erased_at)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
            subjects = [await subject_of(connection, row.tenant, row.customer) for row in rows]
            return [await _erased(connection, subject) for subject in subjects if subject is not None]

    async def mark_deleted_at_provider(self, erased: Erased) -> None:
        """Records that the payment provider has deleted them."""
        await self._set(erased, at_provider=func.coalesce(erasures.c.at_provider, func.now()))

    async def mark_finished(self, erased: Erased) -> None:
        """Records that nothing of theirs is left in Temporal."""
        await self._set(erased, finished_at=func.coalesce(erasures.c.finished_at, func.now()))

    async def _set(self, erased: Erased, **values: Any) -> None:
        whose = (erasures.c.tenant == erased.tenant, erasures.c.customer == UUID(erased.customer))
        async with transaction(self._engine, erased.tenant) as connection:
            await connection.execute(update(erasures).where(*whose).values(values))


async def all_erasures(engine: AsyncEngine) -> Sequence[tuple[str, datetime]]:
    """Every erased customer of every tenant, by our id, and when; oldest first."""
    wanted = select(erasures.c.customer, erasures.c.erased_at).order_by(erasures.c.erased_at, erasures.c.customer)
    async with transaction(engine) as connection:
        return [(str(row.customer), row.erased_at) for row in await connection.execute(wanted)]


def replaced_external_id(customer: UUID) -> str:
    """What an erased customer is called: nobody else can be."""
    return f"erased-{customer}"


def replaced_email(customer: UUID) -> str:
    """An address that no mail server accepts (RFC 2606)."""
    return f"erased-{customer}@erased.invalid"


async def _check_is_over(connection: AsyncConnection, subject: Subject) -> None:
    it = subscriptions.c
    live = select(it.id).where(
        it.tenant == subject.tenant, it.customer == subject.customer, it.status != Status.CANCELED
    )
    found = (await connection.execute(live)).scalar()
    if found is not None:
        raise Rejected(
            f"the customer has a live subscription, {found}: cancel it first, or erase with cancel=true, which ends "
            "it at once",
            code=LIVE,
        )


async def _record(connection: AsyncConnection, subject: Subject, mark: str) -> bool:
    """Records the erasure, to be finished outside PostgreSQL. Returns whether it is the first."""
    known = select(erasures.c.customer).where(
        erasures.c.tenant == subject.tenant, erasures.c.customer == subject.customer
    )
    if (await connection.execute(known)).first() is not None:
        return False
    await connection.execute(
        upsert(erasures).values(customer=subject.customer, tenant=subject.tenant, mark=mark).on_conflict_do_nothing()
    )
    return True


async def _key_trials(connection: AsyncConnection, key: TrialKey, subject: Subject) -> None:
    """Marks that an earlier release made without the key could be compared with an address."""
    it = trials.c
    plain: Select[Any] = select(it.tenant, it.kind, it.digest, it.subscription).where(
        it.tenant == subject.tenant, it.subscription.in_(subject.subscriptions), ~it.keyed
    )
    rows = (await connection.execute(plain)).all()
    if rows:
        await key_marks(connection, key, rows)


async def _apply_rules(connection: AsyncConnection, subject: Subject) -> None:
    for rule in RULES:
        if rule.whose is None:
            continue
        if rule.deleted:
            await connection.execute(delete(rule.table).where(rule.whose(subject)))
        elif rule.emptied:
            await connection.execute(update(rule.table).where(rule.whose(subject)).values(dict(rule.emptied)))
    waiting = (mails.c.tenant == subject.tenant, mails.c.subscription.in_(subject.subscriptions))
    await connection.execute(update(mails).where(*waiting, mails.c.status == "queued").values(status="withdrawn"))


async def _purge_subscriptions(connection: AsyncConnection, subject: Subject) -> None:
    it = subscriptions.c
    whose = (it.tenant == subject.tenant, it.customer == subject.customer)
    rows = (await connection.execute(select(it.id, it.state, it.next_actions).where(*whose))).all()
    for row in rows:
        left = redaction.without_personal_data(state_from_json(dict(row.state)))
        ahead = [{**each, "why": ""} for each in row.next_actions]
        values = {"state": state_to_json(left), "status_reason": left.status_reason, "next_actions": ahead}
        await connection.execute(update(subscriptions).where(*whose, it.id == row.id).values(values))


async def _purge_journal(connection: AsyncConnection, subject: Subject) -> None:
    it = journal.c
    whose = (it.tenant == subject.tenant, it.subscription.in_(subject.subscriptions))
    for row in (await connection.execute(select(journal).where(*whose))).all():
        values = _purged_entry(row)
        if values != {name: getattr(row, name) for name in values}:
            this = (it.subscription == row.subscription, it.sequence == row.sequence, it.position == row.position)
            await connection.execute(update(journal).where(*whose, *this).values(values))


def _purged_entry(row: Row[Any]) -> Mapping[str, Any]:
    cause = Cause(CauseKind(row.cause_kind), row.cause_ref, row.cause_actor)
    return {
        "summary": redaction.kept_summary(row.kind, row.summary),
        "details": redaction.kept_details(row.details),
        "cause_ref": redaction.kept_ref(cause),
    }


async def _purge_purchases(connection: AsyncConnection, subject: Subject) -> None:
    """What a purchase was to begin stays readable: a page that is completed late is undone."""
    it = purchases.c
    given = it.sign_up["contact"]["external_id"].astext
    theirs = (
        it.tenant == subject.tenant,
        or_(it.subscription.in_(subject.subscriptions), given == subject.external_id),
    )
    nobody: dict[str, object] = {
        "external_id": replaced_external_id(subject.customer),
        "email": replaced_email(subject.customer),
        "name": None,
        "timezone": None,
        "locale": None,
        "metadata": {},
    }
    for row in (await connection.execute(select(it.subscription, it.sign_up).where(*theirs))).all():
        values = {"sign_up": {**row.sign_up, "contact": nobody, "payment_method": None}}
        this = (it.tenant == subject.tenant, it.subscription == row.subscription)
        await connection.execute(update(purchases).where(*this).values(values))


async def _erase_stranger(connection: AsyncConnection, subject: Subject) -> bool:
    if not await is_counted(connection, subject):
        return False
    # Never the name of a customer: they may have a counter of the same feature and period.
    await erase_usage(connection, subject, replaced_external_id(subject.customer))
    return True


async def _purge_audit(connection: AsyncConnection, subject: Subject) -> None:
    """Empties what people wrote about them, which nobody else may: who did what stays."""
    targets = [str(subject.customer), *(str(each) for each in subject.subscriptions)]
    await connection.execute(select(func.tenure_erase_audit(subject.tenant, cast(targets, ARRAY(Text)))))


async def _replace_customer(connection: AsyncConnection, subject: Subject) -> None:
    it = customers.c
    values = {
        "external_id": replaced_external_id(subject.customer),
        "email": replaced_email(subject.customer),
        "erased_at": func.coalesce(it.erased_at, func.now()),
    }
    whose = (it.tenant == subject.tenant, it.id == subject.customer)
    await connection.execute(update(customers).where(*whose).values(values))


async def _note(connection: AsyncConnection, subject: Subject, actor: str) -> None:
    """Tells the erasure in the timeline of each subscription, after what has happened in it."""
    it = journal.c
    for subscription in subject.subscriptions:
        last = (
            select(it.sequence, it.position)
            .where(it.tenant == subject.tenant, it.subscription == subscription)
            .order_by(it.sequence.desc(), it.position.desc())
            .limit(1)
        )
        row = (await connection.execute(last)).one_or_none()
        values: dict[str, object] = {
            "subscription": subscription,
            "sequence": row.sequence if row is not None else 0,
            "position": row.position + 1 if row is not None else 0,
            "tenant": subject.tenant,
            "kind": redaction.ERASED,
            "at": await _now_for(connection, subject, subscription),
            "summary": redaction.ERASED_SUMMARY,
            "cause_kind": CauseKind.COMMAND.value,
            "cause_ref": "",
            "cause_actor": actor,
            "details": {},
        }
        await connection.execute(insert(journal).values(values))


async def _now_for(connection: AsyncConnection, subject: Subject, subscription: UUID) -> datetime:
    """Now, but never before the latest entry: in the sandbox a subscription's clock is ahead of our own."""
    latest = select(func.max(journal.c.at)).where(
        journal.c.tenant == subject.tenant, journal.c.subscription == subscription
    )
    last: datetime | None = (await connection.execute(latest)).scalar()
    now = datetime.now(UTC)
    return now if last is None else max(now, last)


async def _erased(connection: AsyncConnection, subject: Subject) -> Erased:
    row = (
        await connection.execute(
            select(erasures.c.erased_at, erasures.c.at_provider, customers.c.customer_ref)
            .join(customers, customers.c.id == erasures.c.customer)
            .where(erasures.c.tenant == subject.tenant, erasures.c.customer == subject.customer)
        )
    ).one()
    mailed = select(mails.c.id).where(mails.c.tenant == subject.tenant, mails.c.subscription.in_(subject.subscriptions))
    return Erased(
        str(subject.customer),
        subject.tenant,
        tuple(str(each) for each in subject.subscriptions),
        tuple(str(each) for each in (await connection.execute(mailed)).scalars()),
        (row.customer_ref or "") if row.at_provider is None else "",
        row.erased_at,
    )
