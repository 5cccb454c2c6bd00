"""Tenure's client: the only part of Tenure that products import.

    from tenure.client import Tenure

    tenure = Tenure("https://tenure.example.com", key)
    tenure.consume("user-1815", "images_per_month")

`AsyncTenure` is the async variant; `tenure.client.fastapi` has gates for FastAPI. Depends on httpx only.
"""

from tenure.client.api_keys import ApiKey, ApiKeyPage, NewApiKey
from tenure.client.async_client import AsyncTenure
from tenure.client.audit import AuditActor, AuditEntry, AuditPage, AuditTarget
from tenure.client.blocking_client import Tenure
from tenure.client.bulk import (
    BulkAction,
    BulkActor,
    BulkCounts,
    BulkExample,
    BulkPreview,
    BulkRow,
    BulkRowPage,
    BulkRun,
    BulkRunPage,
    BulkStatusCounts,
)
from tenure.client.catalog import AddOn, Comparison, Feature, Limits, Plan, PlanEntitlement, Plans, Price, Suggested
from tenure.client.churn import (
    ChurnPeriod,
    ChurnRates,
    ChurnShare,
    ChurnShares,
    CustomerCounts,
    CustomersPeriod,
)
from tenure.client.cohorts import Cohort, CohortMonth, Cohorts
from tenure.client.core import Options
from tenure.client.endpoints import (
    Delivery,
    DeliveryAttempt,
    DeliveryDetails,
    DeliveryPage,
    MissedDeliveries,
    NewWebhookEndpoint,
    WebhookEndpoint,
    WebhookEndpointPage,
)
from tenure.client.entitlements import (
    Batch,
    Entitlement,
    Entitlements,
    Event,
    FeatureUsage,
    History,
    Overage,
    PlanRef,
    Recorded,
    Released,
    Standing,
    SubscriptionRef,
    Suggestion,
    Usage,
    Used,
)
from tenure.client.errors import (
    AccessLimited,
    CannotSend,
    Conflict,
    Denied,
    FeatureNotInPlan,
    InvalidSignature,
    LimitReached,
    Malformed,
    NoPlan,
    NotFound,
    PaymentDeclined,
    PlanRequired,
    Refused,
    SubscriptionRequired,
    TenureError,
    Unauthorized,
    Unavailable,
    UnreadableEvent,
    UsageDoesNotFit,
)
from tenure.client.events import (
    EventConfirmation,
    EventCustomer,
    EventData,
    EventDecline,
    EventInvoice,
    EventPage,
    EventPendingChange,
    EventReversal,
    EventSubscription,
    EventUsage,
    TenureEvent,
)
from tenure.client.health import (
    CatalogInForce,
    Discrepancy,
    DiscrepancyPage,
    InboxEvent,
    InboxPage,
    InboxSummary,
    Mail,
    MailPage,
    MailSummary,
    PolicyInForce,
    RecentDeliveries,
    ReconciliationRun,
    ReconciliationRunPage,
    Routing,
    Schedule,
    ScheduledRun,
    ScheduleList,
    System,
    TaskQueue,
    Worker,
)
from tenure.client.metrics import (
    ChurnBy,
    ChurnFigure,
    MovementFigure,
    Movements,
    MovementsPeriod,
    Mrr,
    MrrNow,
    MrrPeriod,
    ReportLinks,
)
from tenure.client.outcomes import (
    Cancellation,
    CancellationPage,
    Cancellations,
    CancellationsPeriod,
    Conversion,
    DaysToConvert,
    Owed,
    Recovery,
    RecoveryFigure,
    RecoveryPeriod,
    TakenInstead,
    Trials,
    TrialsPeriod,
    UsageFigure,
    UsageFigures,
)
from tenure.client.overview import (
    BillingIntervalStanding,
    CurrencyOverview,
    MonthGrowth,
    PlanStanding,
    RevenueOverview,
    RevenueStanding,
    StatusStanding,
)
from tenure.client.reports import (
    Cause,
    CustomerExport,
    Erasure,
    Invoice,
    InvoicePage,
    ProviderRefs,
    Timeline,
    TimelineEntry,
    UsageStatistic,
    UsageStatistics,
)
from tenure.client.retry import RetryPolicy
from tenure.client.subscriptions import (
    Banner,
    BillingSession,
    CancellationPreview,
    Checkout,
    Customer,
    CustomerPage,
    ListedCustomer,
    Misfit,
    Person,
    Portal,
    Preview,
    Subscription,
    SubscriptionPage,
    Trial,
)
from tenure.client.targets import OfCustomer
from tenure.client.values import (
    Access,
    AuditOutcome,
    BulkKind,
    BulkOutcome,
    BulkState,
    CancelAt,
    ChangeAt,
    ConvertAt,
    DeliveryState,
    DisabledReason,
    EndKind,
    EndpointState,
    EventType,
    HealingOutcome,
    InboxState,
    Interval,
    KeyStatus,
    Level,
    MailState,
    PeriodLength,
    ReasonCode,
    Role,
    ScheduledRunStatus,
    ScheduleState,
    Status,
)
from tenure.client.verification import verified_event

