"""Which agreements created elsewhere can be adopted, and in which state."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from configuration.catalog_file import load_catalog
from domain.catalog.features import Overage
from domain.catalog.plans import Catalog, Interval, Item
from domain.errors import Rejected
from domain.imports.adoption import (
    NotAdoptable,
    Owner,
    PriceMap,
    adoptable,
    adopted,
    check,
    check_as_judged,
    check_customer,
    handed_over,
)
from domain.money import Money
from domain.provider.agreements import AgreedItem, Agreement, AgreementState, KnownCustomer
from domain.provider.payments import Card, ChargeOutcome
from domain.reconciliation.differences import of_agreement
from domain.subscription.journal import TrialClaim
from domain.subscription.lifecycle import Status
from tests.builders import CAUSE, NOW, PERIOD_END, TRIAL_END, VISA, a_declined_charge, a_paid_charge

CATALOG = load_catalog(Path(__file__).parents[3] / "catalogs" / "manufacturing.yaml")
OWNER = Owner("default", "5c1f2f0e-0000-4000-8000-000000000001", "5c1f2f0e-0000-4000-8000-00000000000c")
ADA = KnownCustomer("cus_1", "ada@example.com", "Ada", "en")


def an_item(code: str = "starter", **changes: Any) -> AgreedItem:
    named = AgreedItem(f"price_{code}", f"manufacturing_{code}_month_v1", 1, 4900, "usd", "month")
    return replace(named, **changes)


def an_agreement(*items: AgreedItem, **changes: Any) -> Agreement:
    paid_up: dict[str, Any] = {"period_start": NOW, "period_end": PERIOD_END, "latest": a_paid_charge("in_1")}
    return Agreement(
        "sub_1", "cus_1", AgreementState.BILLING, items or (an_item(),), NOW - timedelta(days=300), **paid_up | changes
    )


def in_trial(**changes: Any) -> Agreement:
    return replace(an_agreement(trial_ends_at=TRIAL_END), state=AgreementState.IN_TRIAL, **changes)


def owing(**changes: Any) -> Agreement:
    return replace(an_agreement(latest=a_declined_charge()), state=AgreementState.OWING, **changes)


def reasons(agreement: Agreement, prices: PriceMap | None = None) -> tuple[str, ...]:
    with pytest.raises(NotAdoptable) as refused:
        check(agreement, CATALOG, prices or PriceMap(), NOW)
    assert refused.value.code == "not_adoptable"
    return refused.value.reasons


def test_an_adopted_price_stays_whatever_the_catalog_says() -> None:
    agreement = an_agreement(
        an_item(unit_amount=3900, quantity=2, lookup_key="manufacturing_starter_month_v7"),
        an_item("users", unit_amount=400, quantity=3),
    )

    selection = check(agreement, CATALOG, PriceMap(), NOW)

    assert (selection.plan, selection.plan_name, selection.interval) == ("starter", "Starter", Interval.MONTH)
    assert (selection.quantity, selection.add_ons, selection.total.amount) == (2, {"users": 3}, 9000)
    assert selection.items == (Item("manufacturing_starter_month_v7", 2), Item("manufacturing_users_month_v1", 3))


def by_use(key: str = "manufacturing_starter_runs_overage_month_v1") -> AgreedItem:
    return AgreedItem("price_runs", key, 0, 25, "usd", "month", is_by_use=True)


def with_overage() -> Catalog:
    starter = replace(CATALOG.plans["starter"], overage={"runs": Overage(Money(25, "usd"))})
    return replace(CATALOG, plans={**CATALOG.plans, "starter": starter}, version=2)


def test_metered_items_are_adopted_without_a_quantity_in_any_version() -> None:
    agreement = an_agreement(an_item(), by_use())

    selection = check(agreement, with_overage(), PriceMap(), NOW)

    assert selection.items[-1] == Item("manufacturing_starter_runs_overage_month_v1", 0)
    assert (selection.total.amount, len(selection.items)) == (4900, 2)
    check_as_judged(in_trial(items=agreement.items), selection.items, TRIAL_END, None, NOW)
    with pytest.raises(Rejected, match="items or its hold"):
        check_as_judged(in_trial(items=agreement.items[:1]), selection.items, TRIAL_END, None, NOW)


def test_missing_or_foreign_usage_prices_prevent_adoption() -> None:
    with pytest.raises(NotAdoptable, match="add the price manufacturing_starter_runs_overage_month_v2"):
        check(an_agreement(), with_overage(), PriceMap(), NOW)
    assert reasons(an_agreement(an_item(), by_use())) == (
        "manufacturing_starter_runs_overage_month_v1 is billed by usage, but its plan has no such overage",
    )


def test_a_price_of_others_is_known_by_the_map_and_kept_by_its_id() -> None:
    prices = PriceMap({"price_a": "professional"}, {"price_b": "users"})
    plan = an_item(price_ref="price_a", lookup_key="gold", unit_amount=15000)
    agreement = an_agreement(plan, an_item(price_ref="price_b", lookup_key="", quantity=2))

    selection = check(agreement, CATALOG, prices, NOW)

    assert (selection.plan, selection.add_ons) == ("professional", {"users": 2})
    assert selection.items == (Item("price_a", 1), Item("price_b", 2))


@pytest.mark.parametrize(
    ("agreement", "reason"),
    [
        (an_agreement(an_item("gold")), "price_gold (manufacturing_gold_month_v1) is not in the catalog"),
        (an_agreement(an_item(), an_item("professional")), "it has 2 plans, not one"),
        (an_agreement(an_item("users")), "it has 0 plans, not one"),
        (an_agreement(an_item(), an_item("users"), an_item("users")), "two lines for the same add-on"),
        (an_agreement(an_item(interval="week")), "billed every 1 weeks"),
        (an_agreement(an_item(interval_count=3)), "billed every 3 months"),
        (an_agreement(an_item(), an_item("users", interval="year")), "different billing intervals"),
        (an_agreement(an_item(currency="eur")), "in eur, the catalog in usd"),
        (an_agreement(an_item(unit_amount=0)), "it costs nothing"),
        (an_agreement(an_item(unit_amount=60_000_000, quantity=2)), "more than can be charged at once"),
        (an_agreement(an_item(quantity=0)), "its plan starter has no quantity"),
        (an_agreement(hindrances=("it has a discount",)), "it has a discount"),
        (an_agreement(is_held=True), "billing is on hold"),
        (an_agreement(period_end=None), "it has no period"),
        (an_agreement(ends_at=PERIOD_END + timedelta(days=9)), "which is not the end of its period"),
        (replace(an_agreement(), state=AgreementState.UNBEGUN), "its first invoice was not paid"),
        (replace(an_agreement(), state=AgreementState.STOPPED), "the provider has stopped billing it"),
        (replace(an_agreement(), state=AgreementState.ENDED), "it is over"),
        (owing(latest=a_paid_charge()), "what it owes is not its latest invoice"),
        (owing(latest=a_declined_charge(outcome=ChargeOutcome.PENDING, decline=None)), "being paid right now"),
        (owing(ends_at=PERIOD_END), "it owes an invoice and is set to end"),
        (in_trial(trial_ends_at=NOW + timedelta(minutes=59)), "its trial ends within the hour"),
        (in_trial(ends_at=PERIOD_END), "which is not the end of its trial"),
        (in_trial(items=(an_item(is_sold=False),)), "is archived"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_what_cannot_be_continued_is_refused_with_the_reason(agreement: Agreement, reason: str) -> None:
    assert reason in "; ".join(reasons(agreement))


def test_all_reasons_are_reported_together() -> None:
    agreement = an_agreement(an_item(currency="eur", interval="week"), is_held=True)

    assert len(reasons(agreement)) == 3


def test_an_id_that_looks_like_our_lookup_key_cannot_be_mapped() -> None:
    item = an_item(price_ref="gold_month_v1", lookup_key="")

    assert (
        "gold_month_v1 is not in the catalog" in reasons(an_agreement(item), PriceMap({"gold_month_v1": "starter"}))[0]
    )


@pytest.mark.parametrize(
    ("customer", "card", "reason"),
    [
        (None, VISA, "its customer was deleted"),
        (replace(ADA, email=""), VISA, "no mail address"),
        (ADA, None, "no card is on file"),
        (ADA, Card("pm_1", "sepa_debit", "", 0, 0), "paid by sepa_debit, not by a card"),
    ],
)
def test_a_customer_who_cannot_be_reached_or_charged_is_left(
    customer: KnownCustomer | None, card: Card | None, reason: str
) -> None:
    with pytest.raises(NotAdoptable, match=reason):
        check_customer(an_agreement(), customer, card)


def test_a_trial_needs_no_card() -> None:
    assert check_customer(in_trial(), ADA, None) == ADA


def test_a_paid_up_agreement_keeps_its_state_and_is_checked_immediately() -> None:
    agreement = an_agreement(ends_at=PERIOD_END)

    it = adoptable(agreement, OWNER, VISA, check(agreement, CATALOG, PriceMap(), NOW), CATALOG, NOW)

    assert (it.id, it.customer, it.tenant) == (OWNER.subscription, OWNER.customer, "default")
    assert (it.status, it.period_start, it.period_end, it.ask_at) == (Status.ACTIVE, NOW, PERIOD_END, NOW)
    assert (it.customer_ref, it.agreement_ref, it.card, it.settled_invoice) == ("cus_1", "sub_1", VISA, "in_1")
    assert (it.cancel_at, it.amount, it.recent_tries) == (PERIOD_END, 4900, ())


def test_an_owing_agreement_has_nothing_settled_and_counts_attempts_of_others() -> None:
    agreement = owing()

    it = adoptable(agreement, OWNER, VISA, check(agreement, CATALOG, PriceMap(), NOW), CATALOG, NOW)

    assert (it.status, it.settled_invoice, it.recent_tries) == (Status.ACTIVE, "", (NOW,))


@pytest.mark.parametrize(("status", "waived"), [("uncollectible", ("in_1",)), ("void", ())])
def test_an_agreement_whose_invoice_was_written_off_may_still_pay_it(status: str, waived: tuple[str, ...]) -> None:
    latest = a_paid_charge("in_1", outcome=ChargeOutcome.GONE)
    assert latest.invoice is not None
    agreement = an_agreement(latest=replace(latest, invoice=replace(latest.invoice, status=status)))

    it = adoptable(agreement, OWNER, VISA, check(agreement, CATALOG, PriceMap(), NOW), CATALOG, NOW)

    assert (it.settled_invoice, it.waived_invoices) == ("in_1", waived)


def test_a_trial_keeps_its_end_and_counts_as_one() -> None:
    agreement = in_trial()

    it = adoptable(agreement, OWNER, None, check(agreement, CATALOG, PriceMap(), NOW), CATALOG, NOW)
    step = adopted(replace(it, agreement_ref=""), "sub_1", NOW, CAUSE)

    assert (it.status, it.trial_ends_at, it.period_end, it.agreement_ref) == (
        Status.TRIALING,
        TRIAL_END,
        None,
        "sub_1",
    )
    assert step.trial == TrialClaim()
    assert (step.subscription.sequence, step.mails) == (1, ())
    assert step.entries[0].summary == "Taken over: the trial of Starter that ends 2026-03-16T12:00:00Z"
    assert step.entries[0].details == {"agreement": "sub_1"}


@pytest.mark.parametrize(
    ("agreement", "code"),
    [
        (in_trial(), None),
        (None, "trial_changed"),
        (replace(in_trial(), state=AgreementState.ENDED), "trial_changed"),
        (replace(in_trial(), state=AgreementState.BILLING, trial_ends_at=None), "trial_changed"),
        (in_trial(trial_ends_at=TRIAL_END + timedelta(days=1)), "trial_changed"),
        (in_trial(ends_at=TRIAL_END), "trial_changed"),
        (in_trial(is_held=True), "trial_changed"),
        (in_trial(items=(an_item(quantity=2),)), "trial_changed"),
        (in_trial(items=(an_item("professional"),)), "trial_changed"),
    ],
)
def test_a_trial_that_changed_since_its_check_is_left_to_the_provider(
    agreement: Agreement | None, code: str | None
) -> None:
    items = check(in_trial(), CATALOG, PriceMap(), NOW).items
    if code is None:
        check_as_judged(agreement, items, TRIAL_END, None, NOW)
        return
    with pytest.raises(Rejected) as refused:
        check_as_judged(agreement, items, TRIAL_END, None, NOW)
    assert refused.value.code == code


def test_a_trial_that_is_about_to_end_is_left_to_the_provider() -> None:
    items = check(in_trial(), CATALOG, PriceMap(), NOW).items
    with pytest.raises(Rejected, match="within the hour"):
        check_as_judged(in_trial(), items, TRIAL_END, None, TRIAL_END + timedelta(minutes=1))


def test_a_trial_stays_with_the_provider_until_it_has_ended_there() -> None:
    agreement = in_trial()
    it = adoptable(agreement, OWNER, VISA, check(agreement, CATALOG, PriceMap(), NOW), CATALOG, NOW)
    begun = adopted(it, it.agreement_ref, NOW, CAUSE).subscription
    assert begun.trial_is_elsewhere
    assert list(of_agreement(begun, agreement)) == []

    step = handed_over(begun, NOW, CAUSE)

    assert not step.subscription.trial_is_elsewhere
    assert (step.subscription.status, step.subscription.agreement_ref) == (Status.TRIALING, "")
    assert [entry.details for entry in step.entries] == [{"agreement": "sub_1"}]
