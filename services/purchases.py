"""Purchases on the provider's pages: opened, and taken over once they are completed.

Webhooks, the page to which customers return, and the sweep all call `settle`; whichever comes first signs the customer
up, and the others find it done.
"""

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from domain.customers import Contact
from domain.errors import GatewayRefused, GatewayUnavailable, Rejected
from domain.notifications.ports import MailDispatcher
from domain.provider.identifiers import key_for_other_parameters
from domain.provider.payments import KEY_IS_TAKEN, NO_SUCH_THING
from domain.provider.ports import Purchases
from domain.provider.purchases import Purchase, PurchaseOrder, PurchasePage, PurchaseStatus
from domain.purchases.ports import PlansOnSale, PurchaseState, StoredPurchase, StoredPurchases
from domain.purchases.refusals import PLAN_GONE, WHY, Undone, recorded
from domain.subscription.ends import EndKind
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import EndedSubscriptions, RecordedSubscriptions, Records
from domain.subscription.sign_up import SignUp
from domain.subscription.state import Subscription
from services.sign_up import SignUpService

WITHIN = timedelta(seconds=40)
"""How long one take-over may take; what it has begun goes on, and the next one finds it."""
CLAIM = WITHIN * 1.5
"""How long a purchase belongs to one caller, who may have died."""
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=30)
"""The sweep looks at a page again after as long as it has been open, within these."""
SWEEP_BATCH = 50
MAX_FAILURES = 5
"""Failures in one sweep before the rest is left to the next one."""
UNKNOWN = "unknown_purchase"

_log = logging.getLogger("tenure.purchases")


