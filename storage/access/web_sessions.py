"""One-time links to the billing pages, and the sessions that they open. Tokens are stored as hashes alone."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Rejected
from storage.db.engine import transaction
from storage.schema.access_tables import web_links, web_sessions

IDLE = timedelta(hours=1)
"""A customer's session that was not used for this long is over."""
LONGEST = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)
"""A session's last use is noted no more often than this."""
KEPT = timedelta(days=7)
"""How long links and sessions stay after their end, so that a late visitor is told what has become of theirs."""


class WebRole(StrEnum):
    """Whose links and sessions: neither opens the other's pages."""

    CUSTOMER = "customer"
    OPERATOR = "operator"
    API_KEY = "api_key"
    """The holder of an API key, who may use the console until there is an operator."""


@dataclass(frozen=True)
class Destination:
    """Whose pages a link opens, and how they are shown."""

    tenant: str
    subject: str
    """Our id of the customer or operator."""
    flow: str = ""
    """The page to open first."""
    return_url: str = ""
    """Where the pages lead back to; empty: nowhere."""
    locale: str = ""
    """Empty: the customer's own."""
    embed: bool = False
    """Shown in a frame on a page of the product."""


@dataclass(frozen=True)
class WebSession:
    """A session of one customer or operator."""

    tenant: str
    subject: str
    return_url: str
    locale: str
    embed: bool
    csrf: str
    """The token that every form of this session carries."""


def new_token() -> str:
    """Returns 256 random bits for a URL or a cookie."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Returns what is stored of a token."""
    # Plain SHA-256: tokens are long and random, so they cannot be guessed.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def csrf_token(token: str) -> str:
    """Returns the token that the forms of a session carry, by the session's own."""
    return hmac.new(token.encode(errors="surrogatepass"), b"tenure/csrf/1", hashlib.sha256).hexdigest()


