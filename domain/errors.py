"""The error tree.

TenureError
├── Rejected            the caller asked for what cannot be; asking again will not help
├── GatewayRefused      an outside system said no for good (unknown payment method, bad request)
└── GatewayUnavailable  an outside system gave no answer we can rely on; trying again may help
    ├── GatewayBusy     it turned the call away unheard: nothing was done; trying again more slowly will help
    └── GatewayForbidden  it does not accept our key, our permissions or our account: an operator must mend that

A declined card is none of these: it is an outcome (`domain.provider.payments.Charge`).
Every error has a stable `code`; only `api/http/errors.py` knows what HTTP makes of it.
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
        """More about it for programs, by name."""
        self.by_part = dict(by_part or {})
        """What is wrong with each of several parts, by the part's name."""


class Rejected(TenureError):
    """The command cannot be carried out as things stand."""

    code = "rejected"


class Malformed(Rejected):
    """What was asked for makes no sense at any time; `field` names the part to mend."""

    code = "malformed"

    def __init__(self, message: str, *, field: str, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class LimitReached(Rejected):
    """There is no more of it, by a limit of the plan; code `quota_used_up` where more is a matter of money."""

    code = "limit_reached"

    def __init__(
        self, message: str, *, is_for_sale: bool, details: Mapping[str, object], retry_after: float = 0.0
    ) -> None:
        super().__init__(message, code="quota_used_up" if is_for_sale else None, details=details)
        self.retry_after = retry_after
        """In how many seconds it starts anew; 0: it does not by itself."""


class GatewayRefused(TenureError):
    """An outside system refused for good; `field` names the caller's value it refused, if one did."""

    code = "gateway_refused"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class GatewayUnavailable(TenureError):
    """An outside system did not answer, or not in a way that tells what happened."""

    code = "gateway_unavailable"


class GatewayForbidden(GatewayUnavailable):
    """An outside system does not accept our key, our permissions or our account.

    Nothing was done. What was asked for is in order: once an operator has mended the access, it goes on.
    """

    code = "gateway_forbidden"


class Haste(StrEnum):
    """Why a call was turned away unheard."""

    RATE = "rate"
    """Too many calls in all."""
    LOCK = "lock"
    """Another call was at work on the same thing."""


class GatewayBusy(GatewayUnavailable):
    """An outside system turned the call away unheard; `retry_after` is how many seconds it asks to be left alone."""

    code = "gateway_busy"

    def __init__(self, message: str, *, haste: Haste, retry_after: float = 0.0, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.haste = haste
        self.retry_after = retry_after
