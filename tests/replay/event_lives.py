"""An event on its way to a product, whose history is kept."""

from sandbox.product import Product
from tests.gateways.webhooks.receiver import receiving
from tests.harness.patience import until


async def heard(product: Product) -> None:
    """A product hears of a sign-up."""
    async with receiving() as receiver:
        address = f"http://127.0.0.1:{receiver.port}/"
        endpoint = await product.post("/v1/webhook-endpoints", {"url": address, "types": ["subscription.created"]})
        await product.sign_up("kept-heard")

        async def is_delivered() -> bool:
            deliveries = await product.get(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries")
            return [each["state"] for each in deliveries["data"]] == ["delivered"]

        await until(is_delivered)
