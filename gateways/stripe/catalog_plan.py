"""The parts of a catalog push: problems that block it, and steps to carry out."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.errors import GatewayRefused


@dataclass(frozen=True)
class Problem:
    code: str
    message: str


@dataclass(frozen=True)
class PushStep:
    """One call to Stripe, and the line that describes it."""

    summary: str
    run: Callable[[], Awaitable[object]]


def refuse(problems: Sequence[Problem]) -> None:
    """Reports every problem at once, if there are any.

    Raises:
        GatewayRefused: with the code of the problems, or `catalog_refused` if they are of several kinds.
    """
    found = list(dict.fromkeys(problems))
    if not found:
        return
    codes = {problem.code for problem in found}
    code = codes.pop() if len(codes) == 1 else "catalog_refused"
    if len(found) == 1:
        raise GatewayRefused(found[0].message, code=code)
    lines = "".join(f"\n  {problem.message}" for problem in found)
    raise GatewayRefused(f"{len(found)} problems, nothing was changed:{lines}", code=code)
