"""What a database keeps of a subscription's steps: the real one, and the one in memory that workflow tests use."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.catalog.plans import Interval
from domain.errors import GatewayBusy, GatewayUnavailable, Rejected
from domain.notifications.mail_types import Occasion
from domain.subscription.ends import EndKind
from domain.subscription.journal import Entry, TrialClaim
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from tests.builders import CAUSE, NOW, TRIAL_END, VISA, a_trial
from tests.contracts.database import Database, Stored, asked, signed_up
from tests.storage.ledger import a_mail, a_step, an_invoice, later

CLAIM = TrialClaim(tuple(TrialMark))


async def refusal(database: Database, *steps: object) -> str:
    """The code of the last step's refusal, after which everything is as it was before."""
    *first, last = steps
    for step in first:
        await database.records.save(step)  # type: ignore[arg-type]  # steps
    before = await database.stored()
    with pytest.raises((Rejected, GatewayUnavailable)) as caught:
        await database.records.save(last)  # type: ignore[arg-type]  # likewise
    assert await database.stored() == before
    return caught.value.code


# Steps


async def test_what_products_are_told_of_a_step_is_stored_once(database: Database) -> None:
    it = later(await signed_up(database))
    step = a_step(it, entries=(Entry("renewed", NOW, "Renewed", CAUSE),), invoice=an_invoice())
    for again in (step, step, a_step(later(it), invoice=an_invoice())):
        await database.records.save(again)

    stored = await database.stored()

    assert stored.events == [(it.id, 2, "invoice.paid"), (it.id, 2, "subscription.renewed")]


async def test_a_step_is_stored_whole_and_again_without_effect(database: Database) -> None:
    it = await asked(database)
    step = a_step(it, a_mail(), a_mail(Occasion.RECEIPT), invoice=an_invoice())
    queued = await database.records.save(step)
    stored = await database.stored()

    again = await database.records.save(step)

    assert stored.subscriptions == {it.id: it}
    assert stored.journal == [(it.id, 1, 0, "noted"), (it.id, 1, 1, "explained")]
    assert set(stored.mails.values()) == {("queued", "")}
    assert stored.invoices == {"in_1": ("paid", 4900)}
    # A process that died between writing and sending learns again what to send.
    assert {mail.id for mail in again} == {mail.id for mail in queued} == set(stored.mails)
    assert await database.stored() == stored


async def test_the_newest_step_stays_when_steps_come_late(database: Database) -> None:
    it = await signed_up(database)

    for sequence in (3, 2, 3, 4, 1):
        await database.records.save(a_step(replace(it, sequence=sequence, quantity=sequence)))

    stored = await database.stored()
    assert stored.subscriptions[it.id].quantity == 4
    assert [line[1] for line in stored.journal] == [1, 1, 3, 3, 4, 4]


async def test_a_step_of_an_unknown_customer_is_refused(database: Database) -> None:
    assert await refusal(database, a_step(a_trial(customer=str(uuid4())))) == "unknown_customer"


async def test_a_customer_has_one_live_subscription(database: Database) -> None:
    first, second = await signed_up(database), await asked(database)

    assert await refusal(database, a_step(second, a_mail())) == "already_subscribed"

    await database.records.save(a_step(later(first, status=Status.CANCELED)))
    await database.records.save(a_step(second))
    revived = a_step(later(later(first), status=Status.ACTIVE))
    assert await refusal(database, revived) == "already_subscribed"


# Mails


async def test_a_mail_is_there_once_and_only_waiting_ones_of_an_occasion_are_withdrawn(database: Database) -> None:
    it = await signed_up(database)
    [ending, _] = await database.records.save(a_step(later(it), a_mail(Occasion.TRIAL_ENDING), a_mail()))
    [again] = await database.records.save(a_step(later(later(it)), a_mail()))
    other = a_mail(Occasion.TRIAL_ENDING, NOW + timedelta(days=1))

    [queued] = await database.records.save(a_step(replace(it, sequence=4), other, withdraws=(Occasion.TRIAL_ENDING,)))

    statuses = {id_: status for id_, (status, _) in (await database.stored()).mails.items()}
    assert statuses == {ending.id: "withdrawn", again.id: "queued", queued.id: "queued"}
    assert await database.mails.claim(ending.id, "a run") is None


