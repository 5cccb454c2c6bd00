"""Measures what the worker's activities do, from what they are given and what they return."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.events import NOT_DELIVERED
from activities.reconciling import NoteRequest
from activities.renewals import Reading
from domain.provider.payments import AUTHENTICATE, NO_CARD, Charge, ChargeOutcome, Decline
from domain.reconciliation.runs import RunReport
from domain.subscription.journal import CauseKind, Step
from domain.subscription.lifecycle import Event
from domain.subscription.renewals import Renewal

LATENESS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
"""Seconds. The objective for what is not paced is five."""
MAIL_ACTIVITIES: Final = frozenset({"deliver", "give_up"})
DELIVERY_ACTIVITY: Final = "deliver_event"

log = structlog.get_logger("tenure.monitoring")


class ActivityMeter:
    """Counts and times what activities have done."""

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._lateness = Histogram(
            "tenure_step_lateness_seconds",
            "From when an action was due until its step was committed",
            ["action", "paced"],
            buckets=LATENESS,
            registry=registry,
        )
        self._steps = Counter("tenure_steps", "Steps committed, by what caused them", ["cause"], registry=registry)
        self._entries = Counter("tenure_journal_entries", "Journal entries, by kind", ["kind"], registry=registry)
        self._charges = Counter("tenure_charges", "Charges attempted, by outcome", ["outcome"], registry=registry)
        self._declines = Counter(
            "tenure_declines",
            "Charges declined: hard is not tried again with the card, soft is",
            ["reason"],
            registry=registry,
        )
        self._mails = Counter("tenure_mails", "Attempts to send a mail, by outcome", ["outcome"], registry=registry)
        self._deliveries = Counter(
            "tenure_event_deliveries",
            "Attempts to deliver an event to a product, by outcome",
            ["outcome"],
            registry=registry,
        )
        self._differences = Counter(
            "tenure_reconciliation_differences",
            "Differences that reconciliation has found, by what was done about them",
            ["kind", "outcome"],
            registry=registry,
        )
        self._runs = Counter("tenure_reconciliation_runs", "Reconciliations that ended", ["outcome"], registry=registry)

    def done(self, name: str, arguments: Sequence[Any], result: Any) -> None:
        """Note that an activity has succeeded."""
        given = arguments[0] if arguments else None
        if isinstance(given, Step):
            self._note_step(given)
        elif isinstance(result, Renewal) or (isinstance(result, Reading) and result.renewal is not None):
            # Recorded where it was read: no activity is given its step.
            self._steps.labels(CauseKind.WEBHOOK.value).inc()
            self._entries.labels(Event.RENEWED.value).inc()
        elif isinstance(result, Charge):
            self._note_charge(result)
        elif name in MAIL_ACTIVITIES:
            self._mails.labels(_as_label(result)).inc()
        elif name == DELIVERY_ACTIVITY:
            self._deliveries.labels(_as_label(result)).inc()
        elif isinstance(given, NoteRequest):
            for found in given.found:
                self._differences.labels(found.discrepancy.kind.value, found.outcome.value).inc()
        elif isinstance(given, RunReport):
            self._runs.labels("incomplete" if given.not_compared or given.not_heard else "complete").inc()

    def failed(self, error: ApplicationError) -> None:
        """Note that an activity has failed."""
        if error.type == NOT_DELIVERED:
            self._deliveries.labels(NOT_DELIVERED).inc()

    def _note_step(self, step: Step) -> None:
        for kind in {entry.cause.kind for entry in step.entries}:
            self._steps.labels(kind.value).inc()
        for entry in step.entries:
            self._entries.labels(entry.kind).inc()
        if step.carries_out is not None:
            # A clock that is ahead of our own, as in the sandbox, is not late.
            late = max((self._clock() - step.carries_out.at).total_seconds(), 0.0)
            labels = step.carries_out.action.value, "yes" if step.carries_out.is_paced else "no"
            self._lateness.labels(*labels).observe(late)

    def _note_charge(self, charge: Charge) -> None:
        self._charges.labels(charge.outcome.value).inc()
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED) and charge.decline is not None:
            self._declines.labels(reason_of(charge.decline)).inc()


def _as_label(outcome: object) -> str:
    return str(outcome).replace(" ", "_")


def reason_of(decline: Decline) -> str:
    """Return what kind of decline it is: codes are the provider's, and new ones come."""
    if decline.code == NO_CARD:
        return "no_card"
    if decline.needs_confirmation or decline.code == AUTHENTICATE:
        return "needs_confirmation"
    if decline.code == "insufficient_funds":
        return decline.code
    return "hard" if decline.is_hard else "soft"


class Measured(Interceptor):
    """Has every activity measured for what it has done; how long it takes, and what fails, the SDK measures."""

    def __init__(self, meter: ActivityMeter) -> None:
        self._meter = meter

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        return _Inbound(next, self._meter)


class _Inbound(ActivityInboundInterceptor):
    def __init__(self, next_interceptor: ActivityInboundInterceptor, meter: ActivityMeter) -> None:
        super().__init__(next_interceptor)
        self._meter = meter

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's name
        try:
            result = await super().execute_activity(input)
        except ApplicationError as error:
            self._meter.failed(error)
            raise
        try:
            self._meter.done(activity.info().activity_type, input.args, result)
        except Exception:
            # What was done is done: failing now would have it done again.
            log.exception("an activity was not measured")
        return result
