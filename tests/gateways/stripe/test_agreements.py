"""Subscriptions at Stripe as reconciliation reads them: page by page, whoever owns them."""

from typing import Any

import pytest

from domain.provider.agreements import Agreement, AgreementState
from domain.provider.payments import ChargeOutcome
from gateways.stripe.agreements import agreement_of
from gateways.stripe.mapping import moment
from tests.gateways.rig import StripeRig


async def all_pages(rig: StripeRig, limit: int) -> list[list[Agreement]]:
    pages, cursor = [], None
    while True:
        page = await rig.provider.agreements.page(cursor, limit=limit)
        pages.append(list(page.agreements))
        if page.next_cursor is None:
            return pages
        cursor = page.next_cursor


async def test_all_that_are_not_over_come_page_by_page_each_once(rig: StripeRig) -> None:
    sold = [(await rig.sold(name))[1].agreement_ref for name in ("ada", "bob", "cai", "dee", "eve")]
    await rig.provider.billing.end(sold[1], "", key="end")

    pages = await all_pages(rig, limit=2)

    assert [[each.ref for each in page] for page in pages] == [[sold[4], sold[3]], [sold[2], sold[0]]]
    assert (await all_pages(rig, limit=100))[0] == [each for page in pages for each in page]


async def test_an_agreement_in_a_list_has_the_same_latest_invoice_as_on_its_own(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()

    ((listed,),) = await all_pages(rig, limit=100)

    assert listed == await rig.provider.agreements.find(begun.agreement_ref)
    assert (listed.customer_ref, listed.subscription, listed.state) == (
        wallet.customer_ref,
        "s",
        AgreementState.BILLING,
    )
    assert listed.latest is not None
    assert listed.latest.outcome is ChargeOutcome.PAID
    assert (listed.is_held, listed.ends_at) == (False, None)


async def test_what_is_owed_held_and_ending_shows(rig: StripeRig) -> None:
    _, agreement, bill = await rig.owing()
    await rig.provider.billing.hold(agreement, True, key="hold")
    await rig.provider.billing.end_at_period_end(agreement, True, key="ends")

    ((listed,),) = await all_pages(rig, limit=100)
    standing = await rig.provider.billing.provider_state("", agreement, "")

    assert listed.latest is not None
    assert listed.latest.invoice is not None
    assert (listed.latest.invoice.ref, listed.latest.outcome) == (bill, ChargeOutcome.DECLINED)
    assert (listed.state, listed.is_held, listed.ends_at) == (AgreementState.OWING, True, listed.period_end)
    assert (standing.is_held, standing.ends) == (True, True)


async def test_an_unknown_agreement_is_none_and_an_ended_one_is_returned(rig: StripeRig) -> None:
    _, begun = await rig.sold()
    await rig.provider.billing.end(begun.agreement_ref, "", key="end")

    over = await rig.provider.agreements.find(begun.agreement_ref)

    assert over is not None
    assert over.is_over
    assert await rig.provider.agreements.find("sub_of_nobody") is None


@pytest.mark.parametrize("status", ["paused", "unpaid", "of_a_later_version"])
def test_an_agreement_paused_elsewhere_counts_as_stopped(status: str) -> None:
    assert agreement_of(a_subscription({}, status=status)).state is AgreementState.STOPPED


BY_USE = {"price": {"id": "price_2", "currency": "usd", "unit_amount": 50, "recurring": {"usage_type": "metered"}}}


@pytest.mark.parametrize(
    ("item", "mode", "is_hindered"),
    [(BY_USE, "classic", True), (BY_USE, "flexible", False), ({}, "classic", False)],
)
def test_usage_that_classic_billing_would_drop_is_a_hindrance(
    item: dict[str, Any], mode: str, is_hindered: bool
) -> None:
    hindrances = agreement_of(a_subscription(item, billing_mode={"type": mode})).hindrances

    assert any("classic" in each for each in hindrances) is is_hindered


ITEM = {"id": "si_1", "quantity": 1, "price": {"id": "price_1", "unit_amount": 3900, "currency": "usd"}}


def a_subscription(item: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "sub_1",
        "status": "active",
        "customer": "cus_1",
        "created": 1,
        "currency": "usd",
        "items": {"data": [ITEM | item]},
    } | more


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"discounts": ["di_1"]}, "it has a discount"),
        ({"tax_rates": [{"id": "txr_1"}]}, "an item has its own tax rates"),
    ],
)
def test_settings_of_an_item_are_hindrances(item: dict[str, Any], reason: str) -> None:
    assert reason in "; ".join(agreement_of(a_subscription(item)).hindrances)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"default_tax_rates": [{"id": "txr_1", "percentage": 20}]}, "it has tax rates"),
        ({"automatic_tax": {"enabled": True}}, "Stripe calculates its tax"),
        ({"application_fee_percent": 5}, "it has an application fee"),
    ],
)
def test_what_a_conversion_would_lose_is_a_hindrance_for_trials_only(more: dict[str, Any], reason: str) -> None:
    assert agreement_of(a_subscription({}, **more)).hindrances == ()
    (told,) = agreement_of(a_subscription({}, status="trialing", **more)).hindrances
    assert told.startswith(reason)


async def test_the_invoices_of_an_agreement_come_oldest_first_from_a_moment_on(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()
    first = (await rig.bills(wallet))[0]
    begun, renewed = (moment(each["created"]) for each in await rig.bills(wallet))
    invoices = rig.provider.agreements.invoices

    found = await invoices(agreement, wallet.customer_ref, begun)

    assert [(each.ref, each.status) for each in found] == [(first["id"], "paid"), (bill, "open")]
    assert [each.ref for each in await invoices(agreement, wallet.customer_ref, renewed)] == [bill]
    assert await invoices("sub_of_nobody", wallet.customer_ref, begun) == []
