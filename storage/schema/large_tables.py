"""Which tables may be large: a migration must hold up nobody who writes to them (docs/operations.md)."""

from typing import Final

LARGE: Final = frozenset(
    {
        "audit",
        "audit_details",
        "bulk_rows",
        "cancellations",
        "customers",
        "delivery_attempts",
        "event_deliveries",
        "events",
        "idempotency_keys",
        "invoices",
        "journal",
        "mails",
        "mrr_movements",
        "pay_pages",
        "provider_sightings",
        "recoveries",
        "reversals",
        "subscription_outcomes",
        "subscriptions",
        "trials",
        "usage",
        "usage_events",
        "usage_log",
        "usage_notices",
        "usage_samples",
        "usage_statistics",
        "web_links",
        "web_sessions",
        "webhook_inbox",
    }
)
"""Their rows grow with customers, or with what happens to them."""

SMALL: Final = frozenset(
    {
        "api_keys",
        "bulk_runs",
        "catalog_versions",
        "customer_changes",
        "discrepancies",
        "erasures",
        "installation",
        "mrr_cohorts",
        "mrr_daily",
        "mrr_movers",
        "mrr_roll_up",
        "mrr_standing",
        "operator_mails",
        "operators",
        "outcome_changes",
        "outcome_daily",
        "plan_limits",
        "policy_versions",
        "purchases",
        "reconciliation_runs",
        "saved_views",
        "sign_up_contacts",
        "tenants",
        "usage_border_keys",
        "usage_statistics_pages",
        "webhook_endpoints",
        "webhook_secrets",
    }
)
"""Their rows grow with what is sold and who operates it, or are gone within days."""
