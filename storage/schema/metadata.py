"""All tables."""

from storage.schema import (
    access_tables,
    audit_tables,
    bulk_tables,
    customer_tables,
    event_tables,
    privacy_tables,
    purchase_tables,
    reconciliation_tables,
    revenue_tables,
    tenant_tables,
    usage_tables,
    webhook_tables,
)
from storage.schema.tables import METADATA

__all__ = [
    "METADATA",
    "access_tables",
    "audit_tables",
    "bulk_tables",
    "customer_tables",
    "event_tables",
    "privacy_tables",
    "purchase_tables",
    "reconciliation_tables",
    "revenue_tables",
    "tenant_tables",
    "usage_tables",
    "webhook_tables",
]
