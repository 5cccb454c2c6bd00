"""A crowd: its books agree with one another, and whoever still subscribes is there for every command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from configuration.catalog_file import load_catalog
from domain.errors import Malformed, Rejected
from domain.reconciliation.differences import DifferenceKind
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.crowd.filling import NAME, Crowd, fill
from sandbox.crowd.roles import Role
from sandbox.product import Product
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from storage.catalog.catalogs import Catalogs
from storage.revenue.check import RevenueCheck, month_differences
from tests.harness.catalogs import CATALOGS
from tests.harness.patience import PATIENT

STANDS = {
    Role.TRIAL_ENDS_TODAY: ("trialing", "full"),
    Role.TRIAL_ENDS_THIS_WEEK_WITHOUT_CARD: ("trialing", "full"),
    Role.PAST_DUE: ("past_due", "full"),
    Role.PAST_DUE_FOR_DAYS: ("past_due", "limited"),
    Role.SUSPENDED_FOR_NONPAYMENT: ("suspended", "none"),
    Role.SUSPENDED_BY_OPERATOR: ("suspended", "none"),
    Role.DIFFERS: ("active", "full"),
    Role.PAUSED: ("paused", "none"),
    Role.ENDS_SOON: ("active", "full"),
    Role.DISPUTED: ("active", "limited"),
    Role.RETRIED: ("active", "full"),
    Role.LOST: ("canceled", "none"),
    Role.WON_BACK: ("active", "full"),
    Role.LOST_DISPUTE: ("canceled", "none"),
    Role.UNDID_CANCELLATION: ("active", "full"),
    Role.LEFT: ("canceled", "none"),
    Role.CAME_BACK: ("active", "full"),
    Role.FIRST_PAYMENT_DECLINED: ("canceled", "none"),
    Role.TRIAL_EXPIRED: ("suspended", "none"),
    Role.LEFT_IN_TRIAL: ("canceled", "none"),
}


def silent(_text: str) -> None:
    """Show nothing."""


async def rows(stack: Stack, query: str, crowd: Crowd, **given: object) -> list[Any]:
    """The rows that *query* finds, given the ids of the crowd's `subscriptions` and customers (`pattern`)."""
    ids = [member.subscription for member in crowd.members if member.subscription]
    async with stack.engine.connect() as connection:
        found = await connection.execute(text(query), {"subscriptions": ids, "pattern": f"{NAME}-%"} | given)
        return list(found.all())


async def renewed(product: Product, subscription: str) -> int:
    """How often it has been renewed."""
    return [entry["kind"] for entry in (await product.timeline(subscription))["past"]].count("renewed")


async def test_everybody_stands_where_their_role_says(product: Product, crowd: Crowd) -> None:
    found = {role: await product.subscription(crowd.in_role(role).subscription) for role in STANDS}

    assert {role: (it["status"], it["access"]) for role, it in found.items()} == STANDS
    assert found[Role.ENDS_SOON]["cancel_at"] is not None
    assert found[Role.PAUSED]["resumes_at"] is not None


async def test_revenue_adds_up_by_subscription_and_month_by_month(stack: Stack, crowd: Crowd) -> None:
    ours = {member.subscription for member in crowd.members}

    differences = await RevenueCheck(stack.engine).differences()

    assert [each for each in differences if each.subscription in ours] == []
    assert await month_differences(stack.engine, "UTC") == []
    kinds = {row.kind for row in await rows(stack, _MOVEMENTS, crowd)}
    assert kinds >= {"new", "expansion", "churn", "pause", "reactivation"}


async def test_reconciliation_finds_what_was_planted_and_nothing_else(crowd: Crowd) -> None:
    ours = {member.subscription for member in crowd.members}
    found = {(each.kind, each.subscription) for each in crowd.found if each.subscription in ours}

    assert found == {
        (DifferenceKind.ENDED_AT_PROVIDER, crowd.in_role(Role.DIFFERS).subscription),
        (DifferenceKind.BLOCKED, crowd.in_role(Role.BLOCKED).subscription),
    }


async def test_invoices_are_at_the_provider_as_they_are_here(stack: Stack, stack_folder: Path, crowd: Crowd) -> None:
    here = {row.ref: (row.status, row.amount) for row in await rows(stack, _INVOICES, crowd)}
    key = Secrets.of(stack_folder).stripe_key
    async with httpx.AsyncClient(base_url=stack.addresses.stripe_url, auth=(key, ""), timeout=PATIENT) as stripe:
        found = {ref: (await stripe.get(f"/v1/invoices/{ref}")).json() for ref in here}

    assert here
    assert {ref: (it["status"], it["amount_due"]) for ref, it in found.items()} == here


async def test_recoveries_ended_in_every_way(stack: Stack, crowd: Crowd) -> None:
    found = {(row.outcome, row.by) for row in await rows(stack, _RECOVERIES, crowd)}

    assert found >= {
        ("open", None),
        ("recovered", "retry"),
        ("recovered", "new_card"),
        ("recovered", "customer"),
        ("waived", None),
        ("lost", None),
    }


async def test_everything_happened_at_its_own_time(stack: Stack, crowd: Crowd) -> None:
    [when] = await rows(stack, _WHEN, crowd)
    now = datetime.now(UTC)

    assert now - timedelta(days=370) < when.first_entry < now - timedelta(days=120)
    assert now - timedelta(days=370) < when.first_customer < now - timedelta(days=120)
    assert when.untold_mails == 0
    assert when.late_mails == 0
    assert when.heard_webhooks > 0
    assert when.late_webhooks == 0


