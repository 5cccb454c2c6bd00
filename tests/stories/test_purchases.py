"""Somebody buys on a hosted page: signed up once, whoever hears of it first, or given back what they paid."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from sqlalchemy import text

from domain.catalog.plans import Selection
from domain.errors import GatewayForbidden, Rejected
from domain.provider.agreements import Agreement, AgreementPage
from domain.provider.events import KeptEvent
from domain.provider.hints import EventKind
from domain.purchases.ports import PurchaseState
from domain.reconciliation.differences import DifferenceKind
from domain.reconciliation.ports import Page
from gateways.stripe.http_client import connected
from sandbox.product import Product, RefusedError
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from services.purchases import PurchaseService
from services.reconciliation.inspection import Inspection
from services.reconciliation.purchases import PurchaseInspection
from storage.purchases import PurchaseRecords
from storage.reconciliation import Reconciliations
from tests.harness.lives import Life
from tests.harness.names import named_after
from tests.harness.patience import PATIENT
from tests.harness.permissions import withheld

T = TypeVar("T")
pytestmark = pytest.mark.usefixtures("healed")


async def _once_there(look: Callable[[], Awaitable[T | None]]) -> T:
    """Look until there is something."""
    async with asyncio.timeout(PATIENT):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.05)


class Buyer:
    """Somebody who buys, and what can be seen of them."""

    def __init__(self, stack: Stack, product: Product, name: str) -> None:
        self.stack = stack
        self.product = product
        self.name = name
        self.page: dict[str, Any] = {}

    @property
    def purchases(self) -> PurchaseService:
        return self.stack.api_parts.purchases

    @property
    def ref(self) -> str:
        return str(self.page["url"]).rpartition("/")[2]

    async def opens(self, **wish: Any) -> "Buyer":
        self.page = await self.product.open_purchase(self.name, **wish)
        return self

    async def completes(self, card: str = "pm_card_visa", **entered: str) -> str:
        return await self.product.complete_page(self.page["url"], card, **entered)

    async def follows(self, url: str) -> httpx.Response:
        """What a browser shows in the end that goes on by itself where a page says so, and not to the product."""
        async with httpx.AsyncClient(timeout=PATIENT, trust_env=False) as browser:
            shown = await browser.get(url)
            while "refresh" in shown.headers:
                shown = await browser.get(str(shown.url.join(shown.headers["refresh"].partition("url=")[2])))
            return shown

    async def begun(self) -> Life:
        """The subscription, once the purchase is taken over."""

        async def look() -> bool:
            stored = await self.purchases.stored.of_page(self.ref)
            return stored is not None and stored.state.is_closed

        await _once_there(look)
        return Life(self.product, self.name, await self.product.subscription(self.page["subscription"]))

    async def over(self) -> Life:
        """The subscription that could not begin, once the purchase is undone."""
        life = await self.begun()
        assert await life.status() == ("canceled", "none")
        return life

    async def refusals(self) -> list[dict[str, Any]]:
        """The mails that a purchase could not begin, once there are any."""

        async def look() -> list[dict[str, Any]]:
            mails = await self.product.mails(self.name)
            return [mail for mail in mails if mail["headers"]["X-Tenure-Occasion"] == "purchase_refused"]

        return await _once_there(look)

    async def late_event(self) -> KeptEvent:
        """What Stripe would have sent about the completed page."""
        since = datetime.now(UTC) - timedelta(hours=1)
        found = await self.stack.provider.history.events(since, None, None, undelivered=False)
        event = next(
            each.event
            for each in found.events
            if each.event.news is EventKind.CARD_GIVEN and each.event.object_id == self.ref
        )
        return KeptEvent(event, datetime.now(UTC))

    async def is_due(self) -> None:
        """The sweep looks at the page next."""
        await self._execute("update purchases set look_at = now() where page_ref = :page")

    async def forgotten(self) -> None:
        """We have lost the purchase."""
        await self._execute("delete from purchases where page_ref = :page")

    async def waited(self, time: str) -> None:
        """So long ago it was completed."""
        moved = f"completed_at = completed_at - interval '{time}'"
        await self._execute(f"update purchases set {moved} where page_ref = :page")  # noqa: S608 - ours

    async def _execute(self, statement: str) -> None:
        async with self.stack.engine.begin() as connection:
            await connection.execute(text(statement), {"page": self.ref})

    async def rows(self, table: str, column: str, value: str) -> int:
        statement = text(f"select count(*) from {table} where {column} = :value")  # noqa: S608 - names are ours
        async with self.stack.engine.connect() as connection:
            return int((await connection.execute(statement, {"value": value})).scalar_one())

    async def stripe_customers(self) -> list[str]:
        found = await self.stack.provider.purchases.purchase(self.ref)
        return [found.customer_ref] if found.customer_ref else []


@pytest.fixture
def buyer(stack: Stack, product: Product, request: pytest.FixtureRequest) -> Buyer:
    return Buyer(stack, product, named_after(request))


@pytest.fixture
async def unheard(product: Product) -> AsyncIterator[None]:
    """No webhook arrives."""
    await product.faults(webhooks={"drop": True})
    yield
    await product.faults()


async def test_what_is_paid_on_the_page_begins_once_however_often_it_is_told(buyer: Buyer) -> None:
    await buyer.product.faults(webhooks={"duplicate": True, "reorder": True})
    await buyer.opens(trial_days=0, quantity=1)
    assert await buyer.rows("customers", "external_id", buyer.name) == 0

    back = await buyer.completes(name="Ada King", line1="Dorset Street 1", city="London", country="GB")
    life = await buyer.begun()
    led_on = await buyer.follows(back)

    assert led_on.headers["location"] == "https://product.example/welcome"
    assert await life.status() == ("active", "full")
    assert await life.mails() == Counter(converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)
    assert (await life.kinds())["converted"] == 1
    await life.live_until("renew")
    await life.live(timedelta(hours=1))
    assert await life.bills() == Counter(paid=2)


async def test_a_card_given_for_a_trial_is_charged_at_its_end(buyer: Buyer) -> None:
    await buyer.opens(plan="professional")

    await buyer.completes("pm_card_mastercard")
    life = await buyer.begun()

    assert await life.status() == ("trialing", "full")
    assert await life.bills() == Counter()
    await life.live_until_converted()
    assert await life.bills() == Counter(paid=1)
    assert (await life.last_mail())["headers"]["X-Tenure-Occasion"] in ("converted", "receipt")


@pytest.mark.usefixtures("unheard")
async def test_who_returns_before_any_webhook_is_signed_up_and_led_on(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)

    led_on = await buyer.follows(await buyer.completes())

    assert (led_on.status_code, led_on.headers["location"]) == (303, "https://product.example/welcome")
    life = await buyer.begun()
    assert await life.status() == ("active", "full")


@pytest.mark.usefixtures("unheard")
async def test_a_purchase_of_which_nobody_heard_is_found_by_the_sweep(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    await buyer.is_due()

    await buyer.purchases.sweep(5)

    assert await (await buyer.begun()).status() == ("active", "full")


@pytest.mark.usefixtures("unheard")
async def test_a_webhook_that_comes_hours_late_begins_what_waits_and_changes_nothing_when_it_has_begun(
    buyer: Buyer, stack: Stack
) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    late = replace(await buyer.late_event(), received_at=datetime.now(UTC) - timedelta(hours=12))

    first = await stack.api_parts.deliver([late])
    again = await stack.api_parts.deliver([late])

    assert {each.words for each in (*first.verdicts.values(), *again.verdicts.values())} == {
        "delivered: purchase begun"
    }
    life = await buyer.begun()
    assert await life.mails() == Counter(converted=1, receipt=1)
    assert await life.bills() == Counter(paid=1)


@pytest.mark.usefixtures("unheard")
async def test_whoever_comes_at_the_same_moment_begins_one_subscription(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()

    results = await asyncio.gather(*(buyer.purchases.settle(buyer.ref) for _ in range(5)), return_exceptions=True)

    assert PurchaseState.BEGUN in results
    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.BEGUN
    life = await buyer.begun()
    assert await life.bills() == Counter(paid=1)
    assert (await life.kinds())["converted"] == 1


async def test_a_former_customer_comes_back_as_the_same_at_stripe(buyer: Buyer) -> None:
    former = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")
    await former.command("cancel", at="now")
    await buyer.opens(trial_days=0)

    await buyer.completes("pm_card_mastercard")
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    found = await buyer.purchases.pages.purchase(buyer.ref)
    assert buyer.stack.simulator._known(buyer.name) == [found.customer_ref]


async def test_a_former_customer_without_a_card_gets_the_customer_of_the_page(buyer: Buyer) -> None:
    former = await Life.begun(buyer.product, buyer.name)
    await former.command("cancel", at="now")
    await buyer.opens(trial_days=0)

    await buyer.completes()
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    assert buyer.stack.simulator._known(buyer.name) == await buyer.stripe_customers()
    assert await buyer.rows("customers", "external_id", buyer.name) == 1


async def test_a_former_customer_whom_stripe_has_deleted_gets_the_customer_of_the_page(
    buyer: Buyer, stack: Stack, stack_folder: Path
) -> None:
    former = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")
    await former.command("cancel", at="now")
    [deleted] = stack.simulator._known(buyer.name)
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as account:
        await account.v1.customers.delete_async(deleted)
    await buyer.opens(trial_days=0)

    await buyer.completes()
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    assert await buyer.stripe_customers() != [deleted]
    [known] = await buyer.stripe_customers()
    assert await buyer.rows("customers", "customer_ref", known) == 1
    await life.live_until("renew")
    await life.live(timedelta(hours=1))
    assert await life.bills() == Counter(paid=2)


async def test_a_customer_who_came_and_went_meanwhile_has_the_customer_of_the_page_from_then_on(
    buyer: Buyer,
) -> None:
    await buyer.opens(trial_days=0)
    meanwhile = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")
    await meanwhile.command("cancel", at="now")

    await buyer.completes("pm_card_mastercard")
    life = await buyer.begun()

    assert await life.status() == ("active", "full")
    [known] = await buyer.stripe_customers()
    assert await buyer.rows("customers", "customer_ref", known) == 1


async def test_who_has_subscribed_meanwhile_gets_their_money_back_and_one_mail(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    live = await Life.begun(buyer.product, buyer.name, payment_method="pm_card_visa")

    back = await buyer.completes("pm_card_mastercard")
    undone = await buyer.over()

    assert "could not begin" in (await buyer.follows(back)).text
    [*_, entry] = await undone.past()
    assert entry["kind"] == "purchase_undone"
    assert entry["summary"] == "Purchase undone: the customer has a subscription already; $49.00 refunded"
    assert await live.status() == ("trialing", "full")
    await live.live(timedelta(minutes=10))
    assert len(await buyer.refusals()) == 1
    assert (await live.mails())["refunded"] == 0
    page = await buyer.purchases.pages.purchase(buyer.ref)
    agreement = await buyer.stack.provider.agreements.find(page.agreement_ref)
    assert agreement is not None
    assert agreement.is_over
    await live.live_until_converted()
    assert await live.bills() == Counter(paid=1)


async def test_who_had_a_trial_meanwhile_keeps_no_card_and_hears_why(buyer: Buyer) -> None:
    await buyer.opens()
    trial = await Life.begun(buyer.product, buyer.name)
    await trial.command("cancel", at="now")

    await buyer.completes()
    undone = await buyer.over()

    assert (await undone.past())[-1]["summary"] == "Purchase undone: there was a trial before"
    [mail] = await buyer.refusals()
    assert "Nothing was charged" in mail["text"]


class OneAgreement:
    """All that Stripe has is this agreement."""

    def __init__(self, stack: Stack, ref: str) -> None:
        self._agreements = stack.provider.agreements
        self._ref = ref

    async def page(self, cursor: str | None, *, limit: int = 100) -> AgreementPage:
        found = await self._agreements.find(self._ref)
        return AgreementPage((found,) if found else ())

    async def find(self, agreement_ref: str) -> Agreement | None:
        return await self._agreements.find(agreement_ref)

    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        raise AssertionError("nothing is claimed")


class NoMails:
    async def mails(self, cursor: str | None) -> Page:
        return Page((), None)


def inspection(stack: Stack) -> PurchaseInspection:
    comparison = Reconciliations(stack.engine)
    return PurchaseInspection(NoMails(), stack.provider.purchases, PurchaseRecords(stack.engine), comparison)


@pytest.mark.usefixtures("unheard")
async def test_reconciliation_finds_what_was_completed_unheard_and_what_nobody_knows(
    buyer: Buyer, stack: Stack
) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    lost = Buyer(stack, buyer.product, f"{buyer.name}-lost")
    await lost.opens()
    await lost.completes()
    await lost.forgotten()

    found = (await inspection(stack).mails(None)).found
    await buyer.purchases.sweep(5)

    assert {each.agreement_ref for each in found if each.kind is DifferenceKind.PURCHASE_UNKNOWN} >= {lost.ref}
    assert buyer.ref not in {each.agreement_ref for each in found}
    assert await (await buyer.begun()).status() == ("active", "full")


@pytest.mark.usefixtures("unheard")
async def test_an_agreement_that_waits_to_be_taken_over_is_no_stranger(buyer: Buyer, stack: Stack) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    agreement = (await buyer.purchases.pages.purchase(buyer.ref)).agreement_ref
    comparison, stored = Reconciliations(stack.engine), PurchaseRecords(stack.engine)

    async def strangers() -> set[str]:
        look = Inspection(stack.client, OneAgreement(stack, agreement), comparison, stored, second_look_delay=0)
        return {each.agreement_ref for each in (await look.agreements(None, datetime.now(UTC))).found}

    assert await strangers() == set()
    await buyer.forgotten()
    assert await strangers() == {agreement}


@pytest.mark.usefixtures("unheard")
async def test_a_purchase_that_cannot_be_taken_over_for_an_hour_is_listed(buyer: Buyer, stack: Stack) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    [customer] = await buyer.stripe_customers()
    with withheld("POST", f"/v1/customers/{customer}"), pytest.raises(GatewayForbidden):
        await buyer.purchases.settle(buyer.ref)
    await buyer.waited("2 hours")

    [found] = [each for each in (await inspection(stack).mails(None)).found if each.agreement_ref == buyer.ref]

    assert found.kind is DifferenceKind.PURCHASE_WAITING
    assert "still to begin" in found.details
    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.BEGUN


class NothingOnSale:
    async def sells(self, selection: Selection) -> bool:
        return False


@pytest.mark.usefixtures("unheard")
async def test_a_plan_that_is_gone_by_then_is_given_back(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()

    for _ in range(2):
        state = await replace(buyer.purchases, plans=NothingOnSale()).settle(buyer.ref)
        assert state is PurchaseState.REFUSED

    undone = await buyer.over()
    assert (await undone.past())[-1]["summary"].endswith("the plan is not sold any more; $49.00 refunded")
    assert len(await buyer.refusals()) == 1


@pytest.mark.usefixtures("unheard")
async def test_an_undoing_whose_answers_are_lost_gives_back_once(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    await buyer.completes()
    service = replace(buyer.purchases, plans=NothingOnSale())
    for _ in range(3):
        await buyer.product.faults(stripe={"timeout_after_commit": 1}, webhooks={"drop": True})
        with pytest.raises(Exception, match=r"."):
            await service.settle(buyer.ref)
    await buyer.product.faults(webhooks={"drop": True})

    assert await service.settle(buyer.ref) is PurchaseState.REFUSED

    await buyer.over()
    page = await buyer.purchases.pages.purchase(buyer.ref)
    found = await buyer.stack.provider.purchases.undo_purchase(page.ref, key="again")
    assert found is not None
    assert (found.amount, found.is_full) == (4900, True)
    assert len(await buyer.refusals()) == 1


async def test_a_page_that_nobody_completes_leaves_neither_a_customer_nor_a_trial(buyer: Buyer, stack: Stack) -> None:
    await buyer.opens()
    await stack.simulator.advance(buyer.ref, stack.simulator.now(buyer.ref) + timedelta(hours=25))

    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.EXPIRED

    assert await buyer.rows("customers", "external_id", buyer.name) == 0
    assert await buyer.rows("sign_up_contacts", "external_id", buyer.name) == 0
    assert await buyer.stripe_customers() == []
    back = f"{stack.addresses.api_url}/checkout/return?session_id={buyer.ref}"
    assert (await buyer.follows(back)).status_code == 410
    trial = await Life.begun(buyer.product, buyer.name)
    assert await trial.status() == ("trialing", "full")


async def test_a_card_that_is_declined_or_a_bank_that_asks_keeps_the_page_open(buyer: Buyer) -> None:
    await buyer.opens(trial_days=0)
    with pytest.raises(RefusedError):
        await buyer.completes("pm_card_chargeDeclined")
    assert await buyer.purchases.settle(buyer.ref) is PurchaseState.OPEN
    assert await buyer.rows("customers", "external_id", buyer.name) == 0

    await buyer.completes("pm_card_threeDSecure2Required")

    assert await (await buyer.begun()).status() == ("active", "full")


async def test_a_repeat_of_the_request_leads_to_the_same_page(buyer: Buyer) -> None:
    first = await buyer.product.open_purchase(buyer.name, key=f"{buyer.name}/key")
    again = await buyer.product.open_purchase(buyer.name, key=f"{buyer.name}/key")
    other = await buyer.product.open_purchase(buyer.name, key=f"{buyer.name}/another")

    assert first == again
    assert first["url"] != other["url"]
    assert datetime.fromisoformat(first["expires_at"]) > datetime.now(UTC) + timedelta(hours=23)


async def test_the_page_of_nobody_is_not_found(stack: Stack, buyer: Buyer) -> None:
    for reference in ("", "cs_test_nobody", "../v1/keys"):
        shown = await buyer.follows(f"{stack.addresses.api_url}/checkout/return?session_id={reference}")
        assert shown.status_code == 404
    with pytest.raises(Rejected, match="no such purchase"):
        await buyer.purchases.settle("cs_test_nobody")


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"plan": "nothing"}, 422, "unknown_plan"),
        ({"customer": {"email": "nobody"}}, 422, "malformed"),
        ({"success_url": "nowhere"}, 422, "malformed"),
        ({"trial_days": 91}, 422, "malformed"),
        ({"payment_method": "pm_card_visa"}, 422, "malformed"),
    ],
)
async def test_a_bad_wish_is_refused_by_its_field(buyer: Buyer, wish: dict[str, Any], status: int, code: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await buyer.opens(**wish)

    assert (refused.value.status, refused.value.problem["code"]) == (status, code)
    assert all(not error["field"].startswith("[") for error in refused.value.problem["errors"])


async def test_who_has_a_subscription_is_sent_to_no_page_to_buy_another(buyer: Buyer) -> None:
    await Life.begun(buyer.product, buyer.name)

    with pytest.raises(RefusedError) as refused:
        await buyer.opens()

    assert (refused.value.status, refused.value.problem["code"]) == (409, "already_subscribed")
