"""Rate limits: requests per second, in total and per endpoint; others are rejected at once."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.stripe.errors import StripeFailure

REASON = "Stripe-Rate-Limited-Reason"


@dataclass
class _Bucket:
    """A token bucket with the tokens of one second."""

    rate: float
    left: float
    at: float

    def take(self, now: float) -> bool:
        self.left = min(max(self.rate, 1.0), self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Rates:
    """The current limits; each bucket starts full."""

    def __init__(self) -> None:
        self._limits: Mapping[str, float] | None = None
        self._buckets: dict[str, _Bucket] = {}

    def admit(self, endpoint: str, limits: Mapping[str, float] | None) -> None:
        """Count a request.

        Raises:
            StripeFailure: 429 `rate_limit`, with the reason in its headers.

        """
        if limits != self._limits:
            self._limits, self._buckets = limits, {}
        if not limits:
            return
        self._take("", limits.get("total"), "global-rate")
        self._take(endpoint, limits.get("per_endpoint"), "endpoint-rate")

    def _take(self, name: str, rate: float | None, reason: str) -> None:
        if rate is None:
            return
        now = time.monotonic()
        bucket = self._buckets.setdefault(name, _Bucket(rate, max(rate, 1.0), now))
        if not bucket.take(now):
            raise _too_many(reason)


def _too_many(reason: str) -> StripeFailure:
    failure = StripeFailure(
        429,
        "invalid_request_error",
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        code="rate_limit",
    )
    failure.headers[REASON] = reason
    return failure
