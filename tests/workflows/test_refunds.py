"""Refunds that operators ask for."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from domain.errors import TenureError
from domain.subscription.command_keys import hashed
from domain.subscription.policy import Reaction
from tests.workflows.conftest import Begin
from tests.workflows.world.commands import ACTOR
from tests.workflows.world.life import SOON, Life
from tests.workflows.world.world import World
from workflows.subscription.messages import Refund

PAID = Counter(converted=1, receipt=1)
WHY = "a goodwill gesture"


@pytest.fixture
async def payer(begin: Begin) -> Life:
    """A customer who has just paid for a month."""
    return await begin(trial_days=0, payment_method="visa")


def first_bill(life: Life) -> str:
    return life.invoices[0].ref


def refunds_of(life: Life) -> list[tuple[str, str, str, str]]:
    """What the journal says of each refund: the sum so far, the kind of its cause, who it was, and why."""
    told = [entry for entry in life.journal if entry.kind == "refunded"]
    return [(one.details["amount"], one.cause.kind, one.cause.actor, one.details["reason"]) for one in told]


async def test_a_refund_is_recorded_with_its_command_and_mailed_once(payer: Life, world: World) -> None:
    await payer.command("refund", invoice=first_bill(payer), amount=1000, reason="a day of downtime")
    await payer.command("refund", invoice=first_bill(payer), reason="the rest as well")

    assert refunds_of(payer) == [
        ("1000", "command", ACTOR, "a day of downtime"),
        ("4900", "command", ACTOR, "the rest as well"),
    ]
    assert payer.mails == PAID + Counter(refunded=2)
    assert payer.status == ("active", "full"), "the default policy keeps it"
    assert len([one for one in world.post.outcomes.values() if "delivered" in one.words]) >= 2


async def test_under_the_same_key_money_goes_back_once(payer: Life) -> None:
    for _ in range(2):
        await payer.command("refund", invoice=first_bill(payer), amount=1000, key="once")
    assert [amount for amount, *_ in refunds_of(payer)] == ["1000"]


async def test_two_refunds_at_once_never_exceed_what_was_paid(payer: Life) -> None:
    asked = [payer.command("refund", invoice=first_bill(payer), amount=3000, settles=False) for _ in range(2)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    await payer.settle()

    assert [each.code for each in results if isinstance(each, TenureError)] == ["over_refund"]
    assert [amount for amount, *_ in refunds_of(payer)] == ["3000"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"amount": 4901}, "over_refund"),
        ({"amount": 0}, "malformed"),
        ({"amount": 1000, "reason": " "}, "malformed"),
        ({"amount": 1001, "at_most": 1000}, "refund_limit"),
        ({"at_most": 1000}, "refund_limit"),
        ({"amount": 1, "at_most": 0}, "refund_limit"),
        ({"at_most": 0}, "refund_limit"),
    ],
)
async def test_what_is_refused_changes_nothing(payer: Life, asked: dict[str, Any], code: str) -> None:
    assert await payer.refused("refund", invoice=first_bill(payer), **asked) == code

    assert refunds_of(payer) == []
    assert payer.mails == PAID


async def test_a_disputed_payment_is_not_refunded(payer: Life) -> None:
    await payer.dispute("opened")

    assert await payer.refused("refund", invoice=first_bill(payer)) == "payment_disputed"


async def test_a_full_refund_ends_the_subscription_where_the_policy_says_so(begin: Begin, world: World) -> None:
    strict = replace(world.policy, version="strict", fully_refunded=Reaction.CANCEL)
    life = await begin(trial_days=0, payment_method="visa", policy=strict)

    await life.command("refund", invoice=first_bill(life), amount=900)
    assert life.status == ("active", "full")
    await life.command("refund", invoice=first_bill(life))

    assert life.status == ("canceled", "none")
    assert life.subscription.status_reason == "refunded"
    assert life.mails == PAID + Counter(refunded=2, canceled=1)


async def test_a_refund_whose_answer_is_lost_is_made_once_and_recorded_with_its_command(payer: Life) -> None:
    await payer.unheard("refund", "refund", invoice=first_bill(payer), amount=1000, key="unheard")
    await payer.command("refund", invoice=first_bill(payer), amount=1000, key="unheard")

    assert [(amount, kind) for amount, kind, *_ in refunds_of(payer)] == [("1000", "command")]
    assert payer.mails == PAID + Counter(refunded=1)


async def test_a_refund_that_only_the_provider_reports_has_the_command_as_its_cause(payer: Life, world: World) -> None:
    provider = world.provider
    provider.calls.lose_answers()
    with pytest.raises(TenureError):
        await payer.meanwhile(SOON * 5, "refund", "refund", invoice=first_bill(payer), amount=1000)
    provider.heal()
    await payer.live(SOON)

    assert [(amount, kind, actor) for amount, kind, actor, _ in refunds_of(payer)] == [("1000", "command", ACTOR)]
    assert payer.mails == PAID + Counter(refunded=1)


# After the end


def a_refund(life: Life, amount: int | None = None, *, key: str = "late", at_most: int | None = None) -> Refund:
    """An order that is in the audit."""
    command = Refund(hashed(f"{life.external_id}/{key}"), ACTOR, first_bill(life), WHY, amount, at_most)
    life.world.post.reasons[command.key] = WHY
    return command


async def ended(begin: Begin) -> Life:
    life = await begin(trial_days=0, payment_method="visa")
    await life.command("cancel", at="now")
    return life


async def test_what_an_ended_subscription_paid_can_be_refunded_as_well(begin: Begin, world: World) -> None:
    life = await ended(begin)
    before = life.mails

    for key in ("late", "late", "later"):
        await world.refunds.refund(life.id, a_refund(life, 1000, key=key))
    await life.settle()

    assert [(amount, kind, reason) for amount, kind, _, reason in refunds_of(life)] == [
        ("1000", "command", WHY),
        ("2000", "command", WHY),
    ]
    assert life.mails == before + Counter(refunded=2)
    assert life.status == ("canceled", "none")


@pytest.mark.parametrize(
    ("amount", "at_most", "code"), [(4901, None, "over_refund"), (None, 1000, "refund_limit"), (0, None, "malformed")]
)
async def test_after_the_end_the_same_is_refused(
    begin: Begin, world: World, amount: int | None, at_most: int | None, code: str
) -> None:
    life = await ended(begin)

    with pytest.raises(TenureError) as refusal:
        await world.refunds.refund(life.id, a_refund(life, amount, at_most=at_most))

    assert refusal.value.code == code
    assert refunds_of(life) == []


async def test_a_late_refund_whose_process_stops_is_recorded_by_the_report_of_it(begin: Begin, world: World) -> None:
    life = await ended(begin)
    before = life.mails
    made = await world.provider.ports.refunds.refund(a_refund(life, 1000).as_order(life.id))
    assert [each.amount for each in made] == [1000]
    await life.settle()

    await world.refunds.refund(life.id, a_refund(life, 1000))

    assert refunds_of(life) == [("1000", "command", ACTOR, WHY)]
    assert life.mails == before + Counter(refunded=1)
