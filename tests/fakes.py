"""Stand-ins for the outside, behind its ports; they pass the same contract tests as the real adapters."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from domain.errors import GatewayRefused, Rejected
from domain.journal import Entry, Step
from domain.lifecycle import Subscription
from domain.mails import Mail
from domain.payments import AgreementStatus, Card, Charge, ChargeOutcome, Decline, Invoice, Standing, Wallet
from domain.ports import Contact, MailToSend, NewAgreement, QueuedMail

OK = "ok"


@dataclass
class Agreement:
    """A paid subscription at the pretended provider."""

    ref: str
    customer_ref: str
    key: str
    amount: int
    period_start: datetime
    period_end: datetime
    invoice: Invoice
    decline: Decline | None = None
    ended: bool = False
    held: bool = False
    ends_at_period_end: bool = False


@dataclass
class InMemoryPayments:
    """A provider in memory: idempotent by key, and as willing to pay as `answers` say; the last answer stays."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    prices: dict[str, int] = field(default_factory=dict)
    answers: list[str] = field(default_factory=lambda: [OK])
    cards: dict[str, Card | None] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    charged: list[str] = field(default_factory=list)
    """Keys of the tries that moved money."""
    tried: list[str] = field(default_factory=list)
    _answers_by_key: dict[str, object] = field(default_factory=dict)
    _numbers: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]

    def _answer(self) -> str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _card(self, payment_method: str) -> Card:
        if not payment_method.startswith("pm_") or "unknown" in payment_method:
            raise GatewayRefused(
                f"No such PaymentMethod: '{payment_method}'", code="unknown_payment_method", field="payment_method"
            )
        if payment_method.endswith("Fail"):
            self.answers = ["generic_decline"]
        return Card(f"{payment_method}_{next(self._numbers)}", "visa", "4242", 12, 2031)

    async def open_wallet(self, contact: Contact, payment_method: str | None, *, key: str) -> Wallet:
        known = self._answers_by_key.get(key)
        if isinstance(known, Wallet):
            return known
        card = self._card(payment_method) if payment_method else None
        ref = contact.customer_ref or f"cus_{next(self._numbers)}"
        self.cards[ref] = card or self.cards.get(ref)
        wallet = Wallet(ref, self.cards[ref])
        self._answers_by_key[key] = wallet
        return wallet

    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        known = self._answers_by_key.get(key)
        if isinstance(known, Card):
            return known
        card = self._card(payment_method)
        self.cards[customer_ref] = card
        self._answers_by_key[key] = card
        return card

    async def adopt_checkout(self, session_ref: str, agreement_ref: str, *, key: str) -> Wallet | None:
        customer_ref = session_ref.removeprefix("cs_for_")
        return Wallet(customer_ref, await self.put_card(customer_ref, agreement_ref, "pm_card_visa", key=key))

    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        known = self._answers_by_key.get(key)
        if isinstance(known, Charge):
            return known
        amount = sum(self.prices.get(item.lookup_key, 4900) * item.quantity for item in order.items)
        charge = self._try(key)
        if charge.outcome is ChargeOutcome.PAID:
            ref = f"sub_{next(self._numbers)}"
            end = self.now.replace(year=self.now.year + self.now.month // 12, month=self.now.month % 12 + 1, day=1)
            bill = self._bill(amount, "paid")
            self.agreements[ref] = Agreement(ref, order.customer_ref, key, amount, self.now, end, bill)
            charge = Charge(ChargeOutcome.PAID, bill, None, ref, self.now, end)
        self._answers_by_key[key] = charge
        return charge

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        mine = (agreement for agreement in self.agreements.values() if agreement.key == key)
        return next((self._charge_of(agreement) for agreement in mine), None)

    def _try(self, key: str) -> Charge:
        self.tried.append(key)
        answer = self._answer()
        if answer == OK:
            self.charged.append(key)
            return Charge(ChargeOutcome.PAID)
        outcome = ChargeOutcome.ACTION_REQUIRED if answer == "authentication_required" else ChargeOutcome.DECLINED
        return Charge(outcome, decline=Decline(answer))

    def _bill(self, amount: int, status: str) -> Invoice:
        number = next(self._numbers)
        return Invoice(f"in_{number}", f"T-{number:04}", status, amount, "usd", f"https://pay.example/{number}")

    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        known = self._answers_by_key.get(key)
        if isinstance(known, Charge):
            return known
        agreement = next(one for one in self.agreements.values() if one.invoice.ref == invoice_ref)
        if agreement.invoice.status != "open":
            return self._charge_of(agreement)
        tried = self._try(key)
        if tried.outcome is ChargeOutcome.PAID:
            agreement.invoice = replace(agreement.invoice, status="paid")
            agreement.decline = None
            tried = self._charge_of(agreement)
        self._answers_by_key[key] = tried
        return tried

    async def restart(self, agreement_ref: str, void_invoice: str, *, key: str) -> Charge:
        agreement = self.agreements[agreement_ref]
        tried = self._try(key)
        if tried.outcome is not ChargeOutcome.PAID:
            return tried
        agreement.period_end = self.now + (agreement.period_end - agreement.period_start)
        agreement.period_start, agreement.held = self.now, False
        agreement.invoice, agreement.decline = self._bill(agreement.amount, "paid"), None
        return self._charge_of(agreement)

    def renew(self, agreement_ref: str) -> Invoice:
        """Let the provider's renewal happen; the invoice tells how it went."""
        agreement = self.agreements[agreement_ref]
        length = agreement.period_end - agreement.period_start
        agreement.period_start, agreement.period_end = agreement.period_end, agreement.period_end + length
        tried = self._try(f"renewal/{agreement.period_start.isoformat()}")
        paid = tried.outcome is ChargeOutcome.PAID
        agreement.invoice = self._bill(agreement.amount, "paid" if paid else "open")
        agreement.decline = tried.decline
        return agreement.invoice

    def _charge_of(self, agreement: Agreement) -> Charge:
        outcome = {"paid": ChargeOutcome.PAID, "void": ChargeOutcome.GONE}.get(agreement.invoice.status)
        if outcome is None:
            outcome = ChargeOutcome.DECLINED if agreement.decline else ChargeOutcome.PENDING
        return Charge(
            outcome,
            agreement.invoice,
            agreement.decline,
            agreement.ref,
            agreement.period_start,
            agreement.period_end,
        )

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> Standing:
        card = self.cards.get(customer_ref)
        agreement = self.agreements.get(agreement_ref)
        if agreement is None:
            return Standing(card, None)
        status = AgreementStatus.ENDED if agreement.ended else AgreementStatus.LIVE
        return Standing(card, status, self._charge_of(agreement))

    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        agreement = self.agreements[agreement_ref]
        agreement.ended = True
        if open_invoice:
            agreement.invoice = replace(agreement.invoice, status="void")

    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        self.agreements[agreement_ref].ends_at_period_end = ends

    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        self.agreements[agreement_ref].held = held

    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        return f"https://checkout.example/cs_for_{customer_ref}"


@dataclass
class InMemoryRecords:
    """Records and mails in memory, with the same keys making them unique."""

    contacts: dict[str, Contact] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    journal: list[tuple[str, Entry]] = field(default_factory=list)
    mails: dict[str, Mail] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    """Mail id to subscription, until it is sent or withdrawn."""
    sent: list[str] = field(default_factory=list)

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        after = step.subscription
        stored = self.subscriptions.get(after.id)
        ids = {f"{after.id}:{mail.key}": mail for mail in step.mails}
        if stored is None or stored.sequence < after.sequence:
            self.subscriptions[after.id] = after
            self.journal += [(after.id, entry) for entry in step.entries]
            for mail_id in [one for one, subscription in self.waiting.items() if subscription == after.id]:
                if self.mails[mail_id].occasion in step.withdraws:
                    del self.waiting[mail_id]
            for mail_id, mail in ids.items():
                if mail_id not in self.mails:
                    self.mails[mail_id] = mail
                    self.waiting[mail_id] = after.id
        return [QueuedMail(one, after.id, mail.occasion) for one, mail in ids.items() if one in self.waiting]

    async def contact(self, customer: str) -> Contact:
        try:
            return self.contacts[customer]
        except KeyError:
            raise Rejected(f"there is no customer {customer}", code="unknown_customer") from None

    async def remember_wallet(self, customer: str, customer_ref: str) -> None:
        self.contacts[customer] = replace(self.contacts[customer], customer_ref=customer_ref)

    async def forget_sign_up(self, customer: str) -> None:
        if all(subscription.customer != customer for subscription in self.subscriptions.values()):
            self.contacts.pop(customer, None)

    async def to_send(self, mail_id: str) -> MailToSend | None:
        subscription = self.waiting.get(mail_id)
        if subscription is None:
            return None
        mail = self.mails[mail_id]
        contact = self.contacts[self.subscriptions[subscription].customer]
        return MailToSend(mail_id, subscription, mail.occasion, mail.at, mail.facts, contact)

    async def mark_sent(self, mail_id: str, message_id: str) -> None:
        self.waiting.pop(mail_id, None)
        self.sent.append(mail_id)

    async def mark_refused(self, mail_id: str, why: str) -> None:
        self.waiting.pop(mail_id, None)


class RecordingMailer:
    """A mail server that takes everything."""

    def __init__(self) -> None:
        self.taken: list[MailToSend] = []

    async def send(self, mail: MailToSend) -> str:
        self.taken.append(mail)
        return f"<{mail.id}@tenure.example>"
