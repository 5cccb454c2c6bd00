"""When reconciliation last met each agreement, in a narrow table: every pass rewrites all of it."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the step waits for a table which others use; whoever comes behind waits as long."""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # Nothing is copied: what an earlier pass has met is of no use to the next, and `seen_at_provider` stays for the
    # workers of earlier releases.
    op.create_table(
        "provider_sightings",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription"], ["subscriptions.id"], name=op.f("fk_provider_sightings_subscription")
        ),
        sa.PrimaryKeyConstraint("subscription", name=op.f("pk_provider_sightings")),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_provider_sightings_tenant")),
        postgresql_with={"fillfactor": "50"},
    )
    op.execute("SELECT tenure_protect('provider_sightings')")


def downgrade() -> None:
    op.drop_table("provider_sightings")
