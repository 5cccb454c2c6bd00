"""What happens to a mail between us and a mail server, tested with a real one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable, Malformed
from domain.notifications.mail_types import OutgoingMail, message_id_for
from gateways.mail.mailer import SmtpMailer
from gateways.mail.message import build_message
from tests.gateways.mailbox import Mailbox, a_mailbox

FROM = "Nörthwind <billing@northwind.example>"

MAIL = OutgoingMail(
    message_id=message_id_for("3f0c", FROM),
    to="ada@example.com",
    to_name="Ada Lovelace",
    from_=FROM,
    subject="Grüße: 7 days left 🎉",
    text="Your trial ends – soon.\n",
    html="<p>Your trial ends – <b>soon</b>.</p>",
    date=datetime(2026, 12, 5, 9, 0, tzinfo=UTC),
    headers={"X-Tenure-Subscription": "sub-1", "X-Tenure-Occasion": "trial_ending"},
)


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with a_mailbox() as mailbox:
        yield mailbox


def part(mailbox: Mailbox, subtype: str) -> str:
    body = mailbox.only().get_body((subtype,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content


async def test_a_mail_arrives_with_both_parts_and_its_headers(mailbox: Mailbox) -> None:
    await SmtpMailer(mailbox.url).send(MAIL)

    arrived = mailbox.only()
    assert arrived.get_content_type() == "multipart/alternative"
    assert part(mailbox, "plain").strip() == "Your trial ends – soon."
    assert part(mailbox, "html").strip() == "<p>Your trial ends – <b>soon</b>.</p>"
    assert arrived["Subject"] == "Grüße: 7 days left 🎉"
    assert arrived["From"] == FROM
    assert arrived["To"] == "Ada Lovelace <ada@example.com>"
    assert arrived["Message-ID"] == "<3f0c@northwind.example>"
    assert arrived["Date"] == "Sat, 05 Dec 2026 09:00:00 +0000"
    assert arrived["Auto-Submitted"] == "auto-generated"
    assert arrived["X-Tenure-Subscription"] == "sub-1"
    assert arrived["X-Tenure-Occasion"] == "trial_ending"
    assert mailbox.envelopes[0].mail_from == "billing@northwind.example"
    assert mailbox.envelopes[0].rcpt_tos == ["ada@example.com"]


async def test_a_mail_sent_twice_is_the_same_to_the_last_byte(mailbox: Mailbox) -> None:
    mailer = SmtpMailer(mailbox.url)
    await mailer.send(MAIL)
    await mailer.send(MAIL)

    first, second = mailbox.envelopes
    assert first.content == second.content


def test_a_message_id_is_the_mails_own_at_the_senders_domain() -> None:
    assert message_id_for("3f0c", "billing@northwind.example") == "<3f0c@northwind.example>"
    assert message_id_for("3f0c", FROM) == "<3f0c@northwind.example>"


def test_a_message_id_stays_a_valid_one_when_the_mails_id_holds_other_signs() -> None:
    assert message_id_for("a b:c>/3", "x@xn--exmple-cua.com") == "<a%20b%3Ac%3E/3@xn--exmple-cua.com>"


def test_a_message_id_needs_a_senders_address() -> None:
    for sender in ("nobody", "billing@nörthwind.example"):
        with pytest.raises(ValueError, match="is not a mail address"):
            message_id_for("3f0c", sender)


def test_a_long_message_id_stays_on_one_line() -> None:
    long = message_id_for("3f0c" * 15, f"billing@{'x' * 60}.example")
    assert f"Message-ID: {long}\r\n".encode() in build_message(replace(MAIL, message_id=long))


@pytest.mark.parametrize(
    "name",
    ["Ada\r\nBcc: eve@example.com", "Ada\nX-Evil: 1", "A" * 300, '"Ada", <eve@example.com>', "\ud800Ada\u202e"],
)
async def test_a_name_cannot_add_headers_or_recipients(mailbox: Mailbox, name: str) -> None:
    await SmtpMailer(mailbox.url).send(replace(MAIL, to_name=name))

    assert [address.addr_spec for address in mailbox.only()["To"].addresses] == ["ada@example.com"]
    assert mailbox.only()["Bcc"] is None
    assert mailbox.only()["X-Evil"] is None
    assert mailbox.envelopes[0].rcpt_tos == ["ada@example.com"]


async def test_an_emoji_in_a_name_arrives(mailbox: Mailbox) -> None:
    await SmtpMailer(mailbox.url).send(replace(MAIL, to_name="Ada 🎉 Łovelace"))

    assert mailbox.only()["To"].addresses[0].display_name == "Ada 🎉 Łovelace"


async def test_a_subject_cannot_break_the_headers(mailbox: Mailbox) -> None:
    await SmtpMailer(mailbox.url).send(replace(MAIL, subject="Hello\r\nBcc: eve@example.com"))

    assert mailbox.only()["Subject"] == "Hello Bcc: eve@example.com"
    assert mailbox.only()["Bcc"] is None


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
async def test_a_mail_may_be_retried_when_the_server_answers_not_now(mailbox: Mailbox, at: str) -> None:
    mailbox.answers[at] = "451 4.7.1 greylisted, come back later"

    with pytest.raises(GatewayUnavailable, match=r"451 4\.7\.1 greylisted"):
        await SmtpMailer(mailbox.url).send(MAIL)


@pytest.mark.parametrize("at", ["RCPT", "DATA"])
async def test_a_mail_is_refused_for_good_when_the_server_will_never_take_it(mailbox: Mailbox, at: str) -> None:
    mailbox.answers[at] = "550 5.1.1 no such user"

    with pytest.raises(GatewayRefused, match=r"550 5\.1\.1 no such user") as refused:
        await SmtpMailer(mailbox.url).send(MAIL)

    assert refused.value.field == "email"


async def test_an_error_never_repeats_the_recipients_address(mailbox: Mailbox) -> None:
    mailbox.answers["RCPT"] = "550 5.1.1 <ada@example.com>: Recipient address rejected"

    with pytest.raises(GatewayRefused) as refused:
        await SmtpMailer(mailbox.url).send(MAIL)

    assert "ada@" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_a_mail_waits_when_the_server_does_not_like_our_own_address(mailbox: Mailbox) -> None:
    mailbox.answers["MAIL"] = "553 5.7.1 not your domain"

    with pytest.raises(GatewayUnavailable, match="rejects our sender address: 553"):
        await SmtpMailer(mailbox.url).send(MAIL)


async def test_a_mail_can_be_sent_after_an_earlier_one_was_refused(mailbox: Mailbox) -> None:
    mailer = SmtpMailer(mailbox.url)
    mailbox.answers["RCPT"] = "550 no"
    with pytest.raises(GatewayRefused):
        await mailer.send(MAIL)

    mailbox.answers.clear()
    await mailer.send(MAIL)

    assert mailbox.only()["To"]


async def test_the_server_is_unavailable_when_nothing_listens() -> None:
    async with a_mailbox() as closed:
        url = closed.url

    with pytest.raises(GatewayUnavailable, match=r"127\.0\.0\.1:\d+ cannot be reached"):
        await SmtpMailer(url).send(MAIL)
    with pytest.raises(GatewayUnavailable):
        await SmtpMailer(url).check()


async def test_the_server_is_unavailable_when_its_answer_takes_too_long(mailbox: Mailbox) -> None:
    mailbox.hangs = True

    with pytest.raises(GatewayUnavailable, match="did not respond in time"):
        await SmtpMailer(mailbox.url, total_seconds=0.3).send(MAIL)


async def test_the_server_is_unavailable_when_it_never_greets() -> None:
    over = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(GatewayUnavailable, match="did not respond in time"):
            await SmtpMailer(f"smtp://127.0.0.1:{port}", connect_seconds=0.2).send(MAIL)
        over.set()


async def test_the_server_is_unavailable_when_it_hangs_up_at_once() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as rude:
        port = rude.sockets[0].getsockname()[1]
        with pytest.raises(GatewayUnavailable):
            await SmtpMailer(f"smtp://127.0.0.1:{port}").send(MAIL)


async def test_the_server_is_unavailable_when_its_encryption_cannot_be_trusted() -> None:
    async def botch_the_handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        writer.write(b"250-hello\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go ahead\r\nthis is no handshake\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(botch_the_handshake, "127.0.0.1", 0) as broken:
        port = broken.sockets[0].getsockname()[1]
        with pytest.raises(GatewayUnavailable):
            await SmtpMailer(f"smtp+starttls://127.0.0.1:{port}").send(MAIL)


@pytest.mark.parametrize("to", [".a@b.example", "a..b@c.example", "a@-b", "'x'@y.example", "a!b%c@d.example"])
async def test_an_odd_address_is_for_the_server_to_judge(mailbox: Mailbox, to: str) -> None:
    await SmtpMailer(mailbox.url).send(replace(MAIL, to=to))

    assert mailbox.envelopes[0].rcpt_tos == [to]


async def test_an_address_with_an_umlaut_is_reached_when_the_server_can(mailbox: Mailbox) -> None:
    await SmtpMailer(mailbox.url).send(replace(MAIL, to="jürgen@exämple.com"))

    assert mailbox.envelopes[0].rcpt_tos == ["jürgen@xn--exmple-cua.com"]
    assert mailbox.only()["Subject"] == MAIL.subject


@pytest.mark.parametrize(
    ("kept", "reached"),
    [("a@straße.example", "a@xn--strae-oqa.example"), ("a@βόλος.example", "a@xn--nxasmm1c.example")],
)
async def test_a_domain_stored_in_unicode_is_reached_by_its_ascii_form(
    mailbox: Mailbox, kept: str, reached: str
) -> None:
    await SmtpMailer(mailbox.url).send(replace(MAIL, to=kept))

    assert mailbox.envelopes[0].rcpt_tos == [reached]


async def test_an_address_with_an_umlaut_is_refused_when_the_server_cannot() -> None:
    async with a_mailbox(utf8=False) as mailbox:
        with pytest.raises(GatewayRefused, match="letters such as ü"):
            await SmtpMailer(mailbox.url).send(replace(MAIL, to="jürgen@example.com"))


@pytest.mark.parametrize("to", ["", "ada", "ada@", "a@b@c", "a b@c.example", "a@b\r\nRCPT TO:<x@y>", "\ud800@c.d"])
async def test_a_mail_to_an_invalid_address_is_refused(mailbox: Mailbox, to: str) -> None:
    with pytest.raises(GatewayRefused, match="not a valid mail address"):
        await SmtpMailer(mailbox.url).send(replace(MAIL, to=to))

    assert mailbox.received == []


async def test_check_signs_in_and_sends_nothing() -> None:
    async with a_mailbox(login=("tenure", "p@ss:wörd")) as mailbox:
        url = f"smtp://tenure:p%40ss%3Aw%C3%B6rd@127.0.0.1:{mailbox.port}"
        await SmtpMailer(url).check()
        assert mailbox.received == []

        await SmtpMailer(url).send(MAIL)
        assert mailbox.only()["Subject"] == MAIL.subject


async def test_the_server_is_unavailable_when_it_does_not_know_our_password() -> None:
    async with a_mailbox(login=("tenure", "right")) as mailbox:
        with pytest.raises(GatewayUnavailable, match="535") as failed:
            await SmtpMailer(f"smtp://tenure:wrong@127.0.0.1:{mailbox.port}").check()

        assert "wrong" not in str(failed.value)


async def test_the_server_is_unavailable_when_it_wants_a_password_and_we_have_none() -> None:
    async with a_mailbox(login=("tenure", "right")) as mailbox:
        with pytest.raises(GatewayUnavailable, match="530"):
            await SmtpMailer(mailbox.url).send(MAIL)


async def test_nothing_is_sent_unencrypted_when_encryption_is_required_and_not_offered(mailbox: Mailbox) -> None:
    with pytest.raises(GatewayUnavailable):
        await SmtpMailer(f"smtp+starttls://127.0.0.1:{mailbox.port}").send(MAIL)
    with pytest.raises(GatewayUnavailable):
        await SmtpMailer(f"smtps://127.0.0.1:{mailbox.port}").send(MAIL)

    assert mailbox.received == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com:25",
        "http://mail.example.com",
        "smtp://",
        "smtp://h:port",
        "smtp://ada:secret@h/x?y",
        "smtp://ada@h",
        "smtp://[h",
    ],
)
def test_an_invalid_server_url_is_malformed_and_not_repeated(url: str) -> None:
    with pytest.raises(Malformed, match="the mail server's URL is invalid") as error:
        SmtpMailer(url)

    assert error.value.field == "smtp_url"
    assert "secret" not in str(error.value)
