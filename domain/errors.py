"""The error tree.

TenureError
├── Rejected            the request cannot be fulfilled; retrying will not help
├── GatewayRefused      an external system refused permanently (unknown payment method, bad request)
└── GatewayUnavailable  an external system gave no reliable answer; retrying may help
    ├── GatewayBusy     it turned the call away unprocessed: nothing was done; retrying more slowly will help
    └── GatewayForbidden  it does not accept our key, our permissions or our account: an operator must fix that

A declined card is none of these: it is an outcome (`domain.provider.payments.Charge`).
Every error has a stable `code`; only `api/http/errors.py` maps errors to HTTP responses.
"""

from collections.abc import Mapping
from enum import StrEnum


class TenureError(Exception):
    """An expected failure with a stable code for programs and a message for people."""

    code = "tenure_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Mapping[str, object] | None = None,
        by_part: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.message = message
        self.details = dict(details or {})
        """Machine-readable details, by name."""
        self.by_part = dict(by_part or {})
        """What is wrong with each of several parts, by the part's name."""


class Rejected(TenureError):
    """The command cannot be carried out in the current state."""

    code = "rejected"


class Malformed(Rejected):
    """The request is invalid in any state; `field` names the part to correct."""

    code = "malformed"

    def __init__(self, message: str, *, field: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class LimitReached(Rejected):
    """A limit of the plan is reached; the code is `quota_used_up` where the customer could buy more."""

    code = "limit_reached"

    def __init__(
        self, message: str, *, is_for_sale: bool, details: Mapping[str, object], retry_after: float = 0.0
    ) -> None:
        super().__init__(message, code="quota_used_up" if is_for_sale else None, details=details)
        self.retry_after = retry_after
        """Seconds until the counter resets; 0: it does not reset by itself."""


class GatewayRefused(TenureError):
    """An external system refused permanently; `field` names the caller's value that it refused, if any."""

    code = "gateway_refused"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class GatewayUnavailable(TenureError):
    """An external system did not respond, or its answer does not say what happened."""

    code = "gateway_unavailable"


class GatewayForbidden(GatewayUnavailable):
    """An external system does not accept our key, our permissions or our account.

    Nothing was done. The request itself is valid: it succeeds once an operator has restored access.
    """

    code = "gateway_forbidden"


class Haste(StrEnum):
    """Why a call was turned away unprocessed."""

    RATE = "rate"
    """Too many calls."""
    LOCK = "lock"
    """Another call was working on the same object."""


class GatewayBusy(GatewayUnavailable):
    """An external system turned the call away unprocessed; `retry_after` is the seconds it asks us to wait."""

    code = "gateway_busy"

    def __init__(self, message: str, *, haste: Haste, retry_after: float = 0.0, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.haste = haste
        self.retry_after = retry_after
