"""Mails with a one-time link to the billing pages, written together with the link."""

from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.billing_flows import BillingFlow
from domain.notifications.mail_types import Occasion
from domain.notifications.one_time_links import mailed_tokens
from domain.notifications.ports import QueuedMail
from domain.signing import SigningSecrets
from domain.subscription.mails import mail
from storage.access.web_sessions import WebRole, token_hash
from storage.db.codec import mail_id
from storage.db.engine import transaction
from storage.schema.access_tables import web_links
from storage.schema.tables import mails
from storage.subscriptions.billing_accounts import BillingAccount

GOOD_FOR = timedelta(hours=1)


class BillingLinkMails:
    """Writes mails and their links."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, account: BillingAccount, flow: BillingFlow, secrets: SigningSecrets) -> QueuedMail | None:
        """Stores a mail with a link to the account's pages; None if nothing was ever subscribed to.

        The link is not in the mail's row: the worker derives it from the mail's id and its own first
        secret. While secrets are replaced, that may be any configured secret: a link exists for
        each, and one is mailed.
        """
        it = account.subscription
        if it is None:
            return None
        about = mail(it, Occasion.BILLING_LINK, account.now, occasion_key=str(uuid4()))
        id_ = mail_id(it.id, about)
        async with transaction(self._engine, account.tenant) as connection:
            await connection.execute(
                insert(mails).values(
                    id=id_,
                    tenant=it.tenant,
                    subscription=UUID(it.id),
                    key=about.key,
                    occasion=about.occasion.value,
                    at=about.at,
                    facts=about.facts,
                )
            )
            await connection.execute(
                insert(web_links).values(
                    [
                        {
                            "token_hash": token_hash(token),
                            "tenant": account.tenant,
                            "kind": WebRole.CUSTOMER.value,
                            "subject": UUID(account.customer_id),
                            "flow": flow.value,
                            "expires_at": func.now() + GOOD_FOR,
                        }
                        for token in mailed_tokens(secrets, str(id_))
                    ]
                )
            )
        return QueuedMail(str(id_), it.id, about.occasion)
