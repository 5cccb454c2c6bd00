"""Runs the subscription workflow's own code without a server, at times of the caller's choice: in the past, too.

Temporal's test servers begin at the present and only skip ahead. Here each activation of the workflow gets its time
from the caller, and what it asks for (activities, timers) is done by the caller's side: the same code decides, with
the same payloads on the way.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_type_hints
from uuid import uuid4

from temporalio import workflow
from temporalio.api.common.v1 import Payloads
from temporalio.bridge.proto import workflow_activation as activations
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.common import Priority, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails
from temporalio.workflow import Info

from activities.failures import as_tenure_error
from domain.errors import GatewayForbidden
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.provider.hints import EventHint
from domain.subscription.agenda import agenda
from domain.subscription.state import Subscription
from services.payload_codec import converter_with
from workflows.subscription import visibility
from workflows.subscription.messages import Command, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

ATTEMPTS, FIRST_PAUSE = 10, 0.1
"""How often an activity is tried that fails for a reason that may pass, and seconds before the second attempt."""
_CONVERTER = converter_with(())
_THREAD = ThreadPoolExecutor(1, "past-workflow")
"""A workflow has an event loop of its own, which a thread that has another one cannot run."""

Activities = Mapping[str, Callable[..., Awaitable[Any]]]
"""The activities by their names."""


@dataclass(eq=False)
class PastWorkflow:
    """One subscription's workflow, from run to run.

    Args:
        start: what it begins with.
        activities: what it may call, by name.

    """

    start: SubscriptionInput
    activities: Activities
    timers: dict[int, datetime] = field(default_factory=dict)
    """When each of its timers fires."""
    is_over: bool = False
    _instance: WorkflowInstance | None = None
    _info: Info | None = None
    _results: dict[str, Any] = field(default_factory=dict)
    _commands: int = 0

    async def sign_up(self, at: datetime) -> None:
        """Begin its first run, and wait until the subscription is recorded.

        Raises:
            TenureError: the sign-up was refused.
        """
        subscription = self.start.subscription
        attributes = visibility.attributes(subscription, agenda(subscription, self.start.policy))
        beginning = self._new_run(self.start, at, attributes)
        await self._answered("sign_up", [], at, beginning)

    async def signal(self, hint: EventHint, at: datetime) -> None:
        """Give it a provider event."""
        job = activations.SignalWorkflow(signal_name="hear", input=_payloads(hint), originating_event_id=1)
        await self._activate([activations.WorkflowActivationJob(signal_workflow=job)], at)

    async def update(self, name: str, command: Command, at: datetime) -> None:
        """Send it a command, and wait until it is carried out.

        Raises:
            TenureError: it was refused.
        """
        await self._answered(name, _payloads(command), at)

    async def _answered(
        self, name: str, given: Sequence[Any], at: datetime, *before: activations.WorkflowActivationJob
    ) -> None:
        self._commands += 1
        reference = str(self._commands)
        job = activations.DoUpdate(
            id=reference, protocol_instance_id=reference, name=name, input=given, run_validator=True
        )
        await self._activate([*before, activations.WorkflowActivationJob(do_update=job)], at)
        failure = self._results.pop(reference)
        if failure is not None:
            raise as_tenure_error(failure) or failure

    async def fire_timers(self, at: datetime) -> None:
        """Fire the timers that are due."""
        due = sorted(seq for seq, fires_at in self.timers.items() if fires_at <= at)
        for seq in due:
            del self.timers[seq]
        jobs = [activations.WorkflowActivationJob(fire_timer=activations.FireTimer(seq=seq)) for seq in due]
        if jobs:
            await self._activate(jobs, at)

    async def current(self, at: datetime) -> Subscription:
        """Its state."""
        job = activations.QueryWorkflow(query_id="1", query_type="current")
        await self._activate([activations.WorkflowActivationJob(query_workflow=job)], at)
        (state,) = _CONVERTER.payload_converter.from_payloads([self._results.pop("query")], [Subscription])
        return state  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Take its run out of memory."""
        if self._instance is None:
            return
        job = activations.WorkflowActivationJob(remove_from_cache=activations.RemoveFromCache())
        await self._run([job], datetime.now(UTC))
        self._instance = None

    # Runs

    def _new_run(
        self, start: SubscriptionInput, at: datetime, attributes: TypedSearchAttributes
    ) -> activations.WorkflowActivationJob:
        self.start = start
        self._info = _info_of(start.subscription, at, attributes)
        self._instance = UnsandboxedWorkflowRunner().create_instance(_details(self._info))
        self.timers.clear()
        job = activations.InitializeWorkflow(
            workflow_type=self._info.workflow_type, workflow_id=self._info.workflow_id, arguments=_payloads(start)
        )
        return activations.WorkflowActivationJob(initialize_workflow=job)

    async def _run(self, jobs: Sequence[activations.WorkflowActivationJob], at: datetime) -> Sequence[WorkflowCommand]:
        assert self._instance is not None and self._info is not None  # noqa: S101, PT018 - it has begun
        activation = activations.WorkflowActivation(run_id=self._info.run_id, jobs=jobs)
        activation.timestamp.FromDatetime(at)
        loop = asyncio.get_running_loop()
        completion = await loop.run_in_executor(_THREAD, self._instance.activate, activation)
        if completion.HasField("failed"):
            raise RuntimeError(f"{self._info.workflow_id} failed at {at}: {completion.failed.failure.message}")
        return completion.successful.commands

    async def _activate(self, jobs: Sequence[activations.WorkflowActivationJob], at: datetime) -> None:
        """Give it jobs, and do what it wants done, until it waits for time, events or commands."""
        waiting = list(jobs)
        while waiting:
            next_jobs: list[activations.WorkflowActivationJob] = []
            for command in await self._run(waiting, at):
                next_jobs += await self._obey(command, at)
            waiting = next_jobs

    async def _obey(self, command: WorkflowCommand, at: datetime) -> Sequence[activations.WorkflowActivationJob]:
        """Do what a command of the workflow says; returns what follows from it for the workflow."""
        if command.HasField("start_timer"):
            wait = command.start_timer.start_to_fire_timeout.ToTimedelta()
            self.timers[command.start_timer.seq] = at + wait
        elif command.HasField("cancel_timer"):
            self.timers.pop(command.cancel_timer.seq, None)
        elif command.HasField("schedule_activity"):
            it = command.schedule_activity
            return [await self._acted(it.seq, it.activity_type, it.arguments, is_local=False)]
        elif command.HasField("schedule_local_activity"):
            local = command.schedule_local_activity
            return [await self._acted(local.seq, local.activity_type, local.arguments, is_local=True)]
        elif command.HasField("update_response"):
            self._note_answer(command)
        elif command.HasField("respond_to_query"):
            self._results["query"] = command.respond_to_query.succeeded.response
        elif command.HasField("continue_as_new_workflow_execution"):
            return await self._continued(command, at)
        elif command.HasField("complete_workflow_execution"):
            self.is_over = True
            self.timers.clear()
        elif command.HasField("fail_workflow_execution"):
            raise RuntimeError(f"the workflow failed: {command.fail_workflow_execution.failure.message}")
        return []

    async def _continued(self, command: WorkflowCommand, at: datetime) -> Sequence[activations.WorkflowActivationJob]:
        arguments = command.continue_as_new_workflow_execution.arguments
        (start,) = _CONVERTER.payload_converter.from_payloads(arguments, [SubscriptionInput])
        assert self._info is not None  # noqa: S101 - it has begun
        attributes = self._info.typed_search_attributes
        await self.close()
        return [self._new_run(start, at, attributes)]

    def _note_answer(self, command: WorkflowCommand) -> None:
        answer = command.update_response
        if answer.HasField("completed"):
            self._results[answer.protocol_instance_id] = None
        elif answer.HasField("rejected"):
            self._results[answer.protocol_instance_id] = _CONVERTER.failure_converter.from_failure(
                answer.rejected, _CONVERTER.payload_converter
            )

    # Activities

    async def _acted(
        self, seq: int, name: str, arguments: Sequence[Any], *, is_local: bool
    ) -> activations.WorkflowActivationJob:
        resolution = ActivityResolution()
        try:
            result = await tried(self.activities[name], arguments)
        except ApplicationError as error:
            failure = resolution.failed.failure
            if not is_local:
                failure.message = "Activity task failed"
                failure.activity_failure_info.activity_type.name = name
                failure = failure.cause
            _CONVERTER.failure_converter.to_failure(error, _CONVERTER.payload_converter, failure)
        else:
            resolution.completed.result.CopyFrom(_payloads(result)[0])
        job = activations.ResolveActivity(seq=seq, result=resolution, is_local=is_local)
        return activations.WorkflowActivationJob(resolve_activity=job)


