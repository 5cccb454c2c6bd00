"""Mails of a subscription, as operators look at them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.notifications.mail_types import Occasion
from domain.notifications.ports import MailToSend
from storage.db.engine import transaction
from storage.schema.tables import customers, mails, subscriptions
from storage.subscriptions.customers import contact_of


@dataclass(frozen=True)
class SentMail:
    """A mail with its status."""

    mail: MailToSend
    status: str
    """queued, sent, withdrawn or refused."""
    sent_at: datetime | None
    why_not: str
    message_id: str


class SentMails:
    """Reads them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def get(self, tenant: str, subscription: str, mail_id: str) -> SentMail | None:
        """Returns a mail of a subscription to its customer, at the address of today; None if there is none."""
        try:
            id_ = UUID(mail_id)
        except ValueError:
            return None
        it = mails.c
        wanted = (
            select(it.occasion, it.at, it.facts, it.status, it.sent_at, it.why_not, it.message_id, customers)
            .join(subscriptions, subscriptions.c.id == it.subscription)
            .join(customers, customers.c.id == subscriptions.c.customer)
            .where(it.tenant == tenant, it.id == id_, it.subscription == UUID(subscription))
        )
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            return None
        mail = MailToSend(mail_id, subscription, Occasion(row.occasion), row.at, dict(row.facts), contact_of(row))
        return SentMail(mail, row.status, row.sent_at, row.why_not or "", row.message_id or "")
