"""Lives that change, confirm or pause something, whose histories are kept."""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio.client import Client

from domain.subscription.policy import DEFAULT_POLICY
from sandbox.product import Product, RefusedError
from tenure.cli.policies import move_to
from tests.harness.calendar_days import converted_on_a_31st
from tests.harness.lives import A_MINUTE, Life
from tests.replay.plays import PAID_START


async def changed(product: Product) -> None:
    """An upgrade as it was previewed, a downgrade withdrawn and another that takes effect, a year begun."""
    life = await Life.begun(product, "kept-changed", **PAID_START)
    await life.command("preview-change", plan="professional")
    await life.command("change-plan", plan="professional")
    await life.command("change-plan", plan="starter")
    await life.command("withdraw-change")
    await life.command("change-plan", plan="starter", quantity=2)
    await life.live_until("change_plan")
    await life.product.card_answers(life.external_id, "insufficient_funds")
    await life.refused_by_the_bank("change-plan", plan="enterprise")
    await life.product.card_answers(life.external_id, "ok")
    await life.command("change-plan", interval="year")
    await life.live_until("notify")


async def changed_as_shown(product: Product) -> None:
    """Changes for no more than was shown: one that would cost more is refused, one is made, one is planned."""
    life = await Life.begun(product, "kept-changed-as-shown", **PAID_START)
    shown = await life.command("preview-change", plan="professional")
    seen = {"expected_due": shown["due_now"], "preview_at": shown["preview_at"]}
    await life.refused("change-plan", plan="professional", expected_due=shown["due_now"] - 1)
    await life.command("change-plan", plan="professional", **seen)
    await life.command("change-plan", plan="starter", expected_due=0)


async def confirmed(product: Product) -> None:
    """Plan changes that the bank wants confirmed: one confirmed, one withdrawn by the next, one that expires."""
    life = await Life.begun(product, "kept-confirmed", **PAID_START)
    await product.card_answers(life.external_id, "authentication_required", "ok", "authentication_required")
    url = await life.to_be_confirmed("change-plan", plan="professional")
    await life.confirm_at(url)
    await life.live(A_MINUTE)
    await life.to_be_confirmed("change-plan", plan="enterprise")
    await life.to_be_confirmed("change-plan", quantity=2)
    await life.live_until("end_confirmation")


async def confirmed_first(product: Product) -> None:
    """Conversions that the bank wants confirmed: one expires, one is withdrawn by the next, one is confirmed."""
    life = await Life.begun(product, "kept-confirmed-first", payment_method="pm_card_visa")
    await product.card_answers(life.external_id, *["authentication_required"] * 3, "ok")
    await life.to_be_confirmed("convert", when="now")
    await life.live_until("end_confirmation")
    await life.to_be_confirmed("convert", when="now")
    await life.confirm_at(await life.to_be_confirmed("convert", when="now"))
    await life.live(A_MINUTE)


async def confirmed_retry(product: Product) -> None:
    """Retries that the bank wants confirmed: of a conversion, withdrawn by the next, then paid; of an open invoice."""
    life = await Life.begun(product, "kept-confirmed-retry", payment_method="pm_card_visa")
    await product.card_answers(life.external_id, "authentication_required")
    await life.live_until("convert")
    await life.to_be_confirmed("retry-payment")
    await life.confirm_at(await life.to_be_confirmed("retry-payment"))
    await life.live(A_MINUTE)
    await life.live_until_declined("authentication_required")
    await life.confirm_at(await life.to_be_confirmed("retry-payment"))
    await life.live(A_MINUTE)


async def confirmed_sign_up(product: Product) -> None:
    """Sign-ups without a trial to be confirmed: one replaced by the next, which is confirmed, and one that expires."""
    for name, is_confirmed in (("kept-sign-up", False), ("kept-sign-up", True), ("kept-sign-up-late", False)):
        try:
            await product.sign_up(name, trial_days=0, payment_method="pm_card_authenticationRequired")
        except RefusedError as error:
            life = Life(product, name, {"id": error.problem["subscription"]})
            if is_confirmed:
                await life.confirm_at(str(error.problem["confirmation_url"]))
                await life.live(A_MINUTE)
    await life.live_until("end_confirmation")


async def paused(product: Product) -> None:
    """A pause whose end moves, resumed on its date and early, during an operator's hold; a period of our own."""
    life = await Life.begun(product, "kept-paused", **PAID_START)
    await life.live(timedelta(days=10))
    await life.command("pause", resumes_at=(life.now + timedelta(days=20)).isoformat())
    await life.command("pause", resumes_at=(life.now + timedelta(days=40)).isoformat())
    await life.live_until("resume")
    await life.live_until("begin_period")
    await life.command("pause")
    await life.command("suspend", reason="fraud check")
    await life.command("reactivate", reason="all is well")
    await life.command("resume")
    await life.command("cancel")
    await life.live_until("cancel")


