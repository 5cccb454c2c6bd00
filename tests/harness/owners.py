"""Whose the customers of a shared stack are: each of the one test that signed them up."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.notifications.mailboxes import canonical_mail

_SIGNED_UP = text(
    "SELECT subscriptions.id, customers.tenant, customers.external_id, customers.email"
    " FROM subscriptions JOIN customers ON customers.id = subscriptions.customer"
    " WHERE subscriptions.xmin::text::bigint >= :since"
)
"""Those written by a transaction that began after another, or was under way then. A stack makes few in all."""
_UNDER_WAY = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


class Owners:
    """Knows which test a name or an address is of."""

    def __init__(self) -> None:
        self._seen: set[object] = set()
        self._owners: dict[tuple[str, str], str] = {}
        self._since = 0

    async def shared(self, engine: AsyncEngine, test: str) -> dict[str, str]:
        """The names and addresses that *test* has signed up with although they are another's, each with that test.

        To be asked at the end of every test; what has come about since the last was asked for is this one's.
        """
        async with engine.connect() as connection:
            since, self._since = self._since, (await connection.execute(_UNDER_WAY)).scalar_one()
            rows = (await connection.execute(_SIGNED_UP, {"since": since})).all()
        found = {}
        for row in rows:
            if row.id in self._seen:
                continue
            self._seen.add(row.id)
            for told in (row.external_id, canonical_mail(row.email)):
                owner = self._owners.setdefault((row.tenant, told), test)
                if owner != test:
                    found[told] = owner
        return found
