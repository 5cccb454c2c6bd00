"""A step's facts of revenue are written with it, once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from domain.errors import Rejected
from domain.provider.payments import Decline
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription, Suspension, SuspensionKind
from tests.builders import NOW, PERIOD_END, a_recovery
from tests.storage.ledger import Ledger, a_step, later

DAY = timedelta(days=1)
YEAR = 12 * 4900


async def paying(ledger: Ledger, external_id: str = "ada") -> Subscription:
    """A subscription that has converted."""
    it = later(await ledger.sign_up(external_id), status=Status.ACTIVE, agreement_ref="sub_1")
    await ledger.save(a_step(it))
    return it


async def test_a_movement_has_everything_that_figures_are_made_of(ledger: Ledger) -> None:
    it = await paying(ledger)
    dearer = later(it, amount=9900, plan="professional", quantity=2, add_ons={"seat": 3}, catalog="shop_v2")
    await ledger.save(a_step(dearer, at=NOW + DAY))

    _, row = await ledger.rows("select * from mrr_movements order by sequence")

    assert row.pop("recorded_at") is not None
    assert {name: str(value) for name, value in row.items()} == {
        "subscription": it.id,
        "sequence": "3",
        "position": "0",
        "tenant": "default",
        "customer": it.customer,
        "at": str(NOW + DAY),
        "kind": "expansion",
        "delta": str(12 * 9900 - YEAR),
        "before": str(YEAR),
        "after": str(12 * 9900),
        "currency": "usd",
        "plan": "professional",
        "interval": "month",
        "quantity": "2",
        "add_ons": "{'seat': 3}",
        "catalog": "shop_v2",
        "from_plan": "starter",
        "from_interval": "month",
        "status_before": "active",
        "status_after": "active",
        "end_kind": "None",
        "reason_code": "",
    }


async def test_a_churn_has_its_kind_and_the_customers_reason(ledger: Ledger) -> None:
    it = await paying(ledger)
    over = later(it, status=Status.CANCELED, end_kind=EndKind.CUSTOMER, reason_code="unused", cancel_reason="bye")
    await ledger.save(a_step(over, at=NOW + DAY))

    [churn] = await ledger.rows("select kind, delta, end_kind, reason_code from mrr_movements where kind = 'churn'")
    assert churn == {"kind": "churn", "delta": -YEAR, "end_kind": "customer", "reason_code": "unused"}
    [outcome] = await ledger.rows("select * from subscription_outcomes")
    assert (outcome["first_paid_at"], outcome["ended_at"], outcome["end_kind"]) == (NOW, NOW + DAY, "customer")
    assert (outcome["trial_outcome"], outcome["reason_code"], outcome["comment"]) == ("converted", "unused", "bye")


async def test_a_step_that_is_refused_leaves_no_facts(ledger: Ledger) -> None:
    it = await paying(ledger)
    await ledger.save(a_step(later(it, status=Status.CANCELED)))
    await ledger.sign_up("ada")
    before = await ledger.everything()

    with pytest.raises(Rejected):
        await ledger.save(a_step(later(later(it))))

    assert await ledger.everything() == before


async def test_the_first_payment_of_a_subscription_stays_the_first(ledger: Ledger) -> None:
    it = await paying(ledger)
    owing = later(it, status=Status.PAST_DUE, recovery=a_recovery())
    await ledger.save(a_step(owing, at=NOW + DAY))
    await ledger.save(a_step(later(owing, status=Status.ACTIVE, recovery=None), at=NOW + 2 * DAY))

    [outcome] = await ledger.rows("select first_paid_at from subscription_outcomes")
    assert outcome["first_paid_at"] == NOW


async def test_a_former_customer_of_whom_no_movement_is_known_comes_back(ledger: Ledger) -> None:
    it = await paying(ledger)
    await ledger.save(a_step(later(it, status=Status.CANCELED)))
    # As for a life that ended before movements were recorded.
    await ledger.rewrite("delete from mrr_movements")

    again = await ledger.sign_up("ada")
    await ledger.save(a_step(later(again, status=Status.ACTIVE)))

    assert await ledger.rows("select kind from mrr_movements") == [{"kind": "reactivation"}]


async def test_a_payment_of_somebody_else_makes_nobody_a_former_customer(ledger: Ledger) -> None:
    await paying(ledger, "ada")
    await paying(ledger, "grace")

    assert await ledger.rows("select kind from mrr_movements") == [{"kind": "new"}] * 2


async def test_a_recovery_is_one_row_from_the_decline_to_its_end(ledger: Ledger) -> None:
    it = await paying(ledger)
    owing = later(it, status=Status.PAST_DUE, recovery=a_recovery(amount_due=4900, currency="usd"))
    twice = later(owing, recovery=a_recovery(tries=2, decline=Decline("expired_card"), since=NOW + DAY))
    paid = later(twice, status=Status.ACTIVE, recovery=None, period_end=PERIOD_END)
    for step in (owing, twice, owing, paid, twice):
        await ledger.save(a_step(step, at=NOW + step.sequence * DAY))

    [row] = await ledger.rows("select * from recoveries")
    assert (row["sequence"], row["began_at"], row["amount"], row["tries"]) == (3, NOW, 4900, 2)
    assert (row["decline_code"], row["outcome"], row["by"]) == ("expired_card", "recovered", "retry")
    assert row["ended_at"] == NOW + 5 * DAY

    await ledger.save(a_step(later(paid, status=Status.PAST_DUE, recovery=a_recovery()), at=NOW + 6 * DAY))
    rows = await ledger.rows("select sequence, outcome from recoveries order by sequence")
    assert rows == [{"sequence": 3, "outcome": "recovered"}, {"sequence": 6, "outcome": "open"}]


async def test_a_recovery_that_began_unrecorded_is_recorded_when_it_changes(ledger: Ledger) -> None:
    it = await paying(ledger)
    owing = later(it, status=Status.PAST_DUE, recovery=a_recovery())
    await ledger.save(a_step(owing))
    await ledger.run("delete from recoveries")

    await ledger.save(a_step(later(owing, recovery=a_recovery(tries=2))))
    await ledger.save(a_step(replace(owing, sequence=5, status=Status.CANCELED, recovery=None)))

    rows = await ledger.rows("select tries, outcome, began_at from recoveries")
    assert rows == [{"tries": 2, "outcome": "lost", "began_at": NOW}]


async def test_a_recovery_that_began_unrecorded_and_ends_is_recorded_with_its_end(ledger: Ledger) -> None:
    it = await paying(ledger)
    owing = later(it, status=Status.PAST_DUE, recovery=a_recovery())
    await ledger.save(a_step(owing))
    await ledger.run("delete from recoveries")

    paid = later(owing, status=Status.ACTIVE, recovery=None)
    for _ in range(2):
        await ledger.save(a_step(paid, at=NOW + DAY))

    rows = await ledger.rows("select sequence, outcome, began_at, ended_at from recoveries")
    assert rows == [{"sequence": 4, "outcome": "recovered", "began_at": NOW, "ended_at": NOW + DAY}]


async def test_who_is_reactivated_without_a_payment_has_two_recoveries(ledger: Ledger) -> None:
    it = await paying(ledger)
    owing = later(it, status=Status.PAST_DUE, recovery=a_recovery())
    held = Suspension(SuspensionKind.NONPAYMENT, NOW + DAY, "nonpayment", Status.PAST_DUE)
    suspended = later(owing, status=Status.SUSPENDED, suspension=held)
    back = later(suspended, status=Status.PAST_DUE, suspension=None, recovery=a_recovery(since=NOW + 2 * DAY))
    paid = later(back, status=Status.ACTIVE, recovery=None)
    read = 'select sequence, outcome, "by", began_at from recoveries order by sequence'
    waived = {"sequence": 3, "outcome": "waived", "by": "operator", "began_at": NOW}
    another = {"sequence": 5, "outcome": "open", "by": None, "began_at": NOW + 2 * DAY}

    for step in (owing, suspended, back, back):
        await ledger.save(a_step(step, at=NOW + step.sequence * DAY))
    assert await ledger.rows(read) == [waived, another]
    await ledger.save(a_step(paid, at=NOW + paid.sequence * DAY))

    assert await ledger.rows(read) == [waived, another | {"outcome": "recovered", "by": "retry"}]


async def test_a_waived_recovery_may_have_begun_unrecorded(ledger: Ledger) -> None:
    it = await paying(ledger)
    held = Suspension(SuspensionKind.NONPAYMENT, NOW + DAY, "nonpayment", Status.PAST_DUE)
    suspended = later(it, status=Status.SUSPENDED, suspension=held, recovery=a_recovery())
    await ledger.save(a_step(suspended))
    await ledger.run("delete from recoveries")

    back = later(suspended, status=Status.PAST_DUE, suspension=None, recovery=a_recovery(since=NOW + 2 * DAY))
    await ledger.save(a_step(back))

    rows = await ledger.rows("select sequence, outcome from recoveries order by sequence")
    assert rows == [{"sequence": 3, "outcome": "waived"}, {"sequence": 4, "outcome": "open"}]


async def test_who_first_pays_while_an_operator_has_suspended_them_is_new_once_they_are_back(ledger: Ledger) -> None:
    it = await ledger.sign_up("ada")
    held = Suspension(SuspensionKind.OPERATOR, NOW, "asked to wait", Status.TRIALING)
    suspended = later(it, status=Status.SUSPENDED, suspension=held)
    paid = later(suspended, agreement_ref="sub_1", suspension=replace(held, returns_to=Status.ACTIVE))
    back = later(paid, status=Status.ACTIVE, suspension=None)
    for step in (suspended, paid, back):
        await ledger.save(a_step(step, at=NOW + step.sequence * DAY))

    [outcome] = await ledger.rows("select trial_outcome, first_paid_at from subscription_outcomes")
    assert outcome == {"trial_outcome": "converted", "first_paid_at": NOW + paid.sequence * DAY}
    assert await ledger.rows("select kind from mrr_movements") == [{"kind": "new"}]


async def test_days_of_extensions_add_up(ledger: Ledger) -> None:
    it = await ledger.sign_up("ada")
    assert it.trial_ends_at is not None
    for days in (3, 4):
        it = later(it, trial_ends_at=it.trial_ends_at + days * DAY)
        step = a_step(it)
        await ledger.save(replace(step, entries=(replace(step.entries[0], kind="trial_extended"),)))

    [outcome] = await ledger.rows("select extended_days, trial_outcome from subscription_outcomes")
    assert outcome == {"extended_days": 7, "trial_outcome": "running"}


@pytest.mark.parametrize(
    "change", ["update mrr_movements set delta = 0", "delete from mrr_movements", "truncate mrr_movements"]
)
async def test_movements_refuse_to_be_changed_or_removed(ledger: Ledger, change: str) -> None:
    await paying(ledger)
    before = await ledger.everything()
    with pytest.raises(DBAPIError, match="movements of revenue are append-only"):
        await ledger.run(change)
    assert await ledger.everything() == before


async def test_movements_yield_when_a_customer_is_erased_on_purpose(ledger: Ledger) -> None:
    await paying(ledger)
    async with ledger.engine.begin() as connection:
        await connection.exec_driver_sql("set local tenure.erasing = 'yes'")
        await connection.exec_driver_sql("update mrr_movements set reason_code = ''")
        await connection.exec_driver_sql("delete from mrr_movements")
    assert await ledger.count("mrr_movements") == 0
