"""All tables there are."""

from storage import usage_tables
from storage.tables import METADATA

__all__ = ["METADATA", "usage_tables"]
