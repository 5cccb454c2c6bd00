"""Agreements at the provider that no subscription of ours names: whether they have to do with us, and what they are."""

from collections.abc import Iterable, Sequence

from domain.catalog.plans import is_lookup_key
from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import ChargeOutcome
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Projection, billed_after_end, difference
from domain.subscription.state import Subscription


def of_stray(agreement: Agreement, kept: Iterable[Projection]) -> Discrepancy | None:
    """What an agreement is that no subscription of ours names, given all of ours that may have to do with it.

    None: nothing of it is ours, or it is not decided yet whether it comes about.
    """
    known = list(kept)
    owner = next((one.subscription for one in known if one.subscription.id == agreement.subscription), None)
    if owner is not None:
        return _of_owner(owner, agreement)
    if agreement.subscription:
        words = f"it says that it is of subscription {agreement.subscription}, of which nothing is known here"
        return Discrepancy(DifferenceKind.UNKNOWN_AGREEMENT, words, agreement_ref=agreement.ref)
    theirs = [one.subscription for one in known if one.customer_ref == agreement.customer_ref]
    if not theirs or not _is_about_what_we_sell(agreement, theirs):
        return None
    words = "it is of a customer of ours and of none of their subscriptions: adopt it, or end it at the provider"
    return difference(theirs[0], DifferenceKind.UNKNOWN_AGREEMENT, words, agreement)


def _is_about_what_we_sell(agreement: Agreement, theirs: Sequence[Subscription]) -> bool:
    """Whether it is about what the customer has of us, or names a price as our catalog does.

    The account may be another product's as well, and a customer of both is billed for both.
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
    """The first word of the product's name, with which the catalog's names begin."""
    return lookup_key.partition("_")[0]


def _of_owner(owner: Subscription, agreement: Agreement) -> Discrepancy | None:
    if owner.is_over:
        return billed_after_end(owner, agreement)
    if agreement.state is AgreementState.UNBEGUN:
        # Nothing was paid and nothing is billed; the provider lets it lapse within a day.
        return None
    if owner.agreement_ref:
        words = f"besides {owner.agreement_ref}, which is billed as well: end one, refund what was taken twice"
        return difference(owner, DifferenceKind.TWO_AGREEMENTS, words, agreement)
    return _unheard(owner, agreement)


def _unheard(owner: Subscription, agreement: Agreement) -> Discrepancy | None:
    outcome = agreement.latest.outcome if agreement.latest is not None else None
    if outcome is ChargeOutcome.PENDING:
        return None
    words = f"begun at the provider, {owner.status} without one here"
    if outcome is not ChargeOutcome.PAID:
        words += f"; its newest bill is not paid ({outcome or 'there is none'}): end it at the provider"
        return difference(owner, DifferenceKind.AGREEMENT_UNHEARD, words, agreement, is_for_operator=True)
    if owner.is_free:
        words += (
            "; it was paid for as the free plan was left, and to what is not known: change to that plan again, which"
            " takes the payment over, or end it at the provider and refund"
        )
        return difference(owner, DifferenceKind.AGREEMENT_UNHEARD, words, agreement, is_for_operator=True)
    return difference(owner, DifferenceKind.AGREEMENT_UNHEARD, words, agreement)
