"""A call and its answer as data: what is asked of Tenure, and how the answer is read. No network is touched here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from tenure.client.errors import Unavailable, error_of
from tenure.client.reading import Unreadable, read

T = TypeVar("T")

PASSED_ON = ("ratelimit", "ratelimit-policy", "retry-after")
"""Headers that mean something to whoever asked."""


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
        except (ValueError, TypeError, Unreadable) as error:
            raise Unavailable(f"what was answered is not Tenure's: {error}", code="unreadable_answer") from error


def body_of(**members: Any) -> dict[str, Any]:
    """The members that are said; what is None is left to Tenure."""
    return {name: _plain(value) for name, value in members.items() if value is not None}


def of_customer(customer: str, *steps: str) -> str:
    """The path to a customer, by external id, and on from there."""
    return "/v1/customers/" + "/".join(quote(step, safe="") for step in (customer, *steps))


def of_subscription(subscription: str, *steps: str) -> str:
    return "/v1/subscriptions/" + "/".join(quote(step, safe="") for step in (subscription, *steps))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _problem(content: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(content)
    except ValueError:  # a proxy's page
        return {}
    return said if isinstance(said, dict) else {}
