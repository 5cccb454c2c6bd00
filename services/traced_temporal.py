"""A client of Temporal whose calls are spans, and which tells the workflow or activity of the span that called it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    ActivityHandle,
    Client,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    SignalWorkflowInput,
    StartActivityInput,
    StartWorkflowInput,
    StartWorkflowUpdateInput,
    StartWorkflowUpdateWithStartInput,
    WorkflowHandle,
    WorkflowUpdateHandle,
)
from temporalio.converter import PayloadConverter

from tracing.spans import Kind, Spans, subscription_of

HEADER: Final = "traceparent"
"""Of workflows, updates, signals and activities: the context of the span that called."""

_CONTEXT: Final = re.compile(r"00(-[0-9a-f]+){3}")

Headers = Mapping[str, Payload]


def traced(client: Client, spans: Spans) -> Client:
    """Return the same client, with spans around its calls."""
    config = client.config()
    config["interceptors"] = [_TracedCalls(spans), *config["interceptors"]]
    return Client(**config)


def with_context(headers: Headers, context: str) -> Headers:
    """Return the headers and the context."""
    return {**headers, HEADER: PayloadConverter.default.to_payload(context)}


def context_in(headers: Headers) -> str:
    """Return the context in the headers; empty if there is none, or nothing that we have written."""
    payload = headers.get(HEADER)
    try:
        found = PayloadConverter.default.from_payload(payload) if payload is not None else ""
    except Exception:  # noqa: BLE001 - whatever others have put there must not stop a workflow
        return ""
    return found if isinstance(found, str) and _CONTEXT.fullmatch(found) else ""


class _TracedCalls(Interceptor):
    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        return _Outbound(next, self._spans)


class _Outbound(OutboundInterceptor):
    def __init__(self, next_interceptor: OutboundInterceptor, spans: Spans) -> None:
        super().__init__(next_interceptor)
        self._spans = spans

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:  # noqa: A002
        name = f"signal-with-start {input.start_signal}" if input.start_signal else f"start {input.workflow}"
        with self._spans.around(name, Kind.CLIENT, subscription_of(input.id)) as span:
            input.headers = with_context(input.headers, span.context)
            return await super().start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:  # noqa: A002
        with self._spans.around(f"signal {input.signal}", Kind.CLIENT, subscription_of(input.id)) as span:
            input.headers = with_context(input.headers, span.context)
            await super().signal_workflow(input)

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002
        if self._spans.current() is None:  # somebody looks now and then
            return await super().query_workflow(input)
        with self._spans.around(f"query {input.query}", Kind.CLIENT, subscription_of(input.id)):
            return await super().query_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:  # noqa: A002
        with self._spans.around(f"send {input.update}", Kind.CLIENT, subscription_of(input.id)) as span:
            input.headers = with_context(input.headers, span.context)
            return await super().start_workflow_update(input)

    async def start_update_with_start_workflow(
        self,
        input: StartWorkflowUpdateWithStartInput,  # noqa: A002
    ) -> WorkflowUpdateHandle[Any]:
        start, sent = input.start_workflow_input, input.update_workflow_input
        with self._spans.around(f"send {sent.update}", Kind.CLIENT, subscription_of(start.id)) as span:
            start.headers = with_context(start.headers, span.context)
            sent.headers = with_context(sent.headers, span.context)
            return await super().start_update_with_start_workflow(input)

    async def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:  # noqa: A002
        with self._spans.around(f"start {input.activity_type}", Kind.CLIENT, {}) as span:
            input.headers = with_context(input.headers, span.context)
            return await super().start_activity(input)
