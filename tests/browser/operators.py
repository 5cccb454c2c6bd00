"""What stories of operators have in common."""

from sandbox.stack import Stack
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from tests.browser.visitor import Visitor
from tests.harness.names import a_name


async def signs_in(visitor: Visitor, stack: Stack, role: OperatorRole = OperatorRole.ADMIN) -> str:
    """Sign in as a new operator, by their link. Returns their address."""
    email = f"{a_name('operator')}@example.com"
    operator, _ = await Operators(stack.engine).add(email, role, tenant="default")
    await visitor.opens(await new_sign_in_link(stack.engine, operator, stack.addresses.api_url))
    await visitor.presses("Sign in")
    return email
