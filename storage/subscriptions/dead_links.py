"""Mails whose one-time link works no more: they are of no use to anybody."""

from uuid import UUID

from sqlalchemy import ColumnElement, Executable, and_, func, literal, select, update

from domain.notifications.mail_types import Occasion
from storage.schema.tables import mails, subscriptions
from storage.subscriptions.billing_link_mails import GOOD_FOR


def has_dead_link() -> ColumnElement[bool]:
    """True of a mail with a link that was written with it, and has ended."""
    it = mails.c
    return and_(it.occasion == Occasion.BILLING_LINK.value, it.created_at <= func.now() - literal(GOOD_FOR))


def withdrawing(mail_id: str) -> Executable:
    """The statement that withdraws a mail that waits, if its link is dead."""
    it = mails.c
    return (
        update(mails)
        .where(it.id == UUID(mail_id), it.status == "queued", has_dead_link())
        .values(status="withdrawn")
        .returning(it.id)
    )


def withdrawing_all(customer: UUID) -> Executable:
    """The statement that withdraws all mails with such a link of a customer that did not go out: their links ended."""
    it = mails.c
    theirs = select(subscriptions.c.id).where(subscriptions.c.customer == customer)
    waits = (it.occasion == Occasion.BILLING_LINK.value, it.status.in_(("queued", "refused")))
    return update(mails).where(it.subscription.in_(theirs), *waits).values(status="withdrawn")