async def test_a_waiting_mail_has_all_that_is_needed_to_send_it(database: Database) -> None:
    it = await signed_up(database)
    [queued] = await database.records.save(a_step(later(it), a_mail(Occasion.TRIAL_ENDING)))

    mail = await database.mails.claim(queued.id, "a run")

    assert mail is not None
    assert (mail.id, mail.subscription, mail.occasion, mail.at) == (queued.id, it.id, Occasion.TRIAL_ENDING, NOW)
    assert (mail.facts, mail.contact.external_id) == ({"plan_name": "Starter"}, "ada")
    assert mail.contact.email == f"{it.id}@new.example"
    assert await database.mails.claim(str(uuid4()), "a run") is None


async def test_a_mail_is_sent_once_and_keeps_its_first_mark(database: Database) -> None:
    it = await signed_up(database)
    step = a_step(later(it), a_mail())
    [queued] = await database.records.save(step)

    await database.mails.mark_sent(queued.id, "<1@example.com>")
    await database.mails.mark_sent(queued.id, "<1@example.com>")
    await database.mails.mark_refused(queued.id, "mailbox full")

    assert (await database.stored()).mails[queued.id] == ("sent", "<1@example.com>")
    assert await database.mails.claim(queued.id, "a run") is None
    assert await database.records.save(step) == []


async def test_a_mail_is_given_to_one_delivery_at_a_time_in_all_its_attempts(database: Database) -> None:
    it = await signed_up(database)
    [queued] = await database.records.save(a_step(later(it), a_mail()))

    first, again = [await database.mails.claim(queued.id, "a run") for _ in range(2)]
    with pytest.raises(GatewayBusy) as busy:
        await database.mails.claim(queued.id, "another run")

    assert first is not None
    assert first == again
    assert busy.value.code == "being_sent"
    await database.mails.mark_sent(queued.id, "<1@example.com>")
    assert await database.mails.claim(queued.id, "another run") is None


async def test_a_mail_that_is_released_is_anothers_at_once(database: Database) -> None:
    it = await signed_up(database)
    [queued] = await database.records.save(a_step(later(it), a_mail()))
    await database.mails.claim(queued.id, "a run")

    await database.mails.release(queued.id, "another run")
    with pytest.raises(GatewayBusy):
        await database.mails.claim(queued.id, "another run")
    await database.mails.release(queued.id, "a run")

    assert await database.mails.claim(queued.id, "another run") is not None


async def test_a_refused_mail_is_sent_no_more(database: Database) -> None:
    it = await signed_up(database)
    [queued] = await database.records.save(a_step(later(it), a_mail()))

    await database.mails.mark_refused(queued.id, "no such mailbox")

    assert (await database.stored()).mails[queued.id][0] == "refused"
    assert await database.mails.claim(queued.id, "a run") is None


# Invoices


@pytest.mark.parametrize(
    ("looks", "status"),
    [
        (["open", "paid"], "paid"),
        (["open", "uncollectible"], "uncollectible"),
        (["open", "uncollectible", "paid"], "paid"),
        (["paid", "open"], "paid"),
    ],
)
async def test_an_invoice_has_its_latest_state_and_paid_stays_paid(
    database: Database, looks: list[str], status: str
) -> None:
    it = await signed_up(database)
    for look in looks:
        it = later(it)
        await database.records.save(a_step(it, invoice=an_invoice(status=look)))

    assert (await database.stored()).invoices == {"in_1": (status, 4900)}


async def test_only_an_open_invoice_is_voided_with_a_step(database: Database) -> None:
    it = await signed_up(database)
    await database.records.save(a_step(later(it), invoice=an_invoice(ref="in_1", status="open")))
    second = later(later(it))
    await database.records.save(a_step(second, invoice=an_invoice(ref="in_2", status="paid"), voided="in_1"))
    await database.records.save(a_step(later(second), voided="in_2"))

    assert (await database.stored()).invoices == {"in_1": ("void", 4900), "in_2": ("paid", 4900)}


# Revenue


def moved(stored: Stored) -> list[tuple[int, str, int, int]]:
    return [(sequence, kind, before, after) for _, sequence, _, kind, before, after in stored.movements]


