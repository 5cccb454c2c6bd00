"""Imported customers and agreements: whom we know already, and who is new."""

from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import Rejected
from domain.subscription.ends import REFUSED, EndKind
from domain.subscription.lifecycle import Status
from storage.db.engine import transaction
from storage.schema.tables import customers, subscriptions
from storage.subscriptions.customers import NEW_CUSTOMER


class Adoptions:
    """What we know of the provider's objects, for one tenant."""

    def __init__(self, engine: AsyncEngine, tenant: str) -> None:
        self._engine = engine
        self._tenant = tenant

    @property
    def tenant(self) -> str:
        return self._tenant

    async def subscription_of(self, agreement_ref: str) -> str | None:
        """The subscription of an agreement, if there is one: of any tenant, as the provider knows none."""
        wanted = select(subscriptions.c.id).where(subscriptions.c.agreement_ref == agreement_ref)
        async with transaction(self._engine) as connection:
            found = (await connection.execute(wanted.limit(1))).scalar()
        return None if found is None else str(found)

    async def is_known(self, subscription: str) -> bool:
        """True if a subscription with that id exists. An invalid id matches none."""
        try:
            id_ = UUID(subscription)
        except ValueError:
            return False
        wanted = select(subscriptions.c.id).where(subscriptions.c.tenant == self._tenant, subscriptions.c.id == id_)
        async with transaction(self._engine) as connection:
            return (await connection.execute(wanted)).first() is not None

    async def was_left(self, subscription: str) -> bool:
        """True if an import was started under that id and its agreement was left to the provider after all."""
        wanted = select(subscriptions.c.id).where(
            subscriptions.c.tenant == self._tenant,
            subscriptions.c.id == UUID(subscription),
            subscriptions.c.status == Status.CANCELED,
            subscriptions.c.status_reason == REFUSED,
            # Not in the words of a customer who has canceled.
            func.coalesce(subscriptions.c.state["end_kind"].astext, EndKind.NEVER_BEGAN) == EndKind.NEVER_BEGAN,
        )
        async with transaction(self._engine) as connection:
            return (await connection.execute(wanted)).first() is not None

    async def check_customer(self, external_id: str, customer_ref: str) -> None:
        """Rejects a customer who is known as somebody else.

        Raises:
            Rejected: code `customer_clash`.
        """
        wanted = select(customers.c.external_id, customers.c.customer_ref).where(
            customers.c.tenant == self._tenant,
            or_(customers.c.external_id == external_id, customers.c.customer_ref == customer_ref),
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        for row in rows:
            if row.external_id != external_id or (row.customer_ref or customer_ref) != customer_ref:
                raise _clash(external_id, customer_ref)

    async def keep_customer(
        self,
        *,
        external_id: str,
        customer_ref: str,
        email: str,
        name: str | None,
        timezone: str | None,
        locale: str | None,
        signing_up: str,
    ) -> str:
        """Our id for a customer of the provider. A known customer only gets the provider's id.

        *signing_up* is the subscription to be imported: the customer stays until it is refused.

        Raises:
            Rejected: code `customer_clash`; the customer is known as somebody else.
        """
        given = {"email": email, "name": name, "timezone": timezone, "locale": locale}
        values = {column: value for column, value in given.items() if value is not None}
        asked_for = [UUID(signing_up)]
        statement = (
            insert(customers)
            .values(
                id=uuid4(),
                tenant=self._tenant,
                external_id=external_id,
                customer_ref=customer_ref,
                signing_up=asked_for,
                **NEW_CUSTOMER | values,
            )
            .on_conflict_do_update(
                index_elements=[customers.c.tenant, customers.c.external_id],
                set_={"customer_ref": customer_ref, "signing_up": customers.c.signing_up + asked_for},
                where=or_(customers.c.customer_ref.is_(None), customers.c.customer_ref == customer_ref),
            )
            .returning(customers.c.id)
        )
        try:
            async with transaction(self._engine) as connection:
                kept = (await connection.execute(statement)).scalar()
        except IntegrityError as error:
            raise _clash(external_id, customer_ref) from error
        if kept is None:
            raise _clash(external_id, customer_ref)
        return str(kept)


def _clash(external_id: str, customer_ref: str) -> Rejected:
    return Rejected(
        f"its customer {customer_ref} would be {external_id!r} here, but one of the two belongs to someone else",
        code="customer_clash",
    )
