"""What a span takes of the CPU, by itself: a busy machine does not change it much."""

import time

from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tracing.open_telemetry import OpenTelemetrySpans
from tracing.spans import Kind

SPANS = 20_000


def cost(share: float) -> float:
    """Microseconds of CPU for the span of a request, when that share of traces is recorded."""
    spans = OpenTelemetrySpans(BatchSpanProcessor(InMemorySpanExporter()), "bench", share)
    began = time.process_time()
    for _ in range(SPANS):
        with spans.around("POST", Kind.SERVER, {"http.request.method": "POST"}, parent="") as span:
            span.note({"http.response.status_code": 200})
            span.rename("POST /consume")
            span.note({"http.route": "/consume"})
    used = time.process_time() - began
    spans.close()
    return used / SPANS * 1e6
