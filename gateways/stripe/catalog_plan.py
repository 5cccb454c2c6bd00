"""What a push consists of: what is in the way, and what is to be done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.errors import GatewayRefused


@dataclass(frozen=True)
class Problem:
    code: str
    words: str


@dataclass(frozen=True)
class Deed:
    """One thing to do, and the line that tells of it."""

    words: str
    do: Callable[[], Awaitable[object]]


def refuse(problems: Sequence[Problem]) -> None:
    """Tell all that is in the way, if anything is.

    Raises:
        GatewayRefused: with the code of the problems, or `catalog_refused` if they are of several kinds.
    """
    told = list(dict.fromkeys(problems))
    if not told:
        return
    codes = {problem.code for problem in told}
    code = codes.pop() if len(codes) == 1 else "catalog_refused"
    if len(told) == 1:
        raise GatewayRefused(told[0].words, code=code)
    lines = "".join(f"\n  {problem.words}" for problem in told)
    raise GatewayRefused(f"{len(told)} things are in the way, and nothing was done:{lines}", code=code)
