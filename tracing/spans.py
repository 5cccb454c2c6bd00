"""The port for spans. Attributes are ids, codes and kinds: no names, addresses, bodies or parameters.

A context names a span in one line of text, as W3C's header `traceparent` does; an empty one names none.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

Attributes = Mapping[str, str | int]

SUBSCRIPTION: Final = "tenure.subscription"
ACTION: Final = "tenure.action"
_SAMPLED: Final = "13579bdf"
"""The last digit of the flags of a span that is recorded."""
_WORKFLOW_PREFIX: Final = "subscription/"


class Kind(Enum):
    """Which side of a call a span is."""

    SERVER = auto()
    CLIENT = auto()
    INTERNAL = auto()


@dataclass(frozen=True)
class SpanIds:
    """Ids chosen by the caller, for a span that may be begun again: 32 and 16 hex digits.

    The trace's id applies to a span without a parent.
    """

    trace: str
    span: str


class Span(Protocol):
    """Something that takes time."""

    @property
    def context(self) -> str:
        """The context that names this span."""
        ...

    def rename(self, name: str) -> None: ...

    def note(self, attributes: Attributes) -> None: ...

    def fail(self, error_type: str) -> None:
        """Mark it as failed; *error_type* is a code or the name of an error's class, never its message."""
        ...

    def end(self) -> None: ...


class Spans(Protocol):
    """Makes spans, and hands them on."""

    def current(self) -> Span | None:
        """Return the span that is being worked on here, if there is one."""
        ...

    def start(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
        ids: SpanIds | None = None,
        started_ns: int | None = None,
    ) -> Span:
        """Start a span without making it the current one; the caller ends it.

        Args:
            name: what is done, without ids.
            kind: which side of a call it is.
            attributes: ids, codes and kinds.
            parent: the context of its parent; None: the current span; empty: it begins a trace.
            links: contexts of what caused it in other traces.
            ids: None: random ones.
            started_ns: nanoseconds since the epoch; None: now.
        """
        ...

    def around(
        self, name: str, kind: Kind, attributes: Attributes, *, parent: str | None = None
    ) -> AbstractContextManager[Span]:
        """Return a block that is a span, and the current one; an error that leaves the block fails it.

        The arguments are those of `start`.
        """
        ...

    def record(self, name: str, kind: Kind, attributes: Attributes, *, seconds: float, error_type: str = "") -> None:
        """Record, as a child of the current span, something that has just ended and took *seconds*."""
        ...


def trace_id_of(context: str) -> str:
    """The id of the trace of the span that it names."""
    return context.split("-")[1]


def is_recorded(context: str) -> bool:
    """False if it names no span, or one that sampling has left out."""
    return context[-1:] in _SAMPLED if context else False


def subscription_of(workflow_id: str) -> dict[str, str]:
    """The attribute that names the subscription whose workflow that is; empty for other workflows."""
    if not workflow_id.startswith(_WORKFLOW_PREFIX):
        return {}
    return {SUBSCRIPTION: workflow_id.removeprefix(_WORKFLOW_PREFIX)}


def error_type_of(error: BaseException) -> str:
    """The code of one of our errors, or the name of another error's class."""
    return str(getattr(error, "code", "") or getattr(error, "type", "") or type(error).__name__)
