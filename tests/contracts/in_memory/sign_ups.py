"""What sign-ups say of their customers, until they are decided, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import uuid4

from domain.customers import Contact
from domain.errors import GatewayUnavailable, Rejected
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.sign_up import SignUpContact
from tests.contracts.in_memory.tables import Customer, Tables

NEW = {"timezone": "UTC", "locale": "en"}


@dataclass(frozen=True)
class PendingSignUp:
    """What a sign-up says of its customer."""

    subscription: str
    tenant: str
    customer: str
    external_id: str
    said: Mapping[str, str]
    customer_ref: str = ""
    has_turn: bool = False

    def contact(self, known: Contact | None) -> Contact:
        """The customer as they will be once the sign-up is accepted."""
        before = known or Contact(self.customer, self.external_id, "", None, **NEW, customer_ref="")
        return replace(before, customer_ref=before.customer_ref or self.customer_ref, **self.said)


class InMemorySignUps(Tables):
    """Sign-ups that wait for their decision."""

    async def wait(self, subscription: str, tenant: str, contact: SignUpContact, *, customer_ref: str = "") -> str:
        """As `storage.subscriptions.sign_ups.SignUps.wait`; metadata is not kept."""
        said = {name: getattr(contact, name) for name in ("email", "name", "timezone", "locale")}
        external_id = contact.external_id
        customer = self._customer_of(subscription, tenant, external_id)
        if subscription not in self.steps and subscription not in self.pending:
            given = {field: value for field, value in said.items() if value is not None}
            self.pending[subscription] = PendingSignUp(subscription, tenant, customer, external_id, given, customer_ref)
        return customer

    def _customer_of(self, subscription: str, tenant: str, external_id: str) -> str:
        if subscription in self.steps:
            return self.steps[subscription].subscription.customer
        known = self.known_by(tenant, external_id)
        if known is not None:
            return known.contact.customer
        of_pending = [
            each for each in self.pending.values() if (each.tenant, each.external_id) == (tenant, external_id)
        ]
        return of_pending[0].customer if of_pending else str(uuid4())

    async def take_turn(self, customer: str, signing_up: str) -> Contact:
        known, sign_up = self.customers.get(customer), self.pending.get(signing_up)
        if sign_up is None:
            message = "the sign-up waited for more than a day and has expired: sign up again"
            raise Rejected(message, code="sign_up_expired")
        live = self.live_of(customer)
        if live is not None and live.id != signing_up:
            raise Rejected("the customer already has a live subscription", code="already_subscribed")
        self._check_turn(sign_up)
        self.pending[signing_up] = replace(sign_up, has_turn=True)
        return known.contact if known is not None else sign_up.contact(None)

    def _check_turn(self, sign_up: PendingSignUp) -> None:
        whose = (sign_up.tenant, sign_up.external_id)
        others = (each for each in self.pending.values() if each.subscription != sign_up.subscription)
        if any(each.has_turn and (each.tenant, each.external_id) == whose for each in others):
            raise GatewayUnavailable("another sign-up of the customer is in progress", code="sign_up_under_way")

    def _settle(self, step: Step) -> None:
        """Apply what the sign-up says together with the step that decides it."""
        it = step.subscription
        sign_up = self.pending.get(it.id)
        if sign_up is None:
            return
        if it.is_over:
            del self.pending[it.id]
            return
        self._check_turn(sign_up)
        known = self.known_by(sign_up.tenant, sign_up.external_id)
        if known is not None and known.contact.customer != it.customer:
            message = "the customer was created in another way in the meantime: try again"
            raise Rejected(message, code="sign_up_overtaken")
        contact = known.contact if known is not None else sign_up.contact(None)
        wallet = contact.customer_ref or sign_up.customer_ref
        if it.status is Status.ACTIVE or it.trial_ends_at is not None or it.period_end is not None:
            contact = sign_up.contact(contact)
            del self.pending[it.id]
        else:
            self.pending[it.id] = replace(sign_up, has_turn=False)
        former = known.former_refs if known is not None else ()
        self.customers[it.customer] = Customer(sign_up.tenant, replace(contact, customer_ref=wallet), former)
