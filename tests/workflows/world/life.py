"""One customer's life as a workflow test tells it; the nouns are those of `tests.harness.lives.Life`."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from temporalio.client import WorkflowHandle, WorkflowQueryFailedError

from activities.wallets import customer_ref
from domain.catalog.plans import Catalog
from domain.errors import TenureError
from domain.names import subscription_workflow_id
from domain.notifications.ports import MailToSend
from domain.provider.hints import EventHint, EventKind
from domain.provider.payments import Invoice
from domain.subscription.command_keys import hashed
from domain.subscription.journal import Entry
from domain.subscription.state import Subscription
from sandbox.travel import Standing
from services.subscription_client import send_command
from tests.harness.patience import until
from tests.workflows.world.commands import CHANGES, COMMANDS, change, update_name, woken
from workflows.subscription.messages import Preview
from workflows.subscription.workflow import SubscriptionWorkflow

if TYPE_CHECKING:
    from tests.workflows.world.world import World

A_MINUTE = timedelta(minutes=1)
A_DAY = timedelta(days=1)
TRIAL = Counter({"trial_started": 1, "trial_ending": 3})
CONVERTED = TRIAL + Counter({"converted": 1, "receipt": 1})
LONGER_THAN_IS_ASKED = timedelta(minutes=70)
SOON = timedelta(minutes=15)
"""After an outage everything has been asked again."""
RENEWALS = ("renew", "begin_period")
"""Next to a short month's end it may be Tenure that begins the next period, which is a renewal as well."""


def as_shown(preview: Preview) -> dict[str, Any]:
    """The fields of a change at the price of this preview, which holds when the hour turns in between."""
    return {"expected_due": preview.due_now, "preview_at": preview.preview_at}


