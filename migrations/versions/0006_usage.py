"""Catalogs as they were published, what each plan allows, and what was used of it."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WAITS = "2s"
FUNCTIONS = Path(__file__).parents[1] / "functions"
WRITTEN = (
    "tenure_calendar",
    "tenure_period",
    "tenure_revision",
    "tenure_standing",
    "tenure_known_use",
    "tenure_bills",
    "tenure_use",
)


def upgrade() -> None:
    _publish()
    _count()
    _tell()
    _look_back()
    _know_catalogs()
    for name in WRITTEN:
        op.get_bind().exec_driver_sql((FUNCTIONS / f"0006_{name}.sql").read_text())


def downgrade() -> None:
    for name in reversed(WRITTEN):
        op.execute(f"DROP FUNCTION {name}")
    for table in ("usage_statistics", "usage_samples", "usage_notices", "usage_events", "usage", "plan_limits"):
        op.drop_table(table)
    op.drop_table("catalog_versions")
    op.drop_index("ix_subscriptions_customer_latest", "subscriptions")
    op.drop_column("subscriptions", "by_use")
    op.drop_column("subscriptions", "catalog")


def _moment(name: str, *, null: bool = True, now: bool = False) -> "sa.Column[object]":
    default = sa.func.now() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null, server_default=default)


def _text(name: str, default: str | None = None) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _number(name: str, default: str | None = None, *, null: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=null, server_default=default)


def _json(name: str) -> "sa.Column[object]":
    return sa.Column(name, postgresql.JSONB(), nullable=False)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, postgresql_where=sa.text(where))


def _publish() -> None:
    op.create_table(
        "catalog_versions",
        _text("name"),
        _number("revision", "1"),
        sa.Column("content", postgresql.JSON(), nullable=False),
        _moment("published_at", null=False, now=True),
        _moment("in_force_since"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_catalog_versions")),
    )
    op.create_table(
        "plan_limits",
        _text("catalog"),
        _text("plan"),
        _text("meter"),
        _text("feature"),
        _text("per"),
        _number("included", null=True),
        sa.Column("per_unit", sa.Boolean(), nullable=False),
        _json("adds"),
        sa.Column("mails", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("hard", sa.Integer(), nullable=True),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("overage_price", sa.Text(), nullable=True),
        _number("overage_at_most", null=True),
        sa.Column("is_one_of_several", sa.Boolean(), nullable=False),
        _number("revision"),
        sa.PrimaryKeyConstraint("catalog", "plan", "meter", "feature", name=op.f("pk_plan_limits")),
        sa.CheckConstraint(
            "per in ('day', 'week', 'month', 'billing_period', 'gauge')", name=op.f("ck_plan_limits_per")
        ),
    )


def _count() -> None:
    op.create_table(
        "usage",
        _text("tenant"),
        _text("customer"),
        _text("feature"),
        _moment("period_start", null=False),
        _moment("period_end"),
        _number("used", "0"),
        _moment("over_since"),
        sa.Column("noticed", sa.Integer(), nullable=False, server_default="0"),
        _number("noticed_of", null=True),
        _moment("updated_at", null=False, now=True),
        sa.PrimaryKeyConstraint("tenant", "customer", "feature", "period_start", name=op.f("pk_usage")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_usage_used")),
    )
    # Room for the next version of a row on its own page: no index is touched when it is counted on.
    op.execute("ALTER TABLE usage SET (fillfactor = 70)")
    _partial("ix_usage_gauges", "usage", ["tenant", "customer", "feature"], "period_end is null")
    _partial("ix_usage_short", "usage", ["period_end"], "period_end - period_start <= interval '7 days'")
    op.create_table(
        "usage_events",
        _text("tenant"),
        _text("key"),
        _text("customer"),
        _text("meter"),
        _text("action"),
        _number("quantity"),
        _moment("at", null=False),
        _moment("recorded_at", null=False, now=True),
        _text("catalog", ""),
        _text("overage_of", ""),
        _number("overage", "0"),
        _moment("report_began_at"),
        _moment("reported_at"),
        _text("reason", ""),
        _text("actor", ""),
        sa.Column("report_trouble", sa.Text(), nullable=True),
        _text("report_why", ""),
        sa.PrimaryKeyConstraint("tenant", "key", name=op.f("pk_usage_events")),
    )
    op.create_index("ix_usage_events_recorded_at", "usage_events", ["recorded_at"])
    waits = "overage > 0 and reported_at is null"
    _partial("ix_usage_events_to_report", "usage_events", ["recorded_at"], waits)
    _partial("ix_usage_events_begun", "usage_events", ["report_began_at"], f"{waits} and report_began_at is not null")


def _tell() -> None:
    op.create_table(
        "usage_notices",
        _text("tenant"),
        _text("customer"),
        _text("feature"),
        _moment("period_start", null=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        _number("included"),
        _number("used"),
        _text("plan"),
        _text("catalog"),
        _moment("resets_at"),
        sa.Column("is_billed", sa.Boolean(), nullable=False),
        _moment("grace_ends_at"),
        _moment("at", null=False, now=True),
        _moment("told_at"),
        sa.PrimaryKeyConstraint(
            "tenant",
            "customer",
            "feature",
            "period_start",
            "threshold",
            "included",
            name=op.f("pk_usage_notices"),
        ),
    )
    _partial("ix_usage_notices_to_tell", "usage_notices", ["at"], "told_at is null")
    _partial("ix_usage_notices_told", "usage_notices", ["at"], "told_at is not null")


def _look_back() -> None:
    op.create_table(
        "usage_samples",
        _text("tenant"),
        _text("customer"),
        _text("feature"),
        sa.Column("day", sa.Date(), nullable=False),
        _number("lowest"),
        _number("highest"),
        _number("latest"),
        sa.PrimaryKeyConstraint("tenant", "customer", "feature", "day", name=op.f("pk_usage_samples")),
    )
    op.create_index("ix_usage_samples_day", "usage_samples", ["day"])
    op.create_table(
        "usage_statistics",
        _text("tenant"),
        _moment("taken_at", null=False),
        _text("plan"),
        _text("feature"),
        _number("customers"),
        _number("used"),
        _number("highest"),
        _number("near_limit"),
        _number("at_limit"),
        sa.PrimaryKeyConstraint("tenant", "taken_at", "plan", "feature", name=op.f("pk_usage_statistics")),
    )
    op.create_index("ix_usage_statistics_taken_at", "usage_statistics", ["taken_at"])


def _know_catalogs() -> None:
    # The one step that rewrites a table which is in use, so it comes last. It waits for nobody for long: all who want
    # to read a subscription wait behind it.
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # Worked out by the database, so that it is right whichever release has written the row. What was chosen before
    # catalogs were noted is told by its price: shop_pro_month_v2 is of shop_v2.
    op.execute(
        "ALTER TABLE subscriptions"
        " ADD COLUMN catalog text NOT NULL GENERATED ALWAYS AS (coalesce(nullif(state ->> 'catalog', ''),"
        " replace(state #>> '{items,0,lookup_key}',"
        " '_' || (state ->> 'plan') || '_' || (state ->> 'interval') || '_v', '_v'), '')) STORED,"
        " ADD COLUMN by_use jsonb GENERATED ALWAYS AS (nullif("
        "jsonb_path_query_array(state, '$.items[*] ? (@.quantity == 0).lookup_key'), '[]')) STORED"
    )
    op.execute(
        "CREATE INDEX ix_subscriptions_customer_latest ON subscriptions"
        " (customer, (status = 'canceled'), created_at DESC)"
    )
