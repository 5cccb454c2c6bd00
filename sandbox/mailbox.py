"""The sandbox's mailbox: receives and stores every mail that Tenure sends, and shows it to programs and people."""

import asyncio
import json
import random
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment
from typing_extensions import TypedDict  # pydantic accepts typing's only from Python 3.12 on

from configuration.mail_addresses import searched_address

ACCEPTED = "250 2.0.0 kept"
REFUSED = "the mailbox was asked to refuse mail"
TRY_AGAIN_LATER = 451
REFUSALS = range(400, 600)
CLOSED_WITHIN = 2.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS mails (
    number INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL,
    received_at TEXT NOT NULL,
    message TEXT NOT NULL
)
"""

PAGES = {
    "frame": """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{% block title %}{% endblock %}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
  table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .4rem .8rem .4rem 0;
  border-bottom: 1px solid #dde3ea; vertical-align: top } a { color: #0b5cad } iframe { width: 100%; height: 36rem;
  border: 1px solid #dde3ea; border-radius: .4rem } pre { white-space: pre-wrap; overflow-wrap: anywhere }
  time { white-space: nowrap }
</style>
{% block body %}{% endblock %}</html>""",
    "list": """{% extends "frame" %}{% block title %}Mailbox{% endblock %}{% block body %}
<h1>Mailbox</h1>
<p>{{ mails | length }} mails{% if to %} to {{ to }} (<a href="/mailbox">show all</a>){% endif %}, newest first.</p>
<table><thead><tr><th>Received<th>To<th>Subject</tr></thead><tbody>
{% for number, mail in mails %}<tr><td><time>{{ mail.received_at }}</time>
<td><a href="/mailbox?to={{ mail.to | urlencode }}">{{ mail.to }}</a>
<td><a href="/mailbox/{{ number }}">{{ mail.subject or "(no subject)" }}</a></tr>
{% endfor %}</tbody></table>{% endblock %}""",
    # The mail's own HTML may neither run scripts nor leave its frame; its links open in a new tab.
    "mail": """{% extends "frame" %}{% block title %}{{ mail.subject }}{% endblock %}{% block body %}
<p><a href="/mailbox">Mailbox</a></p><h1>{{ mail.subject or "(no subject)" }}</h1>
<p>to {{ mail.to }}, <time>{{ mail.received_at }}</time></p>
{% if mail.html %}<iframe title="The mail as HTML" sandbox="allow-popups allow-popups-to-escape-sandbox"
srcdoc="{{ '<base target=_blank>' + mail.html }}"></iframe>{% endif %}
{% if mail.text %}<h2>Text</h2><pre>{{ mail.text }}</pre>{% endif %}
<h2>Headers</h2><table>{% for name, value in mail.headers.items() %}<tr><th>{{ name }}<td>{{ value }}</tr>
{% endfor %}</table>{% endblock %}""",
}

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; "
    "frame-src 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}


class Message(TypedDict):
    """One mail, as received by one recipient."""

    to: str
    subject: str
    message_id: str
    received_at: str
    """RFC 3339 in UTC, from the mail's Date header: a sandbox mail arrives on the clock of its subscription."""
    text: str
    html: str
    headers: dict[str, str]


@dataclass(frozen=True)
class MailFaults:
    """Faults of the mail server."""

    refuse: bool | float = False
    """Respond with `status`: always, or with this probability."""
    status: int = TRY_AGAIN_LATER
    """Of a refusal: 4xx is "try again later", 5xx "never"."""
    lost_answer: bool | float = False
    """Receive the mail and close the connection without a response: always, or with this probability."""
    slow_s: float = 0.0
    """Seconds to wait before each response."""

    def __post_init__(self) -> None:
        for name, rate in (("refuse", self.refuse), ("lost_answer", self.lost_answer)):
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} must be true, false or a probability between 0 and 1, not {rate}")
        if self.status not in REFUSALS:
            raise ValueError(f"status must be that of a refusal, 400 to 599, not {self.status}")
        if not 0 <= self.slow_s <= 3600:
            raise ValueError(f"slow_s must be seconds between 0 and 3600, not {self.slow_s}")


