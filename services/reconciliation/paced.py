"""What reconciliation asks the provider, each call charged to the budget of all reconciliations."""

from collections.abc import Sequence
from datetime import datetime

from domain.provider.agreements import ALL_AGREEMENTS, Agreement, AgreementFilter, AgreementPage
from domain.provider.payments import Invoice
from domain.provider.ports import Agreements, CompletedPurchases
from domain.provider.purchases import PurchaseList
from domain.reconciliation.ports import CallBudget


class PacedAgreements:
    """The port `Agreements`, at the pace of a budget."""

    def __init__(self, agreements: Agreements, budget: CallBudget) -> None:
        self._agreements = agreements
        self._budget = budget

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        await self._budget.take()
        return await self._agreements.page(cursor, limit=limit, among=among)

    async def find(self, agreement_ref: str) -> Agreement | None:
        await self._budget.take()
        return await self._agreements.find(agreement_ref)

    async def invoices(self, agreement_ref: str, customer_ref: str, since: datetime) -> Sequence[Invoice]:
        await self._budget.take()
        return await self._agreements.invoices(agreement_ref, customer_ref, since)

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        await self._budget.take()
        await self._agreements.claim(agreement_ref, subscription, key=key)


class PacedPurchases:
    """The port `CompletedPurchases`, at the pace of a budget."""

    def __init__(self, purchases: CompletedPurchases, budget: CallBudget) -> None:
        self._purchases = purchases
        self._budget = budget

    async def completed_purchases(self, since: datetime, cursor: str | None) -> PurchaseList:
        await self._budget.take()
        return await self._purchases.completed_purchases(since, cursor)
