"""What workflows say of their steps to traces. Costs nothing and changes nothing in a history while traces are off."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol


class StepTraces(Protocol):
    """The traces of one workflow; a worker that traces binds them."""

    def activation(self) -> AbstractContextManager[None]: ...

    def step(self, action: str, event: str) -> AbstractContextManager[None]: ...

    def mark_latest(self) -> None: ...


_bound: ContextVar[StepTraces | None] = ContextVar("traces of this workflow", default=None)


def bind(traces: StepTraces) -> None:
    """Let the code that runs in this task, and in those that it starts, be traced by *traces*."""
    _bound.set(traces)


@contextmanager
def activation() -> Iterator[None]:
    """What a workflow does first: it belongs to the trace of what started the workflow."""
    traces = _bound.get()
    if traces is None:
        yield
        return
    with traces.activation():
        yield


@contextmanager
def step(action: str, event: str = "") -> Iterator[None]:
    """One step of the main loop: a trace of its own, with a link to what caused it.

    That is what sent the workflow *event*, or set the timer. Within a command it belongs to the command.
    """
    traces = _bound.get()
    if traces is None:
        yield
        return
    with traces.step(action, event):
        yield


def mark_latest() -> None:
    """The current trace has changed the state: timers that are set from now on link to it."""
    traces = _bound.get()
    if traces is not None:
        traces.mark_latest()
