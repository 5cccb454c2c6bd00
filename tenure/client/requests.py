"""Requests and answers as data: what is sent to Tenure, and how the answer is parsed. No I/O happens here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from tenure.client.errors import Unavailable, error_of, malformed
from tenure.client.reading import Unreadable, read

T = TypeVar("T")

PASSED_ON = ("ratelimit", "ratelimit-policy", "retry-after", "tenure-restores")
"""Headers that are of use to the caller."""


NO_CONTENT = 204
NO_TEXT = "it holds half of a character (a lone surrogate)"
WAYS = re.compile(r"/(?:(?:entitlements|usage)(?:/[^/]*)?|banner|export)\Z")
"""Endings of paths below a customer; an id with such an ending would address another customer."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes


@dataclass(frozen=True)
class Lost:
    """No answer: the connection failed, or it timed out."""

    error: Exception


Reply = Answer | Lost


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, safe to repeat: it only reads, or it has an idempotency key."""

    method: str
    path: str
    kind: type[T]
    query: Mapping[str, str | int | tuple[str, ...]] = field(default_factory=dict)
    """Several values are sent as several parameters of the name."""
    body: Mapping[str, Any] | None = None
    key: str | None = None
    """Sent as `Idempotency-Key`; None: the key is in the body, or the request only reads."""
    takes_time: bool = False
    """True if Tenure calls other systems, or counts many events."""

    def __post_init__(self) -> None:
        """Check that it can be sent.

        Raises:
            Malformed: it cannot; `fields` says why.
        """
        for name, value in self.query.items():
            for one in value if isinstance(value, tuple) else (str(value),):
                if not _is_text(one):
                    raise malformed(name, f"{one!a} cannot be sent: {NO_TEXT}")
        if self.key is not None and not (self.key.isascii() and self.key.isprintable()):
            raise malformed("key", f"{self.key!a} cannot be sent: keys here are printable ASCII characters alone")

    def read(self, answer: Answer) -> T:
        """Parse the result from an answer.

        Raises:
            TenureError: the answer is an error.
        """
        if answer.status >= 300:
            raise error_of(answer.status, _problem(answer.content), answer.headers)
        try:
            said = json.loads(answer.content) if answer.status != NO_CONTENT else {}
            if "headers" not in said:
                said["headers"] = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
            return read(self.kind, said)
        except (ValueError, TypeError, Unreadable, RecursionError) as error:
            raise Unavailable(f"the answer is not from Tenure: {error}", code="unreadable_answer") from error

    @property
    def content(self) -> bytes | None:
        """The body as sent; None: there is none.

        Raises:
            Malformed: it cannot be expressed in JSON.
        """
        if self.body is None:
            return None
        try:
            # ASCII only, so that any string can be sent, and Tenure reports what is invalid.
            return json.dumps(self.body, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise malformed("body", f"this cannot be sent as JSON: {error}") from error


def body_of(**members: Any) -> dict[str, Any]:
    """The given members; None leaves the default to Tenure."""
    return {name: _plain(value) for name, value in members.items() if value is not None}


def of_customer(customer: str, *steps: str) -> str:
    """The path of a customer, by external id, with further *steps*.

    Raises:
        Malformed: the id cannot be in a path, or would address another customer.
    """
    if WAYS.search(customer) or not {".", ".."}.isdisjoint(customer.split("/")):
        raise malformed("customer", f"{customer!a} cannot be looked up: its path would address another customer")
    return "/v1/customers/" + "/".join((step_of("customer", customer), *(step_of("feature", step) for step in steps)))


def of_subscription(subscription: str, *steps: str) -> str:
    return "/v1/subscriptions/" + "/".join((step_of("subscription", subscription), *steps))


def step_of(field: str, name: str) -> str:
    """A name as one segment of a path.

    Raises:
        Malformed: it cannot be one.
    """
    if name in ("", ".", ".."):
        raise malformed(field, f"{name!r} cannot be part of a path")
    if not _is_text(name):
        raise malformed(field, f"{name!a} cannot be sent: {NO_TEXT}")
    return quote(name, safe="")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _problem(content: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):  # a page of a proxy
        return {}
    return said if isinstance(said, dict) else {}
