"""Notes in the audit what is done by commands on the machine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from getpass import getuser
from socket import gethostname
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.audit import Actor, ActorKind, AuditedCommand, AuditTarget
from domain.names import DEFAULT_TENANT
from services.audit import Asked, audited
from storage.access.audit import AuditLog

NOTHING: Final = AuditTarget()


@asynccontextmanager
async def noted(
    engine: AsyncEngine, command: str, target: AuditTarget = NOTHING, *, tenant: str = DEFAULT_TENANT
) -> AsyncIterator[Asked]:
    """Note that somebody on this machine runs *command*, and what comes of the block.

    Raises:
        GatewayUnavailable: the database cannot be reached, and nothing must be done.
    """
    actor = Actor(ActorKind.COMMAND, f"tenure {command}")
    asked = AuditedCommand(tenant, actor, f"tenure {command}", target, str(uuid4()), address=_who())
    async with audited(AuditLog(engine), asked) as under_way:
        yield under_way


def _who() -> str:
    """The login and the machine; a container's user may have no name."""
    try:
        return f"{getuser()}@{gethostname()}"
    except (KeyError, OSError):
        return gethostname()
