"""What operators' dashboards and alarms go by, as docs/operations.md lists it."""

import asyncio
import logging
import sys
from typing import Any, cast

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError

from activities.failures import as_failure
from api.health import gauges
from api.http.middleware import Observability, note_refusal
from domain.errors import GatewayRefused
from tenure.cli.logs import ExpectedErrors
from tests.contracts.wire import source
from tests.harness.logs import but_of_servers

PAGE = source.ROOT / "docs" / "operations.md"


def found() -> dict[str, Any]:
    page = PAGE.read_text()
    requests, line = asyncio.run(_request())
    return {
        "metrics": {name: labels for each in [*requests, *_gauges()] for name, labels in _labels(each).items()},
        "log lines": sorted(text for text in source.logged() if f"`{text}`" in page),
        "log line of a request": line,
        "log line of a refused step": _refused_step(),
    }


async def _request() -> tuple[list[Metric], dict[str, Any]]:
    """What a request is measured as, and what its log line holds."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        note_refusal(scope, "bad_signature")
        await PlainTextResponse("", 400)(scope, receive, send)

    async def send(_message: object) -> None:
        """Nobody is there."""

    registry = CollectorRegistry()
    scope = {"type": "http", "method": "POST", "path": "/webhooks/stripe", "headers": []}
    with capture_logs() as lines:
        await Observability(refuse, registry, "")(scope, cast("Receive", send), send)
    [line] = but_of_servers(lines)
    return list(registry.collect()), {line["event"]: sorted(line.keys() - {"event", "log_level"})}


def _gauges() -> list[Metric]:
    looked_up = generate_latest(gauges({"stripe_key": 1}, is_temporal_up=True))
    return list(text_string_to_metric_families(looked_up.decode()))


def _labels(metric: Metric) -> dict[str, list[str]]:
    there: dict[str, set[str]] = {}
    for sample in metric.samples:
        if not sample.name.endswith("_created"):
            there.setdefault(sample.name, set()).update(sample.labels)
    return {name: sorted(labels) for name, labels in there.items()}


def _refused_step() -> dict[str, Any]:
    try:
        raise as_failure(GatewayRefused("no"))
    except ApplicationError:
        record = logging.LogRecord("temporalio.activity", logging.WARNING, "", 0, "", None, sys.exc_info())
    known = set(record.__dict__)
    record.__dict__["temporal_activity"] = {"activity_type": "", "workflow_id": "", "attempt": 1}
    ExpectedErrors().filter(record)
    return {record.msg: sorted(record.__dict__.keys() - known)}
