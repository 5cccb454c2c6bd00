"""What customers receive before a renewal: that it comes, and that their card will have expired by then."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]


async def expire_before_renewal(life: Life) -> None:
    """Let the card on file be good until the month before the renewal's, and no longer."""
    renews_at = datetime.fromisoformat((await life.stands())["current_period_end"])
    last = renews_at.replace(day=1) - timedelta(days=1)
    await life.product.card_expires(life.external_id, last.month, last.year, announced=True)
    await life.mails()


async def text_of(life: Life, occasion: str) -> str:
    """The text of the only mail of an occasion."""
    mails = await life.product.mails(life.external_id)
    [text] = [mail["text"] for mail in mails if mail["headers"]["X-Tenure-Occasion"] == occasion]
    return str(text)


async def test_a_renewal_is_announced_with_what_will_be_charged_and_that_the_card_will_have_expired(
    begin: Begin,
) -> None:
    life = await begin(plan="professional", trial_days=0, payment_method="pm_card_visa", interval="year")
    await life.command("change-plan", plan="starter", when="now")
    await expire_before_renewal(life)

    await life.live_until("notify")
    await life.mails()

    announced = await text_of(life, "renewal_ahead")
    assert "your credit covers it and nothing is charged on" in announced
    assert "we will charge" not in announced
    assert "expire" in await text_of(life, "card_expiring")
    await life.live_until("renew")
    await life.live(timedelta(hours=4))
    newest = (await life.product.get("/v1/invoices", customer=life.external_id))["data"][0]
    assert newest["amount_paid"] == 0
