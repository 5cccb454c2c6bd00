"""Lives in every status, with something in flight in each, as they are when they are kept for later releases.

Their clocks are years ahead of the real one, so that they can be set back by what goes by until they go on.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from domain.subscription.trial import MAX_EXTENSION_DAYS
from sandbox.product import Product, RefusedError
from tests.harness.lives import A_MINUTE, Life

Play = Callable[[Product, str], Awaitable[Life]]

A_DAY = timedelta(days=1)
EXTENSIONS = 12
AHEAD = timedelta(days=MAX_EXTENSION_DAYS * EXTENSIONS)
"""What a life's clock is ahead of the real one, at least."""
NEW_NAME = "Ada King"
CARD = {"payment_method": "pm_card_visa"}


async def aged(product: Product, name: str, **more: Any) -> Life:
    """A trial that was extended again and again, with ten days left."""
    life = await Life.begun(product, name, trial_days=MAX_EXTENSION_DAYS, **more)
    for _ in range(EXTENSIONS):
        await life.command("extend-trial", days=MAX_EXTENSION_DAYS, reason="evaluated for years")
    await life.live(AHEAD + (MAX_EXTENSION_DAYS - 10) * A_DAY)
    return life


async def paying(product: Product, name: str, **more: Any) -> Life:
    """A customer who has just paid for the first time, for a month of Starter or as *more* says."""
    life = await aged(product, name, **CARD, **more)
    await life.command("convert", when="now")
    await life.live(A_MINUTE)
    return life


async def trial_with_card(product: Product, name: str) -> Life:
    """Converts in ten days, after reminders."""
    return await aged(product, name, **CARD)


async def trial_without_card(product: Product, name: str) -> Life:
    """Expires in ten days."""
    return await aged(product, name)


async def monthly(product: Product, name: str) -> Life:
    """Renews soon."""
    life = await paying(product, name)
    await life.live(20 * A_DAY)
    return life


async def yearly(product: Product, name: str) -> Life:
    """Is told of the renewal first."""
    life = await paying(product, name, interval="year")
    await life.live(300 * A_DAY)
    return life


async def in_recovery(product: Product, name: str) -> Life:
    """Has been mailed and tried again, and will be limited next."""
    life = await paying(product, name)
    await life.live_until_declined("insufficient_funds")
    await life.live(4 * A_DAY)
    return life


async def held_by_operator(product: Product, name: str) -> Life:
    """Pays for nothing until the operator lets go."""
    life = await paying(product, name)
    await life.live(5 * A_DAY)
    await life.command("suspend", reason="fraud check")
    return life


async def unpaid(product: Product, name: str) -> Life:
    """Suspended at the end of the retries, and canceled a month later if nothing is paid."""
    life = await paying(product, name)
    await life.live_until_declined("insufficient_funds")
    await life.live(16 * A_DAY)
    return life


async def trial_expired(product: Product, name: str) -> Life:
    """Suspended without a card, and canceled a month later."""
    life = await aged(product, name)
    await life.live_until("expire_trial")
    return life


async def sign_up_to_confirm(product: Product, name: str) -> Life:
    """Signed up without a trial; the bank wants the first payment confirmed."""
    try:
        await product.sign_up(name, trial_days=0, payment_method="pm_card_authenticationRequired")
    except RefusedError as error:
        life = Life(product, name, {"id": error.problem["subscription"]})
        await life.live(A_MINUTE)
        return life
    raise AssertionError("the bank did not ask for a confirmation")


async def paused(product: Product, name: str) -> Life:
    """Paused until a date, with paid days left."""
    life = await paying(product, name)
    await life.live(10 * A_DAY)
    await life.command("pause", resumes_at=(life.now + 40 * A_DAY).isoformat())
    return life


async def canceled(product: Product, name: str) -> Life:
    """Over."""
    life = await paying(product, name)
    await life.command("cancel", at="now")
    return life


async def on_free_plan(product: Product, name: str) -> Life:
    """Fell to the free plan at the end of what was paid for."""
    life = await paying(product, name)
    await life.command("change-plan", plan="free")
    await life.live_until("change_plan")
    return life


