"""Stripe's rate limits for an account (docs.stripe.com/rate-limits), and the rate they leave to the whole fleet."""

from gateways.stripe.keys import is_live

LIVE_A_SECOND, TEST_A_SECOND = 100.0, 25.0
"""Requests per second and account, in live mode and in a sandbox."""
ONE_ENDPOINT_A_SECOND = 25.0
"""Requests per second to one endpoint, whichever object they name."""

MAX_CALLS_PER_STEP = 4
"""The most requests of a payment activity without errors, at most one per endpoint."""
HEADROOM = 0.48
"""Queued steps start in bursts of up to twice the rate within a second, and those must fit under the limits too. The
rest is left to the API and to retries."""

LIVE_REPORTS_AT_ONCE, TEST_REPORTS_AT_ONCE = 20, 1
"""Concurrent usage reports. Live mode has a separate limit of 1000 a second, and each report takes a tenth of a second
or more; in a sandbox they count as ordinary requests."""

QUESTIONS = 0.2
"""The share of all API processes together. What their callers wait for goes through no queue."""

RECONCILIATION = 0.03
"""The share of all reconciliations together. Their activities make many requests each, so that the queue's rate does
not hold them."""


def steps_a_second(api_key: str) -> float:
    """How many payment activities the fleet may start per second with this key."""
    in_all = LIVE_A_SECOND if is_live(api_key) else TEST_A_SECOND
    return HEADROOM * min(in_all / MAX_CALLS_PER_STEP, ONE_ENDPOINT_A_SECOND)


def questions_a_second(api_key: str, processes: int) -> float:
    """How many requests one of this many API processes may send per second with this key."""
    return QUESTIONS * (LIVE_A_SECOND if is_live(api_key) else TEST_A_SECOND) / processes


def comparisons_a_second(api_key: str) -> float:
    """How many requests all reconciliations of the fleet may send per second with this key."""
    return RECONCILIATION * (LIVE_A_SECOND if is_live(api_key) else TEST_A_SECOND)


def reports_at_once(api_key: str) -> int:
    """How many usage reports may run concurrently with this key."""
    return LIVE_REPORTS_AT_ONCE if is_live(api_key) else TEST_REPORTS_AT_ONCE
