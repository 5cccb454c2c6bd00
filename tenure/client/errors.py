"""The errors that a call can raise.

TenureError
├── Refused              Tenure refused the call; a repeat would be refused too
│   ├── Denied           the customer may not do this now: for your users to see
│   │   ├── FeatureNotInPlan
│   │   ├── LimitReached
│   │   ├── NoPlan
│   │   ├── AccessLimited
│   │   ├── PlanRequired
│   │   └── SubscriptionRequired
│   ├── PaymentDeclined
│   ├── NotFound
│   ├── Conflict
│   │   └── UsageDoesNotFit
│   ├── Malformed
│   └── Unauthorized
├── CannotSend           nothing was sent: the client is set up or used wrongly: fix your code
├── InvalidSignature     a webhook that is not from Tenure, or not from now: answer it with 400
├── UnreadableEvent      an event that this client cannot read
└── Unavailable          no reliable answer for now; retry later
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from tenure.client.entitlements import PlanRef, Suggestion
from tenure.client.reading import Unreadable, read
from tenure.client.subscriptions import Misfit

_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
MAY_PASS_SOON: Final = frozenset({"request_in_progress", "subscription_busy"})
"""Refusals after which the same request should be repeated in a moment."""


class TenureError(Exception):
    """A call that failed; `code` is stable, for programs, and the message is for people."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        """HTTP status; None: there was no answer."""
        self.problem: Mapping[str, Any] = problem or {}
        """The whole problem document, including members of later versions."""
        self.headers: Mapping[str, str] = headers or {}
        """Headers of the answer, with names in lower case."""

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait before a retry, if Tenure or a proxy sent a valid `Retry-After`."""
        said = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(said):
            return float(said)
        try:
            at = parsedate_to_datetime(said)
            return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
        except (ValueError, OverflowError):
            return None

    def _member(self, name: str, kind: Any) -> Any:
        """A member of the problem, read as *kind*; None if it is missing or invalid."""
        said = self.problem.get(name)
        try:
            return None if said is None else read(kind, said)
        except Unreadable:
            return None


class Refused(TenureError):
    """Tenure refused the call."""


class Denied(Refused):
    """The customer may not do this now. The properties say what to show them."""

    @property
    def customer(self) -> str:
        return str(self.problem.get("customer", ""))

    @property
    def feature(self) -> str:
        return str(self.problem.get("feature", ""))

    @property
    def plan(self) -> PlanRef | None:
        """What entitles the customer now."""
        found: PlanRef | None = self._member("plan", PlanRef)
        return found

    @property
    def basis(self) -> str:
        return str(self.problem.get("basis", ""))

    @property
    def plans(self) -> tuple[PlanRef, ...]:
        """The plans that allow it."""
        return self._member("plans", tuple[PlanRef, ...]) or ()

    @property
    def available(self) -> tuple[str, ...]:
        """Of a set or a level: what the customer has now."""
        return self._member("available", tuple[str, ...]) or ()

    @property
    def upgrades(self) -> tuple[Suggestion, ...]:
        """What to offer, best first."""
        return self._member("upgrades", tuple[Suggestion, ...]) or ()


class FeatureNotInPlan(Denied):
    """The plan lacks the feature or this value; `plans` include it."""


class LimitReached(Denied):
    """The limit is reached."""

    @property
    def used(self) -> int | None:
        return self._number("used")

    @property
    def limit(self) -> int | None:
        return self._number("limit")

    @property
    def remaining(self) -> int | None:
        return self._number("remaining")

    @property
    def percent(self) -> int | None:
        return self._number("percent")

    @property
    def resets_at(self) -> datetime | None:
        """When the counter resets; None: never, as for gauges."""
        found: datetime | None = self._member("resets_at", datetime)
        return found

    @property
    def grace_ends_at(self) -> datetime | None:
        found: datetime | None = self._member("grace_ends_at", datetime)
        return found

    def _number(self, name: str) -> int | None:
        found: int | None = self._member(name, int)
        return found


class NoPlan(Denied):
    """Nothing entitles the customer: never signed up, suspended or canceled, and there is no free plan."""


class AccessLimited(Denied):
    """A payment is overdue or disputed: existing data stays, but new usage is refused."""


class PlanRequired(Denied):
    """A different plan is required: one of `plans`."""


class SubscriptionRequired(Denied):
    """The customer has no subscription that gives access."""


class PaymentDeclined(Refused):
    """The bank refused the charge."""


class NotFound(Refused):
    """There is no such customer, subscription, plan or feature; the message suggests similar names."""


class Conflict(Refused):
    """The current state does not allow it; `code` says why."""


class UsageDoesNotFit(Conflict):
    """The new plan allows less than is in use."""

    @property
    def misfits(self) -> tuple[Misfit, ...]:
        return self._member("misfits", tuple[Misfit, ...]) or ()


class Malformed(Refused):
    """The request is invalid; `fields` says what to fix."""

    @property
    def fields(self) -> Mapping[str, str]:
        """What is wrong, by field."""
        said = self.problem.get("errors")
        errors = said if isinstance(said, list) else []
        return {str(one.get("field")): str(one.get("detail")) for one in errors if isinstance(one, dict)}


class Unauthorized(Refused):
    """The API key is unknown, revoked, or of a role that may not do this."""


class CannotSend(TenureError):
    """Nothing was sent: an invalid address, a closed client, or a header that HTTP does not allow.

    This is a bug in the caller, not an outage: gates refuse requests, and no cached answer is used.
    """


class InvalidSignature(TenureError):
    """A webhook that Tenure did not send, or not now; answer it with 400, and do nothing."""


class UnreadableEvent(TenureError):
    """An event that this client cannot read, although Tenure sent it."""


class Unavailable(TenureError):
    """Tenure could not be reached, or it failed.

    The call may have taken effect; repeating it under the same key finds out, and completes it if it has not.
    """


_BY_CODE: Final[Mapping[str, type[Refused]]] = {
    "feature_not_in_plan": FeatureNotInPlan,
    "limit_reached": LimitReached,
    "no_plan": NoPlan,
    "access_limited": AccessLimited,
    "plan_required": PlanRequired,
    "subscription_required": SubscriptionRequired,
    "usage_does_not_fit": UsageDoesNotFit,
}

_BY_STATUS: Final[Mapping[int, type[Refused]]] = {
    401: Unauthorized,
    402: PaymentDeclined,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    422: Malformed,
}


def error_of(status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> TenureError:
    """Return the error for an unsuccessful answer."""
    code = str(problem.get("code", ""))
    message = str(problem.get("detail") or f"Tenure answered {status}")
    kind: type[TenureError] | None = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        # Also turned away by a rate limit, or by something between here and Tenure: nothing was done.
        kind = Unavailable if status >= 500 or status in (408, 429) else Refused
    return kind(message, code=code, status=status, problem=problem, headers=headers)


def again(error: TenureError) -> TenureError:
    """A copy of the error, for another caller of the same request."""
    it = error
    return type(it)(it.message, code=it.code, status=it.status, problem=it.problem, headers=it.headers)


def malformed(field: str, detail: str) -> Malformed:
    """The error that Tenure would return for a value that cannot be sent."""
    code, status, said = "malformed", 422, f"{field}: {detail}"
    problem = {
        "type": f"urn:tenure:error:{code}",
        "title": code.capitalize(),
        "status": status,
        "detail": said,
        "code": code,
        "errors": [{"field": field, "detail": detail}],
    }
    return Malformed(said, code=code, status=status, problem=problem)