# fmt: off
__all__ = [
    "Access", "AccessLimited", "AddOn", "ApiKey", "ApiKeyPage", "AsyncTenure", "AuditActor", "AuditEntry",
    "AuditOutcome", "AuditPage", "AuditTarget", "Banner", "Batch", "BillingIntervalStanding", "BillingSession",
    "BulkAction", "BulkActor", "BulkCounts", "BulkExample", "BulkKind", "BulkOutcome", "BulkPreview", "BulkRow",
    "BulkRowPage", "BulkRun", "BulkRunPage", "BulkState", "BulkStatusCounts", "CancelAt", "Cancellation",
    "CancellationPage", "CancellationPreview", "Cancellations", "CancellationsPeriod", "CannotSend", "CatalogInForce",
    "Cause", "ChangeAt", "Checkout", "ChurnBy", "ChurnFigure", "ChurnPeriod", "ChurnRates", "ChurnShare", "ChurnShares",
    "Cohort", "CohortMonth", "Cohorts", "Comparison", "Conflict", "Conversion", "ConvertAt", "CurrencyOverview",
    "Customer", "CustomerCounts", "CustomerExport", "CustomerPage", "CustomersPeriod", "DaysToConvert", "Delivery",
    "DeliveryAttempt", "DeliveryDetails", "DeliveryPage", "DeliveryState", "Denied", "DisabledReason", "Discrepancy",
    "DiscrepancyPage", "EndKind", "EndpointState", "Entitlement", "Entitlements", "Erasure", "Event",
    "EventConfirmation", "EventCustomer", "EventData", "EventDecline", "EventInvoice", "EventPage",
    "EventPendingChange", "EventReversal", "EventSubscription", "EventType", "EventUsage", "Feature",
    "FeatureNotInPlan", "FeatureUsage", "HealingOutcome", "History", "InboxEvent", "InboxPage", "InboxState",
    "InboxSummary", "Interval", "InvalidSignature", "Invoice", "InvoicePage", "KeyStatus", "Level", "LimitReached",
    "Limits", "ListedCustomer", "Mail", "MailPage", "MailState", "MailSummary", "Malformed", "Misfit",
    "MissedDeliveries", "MonthGrowth", "MovementFigure", "Movements", "MovementsPeriod", "Mrr", "MrrNow", "MrrPeriod",
    "NewApiKey", "NewWebhookEndpoint", "NoPlan", "NotFound", "OfCustomer", "Options", "Overage", "Owed",
    "PaymentDeclined", "PeriodLength", "Person", "Plan", "PlanEntitlement", "PlanRef", "PlanRequired", "PlanStanding",
    "Plans", "PolicyInForce", "Portal", "Preview", "Price", "ProviderRefs", "ReasonCode", "RecentDeliveries",
    "ReconciliationRun", "ReconciliationRunPage", "Recorded", "Recovery", "RecoveryFigure", "RecoveryPeriod", "Refused",
    "Released", "ReportLinks", "RetryPolicy", "RevenueOverview", "RevenueStanding", "Role", "Routing", "Schedule",
    "ScheduleList", "ScheduleState", "ScheduledRun", "ScheduledRunStatus", "Standing", "Status", "StatusStanding",
    "Subscription", "SubscriptionPage", "SubscriptionRef", "SubscriptionRequired", "Suggested", "Suggestion", "System",
    "TakenInstead", "TaskQueue", "Tenure", "TenureError", "TenureEvent", "Timeline", "TimelineEntry", "Trial", "Trials",
    "TrialsPeriod", "Unauthorized", "Unavailable", "UnreadableEvent", "Usage", "UsageDoesNotFit", "UsageFigure",
    "UsageFigures", "UsageStatistic", "UsageStatistics", "Used", "WebhookEndpoint", "WebhookEndpointPage", "Worker",
    "verified_event",
]
# fmt: on
