"""Names that no address leads to, and strings that are no text."""

from collections.abc import Callable
from typing import Any

import pytest

from tenure.client import Malformed, Person
from tenure.client.core import Core, Options, Send, advance
from tenure.client.customer_operations import start_trial
from tenure.client.gating import require_plan
from tenure.client.plan_operations import compare, plan, suggest
from tenure.client.subscription_operations import cancel, subscription
from tenure.client.usage_operations import check, consume, entitlements, usage_history

HALF = "a\ud83d"


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (lambda core: check(core, HALF, "ai_inbox"), "customer"),
        (lambda core: check(core, "ada", HALF), "feature"),
        (lambda core: check(core, "ada", "models", value=HALF), "value"),
        (lambda core: consume(core, HALF, "images"), "customer"),
        (lambda core: require_plan(core, HALF, "pro"), "customer"),
        (lambda core: suggest(core, HALF, "images"), "customer"),
        (lambda core: compare(core, "pro", HALF), "to"),
        (lambda core: plan(core, ".."), "plan"),
        (lambda core: subscription(core, ""), "subscription"),
        (lambda core: cancel(core, "s1", key="cancel-é"), "key"),
        (lambda core: cancel(core, "s1", key="two\nlines"), "key"),
        (lambda core: start_trial(core, Person("..", "ada@example.com"), "pro"), "customer"),
        (lambda core: usage_history(core, "ada", "."), "feature"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_its_field(ask: Callable[[Core], Any], field: str) -> None:
    with pytest.raises(Malformed) as refusal:
        advance(ask(Core(Options())), None)

    assert list(refusal.value.fields) == [field]
    assert (refusal.value.status, refusal.value.code) == (422, "malformed")
    str(refusal.value).encode()


@pytest.mark.parametrize(
    "customer",
    [
        *("", ".", "..", "ada/..", "./ada"),
        *(
            "org/usage",
            "org/entitlements",
            "org/usage/images",
            "org/entitlements/images",
            "a/b/usage",
            "org/export",
            "org/banner",
        ),
    ],
)
def test_an_id_whose_address_is_anothers_is_refused(customer: str) -> None:
    with pytest.raises(Malformed, match="customer: "):
        advance(entitlements(Core(Options()), customer), None)


@pytest.mark.parametrize(
    "customer", ["...", "usage", "org/usages", "usage/images/of/ada", "org/ada", "ada..", ".ada/b"]
)
def test_any_other_id_may_be_asked_for(customer: str) -> None:
    assert isinstance(advance(entitlements(Core(Options()), customer), None), Send)
