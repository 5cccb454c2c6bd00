"""What reconciliation sees of Temporal: which workflows run, how they stand, and how they have ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from temporalio.client import WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from domain.names import subscription_workflow_id
from domain.subscription.state import Subscription
from workflows.subscription import visibility


@dataclass
class Runs:
    """The workflows of subscriptions, in place of a client."""

    running: dict[str, Subscription] = field(default_factory=dict)
    """By subscription, their own state."""
    ended: dict[str, str] = field(default_factory=dict)
    """By workflow, the reason."""
    silent: set[str] = field(default_factory=set)

    def get_workflow_handle(self, id_: str) -> "Handle":
        return Handle(self, id_)

    get_activity_handle = get_workflow_handle

    def list_workflows(self, query: str, **_options: object) -> "Listed":
        first, _, last = query.partition(" BETWEEN ")[2].replace("'", "").partition(" AND ")
        ids = [subscription_workflow_id(each) for each in self.running]
        return Listed([SimpleNamespace(id=each) for each in ids if first <= each <= (last or each)])


@dataclass
class Listed:
    """A list of one page."""

    current_page: list[Any]
    next_page_token: bytes | None = None

    async def fetch_next_page(self) -> None:
        """It is there already."""


@dataclass
class Handle:
    """A workflow, known by its id."""

    runs: Runs
    id: str

    async def describe(self) -> Any:
        state = self._state
        if state is not None:
            shown = [
                SearchAttributePair(visibility.STATUS, state.status.value),
                SearchAttributePair(visibility.PLAN, state.plan),
            ]
            return SimpleNamespace(
                status=WorkflowExecutionStatus.RUNNING,
                typed_search_attributes=TypedSearchAttributes(shown),
                raw_description=SimpleNamespace(pending_activities=[]),
            )
        if self.id in self.runs.ended:
            return SimpleNamespace(status=WorkflowExecutionStatus.COMPLETED)
        raise RPCError("there is none", RPCStatusCode.NOT_FOUND, b"")

    async def result(self) -> str:
        return self.runs.ended[self.id]

    async def query(self, _query: object, **_options: object) -> Subscription:
        state = self._state
        if state is None or state.id in self.runs.silent:
            raise RPCError("no answer", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        return state

    @property
    def _state(self) -> Subscription | None:
        running: Mapping[str, Subscription] = self.runs.running
        return running.get(self.id.removeprefix(subscription_workflow_id("")))
