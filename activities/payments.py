"""Charges, agreements and payments that wait for a bank: activities on the payments queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.catalog.plans import Item
from domain.errors import GatewayRefused
from domain.provider.agreements import NewAgreement
from domain.provider.identifiers import key_for_other_parameters
from domain.provider.payments import (
    KEY_IS_TAKEN,
    AgreementStatus,
    Charge,
    ChargeOutcome,
    ProviderState,
    Quote,
    Reversal,
    ReversalKind,
    UpcomingInvoice,
)
from domain.provider.ports import Confirmations, Provider
from domain.provider.short_states import KnownState, shortened
from domain.subscription.ports import Records


@dataclass(frozen=True)
class BeginRequest:
    subscription: str
    customer_ref: str
    card_ref: str
    items: tuple[Item, ...]
    key: str
    present: bool = False
    """Whether the customer is present and could confirm the payment."""
    earlier: tuple[str, ...] = ()
    """The keys of unanswered attempts for something else: if one of them has paid, its agreement is used as it is."""


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
    """The agreement's new items; empty: unchanged."""
    settled_invoice: str = ""
    """The invoice that was settled before: this attempt did not create it."""


@dataclass(frozen=True)
class FirstQuoteRequest:
    customer_ref: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class UpcomingRequest:
    """Identifies the agreement whose next renewal is requested."""

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
    """The invoice to read; empty: the latest."""
    customer: str = ""
    """The customer, in case the subscription does not know a wallet that was opened elsewhere."""
    tries: tuple[str, ...] = ()
    """The keys of unanswered attempts, one of which may have created the agreement."""
    change_key: str = ""
    """The key of the unanswered change; empty: there is none."""
    in_short: bool = False
    """Answer in short (`domain.provider.short_states`)."""
    card: str = ""
    """The digest of the card on file, for an answer in short."""

    @property
    def known(self) -> KnownState:
        return KnownState(self.customer_ref, self.agreement_ref, self.card)


@dataclass(frozen=True)
class EndRequest:
    agreement_ref: str
    open_invoice: str
    key: str


@dataclass(frozen=True)
class SwitchRequest:
    """Turn a setting of an agreement on or off."""

    agreement_ref: str
    on: bool
    key: str


async def with_any_parameters(attempt: Callable[[str], Awaitable[Charge]], key: str) -> Charge:
    """Makes an attempt under a key, even if an earlier release began it with other parameters.

    *attempt* itself first looks up what was done then; the rest is done under another key.
    """
    try:
        return await attempt(key)
    except GatewayRefused as error:
        if error.code != KEY_IS_TAKEN:
            raise
    return await attempt(key_for_other_parameters(key))