async def change_planned(product: Product, name: str) -> Life:
    """Goes down to Starter when the month ends."""
    life = await paying(product, name, plan="professional")
    await life.command("change-plan", plan="starter")
    return life


async def end_planned(product: Product, name: str) -> Life:
    """Ends with the month."""
    life = await paying(product, name)
    await life.command("cancel", reason_code="unused", comment="back next year")
    return life


async def upgrade_to_confirm(product: Product, name: str) -> Life:
    """The bank wants the payment for Professional confirmed."""
    life = await paying(product, name)
    await product.card_answers(name, "authentication_required", "ok")
    await life.to_be_confirmed("change-plan", plan="professional")
    return life


async def upgrade_not_confirmed(product: Product, name: str) -> Life:
    """The same, and nobody will."""
    life = await paying(product, name)
    await product.card_answers(name, "authentication_required", "ok")
    await life.to_be_confirmed("change-plan", plan="professional")
    return life


async def with_add_ons(product: Product, name: str) -> Life:
    """Has four more users than Starter has."""
    return await paying(product, name, add_ons={"users": 4})


async def with_use(product: Product, name: str) -> Life:
    """Has used some pages of this period, and has users."""
    life = await paying(product, name)
    await product.consume(name, "pages", 300, key=f"{name}/pages")
    await product.consume(name, "users", 2, key=f"{name}/users")
    return life


async def disputed(product: Product, name: str) -> Life:
    """The bank looks into the payment; nothing is billed meanwhile."""
    life = await paying(product, name)
    await product.dispute(name)
    await life.live(A_MINUTE)
    return life


async def blocked(product: Product, name: str) -> Life:
    """Stripe does not take our key when the trial is to convert; put right while the release is made."""
    life = await aged(product, name, **CARD)
    await life.live(9 * A_DAY)
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.live_until("convert")
    await product.faults()
    return life


async def mail_on_its_way(product: Product, name: str) -> Life:
    """Pays; see `leave_in_disorder`."""
    return await paying(product, name)


async def dispute_unheard(product: Product, name: str) -> Life:
    """Pays."""
    return await paying(product, name)


async def payment_unseen(product: Product, name: str) -> Life:
    """Owes a month."""
    life = await paying(product, name)
    await life.live_until_declined("insufficient_funds")
    await life.mails()
    return life


async def customer_untold(product: Product, name: str) -> Life:
    """Pays."""
    return await paying(product, name)


async def leave_in_disorder(product: Product, lives: Mapping[str, Life]) -> None:
    """The mail server takes no mail and Stripe answers nobody.

    A mail is queued, a message of Stripe's is in the inbox as nobody knows whose it is, a workflow tries to look at a
    payment, and another to tell Stripe of a customer's name.
    """
    await product.faults(smtp={"refuse": True})
    await lives["mail_on_its_way"].command("cancel")
    url = str((await lives["payment_unseen"].open_pay_link()).url)
    await product.faults(smtp={"refuse": True}, stripe={"error_rate": 1, "status": 500})
    await lives["payment_unseen"].pay_at(url, "pm_card_visa")
    await product.dispute(lives["dispute_unheard"].external_id)
    await product.change_customer(lives["customer_untold"].external_id, name=NEW_NAME)


SIDE_BY_SIDE: tuple[Play, ...] = (
    trial_with_card,
    trial_without_card,
    monthly,
    yearly,
    in_recovery,
    held_by_operator,
    unpaid,
    trial_expired,
    sign_up_to_confirm,
    paused,
    canceled,
    on_free_plan,
    change_planned,
    end_planned,
    upgrade_to_confirm,
    upgrade_not_confirmed,
    with_add_ons,
    with_use,
    disputed,
    mail_on_its_way,
    dispute_unheard,
    payment_unseen,
    customer_untold,
)
ONE_BY_ONE: tuple[Play, ...] = (blocked,)
"""Something is out of order meanwhile, for all."""
