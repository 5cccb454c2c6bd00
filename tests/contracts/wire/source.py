"""What nothing registers and no type holds: names that stand in the code, found where it is used.

A name that is a constant is taken for what it holds, so that it may be called and kept otherwise.
"""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from domain.subscription.journal import Entry

ROOT = Path(__file__).parents[3]
_TELL_NOBODY = frozenset({"configuration", "examples", "sandbox"})
"""Rooms that leave nothing behind anywhere: they read files, or are no part of production."""
_OF_PRODUCTS = ROOT / "tenure" / "client"
"""Runs in others' processes, and speaks HTTP alone."""
_FAILURES_COME_FROM = frozenset({"activities", "domain", "gateways", "services", "storage", "workflows"})
_DEFINE = frozenset({"defn", "signal", "query", "update"})
_LOGS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
_AT_STRIPE = re.compile(r"tenure_[a-z_]+")


class Source:
    """A module, as it is written and as it is."""

    def __init__(self, path: Path) -> None:
        self.room = path.relative_to(ROOT).parts[0]
        self.nodes = tuple(ast.walk(ast.parse(path.read_text())))
        self._module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    @property
    def _names(self) -> ModuleType:
        return importlib.import_module(self._module)

    def calls(self, of: str) -> Iterator[ast.Call]:
        """Calls of a method."""
        calls = (node for node in self.nodes if isinstance(node, ast.Call))
        return (node for node in calls if isinstance(node.func, ast.Attribute) and node.func.attr == of)

    def value(self, node: ast.expr) -> Any:
        """What a constant's name stands for; None when it is no name of the module's."""
        if isinstance(node, ast.Attribute):
            return getattr(self.value(node.value), node.attr, None)
        return getattr(self._names, node.id, None) if isinstance(node, ast.Name) else None

    def text(self, node: ast.expr) -> str | None:
        """A text as it is written, with `{}` for what is known when it runs; None: it is none."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.JoinedStr):
            return "".join(self._part(part) for part in node.values)
        found = self.value(node)
        return str(found) if isinstance(found, str) else None

    def _part(self, node: ast.expr) -> str:
        if not isinstance(node, ast.FormattedValue):
            return self.text(node) or ""
        name = ast.unparse(node.value).rpartition(".")[2]
        if name.isupper():
            return str(self.text(node.value))
        how = f":{self.text(node.format_spec)}" if node.format_spec is not None else ""
        return f"{{{'|'.join(sorted(self.texts_in(node.value)))}{how}}}"

    def texts_in(self, node: ast.expr) -> Iterator[str]:
        """All texts that an expression may come to, as far as they are written out."""
        if isinstance(node, ast.IfExp):
            yield from (*self.texts_in(node.body), *self.texts_in(node.orelse))
        elif isinstance(node, ast.BoolOp):
            yield from (text for each in node.values for text in self.texts_in(each))
        elif (found := self.text(node)) is not None:
            yield found


@cache
def sources() -> tuple[Source, ...]:
    """Every module whose names are left somewhere."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = set(config["tool"]["importlinter"]["root_packages"]) - _TELL_NOBODY
    paths = (path for room in sorted(rooms) for path in sorted((ROOT / room).rglob("*.py")))
    return tuple(Source(path) for path in paths if _OF_PRODUCTS not in path.parents)


def patches() -> set[str]:
    """The marks in histories by which a running workflow goes its old way."""
    marks = {
        source.text(call.args[0])
        for source in sources()
        for of in ("patched", "deprecate_patch")
        for call in source.calls(of)
    }
    return {mark for mark in marks if mark is not None}


def unnamed() -> set[str]:
    """Workflows, activities and handlers that Temporal knows by whatever they happen to be called."""
    return {
        node.name
        for source in sources()
        for node in source.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for mark in node.decorator_list
        if ast.unparse(mark).partition("(")[0].rpartition(".")[2] in _DEFINE and "name=" not in ast.unparse(mark)
    }


def memo_keys() -> set[str]:
    return {text for given in _given("memo") for text in given}


def _given(name: str) -> Iterator[list[str]]:
    """The keys of what is given under a name."""
    for source in sources():
        for node in source.nodes:
            if isinstance(node, ast.keyword) and node.arg == name and isinstance(node.value, ast.Dict):
                yield [text for key in node.value.keys if key is not None and (text := source.text(key))]


def error_codes() -> set[str]:
    """The types of failures: programs on the other side of Temporal and of HTTP go by them."""
    return {
        text
        for source in sources()
        if source.room in _FAILURES_COME_FROM
        for node in source.nodes
        if isinstance(node, ast.expr | ast.stmt | ast.keyword)
        for value in _codes(node)
        for text in source.texts_in(value)
    }


def _codes(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.ClassDef):
        for each in node.body:
            if isinstance(each, ast.Assign) and [ast.unparse(target) for target in each.targets] == ["code"]:
                yield each.value
    elif isinstance(node, ast.Call):
        is_failure = ast.unparse(node.func).endswith("ApplicationError")
        yield from (each.value for each in node.keywords if each.arg == "code" or (is_failure and each.arg == "type"))


def journal_kinds() -> set[str]:
    """Kinds of journal lines that are written out; others are recorded."""
    return {
        text
        for source in sources()
        for node in source.nodes
        if isinstance(node, ast.Call) and node.args and source.value(node.func) is Entry
        for text in source.texts_in(node.args[0])
    }


def stripe_names() -> set[str]:
    """Names in metadata at Stripe."""
    return {
        node.value
        for source in sources()
        if source.room == "gateways"
        for node in source.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _AT_STRIPE.fullmatch(node.value)
    }


def composed() -> set[str]:
    """Texts that are put together with slashes and without blanks: keys, ids and addresses, as they are written."""
    return {
        text
        for source in sources()
        for node in source.nodes
        if isinstance(node, ast.JoinedStr)
        and (text := source.text(node))
        and "/" in text
        and not re.search(r"[\s#]", text)
    }


def logged() -> set[str]:
    """What is told in logs."""
    return {
        text
        for source in sources()
        for how in _LOGS
        for call in source.calls(how)
        if call.args
        for text in source.texts_in(call.args[0])
    }


def signing_purposes() -> set[str]:
    """What is signed along with a link, so that it opens nothing else."""
    return {
        node.value.decode()
        for source in sources()
        for node in source.nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, bytes)
        and re.fullmatch(rb"tenure/[a-z]+/[0-9]+", node.value)
    }
