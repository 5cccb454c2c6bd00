"""How near its limits a use came, as headers: RateLimit-Policy and RateLimit of the IETF's httpapi group (draft 10)."""

from collections.abc import Iterable, Mapping
from math import ceil

from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import EntitlementSnapshot
from domain.entitlements.usage import Counter

LARGEST = 10**15 - 1
"""That an integer of a structured field may be."""


def limit_headers(counters: Iterable[Counter], snapshot: EntitlementSnapshot) -> Mapping[str, str]:
    """Both headers, with an item for each limit that there is; nothing where use is unlimited.

    Beyond its limit nothing remains, also while grace or overage lets use pass.
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
    return f'"{counter.feature}";q={min(included, LARGEST)}{window}'


def _state(counter: Counter, included: int, standing: EntitlementBasis) -> str:
    left = min(max(0, included - counter.used), LARGEST)
    wait = ""
    if counter.ends is not None:
        wait = f";t={max(0, ceil((counter.ends - standing.moment).total_seconds()))}"
    return f'"{counter.feature}";r={left}{wait}'
