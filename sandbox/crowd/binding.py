"""Binds the past of a crowd to a running stack: the activities, webhooks and mails of its product."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import activity

from domain.provider.event_ports import EventReader
from domain.provider.ports import Provider
from domain.subscription.policy import Policy
from sandbox.crowd.past_life import Surroundings
from sandbox.crowd.past_temporal import PastTemporal
from sandbox.crowd.past_workflow import Activities
from sandbox.stack import MAIL_FROM, Stack
from sandbox.stripe import StripeSimulator
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.trials import TrialKey
from storage.webhooks.inbox import Inbox
from worker.build import WorkerActivities
from worker.composition import activities, gateways, services


def surroundings(stack: Stack, policy: Policy) -> Surroundings:
    """Return what the past of subscriptions of *stack* is written to."""
    parts = stack.api_parts
    mailer = gateways.mailer(
        parts.brand,
        smtp_url=stack.mailbox.smtp_url,
        sender=MAIL_FROM,
        public_url=parts.public_url,
        signing=parts.signing,
    )
    outgoing = gateways.Outgoing(mailer, parts.event_sender, parts.encryption)
    return past_of(
        stack.engine, stack.simulator, stack.provider, parts.events, outgoing, policy, trial_key=parts.trial_key
    )


def past_of(
    engine: AsyncEngine,
    simulator: StripeSimulator,
    provider: Provider,
    events: EventReader,
    outgoing: gateways.Outgoing,
    policy: Policy,
    *,
    trial_key: TrialKey,
) -> Surroundings:
    """Return what the past of subscriptions is written to that are kept there."""
    temporal = PastTemporal(MailRecords(engine))
    worker = activities.worker_activities(temporal.as_client, engine, provider, outgoing, policy, trial_key)
    return Surroundings(
        engine,
        simulator,
        temporal,
        _of_subscriptions(worker),
        events,
        Inbox(engine),
        services.webhook_delivery(temporal.as_client, engine, provider, trial_key),
    )


def _of_subscriptions(worker: WorkerActivities) -> Activities:
    """The activities that the workflow of a subscription calls, by name."""
    called: tuple[Callable[..., Awaitable[Any]], ...] = (
        worker.records.record,
        worker.records.anchor_reminders,
        worker.records.anchor_ladder,
        worker.records.lay_out_notices,
        worker.records.forget_sign_up,
        worker.confirmations.confirmation,
        worker.confirmations.withdraw_confirmation,
        worker.wallets.put_card,
        worker.wallets.recreate_customer,
        worker.wallets.adopt_checkout,
        worker.wallets.open_checkout,
        worker.payments.begin,
        worker.payments.collect,
        worker.payments.restart,
        worker.payments.upcoming_invoice,
        worker.payments.first_quote,
        worker.payments.reversal,
        worker.payments.standing,
        worker.renewals.renew,
        worker.renewals.close,
        worker.payments.end,
        worker.payments.end_at_period_end,
        worker.payments.hold,
        worker.changes.change,
        worker.changes.change_on_terms,
        worker.changes.quote,
    )
    names = (activity._Definition.must_from_callable(act).name for act in called)  # noqa: SLF001 - no public name
    return {name: act for name, act in zip(names, called, strict=True) if name is not None}
