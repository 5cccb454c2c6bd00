"""Every error code in the source, and with which status the API answers it."""

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from api.http.errors import CODE_OF_STATUS, OTHER_CODE, PUBLIC_CODE, STATUS_OF_CODE, problem
from domain.entitlements.snapshot import Denial
from domain.errors import GatewayRefused, GatewayUnavailable, Malformed, Rejected, TenureError

ROOT = Path(__file__).parents[2]
ROOMS = ("domain", "workflows", "activities", "services", "gateways", "storage", "worker", "api")

UNNAMED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("api/entitlements/check.py", "denial.value"): tuple(Denial),
    ("domain/errors.py", "'quota_used_up' if is_for_sale else None"): ("limit_reached", "quota_used_up"),
    ("domain/errors.py", "code"): (),  # given by those who raise it
    ("activities/failures.py", "code"): (),  # carried from where it was raised
    ("gateways/stripe/errors.py", "UNKNOWN_PAYMENT_METHOD if about_card and error.code == MISSING else error.code"): (
        "unknown_payment_method",  # others are answered as `gateway_refused`
    ),
    ("api/console/actions.py", "problem['code']"): (),  # carried from where it was raised
    ("gateways/stripe/catalog_plan.py", "code"): (
        *("unrepresentable", "product_archived", "price_in_use", "price_archived", "catalog_refused"),
    ),
}
"""Codes that an expression names, by file and expression."""

OPTIONAL: Final = {"api/http/slow_clients_httptools.py": "httptools"}
"""Files that need an optional library. They have no code that is in no other file."""


class Place(NamedTuple):
    """Where a code is used: the kind of error, or the status of a response."""

    kind: type[TenureError] | int
    file: str


@cache
def codes_in_source() -> dict[str, set[Place]]:
    """Every code of an error or of a problem, and where it is used. The source is read once.

    Raises:
        ValueError: an expression is neither a constant nor in `UNNAMED`.
    """
    found: dict[str, set[Place]] = defaultdict(set)
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file in OPTIONAL and find_spec(OPTIONAL[file]) is None:
                continue
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for code, kind in _codes_of(module, ast.parse(path.read_text(encoding="utf-8")), file):
                found[PUBLIC_CODE.get(code, code)].add(Place(kind, file))
    for status, code in {**CODE_OF_STATUS, 400: OTHER_CODE}.items():
        found[code].add(Place(status, "api/http/errors.py"))
    return dict(found)


def statuses(code: str, places: set[Place]) -> list[int]:
    """The statuses with which the API answers a code."""
    names = {code} | {inner for inner, public in PUBLIC_CODE.items() if public == code}
    found = {status for place in places for name in names for status in _statuses(name, place.kind)}
    return sorted(found)


def _statuses(code: str, kind: type[TenureError] | int) -> tuple[int, ...]:
    """As `api.http.errors.status_of` says of each error."""
    if isinstance(kind, int):
        return (kind,)
    if issubclass(kind, Malformed):
        return (422,)
    if code in STATUS_OF_CODE:
        return (STATUS_OF_CODE[code],)
    if issubclass(kind, GatewayRefused):
        return (422, 502)
    if issubclass(kind, GatewayUnavailable):
        return (503,)
    return (409,) if issubclass(kind, Rejected) else (500,)


def _codes_of(module: ModuleType, tree: ast.Module, file: str) -> Iterator[tuple[str, type[TenureError] | int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            kind = getattr(module, node.name, None)
            if inspect.isclass(kind) and issubclass(kind, TenureError) and "code" in vars(kind):
                yield kind.code, kind
        elif isinstance(node, ast.Call):
            yield from _codes_of_call(module, node, file)


def _codes_of_call(module: ModuleType, call: ast.Call, file: str) -> Iterator[tuple[str, type[TenureError] | int]]:
    """The codes of a call that makes an error, or a problem."""
    made = _value(call.func, module)
    if made is problem:
        status, code = (_value(one, module) for one in call.args[:2])
        if isinstance(status, int) and isinstance(code, str):
            yield code, status
        return
    is_error = inspect.isclass(made) and issubclass(made, TenureError)
    is_init = isinstance(call.func, ast.Attribute) and call.func.attr == "__init__" and file == "domain/errors.py"
    for given in call.keywords:
        if given.arg != "code" or not (is_error or is_init):
            continue
        value = _value(given.value, module)
        kind = made if is_error else TenureError
        named = (value,) if isinstance(value, str) else UNNAMED.get((file, ast.unparse(given.value)))
        if named is None:
            raise ValueError(f"{file}:{call.lineno}: name the codes of {ast.unparse(given.value)!r} in {__name__}")
        yield from ((str(one), kind) for one in named)


def _value(expression: ast.expr, module: ModuleType) -> Any:
    """What a constant, or a name of the module, stands for; None for anything else."""
    if isinstance(expression, ast.Constant):
        return expression.value
    if isinstance(expression, ast.Name):
        return getattr(module, expression.id, None)
    if isinstance(expression, ast.Attribute):
        return getattr(_value(expression.value, module), expression.attr, None)
    return None
