"""What the client reads is what the API says: nothing is left out, and nothing is made up."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import BaseModel

from api import (
    checkout,
    confirmations,
    customers,
    entitlement_views,
    fit,
    ingest,
    plan_views,
    portal,
    suggesting,
    usage_history,
    views,
)
from tenure.client import entitlements, sold, subscriptions

PAIRS: list[tuple[type[BaseModel], type[Any]]] = [
    (entitlement_views.EntitlementAnswer, entitlements.Entitlement),
    (entitlement_views.EntitlementsView, entitlements.Entitlements),
    (entitlement_views.SuggestionView, entitlements.Suggestion),
    (entitlement_views.OverageView, entitlements.Overage),
    (entitlement_views.PlanRef, entitlements.PlanRef),
    (entitlement_views.SubscriptionRef, entitlements.SubscriptionRef),
    (entitlement_views.ConsumedView, entitlements.Used),
    (entitlement_views.UsageOfFeature, entitlements.FeatureUsage),
    (entitlement_views.UsageView, entitlements.Usage),
    (ingest.IngestedView, entitlements.Batch),
    (ingest.ResultView, entitlements.Recorded),
    (usage_history.UsageHistoryView, entitlements.History),
    (usage_history.PeriodView, entitlements.PeriodUsage),
    (usage_history.DayView, entitlements.DayUsage),
    (customers.WholeCustomerView, subscriptions.Customer),
    (customers.TrialView, subscriptions.Trial),
    (views.SubscriptionView, subscriptions.Subscription),
    (views.CustomerView, subscriptions.Subscriber),
    (views.PendingChangeView, subscriptions.Change),
    (views.BlockedView, subscriptions.Blocked),
    (confirmations.PendingConfirmationView, subscriptions.PendingConfirmation),
    (views.ActionView, subscriptions.NextAction),
    (views.QuoteLineView, subscriptions.QuoteLine),
    (fit.FittingPreviewView, subscriptions.Preview),
    (fit.MisfitView, subscriptions.Misfit),
    (checkout.CheckoutView, subscriptions.Checkout),
    (portal.PortalView, subscriptions.Portal),
    (plan_views.CatalogView, sold.Plans),
    (plan_views.PlanView, sold.Plan),
    (plan_views.PriceView, sold.Price),
    (plan_views.AddOnView, sold.AddOn),
    (plan_views.FeatureView, sold.Feature),
    (plan_views.LimitsView, sold.Limits),
    (plan_views.PlanEntitlementView, sold.PlanEntitlement),
    (plan_views.ComparisonView, sold.Comparison),
    (plan_views.ComparedPriceView, sold.ComparedPrice),
    (plan_views.ComparedFeatureView, sold.ComparedFeature),
    (suggesting.SuggestView, sold.Suggested),
]

OURS = {"stale", "headers"}
"""Said by the client itself."""


@pytest.mark.parametrize(("view", "kind"), PAIRS, ids=lambda one: one.__name__)
def test_every_member_of_an_answer_is_a_field(view: type[BaseModel], kind: type[Any]) -> None:
    said = {field.serialization_alias or name for name, field in view.model_fields.items()}
    known = {field.metadata.get("said", field.name): field for field in fields(kind)}

    assert said - known.keys() == set()
    assert known.keys() - said - OURS == set()
