"""The provider's state in short: without what the request says, and without what the latest invoice says twice.

Each renewal leaves one in its workflow's history, for as long as the run is open.
"""

from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from json import dumps

from domain.provider.payments import Card, Charge, Invoice, ProviderState


@dataclass(frozen=True)
class KnownState:
    """What both sides know: who asks, and who answers."""

    customer_ref: str
    agreement_ref: str
    card: str = ""
    """The digest of the card on file (`digest_of`); empty: there is none."""


def digest_of(card: Card | None) -> str:
    """Returns a digest that identifies the card and its details; empty: there is no card."""
    return sha256(dumps(asdict(card), sort_keys=True).encode()).hexdigest()[:16] if card is not None else ""


def shortened(state: ProviderState, known: KnownState) -> ProviderState:
    """Leave out what `completed` puts back; nothing, if it could not put back all."""
    latest, card = state.latest, state.card
    if latest is None or latest.invoice is None or card is None or digest_of(card) != known.card:
        return state
    invoice = replace(latest.invoice, total=None, amount_due=None, amount_paid=None)
    charge = replace(latest, invoice=invoice, agreement_ref="", period_start=None, period_end=None, paid_with="")
    short = replace(state, customer_ref="", card=None, latest=charge, is_short=True)
    return short if asdict(completed(short, known, card)) == asdict(state) else state


def completed(state: ProviderState, known: KnownState, card: Card | None) -> ProviderState:
    """Put back what `shortened` left out for the same request; *card* is the one on file then."""
    if not state.is_short or state.latest is None or state.latest.invoice is None or card is None:
        return state
    latest = _completed(state.latest, state.latest.invoice, known.agreement_ref, card.ref)
    return replace(state, customer_ref=known.customer_ref, card=card, latest=latest, is_short=False)


def _completed(charge: Charge, invoice: Invoice, agreement_ref: str, card_ref: str) -> Charge:
    paid = invoice.amount
    return replace(
        charge,
        invoice=replace(invoice, total=paid, amount_due=paid, amount_paid=paid),
        agreement_ref=agreement_ref,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        paid_with=card_ref,
    )
