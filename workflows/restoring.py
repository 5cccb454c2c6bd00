"""Starting a lost workflow again: from the database, and from what Temporal still knows of the run that was lost."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from temporalio.api.common.v1 import Payloads
from temporalio.api.update.v1 import Input
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.agenda import agenda
from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.news import Hint, News
from domain.policy import Policy
from domain.reconciling import Projection
from workflows import visible
from workflows.messages import AdoptPolicy, Life
from workflows.subscription import SubscriptionWorkflow
from workflows.turns import KEYS_KEPT

T = TypeVar("T")

ADOPT_POLICY = "adopt_policy"
NOT_CARRIED_OUT_ONCE = frozenset({"preview_change", "open_checkout"})
"""Updates that may be repeated under one key: theirs are not kept."""


@dataclass(frozen=True)
class Remains:
    """What is known of a run that was lost."""

    life: Life
    policy: Policy
    done: tuple[str, ...]


class Restorer:
    """Starts lost workflows again; safe to repeat, also by two at once: one of them starts it.

    Args:
        client: with which they are started.
        policy: for those of whose policy nothing is known any more; None: these cannot be restored.

    """

    def __init__(self, client: Client, policy: Policy | None) -> None:
        self._client = client
        self._policy = policy

    async def restore(self, kept: Projection, run: str, unheard_agreement: str = "") -> None:
        """Have the subscription live on from where it was last written down; first of all it looks at the provider.

        Raises:
            Rejected: code `no_policy`; nobody knows by which policy it lived.
            GatewayUnavailable: Temporal does not answer.
        """
        workflow_id = subscription_workflow_id(kept.subscription.id)
        remains = await self._remains(workflow_id)
        policy = remains.policy if remains is not None else self._policy
        if policy is None:
            raise Rejected(
                "nothing is left of its workflow and the worker has no TENURE_POLICY to restore it with",
                code="no_policy",
            )
        subscription = kept.subscription
        if not subscription.customer_ref:
            # Known since a checkout page was opened, which is no step.
            subscription = replace(subscription, customer_ref=kept.customer_ref)
        before = remains.life if remains is not None else Life(subscription, policy)
        life = replace(
            before,
            subscription=subscription,
            policy=policy,
            payment_method=None,
            is_born=True,
            done=remains.done if remains is not None else (),
            hints=(Hint(f"restored/{run}", News.LIFE_RESTORED, unheard_agreement), *before.hints),
        )
        await self._start(workflow_id, life)

    async def _start(self, workflow_id: str, life: Life) -> None:
        subscription = life.subscription
        summary = f"{subscription.plan_name} by the {subscription.interval} for customer {subscription.customer}"
        try:
            await self._client.start_workflow(
                SubscriptionWorkflow.run,
                life,
                id=workflow_id,
                task_queue=LIFECYCLE_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                search_attributes=visible.attributes(subscription, agenda(subscription, life.policy)),
                memo={"summary": summary},
                static_summary=summary,
                static_details=f"Subscription `{subscription.id}`, restored at step {subscription.sequence}",
            )
        except WorkflowAlreadyStartedError:
            # It has come to its own end meanwhile: there is nothing to restore.
            return
        except RPCError as error:
            raise GatewayUnavailable(f"Temporal did not start it again: {error.message}") from error

    async def _remains(self, workflow_id: str) -> Remains | None:
        """What the newest run was started with, and what was asked of it since; None when nothing is left of it."""
        life: Life | None = None
        done: list[str] = []
        policy: Policy | None = None
        accepted: dict[int, Input] = {}
        try:
            async for event in self._client.get_workflow_handle(workflow_id).fetch_history_events():
                if event.HasField("workflow_execution_started_event_attributes"):
                    life = await self._decoded(event.workflow_execution_started_event_attributes.input, Life)
                elif event.HasField("workflow_execution_update_accepted_event_attributes"):
                    request = event.workflow_execution_update_accepted_event_attributes.accepted_request
                    accepted[event.event_id] = request.input
                elif event.HasField("workflow_execution_update_completed_event_attributes"):
                    completed = event.workflow_execution_update_completed_event_attributes
                    given = accepted.get(completed.accepted_event_id)
                    if given is not None and completed.outcome.HasField("success"):
                        done += await self._keys(given)
                        policy = await self._policy_of(given) or policy
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise GatewayUnavailable(f"Temporal does not tell of the lost run: {error.message}") from error
        if life is None:
            return None
        return Remains(life, policy or life.policy, (*life.done, *done)[-KEYS_KEPT:])

    async def _decoded(self, payloads: Payloads, kind: type[T]) -> T:
        (value,) = await self._client.data_converter.decode(list(payloads.payloads), [kind])
        return value  # type: ignore[no-any-return]

    async def _policy_of(self, given: Input) -> Policy | None:
        return (await self._decoded(given.args, AdoptPolicy)).policy if given.name == ADOPT_POLICY else None

    async def _keys(self, given: Input) -> list[str]:
        """The key of a command that was carried out."""
        if given.name in NOT_CARRIED_OUT_ONCE or not given.args.payloads:
            return []
        (command,) = await self._client.data_converter.decode(list(given.args.payloads))
        key: Any = command.get("key") if isinstance(command, Mapping) else None
        return [key] if isinstance(key, str) else []
