"""What the client reads is what the API says: nothing is left out, and nothing is made up."""

from dataclasses import fields
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

import domain.access
import domain.catalog.plans
import storage.access.api_keys
from api.api_keys import routes as api_keys_routes
from api.catalog import suggest
from api.catalog import views as catalog_views
from api.customers import banner, routes
from api.entitlements import views as entitlements_views
from api.events import schemas as event_schemas
from api.metrics import cancellation_list
from api.metrics import cancellations as metrics_cancellations
from api.metrics import churn as metrics_churn
from api.metrics import cohorts as metrics_cohorts
from api.metrics import customers as metrics_customers
from api.metrics import overview as metrics_overview
from api.metrics import recovery as metrics_recovery
from api.metrics import reports as metrics_reports
from api.metrics import trials as metrics_trials
from api.metrics import usage as metrics_usage
from api.metrics import views as metrics_views
from api.payment_pages import billing_sessions, checkout, portal
from api.subscriptions import circumstances, confirmations, downgrade_guard, notes, views
from api.usage import history, ingest
from api.webhook_endpoints import views as endpoint_views
from domain.entitlements.usage import UsageLevel
from domain.revenue import figures
from domain.subscription import commands, ends, lifecycle, policy
from tenure.client import (
    api_keys,
    audit,
    catalog,
    churn,
    cohorts,
    endpoints,
    entitlements,
    events,
    metrics,
    outcomes,
    overview,
    reports,
    subscriptions,
)
from tenure.client.values import (
    Access,
    CancelAt,
    ChangeAt,
    ConvertAt,
    EndKind,
    EventAction,
    Interval,
    KeyStatus,
    Level,
    PeriodLength,
    ReasonCode,
    Role,
    Status,
)

