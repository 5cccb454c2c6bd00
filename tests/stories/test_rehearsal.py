"""A renewal rehearsed with a test clock, as docs/stripe.md says: Stripe's time is moved, Tenure's own stays real."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.elsewhere import Elsewhere
from tests.harness.lives import A_MINUTE
from tests.harness.names import a_name
from tests.harness.patience import until

STARTER = "manufacturing_starter_month_v1"


async def test_a_renewal_on_a_test_clock_goes_as_any_other_and_its_customer_goes_with_the_clock(
    stack: Stack, stack_folder: Path, product: Product
) -> None:
    name, now = a_name("rehearsed"), int(datetime.now(UTC).timestamp())
    async with Elsewhere.at(stack.addresses, stack_folder) as elsewhere:
        clocks = elsewhere.api.v1.test_helpers.test_clocks
        clock = (await clocks.create_async({"frozen_time": now})).id
        customer = await elsewhere.customer(name, test_clock=clock)
        agreement = await elsewhere.subscribes(customer, await elsewhere.price_of_ours(STARTER))
        life = await elsewhere.adopted(product, name, agreement)

        async def is_ready() -> bool:
            return (await clocks.retrieve_async(clock)).status == "ready"

        period_end = (await elsewhere.found(agreement))["items"]["data"][0]["current_period_end"]

        await clocks.advance_async(clock, {"frozen_time": period_end + int(timedelta(hours=2).total_seconds())})
        await until(is_ready)
        await life.live(A_MINUTE)

        assert await elsewhere.bills(agreement) == [("paid", 4900)] * 2
        assert (await life.kinds())["renewed"] == 1
        assert await life.mails() == Counter(receipt=1)

        await clocks.delete_async(clock)
        await life.live(A_MINUTE)
        assert (await life.kinds())["customer_deleted"] == 1
        assert await life.status() == ("active", "full"), "what was paid for goes on"
