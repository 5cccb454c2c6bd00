"""Starting a lost workflow again: from the database, and from what Temporal still knows of the run that was lost."""

from dataclasses import replace

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.provider.hints import EventHint, EventKind
from domain.reconciliation.differences import Projection
from domain.subscription.agenda import agenda
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription
from services.reconciliation.lost_run import LostRun, lost_run_of
from workflows.subscription import visibility
from workflows.subscription.messages import SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow


class NotRestorable(Rejected):
    """A lost workflow that no rule can start again: an operator must."""

    code = "not_restorable"


class Restorer:
    """Starts lost workflows again; safe to repeat, also by two at once: one of them starts it.

    Args:
        client: with which they are started.
        policy: for those of whose policy nothing is known any more; None: these cannot be restored.

    """

    def __init__(self, client: Client, policy: Policy | None) -> None:
        self._client = client
        self._policy = policy

    async def restore(self, kept: Projection, run: str, unheard_agreement: str = "") -> bool:
        """Have the subscription live on from where it stood last; first of all it looks at the provider.

        Returns:
            Whether it stood further than it was written down, as after a restored backup.

        Raises:
            NotRestorable: code `no_policy`; nobody knows by which policy it lived. Code `steps_lost`: what was asked of
                it and done is not known any more, a cancellation perhaps.
            GatewayUnavailable: Temporal does not answer.
        """
        workflow_id = subscription_workflow_id(kept.subscription.id)
        remains = await lost_run_of(self._client, workflow_id)
        policy = remains.policy if remains is not None else self._policy
        if policy is None:
            raise NotRestorable(
                "nothing is left of its workflow and the worker has no TENURE_POLICY to restore it with",
                code="no_policy",
            )
        subscription = _as_it_stood(kept, remains)
        before = remains.life if remains is not None else SubscriptionInput(subscription, policy)
        told = remains.hints if remains is not None else ()
        restored = EventHint(f"restored/{run}", EventKind.LIFE_RESTORED, unheard_agreement)
        life = replace(
            before,
            subscription=subscription,
            policy=policy,
            payment_method=None,
            is_born=True,
            done=remains.done if remains is not None else (),
            # What it was told counts as delivered, looked into or not; to hear it twice is harmless.
            hints=tuple({hint.event: hint for hint in (restored, *before.hints, *told)}.values()),
        )
        await self._start(workflow_id, life)
        return subscription.sequence > kept.subscription.sequence

    async def _start(self, workflow_id: str, life: SubscriptionInput) -> None:
        subscription = life.subscription
        summary = visibility.summary(subscription)
        try:
            await self._client.start_workflow(
                SubscriptionWorkflow.run,
                life,
                id=workflow_id,
                task_queue=LIFECYCLE_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                search_attributes=visibility.attributes(subscription, agenda(subscription, life.policy)),
                memo={"summary": summary},
                static_summary=summary,
                static_details=f"Subscription `{subscription.id}`, restored at step {subscription.sequence}",
            )
        except WorkflowAlreadyStartedError:
            # It has come to its own end meanwhile: there is nothing to restore.
            return
        except RPCError as error:
            raise GatewayUnavailable(f"Temporal did not start it again: {error.message}") from error


def _as_it_stood(kept: Projection, remains: LostRun | None) -> Subscription:
    subscription = remains.latest(kept.subscription) if remains is not None else kept.subscription
    if remains is not None and remains.answered > subscription.sequence:
        raise NotRestorable(
            f"it had carried out commands up to step {remains.answered}, known is step {subscription.sequence}:"
            " restore its row from a newer backup; what was asked (to cancel?) is in the lost workflow's history",
            code="steps_lost",
        )
    # A customer known since a checkout page was opened, which is no step.
    return replace(subscription, customer_ref=subscription.customer_ref or kept.customer_ref)
