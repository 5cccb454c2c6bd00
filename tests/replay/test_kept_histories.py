"""No release may break a running subscription: histories of earlier releases must replay."""

import json
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from services.payload_codec import converter_with
from tests.replay.record import HISTORIES, KEPT
from worker.build import UPGRADING_WORKFLOWS, WORKFLOWS, workflow_runner

KEPT_FILES = sorted(HISTORIES.glob("*.json"))


def _history(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(f"kept/{file.stem}", file.read_text())


def broken_off(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The names of errors that ended workflow code in a replay; the replayer itself reports only nondeterminism."""
    ends = [record.exc_info for record in caplog.records if record.msg.startswith("Failed activation on workflow")]
    return [error[0].__name__ for error in ends if error and error[0]]


@pytest.mark.parametrize("file", KEPT_FILES, ids=lambda file: file.stem)
async def test_a_kept_history_replays(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(()))

    await replayer.replay_workflow(_history(file))

    assert broken_off(caplog) == []


@pytest.mark.parametrize("life", ["changed-1", "paused-1", "recovery-1"])
async def test_workers_with_versions_replay_a_subscription_of_workers_without(
    life: str, caplog: pytest.LogCaptureFixture
) -> None:
    replayer = Replayer(
        workflows=UPGRADING_WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(())
    )

    await replayer.replay_workflow(_history(HISTORIES / f"{life}-subscription.json"))

    assert broken_off(caplog) == []


def test_every_kind_of_workflow_has_a_kept_history() -> None:
    kinds = {file.stem.rsplit("-", 1)[1] for file in KEPT_FILES}

    assert kinds == {kind.removesuffix("Workflow").lower() for kind in KEPT}
    assert {workflow._Definition.must_from_class(kind).name for kind in WORKFLOWS} == set(KEPT)


def test_the_kept_histories_cover_every_path() -> None:
    """Each activity and each update of the workflows occurs in one of them."""
    events = [event for file in KEPT_FILES for event in json.loads(file.read_text())["events"]]
    seen = {
        event["activityTaskScheduledEventAttributes"]["activityType"]["name"]
        for event in events
        if "activityTaskScheduledEventAttributes" in event
    } | {
        event["workflowExecutionUpdateAcceptedEventAttributes"]["acceptedRequest"]["input"]["name"]
        for event in events
        if "workflowExecutionUpdateAcceptedEventAttributes" in event
    }

    commands = {"sign_up", "convert", "put_payment_method", "retry_payment", "cancel", "uncancel", "extend_trial"}
    commands |= {"suspend", "reactivate", "open_checkout", "pause", "resume", "change_plan", "preview_change"}
    commands |= {"preview_cancel", "refund"}
    commands |= {"withdraw_change", "adopt_policy", "reconcile", "contact_changed"}
    steps = {"put_card", "adopt_checkout", "begin", "collect", "restart", "standing", "end", "end_at_period_end"}
    steps |= {"change", "change_on_terms", "quote", "first_quote", "reversal", "refund", "report_usage"}
    steps |= {"confirmation", "withdraw_confirmation"}
    steps |= {"tell_subscription", "carry_customer", "hear_customer", "take_up_customers"}
    steps |= {"know_again"}
    steps |= {"compare_agreements", "compare_subscriptions", "compare_mails", "heal_subscription", "note_findings"}
    steps |= {"note_reconciliation"}
    steps |= {"tell_usage_notices", "sample_gauges", "take_usage_statistics", "forget_old_usage"}
    steps |= {"work_off_bulk_rows", "record_bulk_state", "stop"}
    assert seen >= commands | steps | {"hold", "open_checkout", "deliver", "sweep_webhooks", "forget_old_findings"}


@workflow.defn(name="MailWorkflow", sandboxed=False)
class OtherMailWorkflow:
    """Waits before it does what the kept workflows did immediately."""

    @workflow.run
    async def run(self, _mail: str) -> str:
        await workflow.sleep(60)
        return "sent"


async def test_a_workflow_that_behaves_differently_is_detected() -> None:
    file = next(file for file in KEPT_FILES if file.stem.endswith("-mail"))

    with pytest.raises(workflow.NondeterminismError):
        await Replayer(workflows=[OtherMailWorkflow]).replay_workflow(_history(file))
