"""A mail server in memory, and the shortest way to it."""

from collections.abc import Sequence

from domain.errors import GatewayUnavailable
from domain.notifications.ports import Mails, MailToSend, QueuedMail


class InMemoryMailServer:
    """Takes mails, each under a Message-ID of its own; implements `domain.notifications.ports.Mailer`."""

    def __init__(self) -> None:
        self.sent: list[MailToSend] = []
        self.refused: list[MailToSend] = []
        self.is_down = False

    async def send(self, mail: MailToSend) -> str:
        if self.is_down:
            self.refused.append(mail)
            raise GatewayUnavailable("the mail server does not answer")
        self.sent.append(mail)
        return f"<{mail.id}@tenure.example>"


class DirectDispatcher:
    """Sends each mail at once, without a workflow (`test_mail.py` has that); implements `Dispatcher`.

    What finds the server down stays queued.
    """

    def __init__(self, mails: Mails, server: InMemoryMailServer) -> None:
        self._mails = mails
        self._server = server

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        for queued in mails:
            mail = None if self._server.is_down else await self._mails.claim(queued.id, "direct")
            if mail is not None:
                await self._mails.mark_sent(mail.id, await self._server.send(mail))

    async def dispatch_again(self, mail: QueuedMail) -> None:
        await self.dispatch([mail])

    async def start_customer_sync(self, customer: str) -> None:
        raise NotImplementedError("customers do not change here")
