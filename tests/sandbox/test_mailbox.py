"""The mailbox: takes mail by SMTP as a real one does, and shows it as the contract says."""

import time
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
import pytest
from fastapi import FastAPI

from sandbox.mailbox import Mailbox, MailFaults, mailbox_routes


@pytest.fixture
async def mailbox(data: Path) -> AsyncIterator[Mailbox]:
    async with Mailbox(data) as mailbox:
        yield mailbox


def a_mail(
    subject: str = "Grüße", *, to: str = "Ada Lovelace <ada@example.com>", date: str | None = None
) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Tenure <billing@example.com>"
    mail["To"] = to
    mail["Subject"] = subject
    mail["Message-ID"] = "<one@tenure.example>"
    mail["Date"] = date or "Sat, 05 Dec 2026 10:00:00 +0100"
    mail.set_content("Your trial ends in 3 days.\n")
    mail.add_alternative("<h1>Three days</h1><script>alert(1)</script>" + "x" * 2000, subtype="html")
    return mail


async def send(mailbox: Mailbox, *mails: EmailMessage) -> None:
    port = int(mailbox.smtp_url.rpartition(":")[2])
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as smtp:
        for mail in mails:
            await smtp.send_message(mail)


async def test_a_mail_reads_as_it_was_written_when_it_has_arrived(mailbox: Mailbox) -> None:
    await send(mailbox, a_mail())

    [message] = mailbox.messages()
    assert message == {
        "to": "ada@example.com",
        "subject": "Grüße",
        "message_id": "<one@tenure.example>",
        "received_at": "2026-12-05T09:00:00Z",
        "text": "Your trial ends in 3 days.\n",
        "html": "<h1>Three days</h1><script>alert(1)</script>" + "x" * 2000 + "\n",
        "headers": message["headers"],
    }
    assert message["headers"]["To"] == "Ada Lovelace <ada@example.com>"
    assert message["headers"]["Subject"] == "Grüße"


async def test_mails_come_oldest_first_and_by_address_when_asked_for(mailbox: Mailbox) -> None:
    january, june = "Fri, 01 Jan 2027 00:00:00 +0000", "Tue, 01 Jun 2027 00:00:00 +0000"
    await send(
        mailbox, a_mail("late", date=june), a_mail("early", date=january), a_mail("hers", to="grace@example.com")
    )

    assert [message["subject"] for message in mailbox.messages()] == ["hers", "early", "late"]
    assert [message["subject"] for message in mailbox.messages("Ada@example.com")] == ["early", "late"]
    assert mailbox.messages("nobody@example.com") == []


async def test_a_mail_sent_twice_is_there_twice(mailbox: Mailbox) -> None:
    await send(mailbox, a_mail(), a_mail())

    assert len(mailbox.messages()) == 2


async def test_mails_are_kept_when_the_mailbox_is_opened_again(data: Path) -> None:
    async with Mailbox(data) as mailbox:
        await send(mailbox, a_mail())
        port = int(mailbox.smtp_url.rpartition(":")[2])
        # Still open while the mailbox stops: it does not wait for its guests to leave.
        guest = aiosmtplib.SMTP(hostname="127.0.0.1", port=port)
        await guest.connect()
    guest.close()

    async with Mailbox(data) as mailbox:
        assert len(mailbox.messages()) == 1


async def test_a_mail_is_to_be_sent_again_when_it_is_refused(mailbox: Mailbox) -> None:
    mailbox.faults = MailFaults(refuse=True)
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await send(mailbox, a_mail())
    assert refused.value.code == 451
    assert mailbox.messages() == []

    mailbox.faults = MailFaults(slow_s=0.2)
    began = time.monotonic()
    await send(mailbox, a_mail())
    assert time.monotonic() - began >= 0.2
    assert len(mailbox.messages()) == 1


async def test_a_refusal_has_the_status_that_was_asked_for(mailbox: Mailbox) -> None:
    mailbox.faults = MailFaults(refuse=True, status=550)
    with pytest.raises(aiosmtplib.SMTPDataError) as refused:
        await send(mailbox, a_mail())
    assert refused.value.code == 550


async def test_a_mail_whose_answer_is_lost_is_there(mailbox: Mailbox) -> None:
    mailbox.faults = MailFaults(lost_answer=True)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(mailbox, a_mail())
    assert len(mailbox.messages()) == 1


@pytest.mark.parametrize(
    "faults", [{"refuse": 1.5}, {"refuse": -1}, {"slow_s": -1}, {"lost_answer": 2}, {"status": 250}]
)
def test_impossible_faults_are_refused(faults: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(faults))):
        MailFaults(**faults)


async def test_a_person_reads_the_mail_in_a_frame_that_runs_nothing(mailbox: Mailbox) -> None:
    await send(mailbox, a_mail("older <b>"), a_mail("newer", date="Sun, 06 Dec 2026 10:00:00 +0000"))
    app = FastAPI()
    app.include_router(mailbox_routes(mailbox))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://mailbox") as browser:
        page = (await browser.get("/mailbox")).text
        assert page.index("newer") < page.index("older &lt;b&gt;")

        answer = await browser.get("/mailbox/1")
        assert 'sandbox="allow-popups' in answer.text
        assert "<script>" not in answer.text
        assert "Your trial ends in 3 days." in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert (await browser.get("/mailbox/99")).status_code == 404


HIDDEN = "=?utf-8?q?Ada=0D=0ABcc=3Ax?="


@pytest.mark.parametrize(
    "mail",
    [
        f"To: {HIDDEN} <ada@example.com>\r\nSubject: {HIDDEN}\r\nDate: {HIDDEN}\r\n\r\ntext\r\n",
        f"To: {HIDDEN}@example.com\r\nMessage-ID: {HIDDEN}\r\nContent-Type: {HIDDEN}\r\n\r\ntext\r\n",
        "Content-Type: text/plain; charset=none-such\r\nDate: Sat, 99 Dec 99999 10:00:00 +9999\r\n\r\ntext\r\n",
        "Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: image/png\r\n\r\n",
        "no header at all\r\n",
        "\r\n",
    ],
)
async def test_a_mail_that_breaks_the_rules_is_kept_and_blocks_no_other(mailbox: Mailbox, mail: str) -> None:
    port = int(mailbox.smtp_url.rpartition(":")[2])
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as smtp:
        await smtp.sendmail("billing@example.com", ["ada@example.com"], mail.encode())
        await smtp.send_message(a_mail("the next one"))

    kept = mailbox.messages("ada@example.com")
    assert len(kept) == 2
    assert "the next one" in [message["subject"] for message in kept]
