"""Steps that the provider does not take: shown, retried, and in nobody's way."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from activities import failures
from domain.errors import GatewayForbidden, GatewayRefused, GatewayUnavailable, TenureError
from domain.subscription.state import Blocked
from tests.harness.names import a_name
from tests.workflows.conftest import Begin
from tests.workflows.world.life import A_MINUTE, CONVERTED, Life
from tests.workflows.world.world import World

AN_HOUR = timedelta(hours=1)
NO_KEY = GatewayForbidden("the provider does not accept our key", code="stripe_key")
OUTAGE = GatewayUnavailable("the provider has an outage")
EVERY_CALL = (
    *("adopt_checkout", "begin", "begun", "change", "collect", "confirmation", "end", "end_at_period_end"),
    *("hold", "open_checkout", "open_wallet", "put_card", "quote", "restart", "standing", "withdraw_confirmation"),
)


@pytest.fixture(autouse=True)
def _reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is not accepted is tried once: other tests prove how often it is, and for how long."""
    monkeypatch.setattr(failures, "FORBIDDEN_ATTEMPTS", 1)


def blocked(life: Life) -> Blocked | None:
    return life.subscription.blocked


async def test_a_conversion_with_a_rejected_key_is_blocked_and_continues_once_it_is_fixed(
    begin: Begin, world: World
) -> None:
    life = await begin(payment_method="visa")
    world.provider.calls.fail(*EVERY_CALL, error=NO_KEY)
    await life.live_until("convert")

    shown = blocked(life)
    assert shown is not None
    assert (shown.action, shown.code, shown.why) == ("convert", "stripe_key", NO_KEY.message)
    assert AN_HOUR <= shown.next_try - shown.since <= AN_HOUR + A_MINUTE
    await life.live(3 * AN_HOUR)
    assert life.kinds["blocked"] == 1

    world.provider.heal()
    await life.command("retry-payment")

    assert blocked(life) is None
    assert life.status == ("active", "full")
    assert life.kinds["unblocked"] == 1
    assert life.bills == Counter(paid=1)
    assert life.mails == CONVERTED


async def test_a_blocked_conversion_is_retried_every_hour_without_a_command(begin: Begin, world: World) -> None:
    life = await begin(payment_method="visa")
    world.provider.calls.fail("begin", "begun", error=NO_KEY)
    await life.live_until("convert")
    assert blocked(life) is not None

    world.provider.heal()
    await life.live(AN_HOUR + A_MINUTE)

    assert blocked(life) is None
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)


async def test_an_outage_blocks_after_an_hour_and_is_over_soon_after_its_end(begin: Begin, world: World) -> None:
    life = await begin(payment_method="visa")
    world.provider.calls.fail(*EVERY_CALL, error=OUTAGE)
    await life.live_until("convert")
    await life.live(timedelta(minutes=50))
    assert blocked(life) is None

    await life.live(timedelta(minutes=20))
    shown = blocked(life)
    assert shown is not None
    assert shown.action == "convert"
    await life.command("suspend", reason="asked for by phone")
    assert (life.status, blocked(life)) == (("suspended", "none"), None)

    await life.command("reactivate", reason="and taken back")
    world.provider.heal()
    await life.live(timedelta(minutes=10))
    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)


ACCEPTED: dict[str, tuple[tuple[str, dict[str, Any], str], ...]] = {
    "trialing": (
        ("extend-trial", {"days": 3}, "trialing"),
        ("suspend", {}, "suspended"),
        ("reactivate", {}, "trialing"),
        ("cancel", {}, "trialing"),
    ),
    "active": (
        ("change-plan", {"plan": "professional", "when": "period_end"}, "active"),
        ("withdraw-change", {}, "active"),
        ("pause", {}, "paused"),
        ("resume", {}, "active"),
        ("suspend", {}, "suspended"),
        ("reactivate", {}, "active"),
        ("cancel", {}, "active"),
        ("cancel", {"at": "now"}, "canceled"),
    ),
    "past_due": (
        ("suspend", {}, "suspended"),
        ("reactivate", {}, "past_due"),
        ("cancel", {"at": "period_end"}, "canceled"),
    ),
    "suspended": (
        ("reactivate", {}, "active"),
        ("suspend", {}, "suspended"),
        ("cancel", {"at": "now"}, "canceled"),
    ),
    "paused": (
        ("suspend", {}, "suspended"),
        ("reactivate", {}, "paused"),
        ("cancel", {"at": "now"}, "canceled"),
    ),
}
"""What is carried out in each status while our key is rejected, in turn, and the status after it."""
REFUSED: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "trialing": (("convert", {"when": "now"}), ("payment-method", {"payment_method": "visa"})),
    "active": (("change-plan", {"plan": "professional", "when": "now"}),),
    "past_due": (("retry-payment", {}), ("payment-method", {"payment_method": "mastercard"})),
    "suspended": (("payment-method", {"payment_method": "mastercard"}),),
    "paused": (),
}
"""What asks something of the provider."""


async def in_status(begin: Begin, status: str) -> Life:
    if status == "trialing":
        return await begin(payment_method="visa")
    life = await begin(trial_days=0, payment_method="visa")
    if status == "past_due":
        await life.live_until_declined("insufficient_funds")
    if status == "suspended":
        await life.command("suspend")
    if status == "paused":
        await life.command("pause")
    return life


