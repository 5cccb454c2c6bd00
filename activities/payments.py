"""Moving money and keeping cards: the activities on the payments queue."""

from dataclasses import dataclass, replace
from datetime import datetime

from temporalio import activity

from activities.failures import as_temporal_failures
from activities.rewording import in_any_words
from activities.wallets import at_wallet, customer_ref, known_again, open_wallet
from domain.catalog.plans import Item
from domain.provider.payments import (
    AgreementStatus,
    Card,
    Charge,
    ChargeOutcome,
    ProviderState,
    Quote,
    Reversal,
    ReversalKind,
    UpcomingBill,
    Wallet,
)
from domain.provider.ports import NewAgreement, Payments
from domain.subscription.ports import Records


@dataclass(frozen=True)
class CardRequest:
    """Put a card on file for a customer, who is made known to the provider if need be."""

    customer: str
    customer_ref: str
    agreement_ref: str
    payment_method: str | None
    key: str
    signing_up: str = ""
    """The subscription that is not written down yet, for which the card is given; empty: they have one."""


@dataclass(frozen=True)
class DeletedRequest:
    """A customer whom the provider has deleted."""

    customer: str
    customer_ref: str


@dataclass(frozen=True)
class BeginRequest:
    subscription: str
    customer_ref: str
    card_ref: str
    items: tuple[Item, ...]
    key: str
    present: bool = False
    """Whether the customer is there and could confirm the payment."""
    earlier: tuple[str, ...] = ()
    """The keys of tries for something else that were not answered: what one of them has paid for is taken as it is."""


@dataclass(frozen=True)
class CollectRequest:
    invoice_ref: str
    key: str


@dataclass(frozen=True)
class RestartRequest:
    agreement_ref: str
    void_invoice: str
    key: str
    items: tuple[Item, ...] = ()
    """What the agreement is to be about from then on; empty: what it is about."""
    settled_invoice: str = ""
    """The bill that is settled already: it is not what this try has made."""


@dataclass(frozen=True)
class FirstQuoteRequest:
    customer_ref: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class UpcomingRequest:
    """Whose next renewal is asked about."""

    agreement_ref: str


@dataclass(frozen=True)
class ReversalRequest:
    kind: ReversalKind
    object_ref: str


@dataclass(frozen=True)
class StandingRequest:
    customer_ref: str
    agreement_ref: str
    invoice_ref: str
    """The bill to look at; empty: the newest."""
    customer: str = ""
    """Whose wallet it is, should the subscription not know of one that was opened elsewhere."""
    tries: tuple[str, ...] = ()
    """The keys of tries that were not answered, of which one may have brought the agreement about."""
    change_key: str = ""
    """The key of the change that was not answered; empty: there is none."""


@dataclass(frozen=True)
class EndRequest:
    agreement_ref: str
    open_invoice: str
    key: str


@dataclass(frozen=True)
class SwitchRequest:
    """Turn something about an agreement on or off."""

    agreement_ref: str
    on: bool
    key: str


@dataclass(frozen=True)
class CheckoutRequest:
    customer: str
    customer_ref: str
    subscription: str
    success_url: str
    cancel_url: str
    key: str


@dataclass(frozen=True)
class AdoptRequest:
    session_ref: str
    agreement_ref: str
    newer_than: datetime | None = None
    key: str = ""
    """Empty: that of the checkout alone, as of workflows of an earlier release."""


