"""Recovers the state of a lost workflow run: from its history in Temporal, and from a query of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.update.v1 import Input
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable
from domain.provider.hints import EventHint
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription
from workflows.subscription.command_handler import MAX_COMMAND_KEYS
from workflows.subscription.messages import AdoptPolicy, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

T = TypeVar("T")

ADOPT_POLICY = "adopt_policy"
HEAR = "hear"
REPEATABLE = frozenset({"preview_change", "open_checkout"})
"""Updates that may be repeated under one key, so their keys are not kept."""
CHARGES = frozenset({"begin", "collect", "restart", "change"})
ANSWER_TIMEOUT = timedelta(seconds=10)
"""How long the query of the lost run may take: a worker has to replay its history."""


@dataclass(frozen=True)
class LostRun:
    """What is known of a lost run."""

    start: SubscriptionInput
    """The input it was started with."""
    policy: Policy
    done: tuple[str, ...]
    hints: tuple[EventHint, ...]
    """The provider events it received, processed or not."""
    answered: int
    """The latest sequence that the result of a command carried."""
    last_state: Subscription | None
    """Its state when it was lost; None: unknown, or a charge was under way whose outcome is unknown."""

    def latest(self, recorded: Subscription) -> Subscription:
        """The subscription's latest known state, given the recorded one."""
        known = [recorded, self.start.subscription, *([self.last_state] if self.last_state is not None else [])]
        # At equal sequences prefer the recorded one: the others may have counted an attempt that failed.
        return max(known, key=lambda each: each.sequence)


async def lost_run_of(client: Client, workflow_id: str) -> LostRun | None:
    """Return what is known of the newest run; None: nothing.

    Raises:
        GatewayUnavailable: Temporal does not respond.
    """
    history = _HistoryReader(client)
    handle = client.get_workflow_handle(workflow_id)
    try:
        async for event in handle.fetch_history_events():
            await history.read(event)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise GatewayUnavailable(f"Temporal does not return the lost run's history: {error.message}") from error
    start = history.start
    if start is None:
        return None
    last_state: Subscription | None = None
    if not history.open_charges:
        try:
            last_state = await handle.query(SubscriptionWorkflow.current, rpc_timeout=ANSWER_TIMEOUT)
        except (WorkflowQueryFailedError, RPCError):
            # The history may not replay any more; then the recorded state must do.
            last_state = None
    done = (*start.done, *history.done)[-MAX_COMMAND_KEYS:]
    return LostRun(start, history.policy or start.policy, done, tuple(history.hints), history.answered, last_state)


class _HistoryReader:
    """Collects what matters from a history, event by event."""

    def __init__(self, client: Client) -> None:
        self._converter = client.data_converter
        self._accepted: dict[int, Input] = {}
        self.start: SubscriptionInput | None = None
        self.policy: Policy | None = None
        self.done: list[str] = []
        self.hints: list[EventHint] = []
        self.answered = 0
        self.open_charges: set[int] = set()
        """Charge activities without an outcome in the history."""

    async def read(self, event: HistoryEvent) -> None:
        if event.HasField("workflow_execution_started_event_attributes"):
            self.start = await self._decoded(event.workflow_execution_started_event_attributes.input, SubscriptionInput)
        elif event.HasField("workflow_execution_signaled_event_attributes"):
            signaled = event.workflow_execution_signaled_event_attributes
            if signaled.signal_name == HEAR:
                self.hints.append(await self._decoded(signaled.input, EventHint))
        elif event.HasField("workflow_execution_update_accepted_event_attributes"):
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request
            self._accepted[event.event_id] = request.input
        elif event.HasField("workflow_execution_update_completed_event_attributes"):
            await self._read_result(event)
        else:
            self._read_activity(event)

    async def _read_result(self, event: HistoryEvent) -> None:
        completed = event.workflow_execution_update_completed_event_attributes
        update = self._accepted.get(completed.accepted_event_id)
        if update is None or not completed.outcome.HasField("success"):
            return
        self.done += await self._keys(update)
        if update.name == ADOPT_POLICY:
            self.policy = (await self._decoded(update.args, AdoptPolicy)).policy
        sequence = await self._field(completed.outcome.success, "sequence")
        if isinstance(sequence, int):
            self.answered = max(self.answered, sequence)

    def _read_activity(self, event: HistoryEvent) -> None:
        if event.HasField("activity_task_scheduled_event_attributes"):
            if event.activity_task_scheduled_event_attributes.activity_type.name in CHARGES:
                self.open_charges.add(event.event_id)
        elif event.HasField("activity_task_completed_event_attributes"):
            self.open_charges.discard(event.activity_task_completed_event_attributes.scheduled_event_id)
        elif event.HasField("activity_task_failed_event_attributes"):
            self.open_charges.discard(event.activity_task_failed_event_attributes.scheduled_event_id)

    async def _decoded(self, payloads: Payloads, kind: type[T]) -> T:
        (value,) = await self._converter.decode(list(payloads.payloads), [kind])
        return value  # type: ignore[no-any-return]

    async def _keys(self, update: Input) -> list[str]:
        """The key of a command that was carried out, if it is kept."""
        if update.name in REPEATABLE:
            return []
        key = await self._field(update.args, "key")
        return [key] if isinstance(key, str) else []

    async def _field(self, payloads: Payloads, name: str) -> Any:
        if not payloads.payloads:
            return None
        first, *_ = await self._converter.decode(list(payloads.payloads))
        return first.get(name) if isinstance(first, Mapping) else None
