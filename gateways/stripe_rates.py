"""How fast an account may be asked (docs.stripe.com/rate-limits), and what follows from it for the whole fleet."""

from gateways.stripe_keys import is_live

LIVE_A_SECOND, TEST_A_SECOND = 100.0, 25.0
"""Requests that Stripe takes from an account, in live mode and in a sandbox."""
ONE_ENDPOINT_A_SECOND = 25.0
"""Requests to any one endpoint; calls of one kind are one endpoint, whichever object they name."""

CALLS_OF_ONE_STEP = 4
"""The most requests that a payment activity makes when nothing goes wrong, none of them twice at one endpoint."""
HEADROOM = 0.48
"""Steps that were saved up come at once: within a second twice the rate may begin, and that too must fit under the
limits. The rest is left to what the API asks and to repeats."""


def steps_a_second(api_key: str) -> float:
    """How many payment activities the fleet may begin in a second with a key of this mode."""
    in_all = LIVE_A_SECOND if is_live(api_key) else TEST_A_SECOND
    return HEADROOM * min(in_all / CALLS_OF_ONE_STEP, ONE_ENDPOINT_A_SECOND)
