"""Renders a queued mail and hands it to the mail server."""

from collections.abc import Callable

from domain.notifications.mail_types import OutgoingMail, Recipient, message_id_for, sender_of
from domain.notifications.pay_links import GOOD_FOR, PayLink
from domain.notifications.ports import MailToSend
from gateways.mail.message import mailbox
from gateways.mail.renderer import MailRenderer
from gateways.mail.smtp import SmtpMailer


class MailDelivery:
    """Renders and sends mails from one address; implements `domain.subscription.ports.Mailer`."""

    def __init__(
        self, renderer: MailRenderer, mailer: SmtpMailer, from_: str, billing_url: Callable[[PayLink], str]
    ) -> None:
        """*billing_url* returns the URL where the customer of a subscription can put a card on file."""
        # Fails at start if the address is invalid.
        message_id_for("check", from_)
        mailbox(sender_of(from_)[1])
        self._renderer = renderer
        self._mailer = mailer
        self._from = from_
        self._billing_url = billing_url

    async def send(self, mail: MailToSend) -> str:
        """Sends a mail and returns its Message-ID, which is always the same for the same mail.

        Raises:
            IncompleteMail: a fact is missing or invalid.
            GatewayRefused: it can never be delivered.
            GatewayUnavailable: it may be delivered later.
        """
        contact = mail.contact
        recipient = Recipient(contact.email, contact.name, contact.locale, contact.timezone)
        link = PayLink(mail.subscription, mail.link_generation, mail.at + GOOD_FOR)
        facts = {"billing_url": self._billing_url(link)} | mail.facts
        written = self._renderer.render(mail.occasion, facts, recipient)
        message_id = message_id_for(mail.id, self._from)
        await self._mailer.send(
            OutgoingMail(
                message_id=message_id,
                to=contact.email,
                to_name=contact.name,
                from_=self._from,
                subject=written.subject,
                text=written.text,
                html=written.html,
                date=mail.at,
                headers={"X-Tenure-Subscription": mail.subscription, "X-Tenure-Occasion": mail.occasion},
            )
        )
        return message_id
