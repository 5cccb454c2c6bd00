"""Sends mails: rendered, then handed to the mail server, whose answers become our errors."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from domain.errors import GatewayRefused, GatewayUnavailable, Malformed, TenureError
from domain.formatting import one_line
from domain.notifications.links_of_mails import LinksOfMail
from domain.notifications.mail_types import InlineImage, OutgoingMail, Recipient, message_id_for, sender_of
from domain.notifications.ports import MailToSend
from gateways.mail.message import build_message, mailbox
from gateways.mail.renderer import MailRenderer

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 20.0
GOODBYE_SECONDS = 1.0
ANSWER_LIMIT = 300
AUTHENTICATION_NEEDED = 530

_ANY_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>]+>?")


class Security(StrEnum):
    """How the connection to the mail server is encrypted, by the scheme of its URL."""

    NONE = "smtp"
    """Not required; with a password, encrypted anyway if the server offers it."""
    TLS = "smtps"
    STARTTLS = "smtp+starttls"


DEFAULT_PORTS = {Security.NONE: 25, Security.TLS: 465, Security.STARTTLS: 587}


@dataclass(frozen=True)
class SmtpServer:
    """A mail server and its credentials."""

    security: Security
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str) -> "SmtpServer":
        """Parses smtp://, smtps:// or smtp+starttls://user:password@host:port.

        Raises:
            Malformed: field `smtp_url`; the message does not repeat the URL, which may contain a password.
        """
        try:
            parts = urlsplit(url)
            security, host, port = Security(parts.scheme), parts.hostname, parts.port
        except ValueError:
            raise _malformed("start it with smtp://, smtps:// or smtp+starttls://, a host and a port") from None
        if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise _malformed("write it as smtp://user:password@host:port, with %40 for an @ in the password")
        if bool(parts.username) != bool(parts.password):
            raise _malformed("give both a user and a password, or neither")
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(security, host, port or DEFAULT_PORTS[security], username, password)

    @property
    def start_tls(self) -> bool | None:
        """None means: if the server offers it, to protect a password."""
        if self.security is Security.STARTTLS:
            return True
        return None if self.security is Security.NONE and self.username else False


def _malformed(advice: str) -> Malformed:
    return Malformed(f"the mail server's URL is invalid: {advice}", field="smtp_url")


class SmtpMailer:
    """Sends mails through one server, over a new connection for each.

    After a timeout the server may still have accepted the mail. A second attempt sends the same mail under the same
    Message-ID, so that the duplicate can be recognised.
    """

    def __init__(
        self, url: str, *, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        self._server = SmtpServer.of(url)
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds

    async def send(self, message: OutgoingMail) -> None:
        """Returns once the server has accepted the mail. No error contains the recipient's address.

        Raises:
            GatewayRefused: the server will never accept it for this recipient.
            GatewayUnavailable: the server did not accept it now, or accepts no mail with our configuration.
        """
        wire = build_message(message)
        sender, recipient = mailbox(sender_of(message.from_)[1]), mailbox(message.to)
        options = [] if wire.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]

        async def send_wire(client: SMTP) -> None:
            try:
                # The bytes that were checked, not a message that would be serialised again.
                await client.sendmail(sender, [recipient], wire, mail_options=options)
            except SMTPNotSupported:
                reason = "the mail server cannot send to addresses with letters such as ü"
                raise GatewayRefused(reason, field="email") from None
            except ValueError:
                raise GatewayRefused("not a valid mail address", field="email") from None

        await self._run(send_wire)

    async def check(self) -> None:
        """Connects and signs in without sending anything, to check that mails can be sent.

        Raises:
            GatewayUnavailable: they cannot; the message says why.
        """

        async def noop(client: SMTP) -> None:
            await client.noop()

        await self._run(noop)

    async def _run(self, action: Callable[[SMTP], Awaitable[None]]) -> None:
        client = self._client()
        try:
            async with asyncio.timeout(self._total_seconds):
                await client.connect()
                await action(client)
        except (SMTPException, OSError, TimeoutError) as error:
            # The server's answer can contain the address, and a cause is stored in workflow histories: no cause.
            raise self._translated(error) from None
        else:
            # The mail is accepted; a failing QUIT must not make it look otherwise.
            with suppress(SMTPException, OSError, TimeoutError):
                await client.quit(timeout=GOODBYE_SECONDS)
        finally:
            client.close()

    def _client(self) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.security is Security.TLS,
            start_tls=server.start_tls,
            timeout=self._connect_seconds,
        )

    def _translated(self, error: Exception) -> TenureError:
        where = f"mail server {self._server.host}:{self._server.port}"
        if isinstance(error, SMTPRecipientsRefused):
            error = error.recipients[0]
        if isinstance(error, SMTPRecipientRefused | SMTPDataError) and _is_permanent(error.code):
            return GatewayRefused(f"{where} refused the mail: {_answer(error)}", field="email")
        if isinstance(error, SMTPSenderRefused):
            return GatewayUnavailable(f"{where} rejects our sender address: {_answer(error)}")
        if isinstance(error, SMTPResponseException):
            return GatewayUnavailable(f"{where} did not accept the mail: {_answer(error)}")
        if isinstance(error, TimeoutError):
            return GatewayUnavailable(f"{where} did not respond in time")
        return GatewayUnavailable(f"{where} cannot be reached: {_without_addresses(str(error))}")


class MailDelivery:
    """Renders and sends mails from one address; implements the port `Mailer`."""

    def __init__(
        self,
        renderer: MailRenderer,
        mailer: SmtpMailer,
        from_: str,
        links: LinksOfMail,
        image: InlineImage | None = None,
    ) -> None:
        """*links* returns the links of a mail. *image* is part of every mail; the renderer knows its address."""
        # Fails at start if the address is invalid.
        message_id_for("check", from_)
        mailbox(sender_of(from_)[1])
        self._renderer = renderer
        self._mailer = mailer
        self._from = from_
        self._links = links
        self._image = image

    async def send(self, mail: MailToSend) -> str:
        """Sends a mail and returns its Message-ID, which is always the same for the same mail.

        Raises:
            IncompleteMail: a fact is missing or invalid.
            GatewayRefused: it can never be delivered.
            GatewayUnavailable: it may be delivered later.
        """
        contact = mail.contact
        recipient = Recipient(contact.email, contact.name, contact.locale, contact.timezone)
        written = self._renderer.render(mail.occasion, self._links(mail) | mail.facts, recipient)
        message_id = message_id_for(mail.id, self._from)
        about = {"X-Tenure-Subscription": mail.subscription} if mail.subscription else {}
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
                headers=about | {"X-Tenure-Occasion": mail.occasion},
                image=self._image,
            )
        )
        return message_id


def _is_permanent(code: int) -> bool:
    return code >= 500 and code != AUTHENTICATION_NEEDED


def _answer(error: SMTPResponseException) -> str:
    return f"{error.code} {_without_addresses(error.message)}"


def _without_addresses(words: str) -> str:
    return one_line(_ANY_ADDRESS.sub("<address>", words), ANSWER_LIMIT)
