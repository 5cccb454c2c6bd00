"""A real mail server on a loopback port that stores mails and answers as a test tells it to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TAKEN = "250 OK"


@dataclass
class Mailbox:
    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What it says to MAIL, RCPT or DATA, if not OK."""
    hangs: bool = False
    """Accepts the mail's text and then does not respond until the test is over."""
    login: tuple[str, str] | None = None
    """Accepts mail only from this user."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def only(self) -> EmailMessage:
        (message,) = self.received
        return message

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.login and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get("MAIL", TAKEN)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", TAKEN)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs:
            await self.over.wait()
        answer = self.answers.get("DATA", TAKEN)
        if answer == TAKEN:
            assert isinstance(envelope.content, bytes)
            self.envelopes.append(envelope)
            self.received.append(message_from_bytes(envelope.content, EmailMessage, policy=default))
        return answer


@asynccontextmanager
async def a_mailbox(*, login: tuple[str, str] | None = None, utf8: bool = True) -> AsyncIterator[Mailbox]:
    """Opens a mailbox; with *login* it accepts mail only from that user."""
    mailbox = Mailbox(login=login)

    def authenticate(server: SMTP, session: Session, envelope: Envelope, how: str, given: object) -> AuthResult:
        assert isinstance(given, LoginPassword)
        knows = (given.login.decode(), given.password.decode()) == login
        return AuthResult(success=knows, handled=False)

    def protocol() -> SMTP:
        return SMTP(
            mailbox,
            enable_SMTPUTF8=utf8,
            authenticator=authenticate if login else None,
            auth_require_tls=False,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        mailbox.over.set()
        server.close()
        await server.wait_closed()
