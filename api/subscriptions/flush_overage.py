"""Reports unreported overage to the provider before a change: no later invoice would include it."""

from api.subscriptions.command_context import CommandContext
from services.overage_report import report_overage


async def report_overage_first(context: CommandContext, subscription_id: str) -> None:
    """Report the customer's unreported overage, so that it lands on the next invoice.

    Failures are logged and do not block the change.

    Raises:
        Rejected: code `unknown_subscription`.
    """
    row = await context.row(subscription_id)
    await report_overage(
        context.dependencies.client,
        context.repositories.usage_reports,
        tenant=context.caller.tenant,
        external_id=row.external_id,
        subscription=subscription_id,
    )