async def tried(act: Callable[..., Awaitable[Any]], arguments: Sequence[Any]) -> Any:
    """What an activity returns, tried again while it says that this may help."""
    types = [kind for name, kind in get_type_hints(act).items() if name != "return"]
    values = _CONVERTER.payload_converter.from_payloads(arguments, types)
    for attempt in range(ATTEMPTS - 1):
        try:
            return await act(*values)
        except ApplicationError as error:
            # A key that is not accepted is no better a minute later: only a server that is busy is waited for.
            if error.non_retryable or isinstance(as_tenure_error(error), GatewayForbidden):
                raise
        await asyncio.sleep(FIRST_PAUSE * 2**attempt)
    return await act(*values)


def _payloads(value: object) -> Sequence[Any]:
    return _CONVERTER.payload_converter.to_payloads([value])


def _info_of(subscription: Subscription, at: datetime, attributes: TypedSearchAttributes) -> Info:
    run = str(uuid4())
    return Info(
        attempt=1,
        continued_run_id=None,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id=run,
        headers={},
        namespace="default",
        original_execution_run_id=run,
        parent=None,
        root=None,
        priority=Priority.default,
        raw_memo={},
        retry_policy=None,
        run_id=run,
        run_timeout=None,
        search_attributes={},
        start_time=at,
        task_queue=LIFECYCLE_QUEUE,
        task_timeout=timedelta(seconds=10),
        typed_search_attributes=attributes,
        workflow_id=subscription_workflow_id(subscription.id),
        workflow_start_time=at,
        workflow_type="SubscriptionWorkflow",
    )


def _details(info: Info) -> WorkflowInstanceDetails:
    return WorkflowInstanceDetails(
        payload_converter_factory=lambda: _CONVERTER.payload_converter,
        failure_converter_class=_CONVERTER.failure_converter_class,
        interceptor_classes=(),
        defn=workflow._Definition.must_from_class(SubscriptionWorkflow),  # noqa: SLF001 - the SDK has no public name
        info=info,
        randomness_seed=1,
        extern_functions={"__temporal_assert_local_activity_valid": lambda _name: None},
        disable_eager_activity_execution=True,
        worker_level_failure_exception_types=(),
        patch_activation_callback=None,
        last_completion_result=Payloads(),
        last_failure=None,
    )
