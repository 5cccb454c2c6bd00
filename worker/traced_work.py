"""Spans of what a worker does: updates, steps and activities.

The history of a workflow gets headers, which no replay compares, and nothing else: no command, no random number and no
time is taken for a span. So traces may be switched on and off while workflows run. A span of a workflow has ids derived
from its run, so that a worker that takes a run over in the middle of a step goes on under the same span.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import Any, ClassVar, Final, NoReturn

import structlog
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.worker import (
    ActivityInboundInterceptor,
    ContinueAsNewInput,
    ExecuteActivityInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    SignalExternalWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from services.traced_temporal import context_in, with_context
from tracing import steps
from tracing.spans import (
    ACTION,
    Attributes,
    Kind,
    Span,
    SpanIds,
    Spans,
    error_type_of,
    is_recorded,
    subscription_of,
    trace_id_of,
)

LONG_LIVED: Final = frozenset({"SubscriptionWorkflow"})
"""Workflows that run for years: each of their steps is a span, and not the whole of their run."""
MAX_EVENTS: Final = 50
"""Events of the provider whose sender is remembered."""

_active: ContextVar[str] = ContextVar("the context of the span of this workflow that is being worked on", default="")


class TracedWork(Interceptor):
    """Spans of activities, updates and steps; what is not sampled leaves no headers in histories."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _TracedActivity(next, self._spans)

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002, ARG002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor]:
        class Traced(_TracedWorkflow):
            spans = self._spans

        return Traced


class _TracedActivity(ActivityInboundInterceptor):
    def __init__(self, next_interceptor: ActivityInboundInterceptor, spans: Spans) -> None:
        super().__init__(next_interceptor)
        self._spans = spans

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        caller = context_in(input.headers)
        if not caller:
            return await super().execute_activity(input)
        info = activity.info()
        attributes: Attributes = {"temporal.attempt": info.attempt, **subscription_of(info.workflow_id or "")}
        with (
            self._spans.around(f"activity {info.activity_type}", Kind.SERVER, attributes, parent=caller),
            structlog.contextvars.bound_contextvars(trace_id=trace_id_of(caller)),
        ):
            return await super().execute_activity(input)


class WorkflowTraces:
    """Implements `tracing.steps.StepTraces` for one run of a workflow."""

    def __init__(self, spans: Spans, info: workflow.Info) -> None:
        self._spans = spans
        self._run_id = info.run_id
        self._attributes = subscription_of(info.workflow_id)
        self.origin = context_in(info.headers)
        """The span that has started the workflow; of a continued run, the one that has changed its state last."""
        self.latest = self.origin
        self._senders: dict[str, str] = {}
        """By event of the provider: the span that reported it."""

    def activation(self) -> AbstractContextManager[None]:
        return self.around("activate", parent=self.origin, key="activate")

    @contextmanager
    def step(self, action: str, event: str) -> Iterator[None]:
        cause = self._senders.pop(event, "") if event else self.latest
        key = f"{action}/{workflow.info().get_current_history_length()}"
        if _active.get():
            with self.around(f"step {action}", parent=_active.get(), key=key, action=action):
                yield
        else:
            links = [cause] if cause else []
            with self.around(f"step {action}", parent="", key=key, action=action, links=links):
                yield

    def mark_latest(self) -> None:
        self.latest = _active.get() if is_recorded(_active.get()) else ""

    def remember(self, event: str, sender: str) -> None:
        if event and is_recorded(sender):
            while len(self._senders) >= MAX_EVENTS:
                del self._senders[next(iter(self._senders))]
            self._senders[event] = sender

    @contextmanager
    def around(
        self, name: str, *, parent: str, key: str, action: str = "", links: Sequence[str] = ()
    ) -> Iterator[None]:
        span = self._begun(name, parent, key, self._attributes | ({ACTION: action} if action else {}), links)
        before = _active.get()
        _active.set(span.context)
        try:
            yield
        except workflow.ContinueAsNewError:
            _end(span)
            raise
        except Exception as error:
            span.fail(error_type_of(error))
            _end(span)
            raise
        else:
            _end(span)
        finally:
            # No token: an evicted workflow leaves its blocks in another context, where a token is rejected.
            _active.set(before)

    def _begun(self, name: str, parent: str, key: str, attributes: Mapping[str, str], links: Sequence[str]) -> Span:
        derived = hashlib.sha256(f"{self._run_id}/{key}".encode()).hexdigest()
        # The clock of the machine: a workflow's own stands still between its tasks.
        started = workflow.time_ns() if workflow.unsafe.is_replaying() else time.time_ns()
        with workflow.unsafe.sandbox_unrestricted():
            return self._spans.start(
                name,
                Kind.INTERNAL,
                attributes,
                parent=parent,
                links=links,
                ids=SpanIds(derived[:32], derived[32:48]),
                started_ns=started,
            )


def _end(span: Span) -> None:
    """End it, unless that was so when this history was written."""
    if not workflow.unsafe.is_replaying():
        with workflow.unsafe.sandbox_unrestricted():
            span.end()


class _TracedWorkflow(WorkflowInboundInterceptor):
    spans: ClassVar[Spans]

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        super().init(_TracedCommands(outbound, self))

    @cached_property
    def traces(self) -> WorkflowTraces:
        """On first use: while interceptors are set up, a workflow does not know itself yet."""
        return WorkflowTraces(self.spans, workflow.info())

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 - the SDK's name
        steps.bind(self.traces)
        kind = workflow.info().workflow_type
        if kind in LONG_LIVED:
            return await super().execute_workflow(input)
        with self.traces.around(f"run {kind}", parent=self.traces.origin, key="run"):
            self.traces.mark_latest()
            return await super().execute_workflow(input)

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002
        event = getattr(input.args[0], "event", "") if input.args else ""
        self.traces.remember(event, context_in(input.headers))
        await super().handle_signal(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002
        steps.bind(self.traces)
        caller = context_in(input.headers)
        with self.traces.around(f"update {input.update}", parent=caller, key=input.id, action=input.update):
            return await super().handle_update_handler(input)


class _TracedCommands(WorkflowOutboundInterceptor):
    """Tells whom a workflow calls of the span that is being worked on."""

    def __init__(self, next_interceptor: WorkflowOutboundInterceptor, workflow_: _TracedWorkflow) -> None:
        super().__init__(next_interceptor)
        self._workflow = workflow_

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        input.headers = _with_active(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002
        input.headers = _with_active(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:  # noqa: A002
        input.headers = _with_active(input.headers)
        return await super().start_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:  # noqa: A002
        input.headers = _with_active(input.headers)
        await super().signal_external_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:  # noqa: A002
        if latest := self._workflow.traces.latest:
            input.headers = with_context(input.headers, latest)
        super().continue_as_new(input)


def _with_active(headers: Mapping[str, Payload]) -> Mapping[str, Payload]:
    active = _active.get()
    return with_context(headers, active) if is_recorded(active) else headers