class PaymentActivities:
    """The payments activities; one per worker."""

    def __init__(self, provider: Provider, records: Records) -> None:
        self._provider = provider
        self._records = records

    @activity.defn(name="begin")
    async def begin(self, request: BeginRequest) -> Charge:
        """Charge the first period. Idempotent by ``request.key``, however late: it first looks up that attempt.

        If an earlier attempt has paid, nothing is charged again, and the charge has that attempt's key.
        """

        async def attempt(attempt_key: str) -> Charge:
            begun = await self._provider.charges.begun(request.customer_ref, key=attempt_key)
            if begun is not None:
                return begun if request.present else await self._without_customer(begun, attempt_key)
            for key in request.earlier:
                earlier = await self._provider.charges.begun(request.customer_ref, key=key)
                result = earlier and await self._without_customer(earlier, key)
                if result is not None and result.outcome in (ChargeOutcome.PAID, ChargeOutcome.PENDING):
                    return replace(result, key=key)
            order = NewAgreement(
                request.subscription, request.customer_ref, request.card_ref, request.items, request.present
            )
            return await self._provider.charges.begin(order, key=attempt_key)

        with as_temporal_failures():
            return await with_any_parameters(attempt, request.key)

    async def _without_customer(self, begun: Charge, key: str) -> Charge:
        """Withdraws the confirmation that an attempt with the customer present left waiting."""
        if begun.waits_until is None or begun.invoice is None:
            return begun
        withdrawn = await self._provider.confirmations.withdraw_confirmation(
            begun.agreement_ref, begun.invoice.ref, ends_agreement=True, key=f"{key}/unheard"
        )
        is_paid = withdrawn.outcome is ChargeOutcome.PAID
        return withdrawn if is_paid else Charge(ChargeOutcome.ACTION_REQUIRED, decline=begun.decline)

    @activity.defn(name="collect")
    async def collect(self, request: CollectRequest) -> Charge:
        """Retry an open invoice. Idempotent by ``request.key``; returns paid if it has been paid in the meantime."""
        with as_temporal_failures():
            return await with_any_parameters(
                lambda key: self._provider.charges.collect(request.invoice_ref, key=key), request.key
            )

    @activity.defn(name="restart")
    async def restart(self, request: RestartRequest) -> Charge:
        """Charge a new period from now. Idempotent by ``request.key``."""
        with as_temporal_failures():
            return await with_any_parameters(
                lambda key: self._provider.charges.restart(
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
        """Returns what a first period would bill immediately. Changes nothing."""
        with as_temporal_failures():
            return await self._provider.quotes.first_quote(request.customer_ref, request.items)

    @activity.defn(name="upcoming_bill")
    async def upcoming_invoice(self, request: UpcomingRequest) -> UpcomingInvoice:
        """Returns what the next renewal would bill as of now. Changes nothing."""
        with as_temporal_failures():
            return await self._provider.quotes.upcoming_invoice(request.agreement_ref)

    @activity.defn(name="reversal")
    async def reversal(self, request: ReversalRequest) -> Reversal:
        """Returns the current state of a refund or dispute. Changes nothing."""
        with as_temporal_failures():
            return await self._provider.reversals.reversal(request.kind, request.object_ref)

    @activity.defn(name="standing")
    async def standing(self, request: StandingRequest) -> ProviderState:
        """Returns the provider's current state of a subscription. Changes nothing."""
        with as_temporal_failures():
            reference = request.customer_ref
            if not reference and request.customer:
                # A customer who used the portal before providing a card has a wallet that the subscription lacks.
                reference = (await self._records.contact(request.customer)).customer_ref
            state = await self._provider.billing.provider_state(reference, request.agreement_ref, request.invoice_ref)
            begun = await self._begun(reference, request.tries) if request.tries else None
            change = None
            if request.change_key and state.agreement is AgreementStatus.LIVE:
                change = await self._provider.changes.requested_change(request.agreement_ref, key=request.change_key)
            state = replace(state, customer_ref=reference, begun=begun, change=change)
            return shortened(state, request.known) if request.in_short else state

    async def _begun(self, customer_ref: str, tries: tuple[str, ...]) -> Charge:
        """Returns the outcome of attempts to create an agreement; gone if none of them did."""
        for key in tries if customer_ref else ():
            begun = await self._provider.charges.begun(customer_ref, key=key)
            if begun is not None and begun.outcome is not ChargeOutcome.DECLINED:
                return replace(begun, key=key)
        return Charge(ChargeOutcome.GONE)

    @activity.defn(name="end")
    async def end(self, request: EndRequest) -> None:
        """End the agreement. Idempotent: an ended agreement stays ended."""
        with as_temporal_failures():
            await self._provider.billing.end(request.agreement_ref, request.open_invoice, key=request.key)

    @activity.defn(name="end_at_period_end")
    async def end_at_period_end(self, request: SwitchRequest) -> None:
        """Stop billing at the end of the period, or continue. Idempotent: it sets a state."""
        with as_temporal_failures():
            await self._provider.billing.end_at_period_end(request.agreement_ref, request.on, key=request.key)

    @activity.defn(name="hold")
    async def hold(self, request: SwitchRequest) -> None:
        """Put billing on hold while a payment is owed or access is off, or resume it. Idempotent: it sets a state."""
        with as_temporal_failures():
            await self._provider.billing.hold(request.agreement_ref, request.on, key=request.key)


@dataclass(frozen=True)
class ConfirmationRequest:
    """Identifies a waiting payment: its invoice and its agreement."""

    agreement_ref: str
    invoice_ref: str
    key: str
    ends_agreement: bool
    """Whether the agreement was created for this payment alone and ends with it."""


class ConfirmationActivities:
    """The activities of payments that await confirmation; one per worker."""

    def __init__(self, confirmations: Confirmations) -> None:
        self._confirmations = confirmations

    @activity.defn(name="confirmation")
    async def confirmation(self, request: ConfirmationRequest) -> Charge:
        """Returns its state so far. Changes nothing."""
        with as_temporal_failures():
            return await self._confirmations.confirmation(request.agreement_ref, request.invoice_ref)

    @activity.defn(name="withdraw_confirmation")
    async def withdraw_confirmation(self, request: ConfirmationRequest) -> Charge:
        """Withdraw it. Returns gone, or paid if the customer was faster. Idempotent: what is gone stays gone."""
        with as_temporal_failures():
            return await self._confirmations.withdraw_confirmation(
                request.agreement_ref, request.invoice_ref, ends_agreement=request.ends_agreement, key=request.key
            )