async def test_a_step_records_what_it_moves_of_the_revenue_once(database: Database) -> None:
    it = await signed_up(database)
    paid = later(it, status=Status.ACTIVE, agreement_ref="sub_1")
    dearer = later(paid, amount=9900, plan="professional")
    over = later(dearer, status=Status.CANCELED, end_kind=EndKind.NONPAYMENT)

    for step in (paid, paid, dearer, paid, over, dearer, over):
        await database.records.save(a_step(step))

    assert moved(await database.stored()) == [
        (2, "new", 0, 58800),
        (3, "expansion", 58800, 118800),
        (4, "churn", 118800, 0),
    ]


async def test_a_customer_who_had_paid_in_another_life_comes_back(database: Database) -> None:
    first = later(await signed_up(database), status=Status.ACTIVE)
    over = later(first, status=Status.CANCELED)
    again = await asked(database)
    for step in (first, over, again, later(again, status=Status.ACTIVE, interval=Interval.YEAR)):
        await database.records.save(a_step(step))

    stored = await database.stored()
    of_the_second = [line[3:] for line in stored.movements if line[0] == again.id]
    assert of_the_second == [("reactivation", 0, 4900)]


async def test_what_is_taken_over_has_been_there_before(database: Database) -> None:
    await signed_up(database, status=Status.ACTIVE)

    assert moved(await database.stored()) == [(1, "opening", 0, 58800)]


# Trials


async def test_a_customer_and_a_mailbox_get_one_trial(database: Database) -> None:
    first = await asked(database)
    await database.records.save(a_step(first, trial=CLAIM))
    await database.records.save(a_step(later(first, status=Status.CANCELED)))
    again = await asked(database)

    assert await refusal(database, a_step(again, trial=CLAIM)) == "trial_used"

    other = str(uuid4())
    customer = await database.wait(other, "eve", f"{first.id}+again@new.example")
    same_mailbox = a_step(a_trial(id=other, customer=customer), trial=CLAIM)
    assert await refusal(database, same_mailbox) == "trial_used"
    await database.records.save(a_step(again, trial=TrialClaim()))


async def test_a_card_gets_one_trial_and_a_paid_start_counts_for_none(database: Database) -> None:
    card = replace(VISA, fingerprint="fp_visa")
    paid = await asked(database, "grace", card=card, trial_ends_at=None)
    await database.records.save(a_step(paid))
    await database.records.save(a_step(await asked(database, card=card), trial=CLAIM))

    assert await refusal(database, a_step(await asked(database, "eve", card=card), trial=CLAIM)) == "trial_used"


async def test_a_card_given_in_mid_trial_refuses_nobody_and_is_kept(database: Database) -> None:
    card = replace(VISA, fingerprint="fp_visa")
    await database.records.save(a_step(await asked(database, card=card), trial=CLAIM))
    bob = await asked(database, "bob")
    await database.records.save(a_step(bob, trial=CLAIM))

    await database.records.save(a_step(later(bob, card=card)))

    assert (await database.stored()).subscriptions[bob.id].card == card


# Sign-ups and customers


async def test_nobody_is_known_before_their_first_step(database: Database) -> None:
    id_ = str(uuid4())
    customer = await database.wait(id_, "ada", "ada@new.example", name="Ada", timezone="Asia/Tokyo")
    assert (await database.stored()).customers == {}
    contact = await database.records.contact(customer, id_)
    assert (contact.name, contact.timezone, contact.locale) == ("Ada", "Asia/Tokyo", "en")
    with pytest.raises(Rejected) as caught:
        await database.records.contact(customer)
    assert caught.value.code == "unknown_customer"

    await database.records.save(a_step(a_trial(id=id_, customer=customer)))

    stored = await database.stored()
    assert (stored.customers, stored.pending) == ({"ada": "ada@new.example"}, set())
    assert (await database.records.contact(customer)).timezone == "Asia/Tokyo"