PAIRS: list[tuple[type[BaseModel], type[Any]]] = [
    (api_keys_routes.ApiKeyView, api_keys.ApiKey),
    (api_keys_routes.NewApiKeyView, api_keys.NewApiKey),
    (api_keys_routes.ApiKeyList, api_keys.ApiKeyPage),
    (endpoint_views.WebhookEndpointView, endpoints.WebhookEndpoint),
    (endpoint_views.NewWebhookEndpointView, endpoints.NewWebhookEndpoint),
    (endpoint_views.WebhookEndpointList, endpoints.WebhookEndpointPage),
    (endpoint_views.DeliveryView, endpoints.Delivery),
    (endpoint_views.DeliveryDetailsView, endpoints.DeliveryDetails),
    (endpoint_views.DeliveryList, endpoints.DeliveryPage),
    (endpoint_views.AttemptView, endpoints.DeliveryAttempt),
    (endpoint_views.MissedDeliveriesView, endpoints.MissedDeliveries),
    (event_schemas.EventSubscription, events.EventSubscription),
    (event_schemas.EventInvoice, events.EventInvoice),
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
    (history.UsageStatistics, reports.UsageStatistics),
    (history.UsageStatisticView, reports.UsageStatistic),
    (history.UsagePeriodView, entitlements.PeriodUsage),
    (history.GaugeDayView, entitlements.DayUsage),
    (metrics_views.MovementFigureView, metrics.MovementFigure),
    (metrics_views.ChurnByView, metrics.ChurnBy),
    (metrics_views.ChurnFigureView, metrics.ChurnFigure),
    (metrics_views.MovementsPeriodView, metrics.MovementsPeriod),
    (metrics_views.MovementsView, metrics.Movements),
    (metrics_views.MrrPeriodView, metrics.MrrPeriod),
    (metrics_views.MrrNowView, metrics.MrrNow),
    (metrics_views.MrrView, metrics.Mrr),
    (metrics_reports.ReportLinksView, metrics.ReportLinks),
    (metrics_cohorts.CohortsView, cohorts.Cohorts),
    (metrics_cohorts.CohortView, cohorts.Cohort),
    (metrics_cohorts.CohortMonthView, cohorts.CohortMonth),
    (metrics_customers.CustomersReportView, churn.CustomerCounts),
    (metrics_customers.CustomersPeriodView, churn.CustomersPeriod),
    (metrics_churn.ChurnReportView, churn.ChurnRates),
    (metrics_churn.ChurnPeriodView, churn.ChurnPeriod),
    (metrics_churn.ChurnSharesView, churn.ChurnShares),
    (metrics_churn.ChurnShareView, churn.ChurnShare),
    (metrics_overview.OverviewView, overview.RevenueOverview),
    (metrics_overview.CurrencyOverviewView, overview.CurrencyOverview),
    (metrics_overview.MonthGrowthView, overview.MonthGrowth),
    (metrics_overview.PlanStandingView, overview.PlanStanding),
    (metrics_overview.BillingIntervalStandingView, overview.BillingIntervalStanding),
    (metrics_overview.StatusStandingView, overview.StatusStanding),
    (metrics_trials.TrialsView, outcomes.Trials),
    (metrics_trials.TrialPeriodView, outcomes.TrialsPeriod),
    (metrics_trials.ConversionView, outcomes.Conversion),
    (metrics_trials.DaysToConvertView, outcomes.DaysToConvert),
    (metrics_recovery.RecoveryReportView, outcomes.Recovery),
    (metrics_recovery.RecoveryPeriodView, outcomes.RecoveryPeriod),
    (metrics_recovery.RecoveryFigureView, outcomes.RecoveryFigure),
    (metrics_recovery.OwedView, outcomes.Owed),
    (cancellation_list.CancellationView, outcomes.Cancellation),
    (cancellation_list.CancellationList, outcomes.CancellationPage),
    (metrics_usage.UsageFiguresView, outcomes.UsageFigures),
    (metrics_usage.UsageFigureView, outcomes.UsageFigure),
    (metrics_cancellations.CancellationsView, outcomes.Cancellations),
    (metrics_cancellations.CancellationPeriodView, outcomes.CancellationsPeriod),
    (metrics_cancellations.TakenInsteadView, outcomes.TakenInstead),
    (routes.CustomerView, subscriptions.Customer),
    (routes.CustomerSummaryView, subscriptions.ListedCustomer),
    (routes.LatestSubscriptionView, subscriptions.LatestSubscription),
    (routes.CustomerList, subscriptions.CustomerPage),
    (routes.TrialEligibilityView, subscriptions.Trial),
    (views.SubscriptionView, subscriptions.Subscription),
    (views.SubscriptionList, subscriptions.SubscriptionPage),
    (views.CancellationPreviewView, subscriptions.CancellationPreview),
    (views.TimelineView, reports.TimelinePage),
    (views.TimelineEntryView, reports.TimelineEntry),
    (views.CauseView, reports.Cause),
    (views.InvoiceView, reports.Invoice),
    (views.InvoiceList, reports.InvoicePage),
    (views.SubscriberView, subscriptions.Subscriber),
    (views.PendingChangeView, subscriptions.Change),
    (views.BlockedStepView, subscriptions.Blocked),
    (notes.NoteView, audit.Note),
    (circumstances.CardView, subscriptions.Card),
    (circumstances.RecoveryView, subscriptions.Recovery),
    (circumstances.SuspensionView, subscriptions.Suspension),
    (circumstances.PauseView, subscriptions.Pause),
    (circumstances.DisputeView, subscriptions.Dispute),
    (confirmations.PendingConfirmationView, subscriptions.PendingConfirmation),
    (views.NextActionView, subscriptions.NextAction),
    (views.QuoteLineView, subscriptions.QuoteLine),
    (downgrade_guard.PlanChangePreviewView, subscriptions.Preview),
    (downgrade_guard.LimitConflictView, subscriptions.Misfit),
    (checkout.CheckoutSessionView, subscriptions.Checkout),
    (portal.PortalSessionView, subscriptions.Portal),
    (billing_sessions.BillingSessionView, subscriptions.BillingSession),
    (banner.CustomerBanner, subscriptions.CustomerBanner),
    (banner.BannerView, subscriptions.Banner),
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


@pytest.mark.parametrize(("view", "kind"), PAIRS, ids=lambda one: one.__name__)
def test_listed_values_of_an_answer_are_those_of_the_api(view: type[BaseModel], kind: type[Any]) -> None:
    hints, enums = get_type_hints(kind), get_type_hints(view)
    for name, values in ((name, listed(hint)) for name, hint in hints.items()):
        if values and enums[name] is not str:
            assert values == {value.value for enum in (enums[name], *get_args(enums[name])) for value in members(enum)}


@pytest.mark.parametrize(
    ("values", "enum"),
    [
        (Access, domain.access.Access),
        (CancelAt, commands.CancelAt),
        (ChangeAt, policy.ChangeAt),
        (ConvertAt, commands.ConvertAt),
        (EndKind, ends.EndKind),
        (EventAction, ingest.EventAction),
        (Interval, domain.catalog.plans.Interval),
        (Level, UsageLevel),
        (PeriodLength, figures.PeriodLength),
        (KeyStatus, storage.access.api_keys.KeyStatus),
        (ReasonCode, ends.ReasonCode),
        (Role, storage.access.api_keys.Role),
        (Status, lifecycle.Status),
    ],
)
def test_listed_values_are_those_of_the_domain(values: Any, enum: type[StrEnum]) -> None:
    assert listed(values) == set(enum)


def listed(hint: Any) -> set[str]:
    """The values that a hint lists, also one that may be None."""
    options = (hint, *get_args(hint))
    return {value for option in options if get_origin(option) is Literal for value in get_args(option)}


def members(hint: Any) -> tuple[StrEnum, ...]:
    return tuple(hint) if isinstance(hint, type) and issubclass(hint, StrEnum) else ()
