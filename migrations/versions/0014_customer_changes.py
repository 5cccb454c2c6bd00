"""What customers' rows were changed to, until all have been told of it; and lists of customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "customer_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("customer", sa.Uuid(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("carries", sa.Boolean(), nullable=False),
        sa.Column("cause_kind", sa.Text(), nullable=False),
        sa.Column("cause_ref", sa.Text(), nullable=False),
        sa.Column("cause_actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("carried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.id"], name=op.f("fk_customer_changes_customer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_changes")),
    )
    op.create_index("ix_customer_changes_customer_number", "customer_changes", ["customer", "number"])
    op.create_index(
        "ix_customer_changes_trouble", "customer_changes", ["customer"], postgresql_where=sa.text("trouble <> ''")
    )
    op.create_index("ix_customers_tenant_created_at_id", "customers", ["tenant", "created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_customers_tenant_created_at_id", "customers")
    op.drop_table("customer_changes")
