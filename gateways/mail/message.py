"""Builds the bytes of a mail, and checks them before they are sent.

Python's own header classes decode encoded words (RFC 2047) in their input, including line breaks. User input therefore
never passes through them: it is encoded here, once, and decodes to exactly what was entered.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from email.header import decode_header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from email_validator import EmailNotValidError, validate_email

from domain.errors import GatewayRefused
from domain.formatting import is_unprintable, one_line
from domain.notifications.mail_types import OutgoingMail, sender_of
from gateways.mail.greetings import greeting_name

LINE_LIMIT = 998
"""Characters per line on the wire, by RFC 5322."""
OUR_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted")
BODY_HEADERS = ("Content-Type", "MIME-Version")

_BODY = SMTP.clone(cte_type="7bit")
_MAILBOX = re.compile(r"""[^\s@<>()\[\]",:;\\\x00-\x1f\x7f]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*""")
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ([^\r\n]*)")
_ENCODED_WORD = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")

HEADER_LINE_LIMIT = 76
BYTES_A_WORD = 39
"""Per encoded word: 64 characters, so that it fits behind each of our header names."""

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN = re.compile(r"[ -~]*")
_MARK = "=?"
"""The start of an encoded word. Mail clients decode it anywhere, even within quotes."""


def mailbox(address: str) -> str:
    """Returns the address as servers know it, with the domain in its ASCII form.

    Raises:
        GatewayRefused: field `email`, if mail cannot be sent to or from such an address.
    """
    user, _, domain = address.rpartition("@")
    ascii_address = f"{user}@{domain if domain.isascii() else _to_ascii(domain)}"
    # Mail clients would decode anything that looks like an encoded word.
    if not _MAILBOX.fullmatch(ascii_address) or "=?" in ascii_address or any(map(is_unprintable, ascii_address)):
        raise GatewayRefused("not a valid mail address", field="email")
    return ascii_address


def _to_ascii(domain: str) -> str:
    """Domains are stored in ASCII. Older addresses that are not can still be mailed."""
    try:
        return validate_email(f"x@{domain}", check_deliverability=False, test_environment=True).ascii_domain
    except EmailNotValidError:
        return ""


def build_message(mail: OutgoingMail) -> bytes:
    """Returns the mail as it goes over the wire, always the same to the last byte.

    All of it is ASCII, except for a recipient whose local part is not.

    Raises:
        GatewayRefused: field `email`, if mail cannot be sent to such an address; without a field, if the finished mail
            is not what was intended.
    """
    recipient = mailbox(mail.to)
    sender_name, sender = sender_of(mail.from_)
    values = {
        "From": mailbox_header(one_line(sender_name), mailbox(sender)),
        "To": mailbox_header(greeting_name(mail.to_name), recipient),
        "Subject": unstructured(one_line(mail.subject)),
        "Date": format_datetime(mail.date),
        "Message-ID": mail.message_id,
        "Auto-Submitted": "auto-generated",
        **{name: unstructured(one_line(value)) for name, value in mail.headers.items()},
    }
    unique = hashlib.sha256(mail.message_id.encode()).hexdigest()[:32]
    boundary = f"part-{unique}"
    wire = "".join(header(name, value) for name, value in values.items()).encode() + _body(
        mail, boundary, f"image-{unique}"
    )
    _check(wire, (*OUR_HEADERS, *mail.headers), recipient, boundary)
    return wire


def _body(mail: OutgoingMail, boundary: str, inner_boundary: str) -> bytes:
    body = EmailMessage(policy=_BODY)
    body.set_content(mail.text)
    body.add_alternative(mail.html, subtype="html")
    if mail.image is not None:
        _, page = body.iter_parts()
        cid = f"<{mail.image.content_id}>"
        page.add_related(mail.image.content, "image", mail.image.subtype, cid=cid, disposition="inline")
        page.set_boundary(inner_boundary)
    body.set_boundary(boundary)
    return body.as_bytes()


def _check(wire: bytes, headers: tuple[str, ...], recipient: str, boundary: str) -> None:
    """Checks that the mail has exactly our headers, one recipient, and its body where it belongs."""
    text = wire.decode()
    block, _, body = text.partition("\r\n\r\n")
    found = [_HEADER.fullmatch(line) for line in block.replace("\r\n ", " ").split("\r\n")]
    values = [(each[1], each[2]) for each in found if each is not None]
    if len(values) != len(found) or sorted(name for name, _ in values) != sorted((*headers, *BODY_HEADERS)):
        raise _invalid_mail("its headers are not the intended ones")
    if re.search(r"\r(?!\n)|(?<!\r)\n|\0", text) or any(len(line) > LINE_LIMIT for line in text.split("\r\n")):
        raise _invalid_mail("it has a line that mails must not have")
    for name, value in values:
        if (
            not value.replace(recipient, "").isascii()
            or any(map(is_unprintable, value))
            or _decodes_to_line_break(value)
        ):
            raise _invalid_mail(f"its {name} header contains a forbidden character")
    to = dict(values)["To"]
    if not to.endswith((f" <{recipient}>", recipient)) or re.sub(r'"(\\.|[^"\\])*"', "", to).count("@") != 1:
        raise _invalid_mail("it does not go to its recipient alone")
    if body.count(f"--{boundary}\r\n") != 2 or not body.startswith(f"--{boundary}\r\n"):
        raise _invalid_mail("its body does not start where it should")


def _decodes_to_line_break(value: str) -> bool:
    """True if the decoded value contains something that could break its line."""
    for word in _ENCODED_WORD.findall(value):
        for chunk, charset in decode_header(word):
            shown = chunk.decode(charset or "ascii", "replace") if isinstance(chunk, bytes) else chunk
            if any(map(is_unprintable, shown)):
                return True
    return False


def _invalid_mail(why: str) -> GatewayRefused:
    return GatewayRefused(f"the mail was not sent because {why}: this is a bug in Tenure, please report it")


# Headers


def header(name: str, value: str) -> str:
    """Returns a header, folded at spaces into lines of 76 characters. *value* must be encoded already."""
    lines = [f"{name}:"]
    for part in value.split(" "):
        if len(lines[-1]) + 1 + len(part) > HEADER_LINE_LIMIT and len(lines[-1]) > len(name) + 1:
            lines.append("")
        lines[-1] += f" {part}"
    return "\r\n".join(lines) + "\r\n"


def unstructured(text: str) -> str:
    """Returns *text*, a single line, as it is or as encoded words, so that clients show exactly that."""
    return text if _PLAIN.fullmatch(text) and _MARK not in text else " ".join(_encoded_words(text))


def mailbox_header(name: str, address: str) -> str:
    """Returns "Ada Lovelace <ada@example.com>", encoded if needed; the address alone if there is no name."""
    if not name:
        return address
    return f"{_phrase(name)} <{address}>"


def _phrase(text: str) -> str:
    if _MARK not in text:
        if _ATOMS.fullmatch(text):
            return text
        if _PLAIN.fullmatch(text) and "  " not in text:
            return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    return " ".join(_encoded_words(text))


def _encoded_words(text: str) -> Iterator[str]:
    """Mail clients join the words without the spaces between them. No character is split."""
    chunk = b""
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(chunk) + len(encoded) > BYTES_A_WORD:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += encoded
    yield _encoded_word(chunk)


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{base64.b64encode(chunk).decode()}?="
