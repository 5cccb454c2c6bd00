"""Signs a customer up: everything is checked before anything is written."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from temporalio.client import Client

from domain.errors import Rejected
from domain.subscription.command_keys import hashed
from domain.subscription.commands import CancelAt
from domain.subscription.confirmation_steps import NOT_CONFIRMED
from domain.subscription.ends import (
    FIRST_PAYMENT_DECLINED,
    FIRST_PAYMENT_NOT_CONFIRMED,
    FIRST_PAYMENT_NOT_TAKEN,
    EndKind,
)
from domain.subscription.first_payment import is_unbegun
from domain.subscription.ports import LiveSubscriptions, RecordedSubscriptions, SignUpContacts, UsedTrials
from domain.subscription.sign_up import SignUp
from domain.subscription.state import Subscription
from domain.subscription.trial import used
from services import subscription_client
from workflows.subscription.messages import Cancel, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

NOT_TAKEN: Final = "payment_not_taken"
"""The code of a sign-up that was canceled or replaced before its first payment was taken."""
ALREADY_SUBSCRIBED: Final = "already_subscribed"


@dataclass(frozen=True)
class SignUpService:
    """Starts the workflows of new subscriptions."""

    client: Client
    contacts: SignUpContacts
    live: LiveSubscriptions
    recorded: RecordedSubscriptions
    trials: UsedTrials

    async def sign_up(self, sign_up: SignUp) -> None:
        """Start the subscription once; a rejected one left nothing behind and is started again.

        Raises:
            TenureError: no subscription was created.
        """
        replaces = await self.check(sign_up)
        if replaces is not None:
            await self._replace(sign_up, replaces)
        await self._start(sign_up)

    async def check(self, sign_up: SignUp) -> str | None:
        """Reject early, before the customer is changed or a card stored; storing the first step decides.

        Returns the customer's sign-up that has not begun, and is canceled for this one; None: there is none.

        Raises:
            Rejected: code `already_subscribed` or `trial_used`.
        """
        tenant, contact = sign_up.tenant, sign_up.contact
        used_mark = None
        if sign_up.trial_days and not sign_up.allow_another_trial:
            # Looked up first: concurrent sign-ups should hear about the live subscription, not about its trial.
            used_mark = await self.trials.used(
                tenant=tenant,
                external_id=contact.external_id,
                email=contact.email,
                one_per=sign_up.policy.trial.one_per,
                besides=sign_up.subscription,
            )
        live = await self.live.live_subscription(tenant=tenant, external_id=contact.external_id)
        replaces = live if live is not None and live != sign_up.subscription else None
        if replaces is not None and not await self._is_unbegun(tenant, replaces):
            raise Rejected(
                f"customer {contact.external_id!r} already has a subscription: {replaces}", code=ALREADY_SUBSCRIBED
            )
        if used_mark is not None:
            raise used(used_mark)
        return replaces

    async def customer_of(self, sign_up: SignUp, customer_ref: str = "") -> str:
        """Return our id of the customer. Their data is stored with the subscription's first step.

        *customer_ref* is what the provider calls them, if it knows them already.
        """
        return await self.contacts.wait(
            sign_up.subscription, sign_up.tenant, sign_up.contact, customer_ref=customer_ref
        )

    async def _start(self, sign_up: SignUp) -> None:
        try:
            await subscription_client.sign_up(self.client, await self._input(sign_up))
        except subscription_client.WorkflowHasEnded:
            recorded = await self.recorded.recorded(sign_up.tenant, sign_up.subscription)
            if recorded is None:
                # The rejected one may just have removed the customer's data of this sign-up.
                await subscription_client.sign_up(self.client, await self._input(sign_up), restart=True)
            else:
                _refuse_if_unpaid(recorded)

    async def _input(self, sign_up: SignUp) -> SubscriptionInput:
        customer = await self.customer_of(sign_up)
        return SubscriptionInput(
            sign_up.begun(customer, datetime.now(UTC)),
            sign_up.policy,
            sign_up.payment_method,
            sign_up.actor,
            sign_up.key,
            allow_another_trial=sign_up.allow_another_trial,
        )

    async def _is_unbegun(self, tenant: str, live: str) -> bool:
        """True if the subscription's first payment has not been made yet."""
        recorded = await self.recorded.recorded(tenant, live)
        return recorded is not None and is_unbegun(recorded)

    async def _replace(self, sign_up: SignUp, live: str) -> None:
        """Cancel a sign-up that has not begun.

        Raises:
            Rejected: code `already_subscribed`; its first payment has been made meanwhile.
            GatewayUnavailable: the provider cannot say whether it was made.
        """
        command = Cancel(hashed(f"replaced/{sign_up.subscription}"), sign_up.actor, CancelAt.NOW, unless_begun=True)
        with suppress(subscription_client.NotRunning):  # it has just ended
            await subscription_client.send_command(self.client, live, SubscriptionWorkflow.cancel, command)


def _refuse_if_unpaid(recorded: Subscription) -> None:
    """Raise if the sign-up was stored, but rejected because of its first payment."""
    end = recorded.end
    if end is None or end.kind is not EndKind.NEVER_BEGAN:
        return
    if end.comment.startswith(FIRST_PAYMENT_DECLINED):
        raise Rejected(recorded.status_reason, code="payment_declined") from None
    if end.comment == FIRST_PAYMENT_NOT_CONFIRMED:
        raise Rejected(f"{end.comment}: sign up under another Idempotency-Key", code=NOT_CONFIRMED) from None
    if end.comment == FIRST_PAYMENT_NOT_TAKEN:
        raise Rejected(f"{end.comment}: sign up under another Idempotency-Key", code=NOT_TAKEN) from None
