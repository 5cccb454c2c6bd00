"""Types of request fields, and the base of request bodies. Their error messages say how to fix a bad value."""

import re
import unicodedata
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Path
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from configuration.mail_addresses import mail_address
from configuration.timezones import is_timezone
from domain.entitlements.usage import MAX_KEY_LENGTH
from domain.errors import Rejected
from domain.provider.identifiers import is_provider_id

_PLAIN_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_LANGUAGE = re.compile(
    r"""
    (?P<language>[a-z]{2,3}(?:-[a-z]{3}){0,3})
    (?:-(?P<script>[a-z]{4}))?
    (?:-(?P<region>[a-z]{2} | [0-9]{3}))?
    (?P<rest>
        (?:-(?:[a-z0-9]{5,8} | [0-9][a-z0-9]{3}))*  # variants
        (?:-[a-wy-z0-9](?:-[a-z0-9]{2,8})+)*        # extensions, such as -u-hc-h23
        (?:-x(?:-[a-z0-9]{1,8})+)?                  # private use
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
"""A BCP 47 language tag (RFC 5646)."""
_POSIX_ENCODING = re.compile(r"[.@].*")
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
METADATA_KEYS, METADATA_KEY_LENGTH, METADATA_VALUE_LENGTH = 50, 40, 500


def _on_one_line(text: str) -> str:
    if text.isprintable():
        return text
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise ValueError(f"control characters are not allowed (found U+{ord(character):04X})")
    return text


def _printable(text: str) -> str:
    _on_one_line(text.replace("\n", " ").replace("\r", " ").replace("\t", " "))
    return text


def _email(address: str) -> str:
    try:
        return mail_address(address)
    except ValueError as error:
        raise ValueError(f"this is not an email address: {error}") from None


def _timezone(name: str) -> str:
    if not is_timezone(name):
        raise ValueError(f"{name!r} is not a time zone; use an IANA name such as 'Europe/Berlin'")
    return name


def language_tag(text: str) -> str | None:
    """Return the BCP 47 tag, also for a Unix locale such as `pt_BR` or `de_DE.UTF-8`, or None if it is neither.

    A plain tag is returned unchanged.
    """
    if _PLAIN_LANGUAGE.fullmatch(text):
        return text
    found = _LANGUAGE.fullmatch(_POSIX_ENCODING.sub("", text).replace("_", "-"))
    if found is None:
        return None
    script, region = found["script"], found["region"]
    parts = (found["language"].lower(), script and script.capitalize(), region and region.upper())
    return "-".join(part for part in parts if part) + found["rest"].lower()


def _locale(tag: str) -> str:
    found = language_tag(tag)
    if found is None:
        raise ValueError(f"{tag!r} is not a language tag; use one such as 'de' or 'pt-BR'")
    return found


def _rfc_3339(given: object) -> object:
    if isinstance(given, datetime) or (isinstance(given, str) and _RFC_3339.fullmatch(given)):
        return given
    raise ValueError("this is not an RFC 3339 time with seconds and an offset, such as '2027-01-15T09:00:00Z'")


def _metadata(pairs: dict[str, str]) -> dict[str, str]:
    if len(pairs) > METADATA_KEYS:
        raise ValueError(f"at most {METADATA_KEYS} keys, not {len(pairs)}")
    return pairs


def _plausible(at: datetime) -> datetime:
    if not 2000 <= at.year <= 2200:
        raise ValueError("the year must be between 2000 and 2200")
    return at.astimezone(UTC)


def _payment_method(reference: str) -> str:
    if not is_provider_id(reference):
        raise ValueError("this is not a payment method id: use letters, digits, _ and - only, as in 'pm_card_visa'")
    return reference


_NOT_IN_URLS = frozenset('"<>\\^`|')


def _url(address: str) -> str:
    if any(letter.isspace() or letter in _NOT_IN_URLS for letter in address):
        raise ValueError("this is not a URL: spaces, quotes and angle brackets must be percent-encoded")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("this must be a URL that begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError("URLs with a user name or password are not accepted")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("the port must be between 1 and 65535") from None
    return address


def _return_address(address: str) -> str:
    parts = urlsplit(_url(address))
    if parts.scheme != "https" and not _is_this_machine(parts.hostname or ""):
        raise ValueError("this must begin with https://; http:// is accepted for localhost alone")
    return address


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def subscription_id_of(text: str) -> str:
    """Return the id in canonical form.

    Raises:
        Rejected: code `unknown_subscription`; it is not a UUID.
    """
    try:
        return str(UUID(text))
    except ValueError:
        raise Rejected(f"there is no subscription {text[:64]!r}", code="unknown_subscription") from None


_SUB_PATHS = re.compile(r"/(?:(?:entitlements|usage)(?:/[^/]+)?|banner|export)\Z")
"""Paths below a customer's that are read: to read a customer with an id that ends in one would read another's."""
_DOT_SEGMENTS = frozenset((".", ".."))


def _unambiguous_in_a_path(external_id: str) -> str:
    """Reject ids that would be ambiguous in a URL path, where more may follow the id."""
    if found := _SUB_PATHS.search(external_id):
        raise ValueError(f"an id must not end in {found[0]!r}: it would be ambiguous in a URL path")
    if not _DOT_SEGMENTS.isdisjoint(external_id.split("/")):
        raise ValueError("'.' and '..' are path segments: an id must not be one or have one between slashes")
    return external_id


def new_external_id(text: str) -> str:
    """Return an id for a new customer, in the form that requests have.

    Raises:
        ValueError: it is none that requests may have; the message says why.
    """
    try:
        return _NEW_EXTERNAL_ID.validate_python(text)
    except ValidationError as error:
        raise ValueError(error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from None


_line = AfterValidator(_on_one_line)

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _line]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64), _line]
ExternalId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _line]
NewExternalId = Annotated[ExternalId, AfterValidator(_unambiguous_in_a_path)]
_NEW_EXTERNAL_ID: TypeAdapter[str] = TypeAdapter(NewExternalId)
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), _line, AfterValidator(_email)]
TimeZone = Annotated[str, StringConstraints(max_length=64), _line, AfterValidator(_timezone)]
Locale = Annotated[str, StringConstraints(max_length=100), _line, AfterValidator(_locale)]
InvoiceId = Annotated[str, StringConstraints(min_length=1, max_length=200), _line]
PaymentMethod = Annotated[str, StringConstraints(max_length=200), AfterValidator(_payment_method)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(_printable)]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000), AfterValidator(_printable)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), _line]
NoteText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_printable)]
WebAddress = Annotated[str, StringConstraints(max_length=2000), _line, AfterValidator(_url)]
ReturnAddress = Annotated[str, StringConstraints(max_length=2000), _line, AfterValidator(_return_address)]
"""A web address to which a customer is sent back: by https, or on the same machine."""
Search = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200), _line]
UsageKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_LENGTH), _line]
Quantity = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Units = Annotated[int, Field(strict=True, ge=0, le=10_000)]

Timestamp = Annotated[AwareDatetime, BeforeValidator(_rfc_3339)]
"""An RFC 3339 time; a number of seconds or a date alone is rejected."""
Moment = Annotated[Timestamp, AfterValidator(_plausible)]

Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=METADATA_KEY_LENGTH), _line],
        Annotated[str, StringConstraints(max_length=METADATA_VALUE_LENGTH), AfterValidator(_printable)],
    ],
    AfterValidator(_metadata),
]

SubscriptionId = Annotated[
    str,
    AfterValidator(subscription_id_of),
    Path(description="the subscription's id", examples=["5c1f2f0e-7a43-5d0b-9a52-3f0f6f1f8c11"]),
]


_FREE_FORM = frozenset({"add_ons", "metadata"})
"""Fields whose keys are chosen by the caller."""


class RequestModel(BaseModel):
    """Base of every request body. Unknown fields are rejected; `null` is the same as leaving a field out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: object) -> object:
        if not isinstance(given, dict) or (None not in given.values() and _FREE_FORM.isdisjoint(given)):
            return given
        kept = {name: _non_null(value) if name in _FREE_FORM else value for name, value in given.items()}
        return {name: value for name, value in kept.items() if value is not None or name not in cls.model_fields}


def _non_null(value: object) -> object:
    """Drop the keys that are null; None if no key is left."""
    if not isinstance(value, dict) or None not in value.values():
        return value
    return {name: one for name, one in value.items() if one is not None} or None