async def test_what_operators_did_is_in_the_audit_at_its_time(product: Product, crowd: Crowd) -> None:
    suspended = crowd.in_role(Role.SUSPENDED_BY_OPERATOR).subscription
    [entry] = (await product.get("/v1/audit", target=suspended))["data"]
    lines = (await product.timeline(suspended))["past"]
    [line] = [one for one in lines if one["kind"] == "suspended"]

    assert (entry["action"], entry["outcome"]) == ("suspendSubscription", "done")
    assert entry["reason"] == "Reported for spam, under review"
    assert (entry["before"]["status"], entry["after"]["status"]) == ("active", "suspended")
    assert entry["at"] == line["at"]
    assert line["cause"]["actor"] == f"operator {entry['actor']['id']}"
    assert "under review" in line["summary"] + str(line["details"])


async def test_one_mail_was_refused(stack: Stack, crowd: Crowd) -> None:
    [refused] = await rows(stack, _REFUSED, crowd)

    assert str(refused.subscription) == crowd.in_role(Role.TRIAL_EXPIRED).subscription
    assert "mailbox unavailable" in refused.why_not


async def test_webhooks_of_others_are_set_aside(stack: Stack, crowd: Crowd) -> None:
    found = await rows(stack, "select 1 from webhook_inbox where event_id like 'evt_other%'", crowd)

    assert len(found) >= 3


async def test_usage_stands_at_the_thresholds(product: Product, crowd: Crowd) -> None:
    for role, percent in ((Role.USES_80, 80), (Role.USES_90, 90), (Role.USES_ALL, 100)):
        customer = crowd.in_role(role).external_id
        usage = (await product.get(f"/v1/customers/{customer}/usage"))["usage"]
        assert max(one["percent"] or 0 for one in usage.values()) == percent, (role, usage)


async def test_whoever_lives_can_be_commanded_and_travels_on(product: Product, crowd: Crowd) -> None:
    on_trial, paying = (crowd.in_role(role).subscription for role in (Role.TRIAL_ENDS_THIS_WEEK, Role.UPGRADED))
    before = await product.subscription(on_trial)

    extended = await product.command(on_trial, "extend-trial", days=3, reason="asked nicely")
    suspended = await product.command(paying, "suspend", reason="a check")
    released = await product.command(paying, "reactivate", reason="all is well")
    renewals = await renewed(product, paying)
    await product.travel(paying, timedelta(days=35))

    ends = [datetime.fromisoformat(it["trial_ends_at"]) for it in (before, extended)]
    assert ends[1] - ends[0] == timedelta(days=3)
    assert (suspended["status"], released["status"]) == ("suspended", "active")
    assert await renewed(product, paying) > renewals


async def test_a_blocked_step_succeeds_when_it_is_tried_again(product: Product, crowd: Crowd) -> None:
    after = await product.command(crowd.in_role(Role.BLOCKED).subscription, "retry-payment")

    assert after["status"] == "active"


async def test_a_crowd_comes_once_and_has_bounds(stack: Stack, crowd: Crowd) -> None:
    assert crowd.members
    with pytest.raises(Rejected, match="is there already"):
        await fill(stack, 1, silent)
    with pytest.raises(Malformed, match="1 to 5000 customers, not 0"):
        await fill(stack, 0, silent, name="nobody")


@pytest.mark.parametrize("product_name", ["attribution", "jobs", "manufacturing", "social"])
async def test_every_catalog_has_its_crowd(stack: Stack, stack_folder: Path, product_name: str) -> None:
    async with selling(stack, stack_folder, product_name) as seller:
        crowd = await fill(seller, 10, silent, seed=ord(product_name[0]), name=f"buyer-of-{product_name}")
    ours = {member.subscription for member in crowd.members}

    differences = await RevenueCheck(stack.engine).differences()

    assert [each for each in differences if each.subscription in ours] == []
    assert {each.kind for each in crowd.found if each.subscription in ours} == {
        DifferenceKind.ENDED_AT_PROVIDER,
        DifferenceKind.BLOCKED,
    }


@asynccontextmanager
async def selling(stack: Stack, folder: Path, product: str) -> AsyncIterator[Stack]:
    """The stack as one that sells another product."""
    catalog = load_catalog(CATALOGS / f"{product}.yaml")
    async with connected(Secrets.of(folder).stripe_key, stack.addresses.stripe_url) as stripe:
        await push(stripe, catalog)
    await Catalogs(stack.engine).publish(catalog, in_place=True)
    yield replace(stack, api_parts=replace(stack.api_parts, catalog=catalog))


_MOVEMENTS = "select distinct kind from mrr_movements where subscription = any(cast(:subscriptions as uuid[]))"
_INVOICES = "select ref, status, amount from invoices where subscription = any(cast(:subscriptions as uuid[]))"
_RECOVERIES = 'select distinct outcome, "by" from recoveries where subscription = any(cast(:subscriptions as uuid[]))'
_REFUSED = (
    "select subscription, why_not from mails"
    " where subscription = any(cast(:subscriptions as uuid[])) and status = 'refused'"
)
_WHEN = """
select
    (select min(at) from journal where subscription = any(cast(:subscriptions as uuid[]))) as first_entry,
    (select min(created_at) from customers where external_id like :pattern) as first_customer,
    (select count(*) from mails where subscription = any(cast(:subscriptions as uuid[])) and status = 'queued')
        as untold_mails,
    (select count(*) from mails where subscription = any(cast(:subscriptions as uuid[]))
        and sent_at > at + interval '2 minutes') as late_mails,
    (select count(*) filter (where received_at > at + interval '2 minutes') from webhook_inbox
        join journal on cause_ref = event_id where subscription = any(cast(:subscriptions as uuid[]))) as late_webhooks,
    (select count(*) from webhook_inbox join journal on cause_ref = event_id
        where subscription = any(cast(:subscriptions as uuid[]))) as heard_webhooks
"""
