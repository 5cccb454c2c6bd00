"""Agreements as the provider tells of them: what reconciliation compares and take-overs adopt."""

from datetime import datetime, timedelta

from domain.provider.agreements import AgreementFilter, AgreementState
from tests.contracts.provider import STARTER, USERS
from tests.contracts.shop import Shop, bill_of

A_SECOND = timedelta(seconds=1)


async def test_an_agreement_is_told_with_all_that_is_compared(shop: Shop) -> None:
    sale = await shop.sale(STARTER, USERS)

    found = await shop.provider.agreements.find(sale.ref)

    assert found is not None
    assert (found.ref, found.customer_ref, found.subscription) == (sale.ref, sale.customer, "s")
    assert (found.state, found.is_held, found.ends_at) == (AgreementState.BILLING, False, None)
    assert (found.period_start, found.period_end) == (sale.begun.period_start, sale.begun.period_end)
    told = {(item.lookup_key, item.quantity, item.unit_amount, item.currency, item.interval) for item in found.items}
    assert told == {(STARTER.lookup_key, 1, 4900, "usd", "month"), (USERS.lookup_key, 3, 500, "usd", "month")}
    assert found.latest is not None
    assert bill_of(found.latest).ref == bill_of(sale.begun).ref
    assert found.hindrances == ()
    assert await shop.provider.agreements.find("nobody-knows") is None


async def test_holds_ends_and_debts_are_told(shop: Shop) -> None:
    sale, _ = await shop.owing()
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")
    await shop.provider.billing.end_at_period_end(sale.ref, True, key="ends/on")

    found = await shop.provider.agreements.find(sale.ref)

    assert found is not None
    assert (found.state, found.is_held, found.ends_at) == (AgreementState.OWING, True, found.period_end)
    await shop.provider.billing.end(sale.ref, "", key="end")
    over = await shop.provider.agreements.find(sale.ref)
    assert over is not None
    assert over.is_over


async def test_all_that_run_are_listed_once_newest_first_page_by_page(shop: Shop) -> None:
    sales = [await shop.sale(name=name) for name in ("ada", "bob", "eve", "dan")]
    await shop.provider.billing.end(sales[1].ref, "", key="end")

    first = await shop.provider.agreements.page(None, limit=2)
    second = await shop.provider.agreements.page(first.next_cursor, limit=2)

    assert [len(page.agreements) for page in (first, second)] == [2, 1]
    assert first.next_cursor is not None
    assert second.next_cursor is None
    listed = [each.ref for page in (first, second) for each in page.agreements]
    assert set(listed) == {sale.ref for sale in sales if sale is not sales[1]}
    assert (await shop.provider.agreements.page(None)).next_cursor is None


async def test_those_made_in_a_range_are_listed_with_their_second_and_without_its_end(shop: Shop) -> None:
    early = await shop.sale()
    wallet = await shop.wallet("late")
    await shop.world.advance("late", shop.world.now("late") + timedelta(days=2))
    late = (await shop.begin(wallet, key="late/charge/1")).agreement_ref
    found = [await shop.provider.agreements.find(ref) for ref in (early.ref, late)]
    made_early, made_late = (each.created_at for each in found if each is not None)
    assert made_early < made_late

    async def refs(among: AgreementFilter) -> set[str]:
        return {each.ref for each in (await shop.provider.agreements.page(None, among=among)).agreements}

    assert await refs(AgreementFilter(made_since=made_late)) == {late}
    assert await refs(AgreementFilter(made_before=made_late)) == {early.ref}
    assert await refs(AgreementFilter(made_since=made_early, made_before=made_early + A_SECOND)) == {early.ref}
    assert await refs(AgreementFilter(made_since=made_late + A_SECOND)) == set()


async def test_those_whose_period_has_begun_since_a_moment_are_listed(shop: Shop) -> None:
    renewed, other = await shop.sale(), await shop.sale(name="bob")
    period = await shop.renew(renewed)
    assert period.period_start is not None

    async def refs(since: datetime) -> set[str]:
        page = await shop.provider.agreements.page(None, among=AgreementFilter(begun_since=since))
        return {each.ref for each in page.agreements}

    assert await refs(period.period_start) == {renewed.ref}
    assert await refs(period.period_start - timedelta(days=40)) == {renewed.ref, other.ref}
    assert await refs(period.period_start + A_SECOND) == set()


async def test_what_an_agreement_has_billed_is_told_oldest_first(shop: Shop) -> None:
    sale, owed = await shop.owing()
    begun_at = bill_of(sale.begun).period_start
    assert begun_at is not None

    found = await shop.provider.agreements.invoices(sale.ref, sale.customer, begun_at)

    bills = [(each.ref, each.status) for each in found]
    assert bills == [(bill_of(sale.begun).ref, "paid"), (owed, "open")]
    other = await shop.sale(name="somebody-else")
    assert await shop.provider.agreements.invoices(other.ref, sale.customer, begun_at) == []


async def test_a_claim_is_told_from_then_on(shop: Shop) -> None:
    sale = await shop.sale()

    await shop.provider.agreements.claim(sale.ref, "another", key="claim/1")
    await shop.provider.agreements.claim(sale.ref, "another", key="claim/1")

    found = await shop.provider.agreements.find(sale.ref)
    assert found is not None
    assert found.subscription == "another"


async def test_a_customer_is_known_with_address_and_name(shop: Shop) -> None:
    wallet = await shop.wallet()

    known = await shop.provider.contacts.known_customer(wallet.customer_ref)

    assert known is not None
    assert (known.customer_ref, known.email, known.name) == (wallet.customer_ref, "ada@example.com", "Ada")
    assert await shop.provider.contacts.known_customer("nobody-knows") is None
