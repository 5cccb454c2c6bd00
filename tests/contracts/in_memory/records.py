"""The ports of the database in memory: `Records` and `RenewalRecords` of subscriptions, `Mails` of notifications."""

from collections.abc import Sequence
from dataclasses import replace

from domain.customers import Contact
from domain.entitlements.downgrade_fit import LimitConflict
from domain.errors import GatewayBusy, Haste, Rejected
from domain.events.step_events import events_of
from domain.notifications.mail_types import Mail
from domain.notifications.ports import MailToSend, QueuedMail
from domain.revenue.movements import movements
from domain.subscription.journal import FitCheck, Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import TrialMark
from domain.subscription.renewals import ExpectedRenewal, RecordedStep
from domain.subscription.state import Subscription
from domain.subscription.trial import used
from storage.db.codec import mail_id
from storage.subscriptions.trials import values_of_customer
from tests.contracts.in_memory.sign_ups import InMemorySignUps
from tests.contracts.in_memory.tables import Customer, StoredMail


class InMemoryRecords(InMemorySignUps):
    """Keeps what the real database keeps, under the same unique keys.

    It has neither catalogs nor usage, so nothing is ever a misfit, and it syncs no changed customers.
    """

    async def save(self, step: Step) -> Sequence[QueuedMail]:
        it = step.subscription
        with self.transaction():
            self._settle(step)
            self.known(it.customer)
            if it.id not in self.steps or self.steps[it.id].subscription.sequence < it.sequence:
                self._check_is_only_one(it)
                before = self.steps[it.id].subscription if it.id in self.steps else None
                self.steps[it.id] = self._projected(step)
                self._keep_movements(before, it)
                self._keep_marks(step)
                self._keep_lines_and_mails(step)
                self._keep_money(step)
                self._keep_events(step, before)
        queued = (self.mails[str(mail_id(it.id, mail))] for mail in step.mails)
        return [QueuedMail(each.id, it.id, each.mail.occasion) for each in queued if each.status == "queued"]

    async def save_renewal(self, step: Step, expected: ExpectedRenewal) -> Sequence[QueuedMail] | None:
        before = self.steps.get(step.subscription.id)
        if before is None or not expected.follows(before.subscription):
            return None
        return await self.save(step)

    async def latest_step(self, subscription: str) -> RecordedStep | None:
        step = self.steps.get(subscription)
        if step is None:
            return None
        it = step.subscription
        return RecordedStep(it, self.journal.get((it.id, it.sequence, 0)))

    async def waiting_mails(self, subscription: str) -> Sequence[QueuedMail]:
        waiting = [each for each in self.mails.values() if (each.subscription, each.status) == (subscription, "queued")]
        return [QueuedMail(each.id, subscription, each.mail.occasion) for each in waiting]

    async def limit_conflicts(self, subscription: Subscription, check: FitCheck) -> Sequence[LimitConflict]:
        return ()

    async def contact(self, customer: str, signing_up: str = "") -> Contact:
        sign_up = self.pending.get(signing_up)
        if sign_up is not None:
            known = self.customers.get(customer)
            return sign_up.contact(known.contact if known is not None else None)
        return self.known(customer).contact

    async def remember_wallet(self, customer: str, customer_ref: str, signing_up: str = "") -> str:
        known = self.customers.get(customer)
        if signing_up in self.pending and not (known is not None and known.contact.customer_ref):
            sign_up = self.pending[signing_up]
            self.pending[signing_up] = replace(sign_up, customer_ref=sign_up.customer_ref or customer_ref)
            return self.pending[signing_up].customer_ref
        contact = self.known(customer).contact
        return self._keep_wallet(customer, contact.customer_ref or customer_ref)

    def _keep_wallet(self, customer: str, customer_ref: str, *former: str) -> str:
        known = self.known(customer)
        contact = replace(known.contact, customer_ref=customer_ref)
        self.customers[customer] = Customer(known.tenant, contact, (*known.former_refs, *former))
        return customer_ref

    async def is_changing(self, customer: str) -> bool:
        return False

    async def replace_wallet(self, customer: str, deleted_ref: str, customer_ref: str) -> str:
        kept = self.known(customer).contact.customer_ref
        return self._keep_wallet(customer, customer_ref, deleted_ref) if kept == deleted_ref else kept

    async def forget_sign_up(self, customer: str, subscription: str) -> None:
        self.pending.pop(subscription, None)
        if all(step.subscription.customer != customer for step in self.steps.values()):
            self.customers.pop(customer, None)

    def _check_is_only_one(self, it: Subscription) -> None:
        live = None if it.is_over else self.live_of(it.customer)
        if live is not None and live.id != it.id:
            raise Rejected("the customer already has a live subscription", code="already_subscribed")

    def _projected(self, step: Step) -> Step:
        """The step, with what no later step changes."""
        first = self.steps.get(step.subscription.id)
        if first is None:
            return step
        it = first.subscription
        return replace(step, subscription=replace(step.subscription, customer=it.customer, created_at=it.created_at))

    def _keep_marks(self, step: Step) -> None:
        it = step.subscription
        marks: dict[TrialMark, str] = {}
        is_on_trial = it.status is Status.TRIALING and it.trial_ends_at is not None
        if it.card is not None and it.card.fingerprint and is_on_trial:
            marks[TrialMark.CARD] = it.card.fingerprint
        if step.trial is not None:
            contact = self.known(it.customer).contact
            marks |= values_of_customer(contact.external_id, contact.email)
        taken = {mark for mark, value in marks.items() if (it.tenant, mark.value, value) in self.trials}
        refused = next((mark for mark in step.trial.one_per if mark in taken), None) if step.trial else None
        if refused is not None:
            raise used(refused)
        for mark, value in marks.items():
            self.trials.setdefault((it.tenant, mark.value, value), it.id)

    def _keep_movements(self, before: Subscription | None, it: Subscription) -> None:
        lives = {id_ for id_, step in self.steps.items() if step.subscription.customer == it.customer}
        had_paid = any(key[0] in lives and movement.after > 0 for key, movement in self.movements.items())
        for position, movement in enumerate(movements(before, it, had_paid_before=had_paid)):
            self.movements[it.id, it.sequence, position] = movement

    def _keep_events(self, step: Step, before: Subscription | None) -> None:
        for event in events_of(step, before):
            self.events.setdefault(event.id, event)

    def _keep_lines_and_mails(self, step: Step) -> None:
        it = step.subscription
        for position, entry in enumerate(step.entries):
            self.journal.setdefault((it.id, it.sequence, position), entry)
        for id_, kept in self.mails.items():
            did_not_go_out = kept.status in ("queued", "refused")
            if kept.subscription == it.id and did_not_go_out and kept.mail.occasion in step.withdraws:
                self.mails[id_] = replace(kept, status="withdrawn")
        for mail in step.mails:
            self._keep_mail(it.id, mail)

    def _keep_mail(self, subscription: str, mail: Mail) -> None:
        id_ = str(mail_id(subscription, mail))
        self.mails.setdefault(id_, StoredMail(id_, subscription, mail))

    def _keep_money(self, step: Step) -> None:
        it, invoice, reversal = step.subscription, step.invoice, step.reversal
        voided = self.invoices.get((it.tenant, step.voided))
        if voided is not None and voided[1].status == "open":
            self.invoices[it.tenant, step.voided] = (voided[0], replace(voided[1], status="void"))
        if invoice is not None:
            whose, kept = self.invoices.get((it.tenant, invoice.ref), (it.id, invoice))
            # Paid stays paid: a late result does not reopen it.
            self.invoices[it.tenant, invoice.ref] = (whose, kept if kept.status == "paid" else invoice)
        if reversal is not None:
            whose, _ = self.reversals.get((it.tenant, reversal.ref), (it.id, reversal))
            self.reversals[it.tenant, reversal.ref] = (whose, reversal)

    async def claim(self, mail_id: str, claimant: str) -> MailToSend | None:
        kept = self.mails.get(mail_id)
        if kept is None or kept.status != "queued":
            return None
        if kept.claimed_by not in ("", claimant):
            raise GatewayBusy("another sends it", haste=Haste.LOCK, code="being_sent")
        self.mails[mail_id] = replace(kept, claimed_by=claimant)
        contact = self.known(self.steps[kept.subscription].subscription.customer).contact
        return MailToSend(mail_id, kept.subscription, kept.mail.occasion, kept.mail.at, dict(kept.mail.facts), contact)

    async def release(self, mail_id: str, claimant: str) -> None:
        kept = self.mails.get(mail_id)
        if kept is not None and kept.claimed_by == claimant:
            self.mails[mail_id] = replace(kept, claimed_by="")

    def queue_again(self, mail_id: str) -> None:
        self.mails[mail_id] = replace(self.mails[mail_id], status="queued", why_not="", claimed_by="")

    async def mark_sent(self, mail_id: str, message_id: str) -> None:
        kept = self.mails[mail_id]
        if kept.status != "sent":
            self.mails[mail_id] = replace(kept, status="sent", message_id=message_id)

    async def mark_refused(self, mail_id: str, why: str) -> None:
        kept = self.mails[mail_id]
        if kept.status == "queued":
            self.mails[mail_id] = replace(kept, status="refused", why_not=why)