async def canceled_in_a_pause(product: Product) -> None:
    """A preview during a pause, the cancellation that uses up the remaining days, and its end."""
    life = await Life.begun(product, "kept-canceled-in-a-pause", **PAID_START)
    await life.live(timedelta(days=10))
    await life.command("pause")
    await life.live(timedelta(days=20))
    await life.command("preview-cancel")
    await life.command("cancel", reason_code="unused", comment="back next year")
    await life.live_until("cancel")


async def billing_day(product: Product) -> None:
    """Anchored on a 31st: a pause of a moment, then a planned change into a short month and the period after it."""
    life = await converted_on_a_31st(product, "kept-billing-day")
    await life.command("pause")
    await life.command("resume")
    await life.command("change-plan", plan="professional", when="period_end")
    await life.live_until("change_plan")
    await life.live_until("begin_period")
    await life.live_until("renew")
    await life.live(timedelta(hours=2))


async def own_changes(product: Product) -> None:
    """In the days left after a pause: a decline, an upgrade, and another interval at once."""
    life = await Life.begun(product, "kept-own-changes", **PAID_START)
    await life.live(timedelta(days=10))
    await life.command("pause")
    await life.live(timedelta(days=5))
    await life.command("resume")
    await life.product.card_answers(life.external_id, "insufficient_funds")
    await life.refused_by_the_bank("change-plan", plan="professional")
    await life.product.card_answers(life.external_id, "ok")
    await life.command("preview-change", plan="professional")
    await life.command("change-plan", plan="professional")
    await life.live_until("begin_period")
    await life.command("pause")
    await life.live(timedelta(days=3))
    await life.command("resume")
    await life.command("change-plan", interval="year")
    await life.live(A_MINUTE)


async def confirmed_apart(product: Product) -> None:
    """In the days left after a pause, changes that the bank wants confirmed: withdrawn, expired, confirmed."""
    life = await Life.begun(product, "kept-confirmed-apart", **PAID_START)
    await life.live(timedelta(days=10))
    await life.command("pause")
    await life.live(timedelta(days=5))
    await life.command("resume")
    await product.card_answers(life.external_id, *["authentication_required"] * 4, "ok")
    await life.to_be_confirmed("change-plan", plan="enterprise")
    await life.to_be_confirmed("change-plan", plan="professional")
    await life.live_until("end_confirmation")
    await life.confirm_at(await life.to_be_confirmed("change-plan", plan="professional"))
    await life.live(A_MINUTE)
    await product.card_answers(life.external_id, "ok")
    await life.command("change-plan", quantity=2)
    await life.live_until("begin_period")


async def withdrawn_late(product: Product) -> None:
    """Downgrades withdrawn too late for the renewal: close to the period's end, and in an outage that outlasts it."""
    life = await Life.begun(product, "kept-withdrawn-late", plan="professional", **PAID_START)
    for is_down, time in ((False, timedelta(minutes=30)), (True, timedelta(minutes=90))):
        await life.command("change-plan", plan="starter")
        ends_at = datetime.fromisoformat((await life.stands())["current_period_end"])
        await life.live(ends_at - life.now - time)
        await product.faults(**({"stripe": {"error_rate": 1, "status": 500}} if is_down else {}))
        await life.command("withdraw-change")
        await life.live(timedelta(hours=2))
        await product.faults()
        await life.live(timedelta(hours=1))
    assert (await life.bills())["paid"] == 3


async def moved_again(product: Product) -> None:
    """Moved to the policy that it has, away from it, and back."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-moved-again")
    quick, slow = [replace(DEFAULT_POLICY, version=version) for version in ("quick", "slow")]
    for number, policy in enumerate((quick, quick, slow, quick)):
        await move_to(client, life.id, policy, f"run {number}")


async def confirmed_too_late(product: Product) -> None:
    """A change that is billed apart after a refund, and waits for the bank until the period ends and renews."""
    life = await Life.begun(product, "kept-confirmed-too-late", **PAID_START)
    await product.refund(life.external_id, 100)
    ends_at = datetime.fromisoformat((await life.stands())["current_period_end"])
    await life.live(ends_at - life.now - timedelta(hours=5))
    await product.card_answers(life.external_id, "authentication_required", "ok")
    await life.to_be_confirmed("change-plan", plan="professional")
    await life.live_until("end_confirmation")
    await life.live(timedelta(hours=3))
    assert (await life.stands())["plan"] == "starter"
    assert (await life.bills())["paid"] == 2
