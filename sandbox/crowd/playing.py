"""Plays a plot: each act by the command, or at the bank, that it is in the product."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, NoReturn
from uuid import UUID

from activities.failures import as_failure
from domain.catalog.plans import Catalog, Interval, Selection
from domain.errors import GatewayForbidden, Malformed, TenureError
from domain.names import DEFAULT_TENANT
from domain.subscription.command_keys import hashed
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import Policy
from domain.subscription.sign_up import SignUp
from domain.subscription.state import Subscription
from sandbox.crowd.acts import Act, Deed, Plot
from sandbox.crowd.audited import ACTIONS, Support
from sandbox.crowd.past_life import PastLife
from sandbox.stripe import StripeSimulator
from workflows.subscription.messages import (
    Cancel,
    ChangePlan,
    Command,
    Convert,
    ExtendTrial,
    PauseUntil,
    PutPaymentMethod,
    Reactivate,
    Suspend,
)

SHOP = "service crowd"
"""Who sends the commands of customers, as the journal names them."""
FIRST_CARD, OTHER_CARD = "pm_card_visa", "pm_card_mastercard"
OK = "ok"


@dataclass(frozen=True)
class Offer:
    """What is sold."""

    catalog: Catalog
    policy: Policy

    @property
    def trial_days(self) -> int:
        """Days of a trial of the cheapest plan."""
        of_plan = self.catalog.plans[self.chosen(0, by_the_year=False).plan].trial_days
        return self.policy.trial.days if of_plan is None else of_plan

    def plans(self, interval: Interval) -> list[str]:
        """The plans for sale by this interval that cost something, the cheapest first."""
        sold = [plan for plan in self.catalog.for_sale if interval in plan.prices]
        return [plan.code for plan in sorted(sold, key=lambda plan: plan.prices[interval].amount)]

    def chosen(self, rank: float, *, by_the_year: bool) -> Selection:
        """What somebody signs up for.

        Raises:
            Malformed: nothing is for sale that costs something.
        """
        wanted = Interval.YEAR if by_the_year else Interval.MONTH
        interval = next((each for each in (wanted, *Interval) if self.plans(each)), None)
        if interval is None:
            raise Malformed(
                f"{self.catalog.name} sells nothing that costs something: a crowd needs a plan to buy", field="catalog"
            )
        plans = self.plans(interval)
        return self.catalog.select(plans[int(rank * len(plans))], interval)


class Player:
    """Plays one plot, in its own time; *support* acts for operators."""

    def __init__(self, life: PastLife, plot: Plot, offer: Offer, support: Support, dice: Random) -> None:
        self._life, self._plot, self._offer, self._support, self._dice = life, plot, offer, support, dice
        self._sent = 0

    @property
    def _simulator(self) -> StripeSimulator:
        return self._life.around.simulator

    async def play(self, until: datetime) -> None:
        """Live the whole year; what the product or the bank refuses does not happen."""
        plot = self._plot
        with suppress(TenureError):
            await self._sign_up(self._offer.chosen(plot.rank, by_the_year=plot.by_the_year), plot.trial_days, plot.card)
        for act in plot.acts:
            await self._life.live_until(plot.signs_up_at + timedelta(days=act.day))
            with suppress(TenureError, LookupError, ValueError):
                await self._do(act)
        await self._life.live_until(until)

    async def _sign_up(self, selection: Selection, trial_days: int, card: str | None) -> None:
        await self._life.sign_up(
            SignUp(
                subscription=str(UUID(int=self._dice.getrandbits(128), version=4)),
                tenant=DEFAULT_TENANT,
                actor=SHOP,
                key=self._key(),
                contact=self._plot.contact,
                selection=selection,
                trial_days=trial_days,
                policy=self._offer.policy,
                free_plan=self._offer.catalog.free_plan,
                payment_method=card,
            )
        )

    def _key(self) -> str:
        self._sent += 1
        return hashed(f"{self._plot.contact.external_id}/{self._sent}")

    async def _do(self, act: Act) -> None:
        if self._life.is_over:
            if act.deed is Deed.RETURN:
                await self._sign_up(self._offer.chosen(self._plot.rank, by_the_year=False), 0, OTHER_CARD)
            return
        if act.deed in _AT_THE_BANK:
            _AT_THE_BANK[act.deed](self._simulator, self._plot.contact.external_id, act)
        if act.deed in _COMMANDS:
            await self._command(act)
        elif act.deed in _CHANGES:
            await self._change(_CHANGES[act.deed])
        elif act.deed is Deed.GIVE_CARD:
            await self._give_card()
        elif act.deed is Deed.REFUND_PART:
            await self._refund_part()
        elif act.deed is Deed.OUTAGE:
            self._life.replace_activity("begin", _refused)
        await self._life.settle()

    async def _command(self, act: Act) -> None:
        name, make = _COMMANDS[act.deed]
        key, life = self._key(), self._life
        if act.deed not in ACTIONS:
            await life.command(name, make(Command(key, SHOP), act, life.now))
            return
        async with self._support.acting(life, act.deed, key, act.words) as reason:
            await life.command(name, make(Command(key, self._support.actor), replace(act, words=reason), life.now))

    async def _give_card(self) -> None:
        state = await self._life.state()
        if state.status is Status.TRIALING:
            await self._life.command("convert", Convert(self._key(), SHOP, FIRST_CARD, ConvertAt.TRIAL_END))
        else:
            await self._life.command("put_payment_method", PutPaymentMethod(self._key(), SHOP, FIRST_CARD))

    async def _refund_part(self) -> None:
        state = await self._life.state()
        self._simulator.refund(self._plot.contact.external_id, max(state.amount // 4, 1))

    async def _change(self, choose: "_Choice") -> None:
        state = await self._life.state()
        to = choose(self._offer, state, self._dice)
        if to is None:
            return
        is_upgrade = self._offer.catalog.is_upgrade(state.selection, to)
        await self._life.command("change_plan", ChangePlan(self._key(), SHOP, to, is_upgrade))


async def _refused(_request: Any) -> NoReturn:
    """The provider refuses a first payment, as to a key that was rolled."""
    raise as_failure(GatewayForbidden("Stripe does not accept our key: Expired API Key provided", code="stripe_key"))


# Commands

_Made = Callable[[Command, Act, datetime], Command]
_COMMANDS: Mapping[Deed, tuple[str, _Made]] = {
    Deed.CANCEL: ("cancel", lambda it, act, _: Cancel(it.key, it.actor, CancelAt.PERIOD_END, act.words, act.code)),
    Deed.CANCEL_NOW: ("cancel", lambda it, act, _: Cancel(it.key, it.actor, CancelAt.NOW, act.words, act.code)),
    Deed.DISMISS: (
        "cancel",
        lambda it, act, _: Cancel(it.key, it.actor, CancelAt.NOW, act.words, act.code, EndKind.OPERATOR),
    ),
    Deed.UNDO_CANCEL: ("uncancel", lambda it, _act, _: it),
    Deed.NEW_CARD: ("put_payment_method", lambda it, _act, _: PutPaymentMethod(it.key, it.actor, OTHER_CARD)),
    Deed.PAUSE: ("pause", lambda it, act, now: PauseUntil(it.key, it.actor, now + timedelta(days=int(act.words)))),
    Deed.PAY: ("retry_payment", lambda it, _act, _: it),
    Deed.RESUME: ("resume", lambda it, _act, _: it),
    Deed.EXTEND: ("extend_trial", lambda it, act, _: ExtendTrial(it.key, it.actor, 7, act.words)),
    Deed.SUSPEND: ("suspend", lambda it, act, _: Suspend(it.key, it.actor, act.words)),
    Deed.REACTIVATE: ("reactivate", lambda it, act, _: Reactivate(it.key, it.actor, act.words)),
}
_AT_THE_BANK: Mapping[Deed, Callable[[StripeSimulator, str, Act], object]] = {
    Deed.BANK: lambda stripe, name, act: stripe.set_card_answers(name, act.answers),
    Deed.PAY: lambda stripe, name, _: stripe.set_card_answers(name, [OK]),
    Deed.WAIVE: lambda stripe, name, _: stripe.void_invoice(name),
    Deed.DISPUTE: lambda stripe, name, _: stripe.dispute(name, "opened"),
    Deed.WIN_DISPUTE: lambda stripe, name, _: stripe.dispute(name, "won"),
    Deed.LOSE_DISPUTE: lambda stripe, name, _: stripe.dispute(name, "lost"),
    Deed.REFUND: lambda stripe, name, _: stripe.refund(name),
}


# Changes of the plan: None if there is nothing to change to

_Choice = Callable[[Offer, Subscription, Random], Selection | None]


def _other_plan(offer: Offer, state: Subscription, step: int) -> Selection | None:
    plans = offer.plans(state.interval)
    place = plans.index(state.plan) + step if state.plan in plans else -1
    if not 0 <= place < len(plans):
        return None
    return offer.catalog.select(plans[place], state.interval, state.quantity, state.add_ons)


def _by_the_year(offer: Offer, state: Subscription, _dice: Random) -> Selection | None:
    if state.plan not in offer.plans(Interval.YEAR) or state.interval is Interval.YEAR:
        return None
    add_ons = {code: n for code, n in state.add_ons.items() if Interval.YEAR in offer.catalog.add_ons[code].prices}
    return offer.catalog.select(state.plan, Interval.YEAR, state.quantity, add_ons)


def _with_add_on(offer: Offer, state: Subscription, dice: Random) -> Selection | None:
    sold = [code for code, add_on in offer.catalog.add_ons.items() if state.interval in add_on.prices]
    if not sold or state.plan not in offer.plans(state.interval):
        return None
    code = dice.choice(sold)
    add_ons = {**state.add_ons, code: state.add_ons.get(code, 0) + dice.randint(1, 3)}
    return offer.catalog.select(state.plan, state.interval, state.quantity, add_ons)


_CHANGES: Mapping[Deed, _Choice] = {
    Deed.UPGRADE: lambda offer, state, _: _other_plan(offer, state, +1),
    Deed.DOWNGRADE: lambda offer, state, _: _other_plan(offer, state, -1),
    Deed.PAY_BY_THE_YEAR: _by_the_year,
    Deed.ADD_ON: _with_add_on,
}