async def test_a_known_customer_stays_as_they_were_until_the_step_that_decides(database: Database) -> None:
    first = await signed_up(database)
    await database.records.save(a_step(later(first, status=Status.CANCELED)))
    paid_start = replace(await asked(database), trial_ends_at=None)
    assert paid_start.customer == first.customer

    await database.records.save(a_step(paid_start))
    assert (await database.stored()).customers == {"ada": f"{first.id}@new.example"}
    begun = later(paid_start, status=Status.ACTIVE, period_start=NOW, period_end=TRIAL_END)
    await database.records.save(a_step(begun))

    stored = await database.stored()
    assert (stored.customers, stored.pending) == ({"ada": f"{paid_start.id}@new.example"}, set())


async def test_a_paid_start_that_was_declined_changes_nobody(database: Database) -> None:
    first = await signed_up(database)
    await database.records.save(a_step(later(first, status=Status.CANCELED)))
    paid_start = replace(await asked(database), trial_ends_at=None)

    await database.records.save(a_step(paid_start))
    await database.records.save(a_step(later(paid_start, status=Status.CANCELED)))

    stored = await database.stored()
    assert (stored.customers, stored.pending) == ({"ada": f"{first.id}@new.example"}, set())


async def test_a_late_repeat_of_a_sign_up_changes_nothing(database: Database) -> None:
    it = await signed_up(database)

    assert await database.wait(it.id, "ada", "old@example.com") == it.customer

    stored = await database.stored()
    assert (stored.customers, stored.pending) == ({"ada": f"{it.id}@new.example"}, set())


async def test_a_refused_sign_up_leaves_nothing_and_a_customer_with_a_subscription_stays(database: Database) -> None:
    known, refused = await signed_up(database, "grace"), await asked(database)

    await database.records.forget_sign_up(refused.customer, refused.id)
    await database.records.forget_sign_up(known.customer, str(uuid4()))

    stored = await database.stored()
    assert (set(stored.customers), stored.pending) == ({"grace"}, set())


async def test_one_sign_up_at_a_time_puts_a_card_on_file(database: Database) -> None:
    first, second = await asked(database), await asked(database)
    assert first.customer == second.customer
    for _ in range(2):
        await database.records.take_turn(first.customer, first.id)
    with pytest.raises(GatewayUnavailable):
        await database.records.take_turn(second.customer, second.id)
    assert await refusal(database, a_step(second)) == "sign_up_under_way"

    await database.records.save(a_step(first))

    with pytest.raises(Rejected) as caught:
        await database.records.take_turn(second.customer, second.id)
    assert caught.value.code == "already_subscribed"
    with pytest.raises(Rejected) as caught:
        await database.records.take_turn(first.customer, str(uuid4()))
    assert caught.value.code == "sign_up_expired"


async def test_of_two_sign_ups_at_once_one_is_taken(database: Database) -> None:
    both = [await asked(database), await asked(database)]

    answers = await asyncio.gather(*(database.records.save(a_step(it)) for it in both), return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [getattr(error, "code", "") for error in refused] == ["already_subscribed"]


async def test_a_wallet_made_before_the_first_step_becomes_the_customers_with_it(database: Database) -> None:
    it = await asked(database)
    remember = database.records.remember_wallet
    assert [await remember(it.customer, ref, it.id) for ref in ("cus_1", "cus_2")] == ["cus_1", "cus_1"]

    await database.records.save(a_step(it))

    assert (await database.records.contact(it.customer)).customer_ref == "cus_1"
    assert await remember(it.customer, "cus_3") == "cus_1"
    with pytest.raises(Rejected):
        await remember(str(uuid4()), "cus_4")


async def test_a_refused_sign_up_leaves_a_known_customer_without_its_wallet(database: Database) -> None:
    first = await signed_up(database)
    await database.records.save(a_step(later(first, status=Status.CANCELED)))
    refused = await asked(database)
    assert await database.records.remember_wallet(first.customer, "cus_refused", refused.id) == "cus_refused"

    await database.records.forget_sign_up(first.customer, refused.id)

    assert (await database.records.contact(first.customer)).customer_ref == ""


async def test_a_deleted_wallet_is_replaced_once(database: Database) -> None:
    it = await signed_up(database)
    await database.records.remember_wallet(it.customer, "cus_1")

    replaced = [await database.records.replace_wallet(it.customer, "cus_1", ref) for ref in ("cus_2", "cus_3")]

    assert replaced == ["cus_2", "cus_2"]
    assert (await database.records.contact(it.customer)).customer_ref == "cus_2"
