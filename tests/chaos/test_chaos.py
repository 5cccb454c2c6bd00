"""A few lives through the faults that are quick; `make chaos` plays many through all of them."""

from tests.chaos.faults import LANES, Fault
from tests.chaos.group import Outcome
from tests.chaos.playing import Plan, played
from tests.harness.typed import Forker

QUICK = (
    "worker killed after Stripe has committed",
    "worker killed before it records the charge",
    "API killed",
    "PostgreSQL killed",
    "SMTP says 550, never",
    "webhooks reordered for a month",
)
LIVES, SECONDS = 2, 2.0


def of_lanes(names: tuple[str, ...]) -> list[Fault]:
    """These faults, one after the other on one installation."""
    return [fault for lane in LANES for fault in lane if fault.name in names]


async def test_whatever_is_killed_or_fails_money_and_mails_come_once_and_all_places_agree(forker: Forker) -> None:
    told: list[Outcome] = []

    outcomes = await played([of_lanes(QUICK)], Plan(LIVES, SECONDS), told.append, forker)

    assert sorted(outcome.fault for outcome in outcomes) == sorted(QUICK)
    assert told == outcomes
    assert [outcome for outcome in outcomes if outcome.is_broken] == []
    assert {outcome.lives for outcome in outcomes} == {LIVES}
    assert all(outcome.events > outcome.lives for outcome in outcomes)
