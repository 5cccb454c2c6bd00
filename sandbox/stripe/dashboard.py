"""Actions of banks, customers and Stripe's dashboard, triggered by the sandbox and by tests."""

from collections.abc import Mapping, Sequence

from sandbox.stripe import customers, disputes, invoices, reversals
from sandbox.stripe.checkout_completion import BillingDetails, complete
from sandbox.stripe.clock import Clocks
from sandbox.stripe.disputes import Turn
from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.events import shown
from sandbox.stripe.payment_methods import change_expiry, default_of
from sandbox.stripe.store import Object, Store
from sandbox.stripe.world import World


class Dashboard:
    """The part of the simulator that acts without an API call."""

    _store: Store
    _clocks: Clocks
    _world: World

    def set_card_answers(self, customer: str, answers: Sequence[str]) -> None:
        """Set how the card on file answers its next charges; the last answer stays.

        For a customer without a card, or not yet known, they apply to the first card.

        Raises:
            ValueError: an answer is neither `ok` nor a decline code of Stripe.

        """
        with self._store.transaction():
            self._world.bank.instruct(customer, self._card_on_file(customer), answers)

    def _known(self, customer: str) -> list[str]:
        """The Stripe ids of an existing customer."""
        known = [each for each in self._clocks.stripe_ids(customer) if self._store.get(each, "customer") is not None]
        if not known:
            raise LookupError(
                f"Stripe knows no customer {customer!r}: use the external_id (or Stripe id) of one who has added a "
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

    def edit_customer(self, customer: str, changes: Mapping[str, str]) -> Object:
        """Edit the customer in Stripe's dashboard.

        Raises:
            LookupError: Stripe knows no such customer.

        """
        with self._store.transaction():
            return shown(customers.update(self._world, {"customer": self._known(customer)[-1]}, dict(changes)))

    def customer(self, customer: str) -> Object:
        """The customer, as Stripe returns them.

        Raises:
            LookupError: Stripe knows no such customer.

        """
        return shown(self._world.named("customer", self._known(customer)[-1]))

    def dispute(self, customer: str, turn: str = Turn.OPENED) -> Object:
        """Let the customer's bank dispute the latest paid charge, or continue its dispute (see `Turn`).

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: no charge can be disputed, no dispute can be closed, or the turn is unknown.

        """
        with self._store.transaction():
            return shown(disputes.take(self._world, customer, self._known(customer), Turn(turn)))

    def refund(self, customer: str, amount: int | None = None) -> Object:
        """Refund the latest paid charge in Stripe's dashboard: *amount*, or the rest of it.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: no charge can be refunded, or not as much.

        """
        with self._store.transaction():
            charge = reversals.latest_paid_charge(self._world, customer, self._known(customer))
            left = charge["amount"] - charge["amount_refunded"]
            if amount is not None and not 0 < amount <= left:
                raise ValueError(f"{amount} cannot be refunded: {left} is left of the charge, in cents")
            return shown(reversals.refund_charge(self._world, charge, amount or left, {}))

    def void_invoice(self, customer: str) -> Object:
        """Void the latest open invoice in Stripe's dashboard.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: they have no open invoice.

        """
        return self._close_invoice(customer, "void")

    def write_off_invoice(self, customer: str) -> Object:
        """Mark the latest open invoice as uncollectible in Stripe's dashboard: its page still takes the money.

        Raises:
            LookupError: Stripe knows no such customer.
            ValueError: they have no open invoice.

        """
        return self._close_invoice(customer, "uncollectible")

    def _close_invoice(self, customer: str, status: str) -> Object:
        with self._store.transaction():
            for stripe_id in self._known(customer):
                for invoice in self._store.find("invoice", customer=stripe_id):
                    if invoice["status"] == "open":
                        invoices.close(self._world, invoice, status)
                        return shown(invoice)
            raise ValueError(f"{customer!r} has no open invoice")

    def set_card_expiry(self, customer: str, month: int, year: int, *, announced: bool) -> Object:
        """Change the expiry date of the card on file; *announced*: with an event, like an automatic update.

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

    def complete_checkout(
        self, session_id: str, payment_method: str = "pm_card_visa", details: BillingDetails | None = None
    ) -> Object:
        """Complete the checkout page, as the customer does. Idempotent.

        Raises:
            StripeFailure: the session is unknown or expired, or the bank declines the card.

        """
        refusal: StripeFailure | None = None
        with self._store.transaction():
            try:
                return shown(complete(self._world, session_id, payment_method, details))
            except StripeFailure as failure:
                if not failure.keeps:
                    raise
                refusal = failure
        raise refusal
