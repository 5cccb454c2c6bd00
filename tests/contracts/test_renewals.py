"""Renewals that are recorded where they are read: by the activity, in the real database and in the one in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.payments import PaymentActivities
from activities.renewals import CloseRequest, Reading, RenewalActivities, RenewRequest
from domain.errors import GatewayUnavailable
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from domain.provider.payments import ProviderState
from domain.subscription import renewals
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.renewals import ExpectedRenewal, Renewal
from domain.subscription.state import Subscription
from tests.builders import MASTERCARD
from tests.contracts.database import Database, signed_up
from tests.domain.subscription.test_renewals import CAUSE, RENEWS, a_charge, a_state, a_subscription, expected
from tests.storage.ledger import a_step, later


@dataclass
class Provider:
    """Implements `domain.provider.ports.Billing` as far as it is read."""

    state: ProviderState = field(default_factory=a_state)
    readings: int = 0

    @property
    def billing(self) -> "Provider":
        return self

    async def provider_state(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
        self.readings += 1
        return self.state


@dataclass
class Dispatcher:
    """Implements `domain.subscription.ports.Dispatcher`; while it is down, nothing is taken."""

    is_down: bool = False
    taken: list[Occasion] = field(default_factory=list)

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        if self.is_down:
            raise GatewayUnavailable("Temporal does not respond")
        self.taken += [each.occasion for each in mails]

    async def dispatch_again(self, mail: QueuedMail) -> None:
        await self.dispatch([mail])

    async def start_customer_sync(self, customer: str) -> None:
        raise NotImplementedError


class Renewing:
    """A subscription that has been paid up, and the activities of its renewal."""

    def __init__(self, database: Database, it: Subscription) -> None:
        self.database, self.it = database, it
        self.provider, self.dispatcher = Provider(), Dispatcher()
        payments = PaymentActivities(self.provider, database.records)  # type: ignore[arg-type]  # only billing
        self.activities = RenewalActivities(payments, database.records, database.renewals, self.dispatcher)
        self.expected = expected(it)

    @classmethod
    async def begun(cls, database: Database) -> "Renewing":
        first = await signed_up(database)
        it = a_subscription(id=first.id, customer=first.customer, sequence=2)
        await database.records.save(a_step(it))
        return cls(database, it)

    async def renew(self, it: ExpectedRenewal | None = None) -> Reading:
        request = RenewRequest(it or self.expected, DEFAULT_POLICY, RENEWS)
        return await ActivityEnvironment().run(self.activities.renew, request)

    async def close(self) -> Renewal | None:
        request = CloseRequest(self.expected, renewals.closed(self.it, DEFAULT_POLICY))
        return await ActivityEnvironment().run(self.activities.close, request)

    async def kinds(self) -> list[tuple[int, str]]:
        stored = await self.database.stored()
        return [(sequence, kind) for _, sequence, position, kind in stored.journal if position == 0]

    async def recorded(self) -> Subscription:
        return (await self.database.stored()).subscriptions[self.it.id]


async def test_a_plain_renewal_is_recorded_as_the_workflow_would_record_it(database: Database) -> None:
    renewing = await Renewing.begun(database)

    reading = await renewing.renew()

    assert reading.renewal is not None
    assert await renewing.recorded() == renewals.renewed(renewing.it, reading.renewal)
    left = await database.stored()
    step = renewals.plain(renewing.it, DEFAULT_POLICY, a_state(), RENEWS, CAUSE)
    assert step is not None
    await database.records.save(step)
    assert await database.stored() == left
    assert [kind for _, kind in await renewing.kinds()] == ["noted", "noted", "renewed"]
    assert (renewing.dispatcher.taken, left.invoices) == ([Occasion.RECEIPT], {"in_2": ("paid", 4900)})
    assert [kind for _, at, kind in left.events if at == 3] == ["invoice.paid", "subscription.renewed"]


async def test_an_attempt_that_died_after_it_had_recorded_is_repeated_with_the_same_answer(database: Database) -> None:
    renewing = await Renewing.begun(database)
    renewing.dispatcher.is_down = True
    with pytest.raises(ApplicationError):
        await renewing.renew()
    left = await database.stored()

    renewing.dispatcher.is_down = False
    renewing.provider.state = a_state(a_charge(is_of_change=True), card=MASTERCARD)
    first, second = await renewing.renew(), await renewing.renew()

    assert first == second
    assert first.renewal is not None
    assert await renewing.recorded() == renewals.renewed(renewing.it, first.renewal)
    assert await database.stored() == left
    assert set(renewing.dispatcher.taken) == {Occasion.RECEIPT}
    assert renewing.provider.readings == 1


async def test_what_is_not_plain_is_only_read(database: Database) -> None:
    renewing = await Renewing.begun(database)
    renewing.provider.state = a_state(a_charge({"discount": 100}))
    before = await database.stored()

    reading = await renewing.renew()

    assert reading.renewal is None
    assert reading.state is not None
    assert await database.stored() == before


@pytest.mark.parametrize("changes", [{"sequence": 1}, {"sequence": 3}, {"card": MASTERCARD}, {"id": "other"}])
async def test_a_workflow_with_another_state_than_the_database_records_itself(
    database: Database, changes: dict[str, Any]
) -> None:
    renewing = await Renewing.begun(database)
    before = await database.stored()
    id_ = "5c1f2f0e-0000-4000-8000-0000000000aa" if "id" in changes else renewing.it.id

    reading = await renewing.renew(expected(replace(renewing.it, **(changes | {"id": id_}))))

    assert reading == Reading()
    assert (await database.stored(), renewing.provider.readings) == (before, 0)


async def test_a_step_that_is_recorded_while_the_provider_is_read_comes_first(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing = await Renewing.begun(database)
    canceled = later(renewing.it, cancel_at=renewing.it.period_end)
    read = renewing.provider.provider_state

    async def meanwhile(*references: str) -> ProviderState:
        await database.records.save(a_step(canceled))
        return await read(*references)

    monkeypatch.setattr(renewing.provider, "provider_state", meanwhile)

    reading = await renewing.renew()

    assert reading.renewal is None
    assert reading.state is not None
    assert await renewing.recorded() == canceled


async def test_a_renewal_that_is_closed_is_never_recorded(database: Database) -> None:
    renewing = await Renewing.begun(database)
    step = renewals.plain(renewing.it, DEFAULT_POLICY, a_state(), RENEWS, CAUSE)
    assert step is not None

    assert await renewing.close() is None
    assert await renewing.close() is None

    left = await database.stored()
    assert await database.renewals.save_renewal(step, renewing.expected) is None
    assert (await renewing.renew()).renewal is None
    assert await database.stored() == left
    assert left.subscriptions[renewing.it.id] == later(renewing.it)


async def test_a_renewal_that_was_recorded_before_it_was_closed_is_found(database: Database) -> None:
    renewing = await Renewing.begun(database)
    reading = await renewing.renew()
    left = await database.stored()

    assert await renewing.close() == reading.renewal

    assert await database.stored() == left
    assert renewing.dispatcher.taken == [Occasion.RECEIPT, Occasion.RECEIPT]


async def test_a_workflow_that_is_older_than_the_database_closes_nothing(database: Database) -> None:
    renewing = await Renewing.begun(database)
    await database.records.save(a_step(later(renewing.it)))

    with pytest.raises(ApplicationError) as caught:
        await renewing.close()

    assert caught.value.type == "workflow_behind"


async def test_nothing_is_known_of_a_subscription_that_is_not_stored(database: Database) -> None:
    renewing = await Renewing.begun(database)

    assert await database.renewals.latest_step("5c1f2f0e-0000-4000-8000-0000000000aa") is None
    found = await database.renewals.latest_step(renewing.it.id)
    assert found is not None
    assert found.entry is not None
    assert (found.subscription, found.entry.summary) == (renewing.it, "step 2")