class Life:
    """A subscription under the care of a test. Time stands almost still: it moves when the test says so.

    Every command, and every step through time, ends when all that follows from it has happened: the workflow rests,
    the provider's messages are delivered, mails are sent. So what is read next is not a race.
    """

    def __init__(self, world: "World", external_id: str, subscription: str, catalog: Catalog) -> None:
        self.world = world
        self.catalog = catalog
        self.external_id = external_id
        self.id = subscription
        self.handle: WorkflowHandle[Any, Any] = world.client.get_workflow_handle(subscription_workflow_id(subscription))

    # What is known from outside

    @property
    def subscription(self) -> Subscription:
        """As it was last recorded."""
        return self.world.records.steps[self.id].subscription

    @property
    def is_recorded(self) -> bool:
        return self.id in self.world.records.steps

    @property
    def status(self) -> tuple[str, str]:
        """Status and access."""
        return self.subscription.status.value, self.subscription.access.value

    @property
    def ahead(self) -> list[str]:
        """What happens next, soonest first."""
        return [due.action.value for due in self.world.records.steps[self.id].ahead]

    @property
    def journal(self) -> list[Entry]:
        lines = self.world.records.journal.items()
        return [
            entry for (subscription, _, _), entry in sorted(lines, key=lambda line: line[0]) if subscription == self.id
        ]

    @property
    def kinds(self) -> Counter[str]:
        """How often each kind of thing has happened."""
        return Counter(entry.kind for entry in self.journal)

    @property
    def sent(self) -> list[MailToSend]:
        """The mails that came, oldest first; none came twice."""
        sent = [mail for mail in self.world.mail_server.sent if mail.subscription == self.id]
        assert len({mail.id for mail in sent}) == len(sent), "a mail came twice"
        return sent

    @property
    def mails(self) -> Counter[str]:
        """How many mails of each occasion have come."""
        return Counter(mail.occasion.value for mail in self.sent)

    @property
    def invoices(self) -> list[Invoice]:
        return [invoice for whose, invoice in self.world.records.invoices.values() if whose == self.id]

    @property
    def bills(self) -> Counter[str]:
        """How many bills there are of each status."""
        return Counter(invoice.status for invoice in self.invoices)

    @property
    def now(self) -> datetime:
        return self.world.provider.now(self.external_id)

    async def current(self) -> Subscription:
        """As the workflow has it, even before it is recorded."""
        return await self.handle.query(SubscriptionWorkflow.current)

    # Commands

    async def command(self, name: str, *, key: str | None = None, settles: bool = True, **body: Any) -> Any:
        """Give a command by its name in the API, and return its result."""
        named = hashed(key or str(uuid4()))
        if name in CHANGES:
            update = CHANGES[name]
            message: Any = change(named, await self.current(), self.catalog, **body)
        else:
            update, build = COMMANDS[name]
            message = build(named, **body)
        try:
            result = await send_command(self.world.client, self.id, update, message)
        except TenureError as error:
            self.world.observed.refusal(error.code)
            raise
        finally:
            if settles:
                await self.settle()
        self.world.observed.command(update_name(update))
        return result

    async def refused(self, name: str, *, key: str | None = None, **body: Any) -> str:
        """The code of a command's refusal, which changes nothing."""
        before = self.subscription
        with pytest.raises(TenureError) as refusal:
            await self.command(name, key=key, **body)
        assert self.subscription == before, f"{name} was refused and changed something"
        return refusal.value.code

    async def refused_by_the_bank(self, name: str, *, key: str | None = None, **body: Any) -> str:
        """The code of a command whose charge was declined; the decline is recorded."""
        with pytest.raises(TenureError) as refusal:
            await self.command(name, key=key, **body)
        return refusal.value.code

    async def to_be_confirmed(self, name: str, *, key: str | None = None, **body: Any) -> str:
        """The bill, a new one or what is owed, that the customer has to confirm with their bank after this command."""
        with pytest.raises(TenureError) as refusal:
            await self.command(name, key=key, **body)
        assert refusal.value.code == "authentication_required"
        waits, owed = self.subscription.confirmation, self.subscription.recovery
        assert waits is not None or owed is not None
        return waits.invoice_ref if waits is not None else owed.invoice_ref if owed is not None else ""

    async def unheard(self, name: str, call: str, **body: Any) -> None:
        """Give a command whose *call* of the provider is made; neither it nor any other is answered for an hour."""
        provider = self.world.provider
        provider.calls.lose_answers()
        provider.loses_messages = True
        with suppress(TenureError):
            await self.meanwhile(LONGER_THAN_IS_ASKED, name, call, **body)
        provider.heal()
        await self.live(SOON)

    async def meanwhile(self, time: timedelta, name: str, call: str, **body: Any) -> Any:
        """Give a command and, once it has made its *call* of the provider, let time go by; returns its result."""
        made = self.world.provider.calls.made
        before = made[call]
        doing = asyncio.ensure_future(self.command(name, settles=False, **body))
        await until(lambda: made[call] > before)
        await self.live(time)
        return await doing

    # The world outside

    def card_answers(self, *answers: str) -> None:
        """How the card on file answers the next charges: `ok` or a decline's code; the last answer stays."""
        self.world.provider.outside.bank_says(self.external_id, *answers)

    async def pays(self, invoice_ref: str, card: str = "") -> None:
        """The customer pays an open bill, or confirms a payment, on the provider's page, also with another card."""
        self.card_answers("ok")
        await self.world.provider.outside.pay_by_hand(invoice_ref, card)
        await self.settle()

    async def checks_out(self, card: str = "visa") -> None:
        """The customer opens a checkout page and gives a card there."""
        result = await self.command("open-checkout")
        await self.world.provider.outside.give_at_checkout(result.url, card)
        await self.settle()

    async def in_portal(self, card: str) -> None:
        """The customer gives a card in the provider's portal, to be charged from then on."""
        records = self.world.records
        reference = await customer_ref(
            self.world.provider.payments, records, self.subscription.customer, key=f"portal/{self.id}"
        )
        url = await self.world.provider.payments.open_portal(reference, "https://shop.example", key=str(uuid4()))
        await self.world.provider.outside.choose_in_portal(url, card)
        await self.settle()

    async def takes_cards_away(self) -> None:
        """The customer removes every card at the provider."""
        person = self.world.provider.person(self.external_id)
        assert person is not None
        await self.world.provider.outside.take_cards_away(person.ref)

    async def card_expires(self, month: int, year: int, *, is_reported: bool = True) -> None:
        """The card on file turns out to expire then, which the provider reports or not."""
        person = self.world.provider.person(self.external_id)
        assert person is not None
        assert person.card is not None
        place = person.cards.index(person.card)
        person.cards[place] = replace(person.card, exp_month=month, exp_year=year)
        if is_reported:
            await self.hears_of_a_changed_card()

    async def hears_of_a_changed_card(self) -> None:
        """The provider reports that the customer's default card has changed or is gone."""
        hint = EventHint(f"evt_{uuid4().hex}", EventKind.CARD_CHANGED, self.external_id)
        await self.handle.signal(SubscriptionWorkflow.provider_event, hint)
        await self.settle()

    async def refund(self, amount: int | None = None) -> None:
        await self.world.provider.outside.refund(self.external_id, amount)
        await self.settle()

    async def dispute(self, turn: str) -> None:
        """`opened`, `won` or `lost`, of the latest charge."""
        await self.world.provider.outside.dispute(self.external_id, turn)
        await self.settle()

    # Time

    async def live(self, time: timedelta) -> None:
        """Let time go by."""
        await self.world.traveller.travel(self, time.total_seconds())

    async def until(self, moment: datetime) -> None:
        """Let time go by until a moment has just passed."""
        await self.live(max(moment - self.now, timedelta()) + A_MINUTE)

    async def live_until(self, action: str) -> datetime:
        """Let time go by until the next *action* has been taken; returns when it was due."""
        wanted = RENEWALS if action == "renew" else (action,)
        due = next((one for one in self.world.records.steps[self.id].ahead if one.action.value in wanted), None)
        assert due is not None, f"no {action} is ahead, only {self.ahead}"
        await self.until(due.at)
        return due.at

    async def live_until_converted(self) -> None:
        await self.live_until("convert")
        assert self.status == ("active", "full")

    async def live_until_declined(self, decline: str) -> None:
        """Let the next renewal be declined."""
        self.card_answers(decline)
        await self.live_until("renew")
        assert self.status[0] == "past_due"

    async def settle(self) -> None:
        """Wait until all that has begun is done."""
        await self.world.traveller.settle(self)

    # As `sandbox.travel.Life`

    @property
    def customer(self) -> str:
        return self.external_id

    async def standing(self) -> Standing:
        try:
            outlook = await self.handle.query(SubscriptionWorkflow.outlook)
        except WorkflowQueryFailedError:
            # It was asked just as a timer had fired, which a worker that does not know it yet takes for no answer.
            return Standing(busy=True, due_at=None, over=False)
        return Standing(outlook.busy, outlook.due_at, outlook.over)

    async def outside_settled(self) -> bool:
        theirs = (mail for mail in self.world.records.mails.values() if mail.subscription == self.id)
        return self.world.mail_server.is_down or all(mail.status != "queued" for mail in theirs)

    async def wake(self) -> None:
        await self.handle.signal(SubscriptionWorkflow.provider_event, woken(f"woken/{uuid4()}", EventKind.INVOICE_PAID))
