"""Cards that customers choose or remove at the provider reach their subscription, reported or not."""

from collections import Counter
from datetime import timedelta

import pytest

from domain.errors import GatewayRefused
from domain.notifications.mail_types import Occasion
from domain.provider.payments import Card
from tests.workflows.conftest import Begin
from tests.workflows.world.life import CONVERTED, TRIAL, Life
from tests.workflows.world.world import World


@pytest.fixture
async def payer(begin: Begin) -> Life:
    """A customer who has just paid for a month."""
    return await begin(trial_days=0, payment_method="visa")


def open_bill(life: Life) -> str:
    [bill] = [invoice.ref for invoice in life.invoices if invoice.status == "open"]
    return bill


def charged_card(life: Life, world: World) -> Card | None:
    """The card that the provider charges for the agreement."""
    [deal] = world.provider.outside.agreements_of(life.external_id)
    return world.provider.payments.person(deal.customer).charged(deal.card)


def brand(life: Life) -> str:
    card = life.subscription.card
    return card.brand if card is not None else "none"


async def test_a_card_chosen_in_the_portal_is_charged_at_once_for_what_is_owed(payer: Life) -> None:
    await payer.live_until_declined("insufficient_funds")
    payer.card_answers("ok")

    await payer.in_portal("mastercard")

    assert payer.status == ("active", "full")
    assert payer.bills == Counter(paid=2)
    assert brand(payer) == "mastercard"


async def test_a_card_chosen_in_the_portal_is_found_before_the_next_retry_without_an_event(
    payer: Life, world: World
) -> None:
    await payer.live_until_declined("insufficient_funds")
    payer.card_answers("ok")
    world.provider.loses_messages = True
    await payer.in_portal("mastercard")

    await payer.live_until("recover")

    assert payer.status == ("active", "full")
    assert payer.bills == Counter(paid=2)
    assert payer.kinds["retry_failed"] == 0


@pytest.mark.parametrize("answer", ["insufficient_funds", "authentication_required"])
async def test_renewals_are_charged_to_the_card_that_has_paid_on_the_page_of_an_invoice(
    payer: Life, world: World, answer: str
) -> None:
    await payer.live_until_declined(answer)

    await payer.pays(open_bill(payer), "mastercard")

    assert payer.status == ("active", "full")
    assert brand(payer) == "mastercard"
    assert charged_card(payer, world) == payer.subscription.card
    await payer.live_until("renew")
    assert payer.bills == Counter(paid=3)
    assert brand(payer) == "mastercard"


