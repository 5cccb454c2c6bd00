"""Subscriptions of every kind that is due at some moment, each with a past that leads there."""

from calendar import monthrange
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bench.production import where_it_is_noon
from configuration.offer_check import load_offer
from domain.brand import Brand
from domain.catalog.plans import Catalog, Interval
from domain.names import DEFAULT_TENANT, subscription_workflow_id
from domain.signing import SigningSecrets
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.command_keys import hashed
from domain.subscription.commands import CancelAt
from domain.subscription.policy import Policy
from domain.subscription.sign_up import SignUp, SignUpContact
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.crowd.binding import past_of
from sandbox.crowd.past_life import PastLife, Surroundings
from services.reconciliation.restore import start_again
from storage.subscriptions.trials import TrialKey
from tests.chaos.installation import Installation
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import STRIPE_KEY, WEBHOOK_SECRET
from worker.composition import gateways
from workflows.subscription.messages import Cancel

ACTOR = "bench"
TRIAL_DAYS = 14
A_DAY = timedelta(days=1)
DECLINED = "insufficient_funds"


@dataclass(frozen=True)
class Kind:
    """One kind of boundary, and what must have come of it afterwards."""

    name: str
    action: Action
    """What the subscription does, or waits for, at the boundary."""
    signed_up: Callable[[datetime], datetime]
    """When somebody signs up whose boundary is then."""
    trial_days: int
    charges: int
    """That are due at the boundary."""
    mails: Counter[str]
    status: str
    past: Callable[[PastLife], Awaitable[None]] | None = None
    """What happens after the sign-up."""


def a_month_before(moment: datetime) -> datetime:
    """A month before on the same day, or two months where the month before has no such day: periods keep their day."""
    whole, months = moment.replace(microsecond=0), moment.year * 12 + moment.month - 1
    before = [(year, month + 1) for year, month in (divmod(months - back, 12) for back in (1, 2))]
    year, month = next(each for each in before if whole.day <= monthrange(*each)[1])
    return whole.replace(year=year, month=month)


async def cancels(life: PastLife) -> None:
    await life.live_until(life.now + A_DAY)
    await life.command("cancel", Cancel(hashed(f"{life.external_id}/2"), ACTOR, CancelAt.PERIOD_END, "", ""))


async def is_declined(life: PastLife) -> None:
    """The renewal is declined once, and the card is good again when it is tried another time."""
    life.around.simulator.set_card_answers(life.external_id, [DECLINED, "ok"])


KINDS = (
    Kind(
        "reminders of a trial's end",
        Action.SEND_REMINDER,
        lambda at: at - timedelta(days=TRIAL_DAYS - 1),
        TRIAL_DAYS,
        charges=0,
        mails=Counter(trial_ending=1),
        status="trialing",
    ),
    Kind(
        "trials that end, and convert",
        Action.CONVERT,
        lambda at: at - timedelta(days=TRIAL_DAYS),
        TRIAL_DAYS,
        charges=1,
        mails=Counter(converted=1, receipt=1),
        status="active",
    ),
    Kind(
        "renewals by the provider",
        Action.RENEW,
        a_month_before,
        0,
        charges=1,
        mails=Counter(receipt=1),
        status="active",
    ),
    Kind(
        "retries of failed payments",
        Action.RECOVER,
        lambda at: a_month_before(at - A_DAY),
        0,
        charges=1,
        mails=Counter(receipt=1),
        status="active",
        past=is_declined,
    ),
    Kind(
        "cancellations at a period's end",
        Action.CANCEL,
        a_month_before,
        0,
        charges=0,
        mails=Counter(canceled=1),
        status="canceled",
        past=cancels,
    ),
)


@dataclass(frozen=True)
class Member:
    """Somebody whose boundary is ahead."""

    kind: Kind
    name: str
    subscription: str
    due_at: datetime
    wakes_at: datetime
    """When the workflow acts by itself: later, where the provider acts at the boundary."""


@dataclass(frozen=True)
class Pasts:
    """Makes subscriptions with a past, beside production processes."""

    it: Installation
    around: Surroundings
    catalog: Catalog
    policy: Policy

    @classmethod
    @asynccontextmanager
    async def of(cls, it: Installation) -> "AsyncIterator[Pasts]":
        catalog, policy = load_offer(CATALOG, POLICY)
        async with connected(STRIPE_KEY, it.site.simulator.base_url) as api:
            around = past_of(
                it.servers.engine,
                it.site.simulator,
                stripe_provider(api),
                gateways.event_reader([WEBHOOK_SECRET], STRIPE_KEY),
                _outgoing(it),
                policy,
                trial_key=TrialKey(it.site.settings["TENURE_TRIAL_KEY"]),
            )
            yield cls(it, around, catalog, policy)

    async def somebody(self, kind: Kind, at: datetime) -> Member:
        """Somebody whose boundary is about then; their workflow runs."""
        name, began = a_name(f"outage-{kind.action}"), kind.signed_up(at)
        self.around.simulator.begin_in_the_past(name, began)
        life = PastLife(self.around, name, began)
        await life.sign_up(self._sign_up(name, kind, at))
        if kind.past is not None:
            await kind.past(life)
        await life.live_until(datetime.now(UTC))
        state = await life.state()
        due, wakes = agenda(state, self.policy)[0], next_due(state, self.policy)
        if due.action is not kind.action or wakes is None:
            raise RuntimeError(f"{name} has {due} ahead, which is no {kind.action}")
        assert life.workflow is not None
        start = replace(life.workflow.start, subscription=state, payment_method=None, is_born=True, hints=())
        await start_again(self.it.servers.client, start, f"of an outage, at step {state.sequence}")
        await life.workflow.close()
        self.around.simulator.let_run(name)
        await until(lambda: self._is_at_rest(life.subscription))
        return Member(kind, name, life.subscription, due.at, wakes.at)

    async def _is_at_rest(self, subscription: str) -> bool:
        """True once the workflow waits for its time: its clock can be moved then."""
        handle = self.it.servers.client.get_workflow_handle(subscription_workflow_id(subscription))
        described = (await handle.describe()).raw_description
        return not described.HasField("pending_workflow_task") and not described.pending_activities

    def _sign_up(self, name: str, kind: Kind, at: datetime) -> SignUp:
        return SignUp(
            subscription=str(uuid4()),
            tenant=DEFAULT_TENANT,
            actor=ACTOR,
            key=hashed(f"{name}/1"),
            contact=SignUpContact(name, f"{name}@example.com", timezone=where_it_is_noon(at), locale="en"),
            selection=self.catalog.select("starter", Interval.MONTH),
            trial_days=kind.trial_days,
            policy=self.policy,
            payment_method="pm_card_visa",
        )


def _outgoing(it: Installation) -> gateways.Outgoing:
    """Nothing is sent in the past: mails count as sent, and nobody listens to events."""
    settings, signing = it.site.settings, SigningSecrets.of(it.site.settings["TENURE_SECRET_KEY"])
    public_url = settings["TENURE_PUBLIC_URL"]
    mailer = gateways.mailer(
        Brand("Bench", public_url, "support@example.com"),
        smtp_url=settings["TENURE_SMTP_URL"],
        sender=settings["TENURE_MAIL_FROM"],
        public_url=public_url,
        signing=signing,
    )
    return gateways.Outgoing(mailer, gateways.event_sender(), gateways.encryption(signing))
