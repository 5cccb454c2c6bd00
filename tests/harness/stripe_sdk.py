"""Stripe's API as the pinned SDK describes it: which call takes which parameters and answers with what.

Read from the SDK itself: no other description of the pinned version is at hand.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Union

import stripe
from stripe import RequestOptions, StripeObject
from typing_extensions import get_type_hints

HOME = Path(stripe.__file__).parent
_METHOD = re.compile(r"\n    async def (\w+)_async\(")
_ASKED = re.compile(r'_request_async\(\s*"(\w+)",\s*"(/v1/[^"]+)"')
_PARAMS = re.compile(r'params: (?:Optional\[)?"(\w+)"')
_ANSWER = re.compile(r'\) -> "([^"]+)":')
_IMPORT = re.compile(r"^ *from (stripe[\w.]*) import (?:\(([^)]*)\)|(.+))$", re.MULTILINE)


@dataclass(frozen=True)
class Described:
    """One call of the API."""

    method: str
    template: str
    module: str
    params_name: str
    answer_name: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What its paths look like."""
        return re.compile(re.sub(r"{\w+}", "[^/]+", self.template))

    @cached_property
    def params(self) -> Any:
        """The TypedDict of its parameters; None when it takes none."""
        return _Names(self.module)[self.params_name] if self.params_name else None

    @cached_property
    def answer(self) -> Any:
        """The type of what is answered."""
        return _evaluated(self.answer_name, self.module)


class _Names(dict[str, Any]):
    """What a module of the SDK knows by name, also what it imports for type checkers alone."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> Any:
        known = vars(import_module(self._module))
        if name in known:
            return known[name]
        source, original = _imported(self._module)[name]
        return getattr(import_module(source), original)


@cache
def _imported(module: str) -> Mapping[str, tuple[str, str]]:
    path = HOME.joinpath(*module.split(".")[1:]).with_suffix(".py")
    found: dict[str, tuple[str, str]] = {}
    for source, several, one in _IMPORT.findall(path.read_text()):
        for each in (several or one).split(","):
            original, _, alias = each.strip().partition(" as ")
            found[alias or original] = (source, original)
    return found


def _evaluated(expression: str, module: str) -> Any:
    return eval(expression, {"Union": Union}, _Names(module))  # noqa: S307 - the SDK's own annotations


@cache
def described() -> Mapping[tuple[str, str], Described]:
    """Every call, by its method in small letters and its path as the SDK writes it."""
    found: dict[tuple[str, str], Described] = {}
    for path in [*HOME.glob("_*_service.py"), *HOME.glob("[a-u]*/_*_service.py")]:
        module = ".".join(("stripe", *path.relative_to(HOME).with_suffix("").parts))
        for block in _METHOD.split(path.read_text())[2::2]:
            asked, params, answer = _ASKED.search(block), _PARAMS.search(block), _ANSWER.search(block)
            if asked is not None and answer is not None:
                known = Described(asked[1], asked[2], module, params[1] if params is not None else "", answer[1])
                found[asked[1], asked[2]] = known
    return found


@cache
def _of_length() -> Mapping[tuple[str, int], Sequence[Described]]:
    """The calls by method and the number of parts of their path: each customer's path is another one to look up."""
    found: dict[tuple[str, int], list[Described]] = {}
    for each in described().values():
        found.setdefault((each.method, each.template.count("/")), []).append(each)
    return found


@cache
def call_of(method: str, path: str) -> Described | None:
    """What the SDK knows of a call of this *method* (in small letters) and *path*; None when it has no such call."""
    alike = _of_length().get((method, path.count("/")), ())
    fitting = [each for each in alike if each.pattern.fullmatch(path)]
    return min(fitting, key=lambda each: each.template.count("{"), default=None)


@cache
def parameters_of(kind: type) -> Mapping[str, Any]:
    """The fields of a TypedDict of parameters, without what is said in headers."""
    own = {name: hint for name, hint in kind.__annotations__.items() if name not in RequestOptions.__annotations__}
    module = vars(import_module(kind.__module__))
    return get_type_hints(SimpleNamespace(__annotations__=own), module, include_extras=True)


@cache
def fields_of(kind: Any) -> Mapping[str, Any]:
    """The fields of an object of Stripe's."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        if issubclass(base, StripeObject) and base is not StripeObject:
            found |= dict(_annotated(base))
    return found


def _annotated(kind: type) -> Iterator[tuple[str, Any]]:
    for name, hint in vars(kind).get("__annotations__", {}).items():
        if not name.startswith("_") and "ClassVar" not in str(hint):
            yield name, hint


def resolved(hint: Any, module: str) -> Any:
    """*hint* itself, or what it is a name of in *module*."""
    name = hint if isinstance(hint, str) else getattr(hint, "__forward_arg__", None)
    return hint if name is None else _evaluated(name, module)
