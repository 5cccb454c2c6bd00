"""The mails of a step, written and withdrawn in its transaction."""

from collections.abc import Sequence, Set
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from domain.subscription.journal import Step
from storage.db.codec import mail_id
from storage.schema.tables import mails


async def withdraw(connection: AsyncConnection, step: Step) -> None:
    """Withdraws the mails that did not go out and have no point after this step.

    Also those that were given up: nobody is to send them again.
    """
    if not step.withdraws:
        return
    await connection.execute(
        update(mails)
        .where(
            mails.c.subscription == UUID(step.subscription.id),
            mails.c.status.in_(("queued", "refused")),
            mails.c.occasion.in_([occasion.value for occasion in step.withdraws]),
        )
        .values(status="withdrawn")
    )


async def save(connection: AsyncConnection, step: Step) -> Set[UUID]:
    """Writes the mails that are not written yet, and returns their ids."""
    it = step.subscription
    rows = [
        {
            "id": mail_id(it.id, mail),
            "tenant": it.tenant,
            "subscription": UUID(it.id),
            "key": mail.key,
            "occasion": mail.occasion.value,
            "at": mail.at,
            "facts": mail.facts,
        }
        for mail in step.mails
    ]
    if not rows:
        return frozenset()
    new = insert(mails).values(rows).on_conflict_do_nothing().returning(mails.c.id)
    return frozenset((await connection.execute(new)).scalars())


async def queued(connection: AsyncConnection, step: Step, written: Set[UUID]) -> Sequence[QueuedMail]:
    """Returns those of the step's mails that wait, in its order; those just *written* do."""
    ids = {mail_id(step.subscription.id, mail): mail.occasion for mail in step.mails}
    earlier = ids.keys() - written
    waiting: dict[UUID, Occasion] = {id_: ids[id_] for id_ in written}
    if earlier:
        # The step is written again: some may have been sent or withdrawn meanwhile.
        found = select(mails.c.id, mails.c.occasion).where(mails.c.id.in_(earlier), mails.c.status == "queued")
        waiting |= {row.id: Occasion(row.occasion) for row in await connection.execute(found)}
    return [QueuedMail(str(id_), step.subscription.id, waiting[id_]) for id_ in ids if id_ in waiting]


async def all_queued(connection: AsyncConnection, subscription: str) -> Sequence[QueuedMail]:
    """Returns all mails of a subscription that wait, oldest first."""
    it = mails.c
    wanted = select(it.id, it.occasion).where(it.subscription == UUID(subscription), it.status == "queued")
    rows = await connection.execute(wanted.order_by(it.at, it.id))
    return [QueuedMail(str(row.id), subscription, Occasion(row.occasion)) for row in rows]