class PaymentActivities:
    """The payments activities; one per worker."""

    def __init__(self, payments: Payments, records: Records) -> None:
        self._payments = payments
        self._records = records

    @activity.defn(name="put_card")
    async def put_card(self, request: CardRequest) -> Wallet:
        """The customer's wallet with the card in it. Idempotent by ``request.key`` at the provider."""
        with as_temporal_failures():
            if request.customer_ref and request.payment_method:
                reference, card = await self._put_card(request, request.payment_method)
                return Wallet(reference, card)
            return await open_wallet(
                self._payments,
                self._records,
                request.customer,
                request.payment_method,
                key=request.key,
                signing_up=request.signing_up,
            )

    async def _put_card(self, request: CardRequest, payment_method: str) -> tuple[str, Card]:
        async def put(reference: str, key: str) -> Card:
            # Along with the customer the provider has ended the agreement.
            agreement_ref = request.agreement_ref if reference == request.customer_ref else ""
            return await self._payments.put_card(reference, agreement_ref, payment_method, key=key)

        return await at_wallet(self._payments, self._records, request.customer, request.customer_ref, put, request.key)

    @activity.defn(name="know_again")
    async def know_again(self, request: DeletedRequest) -> str:
        """The id that a customer has at the provider after it deleted the one known. Idempotent by the deleted id."""
        with as_temporal_failures():
            again = await known_again(self._payments, self._records, request.customer, request.customer_ref)
            return again or request.customer_ref

    @activity.defn(name="adopt_checkout")
    async def adopt_checkout(self, request: AdoptRequest) -> Wallet | None:
        """Put the card of a completed checkout on file. Idempotent by `request.key`, else by the checkout's id."""
        with as_temporal_failures():
            key = request.key or f"adopt/{request.session_ref}"
            return await self._payments.adopt_checkout(
                request.session_ref, request.agreement_ref, request.newer_than, key=key
            )

    @activity.defn(name="begin")
    async def begin(self, request: BeginRequest) -> Charge:
        """Charge the first period. Idempotent by ``request.key``, however late: first it looks for what that left.

        What an earlier try has paid for is not paid for again, and its charge has that try's key.
        """

        async def ask(under: str) -> Charge:
            begun = await self._payments.begun(request.customer_ref, key=under)
            if begun is not None:
                return begun if request.present else await self._as_nobody_is_there(begun, under)
            for key in request.earlier:
                earlier = await self._payments.begun(request.customer_ref, key=key)
                left = earlier and await self._as_nobody_is_there(earlier, key)
                if left is not None and left.outcome in (ChargeOutcome.PAID, ChargeOutcome.PENDING):
                    return replace(left, key=key)
            order = NewAgreement(
                request.subscription, request.customer_ref, request.card_ref, request.items, request.present
            )
            return await self._payments.begin(order, key=under)

        with as_temporal_failures():
            return await in_any_words(ask, request.key)

    async def _as_nobody_is_there(self, begun: Charge, key: str) -> Charge:
        """A try that was made while the customer was there and not heard of: nothing waits for them any more."""
        if begun.waits_until is None or begun.invoice is None:
            return begun
        withdrawn = await self._payments.withdraw_confirmation(
            begun.agreement_ref, begun.invoice.ref, ends_agreement=True, key=f"{key}/unheard"
        )
        is_paid = withdrawn.outcome is ChargeOutcome.PAID
        return withdrawn if is_paid else Charge(ChargeOutcome.ACTION_REQUIRED, decline=begun.decline)

    @activity.defn(name="collect")
    async def collect(self, request: CollectRequest) -> Charge:
        """Try an open bill once more. Idempotent by ``request.key``; a bill paid meanwhile answers as paid."""
        with as_temporal_failures():
            return await in_any_words(lambda key: self._payments.collect(request.invoice_ref, key=key), request.key)

    @activity.defn(name="restart")
    async def restart(self, request: RestartRequest) -> Charge:
        """Charge a new period from now. Idempotent by ``request.key``."""
        with as_temporal_failures():
            return await in_any_words(
                lambda key: self._payments.restart(
                    request.agreement_ref,
                    request.void_invoice,
                    request.items,
                    key=key,
                    settled=request.settled_invoice,
                ),
                request.key,
            )

    @activity.defn(name="first_quote")
    async def first_quote(self, request: FirstQuoteRequest) -> Quote:
        """What a first period would bill at once. Changes nothing."""
        with as_temporal_failures():
            return await self._payments.first_quote(request.customer_ref, request.items)

    @activity.defn(name="upcoming_bill")
    async def upcoming_bill(self, request: UpcomingRequest) -> UpcomingBill:
        """What the next renewal would bill as things stand. Changes nothing."""
        with as_temporal_failures():
            return await self._payments.upcoming(request.agreement_ref)

    @activity.defn(name="reversal")
    async def reversal(self, request: ReversalRequest) -> Reversal:
        """How money that went back stands now. Changes nothing."""
        with as_temporal_failures():
            return await self._payments.reversal(request.kind, request.object_ref)

    @activity.defn(name="standing")
    async def standing(self, request: StandingRequest) -> ProviderState:
        """What the provider knows now. Changes nothing."""
        with as_temporal_failures():
            reference = request.customer_ref
            if not reference and request.customer:
                # A customer who was at the portal before ever giving a card has a wallet of which nobody was told.
                reference = (await self._records.contact(request.customer)).customer_ref
            standing = await self._payments.standing(reference, request.agreement_ref, request.invoice_ref)
            begun = await self._begun(reference, request.tries) if request.tries else None
            change = None
            if request.change_key and standing.agreement is AgreementStatus.LIVE:
                change = await self._payments.asked_change(request.agreement_ref, key=request.change_key)
            return replace(standing, customer_ref=reference, begun=begun, change=change)

    async def _begun(self, customer_ref: str, tries: tuple[str, ...]) -> Charge:
        """What came of tries to begin an agreement; gone when none of them has left anything."""
        for key in tries if customer_ref else ():
            begun = await self._payments.begun(customer_ref, key=key)
            if begun is not None and begun.outcome is not ChargeOutcome.DECLINED:
                return replace(begun, key=key)
        return Charge(ChargeOutcome.GONE)

    @activity.defn(name="end")
    async def end(self, request: EndRequest) -> None:
        """End the agreement. Idempotent: an ended one stays ended."""
        with as_temporal_failures():
            await self._payments.end(request.agreement_ref, request.open_invoice, key=request.key)

    @activity.defn(name="end_at_period_end")
    async def end_at_period_end(self, request: SwitchRequest) -> None:
        """Bill no further period, or bill on. Idempotent: it sets a state."""
        with as_temporal_failures():
            await self._payments.end_at_period_end(request.agreement_ref, request.on, key=request.key)

    @activity.defn(name="hold")
    async def hold(self, request: SwitchRequest) -> None:
        """Stop billing while a payment is owed or access is off, or bill again. Idempotent: it sets a state."""
        with as_temporal_failures():
            await self._payments.hold(request.agreement_ref, request.on, key=request.key)

    @activity.defn(name="open_checkout")
    async def open_checkout(self, request: CheckoutRequest) -> tuple[str, str]:
        """The customer's id at the provider and the address of their checkout page. Idempotent by ``request.key``."""
        with as_temporal_failures():
            reference = request.customer_ref or await customer_ref(
                self._payments, self._records, request.customer, key=request.key
            )

            async def opened(known: str, key: str) -> str:
                urls = request.success_url, request.cancel_url
                return await self._payments.open_checkout(known, request.subscription, *urls, key=key)

            return await at_wallet(self._payments, self._records, request.customer, reference, opened, request.key)
