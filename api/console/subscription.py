"""The page of one subscription: how it stands, what is ahead and why, what has happened and because of what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Query, Response

from api.billing_pages import overview
from api.billing_pages.usage_bars import usage_bars
from api.billing_pages.visits import Visit as BillingVisit
from api.console.actions import ACTIONS, Action, Standing
from api.console.forms import Fields, new_key, reason_in
from api.console.once import once
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.subscriptions import PATH
from api.console.visits import Visit
from api.entitlements.lookup import EntitlementLookup
from api.http.auth import OPERATOR_ROLES
from api.web.readers import Reader
from domain.errors import GatewayUnavailable, Malformed, Rejected, TenureError
from domain.names import subscription_workflow_id
from domain.revenue.amounts import MONTHS, annual
from domain.subscription.ends import ReasonCode
from domain.subscription.lifecycle import Status
from storage.db.cursors import PageRequest, Sort
from storage.subscriptions.billing_accounts import BillingAccount
from storage.subscriptions.timeline import PastEntry

ENTRIES: Final = 20
INVOICES: Final = 5

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@dataclass(frozen=True)
class Links:
    """Where else something can be seen of a subscription; an empty address is not shown."""

    temporal: str
    provider: str
    customer: str
    as_seen: str
    audit: str


async def account_of(visit: Visit, subscription_id: str) -> BillingAccount:
    """Return the customer of a subscription, with it.

    Raises:
        Rejected: code `unknown_subscription`.
    """
    try:
        found = await visit.repositories.billing_accounts.of_subscription(subscription_id, visit.tenant)
    except ValueError:
        found = None
    if found is None or found.tenant != visit.tenant or found.subscription is None:
        raise Rejected(f"there is no subscription {subscription_id!r}", code="unknown_subscription")
    return found


@router.get("/{subscription_id}")
async def show(subscription_id: str, visit: WithVisit, cursor: Annotated[str, Query(max_length=500)] = "") -> Response:
    account = await account_of(visit, subscription_id)
    it, repositories = account.subscription, visit.repositories
    assert it is not None  # noqa: S101 - account_of
    try:
        past = await repositories.timeline.past(
            visit.tenant, it.id, PageRequest(ENTRIES, cursor or None, Sort.NEWEST_FIRST)
        )
    except Malformed:
        return visit.to(f"{PATH}/{it.id}")
    invoices, more = await repositories.billing_accounts.invoices(visit.tenant, account.customer_id, limit=INVOICES)
    here = visit.at(f"{PATH}/{it.id}")
    return visit.page(
        "subscription.html",
        account=account,
        it=it,
        mrr=annual(it) / MONTHS,
        actions=offered(visit, account),
        may_change_plan=visit.may(*OPERATOR_ROLES) and it.status is not Status.CANCELED,
        past=past.rows,
        people=await repositories.people.of(visit.tenant, _named(account, past.rows)),
        older=f"{here}?{urlencode({'cursor': past.next_cursor})}" if past.next_cursor else "",
        first=here if cursor else "",
        invoices=invoices,
        has_more_invoices=more is not None,
        usage=await usage_bars(account, EntitlementLookup(visit.dependencies, repositories)),
        links=_links(visit, account),
    )


def _named(account: BillingAccount, past: Sequence[PastEntry]) -> Iterator[str]:
    """Yield the texts of the page that may name who acted."""
    yield account.subscription.status_reason if account.subscription is not None else ""
    for entry in past:
        yield entry.cause_actor
        yield entry.summary


def offered(visit: Visit, account: BillingAccount) -> list[Action]:
    """Return what the visitor may do with a subscription as it stands."""
    assert account.subscription is not None  # noqa: S101 - account_of
    standing = Standing(account.subscription, account.now)
    return [one for one in ACTIONS.values() if visit.may(*one.roles) and not _refusal(one, standing)]


def _refusal(action: Action, standing: Standing) -> str:
    """Return why an action is not possible now; empty: it is."""
    try:
        action.check(standing)
    except TenureError as error:
        return error.message
    return ""


def _links(visit: Visit, account: BillingAccount) -> Links:
    it, dependencies = account.subscription, visit.dependencies
    assert it is not None  # noqa: S101 - account_of
    workflow = quote(subscription_workflow_id(it.id), safe="")
    ui, namespace = dependencies.temporal_ui_url.rstrip("/"), dependencies.client.namespace
    provider = dependencies.provider_ui_url
    return Links(
        temporal=f"{ui}/namespaces/{namespace}/workflows/{workflow}" if ui else "",
        provider=f"{provider}/customers/{account.customer_ref}" if provider and account.customer_ref else "",
        customer=visit.at(f"/console/customers/{quote(account.external_id, safe='')}"),
        as_seen=visit.at(f"{PATH}/{it.id}/as-seen"),
        audit=visit.at(f"/console/audit?target={it.id}"),
    )


@router.get("/{subscription_id}/as-seen")
async def as_seen(subscription_id: str, visit: WithVisit) -> Response:
    """Show the customer's billing page as they see it. Nothing on it can be pressed, and the look is noted."""
    account = await account_of(visit, subscription_id)
    assert account.subscription is not None  # noqa: S101 - account_of
    fields = {"key": new_key()}
    async with visit.command("seeAsCustomer", fields, target=visit.of_subscription(account.subscription.id)):
        theirs = BillingVisit(
            visit.dependencies,
            visit.repositories,
            visit.pages,
            Reader.of(account.locale, account.timezone),
            account,
            "",
            looked_at_from=visit.at(f"{PATH}/{account.subscription.id}"),
        )
        return await overview.show_overview(theirs)


