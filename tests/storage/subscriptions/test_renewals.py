"""Renewals that are recorded where they are read, on PostgreSQL."""

from domain.subscription import renewals
from domain.subscription.policy import DEFAULT_POLICY
from storage.subscriptions.renewals import RenewalRecords
from tests.contracts.database import PostgresDatabase, signed_up
from tests.domain.subscription.test_renewals import CAUSE, RENEWS, a_state, a_subscription, expected
from tests.harness.trial_key import TRIAL_KEY
from tests.storage.ledger import Ledger, a_step


async def test_a_renewal_of_an_erased_customer_is_left_to_its_workflow(ledger: Ledger) -> None:
    first = await signed_up(PostgresDatabase(ledger))
    it = a_subscription(id=first.id, customer=first.customer, sequence=2)
    await ledger.save(a_step(it))
    step = renewals.plain(it, DEFAULT_POLICY, a_state(), RENEWS, CAUSE)
    assert step is not None
    await ledger.run("update customers set erased_at = now()")
    before = await ledger.everything()

    assert await RenewalRecords(ledger.engine, TRIAL_KEY).save_renewal(step, expected(it)) is None
    assert await ledger.everything() == before
