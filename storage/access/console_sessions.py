"""Sessions of the console: of operators, and of API keys as long as a tenant has no operator."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import Actor, ActorKind
from domain.errors import Rejected
from domain.notifications.one_time_links import sign_in_url
from storage.access.api_keys import ApiKey, Role
from storage.access.operators import Operator, OperatorRole, operator_of
from storage.access.web_sessions import (
    LONGEST,
    SEEN_EVERY,
    Destination,
    WebRole,
    WebSessions,
    csrf_token,
    new_token,
    token_hash,
)
from storage.db.engine import transaction
from storage.schema.access_tables import api_keys, operators, web_sessions

SIGN_IN_LIVES: Final = timedelta(minutes=15)
"""How long a sign-in link can be used."""
CONSOLE_ROLES: Final = tuple(Role(role.value) for role in OperatorRole)
"""The roles that may use the console; keys of others may not."""


@dataclass(frozen=True)
class ConsoleSession:
    """A session of somebody who uses the console."""

    tenant: str
    subject: str
    """Our id of the operator, or of the API key."""
    kind: WebRole
    name: str
    """What they are called: an operator by name or address, a key by its name."""
    role: Role
    """As it is now, whatever it was when the session began."""
    csrf: str
    """The token that every form of this session carries."""

    @property
    def actor(self) -> Actor:
        """Who the audit says has acted."""
        kind = ActorKind.OPERATOR if self.kind is WebRole.OPERATOR else ActorKind.KEY
        return Actor(kind, self.subject, self.role)


class ConsoleSessions:
    """Begins and looks up sessions, across tenants: a session tells whose it is."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._of_operators = WebSessions(engine, WebRole.OPERATOR)

    async def check_link(self, token: str) -> Destination:
        """Returns where a sign-in link leads, without using it up.

        Raises:
            Rejected: code `bad_link`, `link_used` or `link_expired`.
        """
        return await self._of_operators.check_link(token)

    async def enter(self, token: str) -> tuple[str, Destination]:
        """Uses up a sign-in link and returns the token of the session that it opened, and where it leads.

        Raises:
            Rejected: code `bad_link`, `link_used` or `link_expired`.
        """
        return await self._of_operators.enter(token)

    async def opened_for(self, token: str, session: str) -> Destination | None:
        """Returns where a link leads whose operator is the session's own; None if it is another's."""
        return await self._of_operators.opened_for(token, session)

    async def begin_by_key(self, key: ApiKey) -> str:
        """Returns the token of a new session of an API key's holder.

        Raises:
            Rejected: code `sign_in_by_mail`; the tenant has operators, who sign in by mail.
        """
        token = new_token()
        async with transaction(self._engine) as connection:
            if (await connection.execute(select(_has_operators(literal(key.tenant))))).scalar_one():
                raise Rejected(
                    "this installation has operators: sign in with your mail address, not with an API key",
                    code="sign_in_by_mail",
                )
            await connection.execute(
                insert(web_sessions).values(
                    id_hash=token_hash(token),
                    tenant=key.tenant,
                    kind=WebRole.API_KEY.value,
                    subject=UUID(key.id),
                    expires_at=func.now() + LONGEST,
                )
            )
        return token

    async def session(self, token: str) -> ConsoleSession | None:
        """Returns a session and notes that it is in use; None if there is none, or it is over.

        It is over as soon as the operator is disabled, the key is not valid any more, or the first operator exists.
        """
        mine, who, key = web_sessions.c, operators.c, api_keys.c
        by_key = (mine.kind == WebRole.API_KEY.value) & (key.id == mine.subject) & (key.tenant == mine.tenant)
        by_key &= key.revoked_at.is_(None) & (key.expires_at.is_(None) | (key.expires_at > func.now()))
        by_key &= ~_has_operators(mine.tenant)
        by_operator = (mine.kind == WebRole.OPERATOR.value) & (who.id == mine.subject) & (who.tenant == mine.tenant)
        by_operator &= who.disabled_at.is_(None)
        wanted = (
            select(
                mine.id_hash,
                mine.tenant,
                mine.subject,
                mine.kind,
                func.coalesce(func.nullif(who.name, ""), who.email, key.name).label("name"),
                func.coalesce(who.role, key.role).label("role"),
                (mine.seen_at < func.now() - literal(SEEN_EVERY)).label("is_stale"),
            )
            .join(operators, by_operator, isouter=True)
            .join(api_keys, by_key, isouter=True)
            .where(mine.id_hash == token_hash(token), mine.expires_at > func.now())
            .where(who.id.is_not(None) | key.id.is_not(None))
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(wanted)).one_or_none()
            if row is not None and row.is_stale:
                await connection.execute(
                    update(web_sessions).where(mine.id_hash == row.id_hash).values(seen_at=func.now())
                )
        return None if row is None else _session(row, token)

    async def operators_at(self, email: str) -> list[Operator]:
        """Returns the operators who may sign in with an address, in whatever tenant."""
        wanted = select(operators).where(operators.c.email == email.lower(), operators.c.disabled_at.is_(None))
        async with transaction(self._engine) as connection:
            return [operator_of(row) for row in await connection.execute(wanted.order_by(operators.c.tenant))]

    async def anybody(self) -> bool:
        """True if some tenant has an operator."""
        async with transaction(self._engine) as connection:
            wanted = select(select(operators.c.id).where(operators.c.disabled_at.is_(None)).exists())
            return bool((await connection.execute(wanted)).scalar_one())


async def new_sign_in_link(
    engine: AsyncEngine, operator: Operator, public_url: str, lives: timedelta = SIGN_IN_LIVES
) -> str:
    """Returns the URL of a new link that signs an operator in, once."""
    token = new_token()
    await WebSessions(engine, WebRole.OPERATOR).create_link(token, Destination(operator.tenant, operator.id), lives)
    return sign_in_url(public_url, token)


def _has_operators(tenant: Any) -> Any:
    who = operators.alias("anybody").c
    return select(who.id).where(who.tenant == tenant, who.disabled_at.is_(None)).exists()


def _session(row: Row[Any], token: str) -> ConsoleSession:
    role = Role(row.role)
    return ConsoleSession(row.tenant, str(row.subject), WebRole(row.kind), row.name, role, csrf_token(token))