@router.get("/{subscription_id}/{name}")
async def ask(subscription_id: str, name: str, visit: WithVisit) -> Response:
    account = await account_of(visit, subscription_id)
    return await _form(visit, account, _action(name))


@router.post("/{subscription_id}/{name}")
async def press(subscription_id: str, name: str, form: WithSent) -> Response:
    """Carry a command out, once for each form. What refuses it is said on the form."""
    visit, fields, action = form.visit, form.fields, _action(name)
    account = await account_of(visit, subscription_id)
    assert account.subscription is not None  # noqa: S101 - account_of
    id_, target = account.subscription.id, visit.of_subscription(account.subscription.id)
    await visit.require(action.operation, *action.roles, target=target)
    reason, errors = reason_in(fields) if action.asks_why or fields.get("reason") else ("", {})
    if errors:
        return await _form(visit, account, action, given=fields, errors=errors, status=422)
    try:
        await _carry_out(visit, action, id_, fields, reason)
    except Malformed as error:
        wrong = {error.field or "body": error.message}
        return await _form(visit, account, action, given=fields, errors=wrong, status=422)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        again = await account_of(visit, id_)
        return await _form(visit, again, action, given=fields, problem=f"{error.message} ({error.code})", status=409)
    return visit.to(f"{PATH}/{id_}")


async def _carry_out(visit: Visit, action: Action, id_: str, fields: Fields, reason: str) -> None:
    async def do() -> None:
        target = visit.of_subscription(id_)
        async with visit.command(action.operation, fields, target=target, reason=reason) as command:
            done = await action.carry_out(command.context, id_, fields)
            if isinstance(done, dict):
                command.note(done)

    if not action.is_known_here_alone:
        await do()
        return
    key = visit.key_of(action.operation, fields)
    await once(visit, key, f"{PATH}/{id_}/{action.name}", action.operation, do)


def _action(name: str) -> Action:
    if name not in ACTIONS:
        raise HTTPException(404)
    return ACTIONS[name]


async def _form(
    visit: Visit,
    account: BillingAccount,
    action: Action,
    *,
    given: Fields | None = None,
    status: int = 200,
    **shown: Any,
) -> Response:
    it = account.subscription
    assert it is not None  # noqa: S101 - account_of
    here = f"{PATH}/{it.id}"
    more = await action.prepare(visit, account) if action.prepare is not None else {}
    blank: Mapping[str, str] = {}
    return visit.page(
        f"actions/{action.name}.html",
        status=status,
        account=account,
        it=it,
        policy=visit.dependencies.policy,
        title=action.title,
        action=visit.at(f"{here}/{action.name}"),
        label=action.title,
        kind=action.kind,
        asks_why=action.asks_why,
        why_not=_refusal(action, Standing(it, account.now)) or _may_not(visit, action),
        back=visit.at(here),
        key=new_key(),
        given=given or blank,
        reason_codes=[(code.value, code.value.replace("_", " ")) for code in ReasonCode],
        **more,
        **shown,
    )


def _may_not(visit: Visit, action: Action) -> str:
    return "" if visit.may(*action.roles) else f"This needs the role {' or '.join(action.roles)}."
