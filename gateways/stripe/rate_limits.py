"""How fast an account may be asked (docs.stripe.com/rate-limits), and what follows from it for the whole fleet."""

from gateways.stripe.keys import is_live

LIVE_A_SECOND, TEST_A_SECOND = 100.0, 25.0
"""Requests that Stripe takes from an account, in live mode and in a sandbox."""
ONE_ENDPOINT_A_SECOND = 25.0
"""Requests to any one endpoint; calls of one kind are one endpoint, whichever object they name."""

CALLS_OF_ONE_STEP = 4
"""The most requests that a payment activity makes when nothing goes wrong, none of them twice at one endpoint."""
HEADROOM = 0.48
"""Steps that were saved up come at once: within a second twice the rate may begin, and that too must fit under the
limits. The rest is left to what the API asks and to repeats."""

LIVE_REPORTS_AT_ONCE, TEST_REPORTS_AT_ONCE = 20, 1
"""Calls that tell of use. In live mode they have a limit of their own, 1000 a second, and each takes a tenth of one or
more; in a sandbox they are requests like all others."""


def steps_a_second(api_key: str) -> float:
    """How many payment activities the fleet may begin in a second with a key of this mode."""
    in_all = LIVE_A_SECOND if is_live(api_key) else TEST_A_SECOND
    return HEADROOM * min(in_all / CALLS_OF_ONE_STEP, ONE_ENDPOINT_A_SECOND)


def reports_at_once(api_key: str) -> int:
    """How many uses may be told side by side with a key of this mode."""
    return LIVE_REPORTS_AT_ONCE if is_live(api_key) else TEST_REPORTS_AT_ONCE
