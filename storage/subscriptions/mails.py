"""Recorded mails: the mails port on PostgreSQL."""

from uuid import UUID

from sqlalchemy import Executable, func, not_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.notifications.mail_types import Occasion
from domain.notifications.ports import MailToSend
from storage.access.operator_mails import OperatorMails
from storage.claims import being_sent, claiming, released
from storage.db.engine import single, statement
from storage.schema.tables import customers, mails, pay_pages, subscriptions
from storage.subscriptions.customers import contact_of
from storage.subscriptions.dead_links import has_dead_link, withdrawing


class MailRecords:
    """Implements `domain.notifications.ports.Mails`, also for the mails to operators."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._at_once = single(engine)
        self._to_operators = OperatorMails(engine)

    async def claim(self, mail_id: str, claimant: str) -> MailToSend | None:
        async with statement(self._at_once) as connection:
            row = (await connection.execute(_claimed(mail_id, claimant))).one_or_none()
            if row is None and (await connection.execute(withdrawing(mail_id))).first() is not None:
                return None
            if row is None and (await connection.execute(_waiting(mail_id))).first() is not None:
                raise await being_sent(connection, mails, mail_id)
        if row is None:
            return await self._to_operators.claim(mail_id, claimant)
        return MailToSend(
            mail_id,
            str(row.subscription),
            Occasion(row.occasion),
            row.at,
            dict(row.facts),
            contact_of(row),
            row.link_generation,
        )

    async def release(self, mail_id: str, claimant: str) -> None:
        async with statement(self._at_once) as connection:
            freed = await connection.execute(released(mails, mail_id, claimant))
        if not freed.rowcount:
            await self._to_operators.release(mail_id, claimant)

    async def mark_sent(self, mail_id: str, message_id: str) -> None:
        """Records that it was sent. The first time counts."""
        async with statement(self._at_once) as connection:
            marked = await connection.execute(
                update(mails)
                .where(mails.c.id == UUID(mail_id), mails.c.sent_at.is_(None))
                .values(status="sent", message_id=message_id, sent_at=func.now())
            )
        if not marked.rowcount:
            await self._to_operators.mark_sent(mail_id, message_id)

    async def mark_refused(self, mail_id: str, why: str) -> None:
        async with statement(self._at_once) as connection:
            marked = await connection.execute(
                update(mails)
                .where(mails.c.id == UUID(mail_id), mails.c.status == "queued")
                .values(status="refused", why_not=why)
            )
        if not marked.rowcount:
            await self._to_operators.mark_refused(mail_id, why)


def _claimed(mail_id: str, claimant: str) -> Executable:
    """Claims a mail that waits, and returns all that is needed to send it, in one round trip."""
    generation = (
        select(pay_pages.c.generation).where(pay_pages.c.subscription == mails.c.subscription).scalar_subquery()
    )
    return (
        claiming(mails, mail_id, claimant, mails.c.status == "queued", not_(has_dead_link()))
        .where(subscriptions.c.id == mails.c.subscription, customers.c.id == subscriptions.c.customer)
        .returning(
            mails.c.subscription,
            mails.c.occasion,
            mails.c.at,
            mails.c.facts,
            func.coalesce(generation, 0).label("link_generation"),
            customers,
        )
    )


def _waiting(mail_id: str) -> Executable:
    return select(mails.c.id).where(mails.c.id == UUID(mail_id), mails.c.status == "queued")
