"""A way into the console of the sandbox."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.names import DEFAULT_TENANT
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators

OPERATOR = "operator@tenure.example"
AN_HOUR = timedelta(hours=1)


async def console_link(engine: AsyncEngine, api_url: str, email: str = OPERATOR) -> str:
    """Returns a link that signs an admin in to the console, once within an hour. The admin is added if need be.

    *engine* is of the role that sees every tenant.
    """
    operator, _ = await Operators(engine).add(email, OperatorRole.ADMIN, tenant=DEFAULT_TENANT)
    return await new_sign_in_link(engine, operator, api_url, AN_HOUR)
