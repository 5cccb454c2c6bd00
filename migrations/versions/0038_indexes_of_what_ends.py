"""Indexes of what ends next, built while the table is in use; and the lists that operators have kept."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

BUILT = {
    "ix_subscriptions_trial_ends_at": "(tenant, trial_ends_at) WHERE status = 'trialing'",
    "ix_subscriptions_period_end": "(tenant, period_end) WHERE status IN ('active', 'past_due')",
}
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for name, columns in BUILT.items():
            # An earlier attempt may have built it, or have left an index behind that is of no use.
            if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON subscriptions {columns}")
        op.execute("RESET lock_timeout")
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("operator", sa.Uuid(), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_saved_views_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("operator", "page", "name", name=op.f("uq_saved_views_operator_page_name")),
    )
    op.execute("SELECT tenure_protect('saved_views')")
    op.execute("ALTER TABLE saved_views VALIDATE CONSTRAINT ck_saved_views_tenant")


def downgrade() -> None:
    op.drop_table("saved_views")
    for name in BUILT:
        op.execute(f"DROP INDEX {name}")
