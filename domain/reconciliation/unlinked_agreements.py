"""Agreements at the provider that none of our subscriptions refers to: whether they are ours, and what is wrong."""

from collections.abc import Iterable, Sequence

from domain.catalog.plans import is_lookup_key
from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import ChargeOutcome
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Projection, billed_after_end, difference
from domain.subscription.state import Subscription


def of_unlinked_agreement(agreement: Agreement, kept: Iterable[Projection]) -> Discrepancy | None:
    """Classifies an unlinked agreement, given all subscriptions that may be related to it.

    Returns None if it is not ours, or if it is still undecided whether it will become active.
    """
    known = list(kept)
    owner = next((one.subscription for one in known if one.subscription.id == agreement.subscription), None)
    if owner is not None:
        return _of_owner(owner, agreement)
    if agreement.subscription:
        words = f"it is marked as subscription {agreement.subscription}, which is unknown here"
        return Discrepancy(DifferenceKind.UNKNOWN_AGREEMENT, words, agreement_ref=agreement.ref)
    theirs = [one.subscription for one in known if one.customer_ref == agreement.customer_ref]
    if not theirs or not _is_about_what_we_sell(agreement, theirs):
        return None
    words = "it belongs to our customer, but to none of their subscriptions: adopt it, or end it at the provider"
    return difference(theirs[0], DifferenceKind.UNKNOWN_AGREEMENT, words, agreement)


def _is_about_what_we_sell(agreement: Agreement, theirs: Sequence[Subscription]) -> bool:
    """True if it has a price of the customer's subscriptions, or one named like our catalog's.

    The account may be shared with another product, whose customers may also be ours.
    """
    ours = {item.lookup_key for each in theirs for item in each.items}
    products = {_product(name) for name in ours if is_lookup_key(name)}
    for item in agreement.items:
        if item.price_ref in ours or item.lookup_key in ours:
            return True
        if is_lookup_key(item.lookup_key) and (not products or _product(item.lookup_key) in products):
            return True
    return False


def _product(lookup_key: str) -> str:
    """The first word of the product's name, which the catalog's lookup keys begin with."""
    return lookup_key.partition("_")[0]


def _of_owner(owner: Subscription, agreement: Agreement) -> Discrepancy | None:
    if owner.is_over:
        return billed_after_end(owner, agreement)
    if agreement.state is AgreementState.UNBEGUN:
        # Nothing was paid and nothing is billed; the provider expires it within a day.
        return None
    if owner.agreement_ref:
        words = f"in addition to {owner.agreement_ref}, which is also billed: end one, refund what was charged twice"
        return difference(owner, DifferenceKind.TWO_AGREEMENTS, words, agreement)
    return _unheard(owner, agreement)


def _unheard(owner: Subscription, agreement: Agreement) -> Discrepancy | None:
    outcome = agreement.latest.outcome if agreement.latest is not None else None
    if outcome is ChargeOutcome.PENDING:
        return None
    words = f"live at the provider, but {owner.status} without an agreement here"
    if outcome is not ChargeOutcome.PAID:
        words += f"; its latest invoice is not paid ({outcome or 'there is none'}): end it at the provider"
        return difference(owner, DifferenceKind.AGREEMENT_UNHEARD, words, agreement, is_for_operator=True)
    if owner.is_free:
        words += (
            "; it was paid to leave the free plan, but for which plan is unknown: repeat the change to that plan,"
            " which adopts the payment, or end it at the provider and refund it"
        )
        return difference(owner, DifferenceKind.AGREEMENT_UNHEARD, words, agreement, is_for_operator=True)
    return difference(owner, DifferenceKind.AGREEMENT_UNHEARD, words, agreement)
