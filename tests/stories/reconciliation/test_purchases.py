"""Purchases that were completed at Stripe and that nobody has taken over."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from domain.errors import GatewayForbidden
from domain.provider.agreements import ALL_AGREEMENTS, Agreement, AgreementFilter, AgreementPage
from domain.provider.payments import Invoice
from domain.purchases.ports import PurchaseState
from domain.reconciliation.differences import DifferenceKind
from domain.reconciliation.ports import Page
from sandbox.stack import Stack
from services.reconciliation.inspection import Inspection
from services.reconciliation.purchases import PurchaseInspection
from storage.compared_rows import SubscriptionPages
from storage.purchases import PurchaseRecords
from storage.reconciliation import Reconciliations
from tests.harness.buyers import Buyer
from tests.harness.permissions import withheld

pytestmark = pytest.mark.usefixtures("healed")


class OneAgreement:
    """All that Stripe has is this agreement."""

    def __init__(self, stack: Stack, ref: str) -> None:
        self._agreements = stack.provider.agreements
        self._ref = ref

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        found = await self._agreements.find(self._ref)
        return AgreementPage((found,) if found else ())

    async def find(self, agreement_ref: str) -> Agreement | None:
        return await self._agreements.find(agreement_ref)

    async def invoices(self, agreement_ref: str, customer_ref: str, since: datetime) -> Sequence[Invoice]:
        raise AssertionError("nothing is recorded")

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        raise AssertionError("nothing is claimed")


class NoMails:
    async def mails(self, cursor: str | None) -> Page:
        return Page((), None)


def inspection(stack: Stack) -> PurchaseInspection:
    comparison = Reconciliations(stack.engine)
    return PurchaseInspection(NoMails(), stack.provider.purchases, PurchaseRecords(stack.engine), comparison)


@pytest.mark.usefixtures("unheard")
async def test_reconciliation_finds_what_was_completed_unheard_and_what_nobody_knows(
    buyer: Buyer, stack: Stack
) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    lost = Buyer(stack, buyer.product, f"{buyer.name}-lost")
    await lost.opens()
    await lost.completes()
    async with lost.forgotten():
        found = (await inspection(stack).mails(None)).found
    await buyer.purchases.sweep(5)

    assert {each.agreement_ref for each in found if each.kind is DifferenceKind.PURCHASE_UNKNOWN} >= {lost.ref}
    assert buyer.ref not in {each.agreement_ref for each in found}
    assert await (await buyer.begun()).status() == ("active", "full")


@pytest.mark.usefixtures("unheard")
async def test_an_agreement_that_waits_to_be_taken_over_is_no_stranger(buyer: Buyer, stack: Stack) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    agreement = (await buyer.purchases.pages.purchase(buyer.ref)).agreement_ref
    comparison, stored = Reconciliations(stack.engine), PurchaseRecords(stack.engine)

    async def strangers() -> set[str]:
        one, rows = OneAgreement(stack, agreement), SubscriptionPages(stack.engine)
        look = Inspection(stack.client, one, comparison, rows, stored, second_look_delay=0)
        listed = (await one.page(None)).agreements
        return {each.agreement_ref for each in (await look.of_listed(listed, datetime.now(UTC))).found}

    assert await strangers() == set()
    async with buyer.forgotten():
        assert await strangers() == {agreement}


@pytest.mark.usefixtures("unheard")
async def test_a_purchase_that_cannot_be_taken_over_for_an_hour_is_listed(buyer: Buyer, stack: Stack) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    [customer] = await buyer.stripe_customers()
    with withheld("POST", f"/v1/customers/{customer}"), pytest.raises(GatewayForbidden):
        await buyer.purchases.settle(buyer.ref)
    await buyer.waited("2 hours")

    [found] = [each for each in (await inspection(stack).mails(None)).found if each.agreement_ref == buyer.ref]

    assert found.kind is DifferenceKind.PURCHASE_WAITING
    assert "still to begin" in found.details
    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.BEGUN
