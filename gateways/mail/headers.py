"""Mail headers as they go over the wire.

Python's own header classes decode encoded words (RFC 2047) in their input, including line breaks. User input therefore
never passes through them: it is encoded here, once, and decodes to exactly what was entered.
"""

import base64
import re
from collections.abc import Iterator

LINE_LIMIT = 76
BYTES_A_WORD = 39
"""Per encoded word: 64 characters, so that it fits behind each of our header names."""

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN = re.compile(r"[ -~]*")
_MARK = "=?"
"""The start of an encoded word. Mail clients decode it anywhere, even within quotes."""


def header(name: str, value: str) -> str:
    """Returns a header, folded at spaces into lines of 76 characters. *value* must be encoded already."""
    lines = [f"{name}:"]
    for part in value.split(" "):
        if len(lines[-1]) + 1 + len(part) > LINE_LIMIT and len(lines[-1]) > len(name) + 1:
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
