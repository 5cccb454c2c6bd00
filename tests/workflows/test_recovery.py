"""Recovery of failed payments."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from domain.errors import TenureError
from tests.workflows.conftest import Begin
from tests.workflows.world.life import CONVERTED, Life
from tests.workflows.world.world import World

Declined = Callable[[str], Awaitable[Life]]


@pytest.fixture
async def declined(begin: Begin) -> Declined:
    """A paying customer whose renewal is declined."""

    async def declined(code: str) -> Life:
        life = await begin(payment_method="visa")
        await life.live_until_converted()
        await life.live_until_declined(code)
        return life

    return declined


def open_bill(life: Life) -> str:
    [bill] = [invoice.ref for invoice in life.invoices if invoice.status == "open"]
    return bill


async def test_a_retry_that_succeeds_ends_the_recovery_before_the_harsher_part(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    for _ in range(2):
        await life.live_until("recover")
    life.card_answers("ok")

    await life.live_until("recover")  # day 5: retry, else access limited

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=2)
    assert life.mails == CONVERTED + Counter(payment_failed=2, receipt=1)


async def test_a_new_card_in_mid_ladder_is_charged_at_once_and_the_ladder_ends(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    for _ in range(3):
        await life.live_until("recover")
    assert life.status == ("past_due", "limited")

    life.card_answers("ok")
    await life.command("payment-method", payment_method="mastercard")

    assert life.status == ("active", "full")
    assert "recover" not in life.ahead
    before = life.mails
    await life.live(timedelta(days=20))
    assert life.mails == before
    assert life.bills == Counter(paid=2)


async def test_a_card_given_at_the_checkout_in_mid_ladder_is_charged_at_once(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    life.card_answers("ok")

    await life.checks_out("mastercard")

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=2)


async def test_a_hard_decline_is_never_tried_again_on_the_same_card(declined: Declined, world: World) -> None:
    life = await declined("lost_card")
    before = world.provider.calls.made["collect"]

    await life.live(timedelta(days=13))

    assert world.provider.calls.made["collect"] == before
    assert life.status == ("past_due", "limited")
    assert await life.refused("retry-payment") == "card_cannot_be_retried"
    life.card_answers("ok")
    await life.command("payment-method", payment_method="mastercard")
    assert life.status == ("active", "full")


async def test_authentication_required_asks_the_customer_and_a_retry_by_command_says_where(declined: Declined) -> None:
    life = await declined("authentication_required")
    assert life.mails["action_required"] == 1
    await life.live(timedelta(days=2))
    assert life.kinds["payment_failed"] == 1

    # Tried by command, it says where the customer confirms; a repeat asks for nothing again.
    ahead = life.ahead
    bill = await life.to_be_confirmed("retry-payment", key="once")
    assert (life.status[0], life.ahead) == ("past_due", ahead)
    assert await life.to_be_confirmed("retry-payment", key="once") == bill
    assert life.kinds["retry_failed"] == 1
    await life.pays(bill)
    await life.command("retry-payment", key="once")
    assert life.subscription.confirmation is None
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=2)


async def test_a_customer_who_confirms_the_payment_on_the_banks_page_is_recovered_at_once(declined: Declined) -> None:
    life = await declined("authentication_required")
    await life.live_until("recover")  # day 1 is a retry, which would be in vain
    assert life.kinds["retry_skipped"] == 1

    await life.pays(open_bill(life))

    assert life.status == ("active", "full")
    assert "recover" not in life.ahead
    assert life.bills == Counter(paid=2)
    assert life.mails == CONVERTED + Counter(action_required=1, receipt=1)
    [recovered] = [entry for entry in life.journal if entry.kind == "recovered"]
    assert recovered.cause.kind == "webhook"


async def test_a_payment_nobody_confirms_is_never_retried_and_ends_the_subscription(
    declined: Declined, world: World
) -> None:
    life = await declined("authentication_required")
    before = world.provider.calls.made["collect"]

    await life.live(timedelta(days=45))

    assert life.status == ("canceled", "none")
    assert world.provider.calls.made["collect"] == before
    assert life.mails == CONVERTED + Counter(action_required=4, suspended=1, canceled=1)


async def test_the_ladder_ends_in_cancellation_after_forty_four_days(declined: Declined) -> None:
    life = await declined("insufficient_funds")

    await life.live(timedelta(days=45))

    assert (life.status, life.subscription.status_reason) == (("canceled", "none"), "nonpayment")
    assert life.mails == CONVERTED + Counter(payment_failed=4, suspended=1, canceled=1)
    assert life.bills["paid"] == 1


async def test_an_operator_brings_a_suspended_payer_back_and_the_ladder_begins_again(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    await life.live(timedelta(days=15))
    assert life.status == ("suspended", "none")

    await life.command("reactivate", reason="promised to pay on Friday")

    assert life.status == ("past_due", "full")
    await life.live(timedelta(days=15))
    assert life.status == ("suspended", "none")


async def test_nothing_further_is_billed_while_a_bill_is_owed(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    await life.live(timedelta(days=15))
    await life.command("reactivate", reason="promised to pay")
    await life.live(timedelta(days=8))
    life.card_answers("ok")

    await life.live(timedelta(days=30))

    # The bill that was owed, two days before its period ended, and then the next period's.
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=3)
    assert life.mails["receipt"] == 3


async def test_a_card_that_its_bank_has_barred_is_not_charged_at_the_trials_end(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    life.card_answers("stolen_card")
    assert await declined_by_the_bank(life) == "payment_declined"

    await life.live(timedelta(days=15))

    assert life.status == ("suspended", "none")
    assert life.bills == Counter()
    assert life.kinds["charge_declined"] == 1


async def declined_by_the_bank(life: Life, key: str | None = None) -> str:
    with pytest.raises(TenureError) as refusal:
        await life.command("convert", when="now", key=key)
    return refusal.value.code


async def test_a_declined_command_repeated_with_its_key_charges_nothing_again(begin: Begin) -> None:
    life = await begin(payment_method="visa")
    life.card_answers("insufficient_funds", "ok")

    for _ in range(2):
        assert await declined_by_the_bank(life, key="convert-once") == "payment_declined"

    assert life.status == ("trialing", "full")
    assert life.bills == Counter()


async def test_a_retry_by_command_takes_the_money(declined: Declined) -> None:
    life = await declined("insufficient_funds")
    life.card_answers("ok")

    await life.command("retry-payment")

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=2)


async def test_a_retry_with_nothing_owed_is_refused(begin: Begin) -> None:
    life = await begin(payment_method="visa")

    assert await life.refused("retry-payment") == "nothing_to_retry"
