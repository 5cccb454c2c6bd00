"""An operator in front of the console."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar, Self

from domain.names import DEFAULT_TENANT
from sandbox.stack import Stack
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from storage.access.tenants import Tenants
from tests.web.billing.visitor import Visitor

COOKIE = "__Host-tenure_console"


class ConsoleVisitor(Visitor):
    """A browser in the console."""

    cookie_name: ClassVar = COOKIE

    @classmethod
    @asynccontextmanager
    async def signed_in(
        cls, stack: Stack, email: str, role: OperatorRole = OperatorRole.ADMIN, tenant: str = DEFAULT_TENANT
    ) -> AsyncIterator[Self]:
        """A browser of an operator, who is added."""
        await Tenants(stack.engine).add(tenant, tenant)
        operator, _ = await Operators(stack.engine).add(email, role, tenant=tenant)
        async with cls.of(stack) as visitor:
            entered = await visitor.submit(await new_sign_in_link(stack.engine, operator, stack.addresses.api_url))
            assert entered.status_code == 303, entered.text
            yield visitor
