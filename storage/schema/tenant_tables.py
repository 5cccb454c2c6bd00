"""The table of tenants, and the tables that belong to no tenant.

Row-level security keeps tenants apart in every other table (docs/decisions/0040).
"""

from sqlalchemy import CheckConstraint, Column, DateTime, Table, Text
from sqlalchemy.sql import func

from storage.schema.tables import METADATA

tenants = Table(
    "tenants",
    METADATA,
    Column("id", Text, CheckConstraint("id <> ''", name="id"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

OF_THE_INSTALLATION = {
    "tenants": "names the tenants themselves",
    "catalog_versions": "one installation sells one product",
    "policy_versions": "as with catalogs",
    "plan_limits": "part of a published catalog",
    "mrr_roll_up": "says how far the sums of all tenants reach",
    "installation": "what is one for all tenants, such as the fingerprint of the trial key",
    "alembic_version": "the version of the schema",
}
"""Tables without a tenant, and why: the API may read them, and no more."""
