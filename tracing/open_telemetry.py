"""Spans by OpenTelemetry's SDK, exported by OTLP. Needs the extra `telemetry`; imported only where traces are on."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import version
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tracing.spans import Attributes, Kind, SpanIds, error_type_of

TRACES_PATH: Final = "/v1/traces"
_CONTEXT: Final = re.compile(r"00-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})")
_KINDS: Final = {Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT, Kind.INTERNAL: SpanKind.INTERNAL}


def exporting(endpoint: str, service: str, share: float) -> "OpenTelemetrySpans":
    """Return spans that are sent to the OTLP address *endpoint*, in batches, by a thread.

    Args:
        endpoint: where a collector receives OTLP over HTTP, without `/v1/traces`.
        service: the name of the process, unless `OTEL_SERVICE_NAME` gives another.
        share: of the traces, how many are recorded, from 0 to 1.
    """
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + TRACES_PATH)
    return OpenTelemetrySpans(BatchSpanProcessor(exporter), service, share)


class OpenTelemetrySpans:
    """Implements `tracing.spans.Spans`, with a provider of its own: the process's global one stays as it is."""

    def __init__(self, processor: SpanProcessor, service: str, share: float = 1.0) -> None:
        by_id = TraceIdRatioBased(share)
        self._provider = TracerProvider(
            resource=_resource(service),
            # Callers of the API name their trace, but the share is ours: it goes by the trace's id, here as elsewhere.
            sampler=ParentBased(root=by_id, remote_parent_sampled=by_id),
            id_generator=_ChosenIds(),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("tenure")

    def close(self) -> None:
        """Send what is left. Takes seconds if the collector does not answer."""
        self._provider.shutdown()

    def current(self) -> "_Span | None":
        span = trace.get_current_span()
        return _Span(span) if span.get_span_context().is_valid else None

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
    ) -> "_Span":
        linked = [trace.Link(context) for context in map(_parsed, links) if context is not None]
        before = _chosen.get()
        _chosen.set(ids)
        try:
            span = self._tracer.start_span(
                name, _under(parent), _KINDS[kind], dict(attributes), linked, start_time=started_ns
            )
        finally:
            _chosen.set(before)
        return _Span(span)

    @contextmanager
    def around(self, name: str, kind: Kind, attributes: Attributes, *, parent: str | None = None) -> Iterator["_Span"]:
        span = self.start(name, kind, attributes, parent=parent)
        token = otel_context.attach(trace.set_span_in_context(span.inner))
        try:
            yield span
        except BaseException as error:
            span.fail(error_type_of(error))
            raise
        finally:
            otel_context.detach(token)
            span.end()

    def record(self, name: str, kind: Kind, attributes: Attributes, *, seconds: float, error_type: str = "") -> None:
        if not trace.get_current_span().is_recording():
            return
        span = self.start(name, kind, attributes, started_ns=time.time_ns() - int(seconds * 1e9))
        if error_type:
            span.fail(error_type)
        span.end()


def _resource(service: str) -> Resource:
    """What the process says of itself; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come before *service*."""
    made = Resource.create({"service.version": version("tenure")})
    is_named = not str(made.attributes["service.name"]).startswith("unknown_service")
    return made if is_named else made.merge(Resource({"service.name": service}))


class _Span:
    """Implements `tracing.spans.Span`."""

    def __init__(self, inner: trace.Span) -> None:
        self.inner = inner

    @property
    def context(self) -> str:
        named = self.inner.get_span_context()
        return f"00-{named.trace_id:032x}-{named.span_id:016x}-{int(named.trace_flags):02x}"

    def rename(self, name: str) -> None:
        self.inner.update_name(name)

    def note(self, attributes: Attributes) -> None:
        self.inner.set_attributes(dict(attributes))

    def fail(self, error_type: str) -> None:
        self.inner.set_attribute("error.type", error_type)
        self.inner.set_status(Status(StatusCode.ERROR, error_type))

    def end(self) -> None:
        self.inner.end()


_chosen: ContextVar[SpanIds | None] = ContextVar("ids of the span that is being started", default=None)


class _ChosenIds(RandomIdGenerator):
    """Random ids, unless the caller of `start` has chosen some."""

    def generate_span_id(self) -> int:
        chosen = _chosen.get()
        return int(chosen.span, 16) if chosen is not None else super().generate_span_id()

    def generate_trace_id(self) -> int:
        chosen = _chosen.get()
        return int(chosen.trace, 16) if chosen is not None else super().generate_trace_id()


def _under(parent: str | None) -> otel_context.Context | None:
    """The context in which a span has that parent; None: the current one."""
    if parent is None:
        return None
    named = _parsed(parent)
    if named is None:
        return otel_context.Context()
    return trace.set_span_in_context(trace.NonRecordingSpan(named), otel_context.Context())


def _parsed(context: str) -> SpanContext | None:
    """The span that a context names; None for what is none, as callers may send anything."""
    found = _CONTEXT.fullmatch(context)
    if found is None:
        return None
    named = SpanContext(
        int(found["trace"], 16), int(found["span"], 16), is_remote=True, trace_flags=TraceFlags(int(found["flags"], 16))
    )
    return named if named.is_valid else None
