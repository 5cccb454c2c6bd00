"""What operators' dashboards and alarms go by, as docs/operations.md lists it."""

import asyncio
import logging
import sys
from datetime import timedelta
from typing import Any, cast

from prometheus_client import CollectorRegistry, Metric
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from temporalio.exceptions import ApplicationError

from activities.failures import as_failure
from activities.reconciling import NoteRequest
from api.http.middleware import Observability, note_refusal
from api.monitoring.installation import WAITING
from api.monitoring.installation import Found as InstallationFound
from domain.errors import GatewayRefused
from domain.provider.payments import Charge, ChargeOutcome, Decline
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.ports import Found
from domain.reconciliation.runs import RunReport
from domain.subscription.agenda import Action
from domain.subscription.journal import CarriedOut, Entry, Step
from monitoring.process import ProcessMetrics
from services.system import Backlog as TaskBacklog
from services.system import QueueStatus
from storage.db.pooling import Pooling, Turns
from storage.monitoring.installation import Backlog, Business, Revenue, Waiting
from tenure.cli.logs import ExpectedErrors
from tests.builders import CAUSE, NOW, a_trial
from tests.contracts.wire import source
from tests.harness.logs import but_of_servers
from worker.measuring import ActivityMeter

PAGE = source.ROOT / "docs" / "operations.md"


def found() -> dict[str, Any]:
    page = PAGE.read_text()
    requests, line = asyncio.run(_request())
    return {
        "metrics": {
            name: labels for each in [*requests, *_gauges(), *_measured()] for name, labels in _labels(each).items()
        },
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
    """What is looked up for a scrape, with something of each."""
    waiting = {(what, "kind"): Waiting(1, 1.0) for what in WAITING}
    backlog = Backlog({}, {"stripe_key": 1}, waiting, {("blocked", "failed"): 1}, 0.0)
    business = Business({"trialing": 1}, {"usd": Revenue(1.0, 1)})
    queue = QueueStatus("mail", True, backlog=TaskBacklog(1, timedelta(seconds=1)))
    return list(InstallationFound(backlog, business, [queue], is_temporal_up=True).collect())


def _measured() -> list[Metric]:
    """What a worker measures."""
    metrics = ProcessMetrics("worker", "1")
    metrics.provider.answered("get", "invoices", 200, 1.0)
    metrics.pools.watch("worker", Turns(Pooling(), {}))
    meter = ActivityMeter(metrics.registry)
    carried_out = CarriedOut(Action.CONVERT, NOW, is_paced=True)
    meter.done("record", [Step(a_trial(), (Entry("noted", NOW, "", CAUSE),), carries_out=carried_out)], None)
    meter.done("begin", [], Charge(ChargeOutcome.DECLINED, decline=Decline("lost_card")))
    meter.done("deliver", ["id"], "sent")
    meter.done("deliver_event", ["delivery"], "delivered")
    difference = Discrepancy(DifferenceKind.BLOCKED, "", "", "")
    meter.done("note_findings", [NoteRequest("run", (Found(difference),))], None)
    meter.done("note_reconciliation", [RunReport("run", NOW, heals=True)], None)
    return list(metrics.registry.collect())


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
