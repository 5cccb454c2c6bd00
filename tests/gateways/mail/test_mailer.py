"""From a queued mail to one in a mailbox."""

from datetime import UTC, datetime

import pytest

from domain.brand import Brand
from domain.customers import Contact
from domain.notifications.mail_types import IncompleteMail, Occasion
from domain.notifications.ports import Mailer, MailToSend
from gateways.mail.mailer import MailDelivery, SmtpMailer
from gateways.mail.renderer import MailRenderer
from tests.gateways.mailbox import a_mailbox

CONTACT = Contact(
    customer="c-1",
    external_id="ada",
    email="ada@example.com",
    name="Ada Lovelace",
    timezone="Europe/Berlin",
    locale="en",
    customer_ref="cus_1",
)


def links(mail: MailToSend) -> dict[str, str]:
    return {"card_url": f"https://northwind.example/card/{mail.subscription}"}


def a_mail(facts: dict[str, str]) -> MailToSend:
    return MailToSend("m-1", "sub-1", Occasion.RESUMED, datetime(2026, 12, 5, 9, 0, tzinfo=UTC), facts, CONTACT)


def delivery(url: str) -> Mailer:
    brand = Brand("Northwind", "https://northwind.example", "help@northwind.example")
    return MailDelivery(MailRenderer(brand), SmtpMailer(url), "Northwind <billing@northwind.example>", links)


async def test_a_queued_mail_arrives_for_its_customer() -> None:
    async with a_mailbox() as mailbox:
        message_id = await delivery(mailbox.url).send(a_mail({"plan_name": "Professional"}))

        arrived = mailbox.only()
        assert arrived["Message-ID"] == message_id == "<m-1@northwind.example>"
        assert arrived["To"] == "Ada Lovelace <ada@example.com>"
        assert arrived["Subject"] == "Your Professional subscription goes on"
        assert arrived["Date"] == "Sat, 05 Dec 2026 09:00:00 +0000"
        assert arrived["X-Tenure-Subscription"] == "sub-1"
        assert arrived["X-Tenure-Occasion"] == "resumed"
        assert b"https://northwind.example/card/sub-1" in mailbox.only().as_bytes()


async def test_nothing_is_sent_when_a_mail_is_incomplete() -> None:
    async with a_mailbox() as mailbox:
        with pytest.raises(IncompleteMail, match="without plan_name"):
            await delivery(mailbox.url).send(a_mail({}))

        assert mailbox.received == []


def test_an_invalid_sender_address_is_rejected_at_once() -> None:
    brand = Brand("Northwind", "https://northwind.example", "help@northwind.example")
    with pytest.raises(ValueError, match="'nobody' is not a mail address"):
        MailDelivery(MailRenderer(brand), SmtpMailer("smtp://127.0.0.1"), "nobody", links)