@dataclass(frozen=True)
class PurchaseService:
    """Opens pages, and makes of a completed one a subscription: once, or undone."""

    pages: Purchases
    stored: StoredPurchases
    sign_ups: SignUpService
    records: Records
    recorded: RecordedSubscriptions
    ended: EndedSubscriptions
    mail_dispatcher: MailDispatcher
    plans: PlansOnSale

    # Opening

    async def open(
        self, sign_up: SignUp, customer_ref: str, *, success_url: str, return_url: str, cancel_url: str
    ) -> StoredPurchase:
        """Return the page on which *sign_up* is bought; the same one for a repeat.

        Args:
            sign_up: what is bought.
            customer_ref: the provider's id of a former customer, or empty.
            success_url: where the customer goes once the subscription has begun.
            return_url: our own page, to which the provider sends the customer first.
            cancel_url: where a customer goes who leaves the page.

        Raises:
            Rejected: code `already_subscribed` or `trial_used`.
            GatewayRefused, GatewayUnavailable: the provider opened no page.
        """
        known = await self.stored.of_subscription(sign_up.subscription)
        if known is not None:
            return known
        await self.sign_ups.check(sign_up)
        order = PurchaseOrder(
            sign_up.subscription,
            sign_up.contact.email,
            sign_up.contact.locale or "",
            customer_ref,
            () if sign_up.trial_days else sign_up.selection.items,
            sign_up.begun("", datetime.now(UTC)).next_attempt_key,
            return_url,
            cancel_url,
        )
        page, ordered = await self._page(order)
        return await self.stored.add(StoredPurchase(page, sign_up, success_url, ordered.customer_ref))

    async def _page(self, order: PurchaseOrder) -> tuple[PurchasePage, PurchaseOrder]:
        """The page, and what was ordered: a customer whom the provider has deleted is created by the page."""
        key, reordered = f"{order.subscription}/purchase", order
        try:
            return await self.pages.open_purchase(order, key=key), order
        except GatewayRefused as error:
            if error.code == NO_SUCH_THING and order.customer_ref:
                reordered = replace(order, customer_ref="")
            elif error.code != KEY_IS_TAKEN:
                raise
        return await self.pages.open_purchase(reordered, key=key_for_other_parameters(key)), reordered

    # Taking over

    async def known(self, page_refs: Collection[str]) -> Mapping[str, str]:
        """Those of these pages that belong to a purchase, each with the tenant."""
        return await self.stored.known(page_refs)

    async def settle(self, page_ref: str) -> PurchaseState:
        """Take a purchase over if its page is completed, and return what has become of it. Safe to repeat.

        Raises:
            Rejected: code `unknown_purchase`; or why it does not begin for now.
            GatewayUnavailable: not now, or another caller is at it.
        """
        known = await self.stored.of_page(page_ref)
        if known is None:
            raise Rejected("there is no such purchase", code=UNKNOWN)
        if known.state.is_closed:
            return known.state
        claimed = await self.stored.claim(page_ref, CLAIM)
        if claimed is None:
            return await self._of_others(page_ref)
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                return await self._settle(claimed)
        except TimeoutError as error:
            raise GatewayUnavailable("the purchase could not be taken over in time", code="busy") from error
        finally:
            await self.stored.release(page_ref, _look_again(claimed))

    async def _of_others(self, page_ref: str) -> PurchaseState:
        """What another caller has made of the purchase."""
        known = await self.stored.of_page(page_ref)
        if known is None or not known.state.is_closed:
            raise GatewayUnavailable("the purchase is being taken over", code="busy")
        return known.state

    async def _settle(self, purchase: StoredPurchase) -> PurchaseState:
        bought = await self.pages.purchase(purchase.page.ref)
        if purchase.state is PurchaseState.REFUSING:
            return await self._undo(purchase, bought, purchase.code)
        match bought.status:
            case PurchaseStatus.OPEN | PurchaseStatus.PENDING:
                return PurchaseState.OPEN
            case PurchaseStatus.EXPIRED:
                return await self._close(bought, PurchaseState.EXPIRED)
        await self.stored.mark_completed(bought.ref)
        try:
            await self._begin(purchase, bought)
        except (Rejected, GatewayRefused) as error:
            if error.code not in WHY:
                raise
            # Decided before anything is undone, so that nobody begins it meanwhile.
            await self.stored.set_state(bought.ref, PurchaseState.REFUSING, error.code)
            return await self._undo(purchase, bought, error.code)
        return await self._close(bought, PurchaseState.BEGUN)

    async def _close(self, bought: Purchase, state: PurchaseState) -> PurchaseState:
        await self.stored.set_state(bought.ref, state)
        return state

    async def _begin(self, purchase: StoredPurchase, bought: Purchase) -> None:
        """Sign the customer up with the card, and the payment, of the page."""
        contact = purchase.sign_up.contact
        if not contact.name and not purchase.customer_ref and bought.name:
            contact = replace(contact, name=bought.name)
        sign_up = replace(purchase.sign_up, key=bought.ref, contact=contact, payment_method=bought.card_ref)
        if _has_begun(await self.recorded.recorded(sign_up.tenant, sign_up.subscription)):
            return
        if not await self.plans.sells(sign_up.selection):
            raise Rejected(WHY[PLAN_GONE], code=PLAN_GONE)
        await self.sign_ups.check(sign_up)
        if bought.customer_ref != purchase.customer_ref:
            await self._adopt_customer(sign_up, bought)
        await self.sign_ups.sign_up(sign_up)

    async def _adopt_customer(self, sign_up: SignUp, bought: Purchase) -> None:
        """Make the customer that the page has created the one of whom we know."""
        customer, key = await self.sign_ups.customer_of(sign_up, bought.customer_ref), f"{bought.ref}/claim"
        contact = await self.records.contact(customer, sign_up.subscription)
        await self.pages.claim_customer(bought.customer_ref, replace(contact, customer=customer), key=key)
        known = await self._known(customer)
        if known is None or known.customer_ref == bought.customer_ref:
            return
        if known.customer_ref:
            await self.records.replace_wallet(customer, known.customer_ref, bought.customer_ref)
        else:
            await self.records.remember_wallet(customer, bought.customer_ref)

    async def _known(self, customer: str) -> Contact | None:
        try:
            return await self.records.contact(customer)
        except Rejected:
            return None

    # Undoing

    async def _undo(self, purchase: StoredPurchase, bought: Purchase, code: str) -> PurchaseState:
        """End and give back what was bought; recorded as a subscription that never began, and mailed."""
        sign_up, page = purchase.sign_up, bought.ref
        refund = await self.pages.undo_purchase(page, key=f"{page}/undo")
        customer = await self.stored.keep_customer(sign_up, bought.customer_ref)
        found = await self.ended.ended(sign_up.subscription)
        if found is None and await self.recorded.recorded(sign_up.tenant, sign_up.subscription) is not None:
            raise GatewayUnavailable("the refused sign-up is still under way", code="busy")
        ended, last = found or (None, datetime.now(UTC))
        # Never before the latest entry: in the sandbox a subscription's clock is ahead of our own.
        now, cause = max(datetime.now(UTC), last), Cause(CauseKind.COMMAND, page, sign_up.actor)
        step = recorded(Undone(sign_up, customer, code, bought.agreement_ref, refund), ended, now, cause)
        await self.mail_dispatcher.dispatch(await self.records.save(step))
        _log.warning("purchase %s of subscription %s was undone: %s", page, sign_up.subscription, WHY[code])
        return await self._close(bought, PurchaseState.REFUSED)

    # Sweeping

    async def sweep(self, seconds: float) -> int:
        """Settle the purchases that are due, for *seconds*, and delete old ones; returns how many were settled.

        Raises:
            GatewayUnavailable: some could not be settled, or the database does not respond.
        """
        stop_at, done = monotonic() + seconds, 0
        failures: list[Exception] = []
        tried: set[str] = set()
        while monotonic() < stop_at and len(failures) < MAX_FAILURES:
            due = [page for page in await self.stored.due(SWEEP_BATCH) if page not in tried]
            if not due:
                break
            for page in due:
                tried.add(page)
                try:
                    done += (await self.settle(page)).is_closed
                except (GatewayUnavailable, GatewayRefused, Rejected) as error:
                    failures.append(error)
        await self.stored.forget_old()
        if failures:
            raise GatewayUnavailable(
                f"{len(failures)} purchases could not be settled; the first failure: {failures[0]}"
            ) from failures[0]
        return done


def _has_begun(subscription: Subscription | None) -> bool:
    """True if an earlier take-over has begun it, whatever has happened to it since."""
    if subscription is None or (subscription.end is not None and subscription.end.kind is EndKind.NEVER_BEGAN):
        return False
    return subscription.trial_ends_at is not None or subscription.period_end is not None


def _look_again(purchase: StoredPurchase) -> timedelta:
    age = datetime.now(UTC) - purchase.created_at if purchase.created_at is not None else SHORTEST_WAIT
    return min(max(age, SHORTEST_WAIT), LONGEST_WAIT)