class WebSessions:
    """Stores links and sessions of one kind."""

    def __init__(self, engine: AsyncEngine, kind: WebRole = WebRole.CUSTOMER) -> None:
        self._engine = engine
        self._kind = kind

    async def create_link(self, token: str, to: Destination, lives: timedelta) -> datetime:
        """Stores a link and returns when it expires. A link that is known already stays as it is."""
        links = web_links
        row = insert(links).values(
            token_hash=token_hash(token),
            tenant=to.tenant,
            kind=self._kind.value,
            subject=UUID(to.subject),
            flow=to.flow,
            return_url=to.return_url,
            locale=to.locale,
            embed=to.embed,
            expires_at=func.now() + lives,
        )
        wanted = select(links.c.expires_at).where(links.c.token_hash == token_hash(token))
        async with transaction(self._engine, to.tenant) as connection:
            await self._delete_old(connection)
            await connection.execute(row.on_conflict_do_nothing())
            expires_at: datetime = (await connection.execute(wanted)).scalar_one()
        return expires_at

    async def known_link(self, tenant: str, tokens: Sequence[str]) -> str | None:
        """Returns the token of these that is a link's in this tenant; None if none is."""
        by_hash = {token_hash(token): token for token in tokens}
        if not by_hash:
            return None
        wanted = select(web_links.c.token_hash).where(web_links.c.token_hash.in_(by_hash)).limit(1)
        async with transaction(self._engine, tenant) as connection:
            found = (await connection.execute(wanted)).scalar_one_or_none()
        return None if found is None else by_hash[found]

    async def check_link(self, token: str) -> Destination:
        """Returns where a link leads, without using it up.

        Raises:
            Rejected: code `bad_link`, `link_used` or `link_expired`.
        """
        async with transaction(self._engine) as connection:
            return await self._open_link(connection, token)

    async def opened_for(self, token: str, session: str) -> Destination | None:
        """Returns where a link leads whose subject is the session's own; None if it is another's, or is not known.

        It may be used up or expired: a live session opens nothing by it that it does not open anyway.
        """
        same = (web_sessions.c.tenant == web_links.c.tenant) & (web_sessions.c.subject == web_links.c.subject)
        wanted = self._link(token).join(web_sessions, same).where(*self._is_live(session))
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else _destination(row)

    async def enter(self, token: str) -> tuple[str, Destination]:
        """Uses up a link and returns the token of the session that it opened, and where it leads.

        Raises:
            Rejected: code `bad_link`, `link_used` or `link_expired`.
        """
        links, session = web_links, new_token()
        used = (
            update(links)
            .where(links.c.token_hash == token_hash(token), links.c.kind == self._kind.value)
            .where(links.c.used_at.is_(None), links.c.expires_at > func.now())
            .values(used_at=func.now())
            .returning(links.c.token_hash)
        )
        async with transaction(self._engine) as connection:
            # Of two that use it at the same time, one waits here for the other and finds it used.
            if (await connection.execute(used)).first() is None:
                await self._open_link(connection, token)
            to = _destination((await connection.execute(self._link(token))).one())
            await connection.execute(
                insert(web_sessions).values(
                    id_hash=token_hash(session),
                    tenant=to.tenant,
                    kind=self._kind.value,
                    subject=UUID(to.subject),
                    return_url=to.return_url,
                    locale=to.locale,
                    embed=to.embed,
                    expires_at=func.now() + LONGEST,
                )
            )
        return session, to

    async def session(self, token: str) -> WebSession | None:
        """Returns a session and notes that it is in use; None if there is none, or it is over."""
        mine = web_sessions
        wanted = select(mine, (mine.c.seen_at < func.now() - literal(SEEN_EVERY)).label("is_stale"))
        wanted = wanted.where(*self._is_live(token))
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
            if row is not None and row.is_stale:
                await connection.execute(update(mine).where(mine.c.id_hash == row.id_hash).values(seen_at=func.now()))
        if row is None:
            return None
        return WebSession(row.tenant, str(row.subject), row.return_url, row.locale, row.embed, csrf_token(token))

    async def end(self, token: str) -> None:
        """Ends a session."""
        async with transaction(self._engine) as connection:
            await connection.execute(delete(web_sessions).where(web_sessions.c.id_hash == token_hash(token)))

    def _is_live(self, token: str) -> tuple[ColumnElement[bool], ...]:
        mine = web_sessions.c
        return (
            mine.id_hash == token_hash(token),
            mine.kind == self._kind.value,
            mine.expires_at > func.now(),
            mine.seen_at > func.now() - literal(IDLE if self._kind is WebRole.CUSTOMER else LONGEST),
        )

    async def _open_link(self, connection: AsyncConnection, token: str) -> Destination:
        row = (await connection.execute(self._link(token))).one_or_none()
        if row is None:
            raise Rejected("this link is not ours", code="bad_link")
        if row.used_at is not None:
            raise Rejected("this link has been used", code="link_used")
        if row.is_expired:
            raise Rejected("this link has expired", code="link_expired")
        return _destination(row)

    def _link(self, token: str) -> Any:
        links = web_links
        return select(links, (links.c.expires_at <= func.now()).label("is_expired")).where(
            links.c.token_hash == token_hash(token), links.c.kind == self._kind.value
        )

    async def _delete_old(self, connection: AsyncConnection) -> None:
        for table in (web_links, web_sessions):
            await connection.execute(delete(table).where(table.c.expires_at < func.now() - literal(KEPT)))


async def end_links_and_sessions(connection: AsyncConnection, kind: WebRole, subject: UUID) -> None:
    """Ends all links that were made so far and all sessions of somebody, within a transaction.

    The links come first: whoever uses one at this moment is waited for, and their session is ended with the others. A
    link then ends when it was made: that is before any use of it, also one that waits for this transaction.
    """
    links, mine = web_links.c, web_sessions.c
    ended = update(web_links).values(expires_at=links.created_at)
    # By the index on when they expire: there are many that have.
    still = (links.expires_at > func.now(), links.kind == kind.value, links.subject == subject)
    await connection.execute(ended.where(*still))
    await connection.execute(delete(web_sessions).where(mine.kind == kind.value, mine.subject == subject))


def _destination(row: Row[Any]) -> Destination:
    return Destination(row.tenant, str(row.subject), row.flow, row.return_url, row.locale, row.embed)
