"""What is left of a run that was lost: what Temporal still tells of it, and what it would say itself."""

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
from workflows.subscription.command_base import MAX_COMMAND_KEYS
from workflows.subscription.messages import AdoptPolicy, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

T = TypeVar("T")

ADOPT_POLICY = "adopt_policy"
HEAR = "hear"
NOT_CARRIED_OUT_ONCE = frozenset({"preview_change", "open_checkout"})
"""Updates that may be repeated under one key: theirs are not kept."""
TAKES_MONEY = frozenset({"begin", "collect", "restart", "change"})
ANSWER_TIMEOUT = 10.0
"""Seconds in which the lost run must tell how it stood: a worker has to go through its history."""


@dataclass(frozen=True)
class LostRun:
    """What is known of a run that was lost."""

    life: SubscriptionInput
    """What it was started with."""
    policy: Policy
    done: tuple[str, ...]
    hints: tuple[EventHint, ...]
    """What it was told, looked into or not."""
    answered: int
    """The latest step that a command was answered with."""
    lived: Subscription | None
    """As it stood when it was lost; None: nobody can tell, or it was just taking money, of which we know no outcome."""

    def latest(self, written: Subscription) -> Subscription:
        """The subscription as it stood last, given how it was written down."""
        known = [written, self.life.subscription, *([self.lived] if self.lived is not None else [])]
        # Of equals the one that was written down: the others may have counted a try that came to nothing.
        return max(known, key=lambda each: each.sequence)


async def lost_run_of(client: Client, workflow_id: str) -> LostRun | None:
    """What is left of the newest run; None: nothing.

    Raises:
        GatewayUnavailable: Temporal does not answer.
    """
    reading = _Reading(client)
    handle = client.get_workflow_handle(workflow_id)
    try:
        async for event in handle.fetch_history_events():
            await reading.read(event)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise GatewayUnavailable(f"Temporal does not tell of the lost run: {error.message}") from error
    life = reading.life
    if life is None:
        return None
    lived: Subscription | None = None
    if not reading.taking_money:
        try:
            lived = await handle.query(SubscriptionWorkflow.current, rpc_timeout=timedelta(seconds=ANSWER_TIMEOUT))
        except (WorkflowQueryFailedError, RPCError):
            # Its history may be of no use any more; then what is written down must do.
            lived = None
    done = (*life.done, *reading.done)[-MAX_COMMAND_KEYS:]
    return LostRun(life, reading.policy or life.policy, done, tuple(reading.hints), reading.answered, lived)


class _Reading:
    """A history, event by event."""

    def __init__(self, client: Client) -> None:
        self._converter = client.data_converter
        self._accepted: dict[int, Input] = {}
        self.life: SubscriptionInput | None = None
        self.policy: Policy | None = None
        self.done: list[str] = []
        self.hints: list[EventHint] = []
        self.answered = 0
        self.taking_money: set[int] = set()
        """Tries whose outcome the run has not heard."""

    async def read(self, event: HistoryEvent) -> None:
        if event.HasField("workflow_execution_started_event_attributes"):
            self.life = await self._decoded(event.workflow_execution_started_event_attributes.input, SubscriptionInput)
        elif event.HasField("workflow_execution_signaled_event_attributes"):
            signaled = event.workflow_execution_signaled_event_attributes
            if signaled.signal_name == HEAR:
                self.hints.append(await self._decoded(signaled.input, EventHint))
        elif event.HasField("workflow_execution_update_accepted_event_attributes"):
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request
            self._accepted[event.event_id] = request.input
        elif event.HasField("workflow_execution_update_completed_event_attributes"):
            await self._read_answer(event)
        else:
            self._read_of_activities(event)

    async def _read_answer(self, event: HistoryEvent) -> None:
        completed = event.workflow_execution_update_completed_event_attributes
        given = self._accepted.get(completed.accepted_event_id)
        if given is None or not completed.outcome.HasField("success"):
            return
        self.done += await self._keys(given)
        if given.name == ADOPT_POLICY:
            self.policy = (await self._decoded(given.args, AdoptPolicy)).policy
        sequence = await self._field(completed.outcome.success, "sequence")
        if isinstance(sequence, int):
            self.answered = max(self.answered, sequence)

    def _read_of_activities(self, event: HistoryEvent) -> None:
        if event.HasField("activity_task_scheduled_event_attributes"):
            if event.activity_task_scheduled_event_attributes.activity_type.name in TAKES_MONEY:
                self.taking_money.add(event.event_id)
        elif event.HasField("activity_task_completed_event_attributes"):
            self.taking_money.discard(event.activity_task_completed_event_attributes.scheduled_event_id)
        elif event.HasField("activity_task_failed_event_attributes"):
            self.taking_money.discard(event.activity_task_failed_event_attributes.scheduled_event_id)

    async def _decoded(self, payloads: Payloads, kind: type[T]) -> T:
        (value,) = await self._converter.decode(list(payloads.payloads), [kind])
        return value  # type: ignore[no-any-return]

    async def _keys(self, given: Input) -> list[str]:
        """The key of a command that was carried out."""
        if given.name in NOT_CARRIED_OUT_ONCE:
            return []
        key = await self._field(given.args, "key")
        return [key] if isinstance(key, str) else []

    async def _field(self, payloads: Payloads, name: str) -> Any:
        if not payloads.payloads:
            return None
        first, *_ = await self._converter.decode(list(payloads.payloads))
        return first.get(name) if isinstance(first, Mapping) else None
