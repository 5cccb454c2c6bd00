"""Where the gateway asks Stripe for something, and which of these places no test of a run has come by."""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce, wraps
from pathlib import Path
from typing import Any

import pytest
import stripe

import gateways

HOME = Path(gateways.__file__).parent
NOT_OF_THE_API = frozenset({"request_async", "close_async"})
"""What the transport itself is asked."""
CLIENT = ("_api", "v1")

Line = tuple[str, int]
Hear = Callable[[tuple[str, ...], tuple[Any, ...]], None]
"""Is told of a call: which it is, and what it was given."""


@dataclass(frozen=True)
class Site:
    module: str
    first: int
    last: int
    steps: tuple[str, ...]
    """From the API of version 1 to the method; empty when the call does not start there."""

    def __str__(self) -> str:
        return f"gateways/{self.module}:{self.first} {'.'.join(self.steps)}"


def all_sites() -> list[Site]:
    """Every call of Stripe's in the gateway, as it is written."""
    return [site for path in sorted((HOME / "stripe").glob("*.py")) for site in _sites_in(path)]


def _sites_in(path: Path) -> Iterator[Site]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr.endswith("_async") and node.func.attr not in NOT_OF_THE_API:
            yield Site(path.name, node.lineno, node.end_lineno or node.lineno, _steps(node.func))


def _steps(called: ast.expr) -> tuple[str, ...]:
    steps: list[str] = []
    while isinstance(called, ast.Attribute) and called.attr not in CLIENT:
        steps.insert(0, called.attr)
        called = called.value
    return tuple(steps) if isinstance(called, ast.Attribute) else ()


@contextmanager
def noted(lines: set[Line], hear: Hear | None = None) -> Iterator[None]:
    """Note from which lines Stripe is called while the block runs; *hear* is told of the gateway's calls."""
    api = stripe.StripeClient("sk_test_of_nobody").v1
    with pytest.MonkeyPatch.context() as patched:
        for steps in {site.steps for site in all_sites() if site.steps}:
            service = type(reduce(getattr, steps[:-1], api))
            patched.setattr(service, steps[-1], _noting(getattr(service, steps[-1]), steps, lines, hear))
        yield


def _noting(
    method: Callable[..., Any], steps: tuple[str, ...], lines: set[Line], hear: Hear | None
) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **more: Any) -> Any:
        caller = sys._getframe(1)
        path = Path(caller.f_code.co_filename)
        lines.add((path.name, caller.f_lineno))
        if hear is not None and HOME in path.parents:
            hear(steps, (*args, *more.values()))
        return method(*args, **more)

    return call


def never_called(lines: Iterable[Line]) -> list[Site]:
    came_by = set(lines)
    return [
        site
        for site in all_sites()
        if not any(module == site.module and site.first <= line <= site.last for module, line in came_by)
    ]
