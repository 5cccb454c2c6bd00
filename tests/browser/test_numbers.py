"""The founder looks at the numbers, with scripts switched off."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause, CauseKind, Entry
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause, Subscription
from sandbox.stack import Stack
from storage.access.console_sessions import new_sign_in_link
from storage.access.operators import OperatorRole, Operators
from storage.access.tenants import Tenants
from tests.browser.conftest import Arrive
from tests.browser.visitor import Visitor
from tests.builders import PRO, a_recovery
from tests.harness.names import named_after
from tests.storage.ledger import Ledger, a_step, later

WORDS = {
    "mrr": "MRR by period",
    "customers": "Paying customers by period",
    "trials": "Conversion",
    "churn": "NRR",
    "recovery": "Rate by amount",
    "cancellations": "Save rate",
    "cohorts": "Their MRR, of what they began with",
    "usage": "Nine of ten",
}
"""What each report says, beside its figures."""
STATISTICS = text(
    "insert into usage_statistics (tenant, taken_at, plan, feature, customers, used, highest, near_limit, at_limit,"
    " active, limited, at_90, median, p90)"
    " values (:tenant, '2026-03-20T12:00Z', 'starter', 'runs', 9, 99, 30, 3, 1, 8, 6, 2, 5, 30)"
)


@pytest.fixture
async def tenant(stack: Stack, request: pytest.FixtureRequest) -> str:
    """A tenant of the story's own, of which nobody else's figures are."""
    name = named_after(request)
    await Tenants(stack.engine).add(name, name)
    return name


@pytest.fixture
async def founder(arrive: Arrive, stack: Stack, tenant: str) -> Visitor:
    """Somebody who may only read, signed in to the console."""
    operator, _ = await Operators(stack.engine).add(f"{tenant}@example.com", OperatorRole.READ_ONLY, tenant=tenant)
    visitor = await arrive()
    await visitor.opens(await new_sign_in_link(stack.engine, operator, stack.addresses.api_url))
    await visitor.presses("Sign in")
    return visitor


def on(month: int) -> datetime:
    return datetime(2026, month, 10, 12, tzinfo=UTC)


async def live(stack: Stack, tenant: str) -> None:
    """In January four pay; then one takes a larger plan, one pauses, one leaves, one cannot pay, and one tries."""
    ledger = Ledger(stack.engine)
    paid = {}

    async def step(after: Subscription, month: int) -> None:
        entry = Entry("signed_up", on(month), "", Cause(CauseKind.COMMAND))
        await ledger.save(a_step(after, at=on(month), entries=(entry,)))

    for name in ("ada", "bob", "eve", "lin"):
        begun = await ledger.newcomer(name, tenant)
        paid[name] = later(begun, status=Status.ACTIVE, agreement_ref=f"{tenant}_{name}")
        await step(begun, 1)
        await step(paid[name], 1)
    await step(later(paid["ada"]).choosing(PRO), 2)
    await step(later(paid["bob"], status=Status.PAUSED, pause=Pause(on(2))), 2)
    leaves: Any = {"end_kind": EndKind.CUSTOMER, "reason_code": "unused"}
    leaving = later(paid["eve"], cancel_at=on(3), **leaves)
    await step(leaving, 2)
    await step(later(leaving, status=Status.CANCELED), 3)
    await step(later(paid["lin"], status=Status.PAST_DUE, recovery=a_recovery(since=on(4), tries=2)), 4)
    await step(await ledger.newcomer("kim", tenant), 4)
    async with stack.engine.begin() as connection:
        await connection.execute(STATISTICS, {"tenant": tenant})


async def test_the_founder_reads_every_report(founder: Visitor, stack: Stack, tenant: str) -> None:
    await live(stack, tenant)

    await founder.presses("Numbers", "link")
    await founder.sees_here("numbers", "MRR at risk", "Quick ratio", "$248.00")
    await founder.presses("Movements", "link")
    await founder.page.locator("#from").fill("2026-01")
    await founder.page.locator("#to").fill("2026-04")
    await founder.presses("Show")
    await founder.sees_here("numbers of movements", "2026-03", "Contraction", "Subscriptions behind these figures")
    for report, words in WORDS.items():
        await founder.opens(f"/console/numbers/{report}?from=2026-01&to=2026-04")
        await founder.sees_here(f"numbers of {report}", "What the figures mean", words)
    await founder.opens("/console/numbers/churn")
    await founder.page.locator(".meanings summary").press("Enter")
    await founder.sees_here("numbers of churn with their meaning", "customers who churned")
    await founder.opens("/console/numbers/mrr?status=past_due")
    await founder.sees_here("numbers of a status", "$49.00")


async def test_what_cannot_be_read_is_said_at_its_field(founder: Visitor) -> None:
    await founder.opens("/console/numbers/churn")
    await founder.sees_here("numbers of nobody", "Nothing has been paid for in these periods.")
    await founder.page.locator("#from").fill("yesterday")
    await founder.presses("Show")

    await founder.sees_here("numbers of a period that is none", "Must be a year, a month or a day")
