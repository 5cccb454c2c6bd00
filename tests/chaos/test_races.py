"""Two things at once, in an order that is forced: money is taken once, mails are sent once, all places agree."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from domain.names import subscription_workflow_id
from sandbox.product import RefusedError
from sandbox.stack import Stack
from tests.chaos.invariants import Inspector
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import PATIENT

Begin = Callable[..., Awaitable[Life]]
A_DAY = timedelta(days=1)
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
PAY, SUBSCRIBE, CHANGE = r"/v1/invoices/[^/]+/pay", r"/v1/subscriptions", r"/v1/subscriptions/[^/]+"

pytestmark = pytest.mark.usefixtures("healed")


async def until_taken(stack: Stack, life: Life, update: str) -> None:
    """Wait until the workflow has accepted an update of this name: it waits for its turn from then on."""
    handle = stack.client.get_workflow_handle(subscription_workflow_id(life.id))
    async with asyncio.timeout(PATIENT):
        while True:
            async for event in handle.fetch_history_events():
                accepted = event.workflow_execution_update_accepted_event_attributes
                if accepted.accepted_request.input.name == update:
                    return


async def at_rest(life: Life, inspector: Inspector) -> list[str]:
    await life.live(timedelta(hours=8))
    return await inspector.faults(life)


@pytest.mark.parametrize("is_done", [False, True], ids=["before-the-bank", "after-the-bank"])
async def test_a_cancellation_while_a_charge_is_in_flight_lets_it_end_first(
    begin: Begin, stack: Stack, inspector: Inspector, is_done: bool
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")

    with stack.simulator.gates.one(PAY, is_done=is_done) as gate:
        retry = asyncio.create_task(life.command("retry-payment"))
        await gate.reached()
        cancel = asyncio.create_task(life.command("cancel"))
        await until_taken(stack, life, "cancel")
        gate.open()
        await retry
        stands = await cancel

    assert (stands["status"], stands["cancel_at"]) == ("active", stands["current_period_end"])
    assert await life.bills() == Counter(paid=2)
    assert await at_rest(life, inspector) == []


async def test_a_cancellation_at_once_while_the_ladder_charges_ends_all_collection(
    begin: Begin, stack: Stack, inspector: Inspector
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")

    with stack.simulator.gates.one(PAY, is_done=True) as gate:
        time = asyncio.create_task(life.live_until("recover"))
        await gate.reached()
        cancel = asyncio.create_task(life.command("cancel", at="now"))
        await until_taken(stack, life, "cancel")
        gate.open()
        await asyncio.gather(time, cancel)

    assert await life.status() == ("canceled", "none")
    assert await life.bills() == Counter(paid=1, void=1)
    assert (await life.mails())["canceled"] == 1
    assert await at_rest(life, inspector) == []


async def test_a_payment_that_comes_as_the_ladder_suspends_brings_access_back(
    begin: Begin, stack: Stack, inspector: Inspector
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")
    for _ in range(4):
        await life.live_until("recover")

    with stack.simulator.gates.one(PAY, is_done=True) as gate:
        time = asyncio.create_task(life.live_until("recover"))
        await gate.reached()
        await life.pay_open_bill("pm_card_mastercard")
        gate.open()
        await time

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["recovered"] == 1
    assert await at_rest(life, inspector) == []


async def test_two_commands_at_once_take_turns(begin: Begin, inspector: Inspector) -> None:
    life = await begin(**PAID_START)

    answers = await asyncio.gather(
        life.command("change-plan", plan="professional"),
        life.command("change-plan", plan="enterprise"),
        life.command("cancel"),
        life.command("pause"),
        return_exceptions=True,
    )

    assert all(isinstance(one, dict | RefusedError) for one in answers)
    assert {one.status for one in answers if isinstance(one, RefusedError)} <= {409}
    assert await at_rest(life, inspector) == []


async def test_the_same_command_at_once_under_one_key_is_carried_out_once(begin: Begin, inspector: Inspector) -> None:
    life = await begin(**PAID_START)

    await asyncio.gather(
        *(life.product.command(life.id, "change-plan", key="one", plan="professional") for _ in range(3)),
        return_exceptions=True,
    )

    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["plan_changed"] == 1
    assert await at_rest(life, inspector) == []


@pytest.mark.parametrize(
    ("path", "command", "body"),
    [(SUBSCRIBE, "convert", {"when": "now"}), (CHANGE, "change-plan", {"plan": "professional"})],
    ids=["first-payment", "change-of-plan"],
)
async def test_webhooks_that_come_before_the_call_has_returned_are_no_second_payment(
    begin: Begin, stack: Stack, inspector: Inspector, path: str, command: str, body: dict[str, str]
) -> None:
    life = await begin(payment_method="pm_card_visa")
    if command == "change-plan":
        await life.live_until_converted()
    before = await life.bills()

    with stack.simulator.gates.one(path, is_done=True) as gate:
        doing = asyncio.create_task(life.command(command, **body))
        await gate.reached()
        assert await stack.simulator.webhooks_settled(life.external_id, 20)
        gate.open()
        await doing

    assert await life.bills() == before + Counter(paid=1)
    assert (await life.kinds())["renewed"] == 0
    assert (await life.mails())["receipt"] == (before + Counter(paid=1))["paid"]
    assert await at_rest(life, inspector) == []


async def test_a_card_replaced_during_a_retry_is_charged_after_it(
    begin: Begin, stack: Stack, inspector: Inspector
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live_until_converted()
    await life.live_until_declined("insufficient_funds")

    with stack.simulator.gates.one(PAY, is_done=True) as gate:
        time = asyncio.create_task(life.live_until("recover"))
        await gate.reached()
        card = asyncio.create_task(life.command("payment-method", payment_method="pm_card_mastercard"))
        await until_taken(stack, life, "put_payment_method")
        gate.open()
        await asyncio.gather(time, card)

    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert await at_rest(life, inspector) == []


@pytest.mark.parametrize("when", ["now", "period_end"])
async def test_a_change_of_plan_at_renewal_waits_for_the_renewals_own_invoice(
    begin: Begin, inspector: Inspector, when: str
) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.live_until("renew")
    assert await life.refused("change-plan", plan="starter", when=when) == (409, "renewal_under_way")
    assert await life.refused("preview-change", plan="starter", when=when) == (409, "renewal_under_way")
    await life.live(timedelta(hours=2))

    await life.command("change-plan", plan="starter", when=when)

    assert await at_rest(life, inspector) == []
    assert (await life.bills())["paid"] == (3 if when == "now" else 2)


async def test_a_renewal_paid_without_an_event_is_known_before_the_next_change(
    begin: Begin, inspector: Inspector
) -> None:
    life = await begin(plan="professional", **PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))

    stands = await life.command("change-plan", plan="starter")

    assert stands["pending_change"]["at"] == stands["current_period_end"]
    assert datetime.fromisoformat(stands["current_period_end"]) > life.now + 20 * A_DAY
    assert await at_rest(life, inspector) == []


async def test_an_extension_as_a_reminder_is_on_its_way_calls_it_back(begin: Begin, inspector: Inspector) -> None:
    life = await begin()
    await life.live(A_MINUTE)
    await life.product.faults(smtp={"refuse": True})
    await life.live_until("send_reminder")

    await life.command("extend-trial", days=30, reason="on holiday")
    await life.product.faults()
    await life.live(A_DAY)

    assert await life.mails() == Counter(trial_started=1)
    assert await at_rest(life, inspector) == []


async def test_an_extension_and_a_reminder_at_once_leave_one_ladder(begin: Begin, inspector: Inspector) -> None:
    life = await begin()

    await asyncio.gather(
        life.live_until("send_reminder"), life.command("extend-trial", days=1, reason="asked for at the same time")
    )
    await life.live_until("expire_trial")

    mails = await life.mails()
    assert mails["trial_expired"] == 1
    assert mails["trial_ending"] in (3, 4)
    assert await at_rest(life, inspector) == []


async def test_an_operator_who_suspends_while_the_customer_converts_has_the_last_word(
    begin: Begin, stack: Stack, inspector: Inspector
) -> None:
    life = await begin(payment_method="pm_card_visa")

    with stack.simulator.gates.one(SUBSCRIBE, is_done=False) as gate:
        convert = asyncio.create_task(life.command("convert", when="now"))
        await gate.reached()
        suspend = asyncio.create_task(life.command("suspend", reason="fraud check"))
        await until_taken(stack, life, "suspend")
        gate.open()
        await asyncio.gather(convert, suspend)

    assert await life.status() == ("suspended", "none")
    assert await life.bills() == Counter(paid=1)
    assert await life.refused("retry-payment") == (409, "suspended_by_operator")
    assert await at_rest(life, inspector) == []


async def test_a_pause_before_the_renewals_webhook_came_keeps_what_was_paid(begin: Begin, inspector: Inspector) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))

    stands = await life.command("pause")

    assert stands["status"] == "paused"
    assert datetime.fromisoformat(stands["current_period_end"]) > life.now + 20 * A_DAY
    assert await life.bills() == Counter(paid=2)
    assert await at_rest(life, inspector) == []


async def test_commands_while_the_workflow_continues_as_new_are_each_carried_out_once(
    begin: Begin, inspector: Inspector
) -> None:
    life = await begin()
    ends_at = datetime.fromisoformat((await life.stands())["trial_ends_at"])
    keys = [f"extension {number}" for number in range(9)]

    for _ in range(
        2
    ):  # the second time, each is the repeat of one that was carried out, some of them in an earlier run
        await asyncio.gather(
            *(life.product.command(life.id, "extend-trial", key=f"{life.id} {key}", days=1, reason=key) for key in keys)
        )

    assert datetime.fromisoformat((await life.stands())["trial_ends_at"]) == ends_at + len(keys) * A_DAY
    assert (await life.kinds())["trial_extended"] == len(keys)
    assert await at_rest(life, inspector) == []
