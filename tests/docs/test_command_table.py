"""The table of commands: no promise in it is empty, and every refusal has a code and a sentence."""

import re
from datetime import timedelta
from itertools import product

import pytest

from domain.catalog.plans import Selection
from domain.subscription import suspension
from domain.subscription.cancellation import usable_until
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Subscription
from tests.builders import FREE, NOW, PRO
from tests.docs.command_table import COMMANDS, SITUATIONS, answer
from tests.docs.lifecycle_page import PAGE, commands

CELLS = list(product(COMMANDS, SITUATIONS))
CARRIED_OUT = [cell for cell in CELLS if answer(*cell) is None]
REFUSED = [cell for cell in CELLS if answer(*cell) is not None]


def _change(subscription: Subscription, to: Selection) -> Event:
    if subscription.is_free:
        return Event.CONVERTED
    return Event.PLAN_CHANGED if to.items else Event.MOVED_TO_FREE


def _cancel_later(subscription: Subscription) -> Event:
    if subscription.status is Status.PAUSED:
        return Event.RESUMED  # what the pause has kept is used up first
    return Event.CANCEL_SCHEDULED if usable_until(subscription, NOW) else Event.CANCELED


def event_of(command: str, subscription: Subscription) -> Event:
    """What happens to a subscription when a command is carried out."""
    paid = bool(subscription.agreement_ref)
    return {
        "`convert`": Event.NOTED if subscription.status is Status.TRIALING else Event.CONVERTED,
        "`convert` with a card": Event.CONVERTED,
        "`payment-method`": Event.CARD_REPLACED,
        "`retry-payment`": Event.RECOVERED if paid else Event.CONVERTED,
        "`cancel` at period_end": _cancel_later(subscription),
        "`cancel` now": Event.CANCELED,
        "`uncancel`": Event.CANCEL_WITHDRAWN,
        "`pause`": Event.PAUSED,
        "`resume`": Event.RESUMED,
        "`change-plan` now": _change(subscription, PRO),
        "`change-plan` at period_end": Event.CHANGE_SCHEDULED if paid else _change(subscription, PRO),
        "`change-plan` to the free plan": Event.CHANGE_SCHEDULED if paid else _change(subscription, FREE),
        "`withdraw-change`": Event.CHANGE_WITHDRAWN,
        "`extend-trial`": Event.TRIAL_EXTENDED,
        "`suspend`": Event.SUSPENDED_BY_OPERATOR,
        "`reactivate`": _way_back(subscription),
        "a checkout page": Event.CARD_REPLACED,
    }[command]


def _way_back(subscription: Subscription) -> Event:
    if subscription.suspension is None:
        return Event.NOTED
    return suspension.way_back(subscription, timedelta(), NOW).event


@pytest.mark.parametrize(("command", "situation"), CARRIED_OUT)
def test_what_is_said_to_be_carried_out_can_happen(command: str, situation: str) -> None:
    subscription = SITUATIONS[situation]
    assert subscription.allows(event_of(command, subscription))


@pytest.mark.parametrize(("command", "situation"), REFUSED)
def test_a_refusal_is_a_code_that_no_client_has_to_read_as_a_sentence(command: str, situation: str) -> None:
    code = answer(command, situation)
    assert code is not None
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+|paused", code)
    assert code not in ("transition_rejected", "malformed"), "there is a better word for it"


def test_every_command_is_carried_out_somewhere_and_nothing_is_after_the_end() -> None:
    assert {command for command, _ in CARRIED_OUT} == set(COMMANDS)
    assert {answer(command, "canceled") for command in COMMANDS} == {"subscription_canceled"}


def test_every_status_is_a_situation() -> None:
    assert {subscription.status for subscription in SITUATIONS.values()} == set(Status)


def test_the_page_has_a_cell_for_every_command_in_every_situation() -> None:
    table = commands()
    assert table in PAGE.read_text(encoding="utf-8")
    header, _, *lines = (line.strip("|").split("|") for line in table.splitlines())
    assert {len(line) for line in (header, *lines)} == {1 + len(SITUATIONS)}
    assert len(lines) == len(COMMANDS)
