"""Heals one difference that reconciliation has found, because an operator asks for it."""

from dataclasses import dataclass

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.reconciling import HealRequest, NoteRequest, ReconcileActivities
    from domain.reconciliation.differences import Discrepancy, Outcome
    from domain.reconciliation.ports import Found
    from workflows.priorities import Urgency, priority
    from workflows.reconciliation_run import HEALING, RECORDING


@dataclass(frozen=True)
class Healing:
    """What to heal."""

    discrepancy: Discrepancy


@workflow.defn(name="HealWorkflow")
class HealWorkflow:
    """Heals one difference as a reconciliation run does, and records what came of it."""

    @workflow.run
    async def run(self, start: Healing) -> Found:
        run, it = workflow.info().run_id, start.discrepancy
        urgency = priority(Urgency.INTERACTIVE, it.tenant)
        try:
            healed = await workflow.execute_activity_method(
                ReconcileActivities.heal_subscription,
                HealRequest(run, (it,)),
                **(HEALING | {"priority": urgency}),
                summary=f"Heal {it.kind} of {it.subscription or it.agreement_ref}",
            )
            found = healed[0]
        except ActivityError as error:
            found = Found(it, Outcome.FAILED, str(error.cause or error))
        await workflow.execute_activity_method(
            ReconcileActivities.note_findings,
            NoteRequest(run, (found,)),
            **(RECORDING | {"priority": urgency}),
            summary="Record what came of it",
        )
        return found
