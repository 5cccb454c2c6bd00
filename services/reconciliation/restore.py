"""Restarts a lost workflow from the database and from what Temporal still knows of the lost run."""

from dataclasses import replace

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.privacy.redaction import ERASED
from domain.provider.hints import EventHint, EventKind
from domain.reconciliation.differences import Projection
from domain.subscription.agenda import agenda
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription
from services.reconciliation.lost_run import LostRun, lost_run_of
from workflows.subscription import visibility
from workflows.subscription.messages import RUN_REVISION, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow


class NotRestorable(Rejected):
    """A lost workflow that cannot be restarted automatically: an operator must restore it."""

    code = "not_restorable"


class Restorer:
    """Restarts lost workflows; safe to repeat and to run concurrently: only one call starts the workflow.

    Args:
        client: the client that starts them.
        policy: for workflows whose own policy is unknown; None: these cannot be restored.

    """

    def __init__(self, client: Client, policy: Policy | None) -> None:
        self._client = client
        self._policy = policy

    async def restore(self, projection: Projection, run: str, unheard_agreement: str = "") -> bool:
        """Restart the subscription's workflow from its latest known state; it reconciles with the provider first.

        Returns:
            True if that state is ahead of the recorded one, as after restoring a backup.

        Raises:
            NotRestorable: code `no_policy`: its policy is unknown. Code `steps_lost`: commands that it carried out, a
                cancellation perhaps, are missing from what is known. Code `customer_erased`: nothing of theirs may
                be known again.
            GatewayUnavailable: Temporal does not respond.
        """
        if projection.is_erased:
            raise NotRestorable("its customer's data was erased: it stays ended", code=ERASED)
        workflow_id = subscription_workflow_id(projection.subscription.id)
        lost = await lost_run_of(self._client, workflow_id)
        policy = lost.policy if lost is not None else self._policy
        if policy is None:
            raise NotRestorable(
                "nothing is left of its workflow, and the worker has no TENURE_POLICY to restore it with",
                code="no_policy",
            )
        subscription = _latest_state(projection, lost)
        before = lost.start if lost is not None else SubscriptionInput(subscription, policy)
        received = lost.hints if lost is not None else ()
        restored = EventHint(f"restored/{run}", EventKind.LIFE_RESTORED, unheard_agreement)
        start = replace(
            before,
            subscription=subscription,
            policy=policy,
            payment_method=None,
            is_born=True,
            done=lost.done if lost is not None else (),
            # Events count as delivered once received, processed or not; processing one twice is harmless.
            hints=tuple({hint.event: hint for hint in (restored, *before.hints, *received)}.values()),
        )
        await start_again(self._client, start, f"restored at step {subscription.sequence}")
        return subscription.sequence > projection.subscription.sequence


async def start_again(client: Client, start: SubscriptionInput, details: str) -> None:
    """Start the workflow of a subscription that has begun before, unless it runs or has ended by itself meanwhile.

    *details* completes what operators see of it.

    Raises:
        GatewayUnavailable: Temporal did not start it.
    """
    subscription = start.subscription
    summary = visibility.summary(subscription)
    try:
        await client.start_workflow(
            SubscriptionWorkflow.run,
            replace(start, revision=RUN_REVISION),
            id=subscription_workflow_id(subscription.id),
            task_queue=LIFECYCLE_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            search_attributes=visibility.attributes(subscription, agenda(subscription, start.policy)),
            memo={"summary": summary},
            static_summary=summary,
            static_details=f"Subscription `{subscription.id}`, {details}",
        )
    except WorkflowAlreadyStartedError:
        # It has ended by itself meanwhile: there is nothing to restore.
        return
    except RPCError as error:
        raise GatewayUnavailable(f"Temporal did not restart it: {error.message}") from error


def _latest_state(projection: Projection, lost: LostRun | None) -> Subscription:
    subscription = lost.latest(projection.subscription) if lost is not None else projection.subscription
    if lost is not None and lost.answered > subscription.sequence:
        raise NotRestorable(
            f"it had carried out commands up to step {lost.answered}, but only step {subscription.sequence} is known:"
            " restore its row from a newer backup; the commands (a cancellation?) are in the lost workflow's history",
            code="steps_lost",
        )
    # Opening a checkout page creates the customer at the provider without recording a step.
    return replace(subscription, customer_ref=subscription.customer_ref or projection.customer_ref)
