"""A mail server in memory."""

from domain.errors import GatewayUnavailable
from domain.notifications.ports import MailToSend


class InMemoryMailServer:
    """Takes mails, each under a Message-ID of its own; implements `domain.notifications.ports.Mailer`."""

    def __init__(self) -> None:
        self.sent: list[MailToSend] = []
        self.is_down = False

    async def send(self, mail: MailToSend) -> str:
        if self.is_down:
            raise GatewayUnavailable("the mail server does not answer")
        self.sent.append(mail)
        return f"<{mail.id}@tenure.example>"
