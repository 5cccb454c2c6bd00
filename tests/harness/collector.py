"""A collector that takes OTLP over HTTP, and what it was sent."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.serving import serve


@dataclass(frozen=True)
class Sent:
    """A span that was sent."""

    name: str
    trace: str
    id: str
    parent: str
    """Empty: it begins a trace."""
    links: tuple[str, ...]
    """Ids of spans."""
    linked_traces: tuple[str, ...]
    attributes: dict[str, Any]
    is_error: bool
    began: int
    """Nanoseconds."""
    ended: int


@dataclass
class Collector:
    """What was sent until now."""

    address: str = ""
    spans: list[Sent] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    raw: bytearray = field(default_factory=bytearray)
    """All that arrived, as it was."""

    def root(self, name: str) -> Sent:
        """The span of that name that begins a trace."""
        [found] = [one for one in self.spans if one.name == name and not one.parent]
        return found

    def below(self, parent: Sent, name: str) -> Sent:
        """The child of that name; the first of several."""
        found = [one for one in self.children(parent) if one.name == name]
        assert found, f"{parent.name} has {[one.name for one in self.children(parent)]}, and no {name}"
        return found[0]

    def children(self, parent: Sent) -> list[Sent]:
        """In the order in which they began."""
        return sorted((one for one in self.spans if one.parent == parent.id), key=lambda one: one.began)

    def tree(self, root: Sent, depth: int = 0) -> Iterator[tuple[int, Sent]]:
        """A span and all below it, each with its depth."""
        yield depth, root
        for child in self.children(root):
            yield from self.tree(child, depth + 1)

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services.add(_values(resource.resource.attributes)["service.name"])
            self.spans += [_sent(span) for scope in resource.scope_spans for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        return Response(answer, media_type="application/x-protobuf")


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.receive, methods=["POST"])])
    async with serve(app) as collector.address:
        yield collector


def _sent(span: Any) -> Sent:
    return Sent(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        tuple(link.span_id.hex() for link in span.links),
        tuple(link.trace_id.hex() for link in span.links),
        _values(span.attributes),
        span.status.code == span.status.STATUS_CODE_ERROR,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes if isinstance(one, KeyValue)}


def _value(value: AnyValue) -> Any:
    return getattr(value, str(value.WhichOneof("value")))
