"""Mails to operators. They belong to no subscription, so that they are not among those of customers."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4, uuid5

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.customers import Contact
from domain.notifications.mail_types import Occasion
from domain.notifications.one_time_links import mailed_tokens
from domain.notifications.ports import MailToSend, QueuedMail
from domain.signing import SigningSecrets
from storage.access.api_keys import Role
from storage.access.console_sessions import SIGN_IN_LIVES
from storage.access.operators import Operator
from storage.access.web_sessions import WebRole, token_hash
from storage.claims import claim, released
from storage.db.engine import transaction
from storage.schema.access_tables import operator_mails, operators, web_links

KEPT: Final = timedelta(days=30)
HAND_OVER_TIMEOUT: Final = timedelta(minutes=1)
"""How long a stored mail may be on its way to the sender."""
NEWS_ARE_USEFUL: Final = timedelta(days=3)


class OperatorMails:
    """Writes and sends them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write_sign_in(self, operator: Operator, path: str, secrets: SigningSecrets) -> QueuedMail:
        """Stores a mail with a link that signs the operator in, and opens *path* of the console.

        As in mails to customers, the worker derives the link from the mail's id and its own first secret, and there is
        a link for each of *secrets*.
        """
        id_, occasion = uuid4(), Occasion.OPERATOR_SIGN_IN
        ends = func.now() + literal(SIGN_IN_LIVES)
        async with transaction(self._engine, operator.tenant) as connection:
            old = operator_mails.c.created_at < func.now() - literal(KEPT)
            await connection.execute(delete(operator_mails).where(old))
            await connection.execute(
                insert(operator_mails).values(
                    id=id_,
                    tenant=operator.tenant,
                    operator=UUID(operator.id),
                    occasion=occasion.value,
                    facts={"tenant_name": operator.tenant},
                    useful_until=ends,
                )
            )
            await connection.execute(
                insert(web_links).values(
                    [
                        {
                            "token_hash": token_hash(token),
                            "tenant": operator.tenant,
                            "kind": WebRole.OPERATOR.value,
                            "subject": UUID(operator.id),
                            "flow": path,
                            "expires_at": ends,
                        }
                        for token in mailed_tokens(secrets, str(id_))
                    ]
                )
            )
        return QueuedMail(str(id_), "", occasion)

    async def left_behind(self, *, limit: int) -> Sequence[QueuedMail]:
        """Returns the oldest mails that were written a while ago and wait; those to sign in are not asked for again."""
        it = operator_mails.c
        wanted = (
            select(it.id, it.occasion)
            .where(it.status == "queued", it.useful_until > func.now())
            .where(it.occasion != Occasion.OPERATOR_SIGN_IN.value)
            .where(it.created_at < func.now() - literal(HAND_OVER_TIMEOUT))
            .order_by(it.created_at)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            return [QueuedMail(str(row.id), "", Occasion(row.occasion)) for row in await connection.execute(wanted)]

    async def claim(self, mail_id: str, claimant: str) -> MailToSend | None:
        """Claims and returns a mail to somebody who may still sign in, None if there is no use for it any more."""
        it = operator_mails.c
        found = (
            select(it.occasion, it.created_at, it.facts, operators.c.email, operators.c.name)
            .join(operators, operators.c.id == it.operator)
            .where(it.id == UUID(mail_id), it.status == "queued", it.useful_until > func.now())
            .where(operators.c.disabled_at.is_(None))
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(found)).one_or_none()
            if row is not None:
                await claim(connection, operator_mails, mail_id, claimant, operator_mails.c.status == "queued")
        if row is None:
            return None
        contact = Contact("", "", row.email, row.name or None, "UTC", "en", "")
        return MailToSend(mail_id, "", Occasion(row.occasion), row.created_at, dict(row.facts), contact)

    async def release(self, mail_id: str, claimant: str) -> None:
        """Lets another claim the mail at once."""
        async with transaction(self._engine) as connection:
            await connection.execute(released(operator_mails, mail_id, claimant))

    async def mark_sent(self, mail_id: str, message_id: str) -> None:
        """Records that it was sent. The first time counts."""
        sent = update(operator_mails).values(status="sent", message_id=message_id, sent_at=func.now())
        async with transaction(self._engine) as connection:
            await connection.execute(
                sent.where(operator_mails.c.id == UUID(mail_id), operator_mails.c.sent_at.is_(None))
            )

    async def mark_refused(self, mail_id: str, why: str) -> None:
        """Records that it cannot be sent."""
        refused = update(operator_mails).values(status="refused", why_not=why)
        async with transaction(self._engine) as connection:
            await connection.execute(
                refused.where(operator_mails.c.id == UUID(mail_id), operator_mails.c.status == "queued")
            )


async def write_to_operators(
    connection: AsyncConnection, tenant: str, key: UUID, occasion: Occasion, facts: Mapping[str, str]
) -> Sequence[QueuedMail]:
    """Stores a mail to each operator of a tenant who can act.

    *key* identifies the occasion, for which only one mail is stored.
    """
    it = operators.c
    acting = it.tenant == tenant, it.disabled_at.is_(None), it.role.in_((Role.OPERATOR.value, Role.ADMIN.value))
    ids = (await connection.execute(select(it.id).where(*acting))).scalars().all()
    rows = [
        {
            "id": uuid5(key, str(operator)),
            "tenant": tenant,
            "operator": operator,
            "occasion": occasion.value,
            "facts": dict(facts) | {"tenant_name": tenant},
            "useful_until": func.now() + literal(NEWS_ARE_USEFUL),
        }
        for operator in ids
    ]
    if rows:
        await connection.execute(insert(operator_mails).values(rows).on_conflict_do_nothing())
    return [QueuedMail(str(row["id"]), "", occasion) for row in rows]
