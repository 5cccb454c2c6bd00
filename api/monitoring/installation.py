"""How the installation is: what waits, is late or blocked, in the database and in Temporal's queues.

The API serves these series and workers do not: they matter most when no worker runs. All API processes serve the same
values.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from temporalio.client import Client

from api.crossings import Crossings
from api.health import DATABASE_TIMEOUT, TEMPORAL_TIMEOUT, ask_temporal, checked
from api.monitoring.looks import Look
from domain.subscription.agenda import Action
from services.system import Queues as TaskQueues
from services.system import QueueStatus
from storage.monitoring.installation import Backlog, Business, DueActions, Waiting

FRESH_FOR = 10.0
"""Seconds for which the same values are served again."""
BUSINESS_FRESH_FOR = 60.0


class Installation:
    """Looks at the database and at Temporal."""

    def __init__(self, crossings: Crossings, client: Client, queues: TaskQueues) -> None:
        within = DATABASE_TIMEOUT.total_seconds()
        self._client = client
        self._backlog = Look(crossings.figures.backlog, fresh_for=FRESH_FOR, within=within)
        self._business = Look(crossings.figures.business, fresh_for=BUSINESS_FRESH_FOR, within=within)
        self._queues = Look(queues.all, fresh_for=FRESH_FOR, within=within)

    async def registry(self) -> CollectorRegistry:
        """Everything that is known now. What does not respond is left out."""
        temporal, backlog, business, queues = await asyncio.gather(
            checked(ask_temporal(self._client), TEMPORAL_TIMEOUT),
            self._backlog.latest(),
            self._business.latest(),
            self._queues.latest(),
        )
        registry = CollectorRegistry()
        registry.register(Found(backlog, business, queues or (), is_temporal_up=temporal == "ok"))
        return registry


class Found(Collector):
    """What was found, as series."""

    def __init__(
        self, backlog: Backlog | None, business: Business | None, queues: Sequence[QueueStatus], *, is_temporal_up: bool
    ) -> None:
        self._backlog = backlog
        self._business = business
        self._queues = queues
        self._is_temporal_up = is_temporal_up

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("tenure_dependency_up", "1 if a server that we depend on answers", labels=["dependency"])
        up.add_metric(["temporal"], self._is_temporal_up)
        up.add_metric(["database"], self._backlog is not None)
        yield up
        if self._backlog is not None:
            yield from _of_actions(self._backlog.actions)
            yield from _of_blocked(self._backlog.blocked)
            yield from _of_waiting(self._backlog.waiting)
            yield from _of_reconciliation(self._backlog)
        if self._business is not None:
            yield from _of_business(self._business)
        yield from _of_queues(self._queues)


def _of_actions(found: Mapping[str, DueActions]) -> Iterator[Metric]:
    due = _gauge("tenure_actions_due", "Actions that are due now, and not blocked", "action")
    overdue = _gauge("tenure_actions_overdue", "Actions that have been due for more than a minute", "action")
    oldest = _gauge("tenure_actions_oldest_seconds", "For how long the earliest of them has been due", "action")
    for action in sorted({each.value for each in Action if each is not Action.RENEW} | found.keys()):
        them = found.get(action, DueActions(0, 0, 0.0))
        due.add_metric([action], them.due)
        overdue.add_metric([action], them.overdue)
        oldest.add_metric([action], them.oldest)
    yield from (due, overdue, oldest)


def _of_blocked(found: Mapping[str, int]) -> Iterator[Metric]:
    text = "Subscriptions with a step that an external system blocks"
    number, by_code = (
        _gauge("tenure_subscriptions_blocked", text),
        _gauge("tenure_subscriptions_blocked_by_code", f"{text}, by error code", "code"),
    )
    number.add_metric([], sum(found.values()))
    for code, count in found.items():
        by_code.add_metric([code], count)
    yield from (number, by_code)


WAITING = {
    "inbox": ("tenure_inbox_waiting", "Events of the payment provider that are not delivered yet", ""),
    "mails": ("tenure_mails_queued", "Mails that wait to be sent", "occasion"),
    "usage_notices": ("tenure_usage_notices_waiting", "Notices of usage whose mail is not written yet", ""),
    "usage_reports": ("tenure_usage_reports_waiting", "Uses beyond limits that are not reported yet", "state"),
    "events": ("tenure_event_deliveries_waiting", "Events for products that nobody delivers yet", ""),
    "renewals": ("tenure_renewals_waiting", "Renewals that the payment provider has not reported yet", ""),
    "endpoints": ("tenure_webhook_endpoints_failing", "Endpoints of products that fail, or were disabled", "state"),
}
"""The series of what waits, with its label, if it has kinds."""


def _of_waiting(found: Mapping[tuple[str, str], Waiting]) -> Iterator[Metric]:
    for what, (name, text, label) in WAITING.items():
        labels = [label] if label else []
        number = _gauge(name, text, *labels)
        oldest = _gauge(f"{name}_oldest_seconds", f"{text}: for how long the oldest has waited", *labels)
        for (other, kind), them in found.items():
            if other == what:
                number.add_metric([kind] if label else [], them.number)
                oldest.add_metric([kind] if label else [], them.oldest)
        yield from (number, oldest)


def _of_reconciliation(found: Backlog) -> Iterator[Metric]:
    is_open = _gauge("tenure_discrepancies_open", "Differences that reconciliation has found", "kind", "outcome")
    for (kind, outcome), number in found.discrepancies.items():
        is_open.add_metric([kind, outcome], number)
    yield is_open
    at = _gauge("tenure_reconciled_timestamp_seconds", "When reconciliation last came to its end")
    if found.reconciled_at is not None:
        at.add_metric([], found.reconciled_at)
    yield at


def _of_business(found: Business) -> Iterator[Metric]:
    number = _gauge(
        "tenure_subscriptions", "Subscriptions; those that are active or canceled are not counted", "status"
    )
    for status, count in found.statuses.items():
        number.add_metric([status], count)
    mrr = _gauge("tenure_mrr_minor_units", "Monthly recurring revenue of all tenants, in minor units", "currency")
    payers = _gauge("tenure_paying_customers", "Customers who pay", "currency")
    for currency, worth in found.revenue.items():
        mrr.add_metric([currency], worth.mrr)
        payers.add_metric([currency], worth.payers)
    yield from (number, mrr, payers)


def _of_queues(found: Sequence[QueueStatus]) -> Iterator[Metric]:
    tasks = _gauge("tenure_queue_backlog", "Tasks that no worker has taken yet, about", "queue")
    age = _gauge("tenure_queue_backlog_age_seconds", "For how long the oldest of them has waited, about", "queue")
    pollers = _gauge("tenure_queue_pollers", "Workers that have asked for work within the last minutes", "queue")
    for queue in found:
        if queue.backlog is not None:
            tasks.add_metric([queue.name], queue.backlog.tasks)
            age.add_metric([queue.name], queue.backlog.age.total_seconds())
            pollers.add_metric([queue.name], len(queue.pollers))
    yield from (tasks, age, pollers)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=labels)
