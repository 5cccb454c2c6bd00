"""All tables there are."""

from storage import customer_tables, usage_tables
from storage.tables import METADATA

__all__ = ["METADATA", "customer_tables", "usage_tables"]
