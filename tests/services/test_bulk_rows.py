"""What comes of a row's command: done, refused with its code, or not known after it was asked for twice."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from domain.audit import Actor, ActorKind
from domain.bulk.actions import ActionKind, BulkAction
from domain.bulk.ports import RowResult
from domain.bulk.runs import BulkRow, BulkRun, RowOutcome, RunState, Tally
from domain.errors import GatewayUnavailable, Rejected
from services.bulk.row_commands import ATTEMPTS, NOT_RUNNING, RowCommandSender, settled
from services.subscription_client import NotRunning, SubscriptionBusy
from services.update_outcomes import OutcomeUnknown

RUN = BulkRun(
    id="r1",
    tenant="acme",
    action=BulkAction(ActionKind.RETRY_MAILS),
    filter={},
    inverse_of=None,
    actor=Actor(ActorKind.KEY, "k1", "admin"),
    reference="",
    rate=5,
    state=RunState.RUNNING,
    tally=Tally(waiting=1),
    created_at=datetime(2026, 3, 2, tzinfo=UTC),
)
ROW = BulkRow(1, "s1", "active")


def answering(*answers: Exception | None) -> tuple[Callable[[], Awaitable[object]], list[int]]:
    """A command that answers like this, one answer each time, and how often it was sent."""
    sent: list[int] = []

    async def send() -> object:
        sent.append(len(sent))
        answer = answers[min(len(sent), len(answers)) - 1]
        if answer is not None:
            raise answer
        return None

    return send, sent


@pytest.mark.parametrize(
    ("answers", "result", "times"),
    [
        ([None], RowResult(RowOutcome.DONE), 1),
        ([Rejected("no", code="already_suspended")], RowResult(RowOutcome.REFUSED, "already_suspended"), 1),
        ([NotRunning("gone")], NOT_RUNNING, 1),
        ([OutcomeUnknown("sent"), None], RowResult(RowOutcome.DONE), 2),
        ([OutcomeUnknown("sent")], RowResult(RowOutcome.UNKNOWN, "outcome_unknown"), ATTEMPTS),
        ([SubscriptionBusy("busy")], RowResult(RowOutcome.UNKNOWN, "subscription_busy"), ATTEMPTS),
    ],
)
async def test_a_command_has_one_outcome(answers: list[Exception | None], result: RowResult, times: int) -> None:
    send, sent = answering(*answers)

    assert await settled(send) == result
    assert len(sent) == times


async def test_while_nothing_can_be_sent_a_row_gets_no_outcome() -> None:
    send, _ = answering(GatewayUnavailable("down", code="temporal_unavailable"))

    with pytest.raises(GatewayUnavailable):
        await settled(send)


class Mails:
    """Mails of a subscription, and what becomes of each when it is sent again."""

    def __init__(self, **becomes: Rejected | None) -> None:
        self.becomes = becomes
        self.sent: list[str] = []

    async def undelivered_of(self, _tenant: str, _subscription: str) -> list[str]:
        return [mail for mail in self.becomes if mail not in self.sent]

    async def retry(self, _tenant: str, mail: str) -> None:
        if (refusal := self.becomes[mail]) is not None:
            raise refusal
        self.sent.append(mail)


def sender(mails: Mails) -> RowCommandSender:
    nothing: Any = None
    return RowCommandSender(nothing, nothing, nothing, nothing, mails, cast("Any", mails))


async def test_mails_that_were_given_up_are_sent_again_and_a_repeat_sends_none() -> None:
    mails = Mails(m1=None, m2=Rejected("it was sent", code="mail_not_retriable"), m3=None)

    for _ in range(2):
        assert await sender(mails).carry_out(RUN, ROW) == RowResult(RowOutcome.DONE)

    assert mails.sent == ["m1", "m3"]


async def test_a_customer_who_was_erased_is_written_nothing() -> None:
    mails = Mails(m1=Rejected("erased", code="customer_erased"))

    result = await sender(mails).carry_out(replace(RUN, id="r2"), ROW)

    assert result == RowResult(RowOutcome.REFUSED, "customer_erased")
