"""Whatever names and settings contain, a mail has exactly our headers and its body where it belongs."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP, compat32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import GatewayRefused
from domain.formatting import one_line
from domain.notifications.mail_types import OutgoingMail
from gateways.mail import message
from gateways.mail.message import build_message

HIDDEN_TEXT = "=?utf-8?b?DQoNClBheSBub3c6IGh0dHA6Ly9ldmlsLmV4YW1wbGU=?="
"""Two line breaks and "Pay now: http://evil.example"."""
HIDDEN_HEADER = "=?utf-8?q?Ada=0D=0ABcc=3A_eve=40evil=2Eexample?="
MAIL = OutgoingMail(
    message_id="<7@northwind.example>",
    to="ada@example.com",
    to_name="Ada Lovelace",
    from_="Northwind <billing@northwind.example>",
    subject="Your trial ends",
    text="Hello Ada,\n\nyour trial ends.\n",
    html="<p>Hello Ada,</p>",
    date=datetime(2026, 12, 5, 9, 0, tzinfo=UTC),
    headers={"X-Tenure-Subscription": "sub-1", "X-Tenure-Occasion": "trial_ending"},
)
HEADERS = [*message.OUR_HEADERS, *MAIL.headers, *message.BODY_HEADERS]


def lines_of(wire: bytes) -> list[tuple[str, str]]:
    """Headers as a mail server sees them, byte for byte."""
    block = wire.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").decode("ascii")
    found = [line.partition(": ") for line in block.split("\r\n")]
    return [(name, value) for name, _, value in found]


def shown(value: str) -> str:
    """What a mail client shows of a header: encoded words are decoded once."""
    return "".join(
        part.decode(charset or "ascii") if isinstance(part, bytes) else part for part, charset in decode_header(value)
    )


def shown_name(value: str) -> str:
    """What it shows as the recipient's name."""
    name = shown(value).removesuffix(" <ada@example.com>")
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if value.startswith('"') else name


def assert_is_whole(wire: bytes) -> None:
    assert sorted(name for name, _ in lines_of(wire)) == sorted(HEADERS)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0|[^\r\n]{79}", wire.partition(b"\r\n\r\n")[0])
    old = BytesParser(policy=compat32).parsebytes(wire)
    assert sorted(old.keys()) == sorted(HEADERS)
    texts = [part.get_payload(decode=True) for part in old.walk() if not part.is_multipart()]
    assert [text.replace(b"\r\n", b"\n").decode() for text in texts if isinstance(text, bytes)] == [
        MAIL.text,
        f"{MAIL.html}\n",
    ]


HOSTILE = (
    *(
        HIDDEN_TEXT,
        HIDDEN_HEADER,
        f'"{HIDDEN_HEADER}"',
        f"Ada {HIDDEN_TEXT} Lovelace",
        f"{HIDDEN_TEXT} {HIDDEN_HEADER}",
    ),
    *("Ada\r\nBcc: eve@evil.example", "Ada\rX: 1", "Ada\nX: 1", "Ada\x00\x1b[31m", "Ada\u202eevil\u2066", "=?", "?="),
    *("=?utf-8?q?=3D=3Futf-8=3Fq=3F=0D=0ABcc=3Ax=3F=3D?=", "=?utf-7?q?+AA0ACg-Bcc?=", "=?x?z?y?=", "Lovelace, Ada"),
    *(
        'Ada "the\\ Countess" Lovelace',
        "Ada (x) <eve>",
        "Ä" * 200,
        "=?utf-8?b?" + "A" * 400 + "?=",
        "a;b:c,d",
        "\ud800",
    ),
)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_others_have_typed_reaches_no_other_header(name: str) -> None:
    assert_is_whole(build_message(replace(MAIL, to_name=name)))
    assert_is_whole(build_message(replace(MAIL, subject=name)))
    assert_is_whole(build_message(replace(MAIL, from_=f"{name} <billing@northwind.example>")))


