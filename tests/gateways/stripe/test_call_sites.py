"""Every call site of Stripe in the gateway can be found, so that none stays untested.

A run of the whole suite fails for a call that no test makes (`tests/harness/stripe_coverage.py`).
"""

import stripe

from gateways.stripe.provider import stripe_provider
from tests.harness.stripe_call_sites import all_sites, never_called, noted
from tests.harness.stripe_sdk import described


def test_every_call_is_spelled_out_from_the_client_on() -> None:
    """Otherwise nobody could tell which one it is."""
    sites = all_sites()

    assert [str(site) for site in sites if not site.steps] == []
    assert {site.steps for site in sites} >= {
        ("subscriptions", "update_async"),
        ("checkout", "sessions", "create_async"),
    }


def test_the_sdk_describes_more_calls_than_are_made() -> None:
    assert ("post", "/v1/checkout/sessions") in described()
    assert len(described()) > len(all_sites())


async def test_a_call_that_is_made_is_noted_and_all_others_are_not(client: stripe.StripeClient) -> None:
    lines: set[tuple[str, int]] = set()

    with noted(lines):
        assert await stripe_provider(client).agreements.find("sub_of_nobody") is None

    made = set(all_sites()) - set(never_called(lines))
    assert {(site.module, site.steps) for site in made} == {("agreements.py", ("subscriptions", "retrieve_async"))}
