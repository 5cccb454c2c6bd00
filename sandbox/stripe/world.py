"""The context of every operation."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe.cards import Bank
from sandbox.stripe.clock import TEST_CLOCK, Clocks
from sandbox.stripe.errors import missing_resource
from sandbox.stripe.events import Events
from sandbox.stripe.store import Object, Store

NOUNS = {
    "payment_method": "PaymentMethod",
    "checkout.session": "checkout.session",
    "billing_portal.configuration": "configuration",
    "payment_intent": "payment_intent",
    "setup_intent": "setupintent",
    TEST_CLOCK: "test_clock",
    "billing.meter": "meter",
}
"""The name of an object in Stripe's `No such ...`, if it is not its type."""


@dataclass
class World:
    store: Store
    clocks: Clocks
    events: Events
    bank: Bank
    finalize_after: int
    """Seconds between a renewal's draft invoice and its charge."""

    deepest_expansion: int | None = None
    """Maximum levels of an `expand[]`."""

    on_advancing: Callable[[], None] = lambda: None
    """Called when a test clock has work to do."""

    base_url: str = "http://stripe.invalid"

    def now(self, customer: str | None) -> int:
        return int(self.clocks.now(customer).timestamp())

    def named(self, kind: str, reference: str, *, param: str = "id", status: int = 404) -> Object:
        """The object with this id.

        Raises:
            StripeFailure: it does not exist; *status* is 404 for an id in the path and 400 for one in a parameter.

        """
        thing = self.store.get(reference, kind)
        if thing is None:
            raise missing_resource(NOUNS.get(kind, kind), reference, param=param, status=status)
        return thing

    def given(self, kind: str, reference: str, param: str) -> Object:
        """The object in the parameter *param*."""
        return self.named(kind, reference, param=param, status=400)