@pytest.mark.parametrize("name", [HIDDEN_HEADER, HIDDEN_TEXT, "=?", "Lovelace, Ada", 'A "B" C', "Łada 🎉"])
def test_names_and_subjects_are_shown_as_typed(name: str) -> None:
    headers = dict(lines_of(build_message(replace(MAIL, to_name=name, subject=name))))

    assert shown(headers["Subject"]) == name
    assert shown_name(headers["To"]) == (name if len(name) < 61 else f"{name[:59]}…")


hostile_text = st.lists(
    st.one_of(
        st.sampled_from(HOSTILE),
        st.text(max_size=30),
        st.binary(max_size=30).map(lambda raw: "=?utf-8?q?" + "".join(f"={byte:02X}" for byte in raw) + "?="),
        st.text(alphabet='\r\n\0\t =?_@<>",;:()\\[].\u2028\u202eab', max_size=30),
    ),
    max_size=4,
).map(" ".join)


@given(name=hostile_text, subject=hostile_text, sender=hostile_text)
@settings(max_examples=300, deadline=None)
def test_nothing_that_can_be_typed_breaks_a_mail(name: str, subject: str, sender: str) -> None:
    mail = replace(MAIL, to_name=name, subject=subject, from_=f"{sender} <billing@northwind.example>")
    wire = build_message(mail)

    assert_is_whole(wire)
    headers = dict(lines_of(wire))
    assert shown(headers["Subject"]) == one_line(subject).encode("utf-8", "replace").decode()
    assert headers["To"].endswith(("ada@example.com", "<ada@example.com>"))
    assert headers["From"].endswith(("billing@northwind.example", "<billing@northwind.example>"))


def test_a_plain_mail_is_read_by_pythons_own_parser_as_it_was_meant() -> None:
    parsed = BytesParser(EmailMessage, policy=SMTP).parsebytes(
        build_message(
            replace(MAIL, to_name="Ada, Łovelace", from_="Acme, Inc. <billing@acme.example>", subject="Grüße 🎉")
        )
    )

    assert parsed["To"].addresses == (Address("Ada, Łovelace", "ada", "example.com"),)
    assert parsed["From"].addresses == (Address("Acme, Inc.", "billing", "acme.example"),)
    assert parsed["Subject"] == "Grüße 🎉"


@pytest.mark.parametrize(
    "to",
    [f"{HIDDEN_HEADER}@example.com", "ada=?@example.com", "ada\0@example.com", "a\u202eda@example.com", "a\x7f@b.c"],
)
def test_no_mail_goes_to_an_address_that_clients_would_decode(to: str) -> None:
    with pytest.raises(GatewayRefused, match="not a valid mail address"):
        build_message(replace(MAIL, to=to))


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        pytest.param({"unstructured": lambda text: f"{text}\r\nBcc: eve@evil.example"}, "headers", id="another-header"),
        pytest.param({"unstructured": lambda text: f"{text}\r\n\r\nPay now"}, "headers", id="text-too-early"),
        pytest.param({"unstructured": lambda text: f"{text}\nX: 1"}, "headers", id="bare-line-feed"),
        pytest.param(
            {"unstructured": lambda _: HIDDEN_TEXT},
            "Subject header contains a forbidden character",
            id="line-break-in-a-word",
        ),
        pytest.param(
            {"unstructured": lambda text: f"{text}ü"}, "Subject header contains a forbidden character", id="not-encoded"
        ),
        pytest.param({"unstructured": lambda text: f"{text}\0"}, "mails must not have", id="nul"),
        pytest.param(
            {"mailbox_header": lambda _, to: f"<eve@evil.example>, <{to}>"}, "recipient alone", id="two-recipients"
        ),
    ],
)
def test_a_mail_is_not_sent_when_its_final_bytes_are_not_the_intended_ones(
    monkeypatch: pytest.MonkeyPatch, broken: dict[str, object], why: str
) -> None:
    for name, fault in broken.items():
        monkeypatch.setattr(message, name, fault)

    with pytest.raises(GatewayRefused, match=why) as refused:
        build_message(MAIL)

    assert "evil" not in refused.value.message
