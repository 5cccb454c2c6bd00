"""The `RateLimit-Policy` and `RateLimit` headers of the IETF's httpapi group (draft 10)."""

from collections.abc import Iterable, Mapping
from math import ceil

from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import Counter

MAX_INTEGER = 10**15 - 1
"""The largest integer of a structured field."""


def limit_headers(counters: Iterable[Counter], snapshot: EntitlementSnapshot) -> Mapping[str, str]:
    """Return both headers with an item for each limit, or nothing if usage is unlimited.

    Beyond its limit nothing remains, even while grace or overage allows more usage.
    """
    limited = [(one, one.included) for one in counters if one.included is not None]
    if not limited:
        return {}
    return {
        "RateLimit-Policy": ", ".join(_policy(one, included) for one, included in limited),
        "RateLimit": ", ".join(_state(one, included, snapshot.standing) for one, included in limited),
    }


def _policy(counter: Counter, included: int) -> str:
    window = ""
    if counter.starts is not None and counter.ends is not None:
        window = f";w={ceil((counter.ends - counter.starts).total_seconds())}"
    return f'"{counter.feature}";q={min(included, MAX_INTEGER)}{window}'


def _state(counter: Counter, included: int, standing: EntitlementBasis) -> str:
    left = min(max(0, included - counter.used), MAX_INTEGER)
    wait = ""
    if counter.ends is not None:
        wait = f";t={max(0, ceil((counter.ends - standing.moment).total_seconds()))}"
    return f'"{counter.feature}";r={left}{wait}'