class Mailbox:
    """An SMTP server on a loopback port that stores all mails in ``mailbox.db`` under *data* (or in memory).

    A mail is on disk before it is acknowledged. Mails are never merged: a mail sent twice is there twice.
    """

    def __init__(self, data: Path | None, *, port: int = 0) -> None:
        self.faults = MailFaults()
        self._file = data / "mailbox.db" if data else None
        self._port = port
        self._database: sqlite3.Connection | None = None
        self._server: asyncio.Server | None = None
        self._connections: WeakSet[SMTP] = WeakSet()

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self._port}"

    async def start(self) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self._file or ":memory:", isolation_level=None)
        # Survives a killed process; only a crash of the machine could lose the latest mails.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(SCHEMA)
        self._server = await asyncio.get_running_loop().create_server(self._connection, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for connection in list(self._connections):
                if connection.transport is not None:
                    connection.transport.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._server.wait_closed(), CLOSED_WITHIN)
            self._server = None
        if self._database is not None:
            self._database.close()
            self._database = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def messages(self, to: str | None = None) -> list[Message]:
        """Return every mail, or those to one address, oldest first."""
        return [message for _, message in self.numbered(to)]

    def numbered(self, to: str | None = None) -> list[tuple[int, Message]]:
        """Return the mails like `messages`, each with its page number."""
        rows = self._open().execute(
            "SELECT number, message FROM mails WHERE ?1 IS NULL OR recipient = ?1 ORDER BY received_at, number",
            ((searched_address(to) or to).strip().lower() if to else None,),
        )
        return [(number, json.loads(message)) for number, message in rows]

    def message(self, number: int) -> Message | None:
        """Return the mail with this number."""
        row = self._open().execute("SELECT message FROM mails WHERE number = ?", (number,)).fetchone()
        return json.loads(row[0]) if row else None

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Receive a mail; aiosmtpd calls this by name."""
        await asyncio.sleep(self.faults.slow_s)
        if random.random() < self.faults.refuse:  # noqa: S311 - no secret
            return f"{self.faults.status} {self.faults.status // 100}.3.0 {REFUSED}"
        content = envelope.content or b""
        mail = message_from_bytes(content if isinstance(content, bytes) else content.encode(), policy=policy.default)
        rows = [
            (message["to"].lower(), message["received_at"], json.dumps(message))
            for message in (read(mail, address) for address in envelope.rcpt_tos)
        ]
        database = self._open()
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO mails (recipient, received_at, message) VALUES (?, ?, ?)", rows)
        database.execute("COMMIT")
        if random.random() < self.faults.lost_answer and server.transport is not None:  # noqa: S311 - no secret
            server.transport.close()
        return ACCEPTED

    async def handle_exception(self, error: Exception) -> str:
        """Ask for a retry after an error of our own; aiosmtpd would refuse the mail permanently."""
        return f"451 4.3.0 {type(error).__name__}: {error}"

    def _connection(self) -> SMTP:
        connection = SMTP(
            self,
            hostname="mailbox.localhost",
            ident="Tenure mailbox",
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self._connections.add(connection)
        return connection

    def _open(self) -> sqlite3.Connection:
        if self._database is None:
            raise RuntimeError("the mailbox is not running")
        return self._database


def read(mail: EmailMessage, recipient: str) -> Message:
    """Return what *recipient* sees of *mail*: of a malformed one as much as is readable, without an error."""
    headers = _headers(mail)
    by_name = {name.lower(): value for name, value in headers.items()}
    return Message(
        to=recipient.encode("utf-8", "replace").decode(),
        subject=by_name.get("subject", ""),
        message_id=by_name.get("message-id", "").strip(),
        received_at=_date(by_name.get("date", "")).isoformat().replace("+00:00", "Z"),
        text=_part(mail, "plain"),
        html=_part(mail, "html"),
        headers=headers,
    )


def _date(value: str) -> datetime:
    try:
        date = parsedate_to_datetime(value)
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC).replace(microsecond=0)


def _part(mail: EmailMessage, kind: str) -> str:
    try:
        part = mail.get_body(preferencelist=(kind,))
        return str(part.get_content()).replace("\r\n", "\n") if part else ""
    except Exception:  # noqa: BLE001
        # The library raises any kind of error on a malformed part. Answering "try again later" to that would bring the
        # mail back forever, and block everyone who waits for the mailbox.
        return ""


def _headers(mail: EmailMessage) -> dict[str, str]:
    headers: dict[str, list[str]] = {}
    for name, raw in mail.raw_items():
        headers.setdefault(name, []).append(_decoded(str(raw)))
    return {name: ", ".join(values) for name, values in headers.items()}


def _decoded(raw: str) -> str:
    """A header as a mail program shows it; one that cannot be decoded stays as it is.

    The library's newer classes raise on some headers, and insert blanks between parts of a name.
    """
    line = " ".join(raw.splitlines()).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return "".join(
            part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(" ".join(line.split()))
        )
    except (HeaderParseError, LookupError, ValueError):
        return line


def mailbox_routes(mailbox: Mailbox) -> APIRouter:
    """Return the mailbox's web pages: `/mailbox` and `/mailbox/{number}`."""
    router = APIRouter(include_in_schema=False)
    pages = Environment(loader=DictLoader(PAGES), autoescape=True)

    @router.get("/mailbox")
    async def show_all(to: str | None = None) -> HTMLResponse:
        mails = mailbox.numbered(to)[::-1]
        return HTMLResponse(pages.get_template("list").render(mails=mails, to=to), headers=SECURITY)

    @router.get("/mailbox/{number}")
    async def show_one(number: int) -> HTMLResponse:
        if (mail := mailbox.message(number)) is None:
            raise HTTPException(404, f"There is no mail {number}.")
        return HTMLResponse(pages.get_template("mail").render(mail=mail), headers=SECURITY)

    return router
