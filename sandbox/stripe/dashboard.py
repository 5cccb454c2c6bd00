"""What banks, customers and the people at Stripe's dashboard do, as the sandbox and the tests bid them."""

from collections.abc import Mapping, Sequence

from sandbox.stripe import checkout, customers, disputes, reversals
from sandbox.stripe.clock import Clocks
from sandbox.stripe.disputes import Turn
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.events import shown
from sandbox.stripe.payment_methods import change_expiry, default_of
from sandbox.stripe.store import Object, Store
from sandbox.stripe.world import World


class Dashboard:
    """The part of the simulator that acts without a call of the API's."""

    _store: Store
    _clocks: Clocks
    _world: World

    def set_card_answers(self, customer: str, answers: Sequence[str]) -> None:
        """How the card on file answers its next charges; the last answer stays.

        A customer who has no card yet, or has not been here yet, gets them for the first one.

        Raises:
            ValueError: an answer is neither `ok` nor a decline code of Stripe.

        """
        with self._store.transaction():
            self._world.bank.instruct(customer, self._card_on_file(customer), answers)

    def _known(self, customer: str) -> list[str]:
        """The Stripe ids of a customer that there is."""
        known = [each for each in self._clocks.stripe_ids(customer) if self._store.get(each, "customer") is not None]
        if not known:
            raise LookupError(
                f"Stripe knows no customer {customer!r}: give the external_id (or Stripe id) of one who has given a "
                "card or been sent to a checkout"
            )
        return known

    def _card_on_file(self, customer: str) -> str | None:
        for stripe_id in self._clocks.stripe_ids(customer):
            owner = self._store.get(stripe_id, "customer")
            if owner is None:
                continue
            running = [
                each
                for each in self._store.find("subscription", customer=stripe_id)
                if each["status"] not in ("canceled", "incomplete_expired")
            ]
            method = default_of(self._world, owner, running[0] if running else None)
            if method is not None:
                return str(method["id"])
        return None

    def edit_customer(self, customer: str, told: Mapping[str, str]) -> Object:
        """Somebody edits the customer in Stripe's dashboard.

        Raises:
            LookupError: Stripe knows no such customer.

        """
        with self._store.transaction():
            return shown(customers.update(self._world, {"customer": self._known(customer)[-1]}, dict(told)))

    def customer(self, customer: str) -> Object:
        """The customer as Stripe shows them.

        Raises:
            LookupError: Stripe knows no such customer.

        """
        return shown(self._world.named("customer", self._known(customer)[-1]))

    def dispute(self, customer: str, turn: str = Turn.OPENED) -> Object:
        """The customer's bank disputes the latest paid charge, or goes on with what it has begun (see `Turn`).

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: no charge of theirs can go back, no dispute can be closed, or there is no such turn.

        """
        with self._store.transaction():
            return shown(disputes.take(self._world, customer, self._known(customer), Turn(turn)))

    def refund(self, customer: str, amount: int | None = None) -> Object:
        """Somebody refunds the latest paid charge in Stripe's dashboard; all that is left of it, or *amount*.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: no charge of theirs can go back, or not as much.

        """
        with self._store.transaction():
            charge = reversals.latest_paid_charge(self._world, customer, self._known(customer))
            left = charge["amount"] - charge["amount_refunded"]
            if amount is not None and not 0 < amount <= left:
                raise ValueError(f"{amount} cannot be refunded: {left} is left of the charge, in cents")
            return shown(reversals.refund_charge(self._world, charge, amount or left, {}))

    def set_card_expiry(self, customer: str, month: int, year: int, *, announced: bool) -> Object:
        """Give the card on file another date; with an event when it is *announced*, as an automatic update is.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: they have no card on file.

        """
        with self._store.transaction():
            self._known(customer)
            card = self._card_on_file(customer)
            if card is None:
                raise ValueError(f"{customer!r} has no card on file")
            return shown(change_expiry(self._world, card, month, year, announced=announced))

    def complete_checkout(self, session_id: str, payment_method: str = "pm_card_visa") -> Object:
        """What a customer does on the checkout page; done twice it is done once.

        Raises:
            StripeFailure: the session is unknown or expired, or the bank declines the card.

        """
        refusal: StripeFailure | None = None
        with self._store.transaction():
            try:
                return shown(checkout.complete(self._world, session_id, payment_method))
            except StripeFailure as failure:
                if not failure.keeps:
                    raise
                refusal = failure
        raise refusal
