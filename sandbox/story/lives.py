"""The lives that are told."""

from datetime import timedelta

from sandbox.story.teller import Teller

TRIAL = ("trial_started", "trial_ending", "trial_ending", "trial_ending")
STORAGE = "storage_gb"
FINALIZED = timedelta(hours=2)
"""Stripe leaves a renewal's bill open to changes for an hour before it charges."""


async def ada(life: Teller) -> None:
    """No card at first; she checks out after the second reminder, converts and renews twice."""
    customer = {"name": "Ada", "timezone": "Europe/London"}
    await life.signs_up("signs up for Starter without a card", plan="starter", customer=customer)
    await life.is_now("trialing", "full")
    await life.has_mails("trial_started")
    await life.lives_until("send_reminder")
    await life.lives_until("send_reminder")
    await life.checks_out("checks out: a card is on file, the remaining trial days stay hers")
    await life.is_now("trialing", "full")
    await life.lives_until("send_reminder")
    await life.has_mails(*TRIAL)
    await life.lives_until("convert")
    await life.is_now("active", "full", "converted")
    await life.has_mails(*TRIAL, "converted", "receipt")
    for receipts in (2, 3):
        await life.lives_until("renew")
        await life.lives_for(FINALIZED)
        await life.is_now("active", "full", "renewed")
        await life.has_mails(*TRIAL, "converted", *["receipt"] * receipts)
    await life.has_paid(3)


async def grace(life: Teller) -> None:
    """Her renewal is declined; the ladder climbs to suspension, a new card brings her back at once."""
    customer = {"name": "Grace", "timezone": "America/New_York"}
    await life.signs_up("signs up with a card", plan="starter", customer=customer, payment_method="pm_card_visa")
    await life.lives_until("convert")
    await life.is_now("active", "full", "converted")
    paid_up = (*TRIAL, "converted", "receipt")
    await life.has_mails(*paid_up)
    await life.product.card_answers(life.external_id, "insufficient_funds")
    life.say("her bank will decline from now on: insufficient funds")
    await life.lives_until("renew")
    await life.lives_for(FINALIZED)
    await life.is_now("past_due", "full", "renewal declined, day 0")
    failed = ["payment_failed"]
    for day, access, mails in ((1, "full", 0), (3, "full", 1), (5, "limited", 1), (7, "limited", 1)):
        await life.lives_until("recover")
        failed += ["payment_failed"] * mails
        await life.has_mails(*paid_up, *failed)
        await life.is_now("past_due", access, f"recovery day {day}, the retry is declined")
    await life.lives_until("recover")
    await life.is_now("suspended", "none", "recovery day 14, the last retry is declined")
    await life.has_mails(*paid_up, *failed, "suspended")
    await life.commands("gives a new card: charged at once", "payment-method", payment_method="pm_card_mastercard")
    await life.is_now("active", "full", "reactivated")
    await life.has_mails(*paid_up, *failed, "suspended", "reactivated", "receipt")
    await life.has_paid(2)


async def edsger(life: Teller) -> None:
    """He never adds a card: the trial expires, his data is kept."""
    customer = {"name": "Edsger", "timezone": "Europe/Amsterdam"}
    await life.signs_up("signs up without a card", plan="professional", customer=customer)
    for _ in range(3):
        await life.lives_until("send_reminder")
    await life.lives_until("expire_trial")
    await life.is_now("suspended", "none", "trial expired")
    await life.has_mails(*TRIAL, "trial_expired")
    await life.has_paid(0)


async def barbara(life: Teller) -> None:
    """She upgrades in mid-period, fills her storage, asks for a downgrade that does not fit, pauses, and cancels."""
    customer = {"name": "Barbara", "timezone": "America/Chicago"}
    paid_start = {"trial_days": 0, "payment_method": "pm_card_visa"}
    await life.signs_up("signs up for Starter, paid at once", plan="starter", customer=customer, **paid_start)
    await life.is_now("active", "full")
    await life.lives_for(timedelta(days=10))
    await life.previews("asks what Professional would cost from now on", plan="professional")
    await life.commands("upgrades", "change-plan", plan="professional")
    await life.is_to("professional")
    mails = ["converted", "receipt", "plan_changed", "receipt"]
    await life.has_mails(*mails)
    await life.has_paid(2)
    await life.commands("plans to go back to Starter when the period ends", "change-plan", plan="starter")
    await life.is_to("professional", later="starter")
    await life.commands("stays with Professional after all", "withdraw-change")
    await life.is_to("professional")
    mails += ["plan_change_scheduled"]
    await _fills_her_storage(life)
    mails += ["usage_warning", "usage_limit"]
    await life.has_mails(*mails)
    await life.lives_until("renew")
    await life.lives_for(FINALIZED)
    await life.is_now("active", "full", "renewed")
    until = life.now + timedelta(days=20)
    await life.commands("pauses for twenty days", "pause", resumes_at=until.isoformat())
    await life.is_now("paused", "none")
    await life.lives_until("resume")
    await life.is_now("active", "full", "resumed, no paid day lost")
    mails += ["receipt", "paused", "resumed"]
    await life.commands("cancels at the end of what is paid for", "cancel", reason="the project is over")
    await life.is_now("active", "full")
    await life.lives_until("cancel")
    await life.is_now("canceled", "none")
    await life.has_mails(*mails, "cancellation_scheduled", "canceled")
    await life.has_paid(3)


async def _fills_her_storage(life: Teller) -> None:
    await life.uses(80, STORAGE, level="hint")
    await life.uses(10, STORAGE, level="warned")
    await life.hears("usage_warning")
    await life.uses(10, STORAGE, level="grace")
    await life.hears("usage_limit")
    await life.uses(10, STORAGE, level="reached")
    one_more = life.product.consume(life.external_id, STORAGE, key=f"{life.subscription}/one-more")
    await life.is_refused("wants one GB more", "limit_reached", one_more)
    downgrade = life.product.command(life.subscription, "change-plan", plan="starter")
    await life.is_refused("wants to go back to Starter", "usage_does_not_fit", downgrade)
    await life.is_to("professional")


LIVES = (("Ada", ada), ("Grace", grace), ("Edsger", edsger), ("Barbara", barbara))