async def test_a_card_that_has_paid_is_found_by_the_retry_that_finds_the_bill_paid(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    world.provider.loses_messages = True
    await payer.pays(open_bill(payer), "mastercard")
    assert brand(payer) == "visa"

    await payer.live_until("recover")

    assert payer.status == ("active", "full")
    assert charged_card(payer, world) == payer.subscription.card
    assert brand(payer) == "mastercard"


async def test_a_payment_that_waited_for_the_bank_and_was_made_with_another_card_brings_that_on_file(
    payer: Life, world: World
) -> None:
    payer.card_answers("authentication_required")
    bill = await payer.to_be_confirmed("change-plan", plan="professional", when="now")

    await payer.pays(bill, "mastercard")

    assert payer.subscription.plan == "professional"
    assert charged_card(payer, world) == payer.subscription.card
    assert brand(payer) == "mastercard"


async def test_a_card_that_the_provider_has_not_kept_leaves_the_one_on_file(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    world.provider.calls.fail("put_card", error=GatewayRefused("it may not be used again"))

    await payer.pays(open_bill(payer), "mastercard")

    assert payer.status == ("active", "full")
    assert (brand(payer), payer.subscription.blocked) == ("visa", None)
    asked = world.provider.calls.made["put_card"]
    await payer.command("reconcile")
    assert world.provider.calls.made["put_card"] == asked, "nor is it tried again"


async def test_a_card_that_has_paid_during_an_outage_comes_on_file_with_the_next_look(
    payer: Life, world: World
) -> None:
    await payer.live_until_declined("insufficient_funds")
    world.provider.calls.fail("put_card")

    await payer.pays(open_bill(payer), "mastercard")
    await payer.live(timedelta(hours=2))
    assert brand(payer) == "visa"
    world.provider.heal()
    await payer.command("reconcile")

    assert charged_card(payer, world) == payer.subscription.card
    assert brand(payer) == "mastercard"


async def test_a_card_chosen_in_the_portal_stays_when_another_has_paid_a_bill(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    bill = open_bill(payer)
    world.provider.loses_messages = True
    await payer.in_portal("mastercard")
    world.provider.loses_messages = False

    await payer.pays(bill, "visa")

    assert payer.status == ("active", "full")
    assert brand(payer) == "mastercard"
    assert charged_card(payer, world) == payer.subscription.card


async def test_a_receipt_does_not_name_the_declined_card_if_the_chosen_one_has_paid(payer: Life, world: World) -> None:
    await payer.live_until_declined("insufficient_funds")
    bill = open_bill(payer)
    world.provider.loses_messages = True
    await payer.in_portal("mastercard")
    world.provider.loses_messages = False

    await payer.pays(bill, "mastercard")

    receipt = [mail for mail in payer.sent if mail.occasion is Occasion.RECEIPT][-1]
    assert (receipt.facts["card_brand"], receipt.facts["card_last4"]) == ("", "")
    assert brand(payer) == "mastercard"


async def test_renewals_are_charged_to_the_card_chosen_in_the_portal(payer: Life, world: World) -> None:
    await payer.in_portal("mastercard")

    card, [deal] = payer.subscription.card, world.provider.outside.agreements_of(payer.external_id)
    assert card is not None
    assert deal.card == card.ref
    await payer.live_until("renew")
    assert payer.bills == Counter(paid=2)


async def test_a_portal_visited_before_any_card_was_given_converts_the_trial(begin: Begin, world: World) -> None:
    """The portal opened the wallet: the subscription does not know it."""
    life = await begin()
    world.provider.loses_messages = True
    await life.in_portal("visa")

    await life.live_until("expire_trial")

    assert life.status == ("active", "full")
    assert life.mails == CONVERTED
    assert life.bills == Counter(paid=1)


async def test_an_expired_trial_comes_back_by_a_card_given_in_the_portal(begin: Begin) -> None:
    life = await begin()
    await life.live_until("expire_trial")

    await life.in_portal("visa")

    assert life.status == ("active", "full")
    assert life.mails == TRIAL + Counter(trial_expired=1, converted=1, receipt=1)


async def test_an_expired_trial_is_not_canceled_if_a_card_was_given_without_an_event(
    begin: Begin, world: World
) -> None:
    life = await begin()
    await life.live_until("expire_trial")
    world.provider.loses_messages = True
    await life.in_portal("visa")

    await life.live_until("cancel")

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)


@pytest.mark.parametrize("is_reported", [True, False])
async def test_a_trial_whose_card_was_removed_ends_as_one_without_a_card(begin: Begin, is_reported: bool) -> None:
    life = await begin(payment_method="visa")
    await life.takes_cards_away()
    if is_reported:
        await life.hears_of_a_changed_card()
        assert life.ahead == ["send_reminder"] * 3 + ["expire_trial"]
        await life.live_until("expire_trial")
    else:
        await life.live_until("convert")

    assert life.status == ("suspended", "none")
    assert life.subscription.status_reason == "trial_expired"
    assert life.kinds["card_removed"] == 1
    assert life.bills == Counter()
    assert life.mails == TRIAL + Counter(trial_expired=1)


@pytest.mark.parametrize("is_reported", [True, False])
async def test_a_renewal_without_a_card_begins_a_recovery_that_asks_for_one(payer: Life, is_reported: bool) -> None:
    await payer.takes_cards_away()
    if is_reported:
        await payer.hears_of_a_changed_card()

    await payer.live_until("renew")

    assert payer.status[0] == "past_due"
    assert payer.kinds["card_removed"] == 1
    assert await payer.refused("retry-payment") == "payment_method_required"
    await payer.live_until("recover")
    assert payer.kinds["retry_skipped"] == 1
    await payer.live_until("recover")
    assert payer.mails["payment_failed"] == 2
    await payer.command("payment-method", payment_method="mastercard")
    assert payer.status == ("active", "full")
    assert payer.bills == Counter(paid=2)