@pytest.mark.parametrize("status", ACCEPTED)
async def test_decisions_of_ours_are_accepted_while_our_key_is_rejected_and_reported_once_it_is_fixed(
    begin: Begin, world: World, status: str
) -> None:
    life = await in_status(begin, status)
    world.provider.calls.fail(*EVERY_CALL, error=NO_KEY)

    for command, body in REFUSED[status]:
        assert await life.refused(command, **body) == "stripe_key"
    for command, body, after in ACCEPTED[status]:
        await life.command(command, **body)
        assert life.subscription.status == after, command
    if life.subscription.is_over:
        await life.live(A_MINUTE)
        shown = blocked(life)
        assert shown is not None
        assert (life.status, shown.action) == (("canceled", "none"), "end")
        assert life.kinds["canceled"] == 1

    world.provider.heal()
    await life.live(AN_HOUR + A_MINUTE)
    assert blocked(life) is None
    assert all(deal.ended for deal in world.provider.outside.agreements_of(life.external_id))
    assert life.bills["open"] == 0


async def test_what_the_provider_charges_after_an_unreported_end_is_recorded_and_the_agreement_ends(
    begin: Begin, world: World
) -> None:
    life = await begin(trial_days=0, payment_method="visa")
    renews_at = life.subscription.period_end
    assert renews_at is not None
    await life.live(renews_at - life.now - AN_HOUR)
    world.provider.calls.fail(*EVERY_CALL, error=NO_KEY)

    await life.command("cancel", at="now", by="operator")
    assert life.status == ("canceled", "none")
    await life.live(3 * AN_HOUR)
    world.provider.heal()
    await life.live(AN_HOUR)

    assert blocked(life) is None
    [deal] = world.provider.outside.agreements_of(life.external_id)
    assert deal.ended
    assert life.kinds["charged_after_end"] == 1
    assert life.bills == Counter(paid=2), "an operator may have to refund one of them"


async def test_a_refused_hold_is_blocked_until_it_is_accepted(begin: Begin, world: World) -> None:
    life = await begin(trial_days=0, payment_method="visa")
    world.provider.calls.fail("hold", error=GatewayRefused("not allowed", code="stripe_permission"))

    await life.command("pause")
    await life.live(A_MINUTE)

    shown = blocked(life)
    assert shown is not None
    assert (life.status[0], shown.action) == ("paused", "hold")
    world.provider.heal()
    await life.command("retry-payment")
    assert (life.status[0], blocked(life)) == ("paused", None)
    [deal] = world.provider.outside.agreements_of(life.external_id)
    assert deal.held


# A paid sign-up


async def not_started(world: World, name: str, card: str = "visa", **more: Any) -> Life:
    """A paid sign-up whose first payment cannot be taken."""
    world.provider.calls.fail("begin", "begun", error=NO_KEY)
    with pytest.raises(TenureError) as refusal:
        await world.sign_up(name, trial_days=0, payment_method=card, **more)
    assert refusal.value.code == "first_payment_blocked"
    return world.lives[-1]


async def test_a_blocked_paid_sign_up_has_no_access_and_starts_once_it_is_fixed(world: World) -> None:
    life = await not_started(world, a_name("blocked-start"))
    assert (life.status, life.subscription.status_reason) == (("suspended", "none"), "awaiting_payment")
    shown = blocked(life)
    assert shown is not None
    assert shown.action == "first_payment"
    assert await life.refused("payment-method", payment_method="visa") == "awaiting_payment"
    await life.live(2 * AN_HOUR)
    assert life.kinds["blocked"] == 1

    world.provider.heal()
    await life.command("retry-payment")

    assert life.status == ("active", "full")
    assert life.bills == Counter(paid=1)
    assert life.mails == Counter(converted=1, receipt=1)


async def test_a_blocked_paid_sign_up_can_be_canceled(world: World) -> None:
    life = await not_started(world, a_name("blocked-start"))

    await life.command("cancel", at="now")

    assert life.status == ("canceled", "none")
    end = life.subscription.end
    assert end is not None
    assert end.kind == "never_began"
    assert blocked(life) is None
    assert life.bills == Counter()


async def test_a_known_customer_keeps_their_default_card_until_a_blocked_sign_up_is_paid(world: World) -> None:
    name = a_name("returning")
    former = await world.sign_up(name, trial_days=0, payment_method="visa")
    await former.command("cancel", at="now")
    person = world.provider.person(name)
    assert person is not None
    card = person.default

    life = await not_started(world, name, "mastercard")
    assert person.default == card
    world.provider.heal()
    await life.command("retry-payment")

    assert life.status == ("active", "full")
    assert person.default != card


async def test_a_card_entered_while_our_key_is_rejected_is_put_on_file_once_it_is_fixed(
    begin: Begin, world: World
) -> None:
    life = await begin()
    result = await life.command("open-checkout")
    world.provider.calls.fail(*EVERY_CALL, error=NO_KEY)
    await world.provider.outside.give_at_checkout(result.url, "visa")
    await life.settle()

    shown = blocked(life)
    assert shown is not None
    assert shown.action == "hear"
    assert "convert" not in life.ahead
    world.provider.heal()
    await life.live(AN_HOUR + A_MINUTE)
    assert "convert" in life.ahead
    assert blocked(life) is None


async def test_a_command_that_our_key_does_not_allow_leaves_nothing_waiting(begin: Begin, world: World) -> None:
    life = await begin()
    world.provider.calls.fail(*EVERY_CALL, error=NO_KEY)

    assert await life.refused("payment-method", payment_method="visa") == "stripe_key"

    await life.command("cancel")
    assert life.subscription.cancel_at is not None


async def test_a_customer_whom_the_provider_does_not_know_is_left_to_an_operator(begin: Begin, world: World) -> None:
    life = await begin(payment_method="visa")
    unknown = GatewayRefused("no such customer", code="resource_missing")
    world.provider.calls.fail("begin", "begun", "is_deleted", error=unknown)

    await life.live_until("convert")

    shown = blocked(life)
    assert shown is not None
    assert (shown.action, shown.code) == ("convert", "resource_missing")
    assert life.status == ("trialing", "full")
