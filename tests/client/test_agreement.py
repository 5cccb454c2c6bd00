"""What the client reads is what the API says: nothing is left out, and nothing is made up."""

from dataclasses import fields
from typing import Any

import pytest
from pydantic import BaseModel

from api.catalog import suggest
from api.catalog import views as catalog_views
from api.customers import routes
from api.entitlements import views as entitlements_views
from api.payment_pages import checkout, portal
from api.subscriptions import confirmations, downgrade_guard, views
from api.usage import history, ingest
from tenure.client import catalog, entitlements, subscriptions

PAIRS: list[tuple[type[BaseModel], type[Any]]] = [
    (entitlements_views.EntitlementCheckResult, entitlements.Entitlement),
    (entitlements_views.EntitlementsView, entitlements.Entitlements),
    (entitlements_views.UpgradeSuggestionView, entitlements.Suggestion),
    (entitlements_views.OverageView, entitlements.Overage),
    (entitlements_views.PlanRef, entitlements.PlanRef),
    (entitlements_views.SubscriptionRef, entitlements.SubscriptionRef),
    (entitlements_views.ConsumeResult, entitlements.Used),
    (entitlements_views.FeatureUsageView, entitlements.FeatureUsage),
    (entitlements_views.CustomerUsageView, entitlements.Usage),
    (ingest.IngestResult, entitlements.Batch),
    (ingest.UsageEventResult, entitlements.Recorded),
    (history.UsageHistoryView, entitlements.History),
    (history.UsagePeriodView, entitlements.PeriodUsage),
    (history.GaugeDayView, entitlements.DayUsage),
    (routes.CustomerView, subscriptions.Customer),
    (routes.TrialEligibilityView, subscriptions.Trial),
    (views.SubscriptionView, subscriptions.Subscription),
    (views.SubscriberView, subscriptions.Subscriber),
    (views.PendingChangeView, subscriptions.Change),
    (views.BlockedStepView, subscriptions.Blocked),
    (confirmations.PendingConfirmationView, subscriptions.PendingConfirmation),
    (views.NextActionView, subscriptions.NextAction),
    (views.QuoteLineView, subscriptions.QuoteLine),
    (downgrade_guard.PlanChangePreviewView, subscriptions.Preview),
    (downgrade_guard.LimitConflictView, subscriptions.Misfit),
    (checkout.CheckoutSessionView, subscriptions.Checkout),
    (portal.PortalSessionView, subscriptions.Portal),
    (catalog_views.CatalogView, catalog.Plans),
    (catalog_views.PlanView, catalog.Plan),
    (catalog_views.PriceView, catalog.Price),
    (catalog_views.AddOnView, catalog.AddOn),
    (catalog_views.FeatureView, catalog.Feature),
    (catalog_views.LimitRuleView, catalog.Limits),
    (catalog_views.PlanEntitlementView, catalog.PlanEntitlement),
    (catalog_views.PlanComparisonView, catalog.Comparison),
    (catalog_views.ComparedPriceView, catalog.ComparedPrice),
    (catalog_views.ComparedFeatureView, catalog.ComparedFeature),
    (suggest.PlanSuggestionView, catalog.Suggested),
]

OURS = {"stale", "headers"}
"""Said by the client itself."""


@pytest.mark.parametrize(("view", "kind"), PAIRS, ids=lambda one: one.__name__)
def test_every_member_of_an_answer_is_a_field(view: type[BaseModel], kind: type[Any]) -> None:
    said = {field.serialization_alias or name for name, field in view.model_fields.items()}
    known = {field.metadata.get("said", field.name): field for field in fields(kind)}

    assert said - known.keys() == set()
    assert known.keys() - said - OURS == set()
