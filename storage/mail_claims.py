"""Claims of mails: whoever is about to send one claims its row first, so that no two deliveries send it at once."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Table, func, literal, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import GatewayBusy, Haste

CLAIMED_FOR: Final = timedelta(seconds=90)
"""Longer than one attempt to send a mail may take. After that, whoever claimed it is dead."""


async def claim(connection: AsyncConnection, mails: Table, mail_id: str, claimant: str) -> None:
    """Claim a queued mail of a table; *claimant* may claim again what it has claimed.

    Raises:
        GatewayBusy: code `being_sent`; another has claimed it, or it has just been sent.
    """
    it = mails.c
    is_free = or_(it.claimed_by.is_(None), it.claimed_by == claimant, it.claimed_until < func.now())
    taken = await connection.execute(
        update(mails)
        .where(it.id == UUID(mail_id), it.status == "queued", is_free)
        .values(claimed_by=claimant, claimed_until=func.now() + literal(CLAIMED_FOR))
    )
    if not taken.rowcount:
        raise GatewayBusy(
            "the mail is being sent by another delivery",
            haste=Haste.LOCK,
            retry_after=CLAIMED_FOR.total_seconds(),
            code="being_sent",
        )
