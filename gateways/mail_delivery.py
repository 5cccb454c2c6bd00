"""From a mail that was written down to one that the mail server has taken."""

from domain.mails import OutgoingMail, Recipient, message_id_for
from domain.ports import MailToSend
from gateways.mail_rendering import MailRenderer
from gateways.smtp import SmtpMailer


class MailDelivery:
    """Renders and sends mails from one address; implements `domain.ports.Mailer`."""

    def __init__(self, renderer: MailRenderer, mailer: SmtpMailer, from_: str) -> None:
        message_id_for("check", from_)  # An address that cannot be one is to show at start.
        self._renderer = renderer
        self._mailer = mailer
        self._from = from_

    async def send(self, mail: MailToSend) -> str:
        """Send it and return its Message-ID, the same for the same mail every time.

        Raises:
            IncompleteMail: a fact is missing or makes no sense.
            GatewayRefused: it can never be delivered.
            GatewayUnavailable: it may be later.
        """
        contact = mail.contact
        recipient = Recipient(contact.email, contact.name, contact.locale, contact.timezone)
        written = self._renderer.render(mail.occasion, mail.facts, recipient)
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
