"""All tables."""

from storage.schema import customer_tables, purchase_tables, revenue_tables, usage_tables
from storage.schema.tables import METADATA

__all__ = ["METADATA", "customer_tables", "purchase_tables", "revenue_tables", "usage_tables"]
