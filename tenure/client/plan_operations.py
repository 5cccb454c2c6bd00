"""What is for sale.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from tenure.client.catalog import Comparison, Plan, Plans, Suggested
from tenure.client.core import Core, Steps
from tenure.client.requests import Call, body_of, step_of

NOBODY = ""
"""Used instead of a customer for answers that are the same for all."""


def plans(core: Core) -> Steps[Plans]:
    """Return everything for sale, with the entitlements of each plan. Cached briefly."""
    return core.remembered(NOBODY, "plans", Call("GET", "/v1/plans", Plans), lambda _: True)


def plan(core: Core, code: str) -> Steps[Plan]:
    return core.ask(Call("GET", f"/v1/plans/{step_of('plan', code)}", Plan))


def compare(core: Core, before: str, after: str) -> Steps[Comparison]:
    """Compare two plans."""
    return core.ask(Call("GET", "/v1/plans/compare", Comparison, query={"from": before, "to": after}))


def suggest(
    core: Core, customer: str | None, feature: str, *, quantity: int | None = None, value: str | None = None
) -> Steps[Suggested]:
    """Suggest what to buy for a wanted usage, the cheapest option included; the customer may be None."""
    query = body_of(customer=customer, feature=feature, quantity=quantity, value=value)
    return core.ask(Call("GET", "/v1/plans/suggest", Suggested, query=query))
