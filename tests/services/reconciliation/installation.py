"""An installation with one customer, in which one thing differs; and what an hourly run or a pass finds of it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from temporalio.client import Client

from domain.provider.agreements import ALL_AGREEMENTS, Agreement, AgreementFilter, AgreementPage
from domain.provider.payments import Invoice
from domain.provider.purchases import Purchase, PurchaseList
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.passes import (
    DELTA_OF_OURS,
    DELTA_OF_PROVIDER,
    SHARD_OF_OURS,
    SHARD_OF_PROVIDER,
    SHARDS,
    Walk,
    ids_of_shard,
    shard_of_agreement,
)
from domain.reconciliation.ports import Walked, WalkRequest
from domain.subscription.agenda import Action, Due
from domain.subscription.state import Subscription
from services.reconciliation.inspection import Inspection
from services.reconciliation.pages import Pages
from services.reconciliation.purchases import PurchaseInspection
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from services.reconciliation.stuck_mails import StuckMailsInspection
from storage.compared_rows import SubscriptionPages
from storage.purchases import PurchaseRecords
from storage.reconciliation import Reconciliations
from tests.builders import a_paid_subscription, an_agreement
from tests.contracts.in_memory.looks import is_among
from tests.services.reconciliation.temporal import Runs
from tests.storage.ledger import Ledger, a_step

NOW = datetime.now(UTC)
SINCE = NOW - timedelta(hours=4)
LONG_AGO, LATELY, SOON = NOW - timedelta(days=40), NOW - timedelta(hours=1), NOW + timedelta(days=3)
A_PASS_AGO = NOW - timedelta(hours=24)

_BE_LATE = (
    "update subscriptions set next_actions ="
    " jsonb_build_array(jsonb_build_object('at', now() - interval '2 hours', 'action', 'cancel', 'why', 'due'))"
)


class Provider:
    """Its agreements, newest first; those that are over are not listed."""

    def __init__(self) -> None:
        self.agreements: list[Agreement] = []
        self.purchases: tuple[Purchase, ...] = ()
        self.calls = 0
        self.listed: list[str] = []

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        self.calls += 1
        live = [
            each
            for each in sorted(self.agreements, key=lambda each: each.created_at, reverse=True)
            if not each.is_over and is_among(each.created_at, each.period_start or each.created_at, among)
        ]
        refs = [each.ref for each in live]
        begin = refs.index(cursor) + 1 if cursor is not None else 0
        more = begin + limit < len(live)
        self.listed += refs[begin : begin + limit]
        return AgreementPage(tuple(live[begin : begin + limit]), refs[begin + limit - 1] if more else None)

    async def find(self, agreement_ref: str) -> Agreement | None:
        self.calls += 1
        return next((each for each in self.agreements if each.ref == agreement_ref), None)

    async def completed_purchases(self, _since: datetime, _cursor: str | None) -> PurchaseList:
        return PurchaseList(self.purchases)

    async def invoices(self, agreement_ref: str, customer_ref: str, since: datetime) -> Sequence[Invoice]:
        raise AssertionError("nothing is healed")

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        raise AssertionError("nothing is claimed")


class Installation:
    """Provider, database and workflows. Nothing has changed lately, and nothing is late."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.provider = Provider()
        self.runs = Runs()
        self.rows = SubscriptionPages(ledger.engine)
        self.comparison = Reconciliations(ledger.engine)
        client = cast("Client", self.runs)
        purchases = PurchaseRecords(ledger.engine)
        inspection = Inspection(client, self.provider, self.comparison, self.rows, purchases, second_look_delay=0)
        mails = StuckMailsInspection(client, self.comparison)
        self.pages = Pages(
            inspection,
            self.provider,
            self.comparison,
            self.rows,
            PurchaseInspection(mails, self.provider, purchases, self.comparison),
            RunningWorkflowsInspection(client, inspection),
        )
        self.ids: list[str] = []

    async def subscription(self, external_id: str = "ada", **changes: Any) -> Subscription:
        """A subscription as the database has it, whose workflow shows the same."""
        it = replace(a_paid_subscription(id=str(uuid4()), settled_invoice="in_1"), created_at=LONG_AGO)
        facts: dict[str, Any] = {"period_start": LONG_AGO, "customer": await self.ledger.customer(external_id)}
        it = replace(it, **(facts | changes))
        await self.ledger.save(a_step(it, ahead=(Due(SOON, Action.CANCEL, "it is due"),)))
        await self.ledger.records.remember_wallet(it.customer, "cus_1")
        settled = Invoice("in_1", "T-1", "paid", 4900, "usd", "https://pay.example/in_1", paid_at=LONG_AGO)
        await self.comparison.record_invoices(it, [settled])
        self.ids.append(it.id)
        if not it.is_over:
            self.runs.running[it.id] = it
        return it

    async def agree(self, it: Subscription, **changes: Any) -> Agreement:
        """Its agreement as the provider has it, which the last pass has met."""
        agreement = replace(an_agreement(subscription=it.id, created_at=LONG_AGO, period_start=LONG_AGO), **changes)
        self.provider.agreements.append(agreement)
        await self.met(it)
        return agreement

    async def met(self, it: Subscription) -> None:
        await self.rows.mark_seen({it.id: shard_of_agreement(LONG_AGO)}, A_PASS_AGO)

    async def begin_period(self) -> None:
        """Have a period of each agreement begin lately."""
        self.provider.agreements = [replace(each, period_start=LATELY) for each in self.provider.agreements]

    async def be_late(self) -> None:
        """Have the next action of each subscription be late."""
        await self.ledger.run(_BE_LATE)

    async def found_hourly(self) -> list[Discrepancy]:
        """What an hourly run finds beside its shard."""
        return await self.found(Walk((*DELTA_OF_PROVIDER, *DELTA_OF_OURS)))

    async def found_by_pass(self) -> list[Discrepancy]:
        """What the shards of a day find."""
        return [
            each
            for shard in self._shards()
            for each in await self.found(Walk((*SHARD_OF_PROVIDER, *SHARD_OF_OURS), shard))
        ]

    async def found(self, walk: Walk, *, without_provider: bool = False) -> list[Discrepancy]:
        walked = Walked(walk)
        began = datetime.now(UTC)
        while not walked.walk.is_done:
            request = WalkRequest(walked.walk, began, SINCE, without_provider=without_provider)
            walked = walked.with_page(await self.pages.page(request))
        return list(walked.found)

    def _shards(self) -> set[int]:
        """Those that have anything in them."""
        return {shard_of_agreement(LONG_AGO)} | {n for n in range(SHARDS) for id_ in self.ids if is_in(id_, n)}


def is_in(subscription: str, shard: int) -> bool:
    first, last = ids_of_shard(shard)
    return first <= subscription <= last


def kinds(found: Sequence[Discrepancy]) -> set[DifferenceKind]:
    return {each.kind for each in found}
