"""A call and its answer as data: what is asked of Tenure, and how the answer is read. No network is touched here."""

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

PASSED_ON = ("ratelimit", "ratelimit-policy", "retry-after")
"""Headers that mean something to whoever asked."""


NO_TEXT = "it holds half of a character (a lone surrogate)"
WAYS = re.compile(r"/(?:(?:entitlements|usage)(?:/[^/]*)?|export)\Z")
"""How addresses below a customer's end; an id that ends so would be taken for another customer's."""


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    content: bytes


@dataclass(frozen=True)
class Lost:
    """Nothing came back: the connection failed, or time was up."""

    error: Exception


Reply = Answer | Lost


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, which may be sent again as it is: it asks, or it has a key."""

    method: str
    path: str
    kind: type[T]
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    key: str | None = None
    """Goes along as `Idempotency-Key`; None: it stands in the body, or nothing is done."""
    takes_time: bool = False
    """Whether outside systems are asked, or very much is counted."""

    def __post_init__(self) -> None:
        """See that it can be sent as it is.

        Raises:
            Malformed: it cannot, and `fields` says why.
        """
        for name, value in self.query.items():
            if not _is_text(str(value)):
                raise malformed(name, f"{value!a} cannot be sent: {NO_TEXT}")
        if self.key is not None and not (self.key.isascii() and self.key.isprintable()):
            raise malformed("key", f"{self.key!a} cannot be sent: keys here are printable ASCII characters alone")

    def read(self, answer: Answer) -> T:
        """The result that an answer holds.

        Raises:
            TenureError: it holds none.
        """
        if answer.status >= 300:
            raise error_of(answer.status, _problem(answer.content), answer.headers)
        try:
            said = json.loads(answer.content)
            if "headers" not in said:
                said["headers"] = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
            return read(self.kind, said)
        except (ValueError, TypeError, Unreadable, RecursionError) as error:
            raise Unavailable(f"what was answered is not Tenure's: {error}", code="unreadable_answer") from error

    @property
    def content(self) -> bytes | None:
        """The body as it is sent; None: there is none.

        Raises:
            Malformed: it holds what JSON has no way to say.
        """
        if self.body is None:
            return None
        try:
            # In ASCII alone: so anything can be sent that a string may hold, and Tenure says what it cannot be.
            return json.dumps(self.body, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:
            raise malformed("body", f"this cannot be sent as JSON: {error}") from error


def body_of(**members: Any) -> dict[str, Any]:
    """The members that are said; what is None is left to Tenure."""
    return {name: _plain(value) for name, value in members.items() if value is not None}


def of_customer(customer: str, *steps: str) -> str:
    """The path to a customer, by external id, and on from there.

    Raises:
        Malformed: no path leads to such an id, or it leads to another customer.
    """
    if WAYS.search(customer) or not {".", ".."}.isdisjoint(customer.split("/")):
        raise malformed("customer", f"{customer!a} cannot be asked for: its address would be another one's")
    return "/v1/customers/" + "/".join((step_of("customer", customer), *(step_of("feature", step) for step in steps)))


def of_subscription(subscription: str, *steps: str) -> str:
    return "/v1/subscriptions/" + "/".join((step_of("subscription", subscription), *steps))


def step_of(field: str, name: str) -> str:
    """A name as one step of a path.

    Raises:
        Malformed: it cannot be one.
    """
    if name in ("", ".", ".."):
        raise malformed(field, f"{name!r} cannot stand in an address")
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
    except (ValueError, RecursionError):  # a proxy's page
        return {}
    return said if isinstance(said, dict) else {}
