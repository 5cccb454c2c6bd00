"""A queued mail is sent, and marked afterwards."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import func, update
from sqlalchemy.exc import IntegrityError

from domain.errors import GatewayBusy
from domain.notifications.mail_types import Occasion
from domain.notifications.undelivered import MailState
from domain.subscription.state import Subscription
from storage.claims import CLAIMED_FOR
from storage.db.engine import transaction
from storage.schema.tables import mails as mails_table
from storage.subscriptions.billing_link_mails import GOOD_FOR
from storage.subscriptions.mail_list import MailList
from storage.subscriptions.mails import MailRecords
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_mail, a_step, later
from workflows.mail import MAIL_OPTIONS
from workflows.retries import HEARTBEAT_TIMEOUT


@pytest_asyncio.fixture
async def mails(ledger: Ledger) -> MailRecords:
    return MailRecords(ledger.engine)


@pytest_asyncio.fixture
async def ada(ledger: Ledger) -> Subscription:
    return await ledger.sign_up("ada")


@pytest_asyncio.fixture
async def queued(ledger: Ledger, ada: Subscription) -> str:
    """The id of a queued mail."""
    [mail] = await ledger.save(a_step(later(ada), a_mail(Occasion.TRIAL_ENDING)))
    return mail.id


async def standing(ledger: Ledger) -> dict[str, object]:
    [row] = await ledger.rows("select status, message_id, why_not, sent_at from mails")
    return row


async def test_a_waiting_mail_has_all_that_is_needed_to_send_it(
    ledger: Ledger, mails: MailRecords, ada: Subscription, queued: str
) -> None:
    await ledger.customers.upsert(
        tenant="default", external_id="ada", email="new@example.com", name="Ada", timezone="Asia/Tokyo", locale="ja"
    )
    mail = await mails.claim(queued, "a run")
    assert mail is not None
    assert (mail.id, mail.subscription, mail.occasion, mail.at) == (queued, ada.id, Occasion.TRIAL_ENDING, NOW)
    assert mail.facts == {"plan_name": "Starter"}
    # The recipient is decided when it is sent.
    who = mail.contact
    assert (who.customer, who.external_id, who.email) == (ada.customer, "ada", "new@example.com")
    assert (who.name, who.timezone, who.locale) == ("Ada", "Asia/Tokyo", "ja")


async def test_a_mail_is_not_sent_when_it_was_withdrawn(
    ledger: Ledger, mails: MailRecords, ada: Subscription, queued: str
) -> None:
    await ledger.save(a_step(later(later(ada)), withdraws=(Occasion.TRIAL_ENDING,)))
    assert await mails.claim(queued, "a run") is None
    assert (await standing(ledger))["status"] == "withdrawn"


async def test_a_mail_is_sent_no_second_time_and_keeps_its_first_mark(
    ledger: Ledger, mails: MailRecords, ada: Subscription, queued: str
) -> None:
    await mails.mark_sent(queued, "<1@example.com>")
    assert await mails.claim(queued, "a run") is None
    marked = await standing(ledger)
    assert (marked["status"], marked["message_id"]) == ("sent", "<1@example.com>")
    assert isinstance(marked["sent_at"], datetime)

    await mails.mark_sent(queued, "<1@example.com>")
    await mails.mark_refused(queued, "mailbox full")
    await ledger.save(a_step(later(later(ada)), withdraws=(Occasion.TRIAL_ENDING,)))

    assert await standing(ledger) == marked


async def test_a_step_names_no_mail_to_send_when_it_is_written_again_after_the_sending(
    ledger: Ledger, mails: MailRecords, ada: Subscription, queued: str
) -> None:
    await mails.mark_sent(queued, "<1@example.com>")
    assert await ledger.save(a_step(later(ada), a_mail(Occasion.TRIAL_ENDING))) == []


async def test_a_mail_is_sent_no_more_when_it_was_refused(ledger: Ledger, mails: MailRecords, queued: str) -> None:
    await mails.mark_refused(queued, "no such mailbox")
    assert await mails.claim(queued, "a run") is None
    marked = await standing(ledger)
    assert (marked["status"], marked["why_not"], marked["sent_at"]) == ("refused", "no such mailbox", None)


@pytest.mark.parametrize("occasion", [Occasion.TRIAL_ENDING, Occasion.PAYMENT_FAILED])
async def test_a_mail_that_was_given_up_is_withdrawn_once_its_reason_has_passed(
    ledger: Ledger, mails: MailRecords, ada: Subscription, occasion: Occasion
) -> None:
    [given_up] = await ledger.save(a_step(later(ada), a_mail(occasion)))
    await mails.mark_refused(given_up.id, "the mail server did not take it in time")

    await ledger.save(a_step(later(later(ada)), withdraws=(occasion,)))

    assert (await standing(ledger))["status"] == "withdrawn"
    assert await MailList(ledger.engine).undelivered_of("default", ada.id) == []


async def test_a_mail_whose_link_works_no_more_is_withdrawn_in_place_of_sent(
    ledger: Ledger, mails: MailRecords, ada: Subscription
) -> None:
    [mailed] = await ledger.save(a_step(later(ada), a_mail(Occasion.BILLING_LINK)))
    shown = MailList(ledger.engine)
    assert await mails.claim(mailed.id, "a run") is not None
    await mails.release(mailed.id, "a run")
    before = await shown.mail("default", mailed.id)
    async with transaction(ledger.engine) as connection:
        await connection.execute(update(mails_table).values(created_at=func.now() - GOOD_FOR))

    assert await mails.claim(mailed.id, "a run") is None

    after = await shown.mail("default", mailed.id)
    assert [row and (row.state, row.has_dead_link) for row in (before, after)] == [
        (MailState.QUEUED, False),
        (MailState.WITHDRAWN, True),
    ]


async def test_another_mail_is_sent_however_old_it_is(ledger: Ledger, mails: MailRecords, queued: str) -> None:
    async with transaction(ledger.engine) as connection:
        await connection.execute(update(mails_table).values(created_at=func.now() - 2 * GOOD_FOR))

    assert await mails.claim(queued, "a run") is not None


async def test_it_is_known_to_have_been_sent_when_it_was_withdrawn_on_its_way(
    ledger: Ledger, mails: MailRecords, ada: Subscription, queued: str
) -> None:
    await ledger.save(a_step(later(later(ada)), withdraws=(Occasion.TRIAL_ENDING,)))
    await mails.mark_sent(queued, "<1@example.com>")
    assert (await standing(ledger))["status"] == "sent"


async def test_no_two_mails_bear_one_message_id(ledger: Ledger, mails: MailRecords, queued: str) -> None:
    [other] = await ledger.save(a_step(await ledger.newcomer("grace"), a_mail()))
    await mails.mark_sent(queued, "<1@example.com>")
    with pytest.raises(IntegrityError):
        await mails.mark_sent(other.id, "<1@example.com>")


async def test_a_delivery_that_died_leaves_its_mail_to_another(ledger: Ledger, mails: MailRecords, queued: str) -> None:
    assert await mails.claim(queued, "a run") is not None
    async with transaction(ledger.engine) as connection:
        await connection.execute(update(mails_table).values(claimed_until=func.now()))

    assert await mails.claim(queued, "another run") is not None
    with pytest.raises(GatewayBusy):
        await mails.claim(queued, "a run")


async def test_two_deliveries_that_ask_at_once_do_not_both_get_the_mail(mails: MailRecords, queued: str) -> None:
    answers = await asyncio.gather(
        *(mails.claim(queued, f"run {number}") for number in range(5)), return_exceptions=True
    )
    assert sorted(isinstance(each, GatewayBusy) for each in answers) == [False, True, True, True, True]


def test_a_claim_outlives_an_attempt_to_send() -> None:
    assert MAIL_OPTIONS.start_to_close + HEARTBEAT_TIMEOUT < CLAIMED_FOR


async def test_there_is_nothing_to_send_when_the_mail_is_not_known(mails: MailRecords) -> None:
    assert await mails.claim(str(uuid4()), "a run") is None
