"""Finds queued mails that nothing sends."""

from datetime import timedelta

from temporalio.client import Client

from domain.money import Money, formatted
from domain.names import mail_workflow_id
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.passes import PAGE
from domain.reconciliation.ports import Comparison, Page, RevenueDifference, StuckMails
from domain.subscription.contact_changes import UNUSABLE_ADDRESS, CustomerProblem
from services.delivery_starter import DeliveryStatus, delivery_status

STUCK_AFTER = timedelta(hours=1)


class StuckMailsInspection:
    """Finds mails that stay queued although nothing sends them."""

    def __init__(self, client: Client, comparison: Comparison) -> None:
        self._client = client
        self._comparison = comparison

    async def mails(self, after: str | None) -> Page:
        """The stuck mails of the next subscriptions; the first page also has customers that need attention.

        Raises:
            GatewayUnavailable: Temporal or the database did not respond.
        """
        queued = await self._comparison.stuck_mails(after, waiting_for=STUCK_AFTER, limit=PAGE)
        found = [each for one in queued for each in await self._stuck(one)]
        if after is None:
            found += [_of_customer(each) for each in await self._comparison.customer_problems()]
        return Page(tuple(found), queued[-1].subscription if len(queued) == PAGE else None)

    async def _stuck(self, queued: StuckMails) -> list[Discrepancy]:
        statuses = {mail: await delivery_status(self._client, mail_workflow_id(mail)) for mail in queued.mails}
        ended, lost = (
            tuple(mail for mail, found in statuses.items() if found is status)
            for status in (DeliveryStatus.ENDED, DeliveryStatus.LOST)
        )
        findings = (
            (DifferenceKind.MAIL_STUCK, lost, "nothing sends them"),
            (DifferenceKind.MAIL_UNSENT, ended, "their deliveries have ended: check their results in Temporal"),
        )
        return [
            Discrepancy(
                kind,
                f"queued for more than an hour, and {why}: {', '.join(mails)}",
                queued.subscription,
                tenant=queued.tenant,
                mails=mails,
            )
            for kind, mails, why in findings
            if mails
        ]


def _of_customer(customer: CustomerProblem) -> Discrepancy:
    if customer.code == UNUSABLE_ADDRESS:
        kind, problem = (
            DifferenceKind.ADDRESS_UNUSABLE,
            "has an address at the provider that no mail can be sent to: change it there",
        )
    else:
        kind, problem = (
            DifferenceKind.CUSTOMER_NOT_TOLD,
            f"cannot be changed at the provider ({customer.code}): retried every hour",
        )
    text = f"customer {customer.customer} {problem}"
    return Discrepancy(kind, text, customer.subscription, customer.customer_ref, customer.tenant)


def of_revenue(it: RevenueDifference) -> Discrepancy:
    """The difference that is listed for it."""
    recorded, worth = (formatted(Money(amount, it.currency)) for amount in (it.recorded, it.worth))
    text = f"its movements add up to {recorded} a year, and it is worth {worth}"
    return Discrepancy(DifferenceKind.REVENUE_DIFFERS, text, it.subscription, tenant=it.tenant)
