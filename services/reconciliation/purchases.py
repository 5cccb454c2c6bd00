"""Finds purchases that were completed at the provider and that nobody has taken over."""

import logging
from datetime import UTC, datetime, timedelta

from domain.errors import GatewayUnavailable
from domain.provider.ports import CompletedPurchases
from domain.purchases.ports import PurchaseState, StoredPurchase, StoredPurchases
from domain.purchases.refusals import WHY
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.ports import Comparison, MailInspector, Page

LOOK_BACK = timedelta(days=3)
"""Pages opened this long ago are looked at: they are open for a day at most."""
STUCK_AFTER = timedelta(hours=1)

_log = logging.getLogger("tenure.purchases")


class PurchaseInspection:
    """Lists purchases with the mails: implements the port `MailInspector`, whose first page they are on."""

    def __init__(
        self, mails: MailInspector, pages: CompletedPurchases, stored: StoredPurchases, comparison: Comparison
    ) -> None:
        self._mails = mails
        self._pages = pages
        self._stored = stored
        self._comparison = comparison

    async def mails(self, after: str | None) -> Page:
        """The stuck mails of the next subscriptions; the first page also has the purchases that need attention.

        Raises:
            GatewayUnavailable: Temporal or the database did not respond.
        """
        page = await self._mails.mails(after)
        if after is not None:
            return page
        found = (
            *page.found,
            *await self.unknown(),
            *[_of_stuck(each) for each in await self._stored.stuck(STUCK_AFTER)],
        )
        return Page(found, page.next_cursor, page.compared, page.not_ours, page.under_way)

    async def unknown(self) -> list[Discrepancy]:
        """Completed purchases that are not known here; known ones that wait are looked at next by the sweep.

        Empty if the provider does not respond: that is reported where agreements are compared.
        """
        found: list[Discrepancy] = []
        since, cursor = datetime.now(UTC) - LOOK_BACK, None
        try:
            while True:
                listed = await self._pages.completed_purchases(since, cursor)
                refs = [each.ref for each in listed.purchases]
                await self._stored.look_soon(refs)
                known = await self._stored.known(refs)
                for each in listed.purchases:
                    if each.ref not in known and await self._comparison.one(each.subscription) is None:
                        words = f"purchase {each.ref} was completed for subscription {each.subscription}, unknown here"
                        found.append(Discrepancy(DifferenceKind.PURCHASE_UNKNOWN, words, agreement_ref=each.ref))
                cursor = listed.next_cursor
                if cursor is None:
                    return found
        except GatewayUnavailable as error:
            _log.warning("completed purchases could not be listed: %s", error)
            return found


def _of_stuck(purchase: StoredPurchase) -> Discrepancy:
    doing = f"to be undone ({WHY[purchase.code]})" if purchase.state is PurchaseState.REFUSING else "to begin"
    words = (
        f"purchase {purchase.page.ref} of subscription {purchase.sign_up.subscription} was completed more than an hour "
        f"ago and is still {doing}: the log of `tenure.purchases` and the sweep say why"
    )
    tenant, page = purchase.sign_up.tenant, purchase.page.ref
    return Discrepancy(DifferenceKind.PURCHASE_WAITING, words, agreement_ref=page, tenant=tenant)
