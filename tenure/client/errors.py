"""What can come of a call besides an answer.

TenureError
├── Refused              Tenure said no; the same call will be refused again as things stand
│   ├── Denied           the customer may not do this now: something to tell your own users
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
├── CannotSend           nothing was sent: the client is set up or used wrongly, and your code is to be mended
└── Unavailable          no answer that can be relied on; later there will be one
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
"""Refusals that say of themselves that the same request is to be repeated in a moment."""


class TenureError(Exception):
    """A call without the answer it was made for; `code` is stable, for programs, and the text is for people."""

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
        """Of the HTTP answer; None: there was none."""
        self.problem: Mapping[str, Any] = problem or {}
        """All that Tenure said, members of later versions included."""
        self.headers: Mapping[str, str] = headers or {}
        """Headers of the answer, names in lower case."""

    @property
    def retry_after(self) -> float | None:
        """In how many seconds to ask again, if Tenure, or a proxy before it, said so in a way that can be read."""
        said = self.headers.get("retry-after", "").strip()
        if _SECONDS.fullmatch(said):
            return float(said)
        try:
            at = parsedate_to_datetime(said)
            return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
        except (ValueError, OverflowError):
            return None

    def _member(self, name: str, kind: Any) -> Any:
        """A member of the problem, read as *kind*; None when it is not there or not as it should be."""
        said = self.problem.get(name)
        try:
            return None if said is None else read(kind, said)
        except Unreadable:
            return None


class Refused(TenureError):
    """Tenure said no."""


class Denied(Refused):
    """The customer may not do this now. What there is to tell them comes with it."""

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
        """What to offer, the nearest first."""
        return self._member("upgrades", tuple[Suggestion, ...]) or ()


class FeatureNotInPlan(Denied):
    """The plan has none of it, or not this one; `plans` have it."""


class LimitReached(Denied):
    """There is no more of it for now."""

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
        """When counting begins anew; None: it never does, as with what is released again."""
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
    """A payment is owed or disputed: what is there stays, but nothing more may be used up."""


class PlanRequired(Denied):
    """Another plan is needed: one of `plans`."""


class SubscriptionRequired(Denied):
    """No subscription runs that would let the customer in."""


class PaymentDeclined(Refused):
    """The bank refused the charge."""


class NotFound(Refused):
    """There is no such customer, subscription, plan or feature; the text names near ones."""


class Conflict(Refused):
    """It cannot be done as things stand; `code` says why."""


class UsageDoesNotFit(Conflict):
    """A smaller plan holds less than is in use."""

    @property
    def misfits(self) -> tuple[Misfit, ...]:
        return self._member("misfits", tuple[Misfit, ...]) or ()


class Malformed(Refused):
    """The call makes no sense at any time; `fields` says what to mend."""

    @property
    def fields(self) -> Mapping[str, str]:
        """What is wrong, by field."""
        said = self.problem.get("errors")
        errors = said if isinstance(said, list) else []
        return {str(one.get("field")): str(one.get("detail")) for one in errors if isinstance(one, dict)}


class Unauthorized(Refused):
    """The API key is unknown, revoked, or of a role that may not do this."""


class CannotSend(TenureError):
    """Nothing was sent, nor will be: an address that is none, a client that is closed, a header that HTTP has not.

    That is for you to mend, and no outage: gates let nobody in for it, and nothing known from before stands in.
    """


class Unavailable(TenureError):
    """Tenure was not reached, or it failed.

    Whether something was done is open; the same call under the same key finds out, and does it if it was not.
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
    """What an answer that is no success means."""
    code = str(problem.get("code", ""))
    message = str(problem.get("detail") or f"Tenure answered {status}")
    kind: type[TenureError] | None = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is None:
        # Also turned away by a rate limit, or by something between here and Tenure: nothing was done.
        kind = Unavailable if status >= 500 or status in (408, 429) else Refused
    return kind(message, code=code, status=status, problem=problem, headers=headers)


def again(error: TenureError) -> TenureError:
    """The same to be raised for another, who asked the same."""
    it = error
    return type(it)(it.message, code=it.code, status=it.status, problem=it.problem, headers=it.headers)


def malformed(field: str, detail: str) -> Malformed:
    """What Tenure would say of something that cannot be sent to it."""
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
