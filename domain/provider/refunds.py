"""Refunds that are asked for here: how much of which charge goes back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from domain.errors import Rejected
from domain.money import Money, formatted

OVER_REFUND: Final = "over_refund"
DISPUTED: Final = "payment_disputed"
REFUND_LIMIT: Final = "refund_limit"


@dataclass(frozen=True)
class RefundOrder:
    """How much of what was paid with an invoice goes back, and who says so."""

    subscription: str
    invoice_ref: str
    amount: int | None
    """In minor units; None: all that is left."""
    key: str
    """Identifies the order, and is the same for a repeat: the key of the command."""
    actor: str
    at_most: int | None = None
    """No more may go back at once, in minor units; None: any amount."""


@dataclass(frozen=True)
class PaidCharge:
    """A charge that has paid an invoice, wholly or in part."""

    ref: str
    amount: int
    refunded: int
    """By whatever order, or without one."""
    currency: str
    by_this_order: int = 0
    """The part of it that an earlier attempt at the same order has given back."""

    @property
    def left(self) -> int:
        return max(0, self.amount - self.refunded)


@dataclass(frozen=True)
class RefundPart:
    """What goes back of one charge."""

    charge_ref: str
    amount: int


def check_allowed(amount: int, at_most: int | None, currency: str) -> None:
    """Rejects an amount above what the caller may give back at once.

    Raises:
        Rejected: code `refund_limit`.
    """
    if at_most is None or amount <= at_most:
        return
    if not at_most:
        raise Rejected("only admins may refund: the policy's refund_limit is 0", code=REFUND_LIMIT)
    limit, wanted = formatted(Money(at_most, currency)), formatted(Money(amount, currency))
    raise Rejected(f"operators may refund {limit} at once, and this would be {wanted}: ask an admin", code=REFUND_LIMIT)


def over_refund(invoice_ref: str) -> Rejected:
    """Returns what refuses to give back more than is left."""
    return Rejected(f"less than that is left to refund of what was paid with invoice {invoice_ref}", code=OVER_REFUND)


def disputed(invoice_ref: str) -> Rejected:
    """Returns what refuses to give back money that the customer's bank has taken back."""
    return Rejected(f"the payment of invoice {invoice_ref} is disputed, or was: the bank decides", code=DISPUTED)


def parts_of(order: RefundOrder, charges: Sequence[PaidCharge]) -> tuple[RefundPart, ...]:
    """Returns what still has to be given back, of which charge; empty: an earlier attempt has done it.

    Args:
        order: what is asked for.
        charges: the charges that have paid the invoice, as they are now; those to take it from first come first.

    Raises:
        Rejected: code `over_refund` or `refund_limit`; nothing is to be given back.
    """
    done, left = sum(charge.by_this_order for charge in charges), sum(charge.left for charge in charges)
    if not done and not left:
        raise Rejected(f"nothing is left to refund of invoice {order.invoice_ref}", code=OVER_REFUND)
    wanted = left if order.amount is None else order.amount - done
    if wanted > left:
        currency = charges[0].currency
        words = f"{formatted(Money(left, currency))} is left to refund of what was paid with it"
        raise Rejected(f"invoice {order.invoice_ref}: {words}", code=OVER_REFUND)
    if charges:
        check_allowed(done + wanted, order.at_most, charges[0].currency)
    return tuple(_split(wanted, charges))


def _split(wanted: int, charges: Sequence[PaidCharge]) -> Iterator[RefundPart]:
    for charge in charges:
        amount = min(wanted, charge.left)
        if amount > 0:
            yield RefundPart(charge.ref, amount)
            wanted -= amount
