"""A subscription after the last one: the customer chooses a plan, and pays on the provider's page.

It begins at once, without a trial: customers who buy here have been customers before.
"""

from typing import Annotated
from uuid import uuid5

from fastapi import Response
from pydantic import Field, ValidationError

from api.billing_pages.flows import Fields
from api.billing_pages.plan_choice import PlanOption, add_on_fields, chosen, faults, priced
from api.billing_pages.visits import SEQUENCE, Visit
from api.http.fields import Code, Quantity, RequestModel, Units
from api.payment_pages.purchase_pages import open_purchase
from api.subscriptions.sign_up import NAMESPACE, check_for_sale, within_bounds
from domain.billing_flows import BillingFlow
from domain.catalog.plans import Interval
from domain.errors import GatewayUnavailable, TenureError
from domain.subscription.sign_up import SignUp, SignUpContact
from services.sign_up import ALREADY_SUBSCRIBED


class PlanChoice(RequestModel):
    """What is bought."""

    plan: Code
    interval: Interval
    quantity: Quantity
    add_ons: Annotated[dict[Code, Units], Field(max_length=50)]


def can_buy(visit: Visit) -> bool:
    """Return whether the customer has no subscription, and there is something to buy."""
    it = visit.account.subscription
    return (it is None or it.is_over) and bool(_options(visit))


def show_buy(
    visit: Visit, fields: Fields | None = None, *, errors: dict[str, str] | None = None, problem: str = ""
) -> Response:
    """Return the page on which to choose; where nothing can be bought, what is so."""
    why = "" if can_buy(visit) else ALREADY_SUBSCRIBED
    it, given, options = visit.account.subscription, fields or {}, _options(visit)
    before = f"{it.plan}/{it.interval}" if it is not None else ""
    offered = [option.value for option in options]
    return visit.page(
        "buy.html",
        BillingFlow.BUY,
        status=422 if errors else 200,
        why=why,
        problem="" if why else problem,
        options=options,
        chosen=next((one for one in (given.get("plan", ""), before) if one in offered), next(iter(offered), "")),
        quantity=given.get("quantity", str(it.quantity if it is not None else 1)),
        add_ons=add_on_fields(visit.dependencies.catalog.add_ons, given, it.add_ons if it is not None else {}),
        errors=errors or {},
    )


async def press_buy(visit: Visit, fields: Fields) -> Response:
    """Lead on to the provider's page: the same one, however often the form is sent."""
    if not can_buy(visit):
        return show_buy(visit)
    try:
        choice = PlanChoice.model_validate(chosen(fields))
    except ValidationError as error:
        return show_buy(visit, fields, errors=faults(error, visit.reader.language))
    try:
        url = await _page(visit, choice, fields)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        return show_buy(await visit.again(), fields, problem=error.code)
    return visit.leaving(BillingFlow.BUY, url)


async def _page(visit: Visit, choice: PlanChoice, fields: Fields) -> str:
    dependencies, repositories = visit.dependencies, visit.repositories
    limit = repositories.pay_link_limits.at_provider
    if limit.locked():
        raise GatewayUnavailable("too many payment pages are being opened", code="busy")
    requested = _requested(visit, choice, fields)
    urls = visit.way_back("/billing", "/billing/plans")
    async with limit:
        return (await open_purchase(dependencies, requested, visit.account.customer_ref, *urls)).page.url


def _requested(visit: Visit, choice: PlanChoice, fields: Fields) -> SignUp:
    """Return what is bought; what the customer is known by stays as it is."""
    account, dependencies, last = visit.account, visit.dependencies, visit.account.subscription
    # After another subscription has ended, the same choice is another purchase.
    shown = f"{last.id if last is not None else ''}/{fields.get(SEQUENCE, '')}"
    context = visit.context(BillingFlow.BUY, shown)
    check_for_sale(context, choice.plan)
    identity = f"{account.tenant}/{context.key}/{choice.model_dump_json()}"
    return SignUp(
        str(uuid5(NAMESPACE, identity)),
        account.tenant,
        context.caller.actor,
        context.key,
        SignUpContact(account.external_id, account.email, locale=account.locale),
        within_bounds(dependencies.catalog.select(choice.plan, choice.interval, choice.quantity, choice.add_ons)),
        0,
        dependencies.policy,
        dependencies.catalog.free_plan,
    )


def _options(visit: Visit) -> list[PlanOption]:
    """Return what is for sale. A free plan is not bought."""
    return priced(visit.dependencies.catalog.for_sale)
