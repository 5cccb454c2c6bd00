"""A bulk run whose history is kept."""

from sandbox.product import Product
from tests.harness.patience import until


async def worked_off(product: Product) -> None:
    """Three are suspended at one a second, with a pause; bringing them back is stopped after the first."""
    for number in range(3):
        await product.sign_up(f"kept-bulk-{number}")
    body = {"filter": {"q": "kept-bulk"}, "action": {"kind": "suspend"}, "reason": "an outage", "rate": 1}
    run = (await product.post("/v1/bulk", body | {"expected": 3}))["id"]
    await product.post(f"/v1/bulk/{run}/pause", {})
    await product.post(f"/v1/bulk/{run}/resume", {})
    await until(lambda: _is(product, run, "finished"))
    undone = (await product.post("/v1/bulk", {"of": run, "reason": "it is over", "expected": 3, "rate": 1}))["id"]
    await product.post(f"/v1/bulk/{undone}/stop", {})
    await until(lambda: _is(product, undone, "stopped"))


async def _is(product: Product, run: str, state: str) -> bool:
    return bool((await product.get(f"/v1/bulk/{run}"))["state"] == state)
