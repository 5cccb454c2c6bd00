"""`tenure usage report`: reports overage to the payment provider now."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter
from temporalio.client import Client

from activities.metering import Reported
from configuration.loading import Process, load_settings
from domain.audit import AuditTarget
from domain.errors import Malformed
from domain.names import DEFAULT_TENANT, report_usage_workflow_id
from domain.provider.overage_usage import UnreportedUsage
from domain.subscription.command_keys import hashed
from storage.access.tenants import Tenants
from storage.usage.overage_reports import UsageReports
from tenure.cli.audited import noted
from tenure.cli.connections import database, temporal
from tenure.cli.tables import aligned
from tenure.cli.workflow_runs import outcome, started
from workflows.usage_report import ReportUsageWorkflow

SHOWN = 100


def report(
    *,
    again: Annotated[bool, Parameter(negative="")] = False,
    billed: str | None = None,
    unbilled: str | None = None,
    tenant: str = DEFAULT_TENANT,
) -> None:
    """Report overage to the payment provider, and list what could not be reported.

    Safe to repeat: nothing is billed twice. Exits with status 1 when something is left to an operator.

    Parameters
    ----------
    again
        Report refused usage again, after the cause is fixed.
    billed
        The key of a usage with outcome `unknown` that the provider has: it is not reported again.
    unbilled
        The key of a usage with outcome `unknown` that the provider lacks: it is reported again.
    tenant
        Whose usage is listed and decided on; overage of every tenant is reported.
    """
    done, left = asyncio.run(_report(tenant, again=again, billed=billed, unbilled=unbilled))
    for line in table(left):
        print(line)
    print(f"{done.reported} usages reported, {done.unanswered} without an answer, {len(left)} left to an operator")
    if left:
        sys.exit(1)


async def _report(
    tenant: str, *, again: bool, billed: str | None, unbilled: str | None
) -> tuple[Reported, list[UnreportedUsage]]:
    settings = load_settings(Process.USAGE_REPORT)
    client = await temporal(settings)
    async with database(settings) as engine:
        await Tenants(engine).check(tenant)
        reports = UsageReports(engine)
        if again:
            async with noted(engine, "usage report --again", tenant=tenant):
                await reports.try_refused_again(tenant=tenant)
        for field, key in (("billed", billed), ("unbilled", unbilled)):
            if key is not None:
                # Products may have put something into their keys that names a customer.
                target = AuditTarget("usage", hashed(key))
                async with noted(engine, f"usage report --{field}", target, tenant=tenant):
                    await _resolve(reports, key, field, tenant)
        done = await run_now(client)
        return done, await reports.unreported(limit=SHOWN, tenant=tenant)


async def _resolve(reports: UsageReports, key: str, field: str, tenant: str) -> None:
    if not await reports.resolve(key, is_billed=field == "billed", tenant=tenant):
        raise Malformed(f"no usage {key!r} waits for an operator", field=field)


async def run_now(client: Client) -> Reported:
    """Report unreported overage, or join a manual run in progress.

    Raises:
        GatewayUnavailable: no worker answers, or it could not be brought to its end.
    """
    handle = await started(
        client,
        ReportUsageWorkflow.run,
        workflow_id=report_usage_workflow_id(),
        summary="Report of billed use asked for by an operator",
        at_most=timedelta(hours=3),
    )
    return await outcome(handle, ReportUsageWorkflow.so_far, "the report")


def table(left: Sequence[UnreportedUsage]) -> list[str]:
    """One line per usage that waits for an operator, with the reason."""
    if not left:
        return []
    heads = ("OUTCOME", "KEY", "CUSTOMER", "FEATURE", "QUANTITY", "AT", "WHY")
    rows = [
        (
            each.trouble.value,
            each.key,
            each.customer,
            each.feature,
            str(each.quantity),
            f"{each.at:%Y-%m-%d %H:%M:%S}Z",
            each.why,
        )
        for each in left
    ]
    return aligned(heads, rows)
